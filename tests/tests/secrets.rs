//! What was secret in a build is in nothing that comes out of it.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod site;

use std::io::Read;
use std::path::Path;

use factory_tests::{BuildOptions, Project, on_debian, sha256, unique};
use serde_json::json;
use site::Site;

/// Every file below a folder, tar archives and compressed blobs taken apart, must be free of `secret`.
#[track_caller]
fn assert_nowhere(secret: &str, folder: &Path) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += assert_nowhere(secret, &path);
        } else {
            assert_free(secret, &std::fs::read(&path).unwrap(), &path.display().to_string());
            files += 1;
        }
    }
    files
}

#[track_caller]
fn assert_free(secret: &str, bytes: &[u8], what: &str) {
    let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(!found, "the secret is in {what}");
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
        assert_free(secret, &plain, &format!("{what}, decompressed"));
    }
}

/// The hexadecimal digits of a secret's digest: a step can tell by them that it has the secret.
fn digest(secret: &str) -> String {
    sha256(secret.as_bytes()).replace("sha256:", "")
}

#[test]
fn a_secret_is_in_no_layer_config_history_provenance_log_or_cache() {
    let secret = format!("s3cr3t-{}", unique());
    let site = Site::private_packages("reader", &secret);
    let index = format!("http://reader:{secret}@{}/simple/", site.address());
    let seen = format!("sha256sum | grep -q {}", digest(&secret));
    let steps = json!([
        {"run": [format!("cat /run/secrets/token | {seen}"), format!("printf %s \"$TOKEN\" | {seen}"), "touch /seen"],
         "secrets": [{"id": "token"}, {"id": "token", "env": "TOKEN"}]},
        {"pip": {"packages": ["greeting==1.0"], "target": "/opt/lib", "index_secret": "index"}}
    ]);
    let python = json!({"steps": [{"apt": {"install": ["python3-pip"]}}]});
    let fragment = json!({"env": {"PIP_TRUSTED_HOST": site.address().ip().to_string()}, "steps": steps});
    let project = Project::new("debian:bookworm-slim", &[("python", python), ("only", fragment)]);
    let given = tempfile::tempdir().unwrap();
    let secrets = [("token", &secret), ("index", &index)].map(|(id, value)| {
        let file = given.path().join(id);
        std::fs::write(&file, value).unwrap();
        format!("id={id},src={}", file.display())
    });
    let out = tempfile::tempdir().unwrap();
    let cache = format!("type=local,dest={},mode=max", out.path().join("cache").display());
    let image = format!("type=oci,tar=false,dest={}", out.path().join("image").display());
    let mut options = BuildOptions::oci().words(&["--provenance=mode=max", "--cache-to", &cache]);
    options = options.words(&["--output", &image, "--secret", &secrets[0], "--secret", &secrets[1]]);
    let outcome = project.build(&options).succeeded();
    let tree = outcome.image().filesystem();
    assert!(tree.get("seen").is_some() && tree.get("opt/lib/greeting/words.py").is_some());
    assert!(tree.paths().all(|path| !path.starts_with("run/secrets") && !path.starts_with(".factory")));
    assert_free(&secret, outcome.finished.stderr.as_bytes(), "the client's output");
    for vertex in &outcome.progress.vertices {
        assert_free(&secret, vertex.log.as_bytes(), &format!("the log of {}", vertex.name));
    }
    assert_free(&secret, outcome.metadata.to_string().as_bytes(), "the metadata");
    assert_eq!(outcome.layout().attestations().len(), 1, "the provenance was there to be searched");
    assert!(assert_nowhere(&secret, &out.path().join("image")) > 5);
    assert!(assert_nowhere(&secret, &out.path().join("cache")) > 5);
}

#[test]
fn a_secret_that_is_missing_fails_the_build_unless_it_may_be() {
    let optional = json!({"run": "test ! -e /run/secrets/token && test -z \"$TOKEN\"", "secrets": [
        {"id": "token", "required": false}, {"id": "token", "env": "TOKEN", "required": false}]});
    let _ = on_debian(json!([optional])).build(&BuildOptions::default()).succeeded();
    for secret in [json!({"id": "token"}), json!({"id": "token", "env": "TOKEN"})] {
        let project = on_debian(json!([{"run": "true", "secrets": [secret]}]));
        let outcome = project.build(&BuildOptions::default()).failed();
        assert!(outcome.message.contains("secret token: not found"), "{}", outcome.message);
        assert!(outcome.message.contains("fragments/only/0.1.0/fragment.json:"), "{}", outcome.message);
    }
}

#[test]
fn certificates_of_the_site_reach_steps_and_not_the_image() {
    let marker = format!("certificate-{}", unique());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &marker).unwrap();
    let with = "grep -q certificate- \"$SSL_CERT_FILE\" && test \"$PIP_CERT$CURL_CA_BUNDLE\" = \
                \"$SSL_CERT_FILE$SSL_CERT_FILE\"";
    let without = "test -z \"$SSL_CERT_FILE$PIP_CERT$CURL_CA_BUNDLE\" && test ! -e /.factory/ca.crt";
    let secret = format!("id=factory_ca,src={}", file.path().display());
    for (check, words) in [(with, ["--secret", &secret].as_slice()), (without, &[])] {
        let project = on_debian(json!([{"run": format!("{check} && : {}", unique())}]));
        let outcome = project.build(&BuildOptions::oci().words(words)).succeeded();
        let image = outcome.image();
        assert_eq!(image.layer(1), [], "a check changes nothing");
        assert_free(&marker, image.config_json().to_string().as_bytes(), "the config");
    }
}
