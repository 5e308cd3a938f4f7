//! A base of one megabyte with a shell, for products whose files matter and whose programs do not.

use std::sync::OnceLock;

use factory_tests::{BuildOptions, Lab, Project, Pushed, Repository};
use serde_json::json;

/// The image, pushed once in each test process. Its bytes are the same in every run, and so is its digest.
pub(crate) fn small() -> &'static Pushed {
    static SMALL: OnceLock<Pushed> = OnceLock::new();
    SMALL.get_or_init(make)
}

fn make() -> Pushed {
    let tools = json!({"base": "debian:bookworm-slim", "steps": [{"apt": {"install": ["busybox-static"]}}]});
    let accounts = "root:x:0:0:root:/root:/bin/sh\nstaff:x:50:50::/nonexistent:/bin/false\n";
    let fragment = json!({
        "stages": {"tools": tools},
        "env": {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        "steps": [
            {"mkdir": {"path": ["/dev", "/proc", "/sys", "/etc", "/root", "/usr/bin", "/usr/sbin", "/sbin", "/var/lib"]}},
            {"mkdir": {"path": ["/tmp", "/var/tmp"], "chmod": "1777"}},
            {"file": {"path": "/etc/passwd", "content": accounts}},
            {"file": {"path": "/etc/group", "content": "root:x:0:\nstaff:x:50:\n"}},
            {"copy": {"from": "stage:tools", "src": "/bin/busybox", "dest": "/bin/busybox"}},
            {"run": {"exec": ["/bin/busybox", "--install", "-s", "/bin"]}}
        ]
    });
    let project = Project::new("scratch", &[("small", fragment)]);
    let options = BuildOptions { words: Lab::get().site_ca_words(), ..BuildOptions::default() };
    Repository::named("small").push("latest", &project, &options).1
}
