//! Policies judged on plain values: each rule by itself, and that nothing is gained by leaving something out.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod mock_registry;
mod product;

use std::collections::BTreeMap;
use std::time::Duration;

use factory::policy::evidence::{Attestation, Base, Evidence, ImageSignature, Look, PlatformLook, Where};
use factory::policy::{Judgement, Outcome, judge};
use factory::registry::digest_of;
use factory::signing::{KeyId, PrivateKey, Statement};
use llb_gen::policy::Policy;
use product::{
    PLATFORMS, RECORD, SPDX, digits, now, policy_json, policy_of, predicates, record, refusals, statement,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const CYCLONEDX: &str = "https://cyclonedx.org/bom";

/// A key's id, always the same.
fn key() -> KeyId {
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEICfO1anFpRfP/wJzOEN2dWRo2qofsuRhq6fJ2BgO3HUp\n-----END PRIVATE KEY-----\n";
    let read = factory::signing::key_file::read(pem, || Err(factory::signing::Fault::OtherKind));
    read.map(|key: PrivateKey| key.public().id()).unwrap()
}

fn attestation(about: &str, kind: &str, predicate: &Value) -> Attestation {
    let bytes = serde_json::to_vec(&statement(about, kind, predicate)).unwrap();
    Attestation {
        statement: Statement::parse(&bytes).unwrap(),
        digest: digest_of(&bytes),
        signed_by: Some(key().into()),
        found: Where::Referrer,
    }
}

/// Evidence of an image on one platform, signed, with these attestations.
fn evidence(attested: &[(&str, Value)]) -> Evidence {
    let digest = digits("image");
    let attestations: Vec<Attestation> =
        attested.iter().map(|(kind, predicate)| attestation(&digest, kind, predicate)).collect();
    let named = attestations.iter().map(|one| one.digest.clone()).collect();
    let signatures = vec![ImageSignature { by: key().into(), attestations: named }];
    let root = Look { digest: digits("index"), signatures, ..Look::default() };
    let platform: llb_gen::model::Platform = PLATFORMS[0].parse().unwrap();
    let look = Look { digest, attestations, ..Look::default() };
    Evidence {
        image: "app".into(),
        root,
        platforms: vec![platform.clone()],
        looks: vec![PlatformLook { platform, look }],
        bases: BTreeMap::new(),
    }
}

fn whole() -> Vec<(&'static str, Value)> {
    predicates(PLATFORMS[0])
}

/// The policy with every rule, for the one platform.
fn policy() -> Policy {
    let mut json = policy_json();
    json["platforms"] = json!({"require": [PLATFORMS[0]], "allow": [PLATFORMS[0]]});
    policy_of(&json)
}

fn judged(policy: &Value, attested: &[(&str, Value)]) -> Judgement {
    judge(&policy_of(policy), &evidence(attested), now())
}

/// The fixture with a record that is changed.
fn with_record(change: impl FnOnce(&mut Value)) -> Vec<(&'static str, Value)> {
    let mut all = whole();
    change(&mut all[3].1["record"]);
    all
}

#[track_caller]
fn holds(policy: &Value, attested: &[(&str, Value)]) {
    let judged = judged(policy, attested);
    assert_eq!(judged.outcome(), Outcome::Held, "{:#?}", refusals(&judged));
}

#[track_caller]
fn refuses(policy: &Value, attested: &[(&str, Value)], why: &str) {
    let judged = judged(policy, attested);
    assert!(refusals(&judged).iter().any(|reason| reason.contains(why)), "{why}: {:#?}", refusals(&judged));
}

#[test]
fn the_whole_policy_holds_and_every_check_has_its_place() {
    let judged = judge(&policy(), &evidence(&whole()), now());
    assert_eq!(judged.outcome(), Outcome::Held, "{:#?}", refusals(&judged));
    assert_eq!(judged.checks.len(), 10);
    assert!(
        judged
            .checks
            .iter()
            .all(|check| check.place.as_ref().is_some_and(|place| place.starts_with("policy.json:")))
    );
}

#[test]
fn builders_and_sources() {
    holds(&json!({"builder": ["https://ci.test/run/1"]}), &whole());
    refuses(
        &json!({"builder": ["https://ci.test/run/2"]}),
        &whole(),
        "the builder \"https://ci.test/run/1\" is not allowed",
    );
    refuses(&json!({"builder": ["*"]}), &whole()[..1], "no provenance");
    let mut nobody = whole();
    nobody[1].1["builder"] = json!({});
    refuses(&json!({"builder": ["*"]}), &nobody, "names no builder");
    holds(&json!({"source": {"repositories": ["https://git.test/team/serve"]}}), &whole());
    refuses(
        &json!({"source": {"repositories": ["https://git.test/other/*"]}}),
        &whole(),
        "\"https://git.test/team/serve\" is not allowed",
    );
    refuses(
        &json!({"source": {"repositories": ["*"], "said_by": "client"}}),
        &whole(),
        "which repository the client's folder is of",
    );
    let folder = json!({"builder": {"id": ""}, "metadata": {"https://mobyproject.org/buildkit@v1#metadata": {"vcs": {"source": "git@git.test:team"}}}});
    let folder = [(product::PROVENANCE, folder)];
    holds(&json!({"source": {"repositories": ["git@git.test:*"], "said_by": "client"}}), &folder);
    refuses(
        &json!({"source": {"repositories": ["*"]}}),
        &folder,
        "no repository that the builder has fetched",
    );
}

#[test]
fn fragments() {
    let policy = |rule: Value| json!({"fragments": rule});
    holds(&policy(json!({"allow": [{"name": "core"}, {"name": "light", "versions": ">=0.2"}]})), &whole());
    refuses(
        &policy(json!({"allow": [{"name": "core"}]})),
        &whole(),
        "the fragment light 0.2.0 is not allowed",
    );
    refuses(
        &policy(json!({"allow": [{"name": "core", "versions": "<0.1"}, {"name": "light"}]})),
        &whole(),
        "the fragment core 0.1.0 is not allowed",
    );
    refuses(
        &policy(json!({"deny": [{"name": "light", "versions": "<0.3", "reason": "too old"}]})),
        &whole(),
        "is denied (light <0.3): too old",
    );
    refuses(
        &policy(json!({"allow": [{"name": "core"}, {"name": "light"}], "deny": [{"name": "core"}]})),
        &whole(),
        "core 0.1.0 is denied",
    );
    refuses(
        &policy(json!({"require": [{"name": "security"}]})),
        &whole(),
        "the fragment security is required",
    );
    refuses(
        &policy(json!({"require": [{"name": "core", "versions": ">=0.2"}]})),
        &whole(),
        "the fragment core >=0.2 is required",
    );
    let deny = policy(json!({"deny": [{"name": "x"}]}));
    refuses(&deny, &whole()[..3], "no compatibility record");
    refuses(&deny, &with_record(|record| record["fragments"] = json!([])), "names no fragment");
    // A version that is none may be anything.
    let odd = with_record(|record| record["fragments"][0]["version"] = "next".into());
    refuses(&policy(json!({"deny": [{"name": "core", "versions": "<0.0.1"}]})), &odd, "core next is denied");
    refuses(
        &policy(json!({"allow": [{"name": "core", "versions": ">0.0.1"}, {"name": "light"}]})),
        &odd,
        "core next is not allowed",
    );
    // A candidate comes before its release.
    let candidate = with_record(|record| record["fragments"][0]["version"] = "0.3.0-rc.1".into());
    refuses(
        &policy(json!({"deny": [{"name": "core", "versions": "<0.3.0"}]})),
        &candidate,
        "core 0.3.0-rc.1 is denied",
    );
}

#[test]
fn tests_and_skipped_ones() {
    let policy = json!({"tests": {"require": ["core/python"]}});
    holds(&policy, &whole());
    refuses(&json!({"tests": {"require": ["core/pip"]}}), &whole(), "the test core/pip is required");
    refuses(&policy, &whole()[..3], "no compatibility record");
    for verdict in ["fail", "error", "skipped"] {
        refuses(
            &policy,
            &with_record(|record| record["result"]["status"] = verdict.into()),
            &format!("says {verdict}"),
        );
    }
    refuses(
        &json!({"tests": {}}),
        &with_record(|record| record["tests"] = json!([])),
        "no test of the record",
    );
    let skipped = with_record(|record| {
        let mut test = record["tests"][0].clone();
        test["name"] = "core/gpu".into();
        test["verdict"] = "skipped".into();
        test["reason"] = "no device".into();
        record["tests"].as_array_mut().unwrap().push(test);
    });
    refuses(&policy, &skipped, "the test core/gpu was skipped: no device");
    holds(&json!({"tests": {"skipped": "allow"}}), &skipped);
    refuses(
        &json!({"tests": {"skipped": "allow", "require": ["core/gpu"]}}),
        &skipped,
        "core/gpu is required",
    );
    // A record that says pass and has a test that says no is no pass.
    refuses(
        &policy,
        &with_record(|record| record["tests"][0]["verdict"] = "fail".into()),
        "the test core/python says fail",
    );
}

#[test]
fn gpus_and_excuses() {
    let policy = |rule: Value| json!({"gpu": rule});
    holds(&policy(json!({"models": ["NVIDIA A100*", "NVIDIA H*"], "driver": ">=550.54,<551"})), &whole());
    refuses(&policy(json!({"models": ["NVIDIA A100*"]})), &whole(), "ran on \"NVIDIA H200\"");
    refuses(&policy(json!({"driver": ">=560"})), &whole(), "the driver 550.54.15, not >=560");
    let without = |what: &'static str| {
        with_record(move |record| drop(record["accelerator"].as_object_mut().unwrap().remove(what)))
    };
    refuses(&policy(json!({})), &without("driver"), "no device of cuda");
    refuses(&policy(json!({"models": ["*H200"]})), &without("model"), "ran on \"\"");
    let none = with_record(|record| drop(record.as_object_mut().unwrap().remove("accelerator")));
    refuses(&policy(json!({})), &none, "without an accelerator");
    let excuse = |more: Value| {
        let mut excuse = json!({"manifest": "serve", "reason": "a mock"});
        excuse.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        policy(json!({"excused": [excuse]}))
    };
    holds(&excuse(json!({})), &none);
    holds(&excuse(json!({"platform": "linux/amd64", "until": "2026-11-29"})), &none);
    refuses(&excuse(json!({"until": "2026-11-28"})), &none, "no excuse fits");
    refuses(&excuse(json!({"platform": "linux/arm64"})), &none, "no excuse fits");
    refuses(&excuse(json!({"manifest": "other"})), &none, "no excuse fits");
}

