//! Tests that misbehave: each gets its verdict and the right reason, what it said is kept, nothing of it is left, and none takes
//! longer than it may. One product has them all; it is built once, and every test here looks at one of its tests.

use std::sync::OnceLock;
use std::time::Duration;

use factory_tests::{BuildOptions, Container, Project, unique};
use serde_json::{Value, json};

use crate::products::{DEBIAN, with};
use crate::reported::Report;

/// Everything together: the helper's own limits are seconds.
const PATIENCE: Duration = Duration::from_secs(600);

/// Listens on a port, answers each request with its path, and says so.
const SERVER: &str = r#"#!/usr/bin/perl
use IO::Socket::INET;
$| = 1;
my $server = IO::Socket::INET->new(LocalPort => $ARGV[0], Listen => 5, ReuseAddr => 1) or die "no port $ARGV[0]: $!\n";
print "listening on $ARGV[0]\n";
while (my $client = $server->accept) {
  my ($method, $path) = split / /, <$client>;
  while (<$client>) { last if /^\r?$/ }
  print "asked for $path\n";
  print $client "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " . length($path) . "\r\n\r\n$path";
  close $client;
}
"#;

/// Not by waiting: the processes of these tests end by themselves in a minute or a day.
const AT_ONCE: Duration = Duration::from_secs(40);

/// Takes memory and keeps it.
const GLUTTON: &str = r#"perl -e '$x = "x" x 400_000_000; sleep 60'"#;

/// A number of seconds that no other process sleeps.
fn marker() -> &'static str {
    static MARKER: OnceLock<String> = OnceLock::new();
    MARKER.get_or_init(|| format!("86400.{}", std::process::id()))
}

fn run(name: &str, command: &str) -> Value {
    json!({"name": name, "run": command, "timeout": "50s"})
}

#[expect(clippy::needless_pass_by_value, reason = "commands are written in place")]
fn server(name: &str, command: Value, members: Value) -> Value {
    let http = with(json!({"command": command, "port": 8080}), members);
    json!({"name": name, "timeout": "50s", "http": http})
}

fn tests() -> Value {
    let sleeps = format!("sleep {}", marker());
    let quick = json!({"ready": {"attempts": 5, "interval": "100ms"}});
    let asked = |path: &str| json!({"request": {"path": path}, "expect": {"body": {"equals": path}}});
    let alone = |test| with(test, json!({"isolated": true}));
    json!([
        with(run("hangs", &format!("echo before it hangs; {sleeps}")), json!({"timeout": "1s"})),
        with(
            run("hangs-deaf", &format!("trap '' TERM INT HUP; {sleeps} & {sleeps}; {sleeps}")),
            json!({"timeout": "1s"})
        ),
        run("forks", &format!("setsid {sleeps} & setsid sh -c '{sleeps} & {sleeps}' & echo forked")),
        run("nothing-is-left", "! grep -sx sleep /proc/[0-9]*/comm"),
        run(
            "floods",
            "echo the first line; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo the last line; exit 4"
        ),
        run("by-signal", "echo before the signal; kill -SEGV $$"),
        run("not-text", "printf 'caf\\351 \\377\\376\\n'; exit 5"),
        with(run("out-of-memory", &format!("echo hungry; {GLUTTON}")), json!({"memory": "64m"})),
        with(run("child-out-of-memory", &format!("setsid {GLUTTON} & {sleeps}")), json!({"memory": "64m"})),
        server("never-ready", json!(["sleep", marker()]), quick.clone()),
        server("server-ends", json!("echo I give up >&2; exit 7"), quick),
        with(
            server(
                "server-is-mute",
                json!([
                    "perl",
                    "-MIO::Socket::INET",
                    "-e",
                    "my $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 5); sleep 60"
                ]),
                json!({})
            ),
            json!({"timeout": "1s"})
        ),
        alone(server("one-server", json!(["serve", "8080"]), asked("/one"))),
        alone(server("another-server", json!(["serve", "8080"]), asked("/another"))),
        run("goes-on", "echo still here")
    ])
}

