//! `factory layers …`.

use llb_gen::model::Platform;

use super::answer;
use super::args::Layers;
use crate::engine::{EngineName, EngineSpec};
use crate::exit::{Error, Result};
use crate::frontend_image;
use crate::images::{Places, Source};
use crate::layers::{Comparison, Image, comparison_text, image_text, read};
use crate::registry::Access;

pub(crate) fn run(arguments: &Layers) -> Result<()> {
    let host = host()?;
    let places = places(&arguments.engine);
    let image = |source: &Source| {
        let store = places.open(source)?;
        read(&source.to_string(), &*store, arguments.platform.as_ref(), &host)
    };
    let first = image(&arguments.image)?;
    let text = match &arguments.other {
        None => one(&first, arguments.json)?,
        Some(other) => both(&Comparison::of(first, image(other)?), arguments.json)?,
    };
    answer(&text);
    Ok(())
}

/// The machine's own platform.
pub(crate) fn host() -> Result<Platform> {
    let host = frontend_image::Platform::host().as_str();
    host.parse().map_err(|fault| Error::Internal(format!("the machine's platform {host}: {fault}")))
}

/// Registries as docker reaches them from here, layouts, and the store of the engine that is there.
pub(crate) fn places(engine: &EngineName) -> Places {
    Places::new(Access::from_environment(), EngineSpec::of(engine.clone()))
}

fn one(image: &Image, json: bool) -> Result<String> {
    if json { as_json(image) } else { Ok(image_text(image)) }
}

fn both(compared: &Comparison, json: bool) -> Result<String> {
    if json { as_json(compared) } else { Ok(comparison_text(compared)) }
}

pub(crate) fn as_json(value: &impl serde::Serialize) -> Result<String> {
    let json = serde_json::to_string_pretty(value);
    json.map(|json| json + "\n").map_err(|fault| Error::Internal(format!("the answer as JSON: {fault}")))
}
