//! The files that fragments share, which the frontend's helper merges. The module is private to the helper, and has tests of
//! its own there.

use std::hint::black_box;

use databases::{Body, Node, Side, Tree, reconcile};

#[path = "../../../../frontend/helper/src/databases/mod.rs"]
#[allow(dead_code, unused_imports, reason = "only reconciling is called here")]
mod databases;

/// One shared file (the first byte says which) as a base and two fragments have it, with zeros between the three.
pub fn shared_databases(bytes: &[u8]) {
    const PATHS: [&str; 12] = [
        "/var/lib/dpkg/status",
        "/var/lib/dpkg/diversions",
        "/var/lib/dpkg/statoverride",
        "/var/lib/dpkg/triggers/File",
        "/var/lib/dpkg/alternatives/editor",
        "/var/lib/apt/extended_states",
        "/var/cache/debconf/config.dat",
        "/etc/passwd",
        "/etc/gshadow",
        "/etc/subuid",
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/ld.so.cache",
    ];
    let Some((which, rest)) = bytes.split_first() else { return };
    assert!(PATHS.iter().all(|path| databases::is_shared(path.as_bytes())), "each is a shared file");
    let path = PATHS[usize::from(*which) % PATHS.len()].as_bytes().to_vec();
    let mut trees = rest.splitn(3, |byte| *byte == 0).map(|part| {
        let node = Node { mode: 0o644, uid: 0, gid: 0, body: Body::File(part.to_vec()) };
        Tree::from([(path.clone(), node)])
    });
    let base = trees.next().unwrap_or_default();
    let side = |label: &str, upper: Tree| Side {
        label: label.to_owned(),
        below: Vec::new(),
        lower: base.clone(),
        upper,
    };
    let sides =
        [side("a 1", trees.next().unwrap_or_default()), side("b 1", trees.next().unwrap_or_default())];
    black_box(reconcile(&base, &sides)).ok();
}
