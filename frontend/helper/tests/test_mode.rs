//! Tests of a finished root: what passes, what fails and why, and that nothing a tested program does gets in the way.
#![allow(clippy::unwrap_used, reason = "a test ends with the first surprise")]
#![expect(clippy::needless_pass_by_value, reason = "a literal of JSON reads best where it is used")]

#[path = "test_mode/looks.rs"]
mod looks;
mod sandbox;
#[path = "test_mode/servers.rs"]
mod servers;
#[path = "test_mode/services.rs"]
mod services;

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sandbox::{Sandbox, Step, bare_sandbox, sandbox};
use serde_json::{Value, json};

const IMAGE: &str = "chmod 1777 tmp; printf 'root:x:0:0::/root:/bin/sh\\napp:x:1000:1001::/home/app:/bin/sh\\n' > etc/passwd; \
    printf 'app:x:1001:\\naudio:x:29:app\\n' > etc/group";

fn image() -> Option<Sandbox> {
    let sandbox = sandbox()?;
    sandbox.prepare(IMAGE);
    Some(sandbox)
}

/// Runs tests, which must not take long, and returns the verdicts.
fn run(sandbox: &mut Sandbox, tests: Value) -> (Step, Vec<Value>) {
    run_as(sandbox, json!({"version": 1, "tests": tests}))
}

fn run_as(sandbox: &mut Sandbox, config: Value) -> (Step, Vec<Value>) {
    let begun = Instant::now();
    let step = sandbox.mode("test", "FACTORY_TESTS", &config.to_string()).ok();
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let verdicts = verdicts(&step);
    (step, verdicts)
}

fn verdicts(step: &Step) -> Vec<Value> {
    let text = fs::read(step.evidence("verdicts.json")).unwrap();
    let report: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(report["version"], 1);
    is_now(report["tested_at"].as_str().unwrap());
    report["tests"].as_array().unwrap().clone()
}

/// Whether a time that was written down is the present, in the one form that all records have.
fn is_now(time: &str) {
    let form: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "0000-00-00T00:00:00Z", "{time}");
    let seconds = |date: &[&str]| {
        let said = Command::new("date").args(date).output().unwrap();
        String::from_utf8(said.stdout).unwrap().trim().parse::<i64>().unwrap()
    };
    let age = seconds(&["+%s"]) - seconds(&["-u", "-d", time, "+%s"]);
    assert!((-1..30).contains(&age), "{time} is {age} s ago");
}

/// A test that runs a shell script.
fn sh(name: &str, script: &str, more: Value) -> Value {
    let mut test = json!({"name": name, "run": {"argv": ["/bin/sh", "-c", script]}});
    for (key, value) in more.as_object().unwrap() {
        match test["run"].as_object().unwrap().contains_key(key)
            || matches!(&**key, "stdout" | "stderr" | "exit_codes")
        {
            true => test["run"][key] = value.clone(),
            false => test[key] = value.clone(),
        }
    }
    test
}

fn says(verdict: &Value, kind: &str, phrase: &str) {
    let reason = verdict["reason"].as_str().unwrap_or_default();
    assert!(
        verdict["verdict"] == kind && reason.contains(phrase),
        "expected {kind}, {phrase:?}: {verdict:#}"
    );
}

