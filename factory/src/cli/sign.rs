//! `factory sign …`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use llb_gen::model::ImageRef;

use super::answer;
use super::args::Format;
use super::keys::Password;
use crate::exit::{Error, Result};
use crate::images::{Places, Source};
use crate::registry::{Access, Repository};
use crate::signing::keyless::token::Token;
use crate::signing::keyless::{Keyless, Services, TrustedRoot, now};
use crate::signing::{PrivateKey, Signed, sign};

/// Signs in the registry: the image's index, the image of each platform, and each attestation of theirs. Name the image by the
/// digest that the build has said, so that it is that one which is signed.
#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// An image of a registry
    pub(crate) image: ImageRef,
    /// The private key
    #[arg(long, value_name = "FILE", required_unless_present_any = ["keyless", "identity_token"])]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) password: Password,
    /// Sign without a key of one's own: as whoever the identity token is about. Their name gets into public logs
    #[arg(long, conflicts_with_all = ["key", "password_file"])]
    pub(crate) keyless: bool,
    /// A file with the identity token, for signing keyless; else SIGSTORE_ID_TOKEN, or the token of a job of GitHub Actions
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "password_file"])]
    pub(crate) identity_token: Option<PathBuf>,
    /// The certificate authority, for signing keyless
    #[arg(long, value_name = "URL", default_value = Services::FULCIO)]
    pub(crate) fulcio_url: String,
    /// The transparency log, for signing keyless
    #[arg(long, value_name = "URL", default_value = Services::REKOR)]
    pub(crate) rekor_url: String,
    /// Sigstore's trusted_root.json: what the authority and the log answer is checked by it before anything is attached
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub(crate) trusted_root: Option<PathBuf>,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

pub(crate) fn run(arguments: &Sign) -> Result<()> {
    let access = Access::from_environment();
    let hand = match &arguments.key {
        Some(path) => Hand::Key(Box::new(arguments.password.private_key(path)?)),
        None => Hand::Keyless(Box::new(keyless(arguments, &access)?)),
    };
    let places = Places::without_engine(access.clone());
    let store = places.open(&Source::Registry(arguments.image.clone()))?;
    let repository = Repository::open(&arguments.image, &access)?;
    let signed = match &hand {
        Hand::Key(key) => sign(store.as_ref(), &repository, key.as_ref()),
        Hand::Keyless(keyless) => sign(store.as_ref(), &repository, keyless.as_ref()),
    }?;
    let text = match arguments.format {
        Format::Text => text(&arguments.image, &signed),
        Format::Json => serde_json::to_string_pretty(&signed)
            .map(|json| json + "\n")
            .map_err(|fault| Error::Internal(format!("the answer as JSON: {fault}")))?,
    };
    answer(&text);
    Ok(())
}

/// What is signed with.
enum Hand {
    Key(Box<PrivateKey>),
    Keyless(Box<Keyless>),
}

fn keyless(arguments: &Sign, access: &Access) -> Result<Keyless> {
    let root = arguments.trusted_root.as_deref().map(trusted_root).transpose()?;
    let variable = |name: &str| std::env::var(name).ok();
    Ok(Keyless {
        services: Services { fulcio: arguments.fulcio_url.clone(), rekor: arguments.rekor_url.clone() },
        token: Token::find(arguments.identity_token.as_deref(), variable, access, now())?,
        access: access.clone(),
        root,
    })
}

/// Sigstore's trusted root in a file.
///
/// # Errors
/// There is none.
pub(super) fn trusted_root(path: &Path) -> Result<TrustedRoot> {
    let failed = |fault: &dyn std::fmt::Display| Error::Usage(format!("{}: {fault}", path.display()));
    let length = std::fs::metadata(path).map_err(|fault| failed(&fault))?.len();
    if length > TrustedRoot::LONGEST {
        return Err(failed(&format!("{length} bytes are more than any trusted root has")));
    }
    let bytes = std::fs::read(path).map_err(|fault| failed(&fault))?;
    TrustedRoot::parse(&bytes).map_err(|fault| failed(&fault))
}

fn text(image: &ImageRef, signed: &Signed) -> String {
    let who = match &signed.identity {
        Some(identity) => format!("identity {identity}"),
        None => format!("key      {}", signed.key),
    };
    let mut out = format!("image    {}\ndigest   {}\n{who}\n", image.familiar(), signed.digest);
    for one in &signed.statements {
        let done = if one.known { "known" } else { "signed" };
        let of = one.platform.as_deref().unwrap_or("index");
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{done:<8} {of:<12} {}", one.predicate_type);
    }
    out
}
