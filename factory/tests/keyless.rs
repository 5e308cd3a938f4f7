//! Keyless signatures: what holds counts, and whatever is changed, missing or of somebody else is refused by the name of its check.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod sigstore;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use factory::signing::bundle::SignedWith;
use factory::signing::keyless::{Check, Identity, IdentityMatch, Refusal, Trust, TrustedRoot, verify};
use factory::signing::{Bundle, KeyKind, PrivateKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sigstore::{
    IDENTITY, ISSUER, MAIL, Sigstore, Wanted, base64, bundle, bundle_at, der, encoding, hex, now, pem,
};

const STATEMENT: &[u8] = br#"{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"x"}"#;

fn trust(root: TrustedRoot, identity: &str, issuer: &str) -> Trust {
    let identities =
        vec![IdentityMatch { identity: identity.parse().unwrap(), issuer: issuer.parse().unwrap() }];
    Trust { root, identities, now: now() }
}

fn checked(bundle: &Value, trust: &Trust) -> Result<Identity, Refusal> {
    let bundle = Bundle::parse(bundle.to_string().as_bytes()).unwrap();
    let SignedWith::Certificate(material) = &bundle.signed_with else { panic!("a pair of keys") };
    let (message, payload) = (bundle.envelope.message().unwrap(), bundle.envelope.payload().unwrap());
    let signature = bundle.envelope.signature().unwrap();
    let signed = factory::signing::keyless::Signed {
        message: &message,
        payload: Some(&payload),
        signature: &signature,
    };
    verify(material, &signed, trust).map(|proven| {
        assert!((now() - proven.time).abs() < 60);
        proven.identity
    })
}

#[track_caller]
fn refused(bundle: &Value, trust: &Trust, check: Check, why: &str) {
    let refusal = checked(bundle, trust).unwrap_err();
    assert!(refusal.check == check && refusal.why.contains(why), "{check} {why:?}: {refusal}");
}

/// Changes the last bit of base64.
fn flip(value: &mut Value) {
    let mut bytes = STANDARD.decode(value.as_str().unwrap()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    *value = base64(&bytes).into();
}

fn entry(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}

#[test]
fn what_holds_names_who_has_signed() {
    let mut sigstore = Sigstore::new();
    let mail = Wanted::new(MAIL, "release@team.test", ISSUER);
    let other =
        [der::value(0x06, &[der::FULCIO, &[7]].concat()), der::value(0xa0, &der::value(0x0c, b"a name"))];
    let other = Wanted { name: (0xa0, other.concat()), ..Wanted::default() };
    // The issuer as it was written before.
    let old = der::extension(&[der::FULCIO, &[1]].concat(), false, b"https://old.test");
    let old = Wanted { extensions: vec![old], ..Wanted::default() };
    for (wanted, identity, issuer) in [
        (Wanted::default(), IDENTITY, ISSUER),
        (mail, "release@team.test", ISSUER),
        (other, "a name", ISSUER),
        (old, IDENTITY, "https://old.test"),
    ] {
        let bundle = bundle(&mut sigstore, STATEMENT, &wanted);
        let expected = Identity { identity: identity.into(), issuer: issuer.into() };
        assert_eq!(checked(&bundle, &trust(sigstore.root(), identity, issuer)), Ok(expected.clone()));
        assert_eq!(checked(&bundle, &trust(sigstore.root(), "*", "https://*.test")), Ok(expected));
    }
}

#[test]
fn every_byte_that_is_changed_is_caught() {
    let mut sigstore = Sigstore::new();
    let good = bundle(&mut sigstore, STATEMENT, &Wanted::default());
    let another = bundle(&mut sigstore, STATEMENT, &Wanted::default());
    let trust = trust(sigstore.root(), IDENTITY, ISSUER);
    assert!(checked(&good, &trust).is_ok());
    type Change<'c> = &'c dyn Fn(&mut Value);
    let cases: &[(&str, Change<'_>, Check, &str)] = &[
        (
            "payload",
            &|one| one["dsseEnvelope"]["payload"] = base64(b"{}").into(),
            Check::Signature,
            "has not signed this",
        ),
        (
            "kind of payload",
            &|one| one["dsseEnvelope"]["payloadType"] = "x".into(),
            Check::Signature,
            "has not signed this",
        ),
        (
            "signature",
            &|one| flip(&mut one["dsseEnvelope"]["signatures"][0]["sig"]),
            Check::Signature,
            "has not signed this",
        ),
        (
            "certificate",
            &|one| flip(&mut one["verificationMaterial"]["certificate"]["rawBytes"]),
            Check::Entry,
            "another certificate",
        ),
        (
            "another's certificate",
            &|one| {
                one["verificationMaterial"]["certificate"] =
                    another["verificationMaterial"]["certificate"].clone();
            },
            Check::Signature,
            "has not signed this",
        ),
        (
            "no certificate",
            &|one| one["verificationMaterial"]["certificate"]["rawBytes"] = "AAAA".into(),
            Check::Form,
            "is none",
        ),
        (
            "no entry",
            &|one| one["verificationMaterial"]["tlogEntries"] = json!([]),
            Check::Entry,
            "there is none",
        ),
        (
            "another's entry",
            &|one| {
                one["verificationMaterial"]["tlogEntries"] =
                    another["verificationMaterial"]["tlogEntries"].clone();
            },
            Check::Entry,
            "another signature",
        ),
        (
            "log",
            &|one| flip(&mut entry(one)["logId"]["keyId"]),
            Check::Entry,
            "of no log of the trusted root",
        ),
        (
            "body",
            &|one| entry(one)["canonicalizedBody"] = base64(b"{}").into(),
            Check::Entry,
            "cannot be read",
        ),
        (
            "body's payload",
            &|one| {
                let body = STANDARD.decode(entry(one)["canonicalizedBody"].as_str().unwrap()).unwrap();
                let mut body: Value = serde_json::from_slice(&body).unwrap();
                body["spec"]["payloadHash"]["value"] = hex(&Sha256::digest(b"{}")).into();
                entry(one)["canonicalizedBody"] = base64(body.to_string().as_bytes()).into();
            },
            Check::Entry,
            "something else",
        ),
        (
            "body's kind",
            &|one| {
                let body = STANDARD.decode(entry(one)["canonicalizedBody"].as_str().unwrap()).unwrap();
                let body = String::from_utf8(body).unwrap().replace("0.0.1", "0.9.1");
                entry(one)["canonicalizedBody"] = base64(body.as_bytes()).into();
            },
            Check::Entry,
            "\"dsse\" \"0.9.1\" are not known here",
        ),
        (
            "body's spaces",
            &|one| {
                let mut body = STANDARD.decode(entry(one)["canonicalizedBody"].as_str().unwrap()).unwrap();
                body.push(b' ');
                entry(one)["canonicalizedBody"] = base64(&body).into();
            },
            Check::Proof,
            "does not lead",
        ),
        (
            "promise",
            &|one| flip(&mut entry(one)["inclusionPromise"]["signedEntryTimestamp"]),
            Check::Promise,
            "has not signed it",
        ),
        (
            "time",
            &|one| entry(one)["integratedTime"] = (now() - 50).to_string().into(),
            Check::Promise,
            "has not signed it",
        ),
        ("place", &|one| entry(one)["logIndex"] = "7".into(), Check::Promise, "has not signed it"),
        (
            "no promise",
            &|one| entry(one)["inclusionPromise"] = Value::Null,
            Check::Timestamp,
            "there is none",
        ),
        ("no proof", &|one| entry(one)["inclusionProof"] = Value::Null, Check::Proof, "there is none"),
        ("hash", &|one| flip(&mut entry(one)["inclusionProof"]["hashes"][0]), Check::Proof, "does not lead"),
        (
            "proof's place",
            &|one| entry(one)["inclusionProof"]["logIndex"] = "1".into(),
            Check::Proof,
            "does not lead",
        ),
        (
            "root",
            &|one| flip(&mut entry(one)["inclusionProof"]["rootHash"]),
            Check::Checkpoint,
            "another tree",
        ),
        (
            "size",
            &|one| entry(one)["inclusionProof"]["treeSize"] = "9".into(),
            Check::Checkpoint,
            "another tree",
        ),
        (
            "no checkpoint",
            &|one| entry(one)["inclusionProof"]["checkpoint"] = Value::Null,
            Check::Checkpoint,
            "there is none",
        ),
        (
            "checkpoint",
            &|one| {
                let text = entry(one)["inclusionProof"]["checkpoint"]["envelope"]
                    .as_str()
                    .unwrap()
                    .replace("log.test - 1", "log.test - 2");
                entry(one)["inclusionProof"]["checkpoint"]["envelope"] = text.into();
            },
            Check::Checkpoint,
            "has not signed it",
        ),
        (
            "checkpoint's signature",
            &|one| {
                let text =
                    entry(one)["inclusionProof"]["checkpoint"]["envelope"].as_str().unwrap().to_owned();
                let (unsigned, _) = text.trim_end().rsplit_once('\n').unwrap();
                entry(one)["inclusionProof"]["checkpoint"]["envelope"] = format!("{unsigned}\n").into();
            },
            Check::Checkpoint,
            "names the log's key",
        ),
        (
            "no note",
            &|one| entry(one)["inclusionProof"]["checkpoint"]["envelope"] = "x".into(),
            Check::Checkpoint,
            "no signed note",
        ),
    ];
    for (what, change, check, why) in cases {
        let mut changed = good.clone();
        change(&mut changed);
        let refusal = checked(&changed, &trust).expect_err(what);
        assert!(refusal.check == *check && refusal.why.contains(why), "{what}: {refusal}");
    }
}

#[test]
fn certificates_are_held_to_what_they_are_for() {
    let mut sigstore = Sigstore::new();
    let trust = trust(sigstore.root(), IDENTITY, ISSUER);
    let mut of = |wanted: &Wanted, check: Check, why: &str| {
        refused(&bundle(&mut sigstore, STATEMENT, wanted), &trust, check, why);
    };
    of(&Wanted { logged: false, ..Wanted::default() }, Check::Sct, "the certificate has none");
    let added = der::extension(&[0x2a, 3], false, b"\x05\x00");
    of(&Wanted { added: vec![added], ..Wanted::default() }, Check::Sct, "has not signed it");
    of(&Wanted { usage: der::TIME_STAMPING, ..Wanted::default() }, Check::Certificate, "RequiredEkuNotFound");
    of(&Wanted { until: now() - 10, ..Wanted::default() }, Check::Time, "outside the certificate's life");
    of(&Wanted { from: now() + 100, ..Wanted::default() }, Check::Time, "outside the certificate's life");
    of(&Wanted { extensions: Vec::new(), ..Wanted::default() }, Check::Issuer, "does not say who vouches");
    of(
        &Wanted { name: (0x82, b"host.test".to_vec()), ..Wanted::default() },
        Check::Identity,
        "something other",
    );
    // What a log says of a time that is still to come is no time.
    let wanted = Wanted { until: now() + 9000, ..Wanted::default() };
    refused(
        &bundle_at(&mut sigstore, STATEMENT, &wanted, now() + 5000),
        &trust,
        Check::Time,
        "in the future",
    );
    // Another authority, which the right log has logged; another certificate log.
    let mut bad = Sigstore::new();
    std::mem::swap(&mut bad.log, &mut sigstore.log);
    let forged = bundle(&mut bad, STATEMENT, &Wanted::default());
    refused(&forged, &trust, Check::Certificate, "does not lead to an authority");
    std::mem::swap(&mut bad.log, &mut sigstore.log);
    std::mem::swap(&mut bad.certificate_log, &mut sigstore.certificate_log);
    let forged = bundle(&mut sigstore, STATEMENT, &Wanted::default());
    refused(&forged, &trust, Check::Sct, "no certificate log of the trusted root");
}

#[test]
fn only_who_is_trusted_counts() {
    let mut sigstore = Sigstore::new();
    let bundle = bundle(&mut sigstore, STATEMENT, &Wanted::default());
    let of = |identity, issuer| trust(sigstore.root(), identity, issuer);
    refused(&bundle, &of("https://git.test/other/*", "*"), Check::Identity, IDENTITY);
    refused(&bundle, &of("*", "https://other.test"), Check::Issuer, ISSUER);
    refused(&bundle, &trust(Sigstore::new().root(), "*", "https://ci.test"), Check::Entry, "of no log");
    let nobody = Trust { identities: Vec::new(), ..of("*", "*") };
    refused(&bundle, &nobody, Check::Issuer, "none that is trusted");
}

#[test]
fn everybody_is_believed_for_their_time_only() {
    let mut sigstore = Sigstore::new();
    let good = bundle(&mut sigstore, STATEMENT, &Wanted::default());
    let past = llb_gen::lower::rfc3339((now() - 1000) as u64);
    for (what, check, why) in [
        ("/tlogs/0/publicKey/validFor", Check::Time, "for which the log is trusted"),
        (
            "/certificateAuthorities/0/validFor",
            Check::Certificate,
            "no authority of the trusted root is for that time",
        ),
        ("/ctlogs/0/publicKey/validFor", Check::Sct, "was not trusted at its time"),
    ] {
        let mut root = sigstore.trusted_root();
        root.pointer_mut(what).unwrap()["end"] = past.clone().into();
        let root = TrustedRoot::parse(root.to_string().as_bytes()).unwrap();
        refused(&good, &trust(root, IDENTITY, ISSUER), check, why);
    }
    // A key of a kind that nobody here knows believes nothing.
    let mut root = sigstore.trusted_root();
    root["tlogs"][0]["publicKey"]["rawBytes"] = base64(&der::sequence(&[])).into();
    let root = TrustedRoot::parse(root.to_string().as_bytes()).unwrap();
    refused(&good, &trust(root, IDENTITY, ISSUER), Check::Entry, "of a kind that is not known here");
}

/// A bundle whose entry is one of the newer log: without a promise, and so without a time.
fn of_newer_log(sigstore: &mut Sigstore, stamp: impl Fn(&Sigstore, &[u8]) -> Vec<u8>) -> Value {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let message = encoding(STATEMENT);
    let signature = key.sign(&message);
    let certificate = sigstore.certificate(&key.public().to_der(), &Wanted::default());
    let body = json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": {
        "data": {"algorithm": "SHA2_256", "digest": base64(&Sha256::digest(&message))},
        "signature": {"content": base64(&signature), "verifier": {"keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "x509Certificate": {"rawBytes": base64(&certificate)}}}}}});
    let mut entry = sigstore.append(&body, 0);
    entry.as_object_mut().unwrap().remove("inclusionPromise");
    entry.as_object_mut().unwrap().remove("integratedTime");
    let stamp = stamp(sigstore, &signature);
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"certificate": {"rawBytes": base64(&certificate)}, "tlogEntries": [entry],
            "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": base64(&stamp)}]}},
        "dsseEnvelope": {"payload": base64(STATEMENT), "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": base64(&signature)}]},
    })
}

