//! Images with everything that is said of them: exported, published, looked through and compared, in registries of every kind.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod mock_registry;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use factory::exit::Error;
use factory::export::export;
use factory::images::{Places, Source, Store};
use factory::layers::Link;
use factory::progress::Silent;
use factory::publish::{Choice, Published, publish};
use factory::query::{Filter, query};
use factory::registry::{Access, Artifact, Descriptor, Found, Name, Patience, Repository, digest_of, media};
use llb_gen::model::ImageRef;
use llb_gen::record::Verdict;
use mock_registry::{Mock, Switches, Trouble};
use serde_json::{Value, json};

const SPDX: &str = "https://spdx.dev/Document";
const CYCLONEDX: &str = "https://cyclonedx.org/bom";
const RECORD: &str = "https://factory.invalid/attestation/compatibility-record/v1";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

fn access() -> Access {
    let patience = Patience {
        attempts: 3,
        first_pause: Duration::from_millis(2),
        settle: Duration::from_millis(60),
        ..Patience::default()
    };
    Access { patience, ..Access::anonymous() }
}

/// How attestations of an image are written down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As an image, as older engines do it, with statements of version 0.1.
    Classic,
    /// As an artifact with a subject, with statements of version 1.
    Artifact,
    /// As an image, with statements about nothing.
    Subjectless,
}

/// In which form an image says what is in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Spdx,
    Cyclonedx,
    Nothing,
}

/// What an image is to be.
#[derive(Clone)]
struct Wanted {
    list: List,
    tag: &'static str,
    form: Form,
    version: &'static str,
    bash: &'static str,
    record: Option<Value>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            list: List::Spdx,
            tag: "dev",
            form: Form::Classic,
            version: "0.1.0",
            bash: "5.2",
            record: None,
        }
    }
}

struct Lab {
    mock: Mock,
    repository: Repository,
    project: tempfile::TempDir,
}

impl Lab {
    fn new(switches: Switches) -> Self {
        let mock = Mock::start(switches);
        let name = format!("{}/team/app", mock.host());
        let repository = Repository::open(&name.parse().unwrap(), &access()).unwrap();
        Self { mock, repository, project: tempfile::tempdir().unwrap() }
    }

    fn image(&self, tag: &str) -> ImageRef {
        format!("{}/team/app:{tag}", self.mock.host()).parse().unwrap()
    }

    fn store(&self, tag: &str) -> Box<dyn Store> {
        Places::without_engine(access()).open(&Source::Registry(self.image(tag))).unwrap()
    }

    fn put(&self, name: Option<&str>, media_type: &str, json: &Value) -> Found {
        let bytes = json.to_string().into_bytes();
        let found = Found { descriptor: Descriptor::of(media_type, &bytes), bytes };
        let name = name.map_or_else(|| Name::Digest(found.digest().into()), |tag| Name::Tag(tag.into()));
        self.repository.put_manifest(&name, &found).unwrap();
        found
    }

    fn blob(&self, media_type: &str, bytes: &[u8]) -> Descriptor {
        self.repository.put_blob(media_type, bytes).unwrap()
    }

