//! Signing in a registry and judging what is found there: nothing that was changed, kept back or could not be looked at is ever
//! accepted.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod mock_registry;
mod product;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use factory::policy::{Judgement, Outcome};
use factory::registry::{Artifact, Descriptor, Fault, Found, Name, digest_of, media};
use factory::signing::{Bundle, PrivateKey, bundle, image, simple};
use mock_registry::{Mock, Switches, Trouble};
use product::{
    PLATFORMS, PROVENANCE, Product, RECORD, SPDX, TEST_RESULT, key, policy_json, policy_of, predicates,
    record, refusals, refusing, statement,
};
use serde_json::{Value, json};

fn signed(mock: &Mock) -> (Product, PrivateKey) {
    let product = Product::push(mock, predicates);
    let key = key();
    product.sign(&key);
    (product, key)
}

/// Every blob of the repository that is a bundle, with its digest.
fn bundles(mock: &Mock) -> Vec<(String, Value)> {
    let blobs = mock.stored().blobs.clone();
    let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
    blobs
        .into_iter()
        .filter_map(|(digest, bytes)| Some((digest, read(&bytes)?)))
        .filter(|(_, json)| json["mediaType"] == bundle::MEDIA_TYPE)
        .collect()
}

fn payload(bundle: &Value) -> Value {
    let text = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
    serde_json::from_slice(&STANDARD.decode(text).unwrap()).unwrap()
}

/// Exchanges every bundle that `which` fits for a changed one, with new digests all the way up: what somebody does who may push.
fn exchange(mock: &Mock, which: impl Fn(&Value) -> bool, change: impl Fn(&mut Value)) -> usize {
    let mut count = 0;
    for (digest, json) in bundles(mock).into_iter().filter(|(_, json)| which(json)) {
        let mut other = json;
        change(&mut other);
        let bytes = serde_json::to_vec(&other).unwrap();
        let fresh = digest_of(&bytes);
        let mut stored = mock.stored();
        stored.blobs.insert(fresh.clone(), bytes.clone());
        for ((_, own), (_, manifest)) in stored.manifests.clone() {
            let text = String::from_utf8(manifest).unwrap();
            if !text.contains(&digest) {
                continue;
            }
            let mut json: Value = serde_json::from_str(&text).unwrap();
            json["layers"][0]["digest"] = fresh.clone().into();
            json["layers"][0]["size"] = bytes.len().into();
            let manifest = serde_json::to_vec(&json).unwrap();
            stored.manifests.remove(&("team/app".to_owned(), own));
            let media_type = media::MANIFEST.to_owned();
            stored.manifests.insert(("team/app".to_owned(), digest_of(&manifest)), (media_type, manifest));
            count += 1;
        }
    }
    count
}

fn is_of(kind: &'static str) -> impl Fn(&Value) -> bool {
    move |bundle| payload(bundle)["predicateType"] == kind
}

#[test]
fn what_is_signed_is_accepted_and_signing_again_changes_nothing() {
    for switches in [Switches::default(), Switches::without_referrers()] {
        let mock = Mock::start(switches);
        let product = Product::push(&mock, predicates);
        let key = key();
        let first = product.sign(&key);
        // Four attestations of each of two platforms; the index, and the image of each platform.
        assert_eq!(first.statements.len(), 11);
        assert!(first.statements.iter().all(|one| !one.known));
        let of_index = |one: &&factory::signing::SignedStatement| one.attached_to.contains(&first.digest);
        assert_eq!(
            first.statements.iter().filter(of_index).count(),
            9,
            "the index has all but the images' own signatures"
        );
        let judged = product.judged(&[key.public()], &policy_json());
        assert_eq!(judged.outcome(), Outcome::Held, "{:#?}", refusals(&judged));
        // Every rule but the two that are asked of the image as a whole, on both platforms.
        assert_eq!(judged.checks.len(), 2 + 2 * 8);
        let before = mock.stored().manifests.len();
        let again = product.sign(&key);
        assert!(again.statements.iter().all(|one| one.known), "{again:#?}");
        assert_eq!(mock.stored().manifests.len(), before);
    }
}