#[test]
fn expectations_decide_and_output_is_kept() {
    let Some(mut sandbox) = image() else { return };
    let (step, verdicts) = run(
        &mut sandbox,
        json!([
            sh(
                "core/ok",
                "echo out; echo err >&2; exit 3",
                json!({
                "exit_codes": [0, 3], "stdout": [{"equals": "out"}], "stderr": [{"matches": "^e.r"}]})
            ),
            sh("core/code", "echo first; echo last >&2; exit 3", json!({})),
            sh("core/text", "echo '{\"a\": 1}'", json!({"stdout": [{"json": {"/a": 2}}, {"contains": "a"}]})),
        ]),
    );
    assert_eq!(verdicts[0]["verdict"], "pass", "{}", verdicts[0]);
    assert_eq!((&verdicts[0]["reason"], &verdicts[0]["exit_code"]), (&Value::Null, &json!(3)));
    assert_eq!(verdicts[0]["stdout"], json!({"bytes": 4, "dropped": 0, "tail": "out\n"}));
    assert_eq!(
        verdicts[0]["assertions"],
        json!([{"what": "exit code is 0 or 3", "pass": true}, {"what": "stdout equals \"out\"", "pass": true},
            {"what": "stderr matches \"^e.r\"", "pass": true}])
    );
    says(&verdicts[1], "fail", "expected exit code 0, got 3");
    says(&verdicts[2], "fail", "expected that stdout /a is 2, got 1");
    assert_eq!(verdicts[2]["assertions"][2], json!({"what": "stdout contains \"a\"", "pass": true}));
    assert_eq!(fs::read_to_string(step.evidence("1.stdout")).unwrap(), "first\n");
    assert_eq!(fs::read_to_string(step.evidence("1.stderr")).unwrap(), "last\n");
    let lines: Vec<_> = step.stdout.lines().collect();
    assert!(lines[0].starts_with("pass  core/ok  (") && lines[0].ends_with(" ms)"), "{lines:?}");
    assert_eq!(lines[1], "fail  core/code: expected exit code 0, got 3");
    assert_eq!(lines[2..4], ["      | first", "      | last"]);
    assert_eq!(step.stderr, "");
}

#[test]
fn what_hangs_is_killed() {
    let Some(mut sandbox) = image() else { return };
    let script = "echo begun; trap '' TERM INT HUP; sleep 300 & while :; do sleep 300; done";
    let tests = json!([sh("hang", script, json!({"timeout_ms": 300})), sh("next", "true", json!({}))]);
    let (_, verdicts) = run(&mut sandbox, tests);
    says(&verdicts[0], "fail", "not done within 300 ms");
    assert_eq!(
        (&verdicts[0]["timed_out"], &verdicts[0]["stdout"]["tail"]),
        (&json!(true), &json!("begun\n"))
    );
    assert!(verdicts[0]["wall_ms"].as_u64().unwrap() >= 300, "{}", verdicts[0]);
    assert_eq!(verdicts[1]["verdict"], "pass");
}

#[test]
fn a_daemon_does_not_survive_its_test() {
    let Some(mut sandbox) = image() else { return };
    let daemon = "setsid sh -c 'trap \"\" TERM HUP; echo $$ > /tmp/pid; (setsid sleep 300 &) ; exec sleep 300' & \
        while [ ! -s /tmp/pid ]; do sleep 0.01; done";
    let left = "kill -0 $(cat /tmp/pid) 2>/dev/null && echo alive; \
        for dir in /proc/[0-9]*; do [ -e $dir/exe ] && readlink $dir/exe; done | grep -c sleep";
    let tests = json!([
        sh("daemon", daemon, json!({})),
        sh("left", left, json!({"exit_codes": [1], "stdout": [{"equals": "0"}]})),
    ]);
    let (_, verdicts) = run(&mut sandbox, tests);
    assert_eq!(verdicts[0]["verdict"], "pass", "{}", verdicts[0]);
    assert_eq!(verdicts[1]["verdict"], "pass", "{}", verdicts[1]);
}

#[test]
fn a_flood_takes_neither_memory_nor_evidence() {
    let Some(mut sandbox) = image() else { return };
    let test = sh(
        "flood",
        "yes | head -c 100000000; echo; echo end",
        json!({"stdout": "end", "stderr": {"equals": ""}}),
    );
    let (step, verdicts) = run_as(&mut sandbox, json!({"version": 1, "keep": 1000, "tests": [test]}));
    assert_eq!(verdicts[0]["verdict"], "pass", "{}", verdicts[0]);
    assert_eq!(verdicts[0]["stdout"]["bytes"], 100_000_005);
    assert_eq!(verdicts[0]["stdout"]["dropped"], 100_000_005 - 2000);
    let kept = fs::read(step.evidence("0.stdout")).unwrap();
    assert!(kept.ends_with(b"end\n") && kept.len() < 2100, "{}", kept.len());
    assert_eq!(verdicts[0]["stdout"]["tail"].as_str().unwrap().lines().count(), 40);
}

