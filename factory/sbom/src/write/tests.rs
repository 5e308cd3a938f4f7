//! What documents say, and that they say it in the same bytes.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::files::Listing;
use crate::root::Root;
use crate::scan::{Options, scan};

fn root() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n");
    write("usr/lib/a.so", "\x7fELF");
    write("usr/lib/a/b", "b");
    write("usr/lib/loose", "loose");
    std::os::unix::fs::symlink("usr/lib", dir.path().join("lib")).unwrap();
    write(
        "var/lib/dpkg/status",
        "Package: a\nStatus: install ok installed\nArchitecture: amd64\nSource: s (1)\nVersion: 2\nDepends: b\n\n\
         Package: b\nStatus: install ok unpacked\nArchitecture: all\nVersion: 3\nMaintainer: T Team <t@x.org>\n",
    );
    write(
        "var/lib/dpkg/info/a.list",
        "/.\n/lib\n/lib/a.so\n/usr/lib/a/b\n/usr/lib/python3/p.dist-info/METADATA\n",
    );
    write("usr/lib/python3/p.dist-info/METADATA", "Name: P\nVersion: 1\nLicense: mine\n");
    dir
}

fn document(at: &Path, files: Listing) -> Document {
    scan(&Root::open(at).unwrap(), &Options { files, epoch: Some(0), ..Options::default() }).unwrap()
}

fn ids<'a>(value: &'a Value, list: &str) -> Vec<&'a str> {
    value[list].as_array().unwrap().iter().map(|one| one["SPDXID"].as_str().unwrap()).collect()
}

fn related<'a>(value: &'a Value, kind: &str) -> Vec<(&'a str, &'a str)> {
    let all = value["relationships"].as_array().unwrap().iter().filter(|one| one["relationshipType"] == kind);
    all.map(|one| (one["spdxElementId"].as_str().unwrap(), one["relatedSpdxElement"].as_str().unwrap()))
        .collect()
}

