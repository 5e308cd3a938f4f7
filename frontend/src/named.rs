//! Named contexts (`--build-context NAME=…`): what they put in the place of images and of folders that steps name.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use llb_gen::draft::Draft;
use llb_gen::llb::source::{Local, OciLayout};
use llb_gen::llb::{Copy, FileOp, Meta, State};
use llb_gen::model::{Digest, ImageRef, Platform};
use llb_gen::ordered::ordered;
use llb_gen::request::Tree;
use serde::Deserialize;

use crate::excerpt::from_base64;
use crate::failure::Failure;
use crate::files::{self, Content};
use crate::folder::Folder;
use crate::gateway::{Gateway, SourceLookup};
use crate::ignore;
use crate::images::{Images, Wanted, platform_of};
use crate::local;
use crate::opening::{self, Opening, spliced};
use crate::options::{NamedContext, Options};

/// A named context, ready to be used.
#[derive(Debug, Clone)]
pub struct Named {
    /// Its files.
    pub folder: Folder,
    /// What of a client's directory is never sent.
    pub ignore: Vec<String>,
    /// The config of an image.
    pub config: Option<Vec<u8>>,
}

/// The contexts that were resolved, by name and platform.
pub type NamedContexts = BTreeMap<(String, Platform), Named>;

/// What a build on one platform may take from named contexts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    platform: Platform,
    /// The names of contexts that steps name.
    steps: BTreeSet<String>,
    /// Those of images, for which contexts may stand in.
    images: BTreeSet<String>,
}

impl Demand {
    /// What a draft asks for.
    pub fn of(draft: &Draft<'_>, platform: &Platform) -> Self {
        let images = ordered(draft.lookups().map(|lookup| lookup.reference.familiar()));
        Self { platform: platform.clone(), steps: draft.named_contexts().clone(), images }
    }

    /// The names, each once.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.steps.union(&self.images).map(String::as_str)
    }
}

/// What contexts are resolved with.
#[derive(Debug, Clone, Copy)]
pub struct Resolver<'b, G> {
    /// BuildKit.
    pub gateway: &'b G,
    /// What was asked for.
    pub options: &'b Options,
    /// What the client handed in.
    pub opening: &'b Opening,
}

impl<G: Gateway> Resolver<'_, G> {
    /// The contexts that builds ask for and that are no images in the place of images: those [`Images`] follows by itself. What
    /// nobody asks for is not looked at, for whatever is becomes a material of the build.
    ///
    /// # Errors
    /// BuildKit's own, and inputs that were not handed in.
    pub async fn contexts(
        &self,
        images: &mut Images<'_, G>,
        demands: &[Demand],
    ) -> Result<NamedContexts, Failure> {
        let mut needed: Vec<(&str, &Platform, &NamedContext)> = Vec::new();
        for demand in demands {
            for name in demand.names() {
                let context = self.options.contexts.lookup(name, &demand.platform.to_string());
                let Some(context) = context else { continue };
                if demand.steps.contains(name) || !matches!(context, NamedContext::Image(_)) {
                    needed.push((name, &demand.platform, context));
                }
            }
        }
        let wanted = needed.iter().filter_map(|(_, platform, context)| wanted(context, platform));
        images.look_up(wanted).await;
        let images = &*images;
        let contexts = needed.into_iter().map(|(name, platform, context)| async move {
            let named = self.context(images, name, context, platform).await?;
            Ok(((name.to_owned(), platform.clone()), named))
        });
        join_all(contexts).await.into_iter().collect()
    }

    /// One context by its name, where the client gave it.
    ///
    /// # Errors
    /// BuildKit's own, and an input that was not handed in.
    pub async fn one(
        &self,
        images: &mut Images<'_, G>,
        name: &str,
        platform: &Platform,
    ) -> Result<Option<Named>, Failure> {
        let Some(context) = self.options.contexts.lookup(name, &platform.to_string()) else {
            return Ok(None);
        };
        images.look_up(wanted(context, platform)).await;
        self.context(images, name, context, platform).await.map(Some)
    }

    async fn context(
        &self,
        images: &Images<'_, G>,
        name: &str,
        context: &NamedContext,
        platform: &Platform,
    ) -> Result<Named, Failure> {
        match context {
            NamedContext::Scratch => Ok(made(State::scratch())),
            NamedContext::Image(reference) => self.image(images, name, reference, platform),
            NamedContext::OciLayout { store, digest } => self.oci_layout(name, store, digest, platform).await,
            NamedContext::Git(git) => {
                opening::check_git(&self.opening.daemon, &format!("context:{name}"), git)?;
                Ok(made(git.state(format!("[context {name}] load git source {}", git.url))))
            }
            NamedContext::Http(url) => {
                Ok(Named { folder: Folder::download(url), ignore: Vec::new(), config: None })
            }
            NamedContext::Input(input) => self.input(name, input),
            NamedContext::Local(directory) => self.directory(directory).await,
        }
    }

    fn image(
        &self,
        images: &Images<'_, G>,
        name: &str,
        reference: &ImageRef,
        platform: &Platform,
    ) -> Result<Named, Failure> {
        let found = images.found(&Wanted { reference: reference.clone(), platform: platform.clone() })?;
        let about = Meta::named(format!("[context {name}] {}", found.reference));
        let state = found.state(platform, self.options.resolve_mode, about);
        Ok(Named { config: found.config.clone(), ..made(state) })
    }

    async fn oci_layout(
        &self,
        name: &str,
        store: &str,
        digest: &Digest,
        platform: &Platform,
    ) -> Result<Named, Failure> {
        let layout = OciLayout::new(&layout_name(name), &digest.to_string(), &self.options.session, store);
        let lookup = SourceLookup {
            source: layout.to_pb(),
            platform: Some(platform_of(platform).to_pb()),
            log_name: format!("[context {name}] load metadata for {store}@{digest}"),
            resolve_mode: self.options.resolve_mode.as_str().to_owned(),
        };
        let found = self.gateway.resolve_source_meta(lookup).await?;
        let about = Meta::named(format!("[context {name}] {store}@{digest}"));
        let state = layout.platform(platform_of(platform)).meta(about).state();
        Ok(Named { config: found.image.map(|image| image.config), ..made(state) })
    }

    fn input(&self, name: &str, input: &str) -> Result<Named, Failure> {
        let definition = self.opening.inputs.get(input).ok_or_else(|| {
            Failure::refused(format!(
                "option `context:{name}`: the client did not hand in the input `{input}`"
            ))
        })?;
        let metadata = self.options.contexts.input_metadata.get(input);
        let config = metadata.map(|text| input_config(input, text)).transpose()?.flatten();
        Ok(Named { config, ..made(spliced(input, definition)?) })
    }

    async fn directory(&self, directory: &str) -> Result<Named, Failure> {
        let reference = local::ignore_file(self.options, directory).solve(self.gateway).await?;
        let ignore = match files::read(self.gateway, reference.as_ref(), ".dockerignore").await? {
            Content::File(bytes) => ignore::patterns(&bytes),
            Content::Missing => Vec::new(),
            Content::Unreadable(reason) => {
                return Err(Failure::refused(format!(
                    "`.dockerignore` of the context `{directory}` {reason}"
                )));
            }
        };
        Ok(Named { folder: Folder::Client(directory.to_owned()), ignore, config: None })
    }
}

