//! What the wrapper finds changed, and the times it leaves, on a real overlay.
#![allow(clippy::unwrap_used, reason = "a test ends with the first surprise")]

mod sandbox;

use sandbox::{EPOCH, OLD, sandbox};

const TREE: &str = "mkdir -p d/sub e; echo a > d/a; echo b > d/b; echo c > d/sub/c; echo same > same; ln d/a d/hard; \
    ln -s d/a link; chmod 644 d/a same; mkdir z; echo z > z/z";

fn both(test: impl Fn(&sandbox::Sandbox, &str)) {
    for lower in [r#""lower":"/.factory/lower","#, ""] {
        let Some(sandbox) = sandbox() else { return };
        sandbox.prepare(TREE);
        test(&sandbox, &format!(r#"{{{lower}"epoch":{EPOCH}}}"#));
    }
}

#[test]
fn nothing_changed_is_an_empty_manifest() {
    both(|sandbox, config| {
        let step = sandbox.sh(config, "cat /d/a; : > /dev/null; touch /.factory/out/x").ok();
        assert_eq!(step.changes()["version"], 1);
        assert_eq!((step.changed(), step.deleted()), (vec![], vec![]));
    });
}

/// Script, changed paths, deleted paths: with the lower root mounted, and without it.
const CASES: &[(&str, &[&str], &[&str])] = &[
    ("echo n > /new", &["/new"], &[]),
    ("echo x > /d/b", &["/d/b"], &[]),
    ("rm /d/b", &[], &["/d/b"]),
    ("rm -r /d", &[], &["/d"]),
    ("rm /d/b; echo changed > /d/b", &["/d/b"], &[]),
    ("rm -r /d; mkdir /d; echo n > /d/n", &["/d/n"], &["/d/a", "/d/b", "/d/hard", "/d/sub"]),
    ("rm -r /d; echo file > /d", &["/d"], &[]),
    ("rm /same; mkdir /same; echo f > /same/f", &["/same", "/same/f"], &[]),
    ("rm -r /d; ln -s e /d", &["/d"], &[]),
    ("rm /link; mkdir /link", &["/link"], &[]),
    ("ln -sfn elsewhere /link", &["/link"], &[]),
    ("chmod 600 /d/b", &["/d/b"], &[]),
    ("chown 7:8 /d/b", &["/d/b"], &[]),
    ("chmod 700 /d", &["/d"], &[]),
    ("chown -h 7 /link", &["/link"], &[]),
    ("mv /d/b /e/b", &["/e/b"], &["/d/b"]),
    (
        "mv /d /moved",
        &["/moved", "/moved/a", "/moved/b", "/moved/hard", "/moved/sub", "/moved/sub/c"],
        &["/d"],
    ),
    (
        "mv /d /e/; mv /z /d",
        &["/d/z", "/e/d", "/e/d/a", "/e/d/b", "/e/d/hard", "/e/d/sub", "/e/d/sub/c"],
        &["/d/a", "/d/b", "/d/hard", "/d/sub", "/z"],
    ),
    ("mkfifo /pipe; mkdir /deep; mkdir /deep/er", &["/deep", "/deep/er", "/pipe"], &[]),
    ("touch /tmp/x; rm /tmp/x", &[], &[]),
    ("touch -d @1200000000 /old; touch -d @1200000000 /d", &["/old"], &[]),
    ("mkdir /.cache; mkdir /root/n", &["/.cache", "/root/n"], &[]),
    ("printf 'x' > \"$(printf '/a\\377b\\\\')\"", &["/a\\xffb\\\\"], &[]),
];

#[test]
fn every_kind_of_change_is_found() {
    for (script, changed, deleted) in CASES {
        both(|sandbox, config| {
            let step = sandbox.sh(config, script).ok();
            assert_eq!(step.changed(), *changed, "{script} with {config}");
            assert_eq!(step.deleted(), *deleted, "{script} with {config}");
        });
    }
}

#[test]
fn touched_and_rewritten_files_that_are_equal_are_no_change() {
    let Some(sandbox) = sandbox() else { return };
    sandbox.prepare(TREE);
    let config = format!(r#"{{"lower":"/.factory/lower","epoch":{EPOCH}}}"#);
    let script = "touch /d/b; cp /same /copy; mv /copy /same; chmod 600 /z/z; chmod 644 /z/z; touch -h /link; \
        mv /z /y; mv /y /z; touch /d/n; rm /d/n; ln -sf d/a /link";
    let step = sandbox.sh(&config, script).ok();
    assert_eq!((step.changed(), step.deleted()), (vec![], vec![]), "{}", step.changes());
    for path in ["d/b", "same", "link", "d", "z", "z/z"] {
        assert_eq!(sandbox.mtime(path), OLD, "{path}");
    }
}

#[test]
fn entries_say_everything_that_a_layer_holds() {
    both(|sandbox, config| {
        let script = "umask 022; echo hello > /f; chown 3:4 /f; chmod 4755 /f; ln /f /g; ln -s f /s; mknod /c c 1 3; \
            mkfifo /p; mkdir -m 1777 /t; python3 -c 'import os; os.setxattr(\"/f\", \"user.note\", b\"hi\")'";
        let step = sandbox.sh(config, script).ok();
        let file = step.entry("/f");
        assert_eq!((&file["type"], &file["mode"]), (&"file".into(), &"4755".into()));
        assert_eq!((&file["uid"], &file["gid"], &file["size"]), (&3.into(), &4.into(), &6.into()));
        assert_eq!(file["sha256"], "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
        assert_eq!((&file["hardlink"], &step.entry("/g")["hardlink"]), (&"/f".into(), &"/f".into()));
        assert_eq!(file["xattrs"]["user.note"], "6869");
        assert_eq!(
            (&step.entry("/s")["type"], &step.entry("/s")["target"]),
            (&"symlink".into(), &"f".into())
        );
        assert_eq!((&step.entry("/c")["type"], &step.entry("/c")["device"]), (&"char".into(), &"1:3".into()));
        assert_eq!((&step.entry("/t")["type"], &step.entry("/t")["mode"]), (&"dir".into(), &"1777".into()));
        assert_eq!(step.entry("/p")["type"], "fifo");
        assert_eq!(step.entry("/t").get("size"), None);
    });
}

#[test]
fn capabilities_alone_are_a_change() {
    let Some(sandbox) = sandbox() else { return };
    sandbox.prepare(TREE);
    let capability = "import os; os.setxattr('/d/b', 'security.capability', bytes.fromhex('0100000200040000000000000000000000000000'))";
    let config = format!(r#"{{"lower":"/.factory/lower","epoch":{EPOCH}}}"#);
    let step = sandbox.run(&config, &["python3", "-c", capability]).ok();
    assert_eq!(step.changed(), ["/d/b"]);
    assert!(step.entry("/d/b")["xattrs"]["security.capability"].is_string());
}

#[test]
fn a_new_name_of_an_unchanged_file_names_it() {
    let Some(sandbox) = sandbox() else { return };
    sandbox.prepare(TREE);
    let step = sandbox.sh(r#"{"lower":"/.factory/lower"}"#, "ln /same /twin").ok();
    assert_eq!(step.changed(), ["/twin"]);
    assert_eq!(step.entry("/twin")["hardlink"], "/same");
}

#[test]
fn what_the_step_changed_has_the_epoch_and_what_it_dated_keeps_its_date() {
    both(|sandbox, config| {
        let script = "echo n > /d/new; ln -s x /d/link; mkdir -p /n/m; echo x > /n/m/f; touch -d @1200000000 /n/dated; \
            echo x > /d/b; touch -d 2100-01-01 /d/future; touch -d @$(date +%s) /d/whole; rm /e/../z/z";
        sandbox.sh(config, script).ok();
        // `whole` has a time that lost its part of a second on a copy, and so may lie before the step's start.
        for path in ["d", "d/new", "d/link", "n", "n/m", "n/m/f", "d/b", "d/future", "d/whole", "z"] {
            assert_eq!(sandbox.mtime(path), EPOCH, "{path} with {config}");
        }
        assert_eq!(sandbox.mtime("n/dated"), 1_200_000_000);
    });
}

#[test]
fn clamping_needs_no_manifest() {
    let Some(sandbox) = sandbox() else { return };
    sandbox.prepare(TREE);
    let step =
        sandbox.sh(&format!(r#"{{"changes":false,"epoch":{EPOCH}}}"#), "echo n > /d/new; touch /same").ok();
    assert!(!step.evidence("changes.json").exists());
    for path in ["d", "d/new", "same"] {
        assert_eq!(sandbox.mtime(path), EPOCH, "{path}");
    }
}

#[test]
fn stubs_of_mounts_are_no_changes_and_leave_no_time() {
    let Some(mut sandbox) = sandbox() else { return };
    sandbox.set("CACHE_MOUNTS", "root/.cache/pip etc/deep/er");
    let config = format!(r#"{{"lower":"/.factory/lower","epoch":{EPOCH}}}"#);
    let step = sandbox.sh(&config, "echo x > /root/.cache/pip/wheel; echo y > /etc/y").ok();
    assert_eq!((step.changed(), step.deleted()), (vec!["/etc/y".to_owned()], vec![]));
    assert_eq!((sandbox.mtime("root"), sandbox.mtime("etc")), (OLD, EPOCH));
    assert!(sandbox.cache("wheel").exists());
}

#[test]
fn what_the_engine_made_for_the_step_belongs_to_it() {
    let Some(mut sandbox) = sandbox() else { return };
    sandbox.prepare(TREE);
    sandbox.set("ENGINE_DIRS", "d/work/dir");
    let config = format!(r#"{{"lower":"/.factory/lower","epoch":{EPOCH}}}"#);
    let step = sandbox.sh(&config, "true").ok();
    assert_eq!(
        (step.changed(), step.deleted()),
        (vec!["/d/work".to_owned(), "/d/work/dir".to_owned()], vec![])
    );
    for path in ["d", "d/work", "d/work/dir"] {
        assert_eq!(sandbox.mtime(path), EPOCH, "{path}");
    }
}

#[test]
fn a_stub_that_the_step_fills_is_a_change() {
    let Some(mut sandbox) = sandbox() else { return };
    sandbox.set("CACHE_MOUNTS", "root/.cache/pip");
    let config = format!(r#"{{"lower":"/.factory/lower","epoch":{EPOCH}}}"#);
    let step = sandbox.sh(&config, "echo x > /root/.cache/kept").ok();
    assert_eq!(step.changed(), ["/root/.cache", "/root/.cache/kept"]);
    assert_eq!((sandbox.mtime("root"), sandbox.mtime("root/.cache")), (EPOCH, EPOCH));
}

#[test]
fn excluded_paths_are_not_looked_at() {
    let Some(sandbox) = sandbox() else { return };
    sandbox.prepare(TREE);
    let config = format!(r#"{{"lower":"/.factory/lower","epoch":{EPOCH},"exclude":["/d/sub","/new"]}}"#);
    let step = sandbox.sh(&config, "echo x > /d/sub/c; mkdir /new; echo y > /new/y; rm -r /z").ok();
    assert_eq!((step.changed(), step.deleted()), (vec![], vec!["/z".to_owned()]));
    assert_ne!(sandbox.mtime("d/sub/c"), EPOCH);
}

#[test]
fn a_read_only_root_is_no_fault() {
    let Some(mut sandbox) = sandbox() else { return };
    sandbox.set("READONLY", "1");
    let config = format!(r#"{{"lower":"/.factory/lower","epoch":{EPOCH}}}"#);
    let step = sandbox.sh(&config, "! touch /x; echo y > /dev/shm/y").ok();
    assert!(step.stderr.contains("Read-only file system"), "{}", step.stderr);
    assert_eq!((step.changed(), step.deleted()), (vec![], vec![]));
}

#[test]
fn two_runs_write_the_same_manifest() {
    let run = || {
        let sandbox = sandbox()?;
        sandbox.prepare(TREE);
        let config = format!(r#"{{"lower":"/.factory/lower","epoch":{EPOCH}}}"#);
        let step = sandbox.sh(&config, "cp -r /d /d2; rm -r /z; date +%N; echo x > /x").ok();
        Some(std::fs::read(step.evidence("changes.json")).unwrap())
    };
    let (Some(first), Some(second)) = (run(), run()) else { return };
    assert_eq!(first, second);
}

#[test]
fn a_deep_tree_is_walked() {
    let Some(sandbox) = sandbox() else { return };
    let make = "import os\nos.chdir('/')\nfor _ in range(600):\n os.mkdir('d'); os.chdir('d')\nopen('f','w').close()";
    let step = sandbox
        .run(&format!(r#"{{"lower":"/.factory/lower","epoch":{EPOCH}}}"#), &["python3", "-c", make])
        .ok();
    assert_eq!(step.changed().len(), 601);
}

#[test]
fn a_failed_step_has_no_manifest_but_a_report() {
    let Some(sandbox) = sandbox() else { return };
    let step = sandbox.sh(r#"{"lower":"/.factory/lower"}"#, "echo x > /x; exit 3");
    assert_eq!(step.code, 3);
    assert!(!step.evidence("changes.json").exists());
    assert_eq!(step.report()["exit_code"], 3);
}
