//! Real packages side by side: what the package manager, pip and the account tools say of a merged image is what they say of
//! the same packages installed one after another.

use std::collections::BTreeMap;

use factory_tests::tree::{Ignore, Tree};
use factory_tests::{BuildOptions, BuildOutcome, Container, ImageName, Lab, Output, Repository, unique};
use serde_json::json;

use crate::parts::{Part, chained, differences, merged, said};
use crate::small::small;

const DEBIAN: &str = "debian:bookworm-slim";

/// What is asked of an image, each by a command of its own.
const QUESTIONS: [(&str, &str); 10] = [
    ("list", "dpkg -l"),
    ("audit", "dpkg --audit"),
    ("verify", "dpkg --verify | sort"),
    ("check", "apt-get check >/dev/null && echo fine"),
    ("automatic", "apt-mark showauto | sort"),
    ("configure", "dpkg --configure -a && echo fine"),
    // Many of Debian's own accounts have a home folder that nobody makes.
    ("users", "pwck -r 2>&1 | grep -v -e 'directory .* does not exist' -e 'no changes'"),
    ("groups", "grpck -r && echo fine"),
    ("alternatives", "update-alternatives --get-selections"),
    ("libraries", "ldconfig -p | sort"),
];

/// Files that must have the same bytes in both.
const SAME_BYTES: [&str; 7] = [
    "var/lib/dpkg/status",
    "var/lib/apt/extended_states",
    "etc/passwd",
    "etc/group",
    "etc/shadow",
    "etc/gshadow",
    "etc/ld.so.cache",
];

fn apt(name: &str, packages: &[&str]) -> Part {
    Part::new(name, &[], json!([{"apt": {"install": packages}}]))
}

fn pip(name: &str, packages: &[&str]) -> Part {
    Part::new(name, &["core"], json!([{"pip": {"packages": packages}}]))
}

/// Python in a virtual environment, for what pip installs.
fn core() -> Part {
    Part::new(
        "core",
        &[],
        json!([
            {"apt": {"install": ["python3", "python3-venv"]}},
            {"pip": {"packages": ["idna==3.10"]}}
        ]),
    )
}

fn options(output: Output) -> BuildOptions {
    BuildOptions { output, words: Lab::get().site_ca_words(), ..BuildOptions::default() }
}

/// An image in the engine's store, a container of it, and its files.
struct Built {
    container: Container,
    tree: Tree,
    _name: ImageName,
}

fn built(project: &factory_tests::Project) -> Built {
    let tree = project.build(&options(Output::Oci)).succeeded().image().filesystem();
    let name = ImageName::local();
    let _ = project.build(&options(Output::Store(name.as_str().to_owned()))).succeeded();
    let container =
        Container::start_with(name.as_str(), &["--network", "none", "--entrypoint", "sleep"], &["600"]);
    Built { container, tree, _name: name }
}

impl Built {
    fn answers(&self) -> BTreeMap<&'static str, String> {
        let answer = |(name, question): (&'static str, &str)| {
            let finished = self.container.exec(&["sh", "-c", question]);
            (name, format!("{}{}", finished.stdout, finished.stderr))
        };
        QUESTIONS.into_iter().map(answer).collect()
    }
}

/// Builds the fragments side by side and as a chain, and compares what the two images are.
fn assert_same_system(parts: &[Part], installed: &[&str]) -> Built {
    let project = merged(DEBIAN, parts);
    let (merged, chain) = (built(&project), built(&chained(DEBIAN, parts)));
    let (answers, expected) = (merged.answers(), chain.answers());
    assert_eq!(answers, expected);
    assert_eq!((answers["audit"].as_str(), answers["users"].as_str()), ("", ""));
    for question in ["check", "configure", "groups"] {
        assert!(answers[question].ends_with("fine\n"), "{question}: {}", answers[question]);
    }
    for package in installed {
        let line = |line: &str| {
            line.split_whitespace().nth(1).is_some_and(|name| name.split(':').next() == Some(package))
        };
        assert!(answers["list"].lines().any(line), "{package} is not in\n{}", answers["list"]);
    }
    for path in SAME_BYTES {
        let digest = |tree: &Tree| tree.get(path).and_then(|entry| entry.sha256().map(str::to_owned));
        assert_eq!(digest(&merged.tree), digest(&chain.tree), "{path}");
    }
    assert_same_files(&chain.tree, &merged.tree);
    merged
}

/// The same files, times left out: `dpkg` gives its lists the time of their making, and which of two equal lists comes to lie
/// on top depends on the order.
#[track_caller]
fn assert_same_files(chain: &Tree, merged: &Tree) {
    let differences = differences(chain, merged, &Ignore::mtimes());
    let shown: Vec<String> = differences.iter().take(30).map(ToString::to_string).collect();
    assert!(
        differences.is_empty(),
        "{} differences (chain | merged):\n{}",
        differences.len(),
        shown.join("\n")
    );
}

