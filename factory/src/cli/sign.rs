//! `factory sign …`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use llb_gen::model::ImageRef;

use super::answer;
use super::args::Format;
use super::keys::Password;
use crate::exit::{Error, Result};
use crate::images::{Places, Source};
use crate::registry::{Access, Repository};
use crate::signing::{Signed, sign};

/// Signs in the registry: the image's index, the image of each platform, and each attestation of theirs. Name the image by the
/// digest that the build has said, so that it is that one which is signed.
#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// An image of a registry
    pub(crate) image: ImageRef,
    /// The private key
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) password: Password,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

pub(crate) fn run(arguments: &Sign) -> Result<()> {
    let key = arguments.password.private_key(&arguments.key)?;
    let access = Access::from_environment();
    let places = Places::without_engine(access.clone());
    let store = places.open(&Source::Registry(arguments.image.clone()))?;
    let repository = Repository::open(&arguments.image, &access)?;
    let signed = sign(store.as_ref(), &repository, &key)?;
    let text = match arguments.format {
        Format::Text => text(&arguments.image, &signed),
        Format::Json => serde_json::to_string_pretty(&signed)
            .map(|json| json + "\n")
            .map_err(|fault| Error::Internal(format!("the answer as JSON: {fault}")))?,
    };
    answer(&text);
    Ok(())
}

fn text(image: &ImageRef, signed: &Signed) -> String {
    let mut out =
        format!("image    {}\ndigest   {}\nkey      {}\n", image.familiar(), signed.digest, signed.key);
    for one in &signed.statements {
        let done = if one.known { "known" } else { "signed" };
        let of = one.platform.as_deref().unwrap_or("index");
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{done:<8} {of:<12} {}", one.predicate_type);
    }
    out
}
