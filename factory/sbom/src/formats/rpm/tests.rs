//! Databases that rpm and Berkeley DB have written (`tests/fixtures/make.sh`), and broken ones made of them.

use super::*;
use crate::formats::fixture;

fn logged() -> (Vec<u8>, Vec<u8>) {
    (fixture("rpm/logged.sqlite.gz"), fixture("rpm/logged.sqlite-wal.gz"))
}

fn names(listing: &Listing<RpmPackage>) -> Vec<&str> {
    listing.items.iter().map(|package| package.name.as_str()).collect()
}

#[test]
fn the_three_forms_hold_the_same() {
    let read = |name: &str| packages(fixture(name).as_slice(), None).unwrap();
    let sqlite = read("rpm/rpmdb.sqlite.gz");
    assert_eq!(names(&sqlite), ["demo-lib", "demo-app", "gpg-pubkey"]);
    assert_eq!(sqlite.broken, []);
    let strip = |mut listing: Listing<RpmPackage>| {
        listing.items.sort_by(|a, b| a.name.cmp(&b.name));
        listing
    };
    let sqlite = strip(sqlite);
    for other in ["rpm/Packages.db.gz", "rpm/Packages.gz"] {
        assert_eq!(strip(read(other)), sqlite, "{other}");
    }
}

#[test]
fn a_header_says_all_of_a_package() {
    let read = packages(fixture("rpm/rpmdb.sqlite.gz").as_slice(), None).unwrap();
    let lib = &read.items[0];
    assert_eq!((lib.epoch, lib.version.as_str(), lib.release.as_str()), (Some(2), "1.0~rc1", "3"));
    assert_eq!((lib.arch.as_str(), lib.vendor.as_str()), ("noarch", "Example Project"));
    assert_eq!(lib.licence, "MIT AND GPL-2.0-or-later");
    assert_eq!(lib.source_rpm, "demo-lib-1.0~rc1-3.src.rpm");
    assert_eq!(lib.module, "demo:stable:1:abc");
    assert_eq!(lib.summary, "The package demo-lib of the tests");
    assert!(lib.provides.contains(&"demo(api)".to_owned()), "{:?}", lib.provides);
    let app = &read.items[1];
    assert_eq!(
        (app.epoch, app.requires.as_slice()),
        (None, &["/etc/demo.conf".to_owned(), "demo(api)".to_owned()][..])
    );
    assert_eq!(app.files.len(), 1);
    assert_eq!(app.files[0].path, b"usr/bin/demo");
}

#[test]
fn files_are_those_on_the_disk() {
    let read = packages(fixture("rpm/rpmdb.sqlite.gz").as_slice(), None).unwrap();
    let files = &read.items[0].files;
    // 120 parts, a link, a configuration file; neither the directory nor the ghost.
    assert_eq!(files.len(), 122);
    let of = |path: &str| files.iter().find(|file| file.path == path.as_bytes());
    let conf = of("etc/demo.conf").unwrap();
    assert!(conf.config);
    // printf 'option\n' | sha256sum
    let digest = conf.digest.as_ref().unwrap();
    assert_eq!(digest.algorithm, "SHA256");
    assert_eq!(digest.hex, "704cf1ef3a75321ff854361699b929bf2033da04afa1e2a57251aa0e3d34136d");
    assert_eq!(of("usr/lib/demo/first").unwrap().digest, None, "a link has none");
    assert!(of("usr/lib/demo").is_none() && of("var/log/demo.log").is_none());
}

#[test]
fn what_the_log_has_committed_counts() {
    let (database, log) = logged();
    let without = packages(database.as_slice(), None).unwrap();
    assert_eq!(names(&without), ["demo-lib", "demo-app", "gpg-pubkey"]);
    let with = packages(database.as_slice(), Some(log.as_slice())).unwrap();
    assert_eq!(names(&with), ["demo-app", "gpg-pubkey", "demo-lib"]);
    assert_eq!(with.broken, []);
    // The last frame was not written wholly: its transaction does not count, the one before it does.
    let cut = packages(database.as_slice(), Some(&log[..log.len() - 1])).unwrap();
    assert_eq!(cut.items.len(), 4);
    // A log that is none is said, and the database is read without it.
    let odd = packages(database.as_slice(), Some([7; 64].as_slice())).unwrap();
    assert_eq!(names(&odd), names(&without));
    assert_eq!(odd.broken[0].to_string(), "the write-ahead log: byte 0: it does not begin as one");
}

#[test]
fn a_database_cut_off_gives_what_is_left_and_says_so() {
    for name in ["rpm/rpmdb.sqlite.gz", "rpm/Packages.db.gz", "rpm/Packages.gz"] {
        let whole = fixture(name);
        let mut complete = 0;
        for length in (0..whole.len()).step_by(1000) {
            if let Ok(read) = packages(&whole[..length], None) {
                assert!(
                    read.items.len() == 3 || !read.broken.is_empty(),
                    "{name} cut off at {length} is silent"
                );
                complete += usize::from(read.items.len() == 3);
            }
        }
        assert!(complete < whole.len() / 1000, "{name}: nothing was ever missing");
    }
}