#[test]
fn a_log_without_a_clock_needs_a_time_stamp() {
    let mut sigstore = Sigstore::new();
    let trust = trust(sigstore.root(), IDENTITY, ISSUER);
    let stamp = |sigstore: &Sigstore, of: &[u8]| der::timestamp(of, now(), &sigstore.clock, &[]);
    assert!(checked(&of_newer_log(&mut sigstore, stamp), &trust).is_ok());
    // The authority's certificate may come along.
    let embedded = |sigstore: &Sigstore, of: &[u8]| {
        der::timestamp(of, now(), &sigstore.clock, &sigstore.clock_chain()[..1])
    };
    let mut without = sigstore.trusted_root();
    without["timestampAuthorities"][0]["certChain"]["certificates"].as_array_mut().unwrap().remove(0);
    let without = TrustedRoot::parse(without.to_string().as_bytes()).unwrap();
    let good = of_newer_log(&mut sigstore, embedded);
    assert!(checked(&good, &Trust { root: without.clone(), ..trust.clone() }).is_ok());
    let bare = of_newer_log(&mut sigstore, stamp);
    refused(&bare, &Trust { root: without, ..trust.clone() }, Check::Timestamp, "has signed it");

    let mut none = good;
    none["verificationMaterial"].as_object_mut().unwrap().remove("timestampVerificationData");
    refused(&none, &trust, Check::Timestamp, "there is none");
    let other = |sigstore: &Sigstore, _: &[u8]| der::timestamp(b"another", now(), &sigstore.clock, &[]);
    refused(&of_newer_log(&mut sigstore, other), &trust, Check::Timestamp, "of another signature");
    let late = |sigstore: &Sigstore, of: &[u8]| der::timestamp(of, now() - 3600, &sigstore.clock, &[]);
    refused(&of_newer_log(&mut sigstore, late), &trust, Check::Time, "outside the certificate's life");
    let early = |sigstore: &Sigstore, of: &[u8]| der::timestamp(of, sigstore.since - 9, &sigstore.clock, &[]);
    refused(&of_newer_log(&mut sigstore, early), &trust, Check::Timestamp, "for that time");
    // Somebody else's clock, with a certificate that it has from itself; and one that is for something else.
    let forged = |_: &Sigstore, of: &[u8]| {
        let bad = Sigstore::new();
        der::timestamp(of, now(), &bad.clock, &bad.clock_chain())
    };
    refused(&of_newer_log(&mut sigstore, forged), &trust, Check::Timestamp, "the authority's certificate");
    let signer = |sigstore: &Sigstore, of: &[u8]| {
        der::timestamp(of, now(), &sigstore.authority, &sigstore.chain()[..1])
    };
    refused(&of_newer_log(&mut sigstore, signer), &trust, Check::Timestamp, "the authority's certificate");
    // Each byte of the answer but those that nobody has signed: status, versions, and what the signer is called.
    let bundle = of_newer_log(&mut sigstore, stamp);
    let at = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp";
    let bytes = STANDARD.decode(bundle.pointer(at).unwrap().as_str().unwrap()).unwrap();
    let mut passed = Vec::new();
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        let mut bundle = bundle.clone();
        *bundle.pointer_mut(at).unwrap() = base64(&changed).into();
        if checked(&bundle, &trust).is_ok() {
            passed.push(index);
        }
    }
    let unsigned = |index: &usize| *index < 50 || (153..186).contains(index) || (278..290).contains(index);
    assert!(passed.iter().all(unsigned), "{passed:?} of {}", bytes.len());
}

