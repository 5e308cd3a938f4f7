//! Rights that somebody has to give: asked for only by the products that need them, and refused by name.

use factory_tests::BuildOptions;
use serde_json::{Value, json};

use crate::bases::{local, on_tiny, text};

#[track_caller]
fn needs(step: &Value, entitlement: &str) {
    let project = on_tiny(json!([{"file": {"path": "/f", "content": "x"}}, step]));
    let refused = project.build(&BuildOptions::oci()).failed();
    assert!(refused.message.contains(entitlement), "{}", refused.message);
    let part = BuildOptions { target: Some("fragment/only".to_owned()), ..BuildOptions::default() };
    let _ = project.build(&part.words(&["--allow", entitlement])).succeeded();
}

#[test]
fn the_network_of_the_host() {
    needs(&json!({"run": "test $(ls /sys/class/net | grep -c .) -gt 1", "network": "host"}), "network.host");
}

/// Docker's daemon gives no such right unless it is configured to: then the client asks in vain, and is told.
#[test]
fn no_confinement() {
    let project = on_tiny(json!([{"run": "mount -t tmpfs none /tmp", "security": "insecure"}]));
    let refused = project.build(&BuildOptions::oci()).failed();
    assert!(refused.message.contains("security.insecure is not allowed"), "{}", refused.message);
    let refused = project.build(&BuildOptions::oci().words(&["--allow", "security.insecure"]));
    let is_configured = refused.finished.status.success();
    assert!(is_configured || refused.message.contains("security.insecure"), "{}", refused.message);
}

#[test]
fn the_network_of_the_host_for_every_step() {
    let project = on_tiny(json!([{"run": "ls /sys/class/net > /network"}]));
    let outcome = project.build(&local().words(&["--network", "host"])).succeeded();
    // The client itself asks for the right that its own option needs.
    assert!(text(&outcome, "network").lines().count() > 1, "{}", text(&outcome, "network"));
}

#[test]
fn nothing_is_asked_for_without_need() {
    let project = on_tiny(json!([{"run": "! mount -t tmpfs none /tmp"}]));
    let _ = project.build(&BuildOptions::default()).succeeded();
}
