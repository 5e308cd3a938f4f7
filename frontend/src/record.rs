//! The record of one platform's product: what it is made of, what its tests say, and what it is called.

use llb_gen::llb::OpDigest;
use llb_gen::model::Platform;
use llb_gen::plan::SkippedTest;
use llb_gen::record::{
    AcceleratorFacts, Budget, CombinationEntry, Execution, Outcome, Record, SCHEMA_VERSION, Selection,
    TestEntry, Verdict,
};

use crate::judging::{Judged, JudgedTest, location};

/// The version of the frontend and of the helper, which are built and published together.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How many hexadecimal digits of a digest a build's name ends with.
const DIGITS: usize = 12;

/// What a record says whatever the tests come to.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordInputs {
    /// The manifest's id.
    pub manifest_id: String,
    /// The name under which the product is published, or its manifest's id.
    pub product_id: String,
    /// The combination of a plan.
    pub combination: Option<CombinationEntry>,
    /// What the product is made of.
    pub selection: Selection,
    /// The test hash.
    pub test_hash: String,
    /// The platform.
    pub platform: Platform,
    /// Whether its programs run natively here.
    pub execution: Execution,
    /// What the manifest's `limits` allow.
    pub limits: Option<Budget>,
}

/// Whether programs of `platform` run natively on `own`, the daemon's platform: 32-bit programs do on the 64-bit processors of
/// their family.
pub fn execution(platform: &Platform, own: &Platform) -> Execution {
    let native = match (platform.arch(), own.arch()) {
        (wanted, there) if wanted == there => true,
        ("386", "amd64") | ("arm", "arm64") => true,
        _ => false,
    };
    if native { Execution::Native } else { Execution::Emulated }
}

/// What a build is called: `<manifest id>[-<slug>]-<os>-<arch>[-<variant>]-<12 hex digits>`. The digits are of the selection,
/// the tests and the time at which these really ran: a cached verdict keeps its name, and tests that run again give another.
pub fn build_id(inputs: &RecordInputs, tested_at: Option<&str>) -> String {
    let platform = &inputs.platform;
    let slug = inputs.combination.as_ref().map(|combination| combination.slug.as_str());
    let parts = [Some(inputs.manifest_id.as_str()), slug, Some(platform.os()), Some(platform.arch())];
    let parts: Vec<&str> = parts.into_iter().chain([platform.variant()]).flatten().collect();
    let hashed =
        [inputs.selection.key().as_str(), &inputs.test_hash, tested_at.unwrap_or_default()].join("\n");
    let digest = OpDigest::of(hashed.as_bytes());
    let digits = digest.as_str().trim_start_matches("sha256:");
    format!("{}-{}", parts.join("-"), &digits[..DIGITS])
}

/// The record. `result` is the verdict on the product and why it is none that passes; evidence and the image's digest are
/// for those to add who know them.
pub fn record(inputs: &RecordInputs, judged: &Judged, result: (Verdict, Option<String>)) -> Record {
    let tested_at = judged.tested_at();
    let (status, notes) = result;
    let selection = &inputs.selection;
    Record {
        schema_version: SCHEMA_VERSION,
        build_id: build_id(inputs, tested_at),
        manifest_id: inputs.manifest_id.clone(),
        product_id: inputs.product_id.clone(),
        combination: inputs.combination.clone(),
        template_id: selection.template.as_ref().map(|template| template.id.clone()),
        template_version: selection.template.as_ref().map(|template| template.version.clone()),
        base_digest: selection.base.clone(),
        fragments: selection.fragments.clone(),
        platform: inputs.platform.to_string(),
        arch: inputs.platform.arch().to_owned(),
        execution: inputs.execution,
        accelerator: accelerator(selection, judged),
        selection_key: selection.key(),
        test_hash: inputs.test_hash.clone(),
        tests: judged.tests().map(entry).chain(judged.skipped.iter().map(skipped)).collect(),
        limits: inputs.limits,
        peaks: judged.peaks(),
        result: Outcome { status, tested_at: tested_at.map(str::to_owned), image_digest: None, notes },
        evidence: None,
        sbom: None,
        frontend_version: VERSION.to_owned(),
        helper_version: VERSION.to_owned(),
    }
}

/// The accelerator that the product is made for, and the device that its tests found.
fn accelerator(selection: &Selection, judged: &Judged) -> Option<AcceleratorFacts> {
    let name = selection.accelerator.clone()?;
    let device = judged.groups.iter().find_map(|group| group.accelerator.clone()).unwrap_or_default();
    Some(AcceleratorFacts { name, driver: device.driver, model: device.model })
}

