//! Attestations of an image: what its tests said, as in-toto's test result and as our record.
//!
//! BuildKit makes statements of them and puts them beside the image in its index. A frontend hands in files, so both are
//! written by a small graph of their own, which is solved when the image is exported.

use std::collections::BTreeMap;

use llb_gen::llb::{FileOp, Graph, Meta, Mkfile, OpDigest, State, Timestamp};
use llb_gen::ordered::ordered;
use llb_gen::record::{RECORD_PREDICATE_TYPE, Record, TEST_RESULT_PREDICATE_TYPE, Verdict};
use llb_gen::request::{DEFAULT_EPOCH, Naming};
use llb_gen::text::SourceFile;
use serde::Serialize;

use crate::folder;
use crate::gateway::{Attestation, AttestationKind, Gateway};
use crate::judging::shown;
use crate::options::{Attest, Options};
use crate::status::Status;

/// The test result's file; exporters of folders write it under this name.
const TEST_RESULT: &str = "test-result.json";
/// The record's file.
const RECORD: &str = "compatibility-record.json";
/// The most bytes that evidence may take as JSON: with its record it stays below 1 MiB, far below the 40 MiB that BuildKit takes.
const EVIDENCE: usize = 768 << 10;
/// Metadata of an attestation that only images have: folders and archives of files are left as they are.
const INLINE_ONLY: &str = "inline-only";

/// What is attested of one platform's image.
#[derive(Debug, Clone, Copy)]
pub struct Attested<'a> {
    /// The record.
    pub record: &'a Record,
    /// The manifest.
    pub manifest: &'a SourceFile,
    /// The output of the tests.
    pub evidence: &'a str,
    /// Whether names say the platform.
    pub naming: Naming,
}

/// The attestations of one platform's image.
///
/// # Errors
/// BuildKit's own.
pub async fn attest<G: Gateway>(
    gateway: &G,
    options: &Options,
    attested: &Attested<'_>,
) -> Result<Vec<Attestation>, Status> {
    let state = files(attested, options.epoch.unwrap_or(DEFAULT_EPOCH));
    let definition = Graph::of(&state).marshal();
    let reference = folder::solve(gateway, definition, BTreeMap::new(), &[]).await?;
    let reference = reference.ok_or_else(|| Status::new("BuildKit kept no result of the attestations"))?;
    let metadata = match options.attest {
        Attest::Everywhere => BTreeMap::new(),
        Attest::Images | Attest::Nothing => ordered([(INLINE_ONLY.to_owned(), b"true".to_vec())]),
    };
    let attestation = |path: &str, predicate_type: &str| Attestation {
        kind: AttestationKind::Predicate,
        reference: reference.clone(),
        path: format!("/{path}"),
        predicate_type: predicate_type.to_owned(),
        metadata: metadata.clone(),
    };
    Ok(vec![attestation(TEST_RESULT, TEST_RESULT_PREDICATE_TYPE), attestation(RECORD, RECORD_PREDICATE_TYPE)])
}

/// The filesystem with both predicates.
fn files(attested: &Attested<'_>, epoch: u64) -> State {
    let timestamp = Timestamp::Seconds(i64::try_from(epoch).unwrap_or(i64::MAX));
    let file =
        |path: &str, bytes: Vec<u8>| Mkfile::new(format!("/{path}"), 0o644, bytes).timestamp(timestamp);
    let record = RecordPredicate {
        record: attested.record,
        evidence: shown::cut(attested.evidence, EVIDENCE, "the report of the build has all"),
    };
    let label = match attested.naming {
        Naming::Plain => "internal".to_owned(),
        Naming::WithPlatform => format!("{} internal", attested.record.platform),
    };
    FileOp::on(&State::scratch())
        .mkfile(file(TEST_RESULT, json(&TestResult::of(attested))))
        .mkfile(file(RECORD, json(&record)))
        .meta(Meta::named(format!("[{label}] write attestations")))
        .state()
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("predicates hold only texts, numbers and lists")
}

