//! dpkg's database in all the states that images have it in.

use std::fs;
use std::path::Path;

use super::*;

fn scan(build: impl FnOnce(&Path)) -> Inventory {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["var/lib/dpkg/info", "var/lib/dpkg/status.d", "etc", "usr/share/doc/a"] {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
    }
    fs::write(dir.path().join("etc/os-release"), "ID=debian\nVERSION_ID=12\n").unwrap();
    build(dir.path());
    let root = Root::open(dir.path()).unwrap();
    let mut out = Inventory::default();
    super::super::OsRelease.databases(&root, &mut out);
    Dpkg.databases(&root, &mut out);
    out
}

fn stanza(name: &str, status: &str) -> String {
    format!(
        "Package: {name}\nStatus: {status}\nArchitecture: amd64\nVersion: 1:2-3\nMaintainer: M <m@x.org>\n"
    )
}

fn names(out: &Inventory) -> Vec<&str> {
    out.packages().iter().map(|package| package.name.as_str()).collect()
}

#[test]
fn states() {
    let out = scan(|at| {
        let states = [
            ("in", "install ok installed"),
            ("conf", "deinstall ok config-files"),
            ("half", "install reinstreq half-installed"),
            ("un", "install ok unpacked"),
        ];
        let mut text: String = states.map(|(name, status)| stanza(name, status) + "\n").concat();
        text.push_str("Package: gone\nStatus: purge ok not-installed\nArchitecture: amd64\n");
        fs::write(at.join("var/lib/dpkg/status"), text).unwrap();
        fs::write(at.join("var/lib/dpkg/status.d/slim"), "Package: slim\nVersion: 1\nArchitecture: all\n")
            .unwrap();
        fs::write(at.join("var/lib/dpkg/status.d/slim.md5sums"), format!("{}  usr/x\n", "a".repeat(32)))
            .unwrap();
    });
    assert_eq!(names(&out), ["in", "half", "un", "slim"]);
    let noted: Vec<bool> = out.packages().iter().map(|package| !package.notes.is_empty()).collect();
    assert_eq!(noted, [false, true, true, false]);
    assert_eq!(out.packages()[0].purl, "pkg:deb/debian/in@1:2-3?arch=amd64&distro=debian-12");
    assert_eq!(out.packages()[3].files.len(), 1);
    assert_eq!(out.warnings(), []);
}

#[test]
fn sources() {
    let of = |text: &str| source(&stanzas(text).next().unwrap(), "libc6", "2.36-9+deb12u4+b2");
    assert_eq!(of("Source: glibc\n"), ("glibc".into(), "2.36-9+deb12u4".into()));
    assert_eq!(of("Source: glibc (2.36-9)\n"), ("glibc".into(), "2.36-9".into()));
    assert_eq!(of("X: y\n"), ("libc6".into(), "2.36-9+deb12u4".into()));
    assert_eq!(upstream(&("a".into(), "1".into()), "a", "1"), "");
    assert_eq!(upstream(&("s".into(), "1".into()), "a", "1"), "s");
    assert_eq!(upstream(&("a".into(), "1".into()), "a", "1+b1"), "a@1");
}

#[test]
fn relations() {
    let names = names_of("a (>= 1) | b:any, c [amd64] , , d:i386");
    assert_eq!(names, [vec!["a", "b"], vec!["c"], vec!["d:i386"]]);
}

fn names_of(field: &str) -> Vec<Vec<String>> {
    super::names(field)
}

