//! What the images of a draft turn out to be: pinned images, or what named contexts put in their place.

use std::borrow::Cow;
use std::collections::BTreeMap;

use llb_gen::diagnostic::Diagnostic;
use llb_gen::draft::{Draft, ImageLookup};
use llb_gen::llb::source::ResolveMode;
use llb_gen::llb::{Meta, OpDigest};
use llb_gen::lower::location;
use llb_gen::model::Platform;
use llb_gen::plan::ImageAnswer;
use llb_gen::request::Naming;
use serde::Deserialize;

use crate::excerpt::Excerpt;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::gateway::Gateway;
use crate::images::{Found, Images, Wanted};
use crate::named::{Named, NamedContexts};
use crate::options::Options;

/// The lookups of a draft that need an image to be looked up: those that nothing stands in for, and that are not locked.
pub fn wanted(draft: &Draft<'_>, contexts: &NamedContexts) -> Vec<Wanted> {
    let wanted =
        |lookup: &&ImageLookup| replaced(lookup, contexts).is_none() && draft.locked(lookup).is_none();
    let images = draft.lookups().filter(wanted);
    images.map(wanted_image).collect()
}

/// An answer for every lookup of a draft.
///
/// # Errors
/// The failure of the first image that was not found.
pub fn of<G: Gateway>(
    draft: &Draft<'_>,
    options: &Options,
    naming: Naming,
    images: &Images<'_, G>,
    contexts: &NamedContexts,
) -> Result<BTreeMap<ImageLookup, ImageAnswer>, Failure> {
    let answer = |lookup: &ImageLookup| match replaced(lookup, contexts) {
        Some(named) => {
            let state = named.state(options, &lookup.reference.familiar());
            Ok(ImageAnswer { state, config: named.config.clone() })
        }
        None => image(draft, options, naming, images, lookup),
    };
    draft.lookups().map(|lookup| Ok((lookup.clone(), answer(lookup)?))).collect()
}

/// A fault for every image that was not found, where it is named.
pub fn missing<G: Gateway>(
    draft: &Draft<'_>,
    images: &Images<'_, G>,
    contexts: &NamedContexts,
) -> Vec<Diagnostic> {
    let looked_up = draft.lookups().filter(|lookup| replaced(lookup, contexts).is_none());
    let fault = |lookup: &ImageLookup| {
        let failure = images.found(&wanted_image(lookup)).err()?;
        let name = lookup.reference.familiar();
        let message = format!("image `{name}` cannot be resolved: {}", failure.into_status().message());
        Some(Diagnostic::error("unresolved-image", draft.place_of(lookup), message))
    };
    looked_up.filter_map(fault).collect()
}

/// The digest by which the base is known; nothing for a product on scratch. An image that only the daemon's own store has is
/// known by its id, the digest of its config, and a folder or a build that stands in for the base by that of its definition.
pub fn base_digest<G: Gateway>(
    draft: &Draft<'_>,
    images: &Images<'_, G>,
    contexts: &NamedContexts,
) -> Option<String> {
    let lookup = draft.base_lookup()?;
    match replaced(&lookup, contexts) {
        None => {
            let found = found(draft, images, &lookup).ok()?;
            let of_config = || found.config.as_ref().map(|config| OpDigest::of(config).to_string());
            let digest = found.reference.digest().map(ToString::to_string);
            match &found.instead {
                None => digest.or_else(of_config),
                // By its definition, as what stands in for an image otherwise.
                Some(_) => {
                    let state = found.state(&lookup.platform, ResolveMode::Default, Meta::default());
                    of_config().or_else(|| Some(state.vertex()?.digest().to_string()))
                }
            }
        }
        Some(Named { config: Some(config), .. }) => Some(OpDigest::of(config).to_string()),
        Some(Named { folder: Folder::Made(state), .. }) => Some(state.vertex()?.digest().to_string()),
        Some(Named { folder: Folder::Client(name), .. }) => Some(OpDigest::of(name.as_bytes()).to_string()),
    }
}

/// The context that stands in for an image without being one itself.
fn replaced<'c>(lookup: &ImageLookup, contexts: &'c NamedContexts) -> Option<&'c Named> {
    contexts.get(&(lookup.reference.familiar(), lookup.platform.clone()))
}

