//! Catalogers over small root filesystems made of the fixtures: what they add, what they say of broken files.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs;
use std::io::Read;
use std::path::Path;

use sbom::model::{Inventory, Package, Purpose, Requirement};
use sbom::root::Root;
use tempfile::TempDir;

/// A root filesystem that is made file by file.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    fn link(self, path: &str, target: &str) -> Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
        self
    }

    fn fixture(self, path: &str, name: &str) -> Self {
        self.file(path, fixture(name))
    }

    fn executable(self, path: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(self.0.path().join(path), fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn scan(&self) -> Inventory {
        sbom::scan::inventory(&Root::open(self.0.path()).unwrap())
    }
}

fn fixture(name: &str) -> Vec<u8> {
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap();
    if !name.ends_with(".gz") {
        return bytes;
    }
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked).unwrap();
    unpacked
}

fn purls(out: &Inventory) -> Vec<&str> {
    out.packages().iter().map(|package| package.purl.as_str()).collect()
}

fn package<'a>(out: &'a Inventory, name: &str) -> &'a Package {
    out.packages().iter().find(|package| package.name == name).unwrap_or_else(|| panic!("{name} is listed"))
}

fn warnings(out: &Inventory) -> Vec<String> {
    out.warnings().iter().map(|w| format!("{} {}: {}", w.cataloger, w.path, w.message)).collect()
}

const FEDORA: &str = "ID=fedora\nVERSION_ID=44\n";

#[test]
fn rpm_of_every_form_and_place() {
    for (path, name) in [
        ("var/lib/rpm/rpmdb.sqlite", "rpm/rpmdb.sqlite.gz"),
        ("usr/lib/sysimage/rpm/Packages.db", "rpm/Packages.db.gz"),
        ("usr/share/rpm/Packages", "rpm/Packages.gz"),
    ] {
        let out = Tree::new().file("etc/os-release", FEDORA).fixture(path, name).scan();
        let mut purls = purls(&out);
        purls.sort_unstable();
        let common = "?arch=noarch&distro=fedora-44";
        assert_eq!(
            purls,
            [
                &format!("pkg:rpm/fedora/demo-app@1.0~rc1-3{common}&upstream=demo-app-1.0~rc1-3.src.rpm"),
                &format!(
                    "pkg:rpm/fedora/demo-lib@1.0~rc1-3{common}&epoch=2&upstream=demo-lib-1.0~rc1-3.src.rpm"
                ),
            ],
            "{path}: keys are no packages"
        );
        assert_eq!(warnings(&out), [""; 0]);
        let lib = package(&out, "demo-lib");
        assert_eq!(lib.version, "2:1.0~rc1-3");
        assert_eq!(lib.licence.expression.as_deref(), Some("GPL-2.0-or-later AND MIT"));
        assert_eq!(lib.supplier.as_ref().unwrap().name, "Example Project");
        assert_eq!(lib.evidence, [path.as_bytes()]);
        assert_eq!(lib.notes, ["of the module stream demo:stable:1:abc"]);
        assert_eq!(lib.source.as_ref().unwrap().version, "2:1.0~rc1-3");
        // What the application needs is met by a capability and by a file.
        let app = package(&out, "demo-app");
        let met = |need: &str| lib.provides.iter().any(|name| name == need);
        assert!(
            app.requires.iter().all(|need| met(&need.names[0])),
            "{:?} by {:?}",
            app.requires,
            lib.provides
        );
    }
}

#[test]
fn one_rpm_database_with_two_names_is_read_once_and_with_its_log() {
    let out = Tree::new()
        .file("etc/os-release", "ID=rhel\nVERSION_ID=9.4\n")
        .fixture("usr/lib/sysimage/rpm/rpmdb.sqlite", "rpm/logged.sqlite.gz")
        .fixture("usr/lib/sysimage/rpm/rpmdb.sqlite-wal", "rpm/logged.sqlite-wal.gz")
        .link("var/lib/rpm", "/usr/lib/sysimage/rpm")
        .scan();
    let names: Vec<&str> = out.packages().iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, ["demo-app", "demo-lib"]);
    assert!(out.packages()[0].purl.starts_with("pkg:rpm/redhat/"), "{}", out.packages()[0].purl);
    assert_eq!(out.packages()[0].evidence, [b"var/lib/rpm/rpmdb.sqlite"]);
}

