//! `factory diff …`.

use clap::Args;
use llb_gen::model::Platform;

use super::answer;
use super::layers::{LinkArguments, as_json, host, places};
use crate::diff;
use crate::engine::{EngineName, EngineSpec};
use crate::exit::Result;
use crate::images::Source;

/// Images are named as for `factory layers`. No layer is pulled.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// An image
    a: Source,
    /// The image that it is compared with
    b: Source,
    /// Which of a multi-platform image is meant; the machine's own platform by default
    #[arg(long)]
    platform: Option<Platform>,
    #[command(flatten)]
    link: LinkArguments,
    /// For programs
    #[arg(long)]
    json: bool,
    /// Name of the engine of ours to ask
    #[arg(long, env = EngineSpec::VARIABLE, default_value_t, value_name = "NAME")]
    engine: EngineName,
}

pub(crate) fn run(arguments: &Diff) -> Result<()> {
    let places = places(&arguments.engine);
    let (a, b) = (places.open(&arguments.a)?, places.open(&arguments.b)?);
    let names = [arguments.a.to_string(), arguments.b.to_string()];
    let found = diff::diff(
        (&names[0], &*a),
        (&names[1], &*b),
        arguments.platform.as_ref(),
        &host()?,
        arguments.link.link(),
    )?;
    answer(&if arguments.json { as_json(&found)? } else { diff::text(&found) });
    Ok(())
}