    /// An index with an image for linux/amd64 and its attestations. Returns the digest of the image's manifest.
    fn push(&self, wanted: &Wanted) -> String {
        let config = json!({"os": "linux", "architecture": "amd64", "config": {"User": "app",
            "Env": ["PATH=/bin", format!("VERSION={}", wanted.version)]},
            "history": [{"created_by": "base"}, {"created_by": format!("[core {}] apt", wanted.version)}]});
        let config = self.blob(CONFIG, config.to_string().as_bytes());
        let layers = [self.blob(LAYER, b"base layer"), self.blob(LAYER, wanted.version.as_bytes())];
        let manifest =
            json!({"schemaVersion": 2, "mediaType": media::MANIFEST, "config": config, "layers": layers});
        let image = self.put(None, media::MANIFEST, &manifest);
        let attested = self.attestation(&image, wanted);
        let entry = |found: &Found, os: &str, arch: &str, annotations: Value| {
            json!({"mediaType": media::MANIFEST, "digest": found.digest(), "size": found.bytes.len(),
                "platform": {"os": os, "architecture": arch}, "annotations": annotations})
        };
        let annotations = json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image.digest()});
        let index = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": [
            entry(&image, "linux", "amd64", json!({})), entry(&attested, "unknown", "unknown", annotations)]});
        self.put(Some(wanted.tag), media::INDEX, &index);
        image.digest().to_owned()
    }

    fn attestation(&self, image: &Found, wanted: &Wanted) -> Found {
        let version = if wanted.form == Form::Artifact { "v1" } else { "v0.1" };
        let hex = image.digest().strip_prefix("sha256:").unwrap();
        let subject = match wanted.form {
            Form::Subjectless => json!([]),
            _ => json!([{"name": "pkg:docker/app@dev?platform=linux%2Famd64", "digest": {"sha256": hex}}]),
        };
        let statement = |kind: &str, predicate: &Value| {
            let statement = json!({"_type": format!("https://in-toto.io/Statement/{version}"), "predicateType": kind,
                "subject": subject, "predicate": predicate});
            let blob = self.blob(media::IN_TOTO, statement.to_string().as_bytes());
            blob.annotated("in-toto.io/predicate-type", kind)
        };
        let purl = |name: &str| json!([{"referenceType": "purl", "referenceLocator": format!("pkg:deb/debian/{name}@1")}]);
        // Large enough to be kept while an export is unfinished.
        let spdx = json!({"spdxVersion": "SPDX-2.3", "name": "core", "comment": "x".repeat(100_000), "packages": [
            {"SPDXID": "SPDXRef-1", "name": "bash", "versionInfo": wanted.bash, "externalRefs": purl("bash"),
             "licenseDeclared": "GPL-3.0-or-later", "annotations": [{"comment": "fragment core@0.1.0"}]},
            {"SPDXID": "SPDXRef-2", "name": "zlib1g", "versionInfo": "1.3", "externalRefs": purl("zlib1g")}]});
        let mut layers = vec![statement(
            "https://slsa.dev/provenance/v1",
            &json!({"runDetails": {"builder": {"id": "https://builder.test"}}}),
        )];
        match wanted.list {
            List::Spdx => layers.insert(0, statement(SPDX, &spdx)),
            List::Cyclonedx => layers.insert(0, statement(CYCLONEDX, &cyclonedx())),
            List::Nothing => {}
        }
        if let Some(record) = &wanted.record {
            layers
                .push(statement(RECORD, &json!({"record": record, "evidence": "# Build ID: x\nattested\n"})));
            layers.push(statement(
                "https://in-toto.io/attestation/test-result/v0.1",
                &json!({"result": "PASSED"}),
            ));
        }
        let json = match wanted.form {
            Form::Artifact => {
                json!({"schemaVersion": 2, "mediaType": media::MANIFEST, "artifactType": media::ATTESTATION,
                "config": self.blob(media::EMPTY, b"{}"), "layers": layers, "subject": image.descriptor})
            }
            _ => {
                json!({"schemaVersion": 2, "mediaType": media::MANIFEST, "config": self.blob(CONFIG, b"{}"), "layers": layers})
            }
        };
        self.put(None, media::MANIFEST, &json)
    }

    /// A record in the project's reports, with evidence, and an error where it is no pass.
    fn record(&self, build: &str, image: Option<&str>, status: Verdict, tested: &str, version: &str) {
        let root = self.project.path();
        let log = format!("# Build ID: {build}\n== step [core] apt\n");
        let mut record = record(build, status.as_str(), tested, version);
        record["evidence"] =
            json!({"path": format!("evidence/{build}.log"), "digest": digest_of(log.as_bytes())});
        if let Some(image) = image {
            record["result"]["image_digest"] = json!(image);
        } else {
            record["combination"] = json!({"plan": "core_light", "slug": build});
        }
        write(
            root,
            &format!("records/{build}.json"),
            &(serde_json::to_string_pretty(&record).unwrap() + "\n"),
        );
        write(root, &format!("evidence/{build}.log"), &log);
        write(root, &format!("evidence/{build}/core/python.stdout"), "3.11\n");
        write(root, &format!("evidence/{build}/01-core.log"), "");
        if status != Verdict::Pass {
            let error = json!({"schema_version": 1, "build_id": build, "type": "test", "reason": "no", "log_excerpt": []});
            write(root, &format!("errors/error-{build}.json"), &error.to_string());
        }
    }

    fn publish(&self, tag: &str, choice: &Choice) -> factory::exit::Result<Vec<Published>> {
        publish(&self.image(tag), &*self.store(tag), &access(), self.project.path(), choice, &mut Silent)
    }

    fn export(&self, tag: &str, to: &Path) -> factory::exit::Result<factory::export::Export> {
        let name = self.image(tag).to_string();
        export(&name, &*self.store(tag), None, to, Some(&to.join("data.jsonl")), &mut Silent)
    }

    fn query(&self, tags: &[&str], filter: &Filter) -> factory::exit::Result<Vec<String>> {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let places = Places::without_engine(access());
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_687_243); // 2026-11-26
        let hits = query(&self.image("x"), &places, &tags, filter, now, &mut Silent)?;
        Ok(hits.into_iter().map(|hit| hit.record.build_id).collect())
    }

    /// The command line itself.
    fn factory(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_factory"));
        command.args(words).current_dir(self.project.path()).env("DOCKER_CONFIG", self.project.path());
        command.output().unwrap()
    }

    /// Its exit code, and what it says on standard output and standard error.
    fn said(&self, words: &[&str]) -> (i32, String, String) {
        let out = self.factory(words);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
    }
}

