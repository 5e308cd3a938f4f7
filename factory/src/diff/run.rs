//! Comparing.

use std::collections::{BTreeMap, BTreeSet};

use llb_gen::model::Platform;
use llb_gen::record::Record;
use serde::Serialize;

use super::changes::{Change, Changes};
use super::config;
use crate::attested::{Interest, Package, gather};
use crate::exit::Result;
use crate::images::{Platforms, Store};
use crate::layers::{Comparison, Image, Link, Pull, named, read};

/// What a config may come to.
const LONGEST_CONFIG: u64 = 8 << 20;

/// What changed from one image to another.
#[derive(Debug, Clone, Serialize)]
pub struct Diff {
    /// Layers that both have, and those that one has alone.
    pub layers: Comparison,
    /// How long it takes to pull the second where there is nothing.
    pub pull: Pull,
    /// How long it takes where the first is.
    pub update: Pull,
    /// Bytes that an image has more than once, of the first and of the second.
    pub duplicate_bytes: [u64; 2],
    /// The fragments; nothing where one of the images has no record.
    pub fragments: Option<Changes>,
    /// The packages: `deb/bash`, with their versions; nothing where one of the images has no list of them.
    pub packages: Option<Changes>,
    /// What a container starts with.
    pub config: Changes,
    /// The verdicts; nothing where one of the images has no record.
    pub verdicts: Option<Verdicts>,
}

/// What tests say of both.
#[derive(Debug, Clone, Serialize)]
pub struct Verdicts {
    /// Of the product as a whole.
    pub product: Change,
    /// Tests that only one has, and those that say something else.
    pub tests: Changes,
    /// Whether both were tested by the same tests.
    pub comparable: bool,
}

/// One side.
struct Side {
    image: Image,
    record: Option<Record>,
    packages: Option<BTreeMap<String, String>>,
    config: BTreeMap<String, String>,
}

/// Compares two images for one platform: the one that is wanted, or the machine's own.
///
/// # Errors
/// One of them is not there or cannot be read, or something that is said of it is not what it is said to be.
pub fn diff(
    a: (&str, &dyn Store),
    b: (&str, &dyn Store),
    wanted: Option<&Platform>,
    host: &Platform,
    link: Link,
) -> Result<Diff> {
    let (a, b) = (side(a, wanted, host)?, side(b, wanted, host)?);
    let both = |of: fn(&Record) -> BTreeMap<String, String>| match (&a.record, &b.record) {
        (Some(a), Some(b)) => Some(Changes::of(&of(a), &of(b))),
        _ => None,
    };
    let fragments = both(fragments);
    let verdicts = match (&a.record, &b.record) {
        (Some(a), Some(b)) => Some(Verdicts {
            product: Change {
                name: b.manifest_id.clone(),
                from: a.result.status.as_str().to_owned(),
                to: b.result.status.as_str().to_owned(),
            },
            tests: Changes::of(&tests(a), &tests(b)),
            comparable: a.test_hash == b.test_hash,
        }),
        _ => None,
    };
    let packages = match (&a.packages, &b.packages) {
        (Some(a), Some(b)) => Some(Changes::of(a, b)),
        _ => None,
    };
    let config = Changes::of(&a.config, &b.config);
    let duplicate_bytes = [a.image.duplicate_bytes(), b.image.duplicate_bytes()];
    let layers = Comparison::of(a.image, b.image);
    let (pull, update) = (Pull::of(&layers.b.layers, link), Pull::of(&layers.only_b, link));
    Ok(Diff { layers, pull, update, duplicate_bytes, fragments, packages, config, verdicts })
}

impl Diff {
    /// Whether both are the same image.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.layers.a.digest == self.layers.b.digest
    }
}

fn side((name, store): (&str, &dyn Store), wanted: Option<&Platform>, host: &Platform) -> Result<Side> {
    let image = read(name, store, wanted, host)?;
    let failed = |fault: crate::registry::Fault| named(name, fault.into());
    let platform = image.platform.as_ref().and_then(|text| text.parse::<Platform>().ok());
    let mut platforms = Platforms::read(store, platform.as_ref()).map_err(failed)?;
    platforms.images.retain(|one| one.descriptor.digest == image.digest);
    let said = gather(store, &platforms, Interest::All).map_err(failed)?;
    let manifest = platforms.images.first().map(|one| &one.manifest);
    let bytes = match manifest {
        Some(manifest) => store.blob(&manifest.config, LONGEST_CONFIG).map_err(failed)?.unwrap_or_default(),
        None => Vec::new(),
    };
    let mut packages: Option<BTreeSet<Package>> = None;
    for one in &said {
        if let Some(found) = one.packages().map_err(failed)? {
            packages.get_or_insert_default().extend(found);
        }
    }
    let records = said.into_iter().flat_map(|one| one.records.into_values());
    let newest = records.max_by_key(|file| file.record.result.tested_at.clone());
    Ok(Side {
        image,
        record: newest.map(|file| file.record),
        packages: packages.map(by_name),
        config: config::values(&bytes),
    })
}

/// Packages by kind and name; of one that is there in several versions all of them.
fn by_name(packages: BTreeSet<Package>) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for one in packages {
        let name = if one.kind.is_empty() { one.name } else { format!("{}/{}", one.kind, one.name) };
        let versions = found.entry(name).or_default();
        if !versions.is_empty() {
            versions.push_str(", ");
        }
        versions.push_str(&one.version);
    }
    found
}

fn fragments(record: &Record) -> BTreeMap<String, String> {
    let one = |fragment: &llb_gen::record::FragmentEntry| {
        let digits: String = crate::layers::short(&fragment.digest).to_owned();
        (fragment.name.clone(), format!("{} ({digits})", fragment.version))
    };
    record.fragments.iter().map(one).collect()
}

fn tests(record: &Record) -> BTreeMap<String, String> {
    record.tests.iter().map(|test| (test.name.clone(), test.verdict.as_str().to_owned())).collect()
}