#[test]
fn a_broken_database_is_named() {
    let cut = fixture("rpm/rpmdb.sqlite.gz")[..20_000].to_vec();
    let out = Tree::new()
        .file("var/lib/rpm/rpmdb.sqlite", cut)
        .file("usr/lib/sysimage/rpm/Packages", "nonsense")
        .file("lib/apk/db/installed", "P:only-a-name\n\nP:a\nV:1\n")
        .file("opt/app/broken.jar", "PK\x03\x04")
        .file("opt/bitnami/x/.spdx-x.spdx", "{")
        .file("opt/conda/conda-meta/x.json", "[]")
        .file("srv/model.gguf", "GGUF")
        .file("srv/model.safetensors", "")
        .scan();
    let said = warnings(&out);
    let expected = [
        "apk lib/apk/db/installed: is broken, so a package or a part of it is missing: line 1: the package that",
        "rpm var/lib/rpm/rpmdb.sqlite: is",
        "rpm usr/lib/sysimage/rpm/Packages: is no package database, so all packages are missing: neither an sqlite",
        "java opt/app/broken.jar: is broken, so what is in it may be missing: an archive without a directory",
        "sbom opt/bitnami/x/.spdx-x.spdx: is broken, so what it lists is missing: EOF while parsing",
        "conda opt/conda/conda-meta/x.json: is broken, so a package is missing: invalid",
        "models srv/model.gguf: is broken, so this model is missing: byte 0: 8 bytes are expected",
        "models srv/model.safetensors: is broken, so this model is missing: byte 0: 8 bytes are expected",
    ];
    for expected in expected {
        assert!(said.iter().any(|said| said.starts_with(expected)), "{expected} in {said:#?}");
    }
    assert_eq!(purls(&out), ["pkg:apk/alpine/a@1"]);
}

#[test]
fn apk_by_the_systems_name() {
    let database = "P:musl\nV:1.2.5-r9\nA:x86_64\nL:MIT\no:musl\np:so:libc.musl-x86_64.so.1=1\nF:lib\nR:ld.so\n\n\
P:ssl_client\nV:1.36-r1\nA:x86_64\nL:GPL-2.0-only\no:busybox\nm:Jane <j@example.org>\nD:so:libc.musl-x86_64.so.1\n";
    for place in ["lib/apk/db/installed", "usr/lib/apk/db/installed"] {
        let out =
            Tree::new().file("etc/os-release", "ID=wolfi\nVERSION_ID=2023\n").file(place, database).scan();
        assert_eq!(
            purls(&out),
            [
                "pkg:apk/wolfi/musl@1.2.5-r9?arch=x86_64&distro=wolfi-2023",
                "pkg:apk/wolfi/ssl_client@1.36-r1?arch=x86_64&distro=wolfi-2023&upstream=busybox",
            ]
        );
        let client = package(&out, "ssl_client");
        assert_eq!(client.requires[0].names, package(&out, "musl").provides);
        assert_eq!(
            client.source.as_ref().unwrap().purl,
            "pkg:apk/wolfi/busybox@1.36-r1?arch=source&distro=wolfi-2023"
        );
    }
    let merged = Tree::new().file("usr/lib/apk/db/installed", database).link("lib", "usr/lib").scan();
    assert_eq!(merged.packages().len(), 2, "one database with two names");
}