fn entry(test: &JudgedTest) -> TestEntry {
    TestEntry {
        name: test.identity.name.clone(),
        verdict: test.verdict,
        reason: test.reason.clone(),
        location: test.location(),
        wall_ms: test.wall_ms,
        cpu_ms: test.cpu_ms,
        peak_memory: test.peak_memory,
    }
}

fn skipped(skipped: &SkippedTest) -> TestEntry {
    TestEntry {
        name: skipped.test.name.clone(),
        verdict: Verdict::Skipped,
        reason: Some(skipped.reason.clone()),
        location: location(&skipped.test),
        wall_ms: 0,
        cpu_ms: 0,
        peak_memory: 0,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::judging::fixture::{all, judged};

    pub(crate) fn inputs() -> RecordInputs {
        RecordInputs {
            manifest_id: "app".into(),
            product_id: "registry.example/app".into(),
            combination: None,
            selection: Selection {
                template: None,
                fragments: Vec::new(),
                base: format!("sha256:{}", "0".repeat(64)),
                platform: "linux/arm/v7".into(),
                accelerator: Some("cuda".into()),
                target: None,
                args: BTreeMap::new(),
            },
            test_hash: format!("sha256:{}", "1".repeat(64)),
            platform: "linux/arm/v7".parse().unwrap(),
            execution: Execution::Emulated,
            limits: None,
        }
    }

    #[test]
    fn a_build_is_named_after_what_it_is_and_when_it_was_tested() {
        let inputs = inputs();
        let early = build_id(&inputs, Some("2026-11-20T10:00:43Z"));
        let (name, digits) = early.rsplit_once('-').unwrap();
        assert_eq!(name, "app-linux-arm-v7");
        assert!(digits.len() == DIGITS && digits.chars().all(|c| c.is_ascii_hexdigit()), "{digits}");
        assert_eq!(early, build_id(&inputs, Some("2026-11-20T10:00:43Z")), "a cached verdict keeps its name");
        assert_ne!(early, build_id(&inputs, Some("2026-11-20T10:00:44Z")));
        assert_ne!(
            early,
            build_id(&RecordInputs { test_hash: "x".into(), ..inputs.clone() }, Some("2026-11-20T10:00:43Z"))
        );
        let combination = CombinationEntry { plan: "p".into(), slug: "core-1.0.0".into() };
        let named = build_id(&RecordInputs { combination: Some(combination), ..inputs }, None);
        assert!(named.starts_with("app-core-1.0.0-linux-arm-v7-"), "{named}");
    }

    #[test]
    fn a_record_has_what_ran_and_what_was_skipped() {
        let mut judged = all(vec![judged("core/a", Verdict::Fail)]);
        let skipped = judged.groups[0].tests[0].identity.clone();
        judged.skipped.push(SkippedTest { test: skipped, reason: "no device".into() });
        let result = judged.verdict(None);
        let record = record(&inputs(), &judged, result);
        let tests: Vec<(Verdict, &str, &str)> = record
            .tests
            .iter()
            .map(|test| (test.verdict, test.reason.as_deref().unwrap(), test.location.as_str()))
            .collect();
        let location = "manifests/app.json:2";
        assert_eq!(tests, [(Verdict::Fail, "no", location), (Verdict::Skipped, "no device", location)]);
        assert_eq!(record.result.tested_at.as_deref(), Some("2026-11-20T10:00:43Z"));
        assert_eq!(
            (record.result.status, record.result.notes.as_deref()),
            (Verdict::Fail, Some("core/a: no"))
        );
        assert_eq!(record.selection_key, inputs().selection.key());
        assert_eq!(record.accelerator.unwrap().name, "cuda");
        assert_eq!(record.build_id, build_id(&inputs(), Some("2026-11-20T10:00:43Z")));
    }

    #[test]
    fn programs_of_the_same_family_run_natively() {
        let of = |wanted: &str, own: &str| execution(&wanted.parse().unwrap(), &own.parse().unwrap());
        for (wanted, own) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64"),
            ("linux/386", "linux/amd64"),
            ("linux/arm/v7", "linux/arm64"),
        ] {
            assert_eq!(of(wanted, own), Execution::Native, "{wanted} on {own}");
        }
        for (wanted, own) in
            [("linux/arm64", "linux/amd64"), ("linux/amd64", "linux/386"), ("linux/arm64", "linux/arm/v7")]
        {
            assert_eq!(of(wanted, own), Execution::Emulated, "{wanted} on {own}");
        }
    }
}
