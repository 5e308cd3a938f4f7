//! What `factory verify` answers: for people and for programs.

use std::fmt::Write as _;

use llb_gen::lower::rfc3339;
use serde::Serialize;

use super::evidence::{Evidence, Look};
use super::judge::{Check, Judgement, Outcome};
use crate::registry::Fault;
use crate::signing::Signer;

/// The answer to a question about an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The version of this form, 1.
    pub schema_version: u32,
    /// The image as it was asked for.
    pub image: String,
    /// The digest that it led to, where it led somewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The policy: its path.
    pub policy: String,
    /// The policy's digest.
    pub policy_digest: String,
    /// `accepted`, `refused` or `unknown`.
    pub verdict: &'static str,
    /// When it was judged, in UTC.
    pub judged_at: String,
    /// The keys that were trusted, by their ids.
    pub keys: Vec<String>,
    /// The identities that were trusted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<AskedIdentity>,
    /// The digest of the trusted root that vouches for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_root: Option<String>,
    /// Every rule on every platform.
    pub checks: Vec<Check>,
    /// What was found and counts or could count.
    pub attestations: Vec<Listed>,
    /// What was found and does not count, and why.
    pub passed_over: Vec<String>,
}

/// An identity that is trusted: patterns, as they were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AskedIdentity {
    /// Whom.
    pub identity: String,
    /// Who has to say so.
    pub issuer: String,
}

/// An attestation as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What kind of thing it says.
    pub predicate_type: String,
    /// The digest of the manifest that it was found at.
    pub about: String,
    /// The platform of that, where it is an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The digest of its statement.
    pub statement: String,
    /// `index`, `referrer` or `tag`.
    pub found: &'static str,
    /// The key, or the identity, that has signed it by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// Who says that it was that identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// When it was signed, in UTC, where a log or an authority says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<String>,
}

/// What every answer says, whatever came of it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The image as it was asked for.
    pub image: String,
    /// The policy's path.
    pub policy: String,
    /// The policy's digest.
    pub policy_digest: String,
    /// The keys that are trusted, by their ids.
    pub keys: Vec<String>,
    /// The identities that are trusted.
    pub identities: Vec<AskedIdentity>,
    /// The digest of the trusted root that vouches for them.
    pub trusted_root: Option<String>,
    /// When it is judged, in UTC.
    pub judged_at: String,
}

impl Asked {
    fn answer(self, verdict: Outcome) -> Answer {
        Answer {
            schema_version: 1,
            image: self.image,
            digest: None,
            policy: self.policy,
            policy_digest: self.policy_digest,
            verdict: word(verdict),
            judged_at: self.judged_at,
            keys: self.keys,
            identities: self.identities,
            trusted_root: self.trusted_root,
            checks: Vec::new(),
            attestations: Vec::new(),
            passed_over: Vec::new(),
        }
    }
}

/// Who has signed, who says so, and when.
fn signer(signer: Option<&Signer>) -> (Option<String>, Option<String>, Option<String>) {
    match signer {
        None => (None, None, None),
        Some(Signer::Key(id)) => (Some(id.to_string()), None, None),
        Some(Signer::Identity(proven)) => {
            let time = rfc3339(u64::try_from(proven.time).unwrap_or_default());
            (Some(proven.identity.identity.clone()), Some(proven.identity.issuer.clone()), Some(time))
        }
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Held => "accepted",
        Outcome::Unknown => "unknown",
        Outcome::Refused => "refused",
    }
}

impl Answer {
    /// The answer where the image could be looked at.
    #[must_use]
    pub fn of(asked: Asked, evidence: &Evidence, judgement: &Judgement) -> Self {
        let looks = evidence.looks.iter().map(|of| (Some(of.platform.to_string()), &of.look));
        let root = std::iter::once((None, &evidence.root));
        let all: Vec<(Option<String>, &Look)> = root
            .filter(|(_, root)| !evidence.looks.iter().any(|of| of.look.digest == root.digest))
            .chain(looks)
            .collect();
        let listed = all.iter().flat_map(|(platform, look)| {
            look.attestations.iter().map(|one| {
                let (signed_by, issuer, signed_at) = signer(one.signed_by.as_ref());
                Listed {
                    predicate_type: one.statement.predicate_type.clone(),
                    about: look.digest.clone(),
                    platform: platform.clone(),
                    statement: one.digest.clone(),
                    found: one.found.as_str(),
                    signed_by,
                    issuer,
                    signed_at,
                }
            })
        });
        let attestations = listed.collect();
        let mut passed_over: Vec<String> =
            all.iter().flat_map(|(_, look)| look.passed_over.clone()).collect();
        passed_over.sort();
        passed_over.dedup();
        Self {
            digest: Some(evidence.root.digest.clone()),
            attestations,
            passed_over,
            checks: judgement.checks.clone(),
            ..asked.answer(judgement.outcome())
        }
    }

    /// The answer where it could not: nothing is known, or it is not what its digest says.
    #[must_use]
    pub fn without_evidence(asked: Asked, fault: &Fault) -> Self {
        let outcome = if fault.is_could_not_look() { Outcome::Unknown } else { Outcome::Refused };
        let check = Check {
            rule: "integrity",
            place: None,
            platform: None,
            digest: String::new(),
            outcome,
            reasons: vec![fault.to_string()],
        };
        Self { checks: vec![check], ..asked.answer(outcome) }
    }

    /// For people: the verdict, a line for each check, and a line for each reason.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let digest = self.digest.as_deref().map(|digest| format!(" ({digest})")).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{:<9} {}{digest} by {}", self.verdict, self.image, self.policy);
        for check in &self.checks {
            let outcome = match check.outcome {
                Outcome::Held => "held",
                Outcome::Unknown => "unknown",
                Outcome::Refused => "refused",
            };
            let line =
                format!("{outcome:<9} {:<10} {}", check.rule, check.platform.as_deref().unwrap_or_default());
            let _ = writeln!(out, "{}", line.trim_end());
            let place = check.place.as_deref().map(|place| format!(" [{place}]")).unwrap_or_default();
            for reason in &check.reasons {
                let _ = writeln!(out, "          {}{place}", printable(reason));
            }
        }
        for one in &self.passed_over {
            let _ = writeln!(out, "passed over: {}", printable(one));
        }
        out
    }
}

/// Without what could steer a terminal: names in attestations are whatever somebody has written.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
