//! `frontend.key`: the keys of a product, by which records of it are found.

use llb_gen::record::FragmentEntry;
use serde::Serialize;

use super::Answer;
use super::table::table;
use crate::record::RecordInputs;

#[derive(Serialize)]
struct KeyJson<'a> {
    platforms: Vec<PlatformJson<'a>>,
}

#[derive(Serialize)]
struct PlatformJson<'a> {
    platform: String,
    manifest_id: &'a str,
    product_id: &'a str,
    selection_key: String,
    test_hash: &'a str,
    base_digest: &'a str,
    fragments: &'a [FragmentEntry],
}

impl<'a> PlatformJson<'a> {
    fn of(inputs: &'a RecordInputs) -> Self {
        Self {
            platform: inputs.platform.to_string(),
            manifest_id: &inputs.manifest_id,
            product_id: &inputs.product_id,
            selection_key: inputs.selection.key(),
            test_hash: &inputs.test_hash,
            base_digest: &inputs.selection.base,
            fragments: &inputs.selection.fragments,
        }
    }

    fn rows(&self) -> Vec<[String; 2]> {
        let row = |name: &str, value: &str| [name.to_owned(), value.to_owned()];
        let mut rows = vec![
            row("platform", &self.platform),
            row("selection key", &self.selection_key),
            row("test hash", self.test_hash),
            row("base", self.base_digest),
        ];
        rows.extend(
            self.fragments.iter().map(|one| row(&format!("{} {}", one.name, one.version), &one.digest)),
        );
        rows
    }
}

/// The keys of every platform.
pub fn key(platforms: &[RecordInputs]) -> Answer {
    let json = KeyJson { platforms: platforms.iter().map(PlatformJson::of).collect() };
    let tables: Vec<String> = json.platforms.iter().map(|platform| table(&platform.rows())).collect();
    Answer::new(&json, tables.join("\n"))
}