#[test]
fn a_signal_is_named() {
    let Some(mut sandbox) = image() else { return };
    let tests = json!([
        sh("segv", "kill -SEGV $$", json!({"exit_codes": [0, 139]})),
        sh("term", "kill -TERM $$", json!({"exit_codes": [143]})),
    ]);
    let (_, verdicts) = run(&mut sandbox, tests);
    says(&verdicts[0], "fail", "expected exit code 0 or 139, but it was ended by SIGSEGV (signal 11)");
    assert_eq!((&verdicts[0]["exit_code"], &verdicts[0]["signal"]), (&Value::Null, &json!(11)));
    assert_eq!(verdicts[1]["signal"], 15);
}

#[test]
fn programs_that_are_not_there_fail_the_test() {
    let Some(mut sandbox) = image() else { return };
    sandbox.prepare("printf '#!/no/shell\\n' > tmp/script; chmod 755 tmp/script; touch tmp/plain");
    let program = |argv: Value| json!({"name": "t", "run": {"argv": argv}});
    let tests = json!([
        program(json!(["/bin/no-sh", "-c", "true"])),
        program(json!(["no-such-command"])),
        program(json!(["/tmp/script"])),
        program(json!(["/tmp/plain"])),
    ]);
    let (_, verdicts) = run(&mut sandbox, tests);
    says(&verdicts[0], "fail", "\"/bin/no-sh\": no such file or directory");
    says(&verdicts[1], "fail", "\"no-such-command\": no such command in /usr/local/bin");
    says(&verdicts[2], "fail", "the interpreter of /tmp/script, \"/no/shell\", does not exist");
    says(&verdicts[3], "fail", "\"/tmp/plain\": permission denied");
}

#[test]
fn an_image_without_anything_can_be_tested() {
    let Some(mut sandbox) = bare_sandbox() else { return };
    sandbox.prepare("rm -r *; mkdir data");
    let tests = json!([
        sh("shell", "true", json!({})),
        {"name": "self", "user": "65534:65534", "run": {"argv": ["/.factory/run"], "exit_codes": [125], "stderr": ["FACTORY_STEP"]}},
        {"name": "files", "files": [{"path": "/data", "type": "dir", "empty": true}, {"path": "/etc", "exists": false}]},
    ]);
    let (_, verdicts) = run(&mut sandbox, tests);
    says(&verdicts[0], "fail", "\"/bin/sh\": no such file or directory");
    assert_eq!(
        (&verdicts[1]["verdict"], &verdicts[2]["verdict"]),
        (&json!("pass"), &json!("pass")),
        "{verdicts:#?}"
    );
}

#[test]
fn output_need_not_be_text() {
    let Some(mut sandbox) = image() else { return };
    let test = sh("bytes", "printf 'a\\377b\\000\\n'; exit 1", json!({"stdout": [{"matches": "^a.b"}]}));
    let (step, verdicts) = run(&mut sandbox, json!([test]));
    assert_eq!(verdicts[0]["stdout"]["tail"], "a\\xffb\0\n");
    assert_eq!(verdicts[0]["assertions"][1]["pass"], true);
    assert_eq!(fs::read(step.evidence("0.stdout")).unwrap(), b"a\xffb\0\n");
    assert!(step.stdout.contains("      | a\\xffb"), "{}", step.stdout);
}

