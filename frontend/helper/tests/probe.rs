//! Contracts, checked on a root: what is found, and what is said of those that are not met.
#![allow(clippy::unwrap_used, reason = "a test ends with the first surprise")]

mod sandbox;

use std::fs;
use std::time::Instant;

use sandbox::{Sandbox, Step, bare_sandbox, sandbox};
use serde_json::{Value, json};

/// Commands of all kinds, a virtual environment, accounts.
const IMAGE: &str = r#"mkdir -p tools opt/venv/bin opt/venv/lib/python3.11/site-packages opt/old/lib/python3/dist-packages srv
    say() { printf '#!/bin/sh\n%s\n' "$2" > tools/$1; chmod 755 tools/$1; }
    say plain 'echo "plain version 1.2.3 (x)"'
    say short 'case $1 in -V) echo "short/2.0rc1" >&2;; *) echo "unknown option 9.9.9"; exit 2;; esac'
    say word 'case $1 in version) echo word1.10;; *) exit 1;; esac'
    say usage 'echo "usage 3.4: no such option"; exit 1'
    say silent 'echo 7'
    say broken ''; printf 'text' > tools/broken
    say environment 'echo "$MARK.0 $FACTORY_PROBE$FACTORY_MODE"'
    say flood 'yes | head -c 3000000; echo " 1.0"'
    say orphan 'sleep 300 & echo 5.5'
    say hang 'sleep 300 & sleep 300'
    ln -s nowhere tools/dangling; touch tools/locked; mkdir tools/folder
    touch opt/venv/pyvenv.cfg; ln -s /usr/bin/python3 opt/venv/bin/python3
    mkdir opt/venv/lib/python3.11/site-packages/Flask_SQL.Alchemy-3.0.5.dist-info
    mkdir opt/venv/lib/python3.11/site-packages/requests-2.31.0.dist-info
    mkdir opt/old/lib/python3/dist-packages/requests-2.40.0.dist-info
    touch opt/old/lib/python3/dist-packages/PyYAML-6.0-py3.11.egg-info
    mkdir opt/old/lib/python3/dist-packages/develop.egg-info
    printf 'root:x:0:0::/:/bin/sh\napp:x:1000:1001::/:/bin/sh\n' > etc/passwd; printf 'app:x:1001:\n' > etc/group
    ln -s /srv etc/service"#;
const PATH: &str = "/opt/venv/bin:/tools:/usr/bin:/bin:/usr/sbin:/sbin";

/// A contract as the frontend writes it: `KIND:NAME OP VERSION …`.
fn contract(text: &str) -> Value {
    let mut words = text.split(' ');
    let (kind, name) = words.next().unwrap().split_once(':').unwrap();
    let mut range = Vec::new();
    while let (Some(op), Some(version)) = (words.next(), words.next()) {
        range.push(json!({"op": op, "version": version}));
    }
    json!({"text": text, "kind": kind, "name": name, "range": range})
}

fn image() -> Option<Sandbox> {
    let mut sandbox = sandbox()?;
    sandbox.prepare(IMAGE);
    sandbox.set("PATH", PATH).set("MARK", "42").set("EMPTY", "").set("READONLY", "1");
    Some(sandbox)
}

fn probe(sandbox: &mut Sandbox, side: &str, texts: &[&str]) -> Step {
    let contracts: Vec<_> = texts.iter().map(|text| contract(text)).collect();
    let config = json!({"fragment": "core 0.1.0", "side": side, "contracts": contracts});
    sandbox.mode("probe", "FACTORY_PROBE", &config.to_string())
}

