//! `factory verify …`.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use llb_gen::lower::rfc3339;
use llb_gen::model::{ImageRef, Platform};
use llb_gen::parse::RawPolicy;
use llb_gen::policy::{Glob, KeySource, Policy, SignatureRule};
use llb_gen::text::{Located, SourceFile};

use super::answer;
use super::args::Format;
use super::keys::public_key;
use super::sign::trusted_root;
use crate::exit::{Error, Result};
use crate::images::{Places, Source};
use crate::policy::{Answer, Asked, AskedIdentity, Outcome, Question, gather, judge};
use crate::registry::{Access, Fault, digest_of};
use crate::signing::keyless::{self, IdentityMatch, Trust};
use crate::signing::{PublicKey, Trusted};

/// Nothing is gained by what cannot be looked at: only an image of which every rule holds is accepted.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// An image of a registry, or `oci:PATH` (an OCI layout)
    pub(crate) image: Source,
    /// The policy
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// Trust this public key instead of the policy's keys and identities
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Vec<PathBuf>,
    /// Trust keyless signatures of this identity instead of the policy's keys and identities; `*` stands for anything
    #[arg(long, value_name = "PATTERN", requires = "issuer")]
    pub(crate) identity: Option<Glob>,
    /// Who has to say that it is that identity
    #[arg(long, value_name = "PATTERN", requires = "identity")]
    pub(crate) issuer: Option<Glob>,
    /// Sigstore's trusted_root.json, instead of the policy's: who is believed about identities
    #[arg(long, value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,
    /// Judge these platforms alone
    #[arg(long, value_delimiter = ',')]
    pub(crate) platform: Vec<Platform>,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

pub(crate) fn run(arguments: &Verify) -> Result<()> {
    let (mut policy, digest) = read(&arguments.policy)?;
    let now = SystemTime::now();
    let (keys, trust) = trusted(arguments, &mut policy)?;
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let asked = Asked {
        image: arguments.image.to_string(),
        policy: arguments.policy.display().to_string(),
        policy_digest: digest,
        keys: keys.iter().map(|key| key.id().to_string()).collect(),
        identities: trust.iter().flat_map(|trust| &trust.identities).map(shown).collect(),
        trusted_root: trust.as_ref().map(|trust| trust.root.digest().to_owned()),
        judged_at: rfc3339(since.as_secs()),
    };
    let bases = policy.base.iter().flat_map(|rule| rule.images.iter().map(Located::value));
    let question = Question {
        image: &asked.image,
        trusted: Trusted { keys: &keys, keyless: trust.as_ref() },
        platforms: &arguments.platform,
        bases: bases.collect::<Vec<&ImageRef>>(),
    };
    let access = Access::from_environment();
    let store = Places::without_engine(access.clone()).open(&arguments.image)?;
    let answered = match gather(store.as_ref(), &question, &access) {
        Ok(evidence) => {
            let judgement = judge(&policy, &evidence, now);
            Answer::of(asked.clone(), &evidence, &judgement)
        }
        Err(fault @ (Fault::CouldNotLook { .. } | Fault::NotGenuine { .. })) => {
            print(&Answer::without_evidence(asked.clone(), &fault), arguments.format)?;
            return Err(fault.into());
        }
        Err(fault) => return Err(fault.into()),
    };
    print(&answered, arguments.format)?;
    let count = |outcome| answered.checks.iter().filter(|check| check.outcome == outcome).count();
    let all = answered.checks.len();
    match (count(Outcome::Refused), count(Outcome::Unknown)) {
        (0, 0) => Ok(()),
        (0, unknown) => Err(Error::CouldNotLook(format!(
            "{}: {unknown} of {all} checks are open, because nobody could look",
            answered.image
        ))),
        (refused, _) => Err(Error::PolicyRefused(format!(
            "{} is refused: {refused} of {all} checks do not hold",
            answered.image
        ))),
    }
}

fn print(answered: &Answer, format: Format) -> Result<()> {
    let text = match format {
        Format::Text => answered.text(),
        Format::Json => serde_json::to_string_pretty(answered)
            .map(|json| json + "\n")
            .map_err(|fault| Error::Internal(format!("the answer as JSON: {fault}")))?,
    };
    answer(&text);
    Ok(())
}

