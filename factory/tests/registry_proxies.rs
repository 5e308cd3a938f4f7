//! Registries behind proxies: which one is asked for what, and what it is shown.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod mock_registry;
mod proxy;

use std::process::Command;
use std::time::Duration;

use factory::registry::{Access, Descriptor, Fault, Found, Name, Patience, Proxies, Repository, media};
use mock_registry::{Mock, Switches, Trouble};
use proxy::{Asked, Proxy};
use serde_json::json;

/// A registry that is reached by the name `reg.test`, which does not exist, through a proxy alone.
const REGISTRY: &str = "reg.test:5000";

fn access(variables: &[(&str, String)]) -> Access {
    let patience = Patience { attempts: 2, first_pause: Duration::from_millis(1), ..Patience::default() };
    let proxies =
        Proxies::of(|name| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone()));
    Access { plain_http: vec![REGISTRY.to_owned()], proxies, patience, ..Access::anonymous() }
}

fn open(registry: &str, access: &Access) -> Repository {
    Repository::open(&format!("{registry}/app:dev").parse().unwrap(), access).unwrap()
}

/// Puts an image with one layer of these bytes.
fn put(repository: &Repository, layer: &[u8]) -> (Found, Descriptor) {
    let config = repository.put_blob("application/vnd.oci.image.config.v1+json", b"{}").unwrap();
    let layer = repository.put_blob("application/vnd.oci.image.layer.v1.tar", layer).unwrap();
    let json = json!({"schemaVersion": 2, "mediaType": media::MANIFEST, "config": config, "layers": [layer]});
    let bytes = json.to_string().into_bytes();
    let found = Found { descriptor: Descriptor::of(media::MANIFEST, &bytes), bytes };
    repository.put_manifest(&Name::Tag("dev".into()), &found).unwrap();
    (found, layer)
}

fn is_with(asked: &[Asked], header: &str) -> bool {
    asked.iter().all(|one| one.headers.iter().any(|own| own == header))
}