/// A list of two packages, the one inside of the other.
fn cyclonedx() -> Value {
    json!({"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [
        {"type": "library", "name": "npm", "version": "10", "purl": "pkg:deb/debian/npm@10", "licenses": [{"license": {"id": "Artistic-2.0"}}],
         "components": [{"type": "library", "group": "@isaacs", "name": "cliui", "version": "8.0.2", "purl": "pkg:npm/%40isaacs/cliui@8.0.2"}]}]})
}

fn write(root: &Path, path: &str, text: &str) {
    let full = root.join(path);
    fs::create_dir_all(full.parent().unwrap()).unwrap();
    fs::write(full, text).unwrap();
}

fn record(build: &str, status: &str, tested: &str, version: &str) -> Value {
    let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
    json!({"schema_version": 1, "build_id": build, "manifest_id": "app", "product_id": "r.io/app",
        "base_digest": digest("b"), "platform": "linux/amd64", "arch": "amd64", "execution": "native",
        "fragments": [{"name": "core", "version": version, "digest": digest("c")}],
        "selection_key": digest_of(version.as_bytes()), "test_hash": digest("2"),
        "tests": [{"name": "core/python", "verdict": status, "location": "fragments/core/0.1.0/fragment.json:12",
            "wall_ms": 12, "cpu_ms": 9, "peak_memory": 4096}],
        "result": {"status": status, "tested_at": tested}, "frontend_version": "0.1.0", "helper_version": "0.1.0"})
}

const EARLY: &str = "2026-11-20T10:00:43Z";
const LATE: &str = "2026-11-25T10:00:43Z";

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => open.push(path),
                path => drop(
                    found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap()),
                ),
            }
        }
    }
    found.remove(Path::new(".lock"));
    found
}

fn names(folder: &Path) -> Vec<String> {
    files(folder).into_keys().map(|path| path.to_string_lossy().into_owned()).collect()
}

#[test]
fn an_image_of_others_is_exported_in_every_form() {
    for form in [Form::Classic, Form::Artifact, Form::Subjectless] {
        let lab = Lab::new(Switches::default());
        let image = lab.push(&Wanted { form, ..Wanted::default() });
        let to = tempfile::tempdir().unwrap();
        let exported = lab.export("dev", to.path()).unwrap();
        let own = format!("app-linux-amd64-{}", &image[7..19]);
        let index = format!("images/app-{}.json", &exported.digest[7..19]);
        let expected = [
            "data.jsonl".to_owned(),
            index,
            format!("provenance/{own}.json"),
            format!("sbom/{own}.spdx.json"),
        ];
        assert_eq!(names(to.path()), expected);
        let sbom: Value = serde_json::from_slice(&fs::read(to.path().join(&expected[3])).unwrap()).unwrap();
        assert_eq!(sbom["packages"][0]["name"], "bash", "the bare document, as other tools read it");
        let line = fs::read_to_string(to.path().join("data.jsonl")).unwrap();
        let line: Value = serde_json::from_str(line.trim()).unwrap();
        assert_eq!(
            (&line["builder"], &line["packages"][1]["name"]),
            (&json!("https://builder.test"), &json!("zlib1g"))
        );
        assert_eq!((&line["record"], &line["layers"]), (&Value::Null, &json!(2)));
        let before = files(to.path());
        assert_eq!(lab.export("dev", to.path()).unwrap().written, 0, "the second time changes nothing");
        assert_eq!(files(to.path()), before);
    }
}

#[test]
fn the_record_that_is_exported_is_the_one_that_the_build_wrote() {
    for switches in [Switches::default(), Switches::without_referrers()] {
        let lab = Lab::new(switches);
        let attested = record("app-1", "fail", EARLY, "0.1.0");
        let image = lab.push(&Wanted { record: Some(attested), ..Wanted::default() });
        lab.record("app-1", Some(&image), Verdict::Fail, EARLY, "0.1.0");
        // Before anything was pushed: what the frontend has attested, with the image's digest and the log that came with it.
        let to = tempfile::tempdir().unwrap();
        let exported = lab.export("dev", to.path()).unwrap();
        assert!(!exported.found[0].records[0].as_written);
        let back: Value =
            serde_json::from_slice(&fs::read(to.path().join("records/app-1.json")).unwrap()).unwrap();
        let mut written: Value =
            serde_json::from_slice(&fs::read(lab.project.path().join("records/app-1.json")).unwrap())
                .unwrap();
        written["evidence"]["digest"] =
            json!(digest_of(&fs::read(to.path().join("evidence/app-1.log")).unwrap()));
        assert_eq!(back, written);
        // After: byte for byte, with all that belongs to it.
        let published = lab.publish("dev", &Choice::default()).unwrap();
        let kinds: Vec<(&str, &str)> = published.iter().map(|one| (one.kind, one.to)).collect();
        assert_eq!(
            kinds,
            [("record", "index"), ("evidence", "index"), ("record", "image"), ("evidence", "image")]
        );
        assert!(published.iter().all(|one| !one.known));
        assert!(lab.publish("dev", &Choice::default()).unwrap().iter().all(|one| one.known), "idempotent");
        let to = tempfile::tempdir().unwrap();
        assert!(lab.export("dev", to.path()).unwrap().found[0].records[0].as_written);
        let (there, here) = (files(to.path()), files(lab.project.path()));
        for (path, bytes) in &here {
            assert_eq!(there.get(path), Some(bytes), "{}", path.display());
        }
        assert!(
            there.contains_key(Path::new("test-results/app-1.json"))
                && there.contains_key(Path::new("sbom/app-1.spdx.json"))
        );
    }
}