/// Contracts that are met, and what is found.
const MET: &[(&str, &str)] = &[
    ("command:plain", "/tools/plain"),
    ("command:plain >= 1.2 < 1.2.4", "1.2.3"),
    ("command:short < 2.0", "2.0rc1"),
    ("command:word > 1.9", "1.10"),
    ("command:usage != 3.3", "3.4"),
    ("command:environment = 42", "42.0"),
    ("command:orphan > 5", "5.5"),
    ("command:python3 >= 3.5", ""),
    ("python:flask-sql.alchemy >= 3", "3.0.5"),
    ("python:requests < 2.32", "2.31.0"),
    ("python:pyyaml = 6", "6.0"),
    ("python:develop", "of unknown version"),
    ("user:app", "1000"),
    ("group:app", "1001"),
    ("path:/etc/passwd", "file"),
    ("path:/etc/", "dir"),
    ("path:/etc/service", "symlink"),
    ("path:/etc/service/", "dir"),
    ("env:MARK", "set"),
    ("env:MARK = 42", "set"),
];

#[test]
fn met_contracts_leave_what_was_found() {
    let Some(mut sandbox) = image() else { return };
    let texts: Vec<_> = MET.iter().map(|(text, _)| *text).collect();
    let step = probe(&mut sandbox, "provides", &texts).ok();
    assert_eq!((step.stdout.as_str(), step.stderr.as_str()), ("", ""));
    let found: Value = serde_json::from_slice(&fs::read(step.evidence("probe.json")).unwrap()).unwrap();
    assert_eq!(found["version"], 1);
    for (at, (text, expected)) in MET.iter().enumerate() {
        let entry = &found["contracts"][at];
        assert_eq!(entry["text"], *text);
        let found = entry["found"].as_str().unwrap();
        assert!(
            if expected.is_empty() { found.starts_with("3.") } else { found == *expected },
            "{text}: {found}"
        );
    }
    assert_eq!(found["contracts"].as_array().unwrap().len(), MET.len());
}

#[test]
fn two_probes_write_the_same() {
    let run = || {
        let mut sandbox = image()?;
        let step = probe(&mut sandbox, "requires", &["command:plain > 1", "user:app"]).ok();
        Some(fs::read_to_string(step.evidence("probe.json")).unwrap())
    };
    let (Some(first), Some(second)) = (run(), run()) else { return };
    assert_eq!(first, second);
    let expected = r#"{"version":1,"contracts":[{"text":"command:plain > 1","found":"1.2.3"},{"text":"user:app","found":"1000"}]}"#;
    assert_eq!(first, expected);
}

/// Contracts that are not met, and why.
const UNMET: &[(&str, &str)] = &[
    ("command:plain >= 1.3", "plain is 1.2.3 (/tools/plain)"),
    ("command:short >= 2.0", "short is 2.0rc1 (/tools/short)"),
    (
        "command:plian-nothing",
        "there is no plian-nothing in PATH (/opt/venv/bin:/tools:/usr/bin:/bin:/usr/sbin:/sbin)",
    ),
    (
        "command:fl0od",
        "there is no fl0od in PATH (/opt/venv/bin:/tools:/usr/bin:/bin:/usr/sbin:/sbin); did you mean \"flood\"?",
    ),
    ("command:dangling", "/tools/dangling is a link to nothing"),
    ("command:locked", "/tools/locked is not executable"),
    ("command:silent > 1", "/tools/silent says no version (asked with --version, -V and version)"),
    ("command:flood > 0.1", "/tools/flood says no version (asked with --version, -V and version)"),
    (
        "command:broken > 1",
        "\"/tools/broken\": exec format error: neither a program for this machine nor a script that begins with #!",
    ),
    ("python:requests >= 2.32", "requests is 2.31.0 (/opt/venv/lib/python3.11/site-packages)"),
    ("python:develop > 1", "develop is of unknown version (/opt/old/lib/python3/dist-packages)"),
    ("user:ap", "there is no user ap in /etc/passwd; did you mean \"app\"?"),
    ("group:root", "there is no group root in /etc/group"),
    ("path:/etc/passwd/", "/etc/passwd is no directory (type file)"),
    ("path:/srv/data", "there is no /srv/data"),
    ("env:ABSENT", "there is no variable ABSENT"),
    ("env:EMPTY", "the variable EMPTY is empty"),
    ("env:MARK = 43", "MARK is \"42\""),
];

