//! From bytes to documents as they are written: strict JSON, then one type for each object.
//!
//! Every fault of a file is reported, not only the first one, unless the text is not JSON at all.

pub(crate) mod decode;
pub(crate) mod json;
pub(crate) mod node;
pub(crate) mod object;
pub(crate) mod raw;
pub(crate) mod varying;

use crate::diagnostic::Sink;
use crate::text::SourceFile;
use decode::Decode;
use node::{Context, Found};
use raw::fragment::FragmentFile;
use raw::lock::LockFile;
use raw::manifest::ManifestFile;
use raw::matrix::PlanFile;
use raw::policy::PolicyFile;
use raw::template::TemplateFile;

/// A manifest as it is written.
#[derive(Debug, Clone)]
pub struct RawManifest {
    pub(crate) file: SourceFile,
    pub(crate) raw: ManifestFile,
    pub(crate) found: Found,
}

/// A template as it is written.
#[derive(Debug, Clone)]
pub struct RawTemplate {
    pub(crate) file: SourceFile,
    pub(crate) raw: TemplateFile,
    pub(crate) found: Found,
}

/// A fragment as it is written.
#[derive(Debug, Clone)]
pub struct RawFragment {
    pub(crate) file: SourceFile,
    pub(crate) raw: FragmentFile,
    pub(crate) found: Found,
}

/// A plan as it is written.
#[derive(Debug, Clone)]
pub struct RawPlan {
    pub(crate) file: SourceFile,
    pub(crate) raw: PlanFile,
    pub(crate) found: Found,
}

/// A policy as it is written.
#[derive(Debug, Clone)]
pub struct RawPolicy {
    pub(crate) file: SourceFile,
    pub(crate) raw: PolicyFile,
    pub(crate) found: Found,
}

macro_rules! documents {
    ($($type:ident),+) => {$(
        impl $type {
            /// Reads `file`. Where only some of its members are malformed the rest is kept, and `found.broken` is set.
            pub(crate) fn read(file: &SourceFile, sink: &mut Sink) -> Option<Self> {
                let (mut own, mut found) = (Sink::default(), Found::default());
                let raw = document(file, &mut own, &mut found);
                found.broken = !own.is_empty();
                sink.append(own);
                raw.map(|raw| Self { file: file.clone(), raw, found })
            }
        }
    )+};
}

documents!(RawManifest, RawTemplate, RawFragment, RawPlan, RawPolicy);

/// Reads a lock as it is written.
pub(crate) fn lock(file: &SourceFile, sink: &mut Sink) -> Option<LockFile> {
    document(file, sink, &mut Found::default())
}

/// Reads the whole of `file` as a `T`.
fn document<T: Decode>(file: &SourceFile, sink: &mut Sink, found: &mut Found) -> Option<T> {
    let result = json::text(file);
    let text = sink.ok(result)?;
    let result = json::tree(file, &text);
    let tree = sink.ok(result)?;
    T::decode(&tree, &mut Context { file, text: &text, member: None, sink, found })
}
