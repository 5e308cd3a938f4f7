//! `factory layers …`.

use clap::Args;
use llb_gen::model::Platform;

use super::answer;
use super::args::Layers;
use crate::engine::{EngineName, EngineSpec};
use crate::exit::{Error, Result};
use crate::frontend_image;
use crate::images::{Places, Source};
use crate::layers::{Comparison, Image, Link, Pull, comparison_text, image_text, read};
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
        None => one(&first, arguments.link.link(), arguments.json)?,
        Some(other) => both(&Comparison::of(first, image(other)?), arguments.link.link(), arguments.json)?,
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

/// What a pull is reckoned with.
#[derive(Debug, Args)]
pub(crate) struct LinkArguments {
    /// Megabytes in a second that a pull is reckoned with
    #[arg(long, value_name = "MB/S", default_value = "12.5", value_parser = bandwidth)]
    bandwidth: u64,
    /// Milliseconds that each layer of a pull waits before it begins
    #[arg(long, value_name = "MS", default_value_t = Link::default().latency_ms)]
    latency: u64,
    /// Layers that a pull takes at a time
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    parallel: u8,
}

impl LinkArguments {
    pub(crate) fn link(&self) -> Link {
        Link { bytes_per_second: self.bandwidth, latency_ms: self.latency, parallel: self.parallel.into() }
    }
}

/// Megabytes in a second as bytes.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
fn bandwidth(text: &str) -> Result<u64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    match number.is_finite() && (0.001..=1e6).contains(&number) {
        true => Ok((number * 1e6) as u64),
        false => Err("from 0.001 to 1000000 megabytes in a second".to_owned()),
    }
}

fn one(image: &Image, link: Link, json: bool) -> Result<String> {
    #[derive(serde::Serialize)]
    struct WithPull<'a> {
        #[serde(flatten)]
        image: &'a Image,
        duplicate_bytes: u64,
        pull: Pull,
    }
    if !json {
        return Ok(image_text(image, link));
    }
    let pull = Pull::of(&image.layers, link);
    as_json(&WithPull { image, duplicate_bytes: image.duplicate_bytes(), pull })
}

fn both(compared: &Comparison, link: Link, json: bool) -> Result<String> {
    #[derive(serde::Serialize)]
    struct WithPull<'a> {
        #[serde(flatten)]
        compared: &'a Comparison,
        update: Pull,
    }
    if !json {
        return Ok(comparison_text(compared, link));
    }
    as_json(&WithPull { compared, update: Pull::of(&compared.only_b, link) })
}

pub(crate) fn as_json(value: &impl serde::Serialize) -> Result<String> {
    let json = serde_json::to_string_pretty(value);
    json.map(|json| json + "\n").map_err(|fault| Error::Internal(format!("the answer as JSON: {fault}")))
}