/// A layout that holds what the registry has.
fn layout(lab: &Lab, folder: &Path) {
    let stored = lab.mock.stored();
    fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
    let manifests = stored.manifests.iter().map(|((_, digest), (_, bytes))| (digest, bytes));
    for (digest, bytes) in stored.blobs.iter().chain(manifests) {
        fs::write(folder.join("blobs").join(digest.replace(':', "/")), bytes).unwrap();
    }
    let named = stored.tags.iter().map(|((_, tag), digest)| {
        let (media_type, bytes) = &stored.manifests[&("team/app".to_owned(), digest.clone())];
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len(),
            "annotations": {"org.opencontainers.image.ref.name": tag}})
    });
    let index =
        json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": named.collect::<Vec<_>>()});
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
}

#[test]
fn a_layout_gives_what_the_registry_gives() {
    let lab = Lab::new(Switches::without_referrers());
    let image = lab.push(&Wanted::default());
    lab.record("app-1", Some(&image), Verdict::Pass, EARLY, "0.1.0");
    lab.publish("dev", &Choice::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    layout(&lab, folder.path());
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    lab.export("dev", one.path()).unwrap();
    let source: Source = format!("oci:{}:dev", folder.path().display()).parse().unwrap();
    let store = Places::without_engine(access()).open(&source).unwrap();
    export("app:dev", &*store, None, other.path(), None, &mut Silent).unwrap();
    let of = |folder: &Path| {
        let mut files = files(folder);
        files.retain(|path, _| !path.starts_with("images") && !path.ends_with("data.jsonl"));
        files
    };
    assert_eq!(of(one.path()), of(other.path()));
    assert!(of(one.path()).contains_key(Path::new("records/app-1.json")));
}

#[test]
fn whatever_was_tampered_with_is_noticed_and_nothing_is_written() {
    let lab = Lab::new(Switches::default());
    let image =
        lab.push(&Wanted { record: Some(record("app-1", "pass", EARLY, "0.1.0")), ..Wanted::default() });
    lab.record("app-1", Some(&image), Verdict::Pass, EARLY, "0.1.0");
    lab.publish("dev", &Choice::default()).unwrap();
    let genuine = {
        let stored = lab.mock.stored();
        (stored.blobs.clone(), stored.manifests.clone())
    };
    let mut seen = 0;
    let refused = |what: &str| {
        let to = tempfile::tempdir().unwrap();
        match lab.export("dev", &to.path().join("out")) {
            Err(Error::NotGenuine(_)) => {
                let left = names(to.path());
                assert!(left.iter().all(|path| path.starts_with("out/.unfinished/")), "{what}: {left:?}");
                true
            }
            Ok(_) => false,
            Err(other) => panic!("{what}: {other}"),
        }
    };
    // Every byte string that the registry has, each for itself.
    for digest in genuine.0.keys() {
        lab.mock.stored().blobs.get_mut(digest).unwrap()[0] ^= 1;
        let read = lab.mock.asked(&format!("GET /v2/team/app/blobs/{digest}"));
        let noticed = refused(digest);
        let read = lab.mock.asked(&format!("GET /v2/team/app/blobs/{digest}")) > read;
        assert_eq!(noticed, read, "{digest}: what is read is checked");
        seen += usize::from(noticed);
        lab.mock.stored().blobs = genuine.0.clone();
    }
    for key in genuine.1.keys() {
        lab.mock.stored().manifests.get_mut(key).unwrap().1.push(b' ');
        assert!(refused(&key.1), "{key:?}");
        lab.mock.stored().manifests = genuine.1.clone();
    }
    assert!(seen >= 6, "statements, record, log and outputs: {seen}");
    assert!(!refused("genuine"));
}

#[test]
fn what_is_about_something_else_is_not_taken() {
    // A statement about another image.
    let lab = Lab::new(Switches::default());
    let image = lab.push(&Wanted::default());
    let other = json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": SPDX,
        "subject": [{"name": "x", "digest": {"sha256": "0".repeat(64)}}], "predicate": {}});
    let layer = lab.blob(media::IN_TOTO, other.to_string().as_bytes());
    let attested = json!({"schemaVersion": 2, "mediaType": media::MANIFEST, "config": lab.blob(CONFIG, b"{}"), "layers": [layer]});
    let attested = lab.put(None, media::MANIFEST, &attested);
    let index = |about: &str, attested: &Found| {
        json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": [
            {"mediaType": media::MANIFEST, "digest": image, "size": 1, "platform": {"os": "linux", "architecture": "amd64"}},
            {"mediaType": media::MANIFEST, "digest": attested.digest(), "size": 1, "platform": {"os": "unknown", "architecture": "unknown"},
             "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": about}}]})
    };
    let refused = |what: &str, part: &str| {
        let to = tempfile::tempdir().unwrap();
        let fault = lab.export("dev", to.path()).unwrap_err();
        assert!(matches!(&fault, Error::NotGenuine(said) if said.contains(part)), "{what}: {fault}");
    };
    lab.put(Some("dev"), media::INDEX, &index(&image, &attested));
    refused("a statement", "is about sha256:0000");
    lab.put(Some("dev"), media::INDEX, &index(&digest_of(b"nobody"), &attested));
    refused("an attestation of an image that is not there", "which the index does not list");
    let elsewhere = json!({"schemaVersion": 2, "mediaType": media::MANIFEST, "config": lab.blob(CONFIG, b"{}"), "layers": [],
        "subject": Descriptor::of(media::MANIFEST, b"other")});
    let elsewhere = lab.put(None, media::MANIFEST, &elsewhere);
    lab.put(Some("dev"), media::INDEX, &index(&image, &elsewhere));
    refused("an artifact of another image", "refers to");
    // A record of another image that refers to this one.
    let image = lab.push(&Wanted::default());
    lab.record("app-1", Some(&digest_of(b"another")), Verdict::Pass, EARLY, "0.1.0");
    let bytes = fs::read(lab.project.path().join("records/app-1.json")).unwrap();
    let subject = lab.repository.manifest(&Name::Digest(image)).unwrap().unwrap().descriptor;
    let kind = factory::attested::kinds::RECORD;
    let lie = Artifact {
        artifact_type: kind.into(),
        files: vec![(Descriptor::of(kind, &bytes), bytes)],
        subject: Some(subject),
        annotations: BTreeMap::new(),
    };
    lab.repository.attach(&lie).unwrap();
    refused("a record of another image", "is a record of the image");
}

