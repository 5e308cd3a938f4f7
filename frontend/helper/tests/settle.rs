//! What settling finds in a finished root, the times it leaves, the copies it makes; and the modes beside it.
#![allow(clippy::unwrap_used, reason = "a test ends with the first surprise")]

mod sandbox;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use sandbox::{EPOCH, OLD, Sandbox, Step, helper, sandbox};

const TREE: &str = "mkdir -p d/sub e z; echo a > d/a; echo b > d/b; echo c > d/sub/c; echo same > same; ln d/a d/hard; \
    ln -s d/a link; echo z > z/z; mknod dev1 c 1 3; mkfifo pipe; chmod 644 d/a same";
const STATUS: &str = "mkdir -p var/lib/dpkg; echo old > var/lib/dpkg/status; chmod 640 var/lib/dpkg/status; \
    chown 7:8 var/lib/dpkg/status; chmod 2750 var/lib/dpkg; chown 0:9 var/lib/dpkg";

fn settle(sandbox: &mut Sandbox) -> Step {
    let config = format!(r#"{{"epoch":{EPOCH},"lower":"/.factory/lower"}}"#);
    sandbox.mode("settle", "FACTORY_SETTLE", &config)
}

/// Changes a root by a script and settles it, with a lower root that shares its files with it and with one that does not.
fn both(tree: &str, script: &str, test: impl Fn(&Sandbox, &Step)) {
    for is_shared in [true, false] {
        let Some(mut sandbox) = sandbox() else { return };
        sandbox.prepare(tree);
        if !is_shared {
            sandbox.copy_lower();
        }
        sandbox.change(script);
        let step = settle(&mut sandbox).ok();
        test(&sandbox, &step);
    }
}

#[test]
fn a_root_like_the_lower_one_has_an_empty_manifest() {
    both(TREE, "cat /d/a", |sandbox, step| {
        let expected = r#"{"version":1,"entries":[],"deleted":[],"parents":[]}"#;
        assert_eq!(fs::read_to_string(step.evidence("changes.json")).unwrap(), expected);
        assert_eq!(files_below(&step.evidence("databases")), [""; 0]);
        assert_eq!(fs::symlink_metadata(step.evidence("databases/lower")).unwrap().mtime(), EPOCH);
        assert_eq!(files_below(&sandbox.upper("")), [""; 0], "and nothing is written");
    });
}

/// Script, changed paths, deleted paths, the directories above them.
type Case = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

const CASES: &[Case] = &[
    ("echo n > /new", &["/new"], &[], &[]),
    ("echo x > /d/b", &["/d/b"], &[], &["/d"]),
    ("printf 'B\\n' > /d/b; touch -d @1000000000 /d/b", &["/d/b"], &[], &["/d"]),
    ("rm /d/sub/c", &[], &["/d/sub/c"], &["/d", "/d/sub"]),
    ("rm -r /d", &[], &["/d"], &[]),
    ("rm -r /d; mkdir /d; echo n > /d/n", &["/d/n"], &["/d/a", "/d/b", "/d/hard", "/d/sub"], &["/d"]),
    ("rm -r /d; echo file > /d", &["/d"], &[], &[]),
    ("rm /same; mkdir /same; echo f > /same/f", &["/same", "/same/f"], &[], &[]),
    ("rm -r /d; ln -s e /d", &["/d"], &[], &[]),
    ("rm /link; mkdir -p /link/in", &["/link", "/link/in"], &[], &[]),
    ("ln -sfn d/b /link", &["/link"], &[], &[]),
    ("chmod 600 /d/b; chown 7:8 /z/z", &["/d/b", "/z/z"], &[], &["/d", "/z"]),
    ("chmod 700 /d; echo n > /d/sub/n", &["/d", "/d/sub/n"], &[], &["/d/sub"]),
    ("mv /d/sub /e/sub", &["/e/sub", "/e/sub/c"], &["/d/sub"], &["/d", "/e"]),
    ("rm /dev1; mknod /dev1 c 1 5", &["/dev1"], &[], &[]),
    ("rm /dev1; mknod /dev1 b 1 3; rm /pipe; mkfifo -m 600 /pipe", &["/dev1", "/pipe"], &[], &[]),
    ("python3 -Sc 'import os; os.setxattr(\"/d/b\", \"user.note\", b\"x\")'", &["/d/b"], &[], &["/d"]),
    ("python3 -Sc 'import os; os.setxattr(\"/d\", \"user.note\", b\"x\")'", &["/d"], &[], &[]),
    ("rm -r /z; mkdir /z; cp /d/a /z/z; rm /z/z; echo z > /z/z; touch /same /d", &[], &[], &[]),
];

#[test]
fn every_kind_of_change_is_found() {
    for (script, changed, deleted, parents) in CASES {
        both(TREE, script, |_, step| {
            assert_eq!(step.changed(), *changed, "{script}");
            assert_eq!(step.deleted(), *deleted, "{script}");
            assert_eq!(step.parents(), *parents, "{script}");
        });
    }
}

#[test]
fn entries_and_parents_say_what_they_are() {
    let script = "echo hello > /d/sub/f; ln /d/sub/f /e/g; ln /same /twin; chmod 2751 /e; touch /e/x; \
        python3 -Sc 'import os; os.setxattr(\"/d/sub/f\", \"user.note\", b\"hi\")'";
    let tree = format!(
        "{TREE}; chmod 1770 d; chown 3:4 d; python3 -Sc 'import os; os.setxattr(\"d\", \"user.dir\", b\"x\")'"
    );
    both(&tree, script, |_, step| {
        let file = step.entry("/d/sub/f");
        assert_eq!(file["sha256"], "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
        assert_eq!((&file["hardlink"], &file["xattrs"]["user.note"]), (&"/d/sub/f".into(), &"6869".into()));
        assert_eq!(step.entry("/e/g")["hardlink"], "/d/sub/f");
        assert_eq!(step.entry("/twin")["hardlink"], "/same", "a name that is no change itself");
        let expected = serde_json::json!([
            {"path": "/d", "mode": "1770", "uid": 3, "gid": 4, "xattrs": {"user.dir": "78"}},
            {"path": "/d/sub", "mode": "0755", "uid": 0, "gid": 0},
        ]);
        assert_eq!(step.changes()["parents"], expected);
    });
}

#[test]
fn directories_have_the_epoch_and_what_is_the_same_has_its_old_time() {
    let script = "mkdir -p /n/m; touch -d @1200000000 /n/m/dated; touch -d @1200000000 /n/m; echo x > /n/now; \
        rm /d/sub/c; touch /same /z /z/z; touch -h /link; rm /d/b; echo b > /d/b; chmod 700 /e; rm /pipe; mkdir /pipe; \
        touch -d @1200000000 /pipe";
    both(TREE, script, |sandbox, step| {
        let changed = ["/e", "/n", "/n/m", "/n/m/dated", "/n/now", "/pipe"];
        assert_eq!(
            (step.changed(), step.deleted()),
            (changed.map(String::from).to_vec(), vec!["/d/sub/c".into()])
        );
        for path in ["n", "n/m", "d/sub", "pipe", ""] {
            assert_eq!(sandbox.mtime(path), EPOCH, "{path}");
        }
        for path in ["d", "d/b", "same", "z", "z/z", "link", "e"] {
            assert_eq!(sandbox.mtime(path), OLD, "{path}");
        }
        assert_eq!(sandbox.mtime("n/m/dated"), 1_200_000_000, "files of a delta keep theirs");
        assert!(sandbox.mtime("n/now") > EPOCH);
    });
}

#[test]
fn mounts_and_what_engines_make_for_them_are_no_changes() {
    let Some(mut sandbox) = sandbox() else { return };
    sandbox.prepare(TREE);
    sandbox.set("CACHE_MOUNTS", "var/cache/x d/sub e/deep/y");
    sandbox.change("touch /x /var/cache/x/file /d/sub/file; rm /x");
    let step = settle(&mut sandbox).ok();
    assert_eq!((step.changed(), step.deleted()), (vec![], vec![]), "{}", step.changes());
    assert_eq!((sandbox.mtime("e"), sandbox.mtime("")), (OLD, OLD));
}

#[test]
fn a_directory_made_for_a_mount_that_holds_more_is_a_change() {
    let Some(mut sandbox) = sandbox() else { return };
    sandbox.prepare(TREE);
    sandbox.set("CACHE_MOUNTS", "var/cache/x");
    sandbox.change("echo x > /var/cache/x/file; echo y > /var/cache/y");
    let step = settle(&mut sandbox).ok();
    assert_eq!(step.changed(), ["/var", "/var/cache", "/var/cache/y"]);
    assert_eq!((sandbox.mtime(""), sandbox.mtime("var"), sandbox.mtime("var/cache")), (EPOCH, EPOCH, EPOCH));
}

#[test]
fn shared_files_are_copied_as_they_are_and_as_they_were() {
    both(
        &format!("{TREE}; {STATUS}"),
        "echo new > /var/lib/dpkg/status; chmod 600 /var/lib/dpkg/status",
        |_, step| {
            assert_eq!(step.parents(), ["/var", "/var/lib", "/var/lib/dpkg"]);
            let path = "var/lib/dpkg/status";
            let copies = step.evidence("databases");
            assert_eq!(files_below(&copies), [format!("lower/{path}"), format!("upper/{path}")]);
            for (side, text, mode) in [("upper", "new\n", 0o600), ("lower", "old\n", 0o640)] {
                let copy = copies.join(side).join(path);
                assert_eq!(fs::read_to_string(&copy).unwrap(), text);
                let meta = fs::symlink_metadata(&copy).unwrap();
                assert_eq!((meta.mode() & 0o7777, meta.uid(), meta.gid(), meta.mtime()), (mode, 7, 8, EPOCH));
                let dir = fs::symlink_metadata(copy.parent().unwrap()).unwrap();
                assert_eq!((dir.mode() & 0o7777, dir.uid(), dir.gid(), dir.mtime()), (0o2750, 0, 9, EPOCH));
                assert_eq!(fs::symlink_metadata(copies.join(side)).unwrap().mtime(), EPOCH);
            }
        },
    );
}

/// Set-up, script, the copies.
const COPIES: &[(&str, &str, &[&str])] = &[
    ("true", "mkdir -p /var/lib/dpkg; echo new > /var/lib/dpkg/status", &["upper/var/lib/dpkg/status"]),
    (STATUS, "rm -r /var/lib/dpkg", &["lower/var/lib/dpkg/status"]),
    (STATUS, "rm -r /var; ln -s nowhere /var", &["lower/var/lib/dpkg/status"]),
    (STATUS, "rm /var/lib/dpkg/status; mkdir /var/lib/dpkg/status", &["lower/var/lib/dpkg/status"]),
    (
        STATUS,
        "rm /var/lib/dpkg/status; ln -s x /var/lib/dpkg/status",
        &["lower/var/lib/dpkg/status", "upper/var/lib/dpkg/status -> x"],
    ),
    (STATUS, "mv /var/lib/dpkg /moved; mkdir /var/lib/dpkg; ln /moved/status /var/lib/dpkg/status", &[]),
    (STATUS, "touch /var/lib/dpkg/status /var/lib/dpkg/other", &[]),
    (STATUS, "truncate -s 67108865 /var/lib/dpkg/status", &["lower/var/lib/dpkg/status"]),
];

#[test]
fn only_files_and_links_that_differ_are_copied() {
    for (tree, script, copies) in COPIES {
        both(tree, script, |_, step| {
            assert_eq!(files_below(&step.evidence("databases")), *copies, "{script}");
        });
    }
}

#[test]
fn two_runs_and_a_second_one_on_top_write_the_same() {
    let run = |again: bool| {
        let mut sandbox = sandbox()?;
        sandbox.prepare(&format!("{TREE}; {STATUS}"));
        sandbox.change("cp -r /d /d2; rm -r /z; echo x > /x; echo new > /var/lib/dpkg/status");
        let mut step = settle(&mut sandbox).ok();
        if again {
            step = settle(&mut sandbox).ok();
        }
        Some((fs::read(step.evidence("changes.json")).unwrap(), files_below(&step.evidence("databases"))))
    };
    let (Some(first), Some(second)) = (run(false), run(true)) else { return };
    assert_eq!(first, second);
}

#[test]
fn what_cannot_be_settled_is_a_fault() {
    for (config, phrase) in [
        (r#"{"epoch":1}"#, "FACTORY_SETTLE: missing field `lower`"),
        (r#"{"epoch":253402300800,"lower":"/.factory/lower"}"#, "after the year 9999"),
        (r#"{"epoch":1,"lower":"/.factory/lower","x":1}"#, "unknown field `x`"),
        (
            r#"{"epoch":1,"lower":"/nowhere"}"#,
            "cannot open the lower root /nowhere: no such file or directory",
        ),
    ] {
        let Some(mut sandbox) = sandbox() else { return };
        let step = sandbox.mode("settle", "FACTORY_SETTLE", config);
        assert!(step.code == 125 && step.stderr.contains(phrase), "{config}: {}", step.stderr);
    }
    let Some(mut sandbox) = sandbox() else { return };
    let step = settle(sandbox.set("READONLY", "1"));
    assert!(
        step.code == 125 && step.stderr.contains("the root of the fragment is read-only"),
        "{}",
        step.stderr
    );
}

#[test]
fn the_databases_of_a_base_are_copied_from_a_read_only_root() {
    let Some(mut sandbox) = sandbox() else { return };
    sandbox.prepare(&format!("{TREE}; {STATUS}"));
    sandbox.set("READONLY", "1");
    let config = format!(r#"{{"epoch":{EPOCH}}}"#);
    let step = sandbox.mode("databases", "FACTORY_DATABASES", &config).ok();
    let copies = step.evidence("databases");
    assert_eq!(files_below(&copies), ["upper/var/lib/dpkg/status"]);
    let meta = fs::symlink_metadata(copies.join("upper/var/lib/dpkg/status")).unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.uid(), meta.mtime()), (0o640, 7, EPOCH));
    assert_eq!(fs::symlink_metadata(copies.join("upper/var")).unwrap().mtime(), EPOCH);
    let names: Vec<_> =
        fs::read_dir(step.evidence("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["databases"]);
}

#[test]
fn nothing_is_nothing() {
    let Some(mut sandbox) = sandbox() else { return };
    let step = sandbox.mode("nothing", "FACTORY_STEP", "no configuration").ok();
    assert_eq!((step.stdout.as_str(), step.stderr.as_str()), ("", ""));
    assert_eq!(files_below(&step.evidence("")), [""; 0]);
    let output = Command::new(helper()).env("FACTORY_MODE", "anything").output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("\"settle\"") && message.contains("\"nothing\""), "{message}");
}

/// Everything below a directory that is no directory, sorted, with the targets of links.
fn files_below(dir: &Path) -> Vec<String> {
    let output =
        Command::new("find").args([".", "!", "-type", "d", "-printf", "%P %l\n"]).current_dir(dir).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let line = |line: &str| line.trim_end().replacen(' ', " -> ", 1);
    let mut files: Vec<_> = text.lines().map(line).filter(|name| !IGNORED.contains(&name.as_str())).collect();
    files.sort();
    files
}

/// What the set-up leaves: the stub of the helper's own file, and the evidence of the script before.
const IGNORED: [&str; 4] = [".factory/run", "dev/null", "output.log", "step.json"];
