//! `daemon.json` of a managed engine.

use serde_json::{Value, json};

use super::places::{EnginePlaces, text};
use super::spec::ImageStore;

/// The daemon's configuration. `registry` is its own registry, and its mirror. The build cache keeps its default limits.
pub(crate) fn daemon_config(places: &EnginePlaces, store: ImageStore, registry: &str, mtu: u32) -> Value {
    json!({
        "features": {"containerd-snapshotter": store == ImageStore::Containerd, "cdi": true},
        "cdi-spec-dirs": ["/etc/cdi", "/var/run/cdi", text(&places.state.join("cdi"))],
        "hosts": [format!("unix://{}", text(&places.socket()))],
        "data-root": text(&places.data_root()),
        "exec-root": text(&places.run.join("exec")),
        "pidfile": text(&places.run.join("docker.pid")),
        "insecure-registries": [registry],
        "registry-mirrors": [format!("http://{registry}")],
        "mtu": mtu,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_registry_is_the_mirror() {
        let places = EnginePlaces { state: "/s/e".into(), run: "/r/e".into() };
        let config = daemon_config(&places, ImageStore::default(), "127.0.0.1:5001", 1400);
        assert_eq!(config["registry-mirrors"], json!(["http://127.0.0.1:5001"]));
        assert_eq!(config["insecure-registries"], json!(["127.0.0.1:5001"]));
        assert_eq!(config["hosts"], json!(["unix:///r/e/docker.sock"]));
        assert_eq!(config["features"]["containerd-snapshotter"], json!(true));
        assert_eq!(config["mtu"], json!(1400));
    }
}