/// The product with all of them, and its report.
fn matrix() -> &'static Report {
    static MATRIX: OnceLock<Report> = OnceLock::new();
    MATRIX.get_or_init(|| {
        let steps = json!([
            {"file": {"path": "/usr/local/bin/serve", "content": SERVER, "chmod": "0755"}},
            {"file": {"path": "/srv/content", "content": unique()}}
        ]);
        Report::of(
            &Project::new(DEBIAN, &[("only", json!({"steps": steps, "tests": tests()}))]),
            &BuildOptions::default(),
        )
    })
}

/// What the record says of one of them.
#[track_caller]
fn assert_verdict(name: &str, verdict: &str, reason: &str) {
    let test = matrix().tree.test(&format!("only/{name}"));
    assert_eq!(test["verdict"], verdict, "{test:#}");
    let said = test["reason"].as_str().unwrap_or_default();
    assert!(said.contains(reason), "the reason of {name} is not `{reason}`: {test:#}");
}

/// What a test said is in the log and in a file of its own.
#[track_caller]
fn assert_kept(name: &str, stream: &str, text: &str) {
    let tree = &matrix().tree;
    assert!(tree.evidence().contains(text), "{text:?} is not in the evidence");
    let file = String::from_utf8_lossy(tree.output(&format!("{name}.{stream}")));
    assert!(file.contains(text), "{text:?} is not in the {stream} of {name}: {file:.300}");
}

#[track_caller]
fn wall(name: &str) -> Duration {
    Duration::from_millis(matrix().tree.test(&format!("only/{name}"))["wall_ms"].as_u64().unwrap())
}

#[test]
fn one_that_hangs_is_ended_in_time() {
    for name in ["hangs", "hangs-deaf"] {
        assert_verdict(name, "fail", "not done within 1 s");
        assert!((Duration::from_secs(1)..AT_ONCE).contains(&wall(name)), "{name}: {:?}", wall(name));
    }
    assert_kept("hangs", "stdout", "before it hangs\n");
}

#[test]
fn one_that_forks_leaves_nothing() {
    assert_verdict("forks", "pass", "");
    assert_verdict("nothing-is-left", "pass", "");
    assert!(wall("forks") < AT_ONCE, "{:?}", wall("forks"));
    assert_kept("forks", "stdout", "forked\n");
    assert_eq!(with_marker(), Vec::<String>::new(), "processes of tests that are still there");
}

/// Processes on this machine that sleep as ours do. Those of an engine elsewhere are not seen.
fn with_marker() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let commands = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    let commands = commands.map(|command| String::from_utf8_lossy(&command).replace('\0', " "));
    commands.filter(|command| command.starts_with("sleep") && command.contains(marker())).collect()
}

#[test]
fn of_a_flood_both_ends_are_kept() {
    assert_verdict("floods", "fail", "expected exit code 0, got 4");
    assert_kept("floods", "stdout", "the first line\n");
    assert_kept("floods", "stdout", "\nthe last line\n");
    let tree = &matrix().tree;
    let (kept, log) = (tree.output("floods.stdout").len(), tree.evidence().len());
    assert!((1_000_000..4_000_000).contains(&kept), "{kept} bytes of the flood are kept");
    assert!(log < 8_500_000, "the evidence has {log} bytes");
}

#[test]
fn a_signal_is_named() {
    assert_verdict("by-signal", "fail", "SIGSEGV (signal 11)");
    assert_kept("by-signal", "stdout", "before the signal\n");
}

#[test]
fn output_that_is_no_text_is_kept_as_it_is() {
    assert_verdict("not-text", "fail", "got 5");
    assert_eq!(matrix().tree.output("not-text.stdout"), b"caf\xe9 \xff\xfe\n");
    assert!(matrix().tree.evidence().contains("caf"), "the log leaves it out");
}

#[test]
fn one_that_takes_too_much_memory_is_ended() {
    for name in ["out-of-memory", "child-out-of-memory"] {
        let test = matrix().tree.test(&format!("only/{name}"));
        let reason = test["reason"].as_str().unwrap_or_default();
        assert_eq!(test["verdict"], "fail", "{test:#}");
        assert!(reason.contains("out of memory") || reason.contains("more than the limit"), "{test:#}");
        assert!(wall(name) < AT_ONCE, "{test:#}");
    }
    assert_kept("out-of-memory", "stdout", "hungry\n");
}