#[test]
fn a_body_names_the_certificate_and_not_its_key_alone() {
    let mut sigstore = Sigstore::new();
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let signature = key.sign(&encoding(STATEMENT));
    let certificate = sigstore.certificate(&key.public().to_der(), &Wanted::default());
    let later =
        sigstore.certificate(&key.public().to_der(), &Wanted { until: now() + 541, ..Wanted::default() });
    let envelope = json!({"payload": base64(STATEMENT), "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": base64(&signature)}]});
    let trust = trust(sigstore.root(), IDENTITY, ISSUER);
    let mut of = |body: &Value| {
        let entry = sigstore.append(body, now());
        json!({"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.2", "dsseEnvelope": envelope,
            "verificationMaterial": {"x509CertificateChain": {"certificates": [{"rawBytes": base64(&certificate)}]}, "tlogEntries": [entry]}})
    };
    // The kinds of earlier years: an envelope with its signature in base64 twice, and any bytes with a hash.
    let in_toto = |certificate: &[u8]| {
        json!({"apiVersion": "0.0.2", "kind": "intoto", "spec": {"content": {
            "envelope": {"payloadType": "application/vnd.in-toto+json", "signatures": [
                {"publicKey": base64(pem(certificate).as_bytes()), "sig": base64(base64(&signature).as_bytes())}]},
            "hash": {"algorithm": "sha256", "value": "00"},
            "payloadHash": {"algorithm": "sha256", "value": hex(&Sha256::digest(STATEMENT))}}}})
    };
    let hashed = |certificate: &[u8]| {
        json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": hex(&Sha256::digest(encoding(STATEMENT)))}},
            "signature": {"content": base64(&signature), "publicKey": {"content": base64(pem(certificate).as_bytes())}}}})
    };
    for body in [&in_toto as &dyn Fn(&[u8]) -> Value, &hashed] {
        assert!(checked(&of(&body(&certificate)), &trust).is_ok());
        refused(&of(&body(&later)), &trust, Check::Entry, "another certificate");
    }
}
