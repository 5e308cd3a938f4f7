//! `copy`, `add`, `file`, `mkdir`, `symlink`, `remove`: file ops, and what is fetched for them.

use bollard_buildkit_proto::pb;
use bollard_buildkit_proto::pb::file_action::Action;

use crate::{amd64, execs, file_ops, one, ops};

fn actions(members: &str) -> Vec<Action> {
    let lowered = one(&format!(r#""steps": [{{{members}}}]"#)).lower(&amd64());
    let (_, op) = file_ops(&lowered.graph).pop().unwrap();
    op.actions.into_iter().map(|action| action.action.unwrap()).collect()
}

fn copies(members: &str) -> Vec<pb::FileActionCopy> {
    let copies = actions(members).into_iter().filter_map(|action| match action {
        Action::Copy(copy) => Some(copy),
        _ => None,
    });
    copies.collect()
}

fn locals(members: &str) -> Vec<(String, String)> {
    let lowered = one(members).lower(&amd64());
    let sources = ops(&lowered.graph).into_iter().filter_map(|(_, op)| match op.op {
        Some(pb::op::Op::Source(source)) if source.identifier.starts_with("local://") => {
            let follow = source.attrs.get("local.followpaths").cloned().unwrap_or_default();
            Some((source.attrs["local.sharedkeyhint"].clone(), follow))
        }
        _ => None,
    });
    sources.collect()
}

#[test]
fn a_copy_of_own_files_is_a_dockerfile_s_copy_with_times_that_do_not_vary() {
    let copies = copies(r#""copy": {"src": "app/", "dest": "/opt/app"}"#);
    let copy = &copies[0];
    assert_eq!((copy.src.as_str(), copy.dest.as_str()), ("/fragments/app/1.0.0/app", "/opt/app"));
    assert!(copy.follow_symlink && copy.dir_copy_contents && copy.create_dest_path && copy.allow_wildcard);
    assert!(!copy.attempt_unpack_docker_compatibility);
    assert_eq!((copy.mode, copy.timestamp), (-1, 315_532_800_000_000_000));
}

#[test]
fn several_sources_land_in_a_folder() {
    let copies = copies(r#""copy": {"from": "context", "src": ["a", "b"], "dest": "/d/"}"#);
    let pairs: Vec<(&str, &str)> =
        copies.iter().map(|copy| (copy.src.as_str(), copy.dest.as_str())).collect();
    assert_eq!(pairs, [("/a", "/d/"), ("/b", "/d/")]);
}

#[test]
fn one_transfer_holds_all_that_steps_name_and_no_more() {
    let sources = locals(
        r#""steps": [
            {"copy": {"src": "b", "dest": "/b"}}, {"copy": {"src": ["a/*.py", "b"], "dest": "/a/"}},
            {"copy": {"from": "context", "src": "x/y", "dest": "/y"}},
            {"copy": {"src": "conf", "include": ["*.ini"], "dest": "/conf"}},
            {"copy": {"src": "etc/*.d", "include": ["*.ini"], "dest": "/conf/"}}
        ]"#,
    );
    let fragments = r#"["fragments/app/1.0.0/a/*.py","fragments/app/1.0.0/b","fragments/app/1.0.0/conf/*.ini","fragments/app/1.0.0/etc/*.d"]"#;
    assert_eq!(sources.len(), 2);
    assert!(sources.contains(&("fragments".into(), fragments.into())), "{sources:?}");
    assert!(sources.contains(&("context".into(), r#"["x/y"]"#.into())), "{sources:?}");
    let whole = locals(r#""steps": [{"copy": {"from": "context", "src": [".", "a"], "dest": "/a/"}}]"#);
    assert_eq!(whole, [("context".to_owned(), String::new())], "the root means everything");
}

#[test]
fn a_local_folder_is_never_what_an_op_works_on() {
    let documents = one(
        r#""steps": [{"copy": {"src": "b", "dest": "/b"}}, {"run": "x", "mounts": [{"path": "/m", "from": "context"}]}]"#,
    );
    let lowered = documents.lower(&amd64());
    let locals: Vec<String> = lowered
        .graph
        .vertices()
        .filter(|(_, meta)| meta.name().is_some_and(|name| name.starts_with("[internal]")))
        .map(|(vertex, _)| vertex.digest().to_string())
        .collect();
    assert_eq!(locals.len(), 2);
    for (name, op) in ops(&lowered.graph) {
        let is_local = |at: i64| {
            usize::try_from(at).is_ok_and(|at| op.inputs.get(at).is_some_and(|i| locals.contains(&i.digest)))
        };
        match &op.op {
            Some(pb::op::Op::File(file)) => {
                assert!(!file.actions.iter().any(|a| is_local(a.input)), "{name}");
            }
            Some(pb::op::Op::Exec(exec)) => {
                let written = exec.mounts.iter().filter(|mount| !mount.readonly);
                assert!(!written.into_iter().any(|mount| is_local(mount.input)), "{name}");
            }
            _ => {}
        }
    }
}

#[test]
fn folders_above_a_file_are_made() {
    let actions = actions(r#""file": {"path": "/etc/app/app.conf", "content": "x=${Y}\n", "chmod": "0600"}"#);
    match actions.as_slice() {
        [Action::Mkdir(dir), Action::Mkfile(file), Action::Copy(copy)] => {
            assert_eq!((dir.path.as_str(), dir.make_parents), ("/etc/app", true));
            assert_eq!(
                (file.path.as_str(), file.data.len()),
                ("/etc/app/app.conf", 0),
                "refuses a folder of the name"
            );
            assert_eq!((copy.dest.as_str(), copy.mode), ("/etc/app/app.conf", 0o600));
        }
        other => panic!("unexpected actions {other:?}"),
    }
}

#[test]
fn removal_symlink_and_folders() {
    match actions(r#""remove": {"path": ["/a", "/b*"], "missing_ok": true}"#).as_slice() {
        [Action::Rm(a), Action::Rm(b)] => {
            assert_eq!((a.path.as_str(), a.allow_not_found, a.allow_wildcard), ("/a", true, false));
            assert_eq!((b.path.as_str(), b.allow_wildcard), ("/b*", true));
        }
        other => panic!("unexpected actions {other:?}"),
    }
    match actions(r#""symlink": {"path": "/usr/local/bin/x", "target": "../lib/x"}"#).as_slice() {
        [Action::Mkdir(_), Action::Symlink(link)] => {
            assert_eq!((link.oldpath.as_str(), link.newpath.as_str()), ("../lib/x", "/usr/local/bin/x"));
        }
        other => panic!("unexpected actions {other:?}"),
    }
    match actions(r#""mkdir": {"path": "data", "chmod": "0750", "chown": "1:2"}"#).as_slice() {
        [Action::Mkdir(dir), Action::Copy(copy)] => {
            assert_eq!((dir.path.as_str(), dir.mode, dir.make_parents), ("/data", 0o755, true));
            assert_eq!((copy.src.as_str(), copy.dest.as_str(), copy.mode), ("/", "/", 0o750));
        }
        other => panic!("unexpected actions {other:?}"),
    }
}

#[test]
fn the_content_of_a_file_is_taken_as_it_is() {
    let lowered = one(r#""steps": [{"file": {"path": "/x", "content": "x=${Y}\n"}}]"#).lower(&amd64());
    let data =
        file_ops(&lowered.graph).into_iter().flat_map(|(_, op)| op.actions).filter_map(|one| {
            match one.action {
                Some(Action::Mkfile(file)) => Some(file.data),
                _ => None,
            }
        });
    assert!(data.into_iter().any(|data| data == b"x=${Y}\n"));
}

#[test]
fn what_is_removed_must_be_there_unless_said_otherwise() {
    let ops_of =
        |members: &str| file_ops(&one(&format!(r#""steps": [{{{members}}}]"#)).lower(&amd64()).graph).len();
    assert_eq!(ops_of(r#""remove": {"path": ["/a", "/b*"], "missing_ok": true}"#), 1);
    assert_eq!(
        ops_of(r#""remove": {"path": ["/a", "/b*"]}"#),
        2,
        "an op that takes their names, and the removal"
    );
}

#[test]
fn a_download_is_checked_and_its_copy_has_a_fixed_time() {
    let sum = format!("sha256:{}", "b".repeat(64));
    let members = format!(
        r#""add": {{"url": "https://example.org/t.tgz", "checksum": "{sum}", "dest": "/opt/", "unpack": true}}"#
    );
    let lowered = one(&format!(r#""steps": [{{{members}}}]"#)).lower(&amd64());
    let source = ops(&lowered.graph).into_iter().find_map(|(_, op)| match op.op {
        Some(pb::op::Op::Source(source)) if source.identifier.starts_with("https") => Some(source),
        _ => None,
    });
    assert_eq!(source.unwrap().attrs["http.checksum"], sum);
    let copy = &copies(&members)[0];
    assert_eq!((copy.src.as_str(), copy.dest.as_str()), ("/t.tgz", "/opt/"));
    assert!(copy.attempt_unpack_docker_compatibility);
    assert_eq!(copy.timestamp, 315_532_800_000_000_000);
}

#[test]
fn owners_by_name_are_checked_before_the_daemon_takes_an_unknown_one_for_root() {
    let lowered =
        one(r#""steps": [{"copy": {"src": "a", "dest": "/a", "chown": "app:staff"}}]"#).lower(&amd64());
    let execs = execs(&lowered.graph);
    let meta = execs[0].1.meta.as_ref().unwrap();
    assert_eq!(meta.args, ["/.factory/run", "app:staff"]);
    assert!(meta.env.contains(&"FACTORY_MODE=owners".to_owned()));
    let numbers = one(r#""steps": [{"copy": {"src": "a", "dest": "/a", "chown": "7:8"}}]"#).lower(&amd64());
    assert!(crate::execs(&numbers.graph).is_empty(), "numbers need no check");
}

#[test]
fn parents_keeps_the_folders_of_the_source() {
    let copies = copies(r#""copy": {"from": "context", "src": "a/b/c", "dest": "/d", "parents": true}"#);
    assert_eq!((copies[0].src.as_str(), copies[0].dest.as_str()), ("/", "/d/"));
    assert_eq!(copies[0].include_patterns, ["a/b/c"]);
}