#[test]
fn a_server_that_never_gets_ready_is_not_awaited_for_ever() {
    assert_verdict("never-ready", "fail", "not ready within 500 ms");
    assert_verdict("server-is-mute", "fail", "not done within 1 s");
    for name in ["never-ready", "server-is-mute"] {
        assert!(wall(name) < AT_ONCE, "{name}: {:?}", wall(name));
    }
}

#[test]
fn a_server_that_ends_is_not_awaited() {
    assert_verdict("server-ends", "fail", "the server ended with exit code 7");
    let tree = &matrix().tree;
    assert!(tree.evidence().contains("I give up\n"), "what the server said is not in the evidence");
}

#[test]
fn servers_of_one_port_do_not_meet() {
    assert_verdict("one-server", "pass", "");
    assert_verdict("another-server", "pass", "");
    let evidence = matrix().tree.evidence();
    for said in ["asked for /one\n", "asked for /another\n"] {
        assert!(evidence.contains(said), "what the servers said is not in the evidence: {said:?}");
    }
}

#[test]
fn the_others_run_all_the_same_and_in_time() {
    assert_verdict("goes-on", "pass", "");
    assert_eq!(matrix().tree.status(), "fail");
    assert!(matrix().outcome.wall() < PATIENCE, "{:?}", matrix().outcome.wall());
    let excerpt = matrix().tree.error()["log_excerpt"].as_array().unwrap();
    assert!(!excerpt.is_empty() && matrix().tree.error()["type"] == "test", "{:#}", matrix().tree.error());
}

#[test]
fn without_a_shell_what_needs_one_fails_and_the_rest_does_not() {
    let tests = json!([
        {"name": "shell", "run": "echo never"},
        {"name": "program", "run": {"exec": ["/bin/missing"]}},
        {"name": "files", "files": [{"path": "/only", "type": "file"}]}
    ]);
    let steps = json!([{"file": {"path": "/only", "content": unique()}}]);
    let project = Project::new("scratch", &[("only", json!({"steps": steps, "tests": tests}))]);
    let tree = Report::of(&project, &BuildOptions::default()).tree;
    for (name, program) in [("only/shell", "/bin/sh"), ("only/program", "/bin/missing")] {
        let test = tree.test(name);
        assert_eq!(test["verdict"], "fail", "{test:#}");
        assert!(test["reason"].as_str().unwrap().contains(program), "{test:#}");
    }
    assert_eq!(tree.test("only/files")["verdict"], "pass");
    assert_eq!(tree.record()["base_digest"], "scratch");
}

#[test]
fn a_port_that_somebody_has_taken_is_no_verdict_on_the_product() {
    let port = 20_000 + std::process::id() % 10_000;
    let listen = format!(
        "$s = IO::Socket::INET->new(LocalPort => {port}, Listen => 5, ReuseAddr => 1) or die; print qq(up\\n); while (my $c = $s->accept) {{}}"
    );
    let words = ["perl", "-MIO::Socket::INET", "-e", &format!("$| = 1; {listen}")];
    let container = Container::start_with(DEBIAN, &["--network", "host"], &words);
    while container.logs().is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let http =
        json!({"command": ["sleep", marker()], "port": port, "ready": {"attempts": 3, "interval": "100ms"}});
    let project = crate::products::tested(json!([{"name": "taken", "network": "host", "http": http}]));
    let tree = Report::of(&project, &BuildOptions::default().words(&["--allow", "network.host"])).tree;
    let test = tree.test("only/taken");
    assert_eq!(test["verdict"], "error", "{test:#}");
    assert!(test["reason"].as_str().unwrap().contains(&format!("port {port} is taken")), "{test:#}");
    assert_eq!(tree.status(), "error", "{:#}", tree.record());
    assert_eq!(tree.error()["type"], "infrastructure", "{:#}", tree.error());
}