#[test]
fn sboms_and_packages() {
    let deny = |one: Value| json!({"packages": {"deny": [one]}});
    holds(&json!({"sbom": {}}), &whole());
    holds(&deny(json!({"name": "xz-utils", "versions": ">=5.6.0"})), &whole());
    refuses(
        &deny(json!({"name": "xz-utils", "versions": "<5.6", "reason": "old"})),
        &whole(),
        "xz-utils 5.4.1-1 is denied at policy.json:",
    );
    refuses(&json!({"sbom": {"formats": ["cyclonedx"]}}), &whole(), "no SBOM (cyclonedx)");
    refuses(&json!({"sbom": {}}), &whole()[1..], "no SBOM");
    refuses(&deny(json!({"name": "x"})), &whole()[1..], "nobody knows what is in the image");
    let mut empty = whole();
    empty[0].1["packages"] = json!([]);
    refuses(&json!({"sbom": {}}), &empty, "lists no package");
    refuses(&deny(json!({"name": "x"})), &empty, "lists no package");
    // What any of several lists has is in the image.
    let mut both = whole();
    both.push((
        CYCLONEDX,
        json!({"bomFormat": "CycloneDX", "components": [{"name": "event-stream", "version": "3.3.6"}]}),
    ));
    refuses(
        &deny(json!({"purl": "pkg:npm/event-stream", "versions": "=3.3.6"})),
        &both,
        "event-stream 3.3.6 is denied",
    );
    holds(&json!({"sbom": {"formats": ["cyclonedx"]}}), &both);
}

