//! Registries with certificates of their own, in docker's layout: whom we trust, and who we are.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use factory::registry::{Access, Fault, Name, Patience, Repository, Why};
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