#[test]
fn an_export_that_nobody_could_look_for_writes_nothing() {
    let lab = Lab::new(Switches::default());
    let image =
        lab.push(&Wanted { record: Some(record("app-1", "pass", EARLY, "0.1.0")), ..Wanted::default() });
    lab.record("app-1", Some(&image), Verdict::Pass, EARLY, "0.1.0");
    lab.publish("dev", &Choice::default()).unwrap();
    let begin = lab.mock.stored().log.len();
    lab.export("dev", &tempfile::tempdir().unwrap().path().join("x")).unwrap();
    let mut asked: Vec<String> = lab.mock.stored().log[begin..].to_vec();
    asked.sort();
    asked.dedup();
    assert!(asked.len() > 10, "{asked:?}");
    for (number, line) in asked.iter().enumerate() {
        let status = [401, 403, 429, 500][number % 4];
        lab.mock.switch(|one| one.troubles = vec![Trouble::new(line, usize::MAX, status)]);
        let to = tempfile::tempdir().unwrap();
        let fault = lab.export("dev", &to.path().join("out")).unwrap_err();
        assert!(matches!(&fault, Error::CouldNotLook(_)), "{status} for {line}: {fault}");
        assert!(names(to.path()).iter().all(|path| path.contains(".unfinished")), "{:?}", names(to.path()));
    }
}

#[test]
fn an_export_that_was_interrupted_goes_on_where_it_was() {
    let lab = Lab::new(Switches::default());
    lab.push(&Wanted::default());
    let to = tempfile::tempdir().unwrap();
    // Every transfer breaks off after 60 kB, until nobody tries again; then the process is started anew.
    lab.mock.switch(|one| {
        one.cut = (60_000, 1);
        one.troubles = Vec::new();
    });
    let sbom = lab.mock.stored().blobs.iter().find(|(_, bytes)| bytes.len() > 100_000).unwrap().0.clone();
    let kept = to.path().join(".unfinished").join(sbom.replace(':', "-"));
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    let part = lab.mock.stored().blobs[&sbom][..90_000].to_vec();
    fs::write(kept.with_extension("part"), part).unwrap();
    lab.export("dev", to.path()).unwrap();
    assert!(!to.path().join(".unfinished").exists());
    assert_eq!(names(to.path()).len(), 4);
}

