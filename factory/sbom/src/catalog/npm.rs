//! Node modules: the `package.json` of every module in a `node_modules`, flat, nested or pnpm's, and of applications.

use serde_json::Value;

use super::Cataloger;
use crate::licence::Licence;
use crate::limits;
use crate::model::{Ecosystem, Inventory, Package, Party, Purpose, Requirement};
use crate::purl;
use crate::root::{Entry, Place, Root, Wish, join, name, parent};

/// Finds modules by where their `package.json` lies: a folder in `node_modules`, or in Debian's `usr/share/nodejs`. Any
/// other may be a fixture, unless a `node_modules` lies beside it: then it is an application.
#[derive(Debug)]
pub struct Npm;

const NAME: &str = "npm";

impl Cataloger for Npm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wants(&self, place: Place<'_>) -> Wish {
        Wish::yes_if(place.is_file() && place.name() == b"package.json")
    }

    fn found(&self, root: &Root, entry: &Entry<'_>, out: &mut Inventory) {
        let folder = entry.parent();
        let realm = realm(folder);
        let application = realm.is_none() && root.is_directory(&join(folder, b"node_modules"));
        if realm.is_none() && !application {
            return;
        }
        let bytes = match entry.read(limits::METADATA) {
            Ok(bytes) => bytes,
            Err(problem) => {
                out.warn(NAME, entry.path(), format!("cannot be read, so this module is missing: {problem}"));
                return;
            }
        };
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let value: Value = match serde_json::from_slice(bytes) {
            Ok(value) => value,
            Err(fault) => {
                out.warn(NAME, entry.path(), format!("is no JSON, so this module is missing: {fault}"));
                return;
            }
        };
        let text = |member: &str| value.get(member).and_then(Value::as_str).unwrap_or_default().trim();
        let (full, version) = (text("name"), text("version"));
        // Folders inside of modules that only say whether they are ES modules.
        if full.is_empty() || version.is_empty() {
            return;
        }
        let (scope, bare) = full.rsplit_once('/').unwrap_or(("", full));
        let purl = match purl::build("npm", scope, bare, version, &[]) {
            Ok(purl) => purl,
            Err(why) => {
                out.warn(NAME, entry.path(), format!("this module is left out: {why}"));
                return;
            }
        };
        let mut package = Package::new(Ecosystem::Npm, NAME, full, version, purl);
        package.evidence.push(entry.path().to_vec());
        package.scope = realm.map_or_else(|| join(folder, b"node_modules"), <[u8]>::to_vec);
        if application {
            package.purpose = Purpose::Application;
        }
        package.licence = licence(&value);
        package.originator = value.get("author").and_then(party);
        let maintainer =
            value.get("maintainers").and_then(Value::as_array).and_then(|all| party(all.first()?));
        package.supplier = package.originator.clone().or(maintainer);
        let homepage = text("homepage");
        package.homepage = homepage.starts_with("http").then(|| homepage.to_owned());
        let summary = text("description").lines().next().unwrap_or_default();
        package.summary = (!summary.is_empty()).then(|| summary.to_owned());
        for (member, optional) in
            [("dependencies", false), ("optionalDependencies", true), ("peerDependencies", true)]
        {
            let Some(named) = value.get(member).and_then(Value::as_object) else { continue };
            let names = named.keys().map(|name| Requirement { names: vec![name.clone()], optional });
            package.requires.extend(names.take(limits::REQUIREMENTS));
        }
        out.add(package);
    }
}

/// The folder in which modules find one another: the `node_modules` (or `usr/share/nodejs`) that a module's folder lies in,
/// perhaps below its `@scope`.
fn realm(folder: &[u8]) -> Option<&[u8]> {
    let mut above = parent(folder);
    if name(above).starts_with(b"@") {
        above = parent(above);
    }
    (name(above) == b"node_modules" || above == b"usr/share/nodejs" || above == b"usr/lib/nodejs")
        .then_some(above)
}

/// `"MIT"`, `{"type": "MIT"}`, or a list of such, of which each may be chosen.
fn licence(value: &Value) -> Licence {
    let one = |value: &Value| {
        let words = value.as_str().or_else(|| value.get("type").and_then(Value::as_str));
        words.map(
            |words| if words == "UNLICENSED" { Licence::reference(words, None) } else { Licence::of(words) },
        )
    };
    let many = |list: &Vec<Value>| {
        let names: Vec<Licence> = list.iter().filter_map(one).collect();
        Licence::any(names)
    };
    match (value.get("license"), value.get("licenses")) {
        (Some(Value::Array(list)), _) | (None, Some(Value::Array(list))) => many(list),
        (Some(value), _) | (None, Some(value)) => one(value).unwrap_or_default(),
        (None, None) => Licence::default(),
    }
}

/// `"Name <mail> (url)"` or an object of these.
fn party(value: &Value) -> Option<Party> {
    if let Some(text) = value.as_str() {
        return Party::parse(text.split('(').next().unwrap_or_default());
    }
    let name = value.get("name").and_then(Value::as_str)?;
    let mail = value.get("email").and_then(Value::as_str).unwrap_or_default();
    Party::parse(&format!("{name} <{mail}>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_known_by_their_place() {
        for (folder, expected) in [
            ("app/node_modules/a", Some("app/node_modules")),
            ("app/node_modules/@s/a", Some("app/node_modules")),
            ("app/node_modules/a/node_modules/b", Some("app/node_modules/a/node_modules")),
            ("n/node_modules/.pnpm/a@1/node_modules/a", Some("n/node_modules/.pnpm/a@1/node_modules")),
            ("app/node_modules/a/test/fixture", None),
            ("app/node_modules/a/dist/esm", None),
            ("usr/share/nodejs/a", Some("usr/share/nodejs")),
            ("node_modules", None),
        ] {
            assert_eq!(realm(folder.as_bytes()), expected.map(str::as_bytes), "{folder}");
        }
    }

    #[test]
    fn licences_of_every_age() {
        for (text, expected) in [
            (r#"{"license": "MIT"}"#, Some("MIT")),
            (r#"{"license": {"type": "ISC", "url": "x"}}"#, Some("ISC")),
            (r#"{"licenses": [{"type": "MIT"}, {"type": "Apache-2.0"}]}"#, Some("Apache-2.0 OR MIT")),
            (r#"{"license": "(MIT OR CC0-1.0)"}"#, Some("CC0-1.0 OR MIT")),
            (r#"{"license": "SEE LICENSE IN x"}"#, Some("LicenseRef-SEE-LICENSE-IN-x")),
            (r#"{"license": "UNLICENSED"}"#, Some("LicenseRef-UNLICENSED")),
            (r#"{"license": 7}"#, None),
            (r#"{}"#, None),
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(licence(&value).expression.as_deref(), expected, "{text}");
        }
    }
}
