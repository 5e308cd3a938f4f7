//! Programs that say what they were made of: Go's modules, and Rust's crates where `cargo auditable` built them.

use std::os::unix::fs::FileExt;

use super::{Cataloger, say};
use crate::formats::golang::{self, GoBuild, GoModule, Replaced};
use crate::formats::rust::{self, RustCrate};
use crate::formats::{Opened, ReadAt, binary};
use crate::licence::Licence;
use crate::model::{Ecosystem, Inventory, Package, Purpose, Requirement};
use crate::purl;
use crate::root::{Entry, Place, Root, Wish};

/// Looks into ELF, PE and Mach-O files.
#[derive(Debug)]
pub struct Binaries;

const NAME: &str = "binaries";
const GO: &str = "go";
const RUST: &str = "rust";

impl Cataloger for Binaries {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wants(&self, place: Place<'_>) -> Wish {
        match place.is_file() {
            true if is_library(place.name()) => Wish::Yes,
            true if !is_text(place.name()) => Wish::IfExecutable,
            _ => Wish::No,
        }
    }

    fn found(&self, _root: &Root, entry: &Entry<'_>, out: &mut Inventory) {
        let Ok(file) = entry.file() else { return };
        let mut start = [0; 4];
        if file.read_exact_at(&mut start, 0).is_err() || !binary::is_one(start) {
            return;
        }
        let Ok(file) = Opened::new(file) else { return };
        let place = entry.path();
        let Ok(read) = binary::read(&file) else {
            // Thousands of names end in these two letters by chance.
            if !start.starts_with(b"MZ") {
                out.warn(NAME, place, "is cut off or damaged, so what it is made of is missing");
            }
            return;
        };
        match golang::build(&file, &read) {
            Ok(Some(build)) => go(out, place, &build),
            Ok(None) => packed(out, place, &file, &read),
            Err(fault) => say(out, GO, place, &fault, "the Go modules in it are missing"),
        }
        match rust::crates(&file, &read) {
            Ok(Some(crates)) => rust_crates(out, place, &crates),
            Ok(None) => {}
            Err(fault) => say(out, RUST, place, &fault, "the Rust crates in it are missing"),
        }
    }
}

/// Endings of what people write, and of what is shown to them: no program is called like that, and most files are. Their modes
/// need not be asked for.
const TEXTS: [&[u8]; 52] = [
    b"c", b"cc", b"cfg", b"conf", b"cpp", b"css", b"csv", b"dtd", b"gif", b"go", b"gz", b"h", b"hpp", b"htm",
    b"html", b"ico", b"inc", b"ini", b"ipynb", b"java", b"jpeg", b"jpg", b"js", b"json", b"list", b"log",
    b"map", b"md", b"md5sums", b"mjs", b"mo", b"pem", b"php", b"png", b"po", b"py", b"pyc", b"pyi", b"rb",
    b"rs", b"rst", b"svg", b"tex", b"toml", b"ts", b"ttf", b"txt", b"woff2", b"xml", b"xsd", b"yaml", b"yml",
];

fn is_text(name: &[u8]) -> bool {
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.') else { return false };
    name.get(dot + 1..).is_some_and(|ending| TEXTS.binary_search(&ending).is_ok())
}

/// `libx.so`, `libx.so.1`, `x.dll`, `x.exe`, `x.dylib`: they need not be executable.
fn is_library(name: &[u8]) -> bool {
    let ends = |ending: &[u8]| {
        name.len() > ending.len() && name[name.len() - ending.len()..].eq_ignore_ascii_case(ending)
    };
    if [&b".so"[..], b".dll", b".exe", b".dylib", b".node"].into_iter().any(ends) {
        return true;
    }
    let version = name.windows(4).position(|part| part == b".so.").and_then(|at| name.get(at + 4..));
    version.is_some_and(|version| {
        !version.is_empty() && version.iter().all(|b| b.is_ascii_digit() || *b == b'.')
    })
}

/// A program that UPX has packed says nothing until it runs.
fn packed(out: &mut Inventory, place: &[u8], file: &impl ReadAt, read: &binary::Binary) {
    let marked =
        |at: u64| file.up_to(at, 1024).is_ok_and(|bytes| bytes.windows(4).any(|part| part == b"UPX!"));
    let nameless =
        read.sections.iter().all(|section| section.name.is_empty() || section.name.starts_with("UPX"));
    if nameless && (marked(0) || marked(file.length().saturating_sub(1024))) {
        out.warn(NAME, place, "is packed with UPX, so what it is made of cannot be seen");
    }
}