#[test]
fn an_image_of_one_platform_is_signed_too() {
    let mock = Mock::start(Switches::default());
    let product = Product::push(&mock, predicates);
    let reference = product.reference.with_digest(product.images[0].digest().parse().unwrap());
    let single = Product { reference, ..product };
    let key = key();
    // Its manifest alone leads to no attestations: those are the index's.
    let signed = single.sign(&key);
    assert_eq!(signed.statements.len(), 1);
    let policy = json!({"signature": {}, "platforms": {"allow": ["linux/amd64"]}});
    let judged = single.judged(&[key.public()], &policy);
    assert_eq!(judged.outcome(), Outcome::Held, "{:#?}", refusals(&judged));
    assert_eq!(
        refusing(&single.judged(&[key.public()], &policy_json())),
        ["builder", "fragments", "gpu", "packages", "platforms", "record", "sbom", "source", "tests"]
    );
}

#[test]
fn without_a_trusted_signature_nothing_counts() {
    let mock = Mock::start(Switches::default());
    let (product, key) = signed(&mock);
    let other = product::key();
    let judged = product.judged(&[other.public()], &policy_json());
    assert_eq!(
        refusing(&judged),
        ["builder", "fragments", "gpu", "packages", "record", "sbom", "signature", "source", "tests"]
    );
    let evidence = product.evidence(&[other.public()], &policy_of(&policy_json())).unwrap();
    assert!(
        evidence.root.passed_over.iter().any(|why| why.contains("no key that is trusted")),
        "{evidence:#?}"
    );
    // One of several keys will do.
    let judged = product.judged(&[other.public(), key.public()], &policy_json());
    assert_eq!(judged.outcome(), Outcome::Held);
    // Who does not ask for signatures believes what is there.
    let mut policy = policy_json();
    policy.as_object_mut().unwrap().remove("signature");
    assert_eq!(product.judged(&[], &policy).outcome(), Outcome::Held);
}

#[test]
fn a_signed_index_covers_what_is_in_it() {
    let mock = Mock::start(Switches::default());
    let product = Product::push(&mock, predicates);
    let key = key();
    // As `cosign sign` does it: the index alone, by a statement that names nothing else.
    let digest = product.index.digest();
    let bytes = serde_json::to_vec(&statement(digest, image::PREDICATE_TYPE, &json!({}))).unwrap();
    attach(&product, &product.index, &Bundle::sign(&bytes, &key).to_bytes(key.public().id()));
    let judged = product.judged(&[key.public()], &policy_json());
    assert_eq!(judged.outcome(), Outcome::Held, "{:#?}", refusals(&judged));
}

fn attach(product: &Product, subject: &Found, bundle: &[u8]) {
    let artifact = Artifact {
        artifact_type: bundle::MEDIA_TYPE.into(),
        files: vec![(Descriptor::of(bundle::MEDIA_TYPE, bundle), bundle.to_vec())],
        subject: Some(subject.descriptor.clone()),
        annotations: BTreeMap::new(),
    };
    product.repository.attach(&artifact).unwrap();
}

fn attest(product: &Product, subject: &Found, key: &PrivateKey, kind: &str, predicate: &Value) {
    let bytes = serde_json::to_vec(&statement(subject.digest(), kind, predicate)).unwrap();
    attach(product, subject, &Bundle::sign(&bytes, key).to_bytes(key.public().id()));
}

// What is changed: each kind of byte by itself.

#[track_caller]
fn caught(product: &Product, key: &PrivateKey, rule: &str) -> Judgement {
    let judged = product.judged(&[key.public()], &policy_json());
    assert_eq!(judged.outcome(), Outcome::Refused);
    assert!(refusing(&judged).contains(&rule), "{:#?}", refusals(&judged));
    judged
}