#[test]
fn python_beside_git() {
    let parts = [apt("python", &["python3"]), apt("git", &["git"])];
    let _ = assert_same_system(&parts, &["python3", "git", "libssl3"]);
}

/// All of them need libssl; `curl` and `nginx` come with users, certificates and configuration files.
#[test]
fn curl_beside_nginx_beside_wget() {
    let parts = [
        apt("curl", &["curl", "ca-certificates"]),
        apt("nginx", &["nginx-light"]),
        apt("wget", &["wget", "openssl"]),
    ];
    let image = assert_same_system(&parts, &["curl", "nginx-light", "wget", "openssl", "libssl3"]);
    for command in ["curl --version", "nginx -t", "wget --version", "openssl version"] {
        let _ = image.container.exec(&["sh", "-c", command]).expect(command);
    }
    // A further package on all of them: the package manager takes the merged state for its own.
    let further = Part::on_all(
        "further",
        json!([
            {"apt": {"install": ["jq"]}},
            {"run": ["jq --version", "dpkg --audit | wc -l | grep -qx 0", "apt-get check"]}
        ]),
    );
    let project = merged(DEBIAN, &[parts.as_slice(), &[further]].concat());
    let outcome = project.build(&options(Output::Oci)).succeeded();
    let status = outcome.image().filesystem();
    assert!(status.get("usr/bin/jq").is_some() && status.get("usr/sbin/nginx").is_some());
}

#[test]
fn pip_beside_apt_beside_pip() {
    let parts = [
        core(),
        apt("curl", &["curl"]),
        pip("numbers", &["numpy==2.2.6"]),
        pip("server", &["fastapi==0.115.12", "requests==2.32.3"]),
        pip("client", &["requests==2.32.3", "httpx==0.28.1"]),
    ];
    let image = assert_same_system(&parts, &["python3-venv", "curl"]);
    let ask = "import numpy, fastapi, requests, httpx; print(requests.__version__)";
    let answer = image.container.exec(&["/opt/venv/bin/python", "-c", ask]);
    assert_eq!(answer.expect("python").trim(), "2.32.3");
    let _ = image.container.exec(&["/opt/venv/bin/python", "-m", "pip", "check"]).expect("pip check");
}

fn refused(base: &str, parts: &[Part]) -> (BuildOutcome, String) {
    let outcome = merged(base, parts).build(&options(Output::CacheOnly)).failed();
    let said = said(&outcome);
    (outcome, said)
}

#[track_caller]
fn assert_said(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "`{word}` is not in:\n{said}");
    }
}

#[test]
fn two_versions_of_one_distribution_are_refused() {
    let parts = [core(), pip("server", &["requests==2.32.3"]), pip("client", &["requests==2.31.0"])];
    let (_, said) = refused(DEBIAN, &parts);
    assert_said(&said, &["requests", "2.32.3", "2.31.0", "server 0.1.0", "client 0.1.0"]);
}

#[test]
fn accounts_with_one_number_are_refused() {
    let user = |name: &str| {
        Part::new(
            name,
            &[],
            json!([{"user": {"name": format!("{name}-{}", unique().replace('-', "")), "system": true}}]),
        )
    };
    let (_, said) = refused(&small().reference, &[user("first"), user("second")]);
    assert_said(&said, &["first 0.1.0", "second 0.1.0", "999"]);
    // Packages take the next free number as well.
    let (_, said) = refused(DEBIAN, &[apt("bus", &["dbus"]), apt("capture", &["tcpdump"])]);
    assert_said(&said, &["bus 0.1.0", "capture 0.1.0", "messagebus", "tcpdump", "100"]);
}

#[test]
fn accounts_in_a_fragment_below_or_with_numbers_of_their_own_are_fine() {
    let user = |name: &str, uid: u32| {
        Part::new(name, &[], json!([{"user": {"name": name, "uid": uid, "groups": ["staff"]}}]))
    };
    let parts = [user("anna", 2001), user("berta", 2002)];
    let (_, image) =
        Repository::fresh().push("users", &merged(&small().reference, &parts), &BuildOptions::default());
    assert!(image.stands_on(small()));
    let chain = crate::parts::tree(&chained(&small().reference, &parts), &BuildOptions::default());
    let merged = crate::parts::tree(&merged(&small().reference, &parts), &BuildOptions::default());
    let differences = differences(&chain, &merged, &Ignore::nothing());
    assert!(differences.is_empty(), "{differences:#?}");
}
