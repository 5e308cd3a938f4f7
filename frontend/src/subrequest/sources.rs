//! The files that locations in an answer refer to, by their index.

use llb_gen::text::{Place, SourceFile};
use serde::Serialize;

use crate::excerpt::RangeJson;

/// Files in the order in which they were first mentioned.
#[derive(Debug, Default)]
pub(super) struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Files that begin with `first`, which clients take for the definition.
    pub(super) fn starting_with(first: &SourceFile) -> Self {
        Self { files: vec![first.clone()] }
    }

    /// The location of a place, its file listed.
    pub(super) fn location(&mut self, place: &Place) -> LocationJson {
        let index = self.files.iter().position(|file| file == place.file()).unwrap_or_else(|| {
            self.files.push(place.file().clone());
            self.files.len() - 1
        });
        LocationJson { source_index: index, ranges: [RangeJson::of(place)] }
    }

    /// The files.
    pub(super) fn files(&self) -> &[SourceFile] {
        &self.files
    }
}

/// A range of one of the files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LocationJson {
    source_index: usize,
    ranges: [RangeJson; 1],
}
