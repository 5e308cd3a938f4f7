//! A lock as it is written: members in a fixed order, names sorted, no time and no machine in it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{Lock, LockedFragment, LockedImage, LockedPip, LockedStep, Resolved, SCHEMA_VERSION};
use crate::ordered::ordered;

#[derive(Serialize)]
struct Document<'l> {
    schema_version: u32,
    manifest: &'l str,
    images: BTreeMap<String, Image<'l>>,
    fragments: BTreeMap<&'l str, BTreeMap<&'l str, Fragment<'l>>>,
}

#[derive(Serialize)]
struct Image<'l> {
    digest: &'l str,
    platforms: BTreeMap<String, &'l Value>,
}

#[derive(Serialize)]
struct Fragment<'l> {
    built_on: &'l [String],
    steps: BTreeMap<&'l str, Step<'l>>,
}

#[derive(Serialize)]
struct Step<'l> {
    asked: &'l [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    apt: Option<BTreeMap<&'l str, &'l str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pip: Option<Pip<'l>>,
}

#[derive(Serialize)]
struct Pip<'l> {
    files: BTreeMap<&'l str, &'l str>,
    options: Vec<&'l str>,
    packages: BTreeMap<&'l str, Package<'l>>,
}

#[derive(Serialize)]
struct Package<'l> {
    version: &'l str,
    hashes: Vec<&'l str>,
}

impl Lock {
    /// The document. Same content, same bytes.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let images = self.images.iter().map(|(name, one)| (name.to_string(), image(one)));
        let fragments = self.fragments.iter().map(|(id, targets)| {
            let targets = targets.iter().map(|(target, one)| (target.as_str(), fragment(one)));
            (id.as_str(), ordered(targets))
        });
        let document = Document {
            schema_version: SCHEMA_VERSION,
            manifest: &self.manifest,
            images: ordered(images),
            fragments: ordered(fragments),
        };
        let mut json =
            serde_json::to_vec_pretty(&document).expect("texts, numbers and maps always serialise");
        json.push(b'\n');
        json
    }
}

fn image(image: &LockedImage) -> Image<'_> {
    let platforms = image.configs.iter().map(|(platform, config)| (platform.to_string(), config));
    Image { digest: image.digest.as_str(), platforms: ordered(platforms) }
}

fn fragment(fragment: &LockedFragment) -> Fragment<'_> {
    let steps = fragment.steps.iter().map(|(path, one)| (path.as_str(), step(one)));
    Fragment { built_on: &fragment.built_on, steps: ordered(steps) }
}

fn step(step: &LockedStep) -> Step<'_> {
    let (apt, pip) = match &step.found {
        Resolved::Apt(packages) => {
            let packages = packages.iter().map(|(name, version)| (name.as_str(), version.as_str()));
            (Some(ordered(packages)), None)
        }
        Resolved::Pip(packages) => (None, Some(pip(packages))),
    };
    Step { asked: &step.asked, apt, pip }
}

fn pip(pip: &LockedPip) -> Pip<'_> {
    let packages = pip.packages.iter().map(|(name, one)| {
        let hashes = one.hashes.iter().map(super::Digest::as_str).collect();
        (name.as_str(), Package { version: one.version.as_str(), hashes })
    });
    Pip {
        files: ordered(pip.files.iter().map(|(path, digest)| (path.as_str(), digest.as_str()))),
        options: pip.options.iter().map(super::PipOption::as_str).collect(),
        packages: ordered(packages),
    }
}
