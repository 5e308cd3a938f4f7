//! Images: what a tag stands for may be another image tomorrow.

use super::rules::{LATEST_TAG, UNPINNED_IMAGE};
use crate::diagnostic::Diagnostic;
use crate::draft::Draft;

pub(super) fn check(drafts: &[Draft<'_>], found: &mut Vec<Diagnostic>) {
    for draft in drafts {
        for lookup in draft.lookups().filter(|one| draft.request.built_on.as_ref() != Some(&one.reference)) {
            let reference = &lookup.reference;
            if reference.digest().is_some() || draft.locked(lookup).is_some() {
                continue;
            }
            let (place, name) = (draft.place_of(lookup), reference.familiar());
            found.push(match reference.tag() {
                Some("latest") => LATEST_TAG
                    .at(place, format!("`{name}` is whatever was pushed last"))
                    .help("name a version: `NAME:VERSION`, better with `@sha256:…`"),
                _ => UNPINNED_IMAGE
                    .at(place, format!("`{name}` has no digest: its tag may be moved to another image"))
                    .help("append `@sha256:…`, or lock the manifest"),
            });
        }
    }
}
