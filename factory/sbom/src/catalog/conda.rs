//! What conda, mamba and their kin have installed, in whatever folder.

use super::{Cataloger, parsed};
use crate::formats::conda::{self, CondaPackage};
use crate::licence::Licence;
use crate::model::{Checksum, Ecosystem, Inventory, OwnedFile, Package, Requirement};
use crate::purl;
use crate::root::{Entry, Place, Root, Wish, join, name, normal, parent};

/// Reads the file that lies in `conda-meta` for every package.
#[derive(Debug)]
pub struct Conda;

const NAME: &str = "conda";

impl Cataloger for Conda {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wants(&self, place: Place<'_>) -> Wish {
        let wanted =
            place.is_file() && place.name().ends_with(b".json") && name(place.parent()) == b"conda-meta";
        Wish::yes_if(wanted)
    }

    fn found(&self, _root: &Root, entry: &Entry<'_>, out: &mut Inventory) {
        if let Some(conda) = parsed(out, NAME, entry, "a package is missing", conda::read) {
            add(out, entry.path(), parent(entry.parent()), conda);
        }
    }
}

fn add(out: &mut Inventory, place: &[u8], environment: &[u8], conda: CondaPackage) {
    let qualifiers = [
        ("build", conda.build.as_str()),
        ("channel", &conda.channel),
        ("subdir", &conda.subdir),
        ("type", &conda.kind),
    ];
    let purl = match purl::build("conda", "", &conda.name, &conda.version, &qualifiers) {
        Ok(purl) => purl,
        Err(why) => return out.warn(NAME, place, format!("the package {} is left out: {why}", conda.name)),
    };
    let mut package = Package::new(Ecosystem::Conda, NAME, conda.name, conda.version, purl);
    package.evidence.push(place.to_vec());
    package.scope = environment.to_vec();
    package.requires = conda.depends.into_iter().map(Requirement::of).collect();
    let inside = |file: &String| {
        // A name may climb out of the environment: then it is nobody's file.
        let path = normal(&join(environment, file.as_bytes()));
        let below = path.strip_prefix(environment)?;
        (environment.is_empty() || below.starts_with(b"/")).then_some(path)
    };
    package.files = conda.files.iter().filter_map(inside).map(OwnedFile::new).collect();
    package.licence = Licence::of(&conda.licence);
    package.download = (!conda.url.is_empty()).then_some(conda.url);
    for (algorithm, hex) in [("MD5", conda.md5), ("SHA256", conda.sha256)] {
        if !hex.is_empty() {
            package.checksums.push(Checksum { algorithm, hex });
        }
    }
    out.add(package);
}