/// The policy and the digest of its file. Warnings go to standard error.
fn read(path: &Path) -> Result<(Policy, String)> {
    let bytes = std::fs::read(path).map_err(|fault| Error::Usage(format!("{}: {fault}", path.display())))?;
    let digest = digest_of(&bytes);
    let file = SourceFile::new(path.display().to_string(), bytes);
    let checked = RawPolicy::parse(&file).and_then(Policy::check);
    let (policy, warnings) =
        checked.map_err(|faults| Error::Usage(format!("the policy is wrong\n{}", faults.excerpts())))?;
    for warning in warnings {
        eprintln!("factory: {warning}");
    }
    Ok((policy, digest))
}

fn shown(one: &IdentityMatch) -> AskedIdentity {
    AskedIdentity { identity: one.identity.to_string(), issuer: one.issuer.to_string() }
}

/// Whose signatures count: whoever the command line names where it names anybody, which also asks for a signature, else the policy's
/// keys and identities.
fn trusted(arguments: &Verify, policy: &mut Policy) -> Result<(Vec<PublicKey>, Option<Trust>)> {
    let named = !arguments.key.is_empty() || arguments.identity.is_some();
    if named && policy.signature.is_none() {
        let place = llb_gen::text::Place::new(&policy.file, llb_gen::text::Span::new(0, 1));
        policy.signature =
            Some(SignatureRule { keys: Vec::new(), identities: Vec::new(), trusted_root: None, place });
    }
    let Some(rule) = &mut policy.signature else { return Ok((Vec::new(), None)) };
    let folder = arguments.policy.parent().unwrap_or(Path::new(""));
    let mut keys = Vec::new();
    let mut identities = Vec::new();
    if named {
        keys = arguments.key.iter().map(|path| public_key(path)).collect::<Result<_>>()?;
        let named = arguments.identity.iter().zip(&arguments.issuer);
        identities.extend(named.map(|(identity, issuer)| matching(identity, issuer)));
        if identities.iter().any(|one| one.identity.fits("") && one.issuer.fits("")) {
            let message = "`--identity` and `--issuer` fit everybody, so anybody's signature would do";
            return Err(Error::Usage(message.to_owned()));
        }
    } else {
        for source in &rule.keys {
            keys.push(policy_key(source, folder)?);
        }
        identities
            .extend(rule.identities.iter().map(|one| matching(one.identity.value(), one.issuer.value())));
    }
    if keys.is_empty() && identities.is_empty() {
        return Err(Error::Usage(format!(
            "{}: `signature` names no key and no identity, and there is no `--key` and no `--identity`",
            rule.place
        )));
    }
    if identities.is_empty() {
        return Ok((keys, None));
    }
    let root = match (&arguments.trusted_root, &rule.trusted_root) {
        (Some(path), _) => trusted_root(path)?,
        (None, Some(path)) => trusted_root(&folder.join(path.value()))
            .map_err(|fault| Error::Usage(format!("{}: {fault}", path.place())))?,
        (None, None) => {
            return Err(Error::Usage(format!(
                "{}: identities are trusted, and nobody to say who is who: name sigstore's trusted_root.json by `--trusted-root`, or by \
                 `trusted_root` beside `identities`",
                rule.place
            )));
        }
    };
    Ok((keys, Some(Trust { root, identities, now: keyless::now() })))
}

fn matching(identity: &Glob, issuer: &Glob) -> IdentityMatch {
    IdentityMatch { identity: identity.clone(), issuer: issuer.clone() }
}

/// A key as the policy has it.
fn policy_key(source: &Located<KeySource>, folder: &Path) -> Result<PublicKey> {
    let wrong = |fault: &dyn std::fmt::Display| Error::Usage(format!("{}: {fault}", source.place()));
    match source.value() {
        KeySource::File(path) => public_key(&folder.join(path)).map_err(|fault| wrong(&fault)),
        KeySource::Pem(text) => PublicKey::from_pem(text).map_err(|fault| wrong(&fault)),
    }
}
