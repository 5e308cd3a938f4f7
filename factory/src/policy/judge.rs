//! Judging an image by a policy: every rule on every platform, all reasons at once.

use std::time::SystemTime;

use llb_gen::policy::Policy;
use llb_gen::text::Place;
use serde::Serialize;

use super::evidence::{Attestation, Evidence, Look, PlatformLook, Where};
use super::records::Records;
use super::rules::{self, Finding};

/// What a rule came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Held,
    /// It could not be looked at, so nothing is known.
    Unknown,
    /// It refuses the image.
    Refused,
}

/// One rule on one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The rule's name in the policy, or `integrity`, which is always asked.
    pub rule: &'static str,
    /// Where it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The platform; none for what is asked of the image as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The digest of the manifest or index that was looked at.
    pub digest: String,
    /// What it came to.
    pub outcome: Outcome,
    /// Why it does not hold; all reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// The answer: all rules, and what they came to together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Every check, in the order of the policy's rules.
    pub checks: Vec<Check>,
}

impl Judgement {
    /// Refused where a rule refuses, unknown where none does and one could not be looked at.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.checks.iter().map(|check| check.outcome).max().unwrap_or(Outcome::Refused)
    }
}

/// What a policy is judged with.
pub(super) struct Scene<'s> {
    pub(super) policy: &'s Policy,
    pub(super) evidence: &'s Evidence,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// What counts on one platform.
pub(super) struct Side<'s> {
    pub(super) of: &'s PlatformLook,
    pub(super) trusted: Vec<&'s Attestation>,
    pub(super) records: Records,
}

/// Judges. What the policy does not ask does not matter, but for one thing: nothing that was looked at may be other than what its
/// digest says.
#[must_use]
pub fn judge(policy: &Policy, evidence: &Evidence, now: SystemTime) -> Judgement {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let scene = Scene { policy, evidence, now: i64::try_from(since.as_secs()).unwrap_or(i64::MAX) };
    let mut checks = integrity(evidence);
    let root = |rule, place: &Place, finding: Finding, unseen: &[String]| {
        check(rule, place, None, &evidence.root.digest, finding, unseen)
    };
    if let Some(rule) = &policy.signature {
        checks.push(root("signature", &rule.place, rules::signature(&scene), &all_unseen(evidence)));
    }
    if let Some(rule) = &policy.platforms {
        checks.push(root("platforms", &rule.place, rules::platforms(rule, evidence), &[]));
    }
    for of in &evidence.looks {
        checks.extend(scene.side(of));
    }
    if evidence.looks.is_empty() {
        let reasons = vec!["there is no platform to judge".to_owned()];
        checks.push(Check {
            rule: "platforms",
            place: policy.platforms.as_ref().map(|rule| rule.place.to_string()),
            platform: None,
            digest: evidence.root.digest.clone(),
            outcome: Outcome::Refused,
            reasons,
        });
    }
    Judgement { checks }
}

/// Everything that was looked at is what it is said to be.
fn integrity(evidence: &Evidence) -> Vec<Check> {
    let looks = evidence.looks.iter().map(|of| (Some(of.platform.to_string()), &of.look));
    let all = std::iter::once((None, &evidence.root)).chain(looks);
    let spoiled = all.filter(|(_, look)| !look.spoiled.is_empty());
    spoiled
        .map(|(platform, look)| Check {
            rule: "integrity",
            place: None,
            platform,
            digest: look.digest.clone(),
            outcome: Outcome::Refused,
            reasons: look.spoiled.clone(),
        })
        .collect()
}

fn all_unseen(evidence: &Evidence) -> Vec<String> {
    let looks = evidence.looks.iter().flat_map(|of| &of.look.unseen);
    evidence.root.unseen.iter().chain(looks).cloned().collect()
}

/// A finding with what nobody could look at: what is bad stays bad, and everything else is open.
fn check(
    rule: &'static str,
    place: &Place,
    platform: Option<String>,
    digest: &str,
    finding: Finding,
    unseen: &[String],
) -> Check {
    let (outcome, reasons) = match finding {
        Finding::Bad(reasons) => (Outcome::Refused, reasons),
        Finding::Unseen(why) => (Outcome::Unknown, vec![why]),
        _ if !unseen.is_empty() => (Outcome::Unknown, unseen.to_vec()),
        Finding::Absent(why) => (Outcome::Refused, vec![why]),
        Finding::Good => (Outcome::Held, Vec::new()),
    };
    Check { rule, place: Some(place.to_string()), platform, digest: digest.to_owned(), outcome, reasons }
}

impl<'s> Scene<'s> {
    /// The rules that are asked of every platform.
    fn side(&self, of: &'s PlatformLook) -> Vec<Check> {
        let trusted = self.trusted(of);
        let records = Records::of(of, trusted.iter().copied());
        let side = Side { of, trusted, records };
        let root = &self.evidence.root;
        let unseen: Vec<String> = root.unseen.iter().chain(&of.look.unseen).cloned().collect();
        let policy = self.policy;
        let mut checks = Vec::new();
        let mut add = |rule, place: &Place, finding| {
            checks.push(check(rule, place, Some(of.platform.to_string()), &of.look.digest, finding, &unseen));
        };
        if let Some(rule) = &policy.builder {
            add("builder", rule.place(), rules::builder(rule.value(), &side));
        }
        if let Some(rule) = &policy.source {
            add("source", &rule.place, rules::source(rule, &side));
        }
        if let Some(rule) = &policy.fragments {
            add("fragments", &rule.place, rules::fragments(rule, &side));
        }
        if let Some(rule) = &policy.tests {
            add("tests", &rule.place, rules::tests(rule, &side));
        }
        if let Some(rule) = &policy.gpu {
            add("gpu", &rule.place, rules::gpu(rule, &side, self.now));
        }
        if let Some(rule) = &policy.sbom {
            add("sbom", &rule.place, rules::sbom(rule, &side));
        }
        if let Some(rule) = &policy.packages {
            add("packages", &rule.place, rules::packages(rule, &side));
        }
        if let Some(rule) = &policy.record {
            add("record", &rule.place, rules::record(rule, &side, self.now));
        }
        if let Some(rule) = &policy.base {
            add("base", &rule.place, rules::base(rule, &side, self.evidence));
        }
        checks
    }

    /// What counts of what is said about a platform. With a signature rule that is what is signed by itself, and what lies in an
    /// index that is signed, for its digest covers it.
    fn trusted(&self, of: &'s PlatformLook) -> Vec<&'s Attestation> {
        let all = of.look.attestations.iter();
        if self.policy.signature.is_none() {
            return all.collect();
        }
        let covered = !self.evidence.root.signatures.is_empty();
        all.filter(|one| one.signed_by.is_some() || (covered && one.found == Where::Index)).collect()
    }
}

/// Digests of all signed statements that are there.
pub(super) fn present<'s>(evidence: &'s Evidence) -> impl Iterator<Item = &'s str> {
    let looks = evidence.looks.iter().map(|of| &of.look);
    let all = std::iter::once(&evidence.root).chain(looks);
    let signed = |look: &'s Look| look.attestations.iter().filter(|one| one.signed_by.is_some());
    all.flat_map(signed).map(|one| one.digest.as_str())
}
