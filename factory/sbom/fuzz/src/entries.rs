//! Every reader of foreign bytes, as a function of the bytes alone. The fuzz targets call them, and so does an ordinary
//! test with the corpus (`factory/sbom/tests/corpus.rs`, which includes this file), so that neither can miss one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;

use sbom::formats::{apk, binary, conda, documents, gem, golang, java, models, pom, rpm, rust};
use sbom::licence::Licence;
use sbom::root::Root;
use sbom::scan::{Options, scan};
use tempfile::TempDir;

/// A reader and its name, which is that of its fuzz target and of its folder in the corpus.
pub type Entry = (&'static str, fn(&[u8]));

/// All of them.
pub const ENTRIES: &[Entry] = &[
    ("apk", apk_database),
    ("rpm", rpm_database),
    ("rpm_log", rpm_database_with_log),
    ("rpm_header", rpm_header),
    ("rpm_manifest", rpm_manifest),
    ("binary", program),
    ("go_modules", go_modules),
    ("rust_crates", rust_crates),
    ("java", java_archive),
    ("pom", project_file),
    ("conda", conda_package),
    ("gem", gem_specification),
    ("safetensors", safetensors),
    ("gguf", gguf),
    ("documents", document),
    ("licence", licence),
    ("dpkg_status", dpkg_status),
    ("dpkg_copyright", dpkg_copyright),
    ("os_release", os_release),
    ("python_metadata", python_metadata),
    ("python_record", python_record),
    ("package_json", package_json),
    ("cuda_version", cuda_version),
];

/// apk's `installed`.
pub fn apk_database(bytes: &[u8]) {
    black_box(apk::installed(bytes));
}

/// All three forms: the first bytes say which it is.
pub fn rpm_database(bytes: &[u8]) {
    black_box(rpm::packages(bytes, None)).ok();
}

/// An sqlite database and its log, each of which is half of the bytes.
pub fn rpm_database_with_log(bytes: &[u8]) {
    let (database, log) = bytes.split_at(bytes.len() / 2);
    black_box(rpm::packages(database, Some(log))).ok();
}

/// One header, as it lies in every form.
pub fn rpm_header(bytes: &[u8]) {
    black_box(rpm::header::read(bytes, &mut rpm::header::Room::default())).ok();
}

/// The list of distroless images.
pub fn rpm_manifest(bytes: &[u8]) {
    black_box(rpm::manifest::read(bytes));
}

/// ELF, PE, Mach-O, with what Go and Rust leave in them.
pub fn program(bytes: &[u8]) {
    if let Ok(read) = binary::read(bytes) {
        black_box(golang::build(bytes, &read)).ok();
        black_box(rust::crates(bytes, &read)).ok();
    }
}

/// Go's list of modules.
pub fn go_modules(bytes: &[u8]) {
    let build = golang::modules_of(bytes);
    black_box((build.version(), build.standard_library()));
}

/// The list of crates, packed.
pub fn rust_crates(bytes: &[u8]) {
    black_box(rust::list(bytes)).ok();
}

/// An archive with whatever is inside of it.
pub fn java_archive(bytes: &[u8]) {
    black_box(java::packages(bytes, "name-1.2.jar"));
}

/// Maven's project file.
pub fn project_file(bytes: &[u8]) {
    black_box(pom::read(bytes)).ok();
    black_box(java::manifest(bytes));
}

/// A file of `conda-meta`.
pub fn conda_package(bytes: &[u8]) {
    black_box(conda::read(bytes)).ok();
}

/// A gem's specification.
pub fn gem_specification(bytes: &[u8]) {
    black_box(gem::read(bytes)).ok();
}

/// The head of a safetensors file.
pub fn safetensors(bytes: &[u8]) {
    black_box(models::safetensors(bytes)).ok();
}

/// The head of a GGUF file.
pub fn gguf(bytes: &[u8]) {
    black_box(models::gguf(bytes)).ok();
}

/// SPDX and CycloneDX.
pub fn document(bytes: &[u8]) {
    black_box(documents::read(bytes)).ok();
}

/// Words for a licence, and a text of one.
pub fn licence(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    black_box(Licence::of(&text));
    black_box(Licence::of_text(&text, "name"));
}

/// dpkg's database, through to the document.
pub fn dpkg_status(bytes: &[u8]) {
    in_root("dpkg_status", "var/lib/dpkg/status", &[], bytes);
}

/// A package's copyright file.
pub fn dpkg_copyright(bytes: &[u8]) {
    let status = "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n";
    in_root("dpkg_copyright", "usr/share/doc/a/copyright", &[("var/lib/dpkg/status", status)], bytes);
}

/// What the system says of itself.
pub fn os_release(bytes: &[u8]) {
    let status = "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n";
    in_root("os_release", "etc/os-release", &[("var/lib/dpkg/status", status)], bytes);
}

/// A Python distribution's metadata.
pub fn python_metadata(bytes: &[u8]) {
    in_root("python_metadata", "lib/a-1.dist-info/METADATA", &[], bytes);
}

/// A Python distribution's list of files.
pub fn python_record(bytes: &[u8]) {
    let metadata = "Metadata-Version: 2.1\nName: a\nVersion: 1\n";
    in_root("python_record", "lib/a-1.dist-info/RECORD", &[("lib/a-1.dist-info/METADATA", metadata)], bytes);
}

/// A Node module.
pub fn package_json(bytes: &[u8]) {
    in_root("package_json", "app/node_modules/a/package.json", &[], bytes);
}

/// A CUDA toolkit's list of components.
pub fn cuda_version(bytes: &[u8]) {
    in_root("cuda_version", "usr/local/cuda-12.4/version.json", &[], bytes);
}

thread_local! {
    static ROOTS: RefCell<BTreeMap<&'static str, TempDir>> = const { RefCell::new(BTreeMap::new()) };
}

/// A root filesystem in which only one file differs from call to call, scanned and written in both formats.
fn in_root(entry: &'static str, place: &str, around: &[(&str, &str)], bytes: &[u8]) {
    ROOTS.with_borrow_mut(|roots| {
        let root = roots.entry(entry).or_insert_with(|| {
            let root = folder();
            for (path, text) in around {
                write(root.path(), path, text.as_bytes());
            }
            root
        });
        write(root.path(), place, bytes);
        let root = Root::open(root.path()).expect("it was made above");
        let document = scan(&root, &Options::default()).expect("a root by itself can always be scanned");
        let spdx = sbom::write::spdx(&document).expect("what was read can be written");
        assert!(serde_json::from_slice::<serde_json::Value>(&spdx).is_ok(), "the document is JSON");
        black_box(sbom::write::cyclonedx(&document).expect("what was read can be written"));
    });
}

/// In memory where the machine has such a folder: a fuzzer writes thousands of files a second.
fn folder() -> TempDir {
    let made = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    made.expect("a folder for a root filesystem can be made")
}

fn write(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    let parent = path.parent().unwrap_or(root);
    if !parent.is_dir() {
        fs::create_dir_all(parent).expect("a folder can be made");
    }
    fs::write(path, bytes).expect("a file can be written");
}
