//! What an image in a registry says of itself, read by the stock client and by the in-toto project's own library.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use factory_tests::{BuildOptions, BuildOutcome, Lab, Output, Project, Repository, run, unique};
use serde_json::{Value, json};

use crate::products::{DEBIAN, says_no, says_yes, tested};

const LIBRARY: &str = "in-toto-attestation==0.9.3";
const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";
const RECORD: &str = "https://factory.invalid/attestation/compatibility-record/v1";

/// A Python that has the library.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("in-toto-attestation");
        let python = folder.join("bin/python");
        let has_library = || run(Command::new(&python).args(["-c", "import in_toto_attestation"]));
        if !python.exists() || !has_library().status.success() {
            let made = run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
            let _ = made.expect("python3 -m venv, which Debian has in python3-venv");
            let installed = run(Command::new(&python).args(["-m", "pip", "install", "--quiet", LIBRARY]));
            let _ = installed.expect("pip install in-toto-attestation");
        }
        python
    })
}

/// An image in the registry, with what is said of it.
struct Attested {
    outcome: BuildOutcome,
    platforms: Vec<Platform>,
}

/// The image of one platform.
struct Platform {
    name: String,
    digest: String,
    statements: Vec<Value>,
}

impl Attested {
    #[track_caller]
    fn push(project: &Project, options: &BuildOptions) -> Self {
        let image = Repository::fresh().tag("attested");
        let options = BuildOptions { output: Output::Push(image.clone()), ..options.clone() };
        let outcome = project.build(&options).succeeded();
        let (repository, _) = image.rsplit_once(':').unwrap();
        Self { outcome, platforms: platforms(repository, &image) }
    }

    #[track_caller]
    fn only(&self) -> &Platform {
        assert_eq!(self.platforms.len(), 1, "platforms");
        &self.platforms[0]
    }
}

/// The images of an index, each with its statements.
fn platforms(repository: &str, image: &str) -> Vec<Platform> {
    let index = raw(image);
    let Some(manifests) = index["manifests"].as_array() else { return Vec::new() };
    let (attestations, images): (Vec<&Value>, Vec<&Value>) = manifests
        .iter()
        .partition(|one| one["annotations"]["vnd.docker.reference.type"] == "attestation-manifest");
    let platform = |image: &&Value| {
        let digest = image["digest"].as_str().unwrap().to_owned();
        let about = |one: &&&Value| one["annotations"]["vnd.docker.reference.digest"] == digest.as_str();
        let found: Vec<&&Value> = attestations.iter().filter(about).collect();
        assert_eq!(found.len(), 1, "attestation manifests of {image:#} in {index:#}");
        let (os, arch) = (&image["platform"]["os"], &image["platform"]["architecture"]);
        let name = format!("{}/{}", os.as_str().unwrap(), arch.as_str().unwrap());
        Platform { name, statements: statements(repository, found[0]["digest"].as_str().unwrap()), digest }
    };
    images.iter().map(platform).collect()
}

/// The statements of an attestation manifest, each of the predicate type that its layer is said to have.
fn statements(repository: &str, digest: &str) -> Vec<Value> {
    let manifest = raw(&format!("{repository}@{digest}"));
    let layers = manifest["layers"].as_array().unwrap();
    let (registry, name) = repository.split_once('/').unwrap();
    let urls = layers.iter().map(|layer| {
        assert_eq!(layer["mediaType"], "application/vnd.in-toto+json", "{manifest:#}");
        format!("http://{registry}/v2/{name}/blobs/{}", layer["digest"].as_str().unwrap())
    });
    let mut command = Command::new(python());
    let read = run(command.args(["-c", include_str!("statements.py")]).args(urls));
    let read: Vec<Value> = serde_json::from_str(read.expect("statements.py")).unwrap();
    for (layer, statement) in layers.iter().zip(&read) {
        assert_eq!(layer["annotations"]["in-toto.io/predicate-type"], statement["predicate_type"]);
    }
    read
}

fn raw(reference: &str) -> Value {
    let mut command = Lab::get().buildx();
    let inspected = run(command.args(["imagetools", "inspect", "--raw", reference]));
    serde_json::from_str(inspected.expect("docker buildx imagetools inspect")).unwrap()
}

impl Platform {
    /// The one statement of a predicate type, which is about this very image.
    #[track_caller]
    fn predicate(&self, kind: &str) -> &Value {
        let found: Vec<&Value> = self.statements.iter().filter(|one| one["predicate_type"] == kind).collect();
        assert_eq!(found.len(), 1, "statements of the type {kind}: {:#?}", self.types());
        let hex = self.digest.strip_prefix("sha256:").unwrap();
        let subjects = found[0]["subjects"].as_array().unwrap();
        assert!(!subjects.is_empty(), "{kind} is about nothing");
        assert!(subjects.iter().all(|subject| subject["sha256"] == hex), "{hex} is not {subjects:?}");
        &found[0]["predicate"]
    }

