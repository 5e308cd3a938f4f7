//! How the wrapper runs a command: exit codes, signals, output, leftovers, environment, user.
#![allow(clippy::unwrap_used, reason = "a test ends with the first surprise")]

mod sandbox;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sandbox::{EPOCH, Sandbox, bare_sandbox, helper, sandbox};

const QUICK: &str = r#"{"changes":false}"#;

/// Runs the wrapper directly, not as first process and without a sandbox.
fn direct(config: &str, argv: &[&str]) -> (i32, String, String) {
    let output = Command::new(helper()).args(argv).env("FACTORY_STEP", config).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn exit_codes_pass_through() {
    for code in [0, 1, 42, 125, 255] {
        let (found, out, err) =
            direct("{}", &["/bin/sh", "-c", &format!("echo out; echo err >&2; exit {code}")]);
        assert_eq!((found, out.as_str(), err.as_str()), (code, "out\n", "err\n"));
    }
}

#[test]
fn a_signal_is_named_and_becomes_its_exit_code() {
    for (signal, name) in
        [("KILL", "SIGKILL (signal 9)"), ("SEGV", "SIGSEGV (signal 11)"), ("TERM", "SIGTERM (signal 15)")]
    {
        let (code, _, err) = direct("{}", &["/bin/sh", "-c", &format!("kill -{signal} $$")]);
        let number: i32 = name[name.rfind(' ').unwrap() + 1..name.len() - 1].parse().unwrap();
        assert_eq!(code, 128 + number);
        assert_eq!(err, format!("factory: the command was ended by {name}\n"));
    }
}

#[test]
fn commands_that_cannot_start_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &[u8], mode: u32| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let own = std::fs::read("/bin/true").unwrap();
    let loader = own.windows(27).position(|window| window == b"/lib64/ld-linux-x86-64.so.2").unwrap_or(0);
    let mut foreign = own;
    foreign[loader..loader + 4].copy_from_slice(b"/no/");
    let script = file("script", b"#! /no/such/shell -e\n", 0o755);
    let plain = file("plain", b"text\n", 0o755);
    let secret = file("secret", b"#!/bin/sh\n", 0o644);
    let program = file("program", &foreign, 0o755);
    let missing = dir.path().join("missing").to_str().unwrap().to_owned();
    for (command, code, phrase) in [
        ("no-such-command", 127, "\"no-such-command\": no such command in /"),
        (missing.as_str(), 127, "missing\": no such file or directory"),
        (script.as_str(), 127, "script, \"/no/such/shell\", does not exist"),
        (plain.as_str(), 126, "exec format error: neither a program"),
        (secret.as_str(), 126, "permission denied"),
        ("/", 126, "permission denied"),
    ] {
        let (found, _, err) = direct("{}", &[command]);
        assert_eq!(found, code, "{command}: {err}");
        assert!(err.contains(phrase), "{command}: {err}");
    }
    if loader > 0 {
        let (code, _, err) = direct("{}", &[&program]);
        assert_eq!(code, 127, "{err}");
        assert!(err.contains("program, \"/no/64/ld-linux-x86-64.so.2\", does not exist"), "{err}");
    }
}

#[test]
fn faults_of_the_wrapper_are_125() {
    for (config, argv, phrase) in [
        (r#"{"epock":1}"#, &["true"][..], "factory: FACTORY_STEP: unknown field `epock`, expected one of"),
        ("{}", &[], "no command"),
        (
            r#"{"user":"nobody-here"}"#,
            &["true"],
            "user \"nobody-here\": no such name in the image's /etc/passwd",
        ),
        (
            r#"{"evidence":"/no/such/place"}"#,
            &["true"],
            "cannot open the evidence directory /no/such/place: no such",
        ),
        (r#"{"lower":"/no/lower","evidence":"/tmp"}"#, &["true"], "cannot open the lower root /no/lower"),
    ] {
        let (code, _, err) = direct(config, argv);
        assert_eq!(code, 125, "{config}: {err}");
        assert!(err.contains(phrase), "{config}: {err}");
    }
    let output = Command::new(helper()).arg("true").env("FACTORY_MODE", "tests").output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).contains("FACTORY_MODE: unknown mode \"tests\""));
}