#[test]
fn a_loop_of_pages_ends() {
    let whole = fixture("rpm/rpmdb.sqlite.gz");
    let mut looped = 0;
    // One page after the other becomes an interior one whose only child, on the right, is itself.
    for number in 1..whole.len() / 4096 {
        let mut database = whole.clone();
        let own = number as u8 + 1;
        database[number * 4096..][..12].copy_from_slice(&[5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, own]);
        if let Ok(read) = packages(database.as_slice(), None) {
            let said = format!("page {own} is in two places");
            looped += usize::from(read.broken.iter().any(|fault| fault.to_string() == said));
        }
    }
    assert!(looped > 1, "the schema and the table have pages of their own");
}

#[test]
fn chains_that_share_a_page_end() {
    let mut database = fixture("rpm/Packages.gz");
    for page in database.chunks_mut(4096).filter(|page| page[25] == 7) {
        let own: [u8; 4] = page[8..12].try_into().unwrap();
        page[16..20].copy_from_slice(&own);
    }
    let read = packages(database.as_slice(), None).unwrap();
    assert!(
        read.broken.iter().any(|fault| fault.to_string().ends_with("is in two chains")),
        "{:?}",
        read.broken
    );
}

#[test]
fn what_is_no_database_is_said() {
    for bytes in [&b""[..], b"SQLite format 3", &[0; 4096], b"RpmP"] {
        assert!(packages(bytes, None).is_err(), "{bytes:?}");
    }
    let empty = [b"SQLite format 3\0".as_slice(), &[0x10, 0], &[0; 4096]].concat();
    let said = packages(empty.as_slice(), None).unwrap_err().to_string();
    assert_eq!(said, "there is no table Packages in it");
}

/// A header of these strings and numbers.
fn blob(entries: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
    let mut index = Vec::new();
    let mut store = Vec::new();
    for (tag, kind, count, value) in entries {
        index.extend([*tag, *kind, store.len() as u32, *count].map(u32::to_be_bytes).concat());
        store.extend_from_slice(value);
    }
    [&(entries.len() as u32).to_be_bytes()[..], &(store.len() as u32).to_be_bytes(), &index, &store].concat()
}

#[test]
fn headers_of_old_and_of_odd_packages() {
    let old = blob(&[
        (1000, 6, 1, b"old\0"),
        (1001, 6, 1, b"1\0"),
        (1002, 6, 1, b"2\0"),
        (1027, 8, 2, b"/bin/a\0/bin/b\0"),
        (1035, 8, 2, b"d41d8cd98f00b204e9800998ecf8427e\0\0"),
        // The later of two entries counts.
        (1001, 6, 1, b"1.1\0"),
        // Wrong types are as good as nothing.
        (1003, 6, 1, b"9\0"),
        (1014, 4, 1, &[0, 0, 0, 1]),
    ]);
    let package = header::read(&old, &mut header::Room::default()).unwrap();
    assert_eq!((package.version.as_str(), package.epoch, package.licence.as_str()), ("1.1", None, ""));
    let files: Vec<&[u8]> = package.files.iter().map(|file| file.path.as_slice()).collect();
    assert_eq!(files, [b"bin/a", b"bin/b"]);
    assert_eq!(package.files[0].digest.as_ref().unwrap().algorithm, "MD5");

    let nameless = blob(&[(1001, 6, 1, b"1\0")]);
    let said = header::read(&nameless, &mut header::Room::default()).unwrap_err().to_string();
    assert_eq!(said, "a header without a name (tag 1000)");
    let cut = header::read(&old[..old.len() - 1], &mut header::Room::default()).unwrap_err().to_string();
    assert!(cut.starts_with("byte 4: a store of"), "{cut}");
    let beyond = header::read(&[0xff; 64], &mut header::Room::default()).unwrap_err().to_string();
    assert_eq!(beyond, "byte 0: an index of 4294967295 entries is cut off");
}

#[test]
fn indices_out_of_range_lose_their_file_and_no_more() {
    let header = blob(&[
        (1000, 6, 1, b"a\0"),
        (1001, 6, 1, b"1\0"),
        (1117, 8, 3, b"x\0y\0z\0"),
        (1118, 8, 1, b"/d/\0"),
        (1116, 4, 3, &[0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0]),
    ]);
    let package = header::read(&header, &mut header::Room::default()).unwrap();
    let files: Vec<&[u8]> = package.files.iter().map(|file| file.path.as_slice()).collect();
    assert_eq!(files, [b"d/x", b"d/z"]);
}
