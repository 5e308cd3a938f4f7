//! An image for two platforms as our builds push it: an index, and beside each image what is attested of it.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::time::{Duration, SystemTime};

use factory::images::{Places, Source, Store};
use factory::policy::{Evidence, Judgement, Outcome, Question, gather, judge};
use factory::registry::{self, Access, Descriptor, Found, Name, Patience, Repository, digest_of, media};
use factory::signing::{KeyKind, PrivateKey, PublicKey, Trusted};
use llb_gen::parse::RawPolicy;
use llb_gen::policy::Policy;
use llb_gen::text::SourceFile;
use serde_json::{Value, json};

use crate::mock_registry::Mock;

pub const RECORD: &str = "https://factory.invalid/attestation/compatibility-record/v1";
pub const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";
pub const SPDX: &str = "https://spdx.dev/Document";
pub const PROVENANCE: &str = "https://slsa.dev/provenance/v0.2";
pub const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];
/// When the tests of the fixture ran.
pub const TESTED: &str = "2026-11-20T10:00:43Z";

pub fn access() -> Access {
    let patience = Patience {
        attempts: 2,
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(20),
        connect: Duration::from_secs(5),
        read: Duration::from_secs(2),
        settle: Duration::from_millis(400),
    };
    Access { patience, ..Access::anonymous() }
}

/// Nine days after the tests ran.
pub fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_946_443)
}

pub fn key() -> PrivateKey {
    PrivateKey::generate(KeyKind::EcdsaP256).unwrap()
}

pub fn digits(text: &str) -> String {
    digest_of(text.as_bytes())
}

/// The record of a product on a platform.
pub fn record(platform: &str) -> Value {
    json!({
        "schema_version": 1, "build_id": format!("serve-{}", platform.replace('/', "-")), "manifest_id": "serve",
        "product_id": "serve", "base_digest": digits("base"), "platform": platform,
        "arch": platform.rsplit('/').next(), "execution": "native",
        "fragments": [
            {"name": "core", "version": "0.1.0", "digest": digits("core")},
            {"name": "light", "version": "0.2.0", "digest": digits("light")}],
        "accelerator": {"name": "cuda", "driver": "550.54.15", "model": "NVIDIA H200"},
        "selection_key": digits("selection"), "test_hash": digits("tests"),
        "tests": [{"name": "core/python", "verdict": "pass", "location": "f:1", "wall_ms": 1, "cpu_ms": 1, "peak_memory": 1}],
        "result": {"status": "pass", "tested_at": TESTED},
        "frontend_version": "0.1.0", "helper_version": "0.1.0"
    })
}

/// What is attested of a platform's image: predicate types and predicates.
pub fn predicates(platform: &str) -> Vec<(&'static str, Value)> {
    vec![
        (
            SPDX,
            json!({"spdxVersion": "SPDX-2.3", "packages": [
            {"name": "xz-utils", "versionInfo": "5.4.1-1", "externalRefs": [
                {"referenceType": "purl", "referenceLocator": "pkg:deb/debian/xz-utils@5.4.1-1?arch=amd64"}]}]}),
        ),
        (
            PROVENANCE,
            json!({"builder": {"id": "https://ci.test/run/1"}, "buildType": "x",
            "invocation": {"configSource": {"uri": "https://git.test/team/serve.git#main"}}}),
        ),
        (TEST_RESULT, json!({"result": "PASSED", "configuration": [], "passedTests": ["core/python"]})),
        (RECORD, json!({"record": record(platform), "evidence": "…"})),
    ]
}

/// A policy with every rule, which the fixture fits.
pub fn policy_json() -> Value {
    json!({
        "signature": {},
        "platforms": {"require": PLATFORMS, "allow": PLATFORMS},
        "builder": ["https://ci.test/*"],
        "source": {"repositories": ["https://git.test/team/*"]},
        "fragments": {"allow": [{"name": "core", "versions": ">=0.1.0,<0.3.0"}, {"name": "light"}], "deny": [{"name": "light", "versions": "<0.2.0"}], "require": [{"name": "core"}]},
        "tests": {"require": ["core/python"]},
        "gpu": {"models": ["NVIDIA H*"], "driver": ">=550"},
        "sbom": {"formats": ["spdx"]},
        "packages": {"deny": [{"name": "xz-utils", "versions": ">=5.6.0,<5.6.2", "reason": "a back door"}, {"purl": "pkg:npm/event-stream"}]},
        "record": {"max_age_days": 30},
    })
}

pub fn policy_of(json: &Value) -> Policy {
    let file = SourceFile::new("policy.json", serde_json::to_vec_pretty(json).unwrap());
    RawPolicy::parse(&file).and_then(Policy::check).unwrap_or_else(|faults| panic!("{faults}")).0
}

pub fn statement(digest: &str, predicate_type: &str, predicate: &Value) -> Value {
    json!({"_type": "https://in-toto.io/Statement/v0.1", "predicateType": predicate_type,
        "subject": [{"name": "pkg:docker/app", "digest": {"sha256": digest.trim_start_matches("sha256:")}}],
        "predicate": predicate})
}

/// The product in a registry.
pub struct Product {
    pub repository: Repository,
    pub reference: llb_gen::model::ImageRef,
    pub index: Found,
    pub images: Vec<Found>,
}

pub fn found(json: &Value, media_type: &str) -> Found {
    let bytes = serde_json::to_vec(json).unwrap();
    Found { descriptor: Descriptor::of(media_type, &bytes), bytes }
}