#[test]
fn files_of_every_list() {
    let out = scan(|at| {
        let conffiles =
            format!("Conffiles:\n /etc/a.conf {}\n /etc/old {} obsolete\n", "b".repeat(32), "c".repeat(32));
        fs::write(at.join("var/lib/dpkg/status"), stanza("a", "install ok installed") + &conffiles).unwrap();
        let list = "/.\n/usr\n/usr/bin/a\n/usr/bin/diverted\n/etc/a.conf\n";
        fs::write(at.join("var/lib/dpkg/info/a:amd64.list"), list).unwrap();
        fs::write(at.join("var/lib/dpkg/info/a:amd64.md5sums"), format!("{}  usr/bin/a\n", "a".repeat(32)))
            .unwrap();
        fs::write(at.join("var/lib/dpkg/diversions"), "/usr/bin/diverted\n/usr/bin/diverted.real\nother\n")
            .unwrap();
    });
    let files = &out.packages()[0].files;
    let paths: Vec<_> = files.iter().map(|file| String::from_utf8_lossy(&file.path).into_owned()).collect();
    assert_eq!(paths, ["etc/a.conf", "usr", "usr/bin/a", "usr/bin/diverted.real"]);
    assert!(files[0].config && files[0].checksum.is_some() && files[2].checksum.is_some());
}

#[test]
fn a_broken_database_is_said() {
    for (text, word) in [
        ("", "is empty"),
        ("\0\0\0\0", "names no package"),
        ("Package: a\nArchitecture: amd64\nVers", "no version"),
        ("Version: 1\n\nPackage: a\nVersion: 1\n", "names no package, so"),
        ("Package: a\nVersion: 1\nnonsense\n", "line 3 is no field"),
    ] {
        let out = scan(|at| fs::write(at.join("var/lib/dpkg/status"), text).unwrap());
        assert!(
            out.warnings().iter().any(|warning| warning.message.contains(word)),
            "{text:?}: {:?}",
            out.warnings()
        );
    }
    let out = scan(|at| fs::write(at.join("var/lib/dpkg/info/lost.list"), "/x\n").unwrap());
    assert!(out.warnings()[0].message.contains("lost"), "{:?}", out.warnings());
}

#[test]
fn licences_machine_readable_and_prose() {
    let with = |text: &str| {
        let out = scan(|at| {
            fs::write(at.join("var/lib/dpkg/status"), stanza("a", "install ok installed")).unwrap();
            fs::write(at.join("usr/share/doc/a/copyright"), text).unwrap();
        });
        out.packages()[0].clone()
    };
    let format = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n";
    let package = with(&format!(
        "{format}Files: *\nCopyright: 2020 A\n 2021 B\nLicense: GPL-2+ or own\n\nFiles: x\nCopyright: 2020 A\nLicense: Expat\n text\n\n\
         License: own\n Mine.\n .\n Alone.\n"
    ));
    assert_eq!(package.licence.expression.as_deref(), Some("(GPL-2.0-or-later OR LicenseRef-own) AND MIT"));
    assert_eq!(package.licence.references["LicenseRef-own"].text.as_deref(), Some("Mine.\n\nAlone."));
    assert_eq!(package.copyright.as_deref(), Some("2020 A\n2021 B"));
    let package = with("Copyright (C) 1999 Me\nsee /usr/share/common-licenses/GPL-3.\n");
    assert_eq!(package.licence.expression.as_deref(), Some("GPL-3.0-only"));
    assert_eq!(package.copyright.as_deref(), Some("Copyright (C) 1999 Me"));
    let twin = scan(|at| {
        let needs = "Depends: c (>= 1), a (= 1:2-3)\n\n";
        let text = stanza("b", "install ok installed") + needs + &stanza("a", "install ok installed");
        fs::write(at.join("var/lib/dpkg/status"), text).unwrap();
        fs::write(at.join("usr/share/doc/a/copyright"), "see /usr/share/common-licenses/GPL-3.\n").unwrap();
    });
    assert_eq!(twin.packages()[0].licence.expression.as_deref(), Some("GPL-3.0-only"));
    let package = with("Do as you like.\n");
    assert_eq!(package.licence.expression.as_deref(), Some("LicenseRef-a-copyright"));
    assert_eq!(package.licence.references["LicenseRef-a-copyright"].text.as_deref(), Some("Do as you like."));
}
