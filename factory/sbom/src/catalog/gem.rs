//! Ruby's gems: the specification that RubyGems and Bundler keep of each that they have installed, and Debian of each of its own.

use super::{Cataloger, parsed};
use crate::formats::gem::{self, Gem};
use crate::licence::Licence;
use crate::model::{Ecosystem, Inventory, Package, Party, Requirement};
use crate::purl;
use crate::root::{Entry, Place, Root, Wish, name, parent};

/// Finds specifications by where they lie: in the `specifications` of a gem home, and in its `default` for what comes with
/// Ruby. Any other is the source of a gem that nobody has installed from there.
#[derive(Debug)]
pub struct Gems;

const NAME: &str = "gem";

impl Cataloger for Gems {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wants(&self, place: Place<'_>) -> Wish {
        let wanted = place.is_file() && place.name().ends_with(b".gemspec") && home(place.parent()).is_some();
        Wish::yes_if(wanted)
    }

    fn found(&self, _root: &Root, entry: &Entry<'_>, out: &mut Inventory) {
        let Some(home) = home(entry.parent()) else { return };
        if let Some(gem) = parsed(out, NAME, entry, "a gem is missing", gem::read) {
            add(out, entry.path(), home, gem);
        }
    }
}

/// The folder in which gems find one another: above the `specifications`.
fn home(folder: &[u8]) -> Option<&[u8]> {
    let folder = if name(folder) == b"default" { parent(folder) } else { folder };
    (name(folder) == b"specifications").then(|| parent(folder))
}

fn add(out: &mut Inventory, place: &[u8], home: &[u8], gem: Gem) {
    let purl = match purl::build("gem", "", &gem.name, &gem.version, &[("platform", &gem.platform)]) {
        Ok(purl) => purl,
        Err(why) => return out.warn(NAME, place, format!("the gem {} is left out: {why}", gem.name)),
    };
    let mut package = Package::new(Ecosystem::Gem, NAME, gem.name, gem.version, purl);
    package.evidence.push(place.to_vec());
    package.scope = home.to_vec();
    package.requires = gem.depends.into_iter().map(Requirement::of).collect();
    package.licence = Licence::any(gem.licences.iter().map(|words| Licence::of(words)));
    package.originator = gem.authors.first().and_then(|author| Party::parse(author));
    package.homepage = gem.homepage.starts_with("http").then_some(gem.homepage);
    package.summary = (!gem.summary.is_empty()).then_some(gem.summary);
    out.add(package);
}