#[test]
fn a_changed_payload_is_caught() {
    let mock = Mock::start(Switches::default());
    let (product, key) = signed(&mock);
    let count = exchange(&mock, is_of(RECORD), |json| {
        let text = STANDARD.decode(json["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
        let text = String::from_utf8(text).unwrap().replace("0.2.0", "0.9.0");
        json["dsseEnvelope"]["payload"] = STANDARD.encode(text).into();
    });
    assert_eq!(count, 4, "two records, each at its image and at the index");
    caught(&product, &key, "signature");
}

#[test]
fn a_changed_signature_is_caught() {
    let mock = Mock::start(Switches::default());
    let (product, key) = signed(&mock);
    exchange(&mock, is_of(image::PREDICATE_TYPE), |json| {
        let mut bytes =
            STANDARD.decode(json["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap()).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        json["dsseEnvelope"]["signatures"][0]["sig"] = STANDARD.encode(bytes).into();
    });
    let judged = caught(&product, &key, "signature");
    assert!(refusals(&judged).iter().any(|why| why.contains("has no signature")), "{:#?}", refusals(&judged));
}

#[test]
fn the_statements_of_another_image_are_caught() {
    // Signed by the right key, and about something else: hung on another image by somebody who may push.
    let mock = Mock::start(Switches::default());
    let (product, key) = signed(&mock);
    let own: Vec<Vec<u8>> =
        bundles(&mock).iter().map(|(_, json)| serde_json::to_vec(json).unwrap()).collect();
    let bad = Mock::start(Switches::default());
    let other = Product::push(&bad, |platform| {
        let mut all = predicates(platform);
        all[0].1["packages"][0]["versionInfo"] = "5.6.1-1".into();
        all
    });
    assert_ne!(other.index.digest(), product.index.digest());
    for bundle in &own {
        for subject in std::iter::once(&other.index).chain(&other.images) {
            attach(&other, subject, bundle);
        }
    }
    caught(&other, &key, "signature");
    let evidence = other.evidence(&[key.public()], &policy_of(&policy_json())).unwrap();
    assert!(
        evidence.root.passed_over.iter().any(|why| why.contains("is about something else")),
        "{evidence:#?}"
    );
}

#[test]
fn a_changed_subject_is_caught() {
    let mock = Mock::start(Switches::default());
    let (product, key) = signed(&mock);
    let zeros = "0".repeat(64);
    exchange(
        &mock,
        |_| true,
        |json| {
            let mut statement = payload(json);
            statement["subject"][0]["digest"]["sha256"] = zeros.clone().into();
            json["dsseEnvelope"]["payload"] = STANDARD.encode(statement.to_string()).into();
        },
    );
    caught(&product, &key, "signature");
}

#[test]
fn a_changed_manifest_of_a_referrer_is_caught() {
    let mock = Mock::start(Switches::default());
    let (product, key) = signed(&mock);
    // Other bytes under the same digest: what a registry does, or who stands before it.
    for (_, (_, bytes)) in mock.stored().manifests.iter_mut() {
        if String::from_utf8_lossy(bytes).contains(bundle::MEDIA_TYPE) {
            bytes.push(b' ');
        }
    }
    caught(&product, &key, "integrity");
}

#[test]
fn a_changed_bundle_is_caught() {
    let mock = Mock::start(Switches::default());
    let (product, key) = signed(&mock);
    for (digest, json) in bundles(&mock) {
        let mut bytes = serde_json::to_vec(&json).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        mock.stored().blobs.insert(digest, bytes);
    }
    caught(&product, &key, "integrity");
    // With its digest changed too it is no bundle any more.
    let other = Mock::start(Switches::default());
    let (product, key) = signed(&other);
    exchange(&other, |_| true, |json| json["mediaType"] = "application/json".into());
    caught(&product, &key, "signature");
}

#[test]
fn a_changed_index_is_caught() {
    let mock = Mock::start(Switches::default());
    let (product, key) = signed(&mock);
    // Under the same digest.
    let at = ("team/app".to_owned(), product.index.digest().to_owned());
    let good = mock.stored().manifests[&at].clone();
    mock.stored().manifests.get_mut(&at).unwrap().1.push(b' ');
    let fault = product.evidence(&[key.public()], &policy_of(&policy_json())).unwrap_err();
    assert!(matches!(fault, Fault::NotGenuine { .. }), "{fault}");
    mock.stored().manifests.insert(at, good);
    // Under another: nobody has signed it. Here the two platforms are one another's.
    let mut json: Value = serde_json::from_slice(&product.index.bytes).unwrap();
    let first = json["manifests"][0]["platform"].clone();
    json["manifests"][0]["platform"] = json["manifests"][1]["platform"].clone();
    json["manifests"][1]["platform"] = first;
    let other = product::found(&json, media::INDEX);
    product.repository.put_manifest(&Name::Tag("dev".into()), &other).unwrap();
    let judged = caught(&product, &key, "signature");
    assert!(
        refusals(&judged).iter().any(|why| why.contains("is for \"linux/amd64\", not for linux/arm64")),
        "{:#?}",
        refusals(&judged)
    );
}

#[test]
fn annotations_say_nothing() {
    let mock = Mock::start(Switches::default());
    let (product, key) = signed(&mock);
    let mut changed = 0;
    let manifests = mock.stored().manifests.clone();
    for ((name, digest), (media_type, bytes)) in manifests {
        let mut json: Value = serde_json::from_slice(&bytes).unwrap();
        if json["artifactType"] == bundle::MEDIA_TYPE {
            // The record says that it is an SBOM, and everything else that it is a record.
            let record = json["annotations"]["dev.sigstore.bundle.predicateType"] == RECORD;
            json["annotations"]["dev.sigstore.bundle.predicateType"] =
                if record { SPDX } else { RECORD }.into();
            json["layers"][0]["annotations"] = json!({"predicateType": TEST_RESULT});
            let bytes = serde_json::to_vec(&json).unwrap();
            let mut stored = mock.stored();
            stored.manifests.remove(&(name.clone(), digest));
            stored.manifests.insert((name, digest_of(&bytes)), (media_type, bytes));
            changed += 1;
        }
    }
    assert_eq!(changed, 8 * 2 + 3);
    let judged = product.judged(&[key.public()], &policy_json());
    assert_eq!(judged.outcome(), Outcome::Held, "{:#?}", refusals(&judged));
}

#[test]
fn an_attestation_of_the_index_about_another_platform_is_caught() {
    // The index says that the attestations of the one are of the other: the statements know better.
    let mock = Mock::start(Switches::default());
    let product = Product::push(&mock, predicates);
    let mut json: Value = serde_json::from_slice(&product.index.bytes).unwrap();
    let about = |at: usize| json["manifests"][at]["annotations"]["vnd.docker.reference.digest"].clone();
    let (first, second) = (about(2), about(3));
    json["manifests"][2]["annotations"]["vnd.docker.reference.digest"] = second;
    json["manifests"][3]["annotations"]["vnd.docker.reference.digest"] = first;
    let other = product::found(&json, media::INDEX);
    product.repository.put_manifest(&Name::Tag("dev".into()), &other).unwrap();
    let mut policy = policy_json();
    policy.as_object_mut().unwrap().remove("signature");
    let judged = product.judged(&[], &policy);
    assert!(
        refusals(&judged).iter().any(|why| why.contains("no compatibility record")),
        "{:#?}",
        refusals(&judged)
    );
    let faults = factory::signing::sign(product.store().as_ref(), &product.repository, &key()).unwrap_err();
    assert!(faults.to_string().contains("is about something else"), "{faults}");
}

#[test]
fn what_is_kept_back_is_missed() {
    // Whichever statement is taken away, the signature of the image has named it.
    for kind in [SPDX, PROVENANCE, TEST_RESULT, RECORD] {
        let mock = Mock::start(Switches::default());
        let (product, key) = signed(&mock);
        let manifests = mock.stored().manifests.clone();
        for (at, (_, bytes)) in manifests {
            let json: Value = serde_json::from_slice(&bytes).unwrap();
            if json["annotations"]["dev.sigstore.bundle.predicateType"] == kind {
                mock.stored().manifests.remove(&at);
            }
        }
        let judged = caught(&product, &key, "signature");
        assert!(
            refusals(&judged).iter().any(|why| why.contains("is not there")),
            "{kind}: {:#?}",
            refusals(&judged)
        );
    }
}

// Could not look.

#[test]
fn not_being_allowed_to_look_is_not_seeing_nothing() {
    for status in [401, 403, 429, 503] {
        for of in
            ["GET /v2/team/app/referrers", "GET /v2/team/app/manifests/sha256-", "GET /v2/team/app/blobs/"]
        {
            let mock = Mock::start(Switches::default());
            let (product, key) = signed(&mock);
            mock.switch(|switches| switches.troubles.push(Trouble::new(of, usize::MAX, status)));
            let judged = product.judged(&[key.public()], &policy_json());
            assert_eq!(judged.outcome(), Outcome::Unknown, "{status} {of}: {:#?}", refusals(&judged));
            let open = judged.checks.iter().filter(|check| check.outcome == Outcome::Unknown);
            assert!(
                open.clone().all(|check| check.reasons.iter().all(|why| why.contains("could not look"))),
                "{status} {of}"
            );
            assert!(open.count() > 10, "only what the index itself says is known");
        }
        let mock = Mock::start(Switches::default());
        let (product, key) = signed(&mock);
        mock.switch(|switches| {
            switches.troubles.push(Trouble::new("GET /v2/team/app/manifests/", usize::MAX, status));
        });
        let fault = product.evidence(&[key.public()], &policy_of(&policy_json())).unwrap_err();
        assert!(fault.is_could_not_look(), "{status}: {fault}");
        let fault = factory::signing::sign(product.store().as_ref(), &product.repository, &key).unwrap_err();
        assert_eq!(fault.exit(), factory::exit::Exit::CouldNotLook, "{status}: {fault}");
    }
}

#[test]
fn an_image_that_is_not_there_is_missing() {
    let mock = Mock::start(Switches::default());
    let product = Product::push(&mock, predicates);
    let reference = format!("{}/team/app:other", mock.host()).parse().unwrap();
    let other = Product { reference, ..product };
    let fault = other.evidence(&[], &policy_of(&policy_json())).unwrap_err();
    assert!(matches!(fault, Fault::Missing(_)), "{fault}");
}

#[test]
fn nothing_is_signed_where_not_all_can_be_looked_at() {
    let mock = Mock::start(Switches::default());
    let product = Product::push(&mock, predicates);
    let before = mock.stored().manifests.len();
    mock.switch(|switches| {
        switches.troubles.push(Trouble::new("GET /v2/team/app/referrers", usize::MAX, 403));
    });
    assert!(factory::signing::sign(product.store().as_ref(), &product.repository, &key()).is_err());
    assert_eq!(mock.stored().manifests.len(), before);
}

// What others attach.

#[test]
fn a_newer_failure_wins_whoever_has_attached_it_where() {
    let mock = Mock::start(Switches::default());
    let (product, key) = signed(&mock);
    let failed = |time: Option<&str>| {
        let mut record = record(PLATFORMS[0]);
        record["result"] = json!({"status": "fail", "tested_at": time, "notes": "core/python: exit code 1"});
        if time.is_none() {
            record["result"].as_object_mut().unwrap().remove("tested_at");
        }
        json!({"record": record, "evidence": ""})
    };
    // An older one does not matter, nor does one that nobody trusted has signed.
    attest(&product, &product.images[0], &key, RECORD, &failed(Some("2026-11-19T10:00:43Z")));
    attest(&product, &product.images[0], &product::key(), RECORD, &failed(Some("2026-11-21T10:00:43Z")));
    let judged = product.judged(&[key.public()], &policy_json());
    assert_eq!(judged.outcome(), Outcome::Held, "{:#?}", refusals(&judged));
    attest(&product, &product.images[0], &key, RECORD, &failed(Some("2026-11-21T10:00:43Z")));
    let judged = caught(&product, &key, "tests");
    assert!(
        refusals(&judged).iter().any(|why| why.contains("of 2026-11-21T10:00:43Z says fail: core/python"))
    );
    // A newer pass sets it right again, and a failure without a time is the newest.
    let mut passed = record(PLATFORMS[0]);
    passed["result"]["tested_at"] = "2026-11-22T10:00:43Z".into();
    attest(&product, &product.images[0], &key, RECORD, &json!({"record": passed, "evidence": ""}));
    assert_eq!(product.judged(&[key.public()], &policy_json()).outcome(), Outcome::Held);
    attest(&product, &product.images[0], &key, RECORD, &failed(None));
    caught(&product, &key, "tests");
}

#[test]
fn the_older_layout_of_cosign_is_read() {
    let mock = Mock::start(Switches::default());
    let product = Product::push(&mock, |_| Vec::new());
    let key = key();
    let subjects: Vec<&Found> = std::iter::once(&product.index).chain(&product.images).collect();
    for subject in subjects {
        let tag = |end: &str| Name::Tag(format!("{}.{end}", subject.digest().replacen(':', "-", 1)));
        let payload = json!({"critical": {"identity": {"docker-reference": "app"}, "type": "cosign container image signature",
            "image": {"docker-manifest-digest": subject.digest()}}, "optional": null});
        let payload = serde_json::to_vec(&payload).unwrap();
        let signature = STANDARD.encode(key.sign(&payload));
        product::put_layers(
            &product,
            &tag("sig"),
            vec![(simple::MEDIA_TYPE, payload, json!({simple::SIGNATURE: signature}))],
        );
        let Some(at) = product.images.iter().position(|image| image.digest() == subject.digest()) else {
            continue;
        };
        let layers = predicates(PLATFORMS[at]).into_iter().map(|(kind, predicate)| {
            let bytes = serde_json::to_vec(&statement(subject.digest(), kind, &predicate)).unwrap();
            let envelope = Bundle::sign(&bytes, &key).envelope;
            let annotations = json!({"predicateType": kind, simple::SIGNATURE: ""});
            ("application/vnd.dsse.envelope.v1+json", serde_json::to_vec(&envelope).unwrap(), annotations)
        });
        product::put_layers(&product, &tag("att"), layers.collect());
    }
    let judged = product.judged(&[key.public()], &policy_json());
    assert_eq!(judged.outcome(), Outcome::Held, "{:#?}", refusals(&judged));
    assert_eq!(refusing(&product.judged(&[product::key().public()], &policy_json())).len(), 9);
}

#[test]
fn a_signature_with_a_certificate_is_told_and_not_believed() {
    let mock = Mock::start(Switches::default());
    let product = Product::push(&mock, predicates);
    let key = key();
    let bytes =
        serde_json::to_vec(&statement(product.index.digest(), image::PREDICATE_TYPE, &json!({}))).unwrap();
    let mut json: Value =
        serde_json::from_slice(&Bundle::sign(&bytes, &product::key()).to_bytes(key.public().id())).unwrap();
    json["verificationMaterial"] = json!({"certificate": {"rawBytes": "AAAA"}, "tlogEntries": []});
    attach(&product, &product.index, &serde_json::to_vec(&json).unwrap());
    caught(&product, &key, "signature");
    let evidence = product.evidence(&[key.public()], &policy_of(&policy_json())).unwrap();
    assert!(
        evidence.root.passed_over.iter().any(|why| why.contains("(keyless)")),
        "{:#?}",
        evidence.root.passed_over
    );
}

#[test]
fn the_base_is_asked_for() {
    let mock = Mock::start(Switches::default());
    let base = Product::push(&mock, |_| Vec::new());
    let digest = base.index.digest().to_owned();
    let arm = base.images[1].digest().to_owned();
    let other = Mock::start(Switches::default());
    let product = Product::push(&other, |platform| {
        let mut all = predicates(platform);
        // One platform knows the base by its index, the other by its manifest.
        let known = if platform == PLATFORMS[0] { &digest } else { &arm };
        all[3].1["record"]["base_digest"] = known.clone().into();
        all
    });
    let policy = json!({"base": {"images": [base.reference.to_string()]}});
    let judged = product.judged(&[], &policy);
    assert_eq!(judged.outcome(), Outcome::Held, "{:#?}", refusals(&judged));
    // It has moved on.
    let entries: Vec<Value> = Vec::new();
    let newer = product::found(
        &json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": entries}),
        media::INDEX,
    );
    base.repository.put_manifest(&Name::Tag("dev".into()), &newer).unwrap();
    let judged = product.judged(&[], &policy);
    assert!(
        refusals(&judged)[0].contains(&format!("the base {digest} is not current")),
        "{:#?}",
        refusals(&judged)
    );
    assert!(refusals(&judged)[0].contains(newer.digest()), "{:#?}", refusals(&judged));
    // It is gone, and nobody may look.
    mock.switch(|switches| {
        switches.troubles = vec![Trouble::new("GET /v2/team/app/manifests", usize::MAX, 404)];
    });
    assert!(refusals(&product.judged(&[], &policy))[0].contains("there is no "));
    mock.switch(|switches| {
        switches.troubles = vec![Trouble::new("GET /v2/team/app/manifests", usize::MAX, 403)];
    });
    assert_eq!(product.judged(&[], &policy).outcome(), Outcome::Unknown);
}
