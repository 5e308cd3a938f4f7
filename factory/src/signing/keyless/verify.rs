//! Checking a keyless signature: every check, in order.

use super::certificate::Leaf;
use super::identity::{self, Identity, IdentityMatch};
use super::material::Material;
use super::refusal::{Check, Refusal};
use super::root::{Log, TrustedRoot};
use super::{body, log, sct, timestamp};

/// The most entries, time stamps and certificates of one bundle that are looked at.
const MOST: usize = 16;
/// How far the clock of a log may go before ours, in seconds.
const SKEW: i64 = 300;

/// What is signed, and the signature.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'s> {
    /// The bytes that are signed.
    pub message: &'s [u8],
    /// The payload, where the message is the encoding of an envelope's.
    pub payload: Option<&'s [u8]>,
    /// The signature.
    pub signature: &'s [u8],
}

/// Who is believed.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The authorities and logs.
    pub root: TrustedRoot,
    /// The signers.
    pub identities: Vec<IdentityMatch>,
    /// Now, in seconds since 1970: nothing counts that was signed later.
    pub now: i64,
}

/// What is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Who has signed.
    pub identity: Identity,
    /// When, in seconds since 1970: the first time that somebody has seen it.
    pub time: i64,
}

/// Checks a signature: that it is of the certificate's key; that a transparency log of the trusted root has it; that it was made while
/// the certificate was good; that the certificate is of an authority of the root, and in a certificate log; and that the identity is
/// one that is trusted.
///
/// # Errors
/// The first check that does not hold.
pub fn verify(material: &Material, signed: &Signed<'_>, trust: &Trust) -> Result<Proven, Refusal> {
    let proven = prove(material, signed, &trust.root, trust.now)?;
    identity::trusted(&proven.identity, &trust.identities)?;
    Ok(proven)
}

/// All of it but whether the identity is trusted.
pub(super) fn prove(
    material: &Material,
    signed: &Signed<'_>,
    root: &TrustedRoot,
    now: i64,
) -> Result<Proven, Refusal> {
    for (what, count) in [
        ("certificates", material.chain.len()),
        ("log entries", material.entries.len()),
        ("time stamps", material.timestamps.len()),
    ] {
        if count > MOST {
            return Err(Check::Form.refuses(format!("{count} {what} are more than {MOST}")));
        }
    }
    let leaf = Leaf::parse(&material.leaf)?;
    if !leaf.key().verifies(signed.message, signed.signature) {
        return Err(Check::Signature
            .refuses("the certificate's key has not signed this, or it was changed after that"));
    }
    let (logs, mut times) = logged(material, signed, &leaf, root)?;
    times.extend(stamped(material, signed, root, times.is_empty())?);
    for time in &times {
        at(*time, &logs, now)?;
        if !leaf.lives(*time) {
            return Err(Check::Time.refuses(format!("{} is outside the certificate's life", shown(*time))));
        }
    }
    let mut issuer = Vec::new();
    for time in &times {
        issuer = leaf.issuer(&material.chain, &root.authorities, *time)?;
    }
    sct::check(&leaf, &issuer, &root.certificate_logs)?;
    let time =
        times.into_iter().min().ok_or_else(|| Check::Time.refuses("nobody says when it was signed"))?;
    Ok(Proven { identity: leaf.identity()?, time })
}

/// The logs that have it, and since when, where they promise that. An entry of a log that nobody here knows says nothing.
fn logged<'r>(
    material: &Material,
    signed: &Signed<'_>,
    leaf: &Leaf,
    root: &'r TrustedRoot,
) -> Result<(Vec<&'r Log>, Vec<i64>), Refusal> {
    let (mut logs, mut times) = (Vec::new(), Vec::new());
    for entry in &material.entries {
        body::check(&entry.canonicalized_body.0, leaf.der(), signed)?;
        let Some(log) = root.logs.iter().find(|log| log.id == entry.log_id.key_id.0) else { continue };
        times.extend(log::check(entry, log, material.needs_proof)?);
        logs.push(log);
    }
    match (logs.is_empty(), material.entries.is_empty()) {
        (false, _) => Ok((logs, times)),
        (true, true) => Err(Check::Entry.refuses("there is none")),
        (true, false) => Err(Check::Entry.refuses("it is of no log of the trusted root")),
    }
}

/// The times of the stamps that hold. Others say nothing, unless one is needed.
fn stamped(
    material: &Material,
    signed: &Signed<'_>,
    root: &TrustedRoot,
    needed: bool,
) -> Result<Vec<i64>, Refusal> {
    let (mut times, mut refused) = (Vec::new(), None);
    for one in &material.timestamps {
        match timestamp::check(one, signed.signature, &root.timestamp_authorities) {
            Ok(time) => times.push(time),
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    if needed && times.is_empty() {
        let none = || {
            Check::Timestamp.refuses("there is none, and the log's entry has no time that the log has signed")
        };
        return Err(refused.unwrap_or_else(none));
    }
    Ok(times)
}

/// Whether it may have been signed at a time, as far as logs and our own clock are concerned.
fn at(time: i64, logs: &[&Log], now: i64) -> Result<(), Refusal> {
    if time > now.saturating_add(SKEW) {
        return Err(Check::Time.refuses(format!("{} is in the future", shown(time))));
    }
    match logs.iter().all(|log| log.window.has(time)) {
        true => Ok(()),
        false => {
            Err(Check::Time
                .refuses(format!("{} is outside the time for which the log is trusted", shown(time))))
        }
    }
}

fn shown(time: i64) -> String {
    llb_gen::lower::rfc3339(u64::try_from(time).unwrap_or_default())
}