#[test]
fn valid_exit_codes_succeed_and_the_true_code_is_reported() {
    let Some(sandbox) = sandbox() else { return };
    let config = r#"{"valid_exit_codes":[3,143],"changes":false}"#;
    let step = sandbox.sh(config, "exit 3").ok();
    assert_eq!(step.report()["exit_code"], 3);
    let step = sandbox.sh(config, "exit 0");
    assert_eq!(step.code, 1);
    assert!(
        step.stderr.contains("exit code 0 is not one of the valid exit codes [3, 143]"),
        "{}",
        step.stderr
    );
    assert_eq!(sandbox.sh(config, "exit 4").code, 4);
    assert_eq!(sandbox.sh(config, "kill -TERM $$").ok().report()["signal"], 15);
}

#[test]
fn both_streams_are_passed_on_and_kept_as_they_came() {
    let Some(sandbox) = sandbox() else { return };
    let script = "printf 'a\\377\\n'; sleep 0.05; echo b >&2; sleep 0.05; echo c";
    let step = sandbox.sh(QUICK, script).ok();
    assert_eq!(step.log(), b"a\xff\nb\nc\n");
    assert_eq!((step.stdout.as_str(), step.stderr.as_str()), ("a\u{fffd}\nc\n", "b\n"));
    assert_eq!(step.report()["stdout"]["bytes"], 5);
}