#[test]
fn too_much_memory_ends_a_test() {
    let Some(mut sandbox) = image() else { return };
    let hungry = "import time; x = bytearray(400_000_000); time.sleep(60)";
    let python = |name: &str, limit: u64, program: &str| json!({"name": name, "memory": limit, "run": {"argv": ["/usr/bin/python3", "-c", program]}});
    let mebibyte = 1 << 20;
    let escaped = format!("setsid /usr/bin/python3 -c '{hungry}' & sleep 60");
    let tests = json!([
        python("hungry", 100 * mebibyte, hungry),
        sh("escaped", &escaped, json!({"memory": 100 * mebibyte})),
        python("modest", 100 * mebibyte, "x = bytearray(10_000_000); import time; time.sleep(0.1)"),
    ]);
    let (_, verdicts) = run(&mut sandbox, tests);
    for verdict in &verdicts[..2] {
        says(verdict, "fail", "more than the limit of 102400 KiB");
        assert_eq!((&verdict["oom"], &verdict["timed_out"]), (&json!(true), &json!(false)));
    }
    assert!(verdicts[0]["peak_rss_kib"].as_u64().unwrap() > 100_000, "{}", verdicts[0]);
    assert_eq!(
        (&verdicts[2]["verdict"], &verdicts[2]["oom"]),
        (&json!("pass"), &json!(false)),
        "{}",
        verdicts[2]
    );
    // What one test has used is not counted for the next.
    assert!(verdicts[2]["peak_rss_kib"].as_u64().unwrap() < 100_000, "{}", verdicts[2]);
}

#[test]
fn a_kill_by_the_kernel_is_recognised() {
    let Some(mut sandbox) = image() else { return };
    for (place, name) in [("sys/fs/cgroup", "memory.events"), ("sys/fs/cgroup/memory", "memory.oom_control")]
    {
        sandbox.prepare(&format!(
            "rm -rf sys; mkdir -p {place}; printf 'low 0\\noom_kill 2\\n' > {place}/{name}"
        ));
        let kill = format!("printf 'low 0\\noom_kill 3\\n' > /{place}/{name}; kill -KILL $$");
        let tests = json!([sh("killed", &kill, json!({})), sh("other", "kill -KILL $$", json!({}))]);
        let (_, verdicts) = run(&mut sandbox, tests);
        says(
            &verdicts[0],
            "fail",
            "out of memory: expected exit code 0, but it was ended by SIGKILL (signal 9)",
        );
        assert_eq!((&verdicts[0]["oom"], &verdicts[1]["oom"]), (&json!(true), &json!(false)));
        sandbox.set("KEEP", "");
        fs::remove_dir_all(sandbox.upper("sys")).ok();
    }
}

#[test]
fn what_cannot_be_run_is_an_error_and_the_rest_goes_on() {
    let Some(mut sandbox) = image() else { return };
    let tests = json!([
        sh("user", "true", json!({"user": "ghost"})),
        sh("folder", "true", json!({"cwd": "/no/such"})),
        sh("next", "id -u", json!({"user": "app", "stdout": [{"equals": "1000"}]})),
    ]);
    let (step, verdicts) = run(&mut sandbox, tests);
    says(&verdicts[0], "error", "user \"ghost\": no such name in the image's /etc/passwd");
    says(&verdicts[1], "error", "cannot change to the working directory /no/such: no such file");
    assert_eq!(verdicts[2]["verdict"], "pass", "{}", verdicts[2]);
    assert!(step.stdout.starts_with("error user: user \"ghost\""), "{}", step.stdout);
}

#[test]
fn a_test_has_the_surroundings_that_it_asks_for() {
    let Some(mut sandbox) = image() else { return };
    sandbox.set("HOME", "/root").set("KEPT", "k").set("OVER", "old");
    let all = "id -u; id -G; pwd; echo $HOME $KEPT $OVER; env | grep -c FACTORY_TESTS; cat; readlink /proc/self/fd/0";
    let test = sh(
        "t",
        all,
        json!({"env": {"OVER": "new"}, "stdout": [{"equals": "1000\n1001 29\n/etc\n/home/app k new\n0\n/dev/null"}]}),
    );
    let root = sh(
        "r",
        "id -u; pwd; echo $HOME",
        json!({"user": "0", "cwd": "/tmp", "stdout": [{"equals": "0\n/tmp\n/root"}]}),
    );
    let config = json!({"version": 1, "user": "app", "cwd": "/etc", "tests": [test, root]});
    let (_, verdicts) = run_as(&mut sandbox, config);
    for verdict in &verdicts {
        assert_eq!(verdict["verdict"], "pass", "{verdict:#}");
    }
}

