//! Registries with certificates of their own, in docker's layout: whom we trust, and who we are.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod proxy;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use factory::registry::{Access, Fault, Name, Patience, Proxies, Repository, Why};
use proxy::Proxy;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

/// A registry that knows no manifest, and talks to nobody whose certificate our authority has not signed.
fn server() -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("ca.crt")).unwrap()).unwrap();
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_client_cert_verifier(clients).with_single_cert(
        vec![CertificateDer::from_pem_file(file("server.cert")).unwrap()],
        PrivateKeyDer::from_pem_file(file("server.key")).unwrap(),
    );
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, stream));
            let mut line = String::new();
            // A client that is not let in reads why, and is no request.
            while stream.read_line(&mut line).is_ok_and(|length| length > 2) {
                line.clear();
            }
            let body = r#"{"errors": [{"code": "MANIFEST_UNKNOWN"}]}"#;
            let head =
                format!("HTTP/1.1 404 X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.get_mut().write_all(format!("{head}{body}").as_bytes());
            let _ = stream.get_mut().flush();
        }
    });
    address
}

#[test]
fn certificates_lie_where_docker_has_them() {
    let host = server();
    let name = format!("{host}/app:dev").parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let of = folder.path().join(&host);
    let patience = Patience { attempts: 2, first_pause: Duration::from_millis(1), ..Patience::default() };
    let access = Access { certificates: vec![folder.path().to_owned()], patience, ..Access::anonymous() };
    let ask = || Repository::open(&name, &access)?.manifest(&Name::of(&name));
    fs::create_dir(&of).unwrap();
    let refused = |what: &str| match ask() {
        Err(Fault::CouldNotLook { why: Why::Connection(_), .. }) => {}
        other => panic!("{what}: {other:?}"),
    };
    refused("nobody trusts the server");
    fs::copy(file("ca.crt"), of.join("ca.crt")).unwrap();
    refused("the server does not know who asks");
    fs::copy(file("client.cert"), of.join("client.cert")).unwrap();
    assert!(
        matches!(ask(), Err(Fault::Usage(what)) if what.contains("client.key")),
        "a certificate without its key"
    );
    fs::copy(file("client.key"), of.join("client.key")).unwrap();
    assert_eq!(ask(), Ok(None), "it has heard the question");
    // Without the folder, loopback is spoken to plainly, which this server does not take for a question.
    let plain = Access { certificates: Vec::new(), ..access.clone() };
    let answer = Repository::open(&name, &plain).unwrap().manifest(&Name::of(&name));
    assert!(answer.is_err_and(|fault| fault.is_could_not_look()));
}

/// A folder in docker's layout with everything that a registry of this name asks for.
fn certificates(registry: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let of = folder.path().join("certs.d").join(registry);
    fs::create_dir_all(&of).unwrap();
    for name in ["ca.crt", "client.cert", "client.key"] {
        fs::copy(file(name), of.join(name)).unwrap();
    }
    folder
}

#[test]
fn certificates_lie_beside_dockers_configuration() {
    let host = server();
    let asked = |folder: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_factory"));
        command.args(["layers", &format!("registry:{host}/app:dev")]);
        command.env("DOCKER_CONFIG", folder).output().unwrap().status.code()
    };
    assert_eq!(asked(certificates(&host).path()), Some(7), "it says that there is none");
    assert_eq!(asked(certificates("other.test").path()), Some(8), "nobody could look");
}

#[test]
fn through_a_proxy_it_is_still_the_registry_that_is_believed() {
    let proxy = Proxy::before(&server());
    let folder = certificates("reg.test");
    let patience = Patience { attempts: 1, ..Patience::default() };
    let address = proxy.address().to_owned();
    let proxies = Proxies::of(|name| (name == "HTTPS_PROXY").then(|| address.clone()));
    let access = Access {
        certificates: vec![folder.path().join("certs.d")],
        proxies,
        patience,
        ..Access::anonymous()
    };
    let ask = |registry: &str| {
        let name = format!("{registry}/app:dev").parse().unwrap();
        Repository::open(&name, &access)?.manifest(&Name::of(&name))
    };
    assert_eq!(ask("reg.test"), Ok(None), "it has heard the question");
    assert!(
        ask("other.test").is_err_and(|fault| fault.is_could_not_look()),
        "it is not who it is asked for as"
    );
    let asked: Vec<String> = proxy.asked().into_iter().map(|one| one.what).collect();
    assert_eq!(asked, ["CONNECT reg.test:443", "CONNECT other.test:443"]);
}