#[test]
fn ages() {
    holds(&json!({"record": {"max_age_days": 9}}), &whole());
    refuses(&json!({"record": {"max_age_days": 8}}), &whole(), "days ago, more than 8");
    let at = |time: &'static str| with_record(move |record| record["result"]["tested_at"] = time.into());
    refuses(&json!({"record": {"max_age_days": 8}}), &at("yesterday"), "does not say when");
    refuses(&json!({"record": {"max_age_days": 8}}), &at("2026-12-29T10:00:43Z"), "in the future");
    let never = with_record(|record| drop(record["result"].as_object_mut().unwrap().remove("tested_at")));
    refuses(&json!({"record": {"max_age_days": 8}}), &never, "does not say when");
}

#[test]
fn records_that_do_not_fit_refuse() {
    let policy = json!({"tests": {}});
    refuses(
        &policy,
        &with_record(|record| record["platform"] = "linux/arm64".into()),
        "is for \"linux/arm64\", not for linux/amd64",
    );
    refuses(
        &policy,
        &with_record(|record| record["schema_version"] = 2.into()),
        "has the form 2 instead of 1",
    );
    refuses(
        &policy,
        &with_record(|record| record["result"]["image_digest"] = digits("x").into()),
        "is about the image sha256:",
    );
    refuses(&policy, &with_record(|record| record["surprise"] = 1.into()), "not as its schema says");
    holds(&policy, &with_record(|record| record["result"]["image_digest"] = digits("image").into()));
    // One that cannot be read beside one that can: nobody knows what it would say.
    let mut both = whole();
    both.push((RECORD, json!({"record": {}})));
    refuses(&policy, &both, "not as its schema says");
}