/// The predicate of our own type.
#[derive(Serialize)]
struct RecordPredicate<'a> {
    record: &'a Record,
    evidence: String,
}

/// The predicate `test-result` of the in-toto attestation framework, v0.1.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TestResult<'a> {
    result: &'static str,
    configuration: [Resource<'a>; 2],
    passed_tests: Vec<&'a str>,
    warned_tests: Vec<&'a str>,
    failed_tests: Vec<&'a str>,
}

/// A resource descriptor of the same framework.
#[derive(Serialize)]
struct Resource<'a> {
    name: &'a str,
    digest: BTreeMap<&'static str, String>,
}

impl<'a> Resource<'a> {
    fn new(name: &'a str, digest: &str) -> Self {
        Self { name, digest: ordered([("sha256", digest.trim_start_matches("sha256:").to_owned())]) }
    }
}

impl<'a> TestResult<'a> {
    fn of(attested: &Attested<'a>) -> Self {
        let record = attested.record;
        let saying = |verdicts: &[Verdict]| -> Vec<&'a str> {
            let tests = record.tests.iter().filter(|test| verdicts.contains(&test.verdict));
            tests.map(|test| test.name.as_str()).collect()
        };
        let warned = saying(&[Verdict::Skipped]);
        Self {
            result: match (record.result.status, warned.is_empty()) {
                (Verdict::Fail | Verdict::Error, _) => "FAILED",
                (Verdict::Pass | Verdict::Skipped, false) => "WARNED",
                (Verdict::Pass | Verdict::Skipped, true) => "PASSED",
            },
            configuration: [
                Resource::new(attested.manifest.path(), OpDigest::of(attested.manifest.bytes()).as_str()),
                Resource::new("tests", &record.test_hash),
            ],
            passed_tests: saying(&[Verdict::Pass]),
            warned_tests: warned,
            failed_tests: saying(&[Verdict::Fail, Verdict::Error]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judging::fixture::{all, judged};
    use crate::record::record;
    use crate::record::tests::inputs;

    fn result(verdicts: &[(&str, Verdict)]) -> serde_json::Value {
        let judged = all(verdicts.iter().map(|(name, verdict)| judged(name, *verdict)).collect());
        let record = record(&inputs(), &judged, judged.verdict(None));
        let manifest = SourceFile::new("manifests/app.json", b"abc".as_slice());
        let attested = Attested { record: &record, manifest: &manifest, evidence: "", naming: Naming::Plain };
        serde_json::to_value(TestResult::of(&attested)).unwrap()
    }

    #[test]
    fn a_test_result_is_in_totos() {
        let found = result(&[("core/a", Verdict::Pass), ("core/b", Verdict::Skipped)]);
        let expected = serde_json::json!({
            "result": "WARNED",
            "configuration": [
                {"name": "manifests/app.json", "digest": {"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}},
                {"name": "tests", "digest": {"sha256": "1".repeat(64)}},
            ],
            "passedTests": ["core/a"], "warnedTests": ["core/b"], "failedTests": [],
        });
        assert_eq!(found, expected);
        assert_eq!(result(&[("core/a", Verdict::Pass)])["result"], "PASSED");
        let failed = result(&[("core/a", Verdict::Fail), ("core/b", Verdict::Skipped)]);
        assert_eq!((&failed["result"], &failed["failedTests"][0]), (&"FAILED".into(), &"core/a".into()));
    }

    #[test]
    fn the_files_stay_small_whatever_the_tests_print() {
        let judged = all(vec![judged("core/a", Verdict::Pass)]);
        let record = record(&inputs(), &judged, judged.verdict(None));
        let manifest = SourceFile::new("manifests/app.json", b"{}".as_slice());
        let evidence = "\u{1}".repeat(3 << 20);
        let attested =
            Attested { record: &record, manifest: &manifest, evidence: &evidence, naming: Naming::Plain };
        let size: usize = Graph::of(&files(&attested, 0)).marshal().def.iter().map(Vec::len).sum();
        assert!(size < 1 << 20, "{size}");
    }
}