fn go(out: &mut Inventory, place: &[u8], build: &GoBuild) {
    let mut needs = Vec::new();
    let add = |out: &mut Inventory, path: &str, version: &str, change: &dyn Fn(&mut Package)| {
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
        match purl::build("golang", namespace, name, version, &[]) {
            Ok(purl) => {
                let mut package = Package::new(Ecosystem::Golang, GO, path, version, purl);
                package.evidence.push(place.to_vec());
                package.scope = place.to_vec();
                package.provides.push(key(path, version));
                change(&mut package);
                out.add(package);
            }
            Err(why) => out.warn(GO, place, format!("the module {path} is left out: {why}")),
        }
    };
    for module in &build.dependencies {
        needs.push(Requirement::of(key(&module.path, &module.version)));
        add(out, &module.path, &module.version, &|package| package.notes.extend(replaced(module)));
    }
    if let Some(version) = build.standard_library() {
        needs.push(Requirement::of(key("stdlib", version)));
        add(out, "stdlib", version, &|package| {
            package.licence = Licence::of("BSD-3-Clause");
            package.summary = Some("The standard library of Go".to_owned());
        });
    }
    let main = build.main.as_ref().map_or(build.path.as_str(), |main| main.path.as_str());
    // What a build outside of any module calls itself.
    if main.is_empty() || main == "command-line-arguments" {
        return;
    }
    let stated = build.version();
    let linked = if stated.is_empty() { linked_version(build) } else { None };
    add(out, main, linked.as_deref().unwrap_or(&stated), &|package| {
        package.purpose = Purpose::Application;
        package.requires.clone_from(&needs);
        package.notes.extend(build.main.as_ref().and_then(replaced));
        if linked.is_some() {
            package.notes.push("the version is what the linker was told to put into the program".to_owned());
        }
    });
}

fn key(name: &str, version: &str) -> String {
    format!("{name}@{version}")
}

fn replaced(module: &GoModule) -> Option<String> {
    Some(match module.replaced.as_ref()? {
        Replaced::Module(old) => format!("takes the place of {old}"),
        Replaced::Folder(folder) => format!("built from the folder {folder}, so without a version"),
    })
}

/// `-X …version=v1.2.3` of the linker's flags.
fn linked_version(build: &GoBuild) -> Option<String> {
    let flags = build.setting("-ldflags")?;
    let value = |word: &str| {
        let (name, value) = word.trim_matches(['\'', '"']).split_once('=')?;
        let variable = name.rsplit('.').next()?.to_ascii_lowercase();
        let numbers = value.strip_prefix('v').unwrap_or(value);
        let good =
            numbers.starts_with(|c: char| c.is_ascii_digit()) && numbers.contains('.') && numbers.len() < 100;
        (good && matches!(variable.as_str(), "version" | "gitversion" | "buildversion" | "appversion"))
            .then(|| value.to_owned())
    };
    flags.split_ascii_whitespace().find_map(value)
}

fn rust_crates(out: &mut Inventory, place: &[u8], crates: &[RustCrate]) {
    for one in crates.iter().filter(|one| !one.build_only) {
        let purl = match purl::build("cargo", "", &one.name, &one.version, &[]) {
            Ok(purl) => purl,
            Err(why) => {
                out.warn(RUST, place, format!("a crate is left out: {why}"));
                continue;
            }
        };
        let mut package = Package::new(Ecosystem::Cargo, RUST, one.name.as_str(), one.version.as_str(), purl);
        package.evidence.push(place.to_vec());
        package.scope = place.to_vec();
        package.provides.push(key(&one.name, &one.version));
        let needed =
            one.dependencies.iter().filter_map(|index| crates.get(*index)).filter(|need| !need.build_only);
        package.requires = needed.map(|need| Requirement::of(key(&need.name, &need.version))).collect();
        if one.root {
            package.purpose = Purpose::Application;
        } else if !matches!(one.source.as_str(), "" | "crates.io" | "registry") {
            package.notes.push(format!("its source is {}, and not the public registry", one.source));
        }
        out.add(package);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_told_by_their_names() {
        for name in ["libx.so", "libx.so.1.2", "X.DLL", "a.exe", "addon.node"] {
            assert!(is_library(name.as_bytes()), "{name}");
        }
        for name in ["so", ".so", "x.so.conf", "x.sock", "x.so.", "README"] {
            assert!(!is_library(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn versions_that_the_linker_was_told() {
        let build =
            |flags: &str| GoBuild { settings: vec![("-ldflags".into(), flags.into())], ..GoBuild::default() };
        let of = |flags: &str| linked_version(&build(flags));
        assert_eq!(of("-s -w -X main.version=1.2.3"), Some("1.2.3".to_owned()));
        assert_eq!(of("-X 'k8s.io/x/version.gitVersion=v1.30.0'"), Some("v1.30.0".to_owned()));
        assert_eq!(of("-X main.version=dev -X main.conversion=1.0"), None);
    }
}