#[test]
fn platforms() {
    let with = |rule: Value| judged(&json!({"platforms": rule}), &whole());
    assert_eq!(with(json!({"require": ["linux/amd64"]})).outcome(), Outcome::Held);
    assert!(refusals(&with(json!({"require": ["linux/arm64"]})))[0].contains("not there for linux/arm64"));
    assert!(
        refusals(&with(json!({"allow": ["linux/arm64"]})))[0]
            .contains("there for linux/amd64, which is not allowed")
    );
    let mut none = evidence(&whole());
    none.looks.clear();
    assert_eq!(
        judge(&policy_of(&json!({"sbom": {}})), &none, now()).outcome(),
        Outcome::Refused,
        "nothing to judge is no pass"
    );
}

#[test]
fn bases_that_nobody_looked_at_are_unknown() {
    let policy = policy_of(&json!({"base": {"images": ["debian:bookworm-slim"]}}));
    let mut evidence = evidence(&whole());
    let name = "docker.io/library/debian:bookworm-slim".to_owned();
    assert_eq!(judge(&policy, &evidence, now()).outcome(), Outcome::Unknown);
    evidence.bases.insert(name.clone(), Base::Unseen("could not look".into()));
    assert_eq!(judge(&policy, &evidence, now()).outcome(), Outcome::Unknown);
    evidence.bases.insert(name.clone(), Base::Now { digest: digits("base"), platforms: Vec::new() });
    assert_eq!(judge(&policy, &evidence, now()).outcome(), Outcome::Held);
    let other = [("linux/arm64".parse().unwrap(), digits("base"))].to_vec();
    evidence.bases.insert(name.clone(), Base::Now { digest: digits("new"), platforms: other });
    assert_eq!(
        judge(&policy, &evidence, now()).outcome(),
        Outcome::Refused,
        "the base of another platform is not this one's"
    );
    evidence.bases.insert(name, Base::Missing);
    assert_eq!(judge(&policy, &evidence, now()).outcome(), Outcome::Refused);
}

#[test]
fn what_could_not_be_looked_at_leaves_open_what_is_not_bad_already() {
    let mut evidence = evidence(&whole());
    evidence.looks[0].look.unseen.push("could not look at x".into());
    let judged = judge(&policy(), &evidence, now());
    assert_eq!(judged.outcome(), Outcome::Unknown);
    let held: Vec<&str> =
        judged.checks.iter().filter(|check| check.outcome == Outcome::Held).map(|check| check.rule).collect();
    assert_eq!(held, ["platforms"], "what the index itself says is known");
    let denied = policy_of(&json!({"fragments": {"deny": [{"name": "core"}]}}));
    assert_eq!(judge(&denied, &evidence, now()).outcome(), Outcome::Refused);
}

// Leaving out.

/// The same without the member or the item at a path.
fn without(value: &Value, path: &[usize]) -> Option<Value> {
    let (first, rest) = path.split_first()?;
    let mut out = value.clone();
    match &mut out {
        Value::Object(members) if !members.is_empty() => {
            let name = members.keys().nth(first % members.len())?.clone();
            match without(&value[&name], rest) {
                Some(inner) => drop(members.insert(name, inner)),
                None => drop(members.remove(&name)),
            }
            Some(out)
        }
        // Items of lists are what is said; members are how.
        Value::Array(items) if !items.is_empty() => {
            let at = first % items.len();
            items[at] = without(&value[at], rest)?;
            Some(out)
        }
        _ => None,
    }
}

