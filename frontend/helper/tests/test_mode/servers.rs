//! Tests of servers.

use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::{image, run, says};

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server that says who it is and answers in several ways.
pub(crate) const SERVER: &str = r#"
import http.server, json, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/quit": os._exit(7)
        if self.path == "/chunks":
            self.send_response(200); self.send_header("Transfer-Encoding", "chunked"); self.end_headers()
            self.wfile.write(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"); return
        if self.path == "/slow":
            import time; time.sleep(60)
        self.reply(404 if self.path == "/none" else 200, {"path": self.path, "uid": os.getuid(), "leader": os.getsid(0) == os.getpid()})
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.reply(201, {"got": json.loads(body), "type": self.headers["Content-Type"]})
    def reply(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status); self.send_header("Content-Length", str(len(body))); self.send_header("X-Kind", "json"); self.end_headers()
        self.wfile.write(body)
print("listening", flush=True)
if len(sys.argv) > 2: signal.signal(signal.SIGTERM, signal.SIG_IGN)
http.server.HTTPServer.allow_reuse_address = True
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#;

/// A test of [`SERVER`].
pub(crate) fn server(port: u16, exchanges: Value, more: Value) -> Value {
    let mut test = json!({"name": "server", "http": {"argv": ["/usr/bin/python3", "-c", SERVER, port.to_string()],
        "port": port, "ready": {"path": "/", "attempts": 20, "interval_ms": 500}, "exchanges": exchanges}});
    for (key, value) in more.as_object().unwrap() {
        test[key] = value.clone();
    }
    test
}

#[test]
fn a_server_is_started_asked_and_stopped() {
    let Some(mut sandbox) = image() else { return };
    let exchanges = json!([
        {"path": "/a?b", "expect_body": [{"json": {"/path": "/a?b", "/uid": 1000, "/leader": true}}],
            "expect_headers": {"x-kind": {"equals": "json"}}},
        {"method": "POST", "path": "/p", "headers": {"Content-Type": "application/json"}, "body": "[1]", "status": [201],
            "expect_body": [{"json": {"/got": [1], "/type": "application/json"}}]},
        {"path": "/chunks", "expect_body": [{"equals": "abcde"}]},
        {"path": "/none", "status": [404]},
    ]);
    let test = server(free_port(), exchanges, json!({"user": "app"}));
    let (step, verdicts) = run(&mut sandbox, json!([test]));
    let verdict = &verdicts[0];
    assert_eq!(verdict["verdict"], "pass", "{verdict:#}");
    assert_eq!(verdict["exchanges"][2]["body"], "abcde");
    assert_eq!(
        (&verdict["exchanges"][1]["request"], &verdict["exchanges"][1]["status"]),
        (&json!("POST /p"), &json!(201))
    );
    assert_eq!(fs::read_to_string(step.evidence("0.server.stdout")).unwrap(), "listening\n");
    assert!(fs::read_to_string(step.evidence("0.server.stderr")).unwrap().contains("GET /chunks"));
    assert_eq!(fs::read(step.evidence("0.stdout")).unwrap(), b"");
}

#[test]
fn replies_that_are_not_as_expected_fail_the_test() {
    let Some(mut sandbox) = image() else { return };
    let exchanges = json!([
        {"path": "/none"},
        {"path": "/", "expect_headers": {"x-other": []}, "expect_body": [{"json": {"/path": "/b"}}]},
        {"path": "/slow"},
    ]);
    let test = server(free_port(), exchanges, json!({"timeout_ms": 3000}));
    let (step, verdicts) = run(&mut sandbox, json!([test]));
    says(&verdicts[0], "fail", "GET /none: expected status 200, got 404 with the body \"{\\\"path\\\"");
    says(&verdicts[0], "fail", "GET /: header x-other is not there");
    says(&verdicts[0], "fail", "expected that GET /: body /path is \"/b\", got \"/\"");
    assert_eq!(verdicts[0]["timed_out"], true);
    assert!(step.stdout.contains("      | listening"), "{}", step.stdout);
}

#[test]
fn a_server_that_ends_early_fails_the_test() {
    let Some(mut sandbox) = image() else { return };
    let port = free_port();
    let early = json!({"name": "early", "http": {"argv": ["/bin/sh", "-c", "echo cannot bind >&2; exit 3"], "port": port}});
    let (step, verdicts) =
        run(&mut sandbox, json!([early, server(port, json!([{"path": "/quit"}, {}]), json!({}))]));
    says(&verdicts[0], "fail", "the server ended with exit code 3");
    assert_eq!(
        (&verdicts[0]["exit_code"], &verdicts[0]["stderr"]["tail"]),
        (&json!(3), &json!("cannot bind\n"))
    );
    says(&verdicts[1], "fail", "the server ended with exit code 7");
    assert!(step.stdout.contains("      | cannot bind"), "{}", step.stdout);
}

#[test]
fn a_server_that_is_never_ready_fails_the_test() {
    let Some(mut sandbox) = image() else { return };
    let port = free_port();
    let deaf = json!({"name": "deaf", "http": {"argv": ["sleep", "300"], "port": port, "ready": {"attempts": 3, "interval_ms": 100}}});
    let mut ill = server(port, json!([]), json!({}));
    ill["http"]["ready"] = json!({"path": "/none", "status": [200], "attempts": 10, "interval_ms": 300});
    let (_, verdicts) = run(&mut sandbox, json!([deaf, ill]));
    says(&verdicts[0], "fail", &format!("not ready within 300 ms: GET / on port {port}: connection refused"));
    says(&verdicts[1], "fail", &format!("not ready within 3 s: GET /none on port {port}: status 404"));
}

#[test]
fn a_taken_port_is_an_error() {
    let Some(mut sandbox) = image() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (_, verdicts) = run(&mut sandbox, json!([server(port, json!([{}]), json!({}))]));
    says(&verdicts[0], "error", &format!("port {port} is taken before the server starts"));
}

#[test]
fn a_server_that_does_not_stop_is_killed() {
    let Some(mut sandbox) = image() else { return };
    let port = free_port();
    let mut stubborn = server(port, json!([{}]), json!({}));
    stubborn["http"]["argv"].as_array_mut().unwrap().push(json!("stubborn"));
    let (_, verdicts) = run(&mut sandbox, json!([stubborn, server(port, json!([{}]), json!({}))]));
    let wall = |at: usize| verdicts[at]["wall_ms"].as_u64().unwrap();
    assert!(verdicts[0]["verdict"] == "pass" && wall(0) >= 2000, "{:#}", verdicts[0]);
    assert!(
        verdicts[1]["verdict"] == "pass" && wall(1) < wall(0),
        "one that stops is not waited for: {:#}",
        verdicts[1]
    );
}