#[test]
fn programs_say_their_modules() {
    let out = Tree::new()
        .fixture("usr/bin/demo", "go/demo.elf")
        .executable("usr/bin/demo")
        .fixture("opt/demo.exe", "go/demo.exe.gz")
        .fixture("usr/lib/python3/ext.so", "rust/demo.o")
        .fixture("usr/lib/not-looked-at", "rust/demo.o")
        .scan();
    let go = [
        "pkg:golang/example.org/fork@v1.2.4",
        "pkg:golang/example.org/folder",
        "pkg:golang/stdlib@1.19.8",
        "pkg:golang/example.org/demo",
    ];
    let rust = ["pkg:cargo/adler2@2.0.0", "pkg:cargo/demo@0.3.0", "pkg:cargo/patched@0.9.1"];
    assert_eq!(
        purls(&out),
        [&go[..], &go[..], &rust[..]].concat(),
        "a crate that only built it is not in it"
    );
    let demo = package(&out, "example.org/demo");
    assert_eq!(demo.purpose, Purpose::Application);
    let needs: Vec<&str> = demo.requires.iter().map(|need| need.names[0].as_str()).collect();
    assert_eq!(needs, ["example.org/fork@v1.2.4", "example.org/folder@", "stdlib@1.19.8"]);
    assert_eq!(package(&out, "example.org/fork").notes, ["takes the place of example.org/dep@v1.2.3"]);
    let root = out.packages().iter().find(|package| package.purl == rust[1]).unwrap();
    assert_eq!(root.purpose, Purpose::Application);
    let needs: Vec<&str> = root.requires.iter().map(|need| need.names[0].as_str()).collect();
    assert_eq!(needs, ["adler2@2.0.0", "patched@0.9.1"]);
    assert_eq!(warnings(&out), [""; 0]);
}

#[test]
fn archives_and_what_is_inside() {
    let out = Tree::new()
        .fixture("opt/a/plain-1.2.3.jar", "java/plain-1.2.3.jar")
        .fixture("opt/b/everything.ear", "java/everything.ear")
        .link("opt/c/link.jar", "../a/plain-1.2.3.jar")
        .file("opt/not-ours.nar", "nix")
        .scan();
    assert_eq!(
        purls(&out),
        [
            "pkg:maven/org.example/plain@1.2.3",
            "pkg:maven/org.example.web/site@7",
            "pkg:maven/org.guess/guessed@4.5",
            "pkg:maven/org.example/plain@1.2.3"
        ]
    );
    assert_eq!(out.packages()[0].licence.expression.as_deref(), Some("Apache-2.0"));
    assert_eq!(out.packages()[2].licence.expression.as_deref(), Some("Apache-2.0"));
    assert_eq!(out.packages()[3].notes, ["inside of site-7.war in WEB-INF/lib/plain-1.2.3.jar"]);
}

#[test]
fn conda_environments() {
    let json = r#"{"name":"numpy","version":"1.26.4","build":"py312_0","channel":"conda-forge","subdir":"linux-64",
        "fn":"numpy-1.26.4-py312_0.conda","license":"BSD-3-Clause","depends":["python >=3.12"],"files":["lib/a.py","../../etc/shadow"]}"#;
    let out = Tree::new().file("opt/conda/conda-meta/numpy-1.26.4-py312_0.json", json).scan();
    let numpy = package(&out, "numpy");
    assert_eq!(
        numpy.purl,
        "pkg:conda/numpy@1.26.4?build=py312_0&channel=conda-forge&subdir=linux-64&type=conda"
    );
    assert_eq!(numpy.scope, b"opt/conda");
    let files: Vec<&[u8]> = numpy.files.iter().map(|file| file.path.as_slice()).collect();
    assert_eq!(files, [b"opt/conda/lib/a.py"], "a name that climbs out is nobody's file");
}

#[test]
fn gems_by_where_their_specification_lies() {
    let gem = |name: &str, more: &str| {
        format!(
            "# stub: {name} 1.0 ruby lib\n\nGem::Specification.new do |s|\n  s.name = \"{name}\".freeze\n{more}end\n"
        )
    };
    let needs =
        "  s.licenses = [\"MIT\".freeze, \"Ruby\".freeze]\n  s.add_dependency(%q<rack>.freeze, [\">= 1\"])\n";
    let out = Tree::new()
        .file("srv/vendor/bundle/ruby/3.1.0/specifications/sinatra-1.0.gemspec", gem("sinatra", needs))
        .file("usr/lib/ruby/gems/3.1.0/specifications/default/json-1.0.gemspec", gem("json", ""))
        .file("srv/vendor/bundle/ruby/3.1.0/gems/sinatra-1.0/sinatra.gemspec", gem("source", ""))
        .file("opt/g/specifications/broken-1.gemspec", "Gem::Specification.new")
        .scan();
    assert_eq!(purls(&out), ["pkg:gem/sinatra@1.0", "pkg:gem/json@1.0"]);
    let sinatra = package(&out, "sinatra");
    assert_eq!(sinatra.scope, b"srv/vendor/bundle/ruby/3.1.0");
    assert_eq!(package(&out, "json").scope, b"usr/lib/ruby/gems/3.1.0");
    assert_eq!(sinatra.licence.expression.as_deref(), Some("MIT OR Ruby"));
    assert_eq!(sinatra.requires, [Requirement::of("rack")]);
    assert_eq!(
        warnings(&out),
        ["gem opt/g/specifications/broken-1.gemspec: is broken, so a gem is missing: it has no name"]
    );
}