/// Products of which some are good and most are not.
fn products() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let flag = || prop::bool::weighted(0.25);
    let record_of = |(fail, old, gpu, skipped, denied): (bool, bool, bool, bool, bool)| {
        let mut one = record(PLATFORMS[0]);
        if fail {
            one["result"]["status"] = "fail".into();
        }
        if old {
            one["result"]["tested_at"] = "2026-01-01T00:00:00Z".into();
        }
        if gpu {
            one["accelerator"]["driver"] = "470.0".into();
        }
        if skipped {
            one["tests"][0]["verdict"] = "skipped".into();
        }
        if denied {
            one["fragments"][1]["version"] = "0.1.0".into();
        }
        json!({"record": one, "evidence": ""})
    };
    let records = prop::collection::vec((flag(), flag(), flag(), flag(), flag()).prop_map(record_of), 0..3);
    (records, flag(), flag(), flag()).prop_map(|(records, bad_package, bad_builder, bad_source)| {
        let mut all = whole();
        all.pop();
        if bad_package {
            all[0].1["packages"][0]["versionInfo"] = "5.6.1-1".into();
        }
        if bad_builder {
            all[1].1["builder"]["id"] = "https://evil.test".into();
        }
        if bad_source {
            all[1].1["invocation"]["configSource"]["uri"] = "https://evil.test".into();
        }
        all.extend(records.into_iter().map(|one| (RECORD, one)));
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn leaving_out_members_never_helps(all in products(), which in any::<prop::sample::Index>(), path in prop::collection::vec(0..32_usize, 1..7)) {
        let mut policy = policy_json();
        let policy = { policy.as_object_mut().unwrap().remove("platforms"); policy_of(&policy) };
        let before = judge(&policy, &evidence(&all), now());
        let mut less = all;
        let at = which.index(less.len());
        if let Some(changed) = without(&less[at].1, &path) {
            less[at].1 = changed;
        }
        let after = judge(&policy, &evidence(&less), now());
        prop_assert!(before.outcome() == Outcome::Held || after.outcome() != Outcome::Held, "{:#?}", refusals(&before));
    }

    #[test]
    fn leaving_out_statements_never_helps(all in products(), which in any::<prop::sample::Index>()) {
        let policy = policy();
        let whole = evidence(&all);
        let before = judge(&policy, &whole, now());
        let mut less = whole;
        let at = which.index(all.len());
        let digest = less.looks[0].look.attestations[at].digest.clone();
        less.looks[0].look.attestations.retain(|one| one.digest != digest);
        let after = judge(&policy, &less, now());
        prop_assert!(before.outcome() == Outcome::Held || after.outcome() != Outcome::Held, "{:#?}", refusals(&before));
        prop_assert_ne!(after.outcome(), Outcome::Held, "the image's signature has named it");
    }

    #[test]
    fn not_being_able_to_look_never_helps(all in products()) {
        let mut evidence = evidence(&all);
        let before = judge(&policy(), &evidence, now());
        evidence.root.unseen.push("x".into());
        let after = judge(&policy(), &evidence, now());
        prop_assert_ne!(after.outcome(), Outcome::Held);
        prop_assert!(before.outcome() != Outcome::Held || after.outcome() == Outcome::Unknown);
    }

    #[test]
    fn time_alone_never_helps(all in products(), days in 0..400_u64) {
        let later = now() + Duration::from_secs(days * 86_400);
        let (before, after) = (judge(&policy(), &evidence(&all), now()), judge(&policy(), &evidence(&all), later));
        prop_assert!(before.outcome() == Outcome::Held || after.outcome() != Outcome::Held);
    }
}

#[test]
fn an_unsigned_statement_does_not_stand_in_for_a_signed_one() {
    // The signature is taken off, the statement left: it is not what the image's signature has named.
    let mut evidence = evidence(&whole());
    evidence.looks[0].look.attestations[2].signed_by = None;
    let judged = judge(&policy(), &evidence, now());
    assert!(refusals(&judged)[0].contains("is not there"), "{:#?}", refusals(&judged));
    assert_eq!(evidence.looks[0].look.attestations[2].statement.predicate_type, product::TEST_RESULT);
    assert_ne!(SPDX, product::TEST_RESULT);
}
