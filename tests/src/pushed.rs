//! Images in the lab's registry: what a push left there.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::process::run;
use crate::{BuildOptions, BuildOutcome, Lab, Output, Project, unique};

/// A repository in the lab's registry.
#[derive(Debug, Clone)]
pub struct Repository(String);

/// A blob of an image, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob {
    /// Its digest.
    pub digest: String,
    /// Its length in bytes.
    pub size: u64,
}

/// One layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The stored archive.
    pub blob: Blob,
    /// What the image's history says made it.
    pub made_by: String,
}

/// An image of one platform in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Its name with its digest.
    pub reference: String,
    /// The layers, from the base upwards.
    pub layers: Vec<Layer>,
    /// The image configuration.
    pub config: Blob,
    /// The manifest.
    pub manifest: Blob,
}

impl Repository {
    /// A repository of this name, for what several tests or several runs share.
    ///
    /// # Panics
    /// Where the engine of the tests has no registry: one that is not the factory's own needs `FACTORY_REGISTRY`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let registry = Lab::get().registry().expect("these tests push: name a registry in FACTORY_REGISTRY");
        Self(format!("{registry}/factory-tests/{name}"))
    }

    /// A repository that nobody else knows.
    #[must_use]
    pub fn fresh() -> Self {
        Self::named(&unique())
    }

    /// An image in it.
    #[must_use]
    pub fn tag(&self, tag: &str) -> String {
        format!("{}:{tag}", self.0)
    }

    /// Builds a project and pushes what comes of it under a tag.
    #[track_caller]
    #[must_use]
    pub fn push(&self, tag: &str, project: &Project, options: &BuildOptions) -> (BuildOutcome, Pushed) {
        self.built(project, options, Output::Push(self.tag(tag)))
    }

    /// The same, and the engine's own store gets the image too. Whoever asks for it removes it there.
    #[track_caller]
    #[must_use]
    pub fn push_and_store(
        &self,
        tag: &str,
        project: &Project,
        options: &BuildOptions,
    ) -> (BuildOutcome, Pushed) {
        self.built(project, options, Output::PushAndStore(self.tag(tag)))
    }

    #[track_caller]
    fn built(&self, project: &Project, options: &BuildOptions, output: Output) -> (BuildOutcome, Pushed) {
        let options = BuildOptions { output, ..options.clone() };
        let outcome = project.build(&options).succeeded();
        let pushed = Pushed::read(&format!("{}@{}", self.0, outcome.digest()));
        (outcome, pushed)
    }
}

impl Pushed {
    /// Reads the manifest and the configuration of an image from the registry. What is attested of it stands beside it in an
    /// index, of which it is the only image.
    #[must_use]
    pub fn read(reference: &str) -> Self {
        let raw = inspected(reference, &["--raw"]);
        let manifest: Value = serde_json::from_str(&raw).unwrap();
        if let Some(entries) = manifest["manifests"].as_array() {
            let attests = |entry: &&Value| entry["annotations"]["vnd.docker.reference.type"].is_string();
            let images: Vec<&Value> = entries.iter().filter(|entry| !attests(entry)).collect();
            let [image] = images[..] else { panic!("{reference} is not one image: {raw}") };
            let repository = reference.split('@').next().unwrap_or(reference);
            return Self::read(&format!("{repository}@{}", image["digest"].as_str().unwrap()));
        }
        let config: Value =
            serde_json::from_str(&inspected(reference, &["--format", "{{json .Image}}"])).unwrap();
        let history = config["history"].as_array().map(Vec::as_slice).unwrap_or_default();
        let made = history.iter().filter(|entry| entry["empty_layer"].as_bool() != Some(true));
        let made: Vec<&str> = made.map(|entry| entry["created_by"].as_str().unwrap_or_default()).collect();
        let blobs: Vec<Blob> = manifest["layers"].as_array().unwrap().iter().map(Blob::described).collect();
        assert_eq!(
            made.len(),
            blobs.len(),
            "layers of {reference}, and history entries that made one: {made:?}"
        );
        let layers = blobs.into_iter().zip(made);
        Self {
            reference: reference.to_owned(),
            layers: layers.map(|(blob, made_by)| Layer { blob, made_by: made_by.to_owned() }).collect(),
            config: Blob::described(&manifest["config"]),
            manifest: Blob { digest: crate::sha256(raw.as_bytes()), size: raw.len() as u64 },
        }
    }

    /// Digests of the layers, from the base upwards.
    #[must_use]
    pub fn digests(&self) -> Vec<&str> {
        self.layers.iter().map(|layer| layer.blob.digest.as_str()).collect()
    }

    /// The layers that this fragment alone made.
    #[must_use]
    pub fn of_fragment(&self, name: &str) -> Vec<&Layer> {
        let label = format!("[{name} ");
        self.layers.iter().filter(|layer| layer.made_by.starts_with(&label)).collect()
    }

    /// Whether the image begins with all layers of `base`.
    #[must_use]
    pub fn stands_on(&self, base: &Self) -> bool {
        self.digests().starts_with(&base.digests())
    }

    /// What had to be pushed where `before` was pushed already.
    #[must_use]
    pub fn new_since(&self, before: &Self) -> BTreeSet<&Blob> {
        let old: BTreeSet<&Blob> = before.blobs().collect();
        self.blobs().filter(|blob| !old.contains(blob)).collect()
    }

    /// Everything that the image is stored as.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.layers.iter().map(|layer| &layer.blob).chain([&self.config, &self.manifest])
    }
}

impl Blob {
    fn described(descriptor: &Value) -> Self {
        let digest = descriptor["digest"].as_str().unwrap().to_owned();
        Self { digest, size: descriptor["size"].as_u64().unwrap() }
    }
}

fn inspected(reference: &str, words: &[&str]) -> String {
    let mut command = Lab::get().buildx();
    let finished = run(command.args(["imagetools", "inspect"]).args(words).arg(reference));
    finished.expect("docker buildx imagetools inspect").to_owned()
}
