//! Joining deltas: what is refused, and the two trees that make the fix.
#![allow(clippy::unwrap_used, reason = "a test ends with the first surprise")]

mod sandbox;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use sandbox::{EPOCH, Sandbox, Step, helper, sandbox};

/// A shared file, for the tests.
const STATUS: &str = "var/lib/dpkg/status";

/// Two fragments that both changed the package database, each with a folder of its own.
fn two_sides() -> Option<Sandbox> {
    let sandbox = sandbox()?;
    sandbox.prepare(
        "mkdir -p .factory/before .factory/after base
        for side in 0 1; do
          mkdir -p sides/$side/databases/lower/var/lib/dpkg sides/$side/databases/upper/var/lib/dpkg
          echo '{\"version\":1,\"entries\":[],\"deleted\":[]}' > sides/$side/changes.json
        done",
    );
    Some(sandbox)
}

fn put(sandbox: &Sandbox, path: &str, text: &str) {
    let path = sandbox.lower().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn configuration(rest: &str) -> String {
    format!(
        r#"{{"epoch":{EPOCH},"base":"/base","fragments":[{{"label":"security 0.1.0","side":"/sides/0"}},
        {{"label":"core 0.1.0","side":"/sides/1"{rest}}}]}}"#
    )
}

fn join(sandbox: &mut Sandbox, rest: &str) -> Step {
    sandbox.set("FACTORY_MODE", "join").set("FACTORY_JOIN", &configuration(rest));
    sandbox.run("{}", &[])
}