/// A repository with two versions of a product, one that failed, and a combination without an image.
fn inhabited(switches: Switches) -> Lab {
    let lab = Lab::new(switches);
    let one = lab.push(&Wanted { tag: "1", ..Wanted::default() });
    let two = lab.push(&Wanted { tag: "2", version: "0.2.0", bash: "5.3", ..Wanted::default() });
    lab.record("app-one", Some(&one), Verdict::Pass, EARLY, "0.1.0");
    lab.record("app-two", Some(&two), Verdict::Fail, LATE, "0.2.0");
    lab.record("app-bad", None, Verdict::Fail, LATE, "0.9.0");
    lab.publish("1", &Choice { images_only: true, ..Choice::default() }).unwrap();
    lab.publish("2", &Choice::default()).unwrap();
    lab
}

#[test]
fn a_repository_is_looked_through() {
    for switches in
        [Switches::default(), Switches { page: 1, ..Switches::default() }, Switches::without_referrers()]
    {
        let lab = inhabited(switches);
        let all = |change: fn(&mut Filter)| {
            let mut filter = Filter::default();
            change(&mut filter);
            lab.query(&[], &filter).unwrap()
        };
        assert_eq!(all(|_| ()), ["app-one", "app-bad", "app-two"]);
        assert_eq!(all(|one| one.fragments = vec!["core@0.9.0".parse().unwrap()]), ["app-bad"]);
        assert_eq!(all(|one| one.verdicts = vec![Verdict::Pass]), ["app-one"]);
        assert_eq!(all(|one| one.max_age = Some(Duration::from_secs(2 * 86_400))), ["app-bad", "app-two"]);
        assert_eq!(all(|one| one.packages = vec!["bash@5.3".parse().unwrap()]), ["app-two"]);
        assert_eq!(all(|one| one.product = Some("other".into())), [""; 0]);
        assert_eq!(all(|one| one.newest = true), ["app-bad", "app-two"]);
        assert_eq!(lab.query(&["1"], &Filter::default()).unwrap(), ["app-one"]);
        assert!(matches!(lab.query(&["no"], &Filter::default()), Err(Error::NotFound(_))));
    }
}

#[test]
fn a_failed_combination_hangs_on_one_small_artifact() {
    let lab = inhabited(Switches::default());
    let tags = lab.repository.tags().unwrap().unwrap();
    let [tag] = &tags.iter().filter(|tag| tag.starts_with("factory-selection-")).collect::<Vec<_>>()[..]
    else {
        panic!()
    };
    assert_eq!(tag.strip_prefix("factory-selection-"), digest_of(b"0.9.0").strip_prefix("sha256:"));
    let before = lab.mock.stored().manifests.len();
    // Somebody else tries the same combination.
    lab.record("app-bad-again", None, Verdict::Fail, LATE, "0.9.0");
    lab.publish("2", &Choice::default()).unwrap();
    assert_eq!(lab.mock.stored().manifests.len(), before + 2, "a record and its evidence");
    let missing = lab.publish("no-such-tag", &Choice::default()).unwrap_err();
    assert!(matches!(missing, Error::NotFound(_)), "{missing}");
    let alone = Choice { products: vec!["app".into()], images_only: false };
    assert!(lab.publish("no-such-tag", &alone).unwrap().iter().all(|one| one.to == "selection" && one.known));
    // What one has pushed others read.
    let to = tempfile::tempdir().unwrap();
    lab.export(tag, to.path()).unwrap();
}