#[test]
fn spdx_has_everything_and_points_at_nothing_else() {
    let dir = root();
    let value: Value = serde_json::from_slice(&spdx(&document(dir.path(), Listing::All)).unwrap()).unwrap();
    let (packages, files) = (ids(&value, "packages"), ids(&value, "files"));
    let mut known: Vec<&str> = packages.iter().chain(&files).copied().chain(["SPDXRef-DOCUMENT"]).collect();
    known.sort_unstable();
    assert!(known.windows(2).all(|pair| pair[0] != pair[1]), "an identifier twice");
    for one in value["relationships"].as_array().unwrap() {
        for end in ["spdxElementId", "relatedSpdxElement"] {
            assert!(known.binary_search(&one[end].as_str().unwrap()).is_ok(), "{one}");
        }
    }
    // The words of the specification's JSON schema, which are not all those of its text.
    const PURPOSES: [&str; 12] = [
        "APPLICATION",
        "FRAMEWORK",
        "LIBRARY",
        "CONTAINER",
        "OPERATING_SYSTEM",
        "DEVICE",
        "FIRMWARE",
        "SOURCE",
        "ARCHIVE",
        "FILE",
        "INSTALL",
        "OTHER",
    ];
    let stated = value["packages"].as_array().unwrap().iter().map(|one| &one["primaryPackagePurpose"]);
    let stated: Vec<&str> = stated.filter_map(Value::as_str).collect();
    assert!(stated.contains(&"OPERATING_SYSTEM"), "{stated:?}");
    assert!(stated.iter().all(|word| PURPOSES.contains(word)), "{stated:?}");
    let package =
        |name: &str| value["packages"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
    let (a, b, p) = (package("a"), package("b"), package("P"));
    let id = |one: &Value| one["SPDXID"].as_str().unwrap().to_owned();
    assert_eq!(related(&value, "DEPENDS_ON"), [(id(a).as_str(), id(b).as_str())]);
    assert!(related(&value, "GENERATED_FROM").contains(&(id(a).as_str(), id(package("s")).as_str())));
    let contains = related(&value, "CONTAINS");
    assert!(
        contains.contains(&(id(a).as_str(), id(p).as_str())),
        "a package of Python's that a deb brought is its part"
    );
    assert!(!contains.contains(&("SPDXRef-DocumentRoot", id(p).as_str())), "and is not counted again");
    assert_eq!(p["externalRefs"], Value::Null);
    assert_eq!(b["supplier"], "Organization: T Team (t@x.org)");
    assert!(b["annotations"][0]["comment"].as_str().unwrap().contains("unpacked"));
    assert_eq!(value["hasExtractedLicensingInfos"][0]["licenseId"], "LicenseRef-mine");
    // `sha1sum` of the two, sorted, without an end of line, through `sha1sum` again; /lib/a.so is met as usr/lib/a.so.
    assert_eq!(a["filesAnalyzed"], true);
    let owned: Vec<_> =
        contains.iter().filter(|(from, to)| *from == id(a) && to.starts_with("SPDXRef-File")).collect();
    assert_eq!(owned.len(), 3);
    let sums: Vec<&str> = value["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|file| owned.iter().any(|(_, to)| *to == file["SPDXID"]))
        .map(|file| file["checksums"][0]["checksumValue"].as_str().unwrap())
        .collect();
    let mut sums = sums;
    sums.sort_unstable();
    let code = hex(&<sha1::Sha1 as Digest>::digest(sums.concat()));
    assert_eq!(a["packageVerificationCode"]["packageVerificationCodeValue"], code.as_str());
    assert_eq!(value["files"].as_array().unwrap().len(), 7);
}

#[test]
fn files_only_where_asked() {
    let dir = root();
    for (listing, count) in [(Listing::None, 0), (Listing::Owned, 3), (Listing::All, 7)] {
        assert_eq!(document(dir.path(), listing).files.records.len(), count, "{listing:?}");
    }
    let value: Value = serde_json::from_slice(&spdx(&document(dir.path(), Listing::None)).unwrap()).unwrap();
    assert_eq!(value["files"], Value::Null);
    assert!(value["packages"].as_array().unwrap().iter().all(|one| one["filesAnalyzed"] == false));
}

#[test]
fn the_same_bytes_twice_and_another_name_for_another_content() {
    let dir = root();
    let make = || {
        let document = document(dir.path(), Listing::All);
        [spdx(&document).unwrap(), cyclonedx(&document).unwrap(), statement(&document, "t").unwrap()]
    };
    let first = make();
    assert_eq!(make(), first);
    fs::write(dir.path().join("usr/lib/loose"), "changed").unwrap();
    let second = make();
    let name = |bytes: &[u8], member: &str| {
        serde_json::from_slice::<Value>(bytes).unwrap()[member].as_str().unwrap().to_owned()
    };
    assert_ne!(name(&first[0], "documentNamespace"), name(&second[0], "documentNamespace"));
    assert_ne!(name(&first[1], "serialNumber"), name(&second[1], "serialNumber"));
    assert!(!name(&first[1], "serialNumber").contains(NO_UUID));
}

#[test]
fn without_an_epoch_the_newest_thing_that_was_read_is_the_time() {
    let dir = root();
    for folder in ["var/lib/dpkg/status", "usr/lib/python3/p.dist-info/METADATA"] {
        let file = fs::File::options().append(true).open(dir.path().join(folder)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(86_400)).unwrap();
    }
    let document = scan(&Root::open(dir.path()).unwrap(), &Options::default()).unwrap();
    assert_eq!(document.created, "1970-01-02T00:00:00Z");
}

#[test]
fn cyclonedx_nests_parts() {
    let dir = root();
    let value: Value =
        serde_json::from_slice(&cyclonedx(&document(dir.path(), Listing::None)).unwrap()).unwrap();
    let components = value["components"].as_array().unwrap();
    let names: Vec<_> = components.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["debian", "a", "b"]);
    assert_eq!(components[1]["components"][0]["name"], "P");
    assert_eq!(components[1]["pedigree"]["ancestors"][0]["name"], "s");
    assert_eq!(components[1]["components"][0]["licenses"][0]["license"]["name"], "mine");
}

#[test]
fn a_warning_stands_in_every_document() {
    let dir = root();
    fs::write(dir.path().join("var/lib/dpkg/status"), "garbage\n").unwrap();
    let document = document(dir.path(), Listing::None);
    let text = String::from_utf8(spdx(&document).unwrap()).unwrap();
    assert!(text.contains("INCOMPLETE: ") && text.contains("warning: dpkg: var/lib/dpkg/status: "), "{text}");
    let value: Value = serde_json::from_slice(&cyclonedx(&document).unwrap()).unwrap();
    assert_eq!(value["compositions"][0]["aggregate"], "incomplete");
    assert!(!value["annotations"].as_array().unwrap().is_empty());
}

#[test]
fn paths_and_urls() {
    assert_eq!(text_of(b"a/\xff\xc3\xa9"), "a/\\xff\u{e9}");
    assert_eq!(url(Some("https://a.b/c?d")), Some("https://a.b/c?d"));
    for text in ["ftp://a", "https://", "https://a b", "javascript:x", "https:///x", ""] {
        assert_eq!(url(Some(text)), None, "{text}");
    }
}