#[test]
fn every_unmet_contract_is_said() {
    let Some(mut sandbox) = image() else { return };
    let mut texts: Vec<_> = UNMET.iter().map(|(text, _)| *text).collect();
    texts.push("command:plain");
    let step = probe(&mut sandbox, "requires", &texts);
    let expected: Vec<_> =
        UNMET.iter().map(|(text, why)| format!("factory: core 0.1.0 requires {text}, but {why}")).collect();
    assert_eq!(step.stderr.lines().collect::<Vec<_>>(), expected);
    assert_eq!(step.code, 1);
    assert!(!step.evidence("probe.json").exists());
}

#[test]
fn distributions_are_suggested_and_places_named() {
    let Some(mut sandbox) = image() else { return };
    let step = probe(&mut sandbox, "provides", &["python:request"]);
    let begin = "factory: core 0.1.0 provides python:request, but there is no distribution request in \
        /opt/venv/lib/python3.11/site-packages, ";
    let end = "/opt/old/lib/python3/dist-packages, /opt/venv/lib/python3.11/site-packages; did you mean \"requests\"?\n";
    assert!(step.stderr.starts_with(begin) && step.stderr.ends_with(end), "{}", step.stderr);
    assert_eq!(step.code, 1);
}

#[test]
fn the_active_environment_is_the_one_that_is_named() {
    let Some(mut sandbox) = image() else { return };
    sandbox.set("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").set("VIRTUAL_ENV", "/opt/old");
    probe(&mut sandbox, "requires", &["python:requests = 2.40"]).ok();
    sandbox.set("VIRTUAL_ENV", "/opt/venv");
    assert_eq!(probe(&mut sandbox, "requires", &["python:requests = 2.40"]).code, 1);
}

#[test]
fn a_command_that_does_not_end_is_killed_with_all_it_started() {
    let Some(mut sandbox) = image() else { return };
    let begun = Instant::now();
    let step = probe(&mut sandbox, "provides", &["command:hang > 1"]);
    let expected =
        "factory: core 0.1.0 provides command:hang > 1, but /tools/hang --version does not end within 10 s\n";
    assert_eq!((step.code, step.stderr.as_str()), (1, expected));
    let seconds = begun.elapsed().as_secs();
    assert!((10..20).contains(&seconds), "{seconds} s");
}

#[test]
fn a_root_without_programs_is_looked_at_as_well() {
    let Some(mut sandbox) = bare_sandbox() else { return };
    sandbox.prepare("rm -r *; mkdir -p srv/data etc; printf 'app:x:7:7::/:/x\\n' > etc/passwd");
    let step =
        probe(&mut sandbox, "provides", &["user:app", "path:/srv/data/", "command:cc", "python:requests"]);
    let expected = "factory: core 0.1.0 provides command:cc, but there is no cc in PATH \
        (/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin)\n\
        factory: core 0.1.0 provides python:requests, but there is no distribution requests in any folder of Python packages\n";
    assert_eq!((step.code, step.stderr.as_str()), (1, expected));
}

#[test]
fn contracts_that_make_no_sense_are_faults() {
    let Some(mut sandbox) = sandbox() else { return };
    for (config, phrase) in [
        ("", "FACTORY_PROBE: EOF while parsing"),
        (
            r#"{"fragment":"f","side":"offers","contracts":[]}"#,
            "unknown variant `offers`, expected `provides` or `requires`",
        ),
        (
            r#"{"fragment":"f","side":"provides","contracts":[{"text":"port:80","kind":"port","name":"80"}]}"#,
            "unknown variant `port`, expected one of `command`, `python`",
        ),
        (
            r#"{"fragment":"f","side":"provides","contracts":[{"text":"path:x","kind":"path","name":"x"}]}"#,
            "FACTORY_PROBE: \"path:x\": \"x\" is no absolute path",
        ),
    ] {
        let step = sandbox.mode("probe", "FACTORY_PROBE", config);
        assert!(step.code == 125 && step.stderr.contains(phrase), "{config}: {}", step.stderr);
    }
}
