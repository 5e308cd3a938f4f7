//! Services of tests.

use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::servers::{SERVER, free_port, server};
use crate::{image, run, says, sh};

fn service(name: &str, port: u16) -> Value {
    json!({"name": name, "argv": ["/usr/bin/python3", "-c", SERVER, port.to_string()], "port": port,
        "ready": {"attempts": 20, "interval_ms": 500}})
}

/// A shell script that asks a server with the standard library of Python, and says what it has got.
fn fetch(port: u16) -> String {
    format!("python3 -c 'import urllib.request as r; print(r.urlopen(\"http://127.0.0.1:{port}/x\").status)'")
}

#[test]
fn a_test_finds_its_services_and_no_later_test_does() {
    let Some(mut sandbox) = image() else { return };
    let (first, second) = (free_port(), free_port());
    let script = format!("{}; {}", fetch(first), fetch(second));
    let both = json!({"services": [service("db", first), service("queue", second)], "user": "app"});
    let with = json!({"services": [service("db", first)]});
    let mut asked = server(second, json!([{"path": "/y"}]), with);
    asked["name"] = json!("asked");
    let tests = json!([
        sh("uses", &script, {
            let mut more = both;
            more["stdout"] = json!([{"equals": "200\n200"}]);
            more
        }),
        sh("after", &format!("{} 2>&1", fetch(first)), json!({"exit_codes": [1], "stdout": ["refused"]})),
        asked,
    ]);
    let (step, verdicts) = run(&mut sandbox, tests);
    for verdict in &verdicts {
        assert_eq!(verdict["verdict"], "pass", "{verdict:#}");
    }
    let said = |name: &str| fs::read_to_string(step.evidence(name)).unwrap();
    assert_eq!(said("0.service.db.stdout"), "listening\n");
    assert!(said("0.service.queue.stderr").contains("GET /x"), "{}", said("0.service.queue.stderr"));
    assert_eq!(said("0.stdout"), "200\n200\n");
    assert_eq!(said("2.server.stdout"), "listening\n");
    assert!(said("2.server.stderr").contains("GET /y") && !said("2.service.db.stderr").contains("GET /y"));
    assert!(!step.evidence("1.service.db.stdout").exists());
}

#[test]
fn a_service_that_does_not_get_ready_fails_the_test_with_what_it_said() {
    let Some(mut sandbox) = image() else { return };
    let shell = |script: &str, port: u16| json!([{"name": "db", "argv": ["/bin/sh", "-c", script], "port": port, "ready": {"attempts": 3, "interval_ms": 100}}]);
    let port = free_port();
    let test = |services: Value| sh("t", "echo never", json!({"services": services}));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().port();
    let tests = json!([
        test(shell("echo no license; exit 3", port)),
        test(shell("echo waiting >&2; sleep 300", port)),
        test(json!([{"name": "db", "argv": ["no-such-server"], "port": port}])),
        test(shell("true", taken)),
    ]);
    let (step, verdicts) = run(&mut sandbox, tests);
    says(&verdicts[0], "fail", "the service db ended with exit code 3");
    assert_eq!(verdicts[0]["stdout"]["tail"], "no license\n");
    let late = format!("the service db is not ready within 300 ms: GET / on port {port}: connection refused");
    says(&verdicts[1], "fail", &late);
    assert_eq!(verdicts[1]["stderr"]["tail"], "waiting\n");
    assert!(step.stdout.contains("      | no license"), "{}", step.stdout);
    says(&verdicts[2], "fail", "\"no-such-server\": no such command");
    says(&verdicts[3], "error", &format!("port {taken} is taken before the service db starts"));
    assert_eq!(fs::read_to_string(step.evidence("0.stdout")).unwrap(), "", "nothing was run");
}

#[test]
fn what_a_service_says_never_stops_it_and_what_a_program_leaves_goes_alone() {
    let Some(mut sandbox) = image() else { return };
    let port = free_port();
    let mut loud = service("loud", port);
    let flood = format!("import sys; sys.stdout.write('x' * 3000000 + '\\n'); sys.stdout.flush()\n{SERVER}");
    loud["argv"][2] = json!(flood);
    // The daemon of the program is gone before the next command of the same test, the service is not.
    let daemon = "setsid sleep 300 & exit 0";
    let packages =
        json!({"name": "p", "packages": {"pip_check": true, "dpkg_audit": true}, "services": [loud]});
    sandbox.prepare("mkdir -p tools; printf '#!/bin/sh\\nexec 3<>/dev/null; exit 0\\n' > tools/dpkg; cp tools/dpkg tools/pip; chmod 755 tools/*");
    let tests = json!([sh("d", daemon, json!({"services": [loud]})), packages]);
    sandbox.set("PATH", "/tools:/usr/sbin:/usr/bin:/sbin:/bin");
    let (step, verdicts) = run(&mut sandbox, tests);
    assert_eq!(verdicts[0]["verdict"], "pass", "{:#}", verdicts[0]);
    let reason = verdicts[1]["reason"].as_str().unwrap_or_default();
    assert!(!reason.contains("service"), "{reason}");
    let said = fs::read(step.evidence("0.service.loud.stdout")).unwrap();
    assert!(said.ends_with(b"listening\n") && said.len() < (2 << 20) + 100, "{}", said.len());
}

#[test]
fn a_service_that_ends_under_way_is_noticed() {
    let Some(mut sandbox) = image() else { return };
    let port = free_port();
    let quit = format!(
        "python3 -c 'import urllib.request as r\ntry: r.urlopen(\"http://127.0.0.1:{port}/quit\")\nexcept Exception: pass'; sleep 0.3"
    );
    let (_, verdicts) =
        run(&mut sandbox, json!([sh("t", &quit, json!({"services": [service("db", port)]}))]));
    says(&verdicts[0], "fail", "the service db ended before the test did");
}