#[test]
fn certificates_of_the_site_are_announced() {
    let Some(mut sandbox) = image() else { return };
    let say = sh(
        "t",
        "echo $SSL_CERT_FILE $PIP_CERT",
        json!({"env": {"PIP_CERT": "/own"}, "stdout": [{"equals": "/.factory/ca.crt /own"}]}),
    );
    sandbox.with_ca();
    let (_, verdicts) = run(&mut sandbox, json!([say]));
    assert_eq!(verdicts[0]["verdict"], "pass", "{:#}", verdicts[0]);
}

#[test]
fn tests_cannot_forge_verdicts() {
    let Some(mut sandbox) = image() else { return };
    let forge = "touch /.factory/out/x 2>/dev/null && echo forged; mkdir /.factory/out/verdicts.json 2>/dev/null && echo forged; exit 1";
    let as_root = "cd /.factory/out; mkdir -p verdicts.json/x; ln -s /etc/passwd 1.stdout; echo real; exit 1";
    let tests = json!([sh("user", forge, json!({"user": "app"})), sh("root", as_root, json!({}))]);
    let (step, verdicts) = run(&mut sandbox, tests);
    says(&verdicts[0], "fail", "got 1");
    assert_eq!(verdicts[0]["stdout"]["tail"], "");
    says(&verdicts[1], "fail", "got 1");
    assert_eq!(fs::read_to_string(step.evidence("1.stdout")).unwrap(), "real\n");
    assert!(!sandbox.upper("etc/passwd").exists());
}

#[test]
fn no_tests_are_no_fault() {
    let Some(mut sandbox) = image() else { return };
    let (step, verdicts) = run(&mut sandbox, json!([]));
    assert_eq!((verdicts.len(), step.stdout.as_str()), (0, ""));
}

#[test]
fn tests_may_be_in_a_file() {
    let Some(mut sandbox) = image() else { return };
    let tests = json!({"version": 1, "tests": [sh("t", "true", json!({}))]});
    sandbox.prepare(&format!("mkdir -p .factory; cat > .factory/tests.json <<'END'\n{tests}\nEND"));
    let (_, verdicts) = run_as(&mut sandbox, json!({"file": true}));
    assert_eq!(verdicts[0]["verdict"], "pass");
}

#[test]
fn tests_that_make_no_sense_are_faults_and_leave_no_verdict() {
    let Some(mut sandbox) = image() else { return };
    for (config, phrase) in [
        (
            json!({"version": 1, "tests": [{"name": "t"}]}),
            "FACTORY_TESTS: test \"t\": expected exactly one of run",
        ),
        (
            json!({"version": 1, "tests": [{"name": "t", "run": {"argv": ["a"], "stdout": {"matches": "("}}}]}),
            "not closed",
        ),
        (json!({"file": true}), "cannot read /.factory/tests.json: no such file"),
    ] {
        let step = sandbox.mode("test", "FACTORY_TESTS", &config.to_string());
        assert!(step.code == 125 && step.stderr.contains(phrase), "{config}: {} {}", step.code, step.stderr);
        assert!(!step.evidence("verdicts.json").exists());
    }
}

#[test]
fn a_signal_ends_everything_without_verdicts() {
    let Some(mut sandbox) = image() else { return };
    let tests = json!({"version": 1, "tests": [sh("t", "trap '' TERM; echo > /.factory/out/begun; sleep 300", json!({}))]});
    sandbox.set("FACTORY_MODE", "test");
    let tests = tests.to_string();
    sandbox.set("FACTORY_TESTS", &tests);
    let mut command = sandbox.command("", &[]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = sandbox.upper("").join("../evidence/begun");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !begun.exists() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(20));
    }
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    assert!(Command::new("kill").args(["-TERM", children.trim()]).status().unwrap().success());
    let step = sandbox.step(&child.wait_with_output().unwrap());
    assert_eq!((step.code, step.stderr.as_str()), (143, "factory: ended by SIGTERM\n"));
    assert!(!step.evidence("verdicts.json").exists());
}