/// Everything in one of the two trees, by path.
fn listing(sandbox: &Sandbox, tree: &str) -> Vec<String> {
    fn walk(root: &Path, at: &Path, found: &mut Vec<String>) {
        let Ok(entries) = fs::read_dir(at) else { return };
        for entry in entries.map(|entry| entry.unwrap().path()) {
            let meta = fs::symlink_metadata(&entry).unwrap();
            assert_eq!((meta.mtime(), meta.atime()), (EPOCH, EPOCH), "{}", entry.display());
            found.push(entry.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            if meta.is_dir() {
                walk(root, &entry, found);
            }
        }
    }
    let root = sandbox.upper(".factory").join(tree);
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    found.sort();
    found
}

fn after(sandbox: &Sandbox, path: &str) -> PathBuf {
    sandbox.upper(".factory/after").join(path)
}

fn mode_and_owner(path: &Path) -> (u32, u32, u32) {
    let meta = fs::symlink_metadata(path).unwrap();
    (meta.permissions().mode() & 0o7777, meta.uid(), meta.gid())
}

#[test]
fn nothing_to_fix_is_two_empty_trees() {
    let Some(mut sandbox) = two_sides() else { return };
    let step = join(&mut sandbox, "").ok();
    assert_eq!((step.stdout.as_str(), step.stderr.as_str()), ("", ""));
    assert_eq!((listing(&sandbox, "before").len(), listing(&sandbox, "after").len()), (0, 0));
}

#[test]
fn a_folder_that_a_later_delta_takes_back_is_written() {
    let Some(mut sandbox) = two_sides() else { return };
    let dir = |path: &str, rest: &str| format!(r#"{{"path":"{path}",{rest},"gid":7}}"#);
    let folder = dir("/srv/data", r#""type":"dir","mode":"2750","uid":5,"xattrs":{"user.note":"0aff"}"#);
    let parents =
        [dir("/srv", r#""mode":"0711","uid":3"#), dir("/srv/data", r#""mode":"0755","uid":0"#)].join(",");
    let first = format!(r#"{{"version":1,"entries":[{folder}],"deleted":[]}}"#);
    let second = format!(r#"{{"version":1,"entries":[],"deleted":["/srv/data/x"],"parents":[{parents}]}}"#);
    put(&sandbox, "sides/0/changes.json", &first);
    put(&sandbox, "sides/1/changes.json", &second);
    let step = join(&mut sandbox, "");
    if step.stderr.contains("os error 95") {
        return sandbox::skipped("the file system has no extended attributes of users");
    }
    step.ok();
    assert_eq!(listing(&sandbox, "after"), ["srv", "srv/data"]);
    assert_eq!(listing(&sandbox, "before"), [""; 0]);
    assert_eq!(mode_and_owner(&after(&sandbox, "srv/data")), (0o2750, 5, 7));
    assert_eq!(mode_and_owner(&after(&sandbox, "srv")), (0o711, 3, 7));
    let note = Command::new("python3")
        .args(["-c", "import os,sys; print(os.getxattr(sys.argv[1],'user.note').hex())"])
        .arg(after(&sandbox, "srv/data"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&note.stdout), "0aff\n");
}

#[test]
fn shared_files_that_are_right_already_are_not_written() {
    let Some(mut sandbox) = two_sides() else { return };
    // Both made the same of it, and the plain merge has it.
    for side in ["sides/0", "sides/1"] {
        put(&sandbox, &format!("{side}/databases/lower/{STATUS}"), "");
        put(&sandbox, &format!("{side}/databases/upper/{STATUS}"), PACKAGE);
    }
    put(&sandbox, &format!("base/databases/upper/{STATUS}"), "");
    join(&mut sandbox, "").ok();
    assert_eq!((listing(&sandbox, "before").len(), listing(&sandbox, "after").len()), (0, 0));
}

#[test]
fn a_change_that_a_later_delta_deletes_is_written_again() {
    let Some(mut sandbox) = two_sides() else { return };
    for (tree, text) in [("base/databases/upper", "old"), ("sides/0/databases/lower", "old")] {
        put(&sandbox, &format!("{tree}/var/log/x.log"), text);
    }
    put(&sandbox, "sides/0/databases/upper/var/log/x.log", "new");
    put(&sandbox, "sides/1/databases/lower/var/log/x.log", "old");
    sandbox.prepare("chmod 0750 sides/0/databases/upper/var/log; chmod 0750 sides/1/databases/lower/var/log");
    sandbox.prepare(
        "chmod 0640 sides/0/databases/upper/var/log/x.log; chown 4:5 sides/0/databases/upper/var/log/x.log",
    );
    join(&mut sandbox, "").ok();
    assert_eq!(listing(&sandbox, "after"), ["var", "var/log", "var/log/x.log"]);
    assert_eq!(listing(&sandbox, "before"), [""; 0]);
    let file = after(&sandbox, "var/log/x.log");
    assert_eq!((fs::read(&file).unwrap(), mode_and_owner(&file)), (b"new".to_vec(), (0o640, 4, 5)));
    assert_eq!(mode_and_owner(&after(&sandbox, "var/log")), (0o750, 0, 0), "as the copies have it");
}

/// A package, as dpkg notes it.
const PACKAGE: &str = "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n";

#[test]
fn conflicts_are_told_and_nothing_is_written() {
    let Some(mut sandbox) = two_sides() else { return };
    let motd = |digit: &str| {
        let digest = digit.repeat(64);
        format!(
            r#"{{"path":"/etc/motd","type":"file","mode":"0644","uid":0,"gid":0,"size":1,"sha256":"{digest}"}}"#
        )
    };
    let manifest = |entries: &str, deleted: &str| {
        format!(r#"{{"version":1,"entries":[{entries}],"deleted":[{deleted}],"parents":[]}}"#)
    };
    put(&sandbox, "sides/0/changes.json", &manifest(&motd("a"), r#""/usr/share/doc""#));
    put(&sandbox, "sides/1/changes.json", &manifest(&motd("b"), r#""/usr/share/doc/x""#));
    let step = join(&mut sandbox, "");
    assert_eq!(step.code, 1, "{}", step.stderr);
    assert_eq!(
        step.stderr,
        "factory: \"security 0.1.0\" and \"core 0.1.0\" are built side by side and cannot be laid over one another: 2 conflicts\n\
         factory:   /etc/motd: different content\n\
         factory:   /usr/share/doc: deleted by \"security 0.1.0\", but \"core 0.1.0\" touches /usr/share/doc/x\n\
         factory:   let \"core 0.1.0\" build on \"security 0.1.0\" (\"builds_on\": [\"security\", …] in its fragment.json), \
         name in \"wins\" of \"core 0.1.0\" the paths where its own are right, or make what both need in a fragment that both build on\n"
    );
    assert_eq!((listing(&sandbox, "before").len(), listing(&sandbox, "after").len()), (0, 0));
    join(&mut sandbox, r#","below":[0]"#).ok();
    put(&sandbox, "sides/1/changes.json", &manifest(&motd("b"), ""));
    join(&mut sandbox, r#","wins":["/etc/*"]"#).ok();
}

#[test]
fn faults_name_the_file() {
    for (break_it, phrase) in [
        ("rm sides/1/changes.json", "cannot read /sides/1/changes.json: no such file or directory"),
        (
            "echo '{}' > sides/0/changes.json",
            "/sides/0/changes.json of \"security 0.1.0\": missing field `version`",
        ),
        ("rm -r base", "cannot read /base: no such file or directory"),
        ("rm -r .factory/after", "cannot write /.factory/after: no such file or directory"),
        ("mkfifo sides/0/databases/upper/f", "/sides/0/databases/upper: /f is neither a file nor a link"),
    ] {
        let Some(mut sandbox) = two_sides() else { return };
        sandbox.prepare(break_it);
        let step = join(&mut sandbox, "");
        assert_eq!(step.code, 125, "{break_it}: {}", step.stderr);
        assert!(step.stderr.contains(phrase), "{break_it}: {}", step.stderr);
    }
}

#[test]
fn the_configuration_is_needed() {
    let output =
        Command::new(helper()).env("FACTORY_MODE", "join").env_remove("FACTORY_JOIN").output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "factory: FACTORY_JOIN is not set\n");
}