fn wanted_image(lookup: &ImageLookup) -> Wanted {
    Wanted { reference: lookup.reference.clone(), platform: lookup.platform.clone() }
}

fn image<G: Gateway>(
    draft: &Draft<'_>,
    options: &Options,
    naming: Naming,
    images: &Images<'_, G>,
    lookup: &ImageLookup,
) -> Result<ImageAnswer, Failure> {
    let found = found(draft, images, lookup).map_err(|failure| unresolved(draft, lookup, failure))?;
    let is_base = draft.base_lookup().as_ref() == Some(lookup);
    let actual = found.config.as_ref().and_then(|config| other_platform(config, &lookup.platform));
    if is_base && let Some(actual) = actual {
        return Err(Failure::Diagnostics(vec![wrong_platform(draft, lookup, &actual)]));
    }
    let role = if is_base { "base" } else { "image" };
    let label = match naming {
        Naming::Plain => role.to_owned(),
        Naming::WithPlatform => format!("{} {role}", lookup.platform),
    };
    let name = found.instead.as_ref().map_or_else(|| found.reference.to_string(), |op| op.identifier.clone());
    let about = Meta::named(format!("[{label}] {name}")).location(location(draft.place_of(lookup)));
    let state = found.state(&lookup.platform, options.resolve_mode, about);
    Ok(ImageAnswer { state, config: found.config.clone() })
}

/// The image as the lock has it, or else as it was looked up.
fn found<'i, G: Gateway>(
    draft: &Draft<'_>,
    images: &'i Images<'_, G>,
    lookup: &ImageLookup,
) -> Result<Cow<'i, Found>, Failure> {
    match draft.locked(lookup) {
        Some(locked) => {
            let config = Some(locked.config());
            Ok(Cow::Owned(Found { config, reference: locked.reference, instead: None }))
        }
        None => images.found(&wanted_image(lookup)).map(Cow::Borrowed),
    }
}

/// Why an image was not found, in the daemon's words, with the place that names the image.
fn unresolved(draft: &Draft<'_>, lookup: &ImageLookup, failure: Failure) -> Failure {
    let Failure::BuildKit(status) = failure else { return failure };
    let place = draft.place_of(lookup);
    let (name, platform) = (lookup.reference.familiar(), &lookup.platform);
    let prefix = format!("{place}: image `{name}` cannot be resolved for `{platform}`");
    status.context(&prefix).with_json_detail("errdefs.Source", &Excerpt::of(place)).into()
}

/// The platform that an image's config names, where it is another one than was asked for: a store that has the image
/// for one platform only answers with that one. Variants are not compared, for few configs name them.
fn other_platform(config: &[u8], asked: &Platform) -> Option<String> {
    #[derive(Deserialize)]
    struct ConfigJson {
        os: String,
        architecture: String,
    }
    let config: ConfigJson = serde_json::from_slice(config).ok()?;
    let actual = Platform::from_parts(&config.os, &config.architecture, "").ok()?;
    let same = actual.os() == asked.os() && actual.arch() == asked.arch();
    (!same).then(|| format!("{}/{}", actual.os(), actual.arch()))
}

fn wrong_platform(draft: &Draft<'_>, lookup: &ImageLookup, actual: &str) -> Diagnostic {
    let name = lookup.reference.familiar();
    let message = format!("the base `{name}` is there for `{actual}`, not for `{}`", lookup.platform);
    Diagnostic::error("base-platform", draft.place_of(lookup), message)
        .help(format!("build for `{actual}`, or use a base that has both; `--pull` asks the registry"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_for_another_platform_is_noticed() {
        let other = |config: &str, asked: &str| other_platform(config.as_bytes(), &asked.parse().unwrap());
        let config = r#"{"os":"linux","architecture":"amd64"}"#;
        assert_eq!(other(config, "linux/arm64").as_deref(), Some("linux/amd64"));
        assert_eq!(other(config, "linux/amd64/v3"), None);
        assert_eq!(other(r#"{"os":"linux","architecture":"arm"}"#, "linux/arm/v7"), None);
        assert_eq!(other("not a config", "linux/amd64"), None, "the planner says what is wrong with it");
    }
}
