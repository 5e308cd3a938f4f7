//! `factory layers …`.

use llb_gen::model::Platform;

use super::answer;
use super::args::Layers;
use crate::engine::{Engine, EngineHandle, EngineSpec};
use crate::exit::{Error, Result};
use crate::frontend_image;
use crate::layers::{Comparison, Image, Source, comparison_text, image_text, read};

pub(crate) fn run(arguments: &Layers) -> Result<()> {
    let host = frontend_image::Platform::host().as_str();
    let host: Platform =
        host.parse().map_err(|fault| Error::Internal(format!("the machine's platform {host}: {fault}")))?;
    let engine = engine(arguments)?;
    let image = |source: &Source| {
        read(&source.to_string(), source, arguments.platform.as_ref(), &host, engine.as_ref())
    };
    let first = image(&arguments.image)?;
    let text = match &arguments.other {
        None => one(&first, arguments.json)?,
        Some(other) => both(&Comparison::of(first, image(other)?), arguments.json)?,
    };
    answer(&text);
    Ok(())
}

/// The engine that is there; a layout needs none, and none is brought up to look at an image.
fn engine(arguments: &Layers) -> Result<Option<EngineHandle>> {
    let needed = arguments.image.needs_engine() || arguments.other.as_ref().is_some_and(Source::needs_engine);
    if !needed {
        return Ok(None);
    }
    let spec = EngineSpec::of(arguments.engine.clone());
    Engine::find(&spec)
}

fn one(image: &Image, json: bool) -> Result<String> {
    if json { as_json(image) } else { Ok(image_text(image)) }
}

fn both(compared: &Comparison, json: bool) -> Result<String> {
    if json { as_json(compared) } else { Ok(comparison_text(compared)) }
}

fn as_json(value: &impl serde::Serialize) -> Result<String> {
    let json = serde_json::to_string_pretty(value);
    json.map(|json| json + "\n").map_err(|fault| Error::Internal(format!("the answer as JSON: {fault}")))
}
