//! Looks up images: digest and config of each, once per reference and platform, all at the same time.

use std::collections::{BTreeMap, BTreeSet};

use bollard_buildkit_proto::pb;
use futures_util::future::join_all;
use llb_gen::llb::source::{self, Image, ResolveMode};
use llb_gen::llb::{Meta, State};
use llb_gen::model::{ImageRef, Platform};
use llb_gen::request::Naming;

use crate::failure::Failure;
use crate::gateway::{Gateway, ResolvedSource, SourceLookup};
use crate::options::{NamedContext, Options};

/// An image that a build needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// Its reference as the manifest or a fragment has it, in full form.
    pub reference: ImageRef,
    /// Which of its platforms.
    pub platform: Platform,
}

/// An image that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The reference to use, pinned by digest; without digest where the daemon has the image in its own store only.
    pub reference: ImageRef,
    /// The image's config; nothing where a source policy has put something in its place that has none.
    pub config: Option<Vec<u8>>,
    /// What a source policy has put in its place, where that is no image of a registry.
    pub instead: Option<pb::SourceOp>,
}

impl Found {
    /// Its filesystem.
    pub fn state(&self, platform: &Platform, mode: ResolveMode, about: Meta) -> State {
        match &self.instead {
            Some(op) => source::rewritten(op, Some(platform_of(platform)), about),
            None => {
                let image = Image::new(&self.reference.to_string()).platform(platform_of(platform));
                image.resolve_mode(mode).meta(about).state()
            }
        }
    }
}

/// Images by what was wanted, each looked up once.
#[derive(Debug)]
pub struct Images<'b, G> {
    gateway: &'b G,
    options: &'b Options,
    naming: Naming,
    answers: BTreeMap<Wanted, Result<Found, Failure>>,
}

impl<'b, G: Gateway> Images<'b, G> {
    /// Nothing is looked up yet.
    pub fn new(gateway: &'b G, options: &'b Options, naming: Naming) -> Self {
        Self { gateway, options, naming, answers: BTreeMap::new() }
    }

    /// Looks up what is not known yet, all at the same time. A named context goes before the image that is called
    /// so. What fails is kept, and is an error once somebody asks for it.
    pub async fn look_up(&mut self, wanted: impl IntoIterator<Item = Wanted>) {
        let missing: BTreeSet<Wanted> = wanted
            .into_iter()
            .map(|one| self.effective(one))
            .filter(|one| !self.answers.contains_key(one))
            .collect();
        let asked = missing.iter().map(|one| self.ask(&one.reference, &one.platform));
        let answers = join_all(asked).await;
        self.answers.extend(missing.into_iter().zip(answers));
        self.settle_on_one_digest().await;
    }

    /// What was found.
    ///
    /// # Errors
    /// BuildKit's own, unchanged; and images that a source policy replaced by something else.
    pub fn found(&self, wanted: &Wanted) -> Result<&Found, Failure> {
        match self.answers.get(&self.effective(wanted.clone())) {
            Some(Ok(found)) => Ok(found),
            Some(Err(failure)) => Err(failure.clone()),
            None => Err(Failure::refused(format!("the image `{}` was not looked up", wanted.reference))),
        }
    }

    /// The image that stands for `wanted`: the one that a named context gives for it, or itself.
    fn effective(&self, wanted: Wanted) -> Wanted {
        let name = wanted.reference.familiar();
        match self.options.contexts.lookup(&name, &wanted.platform.to_string()) {
            Some(NamedContext::Image(reference)) => Wanted { reference: reference.clone(), ..wanted },
            _ => wanted,
        }
    }

    /// A tag may move between two lookups. Platforms of one build come from one index: that of the first answer.
    async fn settle_on_one_digest(&mut self) {
        let mut first: BTreeMap<ImageRef, ImageRef> = BTreeMap::new();
        let mut moved: Vec<(Wanted, ImageRef)> = Vec::new();
        for (wanted, answer) in &self.answers {
            let Ok(found) = answer else { continue };
            let pinned = first.entry(wanted.reference.clone()).or_insert_with(|| found.reference.clone());
            if *pinned != found.reference {
                moved.push((wanted.clone(), pinned.clone()));
            }
        }
        let asked = moved.iter().map(|(wanted, pinned)| self.ask(pinned, &wanted.platform));
        let again = join_all(asked).await;
        self.answers.extend(moved.into_iter().map(|(wanted, _)| wanted).zip(again));
    }