    fn types(&self) -> Vec<&str> {
        self.statements.iter().map(|one| one["predicate_type"].as_str().unwrap()).collect()
    }
}

#[test]
fn every_platform_says_what_was_tested() {
    let steps = json!([{"file": {"path": "/f", "content": unique()}}]);
    let tests = json!([{"name": "is-there", "files": [{"path": "/f", "type": "file"}]}]);
    let project = Project::new("scratch", &[("only", json!({"steps": steps, "tests": tests}))]);
    let platform = Some("linux/amd64,linux/arm64".to_owned());
    let attested = Attested::push(&project, &BuildOptions { platform, ..BuildOptions::default() });
    let names: Vec<&str> = attested.platforms.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["linux/amd64", "linux/arm64"]);
    for platform in &attested.platforms {
        let result = platform.predicate(TEST_RESULT);
        assert_eq!(result["result"], "PASSED", "{result:#}");
        assert_eq!(result["passedTests"], json!(["only/is-there"]), "{result:#}");
        let predicate = platform.predicate(RECORD);
        let record = &predicate["record"];
        assert_eq!(record["platform"], platform.name.as_str());
        assert_eq!(record["result"]["status"], "pass");
        let evidence = predicate["evidence"].as_str().unwrap();
        assert!(evidence.starts_with(&format!("# Build ID: {}\n", record["build_id"].as_str().unwrap())));
        let configuration = result["configuration"].as_array().unwrap();
        let tests = configuration.iter().find(|one| one["name"] == "tests").unwrap();
        let hash = record["test_hash"].as_str().unwrap().replace("sha256:", "");
        assert_eq!(tests["digest"]["sha256"], hash, "{result:#}");
        // The client sends the manifest's folder by itself, so its path is not known.
        assert!(configuration.iter().any(|one| one["name"] == "product.json"), "{result:#}");
    }
}

#[test]
fn an_image_that_is_let_through_says_that_it_failed() {
    let project = tested(json!([says_yes(), says_no()]));
    let attested = Attested::push(&project, &BuildOptions::default().build_arg("FACTORY_GATE", "off"));
    assert_eq!(attested.outcome.progress.warnings, Vec::<String>::new());
    let result = attested.only().predicate(TEST_RESULT);
    assert_eq!(result["result"], "FAILED", "{result:#}");
    assert_eq!(
        (&result["failedTests"], &result["passedTests"]),
        (&json!(["only/says-no"]), &json!(["only/says-yes"]))
    );
    let predicate = attested.only().predicate(RECORD);
    assert_eq!(predicate["record"]["result"]["status"], "fail");
    assert!(predicate["evidence"].as_str().unwrap().contains("what the test saw\n"), "{predicate:#}");
}

#[test]
fn a_skipped_test_is_a_warning() {
    let gpu = json!({"name": "gpu", "gpu": {"devices": ["factory.invalid/gpu=all"], "run": "true"}});
    let attested = Attested::push(&tested(json!([says_yes(), gpu])), &BuildOptions::default());
    let result = attested.only().predicate(TEST_RESULT);
    assert_eq!(result["result"], "WARNED", "{result:#}");
    assert_eq!(result["warnedTests"], json!(["only/gpu"]), "{result:#}");
}

#[test]
fn attestations_stand_beside_those_of_the_engine() {
    let options = BuildOptions::default().words(&["--provenance=mode=max"]);
    let attested = Attested::push(&tested(json!([says_yes()])), &options);
    let types = attested.only().types();
    assert!(types.iter().any(|one| one.starts_with("https://slsa.dev/provenance/")), "{types:?}");
    let _ = (attested.only().predicate(TEST_RESULT), attested.only().predicate(RECORD));
}

#[test]
fn attestations_can_be_left_out() {
    let options = BuildOptions::default().build_arg("FACTORY_ATTESTATIONS", "off");
    let attested = Attested::push(&tested(json!([says_yes()])), &options);
    assert_eq!(attested.outcome.progress.warnings, Vec::<String>::new());
    assert!(attested.platforms.is_empty(), "an image without attestations needs no index");
}

/// Engines read a whole attestation into memory, and refuse those above 40 MiB.
#[test]
fn evidence_that_is_too_long_is_cut_with_a_note() {
    let loud = "echo the first line; yes a line of the flood | head -c 6000000; echo the last line";
    let steps = json!([{"file": {"path": "/f", "content": unique()}}]);
    let tests = json!([{"name": "is-loud", "run": loud}]);
    let project = Project::new(DEBIAN, &[("only", json!({"steps": steps, "tests": tests}))]);
    let attested = Attested::push(&project, &BuildOptions::default());
    let predicate = attested.only().predicate(RECORD);
    let evidence = predicate["evidence"].as_str().unwrap();
    assert!(evidence.len() < 1 << 20, "{} bytes", evidence.len());
    assert!(evidence.starts_with("# Build ID: ") && evidence.contains("the last line\n"), "{evidence:.300}");
    assert!(evidence.contains("bytes"), "nothing says that something is missing");
}