#[test]
fn models_with_and_without_a_hub() {
    let head = r#"{"__metadata__":{"format":"pt"},"w":{"dtype":"BF16","shape":[4,4],"data_offsets":[0,32]}}"#;
    let weights = [&(head.len() as u64).to_le_bytes()[..], head.as_bytes(), &[0; 32]].concat();
    let hub = "root/.cache/huggingface/hub/models--org--tiny";
    let out = Tree::new()
        .file(&format!("{hub}/blobs/abc"), &weights)
        .link(&format!("{hub}/snapshots/0123abcd/model.safetensors"), "../../blobs/abc")
        .file(&format!("{hub}/snapshots/0123abcd/README.md"), "---\nlicense: apache-2.0\n---\n# Tiny\n")
        .file("srv/models/mine/model-00001-of-00002.safetensors", &weights)
        .file("srv/models/mine/model-00002-of-00002.safetensors", &weights)
        .file("srv/models/mine/config.json", r#"{"model_type":"llama","_name_or_path":"org/base"}"#)
        .scan();
    assert_eq!(purls(&out), ["pkg:huggingface/org/tiny@0123abcd", "pkg:generic/mine"]);
    let tiny = package(&out, "org/tiny");
    assert_eq!(tiny.licence.expression.as_deref(), Some("Apache-2.0"));
    assert_eq!(tiny.summary.as_deref(), Some("A model of 1 tensors and 16 parameters, in BF16"));
    let mine = package(&out, "mine");
    assert_eq!(
        mine.summary.as_deref(),
        Some("A model of 1 tensors and 16 parameters, architecture llama, in BF16")
    );
    assert_eq!(
        mine.notes,
        ["one of several files; numbers are of the first", "its configuration names org/base"]
    );
}

#[test]
fn documents_add_what_no_database_has() {
    let spdx = r#"{"spdxVersion":"SPDX-2.3","name":"x","packages":[
        {"SPDXID":"SPDXRef-a","name":"musl","versionInfo":"1.2.5-r9","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER",
         "referenceType":"purl","referenceLocator":"pkg:apk/wolfi/musl@1.2.5-r9?arch=x86_64"}]},
        {"SPDXID":"SPDXRef-b","name":"redis","versionInfo":"7.2.4","licenseDeclared":"BSD-3-Clause","externalRefs":[
         {"referenceType":"purl","referenceLocator":"pkg:bitnami/redis@7.2.4?arch=amd64"}]},
        {"SPDXID":"SPDXRef-c","name":"odd","externalRefs":[{"referenceType":"purl","referenceLocator":"nonsense"}]}],
        "relationships":[{"spdxElementId":"SPDXRef-b","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-a"}]}"#;
    let out = Tree::new()
        .file("etc/os-release", "ID=wolfi\n")
        .file("usr/lib/apk/db/installed", "P:musl\nV:1.2.5-r9\nA:x86_64\n")
        .file("var/lib/db/sbom/x.spdx.json", spdx)
        .scan();
    assert_eq!(
        purls(&out),
        ["pkg:apk/wolfi/musl@1.2.5-r9?arch=x86_64&distro=wolfi", "pkg:bitnami/redis@7.2.4?arch=amd64"]
    );
    assert_eq!(
        warnings(&out),
        ["sbom var/lib/db/sbom/x.spdx.json: lists odd, which is left out: \"nonsense\" is no package URL"]
    );
}