    async fn ask(&self, reference: &ImageRef, platform: &Platform) -> Result<Found, Failure> {
        let prefix = match self.naming {
            Naming::Plain => String::new(),
            Naming::WithPlatform => format!("{platform} "),
        };
        let lookup = SourceLookup {
            source: Image::new(&reference.to_string()).to_pb(),
            platform: Some(platform_message(platform)),
            log_name: format!("[{prefix}internal] load metadata for {reference}"),
            resolve_mode: self.options.resolve_mode.as_str().to_owned(),
        };
        let answer = self.gateway.resolve_source_meta(lookup.clone()).await?;
        if answer.image.is_none() && answer.source.identifier.starts_with("oci-layout://") {
            let again = SourceLookup { source: answer.source, ..lookup };
            return pinned(reference, self.gateway.resolve_source_meta(again).await?);
        }
        pinned(reference, answer)
    }
}

/// What a source policy may put in the place of an image beside another: what has files without anything else to be asked for.
const SCHEMES: [&str; 4] = ["oci-layout", "git", "http", "https"];

/// What to use: the source that BuildKit answered with, which a source policy may have rewritten.
fn pinned(asked: &ImageRef, answer: ResolvedSource) -> Result<Found, Failure> {
    let replaced =
        |what: &str| Failure::refused(format!("a source policy replaced the image `{asked}` by {what}"));
    let identifier = &answer.source.identifier;
    let (scheme, text) = identifier.split_once("://").unwrap_or_default();
    if SCHEMES.contains(&scheme) {
        let config = answer.image.map(|image| image.config);
        return Ok(Found { reference: asked.clone(), config, instead: Some(answer.source) });
    }
    if scheme != "docker-image" {
        return Err(replaced(&format!("`{identifier}`, which no image can be made of")));
    }
    let reference: ImageRef = text.parse().map_err(|fault| replaced(&format!("`{text}`: {fault}")))?;
    let image = answer
        .image
        .ok_or_else(|| Failure::refused(format!("BuildKit found no image config of `{asked}`")))?;
    let reference = match image.digest.as_str() {
        "" => reference,
        digest => {
            let digest = digest.parse().map_err(|fault| {
                Failure::refused(format!(
                    "BuildKit resolved `{asked}` to `{digest}`, which is no digest: {fault}"
                ))
            })?;
            reference.with_digest(digest)
        }
    };
    Ok(Found { reference, config: Some(image.config), instead: None })
}

/// A platform of an op.
pub fn platform_of(platform: &Platform) -> llb_gen::llb::Platform {
    llb_gen::llb::Platform::new(platform.os(), platform.arch())
        .variant(platform.variant().unwrap_or_default())
}

/// A platform for a message.
pub fn platform_message(platform: &Platform) -> pb::Platform {
    platform_of(platform).to_pb()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::ResolvedImage;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn answer(identifier: &str, digest: &str) -> ResolvedSource {
        let source = pb::SourceOp { identifier: identifier.into(), ..Default::default() };
        let image = ResolvedImage { digest: digest.into(), config: b"{}".to_vec() };
        ResolvedSource { source, image: Some(image), time: None }
    }

    fn reference(text: &str) -> ImageRef {
        text.parse().unwrap()
    }

    #[test]
    fn an_image_is_pinned_with_its_tag() {
        let found =
            pinned(&reference("debian:12"), answer("docker-image://docker.io/library/debian:12", DIGEST))
                .unwrap();
        assert_eq!(found.reference.to_string(), format!("docker.io/library/debian:12@{DIGEST}"));
    }

    #[test]
    fn an_image_of_the_daemons_own_store_may_have_no_digest() {
        let found = pinned(&reference("debian:12"), answer("docker-image://docker.io/library/debian:12", ""))
            .unwrap();
        assert_eq!(found.reference, reference("debian:12"));
    }

    #[test]
    fn a_rewritten_source_is_followed() {
        let found =
            pinned(&reference("nope:1"), answer("docker-image://docker.io/library/debian:12", DIGEST))
                .unwrap();
        assert_eq!(found.reference.familiar(), format!("debian:12@{DIGEST}"));
        let download =
            pinned(&reference("nope:1"), ResolvedSource { image: None, ..answer("https://x/y.tar", "") });
        let download = download.unwrap();
        assert_eq!(download.instead.unwrap().identifier, "https://x/y.tar");
        assert_eq!((download.config, download.reference), (None, reference("nope:1")));
        let error = pinned(&reference("nope:1"), answer("local://x", DIGEST)).unwrap_err().to_string();
        assert!(error.contains("`local://x`, which no image can be made of"), "{error}");
    }
}
