//! Records and error records: the documents of a report.

use serde::{Deserialize, Serialize};

/// The version of the documents' form: the member `schema_version`.
pub const SCHEMA_VERSION: u32 = 1;

/// The predicate type of a record in an attestation. Provisional: the project has no domain yet, and `.invalid` (RFC 2606) can
/// never be somebody's.
pub const RECORD_PREDICATE_TYPE: &str = "https://factory.invalid/attestation/compatibility-record/v1";
/// The predicate type of in-toto's test results (in-toto attestation framework, predicate `test-result`).
pub const TEST_RESULT_PREDICATE_TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// What is known of a combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was built, and every test that ran has passed.
    Pass,
    /// A step of the product exited with an error, or a test said no: the combination does not work.
    Fail,
    /// The engine, the network or the harness broke: nothing is known.
    Error,
    /// A test that could not run here; never a pass.
    Skipped,
}

impl Verdict {
    /// `pass`, `fail`, `error` or `skipped`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Error => "error",
            Self::Skipped => "skipped",
        }
    }
}

/// Whether the platform's programs ran on a processor of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Execution {
    /// They did.
    Native,
    /// An emulator ran them.
    Emulated,
}

/// A fragment of a product: its name, its version and what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FragmentEntry {
    /// The fragment's name.
    pub name: String,
    /// The fragment's version.
    pub version: String,
    /// The digest of its definition (without its tests) and of the files that its steps name.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$")))]
    pub digest: String,
}

/// The verdict, when it was reached, and about which image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The verdict on the product as a whole.
    pub status: Verdict,
    /// When the last of the tests really ran, in UTC: RFC 3339 with a `Z` at the end. A verdict from the cache keeps its time;
    /// where nothing ran, there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub tested_at: Option<String>,
    /// The digest of the image, where one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$")))]
    pub image_digest: Option<String>,
    /// What is worth knowing about it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// Where another document of the report is, and which it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pointer {
    /// Its path from the report's root, such as `evidence/<build_id>.log`.
    pub path: String,
    /// The digest of its bytes, where they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$")))]
    pub digest: Option<String>,
}

/// The accelerator that a product is made for, and what was there when it was tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AcceleratorFacts {
    /// The accelerator's name, such as `cuda`.
    pub name: String,
    /// The version of its driver, where a device was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The model of the device, where one was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// What one test said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TestEntry {
    /// Its name, such as `core/python`.
    pub name: String,
    /// What it said.
    pub verdict: Verdict,
    /// Why, where that is not a pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it is written: `fragments/core/0.1.0/fragment.json:12`.
    pub location: String,
    /// How long it took, in milliseconds.
    pub wall_ms: u64,
    /// The processor time of its processes, in milliseconds.
    pub cpu_ms: u64,
    /// The most memory that its processes had together, in bytes.
    pub peak_memory: u64,
}

/// An amount of memory and a time: the most that a product's tests may need, or what they did need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Bytes of memory that any one test had at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Milliseconds that all tests took together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
}

/// The combination of a plan that a build is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CombinationEntry {
    /// The plan's id.
    pub plan: String,
    /// The combination's name in the plan, such as `core-0.1.0_light-0.2.0`.
    pub slug: String,
}

/// A compatibility record: the verdict on one product on one platform, with everything needed to reuse or reject it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The version of this form, 1.
    #[cfg_attr(feature = "schema", schemars(extend("const" = 1)))]
    pub schema_version: u32,
    /// What this build is called in the report; the record's file has the same name.
    pub build_id: String,
    /// The manifest's id: the one handle of the product.
    pub manifest_id: String,
    /// The name under which the product is published, or its manifest's id.
    pub product_id: String,
    /// The combination of a plan, where it was built for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub combination: Option<CombinationEntry>,
    /// The template's id, where the product has a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// The template's version, where the product has a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_version: Option<String>,
    /// The digest of the base image, or `scratch`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^(sha256:[0-9a-f]{64}|scratch)$")))]
    pub base_digest: String,
    /// The fragments from the base upwards.
    pub fragments: Vec<FragmentEntry>,
    /// The platform that was built for, such as `linux/arm64`.
    pub platform: String,
    /// The architecture of that platform, such as `arm64`.
    pub arch: String,
    /// Whether the platform's programs ran natively or under an emulator.
    pub execution: Execution,
    /// The accelerator, where the product is made for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<AcceleratorFacts>,
    /// The SHA-256 of the selection in canonical form: template, fragments with their contents, base, platform, accelerator
    /// and arguments. Equal keys are equal products.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$")))]
    pub selection_key: String,
    /// The SHA-256 of the tests that ran, with the helper that judged them. Verdicts are comparable where it is equal.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$")))]
    pub test_hash: String,
    /// The tests, in the order in which they ran; those that were skipped come last.
    pub tests: Vec<TestEntry>,
    /// What the manifest's `limits` allow, where it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Budget>,
    /// What the tests needed, where any ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peaks: Option<Budget>,
    /// The verdict.
    pub result: Outcome,
    /// The output of every step and test of the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Pointer>,
    /// The list of what is in the image, where one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom: Option<Pointer>,
    /// The version of the frontend that built it.
    pub frontend_version: String,
    /// The version of the helper that ran its steps and tests.
    pub helper_version: String,
}

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// A step of the product failed.
    Step,
    /// A test said no.
    Test,
    /// The manifest, or what it selects, is wrong.
    Input,
    /// The engine, the network or the harness broke.
    Infrastructure,
}

/// Why a build failed: where, and the end of what was printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ErrorRecord {
    /// The version of this form, 1.
    #[cfg_attr(feature = "schema", schemars(extend("const" = 1)))]
    pub schema_version: u32,
    /// What this build is called in the report.
    pub build_id: String,
    /// The manifest's id, where it came to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_id: Option<String>,
    /// The platform, where it came to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// What kind of thing went wrong.
    #[serde(rename = "type")]
    pub kind: ErrorKind,
    /// What went wrong, in words.
    pub reason: String,
    /// The fragment that failed, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragment: Option<String>,
    /// The version of that fragment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The step or the test that failed, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Where that is written: `fragments/core/0.1.0/fragment.json:12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// What the process exited with, where it came to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The last lines, at most 40, that were printed.
    #[cfg_attr(feature = "schema", schemars(length(max = 40)))]
    pub log_excerpt: Vec<String>,
}