#[test]
fn two_images_are_compared_without_a_layer() {
    let lab = inhabited(Switches::default());
    let begin = lab.mock.stored().log.len();
    let host = "linux/amd64".parse().unwrap();
    let found =
        factory::diff::diff(("a", &*lab.store("1")), ("b", &*lab.store("2")), None, &host, Link::default())
            .unwrap();
    let layers: Vec<String> = [b"base layer".as_slice(), b"0.1.0", b"0.2.0"].map(digest_of).to_vec();
    for line in &lab.mock.stored().log[begin..] {
        assert!(!layers.iter().any(|digest| line.contains(digest)), "{line}");
    }
    let fragments = found.fragments.as_ref().unwrap();
    assert!(
        fragments.changed[0].from.starts_with("0.1.0 (") && fragments.changed[0].to.starts_with("0.2.0 (")
    );
    let packages = &found.packages.as_ref().unwrap().changed;
    assert_eq!((packages[0].name.as_str(), packages[0].to.as_str(), packages.len()), ("deb/bash", "5.3", 1));
    assert_eq!(found.config.changed[0].name, "Env.VERSION");
    let verdicts = found.verdicts.as_ref().unwrap();
    assert_eq!((verdicts.product.from.as_str(), verdicts.product.to.as_str()), ("pass", "fail"));
    assert_eq!((found.layers.shared.len(), found.update.bytes, found.pull.bytes), (1, 5, 15));
    let text = factory::diff::text(&found);
    for line in [
        "verdict   pass -> fail",
        "package   ~ deb/bash 5.2 -> 5.3",
        "config    ~ Env.VERSION 0.1.0 -> 0.2.0",
        "shared    1 layer,",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[test]
fn what_is_in_an_image_is_shown_by_fragment_and_as_cyclonedx() {
    let lab = inhabited(Switches::default());
    let image = format!("registry:{}/team/app:2", lab.mock.host());
    let shown = |words: &[&str]| {
        let mut all = vec!["sbom", image.as_str(), "--platform", "linux/amd64"];
        all.extend(words);
        let out = lab.factory(&all);
        (
            out.status.code().unwrap(),
            String::from_utf8(out.stdout).unwrap() + &String::from_utf8(out.stderr).unwrap(),
        )
    };
    let (done, text) = shown(&["--by", "fragment"]);
    let at = |line: &str| text.find(line).unwrap_or_else(|| panic!("{line} in\n{text}"));
    assert_eq!(done, 0, "{text}");
    assert!(
        at("  base, 1 package\n") < at("    zlib1g ") && at("    zlib1g ") < at("  core@0.1.0, 1 package\n")
    );
    assert!(at("    bash ") < at(" deb    GPL-3.0-or-later\n"));
    assert!(!shown(&["--fragment", "core"]).1.contains("zlib1g"));
    let bom: Value = serde_json::from_str(&shown(&["--format", "cyclonedx"]).1).unwrap();
    let named: Vec<&str> =
        bom["components"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!((bom["specVersion"].as_str().unwrap(), named), ("1.6", vec!["bash", "zlib1g"]));
    assert_eq!(shown(&["--format", "spdx", "--output", "out/a.json"]).0, 0);
    let written: Value =
        serde_json::from_slice(&fs::read(lab.project.path().join("out/a.json")).unwrap()).unwrap();
    assert_eq!(written["spdxVersion"], "SPDX-2.3");
    assert_eq!(
        lab.factory(&["sbom", &format!("registry:{}/team/app:none", lab.mock.host())]).status.code(),
        Some(7)
    );
    assert_eq!(lab.factory(&["sbom"]).status.code(), Some(2));
}

#[test]
fn a_list_in_cyclonedx_alone_is_a_list() {
    let lab = Lab::new(Switches::default());
    let image = lab.push(&Wanted { list: List::Cyclonedx, ..Wanted::default() });
    lab.record("app-1", Some(&image), Verdict::Pass, EARLY, "0.1.0");
    lab.publish("dev", &Choice::default()).unwrap();
    let name = format!("registry:{}/team/app:dev", lab.mock.host());
    let (done, text, said) = lab.said(&["sbom", &name]);
    assert!(
        done == 0 && text.contains("  deb, 1 package\n    npm ") && text.contains("Artistic-2.0"),
        "{text}{said}"
    );
    assert!(text.contains("  npm, 1 package\n    @isaacs/cliui "), "{text}");
    let (done, text, _) = lab.said(&["sbom", &name, "--format", "cyclonedx"]);
    assert_eq!((done, serde_json::from_str::<Value>(&text).unwrap()), (0, cyclonedx()), "as it was attested");
    let (none, _, said) = lab.said(&["sbom", &name, "--format", "spdx"]);
    assert!(none == 7 && said.contains("--format cyclonedx"), "{said}");
    let repository = format!("{}/team/app", lab.mock.host());
    for (package, code) in [("@isaacs/cliui@8.0.2", 0), ("cliui", 0), ("npm@10", 0), ("cliui@1", 7)] {
        assert_eq!(lab.said(&["query", &repository, "--package", package]).0, code, "{package}");
    }
}

/// Puts statements into envelopes under the tag that cosign made for a digest.
fn attach_by_tag(lab: &Lab, digest: &str, statements: &[(&str, Value)]) {
    let layer = |(kind, predicate): &(&str, Value)| {
        let statement = json!({"_type": "https://in-toto.io/Statement/v0.1", "predicateType": kind,
            "subject": [{"name": "app", "digest": {"sha256": digest.strip_prefix("sha256:").unwrap()}}], "predicate": predicate});
        let envelope = json!({"payloadType": media::IN_TOTO, "payload": STANDARD.encode(statement.to_string()),
            "signatures": [{"keyid": "", "sig": "AAAA"}]});
        let blob = lab.blob("application/vnd.dsse.envelope.v1+json", envelope.to_string().as_bytes());
        blob.annotated("predicateType", *kind)
    };
    let layers: Vec<Descriptor> = statements.iter().map(layer).collect();
    let json = json!({"schemaVersion": 2, "mediaType": media::MANIFEST, "config": lab.blob(CONFIG, b"{}"), "layers": layers});
    lab.put(Some(&format!("{}.att", digest.replace(':', "-"))), media::MANIFEST, &json);
}

#[test]
fn what_lies_under_cosigns_tags_is_read_like_everything_else() {
    let lab = Lab::new(Switches::without_referrers());
    let image = lab.push(&Wanted { list: List::Nothing, ..Wanted::default() });
    let note = ("https://note.test/v1", json!({"a": 1}));
    let record = (RECORD, json!({"record": record("app-1", "pass", EARLY, "0.1.0"), "evidence": ""}));
    attach_by_tag(&lab, &image, &[note, record]);
    // As cosign does it for a tag that leads to an index; the index has one image.
    let index = lab.repository.manifest(&Name::Tag("dev".into())).unwrap().unwrap();
    attach_by_tag(&lab, index.digest(), &[(CYCLONEDX, cyclonedx())]);
    let name = format!("registry:{}/team/app:dev", lab.mock.host());
    let (done, text, said) = lab.said(&["export", &name, "--to", "out"]);
    assert_eq!(done, 0, "{said}");
    for line in [
        "record      pass app-1  as the frontend has attested it\n",
        "sbom        sbom/app-1.cdx.json  signed; the signature was not looked at\n",
        "statement   statements/app-1.json (https://note.test/v1)  signed; the signature was not looked at\n",
        "provenance  provenance/app-1.json\n",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(lab.said(&["sbom", &name]).1.contains("@isaacs/cliui"));
    let repository = format!("{}/team/app", lab.mock.host());
    assert_eq!(lab.said(&["query", &repository, "--package", "cliui@8.0.2", "--verdict", "pass"]).0, 0);
    // A layout that has the tags says the same.
    let folder = tempfile::tempdir().unwrap();
    layout(&lab, folder.path());
    let copy = format!("oci:{}:dev", folder.path().display());
    assert_eq!(lab.said(&["export", &copy, "--to", "copy"]).0, 0);
    let at = |folder: &str| files(&lab.project.path().join(folder).join("sbom"));
    assert_eq!(at("copy"), at("out"));
    // What is about something else is not taken, wherever it lies.
    attach_by_tag(&lab, &image, &[("https://note.test/v1", json!({}))]);
    let tag = |digest: &str| Name::Tag(format!("{}.att", digest.replace(':', "-")));
    let other = lab.repository.manifest(&tag(&image)).unwrap().unwrap();
    lab.repository.put_manifest(&tag(index.digest()), &other).unwrap();
    let (code, _, said) = lab.said(&["export", &name, "--to", "other"]);
    assert!(code == 9 && said.contains("is about"), "{code} {said}");
    // And that nobody could look there is no "there is none".
    let trouble =
        Trouble::new(&format!("GET /v2/team/app/manifests/{}.att", image.replace(':', "-")), usize::MAX, 403);
    lab.mock.switch(|one| one.troubles = vec![trouble]);
    assert_eq!(lab.said(&["export", &name, "--to", "blind"]).0, 8);
}

#[test]
fn scripts_rely_on_exit_codes() {
    let lab = inhabited(Switches::default());
    let repository = format!("{}/team/app", lab.mock.host());
    let code = |words: &[&str]| lab.said(words);
    let (found, text, _) = code(&["query", &repository, "--verdict", "pass"]);
    assert!(found == 0 && text.contains("core@0.1.0"), "{text}");
    let (none, _, said) = code(&["query", &repository, "--fragment", "core@7"]);
    assert!(none == 7 && said.contains("no record fits"), "{said}");
    assert_eq!(code(&["query", &format!("{}/none", lab.mock.host())]).0, 7);
    assert_eq!(code(&["query", "Not a name"]).0, 2);
    let jsonl = code(&["query", &repository, "--format", "jsonl"]).1;
    assert!(
        jsonl.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()) && jsonl.lines().count() == 3
    );
    let image = format!("registry:{repository}:2");
    let (done, text, _) = code(&["export", &image, "--to", "out"]);
    assert!(done == 0 && text.contains("record      fail app-two"), "{text}");
    assert_eq!(code(&["layers", &image, "--platform", "linux/amd64"]).0, 0);
    let (done, text, _) =
        code(&["diff", &format!("registry:{repository}:1"), &image, "--platform", "linux/amd64", "--json"]);
    assert!(done == 0 && serde_json::from_str::<Value>(&text).is_ok(), "{text}");
    assert_eq!(code(&["export", &format!("registry:{repository}:none"), "--to", "out2"]).0, 7);
    let from = lab.project.path().to_string_lossy().into_owned();
    let (done, text, said) = code(&["publish", &format!("{repository}:1"), "--from", &from, "--json"]);
    assert!(done == 0 && text.contains("\"known\": true"), "{text}{said}");
    lab.mock.switch(|one| one.troubles = vec![Trouble::new("GET", usize::MAX, 403)]);
    for words in [
        &["query", &repository][..],
        &["export", &image, "--to", "out3"],
        &["layers", &image],
        &["diff", &image, &image],
    ] {
        let (blind, _, said) = code(words);
        assert!(blind == 8 && said.contains("403"), "{words:?}: {blind} {said}");
    }
}