#[test]
fn a_plain_registry_is_asked_for_through_the_proxy() {
    let mock = Mock::start(Switches::default());
    let proxy = Proxy::before(&mock.host());
    let address = format!("http://me:p%40ss@{}", proxy.address());
    let access = access(&[("HTTP_PROXY", address), ("HTTPS_PROXY", "http://nobody.test".to_owned())]);
    let repository = open(REGISTRY, &access);
    // More than goes in one piece, and than any buffer holds.
    let bytes: Vec<u8> = (0..9_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let (found, layer) = put(&repository, &bytes);
    assert_eq!(repository.manifest(&Name::Tag("dev".into())).unwrap(), Some(found));
    assert!(repository.blob(&layer, 10_000_000).unwrap().is_some_and(|back| back == bytes));
    let asked = proxy.asked();
    for what in
        ["PATCH http://reg.test:5000/v2/app/blobs/uploads/", "PUT http://reg.test:5000/v2/app/manifests/dev"]
    {
        assert!(asked.iter().any(|one| one.what.starts_with(what)), "{what} in {asked:#?}");
    }
    assert!(
        is_with(&asked, "proxy-authorization: basic bwu6cebzcw==") && is_with(&asked, "host: reg.test:5000")
    );
    assert_eq!(asked.len(), mock.stored().log.len(), "each request once");
}

#[test]
fn the_environment_says_where_the_proxy_is() {
    let mock = Mock::start(Switches::default());
    put(&open(&mock.host(), &access(&[])), b"layer");
    let proxy = Proxy::before(&mock.host());
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_factory"));
    command.args(["layers", "registry:reg.test:5000/app:dev", "--platform", "linux/amd64"]);
    for name in [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
    ] {
        command.env_remove(name);
    }
    command.env("DOCKER_CONFIG", home.path()).env("FACTORY_PLAIN_HTTP", REGISTRY);
    command.env("all_proxy", proxy.address()).env("no_proxy", "other.test,10.0.0.0/8");
    let out = command.output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(text.contains("layers    1 layer, "), "{text}");
    assert!(proxy.asked().iter().any(|one| one.what == "GET http://reg.test:5000/v2/app/manifests/dev"));
}

#[test]
fn proxies_of_other_kinds_open_a_way_through() {
    let mock = Mock::start(Switches::default());
    let proxy = Proxy::before(&mock.host());
    let access = access(&[("ALL_PROXY", format!("socks5h://{}", proxy.address()))]);
    put(&open(REGISTRY, &access), b"layer");
    assert_eq!(proxy.asked()[0].what, "SOCKS reg.test:5000");
}

#[test]
fn each_address_has_its_own_way() {
    let (mock, blobs) = (Mock::start(Switches::default()), Mock::start(Switches::default()));
    let (_, layer) = put(&open(&mock.host(), &access(&[])), b"layer");
    put(&open(&blobs.host(), &access(&[])), b"layer");
    let proxy = Proxy::before(&blobs.host());
    let access = access(&[("HTTP_PROXY", proxy.address().to_owned())]);
    let elsewhere = |registry: &Mock, to: &str| {
        let path = format!("/v2/app/blobs/{}", layer.digest);
        let trouble =
            Trouble::new(&format!("GET {path}"), 1, 307).header("Location", &format!("http://{to}{path}"));
        registry.switch(|one| {
            one.troubles = vec![trouble];
            one.login = Some("Basic bWU6cHc=".into());
            one.challenge = "Basic realm=\"x\"".into();
        });
    };
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    let login = json!({"username": "me", "password": "pw"});
    std::fs::write(&config, json!({"auths": {mock.host(): login, REGISTRY: login}}).to_string()).unwrap();
    let access = Access { docker_config: Some(config), ..access };
    // The machine's own registry sends us to a host behind the proxy, which is not shown our login.
    elsewhere(&mock, "blobs.test");
    let repository = open(&mock.host(), &access);
    repository.manifest(&Name::Tag("dev".into())).unwrap();
    assert_eq!(repository.blob(&layer, 10).unwrap().as_deref(), Some(&b"layer"[..]));
    let asked = proxy.asked();
    assert_eq!(asked.len(), 1, "{asked:#?}");
    assert!(asked[0].what.starts_with("GET http://blobs.test/v2/app/blobs/sha256:"));
    assert!(!asked[0].headers.iter().any(|one| one.starts_with("authorization:")), "{asked:#?}");
    // A registry behind the proxy sends us to the machine itself, which is never asked for there.
    mock.switch(|one| (one.login, one.troubles) = (None, Vec::new()));
    elsewhere(&blobs, &mock.host());
    let repository = open(REGISTRY, &access);
    assert_eq!(repository.blob(&layer, 10).unwrap().as_deref(), Some(&b"layer"[..]));
    assert!(proxy.asked().iter().all(|one| one.what.contains("reg.test:5000")));
    // And whoever sends us round in a circle is left.
    let path = format!("/v2/app/blobs/{}", layer.digest);
    let circle = Trouble::new(&format!("GET {path}"), usize::MAX, 302).header("Location", &path);
    blobs.switch(|one| one.troubles = vec![circle]);
    let fault = repository.blob(&layer, 10).unwrap_err();
    assert!(fault.is_could_not_look() && fault.to_string().contains("10 times"), "{fault}");
}

#[test]
fn a_proxy_that_is_none_or_lets_nobody_through_leaves_the_question_open() {
    for wrong in ["ftp://me:secret@proxy.test", "http://me:secret@:3128", "me:secret@ :3128"] {
        let access = access(&[("HTTPS_PROXY", wrong.to_owned())]);
        let fault = Repository::open(&"reg.test/app:dev".parse().unwrap(), &access).unwrap_err();
        assert!(
            matches!(&fault, Fault::Usage(what) if what.starts_with("HTTPS_PROXY holds no address")),
            "{fault}"
        );
        assert!(!fault.to_string().contains("secret"));
    }
    // It is a registry, and takes no request for a whole address.
    let mock = Mock::start(Switches { login: Some("nobody".into()), ..Switches::default() });
    let access = access(&[("ALL_PROXY", mock.host())]);
    for registry in [REGISTRY, "other.test"] {
        let asked = open(registry, &access).manifest(&Name::Tag("dev".into()));
        assert!(asked.is_err_and(|fault| fault.is_could_not_look()), "{registry}");
    }
}