impl Product {
    /// Pushes the product, with what is attested of each platform.
    pub fn push(mock: &Mock, attested: impl Fn(&str) -> Vec<(&'static str, Value)>) -> Self {
        let reference: llb_gen::model::ImageRef = format!("{}/team/app:dev", mock.host()).parse().unwrap();
        let repository = Repository::open(&reference, &access()).unwrap();
        let (mut entries, mut beside, mut images) = (Vec::new(), Vec::new(), Vec::new());
        for platform in PLATFORMS {
            let arch = platform.rsplit('/').next().unwrap();
            let config =
                json!({"os": "linux", "architecture": arch, "rootfs": {"type": "layers", "diff_ids": []}});
            let image = manifest(&repository, &config, &[]);
            entries.push(
                json!({"mediaType": media::MANIFEST, "digest": image.digest(), "size": image.bytes.len(),
                "platform": {"os": "linux", "architecture": arch}}),
            );
            let statements: Vec<(Value, Value)> = attested(platform)
                .into_iter()
                .map(|(kind, predicate)| {
                    let annotations = json!({"in-toto.io/predicate-type": kind});
                    (statement(image.digest(), kind, &predicate), annotations)
                })
                .collect();
            if !statements.is_empty() {
                let config = json!({"os": "unknown", "architecture": "unknown"});
                let one = manifest(&repository, &config, &statements);
                beside.push(json!({"mediaType": media::MANIFEST, "digest": one.digest(), "size": one.bytes.len(),
                    "platform": {"os": "unknown", "architecture": "unknown"},
                    "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image.digest()}}));
            }
            images.push(image);
        }
        entries.extend(beside);
        let index = found(
            &json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": entries}),
            media::INDEX,
        );
        repository.put_manifest(&Name::Tag("dev".into()), &index).unwrap();
        Self { repository, reference, index, images }
    }

    pub fn store(&self) -> Box<dyn Store> {
        Places::without_engine(access()).open(&Source::Registry(self.reference.clone())).unwrap()
    }

    pub fn sign(&self, key: &PrivateKey) -> factory::signing::Signed {
        factory::signing::sign(self.store().as_ref(), &self.repository, key).unwrap()
    }

    pub fn evidence(&self, keys: &[PublicKey], policy: &Policy) -> registry::Result<Evidence> {
        self.evidence_by(Trusted { keys, keyless: None }, policy)
    }

    fn evidence_by(&self, trusted: Trusted<'_>, policy: &Policy) -> registry::Result<Evidence> {
        let bases = policy.base.iter().flat_map(|rule| rule.images.iter().map(|one| one.value())).collect();
        gather(self.store().as_ref(), &Question { image: "app", trusted, platforms: &[], bases }, &access())
    }

    pub fn judged(&self, keys: &[PublicKey], policy: &Value) -> Judgement {
        self.judged_by(Trusted { keys, keyless: None }, policy)
    }

    pub fn judged_by(&self, trusted: Trusted<'_>, policy: &Value) -> Judgement {
        let policy = policy_of(policy);
        judge(&policy, &self.evidence_by(trusted, &policy).unwrap(), now())
    }
}

fn manifest(repository: &Repository, config: &Value, layers: &[(Value, Value)]) -> Found {
    let config = repository
        .put_blob("application/vnd.oci.image.config.v1+json", &serde_json::to_vec(config).unwrap())
        .unwrap();
    let layers: Vec<Value> = layers
        .iter()
        .map(|(content, annotations)| {
            let blob = repository.put_blob(media::IN_TOTO, &serde_json::to_vec(content).unwrap()).unwrap();
            json!({"mediaType": media::IN_TOTO, "digest": blob.digest, "size": blob.size, "annotations": annotations})
        })
        .collect();
    let json = json!({"schemaVersion": 2, "mediaType": media::MANIFEST, "config": config, "layers": layers});
    let found = found(&json, media::MANIFEST);
    repository.put_manifest(&Name::Digest(found.digest().to_owned()), &found).unwrap();
    found
}

/// The rules that refuse, with their reasons, each once.
pub fn refusals(judged: &Judgement) -> Vec<String> {
    let mut all: Vec<String> = judged
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::Refused)
        .flat_map(|check| check.reasons.iter().map(|reason| format!("{}: {reason}", check.rule)))
        .collect();
    all.sort();
    all.dedup();
    all
}

/// The names of the rules that refuse.
pub fn refusing(judged: &Judgement) -> Vec<&'static str> {
    let mut all: Vec<&str> = judged
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::Refused)
        .map(|check| check.rule)
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Puts a manifest of these layers.
pub fn put_layers(product: &Product, name: &Name, layers: Vec<(&str, Vec<u8>, Value)>) {
    let layers: Vec<Value> = layers
        .into_iter()
        .map(|(media_type, bytes, annotations)| {
            let blob = product.repository.put_blob(media_type, &bytes).unwrap();
            json!({"mediaType": media_type, "digest": blob.digest, "size": blob.size, "annotations": annotations})
        })
        .collect();
    let config = product.repository.put_blob("application/vnd.oci.image.config.v1+json", b"{}").unwrap();
    let json = json!({"schemaVersion": 2, "mediaType": media::MANIFEST, "config": config, "layers": layers});
    product.repository.put_manifest(name, &found(&json, media::MANIFEST)).unwrap();
}

/// Where the peers are.
pub fn peers() -> Option<std::path::PathBuf> {
    let folder = std::env::var_os("FACTORY_PEERS").map(std::path::PathBuf::from);
    if folder.is_none() {
        eprintln!(
            "SKIPPED: there is nobody to compare with; run factory/tests/peers/fetch.sh, and set FACTORY_PEERS"
        );
    }
    folder
}
