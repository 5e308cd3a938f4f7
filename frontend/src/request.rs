//! One platform's request to the planner, from the options and from where the files are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use llb_gen::llb::State;
use llb_gen::lock::{Lock, LockInput, LockMode};
use llb_gen::model::Platform;
use llb_gen::ordered::ordered;
use llb_gen::request::{Naming, Request, Tree};

use crate::folder::Folder;
use crate::named::NamedContexts;
use crate::opening::Opening;
use crate::options::{Locked, Options};

/// What the requests of all platforms share.
#[derive(Debug)]
pub struct Common<'b> {
    /// What was asked for.
    pub options: &'b Options,
    /// What the first calls brought.
    pub opening: &'b Opening,
    /// Where the catalogue is.
    pub catalogue: &'b Folder,
    /// The named contexts.
    pub contexts: &'b NamedContexts,
    /// The daemon's own platform.
    pub own: &'b Platform,
    /// Whether names say the platform.
    pub naming: Naming,
    /// The frontend's own image.
    pub own_image: Option<&'b State>,
    /// The lock of the manifest.
    pub lock: Locks<'b>,
}

/// The lock of a manifest, with what is known of the files that it names.
#[derive(Debug, Clone, Copy)]
pub struct Locks<'b> {
    /// The lock.
    pub lock: Option<&'b Arc<Lock>>,
    /// The digests of the requirements files.
    pub files: &'b BTreeMap<String, String>,
    /// Whether drift is worth a word.
    pub mode: LockMode,
    /// Whether what it lacks is to be found out.
    pub resolve: bool,
}

/// How strictly a build follows its lock.
pub fn mode(options: &Options) -> LockMode {
    match options.locked {
        Locked::Always => LockMode::Enforce,
        Locked::WhereThere | Locked::Never => LockMode::Warn,
    }
}

impl Common<'_> {
    /// The request for one platform.
    pub fn request(&self, platform: &Platform) -> Request {
        let options = self.options;
        let contexts = self.contexts.iter().filter(|((_, of), _)| of == platform);
        Request {
            platform: platform.clone(),
            build_platform: self.own.clone(),
            caps: self.opening.daemon.llb_caps.clone(),
            naming: self.naming,
            target: options.target.clone(),
            build_args: options.build_args.clone(),
            labels: options.labels.clone(),
            no_cache: options.no_cache.clone(),
            epoch: options.epoch,
            built_on: options.built_on.clone(),
            sandbox: options.sandbox.clone(),
            cache_namespace: options.cache_namespace.clone(),
            context: self.context(),
            catalogue: self.catalogue(),
            named_contexts: ordered(
                contexts.map(|((name, _), named)| (name.clone(), named.tree(options, name))),
            ),
            own_image: self.own_image.cloned(),
            lock: self.lock(platform),
        }
    }

    fn lock(&self, platform: &Platform) -> LockInput {
        let Locks { lock, files, mode, resolve } = self.lock;
        let platform = platform.to_string();
        let contexts = &self.options.contexts;
        let names = contexts.named.keys().map(|name| name.split("::").next().unwrap_or_default());
        let replaced = names.filter(|name| contexts.lookup(name, &platform).is_some()).map(str::to_owned);
        LockInput { lock: lock.cloned(), mode, files: files.clone(), replaced: ordered(replaced), resolve }
    }

    fn context(&self) -> Tree {
        let tree = self.tree(&self.opening.context, "files", "[internal] load build context");
        match tree {
            Tree::Local { name, session, hint, title, also, .. } => {
                let exclude = self.opening.ignore.clone();
                Tree::Local { name, session, hint, title, exclude, also }
            }
            made => made,
        }
    }

    /// The fragments' own files. Ignore files do not apply: they are about the build context.
    fn catalogue(&self) -> Tree {
        self.tree(self.catalogue, CATALOGUE_FILES, "[internal] load files of fragments")
    }

    fn tree(&self, folder: &Folder, purpose: &str, title: &str) -> Tree {
        match folder {
            Folder::Made(state) => Tree::State(state.clone()),
            Folder::Client(name) => Tree::Local {
                name: name.clone(),
                session: self.options.session_of(name).to_owned(),
                hint: hint(self.options, name, purpose),
                exclude: Vec::new(),
                title: title.to_owned(),
                also: BTreeSet::new(),
            },
        }
    }
}

const CATALOGUE_FILES: &str = "fragments";

/// The transfer key of the fragments' own files, by which their vertex is found in a graph.
pub fn catalogue_hint(options: &Options, name: &str) -> String {
    hint(options, name, CATALOGUE_FILES)
}

/// Every manifest takes other files of the same folder, so each has transfer keys of its own.
fn hint(options: &Options, name: &str, purpose: &str) -> String {
    format!("{name}:{purpose}:{}", options.filename)
}