/// What an image of a layout is called: an image reference, as the daemon reads it, of the context's name. The layout's own name
/// in the client's session is no reference.
fn layout_name(context: &str) -> String {
    let reference = context.parse::<ImageRef>().ok();
    reference.map_or_else(|| "docker.io/library/layout".to_owned(), |reference| reference.to_string())
}

fn made(state: State) -> Named {
    Named { folder: Folder::Made(state), ignore: Vec::new(), config: None }
}

fn wanted(context: &NamedContext, platform: &Platform) -> Option<Wanted> {
    match context {
        NamedContext::Image(reference) => {
            Some(Wanted { reference: reference.clone(), platform: platform.clone() })
        }
        _ => None,
    }
}

/// Metadata of an input: base64 by key.
#[derive(Deserialize)]
struct InputMetadata {
    #[serde(rename = "containerimage.config")]
    config: Option<String>,
}

fn input_config(input: &str, text: &str) -> Result<Option<Vec<u8>>, Failure> {
    let wrong = |reason: String| Failure::refused(format!("option `input-metadata:{input}`: {reason}"));
    let metadata: InputMetadata = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    metadata.config.map(|config| from_base64(&config).map_err(|error| wrong(error.to_string()))).transpose()
}

impl Named {
    /// The files for steps to take from; only what they name is transferred of a client's directory.
    pub fn tree(&self, options: &Options, name: &str) -> Tree {
        match &self.folder {
            Folder::Made(state) => Tree::State(state.clone()),
            Folder::Client(directory) => Tree::Local {
                name: directory.clone(),
                session: options.session_of(directory).to_owned(),
                hint: self.hint(options, name, directory),
                exclude: self.ignore.clone(),
                title: format!("[context {name}] load from client"),
                also: BTreeSet::new(),
            },
        }
    }

    /// All the files, as something that steps may be run on. A transfer has a random cache key, so it is copied.
    pub fn state(&self, options: &Options, name: &str) -> State {
        match &self.folder {
            Folder::Made(state) => state.clone(),
            Folder::Client(directory) => {
                let local = Local::new(directory, options.session_of(directory))
                    .exclude(&self.ignore)
                    .shared_key_hint(&self.hint(options, name, directory))
                    .meta(Meta::named(format!("[context {name}] load from client")));
                let copy = Copy::new(&local.state(), "/", "/").dir_contents();
                FileOp::on(&State::scratch())
                    .copy(copy)
                    .meta(Meta::named(format!("[context {name}] copy")))
                    .state()
            }
        }
    }

    fn hint(&self, options: &Options, name: &str, directory: &str) -> String {
        let key = options.contexts.shared_keys.get(directory).map(String::as_str).unwrap_or_default();
        format!("context:{name}-{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_of_a_layout_is_called_after_its_context() {
        assert_eq!(layout_name("tools"), "docker.io/library/tools:latest");
        assert_eq!(layout_name("example.org/a:1"), "example.org/a:1");
        assert_eq!(layout_name("No Reference"), "docker.io/library/layout");
    }

    #[test]
    fn the_config_of_an_input_is_in_its_metadata() {
        assert_eq!(input_config("x", r#"{"containerimage.config":"e30="}"#).unwrap(), Some(b"{}".to_vec()));
        assert_eq!(input_config("x", "{}").unwrap(), None);
        for wrong in ["", "[]", r#"{"containerimage.config":"!"}"#] {
            let error = input_config("x", wrong).unwrap_err().to_string();
            assert!(error.starts_with("option `input-metadata:x`: "), "{error}");
        }
    }
}
