//! From documents as they are written to a [`Product`]: everything that members and files say about each other.
//!
//! A document is checked by itself first, then with the others. All faults of all files come out together.

mod arg;
mod checks;
mod composition;
mod config;
mod contracts;
mod coverage;
mod files;
mod fragment;
pub(crate) mod manifest;
mod packages;
mod product;
mod run;
mod scopes;
mod step;
mod test;
mod variables;

pub use product::{CatalogueEntry, FileState};

use crate::diagnostic::{Diagnostic, Diagnostics, Sink, Warnings};
use crate::matrix::{self, Plan};
use crate::model::{Fragment, List, Manifest, PerPlatform, Template};
use crate::parse::{RawFragment, RawManifest, RawPlan, RawPolicy, RawTemplate};
use crate::policy::{self, Policy};
use crate::text::{Place, SourceFile};

macro_rules! alone {
    ($($raw:ident => $model:ident by $check:path;)+) => {$(
        impl $raw {
            /// Reads `file`. Where something is malformed the rest is checked all the same, so that everything that is
            /// wrong with the file by itself is known at once.
            ///
            /// # Errors
            /// Every fault, sorted by position.
            pub fn parse(file: &SourceFile) -> Result<Self, Diagnostics> {
                let mut sink = Sink::default();
                let raw = Self::read(file, &mut sink);
                if let Some(raw) = raw.as_ref().filter(|raw| raw.found.broken) {
                    $check(raw.clone(), &mut sink);
                }
                sink.finish(raw).map(|(raw, _)| raw)
            }
        }

        impl $model {
            /// Checks the document by itself, without the files that it belongs to.
            ///
            /// # Errors
            /// All faults, sorted by position.
            pub fn check(raw: $raw) -> Result<(Self, Warnings), Diagnostics> {
                let mut sink = Sink::default();
                let (document, _) = $check(raw, &mut sink);
                sink.finish(Some(document))
            }
        }
    )+};
}

alone! {
    RawManifest => Manifest by manifest::manifest;
    RawTemplate => Template by manifest::template;
    RawFragment => Fragment by fragment::fragment;
    RawPlan => Plan by matrix::check::plan;
    RawPolicy => Policy by policy::policy;
}

/// A yes-or-no member with its default.
fn flag(given: Option<PerPlatform<bool>>, default: bool, place: &Place) -> PerPlatform<bool> {
    given.unwrap_or_else(|| PerPlatform::same(default, place.clone()))
}

/// Reports a member that may not stand where it does.
fn unexpected(member: &str, place: &Place, why: &str, sink: &mut Sink) {
    let message = format!("`{member}` has no place here: {why}");
    sink.push(Diagnostic::error("unexpected-member", place, message));
}

/// Reports a list that is missing or empty where something is needed.
fn given_list<T>(list: &List<T>, member: &str, owner: &Place, sink: &mut Sink) -> Option<()> {
    let Some(branches) = list.branches() else {
        let brace =
            Place::new(owner.file(), crate::text::Span::new(owner.span().start(), owner.span().start() + 1));
        sink.push(Diagnostic::error("missing-member", &brace, format!("the member `{member}` is missing")));
        return None;
    };
    if branches.values().any(Vec::is_empty) {
        sink.push(Diagnostic::error("empty-value", branches.place(), format!("`{member}` is empty")));
        return None;
    }
    Some(())
}

/// Reports a list that is given but empty.
fn empty_list<T>(list: &List<T>, member: &str, sink: &mut Sink) {
    if let Some(branches) = list.branches().filter(|branches| branches.values().any(Vec::is_empty)) {
        sink.push(Diagnostic::error("empty-value", branches.place(), format!("`{member}` is empty")));
    }
}