#[test]
fn a_flood_takes_neither_memory_nor_evidence() {
    let Some(sandbox) = sandbox() else { return };
    let mut command = sandbox.command(QUICK, &["/bin/sh", "-c", "yes | head -c 300000000; echo end >&2"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let passed_on = std::io::copy(&mut stdout, &mut std::io::sink()).unwrap();
    let status = child.wait_with_output().unwrap();
    let step = sandbox.step(&status).ok();
    assert_eq!(passed_on, 300_000_000);
    let log = step.log();
    assert!(log.len() < 2 * 1024 * 1024 + 100, "{}", log.len());
    let line = format!("[stdout: {} bytes dropped here]\n", 300_000_000 - 2 * 1024 * 1024);
    assert!(log.windows(line.len()).any(|window| window == line.as_bytes()));
    assert!(log.ends_with(b"end\n"));
    assert_eq!(step.report()["stdout"]["dropped"], 300_000_000 - 2 * 1024 * 1024);
}

#[test]
fn a_daemon_that_holds_the_output_open_hangs_nothing() {
    let Some(sandbox) = sandbox() else { return };
    let begun = Instant::now();
    let script = "(setsid sh -c 'trap \"\" TERM HUP; sleep 100') & sleep 100 & exit 0";
    sandbox.sh(QUICK, script).ok();
    assert!(begun.elapsed() < Duration::from_secs(50));
    let begun = Instant::now();
    let (code, ..) = direct("{}", &["/bin/sh", "-c", script]);
    assert_eq!(code, 0);
    assert!(begun.elapsed() < Duration::from_secs(50));
}

#[test]
fn leftovers_are_killed_also_when_the_wrapper_is_not_the_first_process() {
    let dir = tempfile::tempdir().unwrap();
    let beat = dir.path().join("beat");
    let script = format!(
        "(setsid sh -c 'while :; do date +%s%N > {}; sleep 0.02; done' &) ; sleep 0.2",
        beat.display()
    );
    assert_eq!(direct("{}", &["/bin/sh", "-c", &script]).0, 0);
    let first = std::fs::read(&beat).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(std::fs::read(&beat).unwrap(), first);
}

#[test]
fn orphans_are_reaped() {
    let Some(sandbox) = sandbox() else { return };
    let script = "for i in 1 2 3 4 5; do (sleep 0.01 &) ; done; sleep 0.3; grep -l '^State:.*Z' /proc/[0-9]*/status || echo none";
    assert_eq!(sandbox.sh(QUICK, script).ok().stdout, "none\n");
}

#[test]
fn signals_reach_the_whole_process_group() {
    let mut command = Command::new(helper());
    let script = "trap 'echo got; wait; exit 7' USR1; sh -c 'trap \"echo inner; exit\" USR1; while :; do sleep 0.02; done' & \
        sleep 0.1; echo ready; while :; do sleep 0.02; done";
    let mut child = command.args(["/bin/sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("ready"));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-USR1", &pid]).status().unwrap().success());
    let mut rest: Vec<_> = lines.collect();
    rest.sort();
    assert_eq!(rest.last().map(String::as_str), Some("inner"), "{rest:?}");
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn the_command_starts_with_signals_and_input_as_usual() {
    let (code, out, _) = direct(
        "{}",
        &["/bin/sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status; readlink /proc/self/fd/0; cat"],
    );
    let lines: Vec<_> = out.lines().collect();
    // Signals 32 and up belong to the C library, which may have been told to ignore them before.
    let standard = |line: &str| u64::from_str_radix(&line[line.len() - 16..], 16).unwrap() & 0x7fff_ffff;
    assert_eq!((code, standard(lines[0]), standard(lines[1]), lines[2]), (0, 0, 0, "/dev/null"));
    let list = ["-c", "ls /proc/self/fd"];
    let unwrapped = Command::new("/bin/sh").args(list).output().unwrap().stdout;
    assert_eq!(direct("{}", &["/bin/sh", list[0], list[1]]).1, String::from_utf8_lossy(&unwrapped));
}

#[test]
fn the_environment_is_the_steps_own_plus_what_was_asked_for() {
    let Some(mut sandbox) = sandbox() else { return };
    sandbox.set("KEPT", "k").set("GONE", "g").set("OVER", "old");
    let config =
        format!(r#"{{"changes":false,"epoch":{EPOCH},"env":{{"OVER":"new","A":"1"}},"env_unset":["GONE"]}}"#);
    let step = sandbox.run(&config, &["/usr/bin/env"]).ok();
    let has = |line: &str| step.stdout.lines().any(|found| found == line);
    assert!(has("KEPT=k") && has("OVER=new") && has("A=1") && has(&format!("SOURCE_DATE_EPOCH={EPOCH}")));
    assert!(
        !step.stdout.contains("GONE=")
            && !step.stdout.contains("FACTORY_")
            && !step.stdout.contains("SSL_CERT")
    );
    sandbox.set("SOURCE_DATE_EPOCH", "7");
    assert!(sandbox.run(&config, &["/usr/bin/env"]).ok().stdout.contains("SOURCE_DATE_EPOCH=7\n"));
}

#[test]
fn certificates_are_announced_and_leave_no_trace() {
    let Some(mut sandbox) = sandbox() else { return };
    sandbox.prepare("mkdir -p etc/apt").with_ca();
    sandbox.set("PIP_CERT", "/own.pem");
    let config = format!(r#"{{"lower":"/.factory/lower","epoch":{EPOCH}}}"#);
    let step = sandbox.sh(&config, "env; cat \"$APT_CONFIG\"").ok();
    for name in [
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "NODE_EXTRA_CA_CERTS",
        "CARGO_HTTP_CAINFO",
        "AWS_CA_BUNDLE",
    ] {
        assert!(step.stdout.contains(&format!("{name}=/.factory/ca.crt\n")), "{name}: {}", step.stdout);
    }
    assert!(step.stdout.contains("PIP_CERT=/own.pem\n"));
    assert!(step.stdout.contains("APT_CONFIG=/dev/shm/factory-step/apt.conf\n"));
    assert!(step.stdout.contains("Acquire::https::CAInfo \"/.factory/ca.crt\";\n"));
    assert_eq!((step.changed(), step.deleted()), (vec![], vec![]));
}

const USERS: &str = "printf 'root:x:0:0::/root:/bin/sh\\napp:x:1000:1001::/home/app:/bin/sh\\n' > etc/passwd; \
    printf 'app:x:1001:\\naudio:x:29:app\\n' > etc/group";

fn with_users() -> Option<Sandbox> {
    let sandbox = sandbox()?;
    sandbox.prepare(USERS);
    Some(sandbox)
}

#[test]
fn the_command_runs_as_the_user_and_the_wrapper_stays_root() {
    let Some(mut sandbox) = with_users() else { return };
    sandbox.set("HOME", "/root");
    let script = "id -u; id -g; id -G; echo $HOME; touch /.factory/out/forged 2>/dev/null || echo no; kill -0 1 2>/dev/null || echo no";
    for (user, expected) in [
        ("app", "1000\n1001\n1001 29\n/home/app\nno\nno\n"),
        ("app:audio", "1000\n29\n29\n/home/app\nno\nno\n"),
        ("4000:4001", "4000\n4001\n4001\n/\nno\nno\n"),
    ] {
        let step = sandbox.sh(&format!(r#"{{"user":"{user}","changes":false}}"#), script).ok();
        assert_eq!(step.stdout, expected, "{user}");
    }
    sandbox.set("HOME", "/elsewhere");
    assert_eq!(sandbox.sh(r#"{"user":"app","changes":false}"#, "echo $HOME").ok().stdout, "/elsewhere\n");
    let step = sandbox.sh(r#"{"user":"ghost"}"#, "true");
    assert_eq!(step.code, 125);
    assert!(
        String::from_utf8_lossy(&step.log())
            .contains("user \"ghost\": no such name in the image's /etc/passwd")
    );
}

#[test]
fn the_working_directory_is_made_as_workdir_would() {
    let Some(sandbox) = with_users() else { return };
    let config = format!(r#"{{"cwd":"/srv/app/x","user":"app","lower":"/.factory/lower","epoch":{EPOCH}}}"#);
    let step = sandbox.sh(&config, "pwd; ./no 2>/dev/null || echo sane").ok();
    assert_eq!(step.stdout, "/srv/app/x\nsane\n");
    assert_eq!(step.changed(), ["/srv", "/srv/app", "/srv/app/x"]);
    let made = std::fs::metadata(sandbox.upper("srv/app/x")).unwrap();
    assert_eq!((made.uid(), made.mode() & 0o7777, made.mtime()), (0, 0o755, EPOCH));
    let step = sandbox.run(r#"{"cwd":"/etc/passwd"}"#, &["true"]);
    assert_eq!(step.code, 125);
    assert!(
        step.stderr.contains("cannot change to the working directory /etc/passwd: not a directory"),
        "{}",
        step.stderr
    );
}

#[test]
fn the_report_measures_the_whole_tree() {
    let Some(sandbox) = sandbox() else { return };
    let script =
        "python3 -c 'x = bytearray(80_000_000)'; sleep 0.1; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done";
    let report = sandbox.sh(QUICK, script).ok().report();
    let number = |name: &str| report[name].as_u64().unwrap();
    assert!((100..60_000).contains(&number("wall_ms")), "{report}");
    assert!(
        number("peak_rss_kib") > 78_000 && number("user_cpu_ms") + number("system_cpu_ms") > 0,
        "{report}"
    );
}

#[test]
fn evidence_cannot_be_put_there_beforehand() {
    let Some(sandbox) = sandbox() else { return };
    let step = sandbox
        .sh(QUICK, "cd /.factory/out; mkdir -p step.json/x; ln -s /etc/forged output.log; echo real")
        .ok();
    assert_eq!(step.log(), b"real\n");
    assert_eq!(step.report()["exit_code"], 0);
    assert!(!sandbox.upper("etc/forged").exists());
    let names: Vec<_> =
        std::fs::read_dir(step.evidence("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn an_image_without_anything_is_enough() {
    let Some(sandbox) = bare_sandbox() else { return };
    sandbox.prepare("rm -r *");
    let config = format!(
        r#"{{"lower":"/.factory/lower","epoch":{EPOCH},"cwd":"/w","user":"65534:65534","clean":["apt","pip","logs","tmp"]}}"#
    );
    // The wrapper is the only program there is: it runs itself, without a command.
    let step = sandbox.run(&config, &["/.factory/run"]);
    assert_eq!(step.code, 125, "{}", step.stderr);
    assert_eq!(step.report()["exit_code"], 125);
    let config = config.replace("\"epoch\"", "\"valid_exit_codes\":[125],\"epoch\"");
    let step = sandbox.run(&config, &["/.factory/run"]).ok();
    assert_eq!(step.changed(), ["/w"]);
    assert!(sandbox.run("{}", &["sh"]).stderr.contains("\"sh\": no such command in /usr/local/bin"));
}
