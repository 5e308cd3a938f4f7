//! `factory verify …`.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use llb_gen::lower::rfc3339;
use llb_gen::model::{ImageRef, Platform};
use llb_gen::parse::RawPolicy;
use llb_gen::policy::{KeySource, Policy, SignatureRule};
use llb_gen::text::{Located, SourceFile};

use super::answer;
use super::args::Format;
use super::keys::public_key;
use crate::exit::{Error, Result};
use crate::images::{Places, Source};
use crate::policy::{Answer, Asked, Outcome, Question, gather, judge};
use crate::registry::{Access, Fault, digest_of};
use crate::signing::PublicKey;

/// Nothing is gained by what cannot be looked at: only an image of which every rule holds is accepted.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// An image of a registry, or `oci:PATH` (an OCI layout)
    pub(crate) image: Source,
    /// The policy
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// Trust this public key instead of the policy's
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Vec<PathBuf>,
    /// Judge these platforms alone
    #[arg(long, value_delimiter = ',')]
    pub(crate) platform: Vec<Platform>,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

pub(crate) fn run(arguments: &Verify) -> Result<()> {
    let (mut policy, digest) = read(&arguments.policy)?;
    let keys = keys(arguments, &mut policy)?;
    let now = SystemTime::now();
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let asked = Asked {
        image: arguments.image.to_string(),
        policy: arguments.policy.display().to_string(),
        policy_digest: digest,
        keys: keys.iter().map(|key| key.id().to_string()).collect(),
        judged_at: rfc3339(since.as_secs()),
    };
    let bases = policy.base.iter().flat_map(|rule| rule.images.iter().map(Located::value));
    let question = Question {
        image: &asked.image,
        keys: &keys,
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

/// The keys that are trusted: those of the command line where it names any, which also asks for a signature, else the policy's.
fn keys(arguments: &Verify, policy: &mut Policy) -> Result<Vec<PublicKey>> {
    if !arguments.key.is_empty() {
        if policy.signature.is_none() {
            let place = llb_gen::text::Place::new(&policy.file, llb_gen::text::Span::new(0, 1));
            policy.signature = Some(SignatureRule { keys: Vec::new(), place });
        }
        return arguments.key.iter().map(|path| public_key(path)).collect();
    }
    let Some(rule) = &policy.signature else { return Ok(Vec::new()) };
    if rule.keys.is_empty() {
        return Err(Error::Usage(format!(
            "{}: `signature` names no key, and there is no `--key`",
            rule.place
        )));
    }
    let folder = arguments.policy.parent().unwrap_or(Path::new(""));
    let key = |source: &Located<KeySource>| match source.value() {
        KeySource::File(path) => public_key(&folder.join(path))
            .map_err(|fault| Error::Usage(format!("{}: {fault}", source.place()))),
        KeySource::Pem(text) => {
            PublicKey::from_pem(text).map_err(|fault| Error::Usage(format!("{}: {fault}", source.place())))
        }
    };
    rule.keys.iter().map(key).collect()
}
