//! Named contexts of every kind: in the place of a base, of an image that steps take files from, and of a catalogue.

use std::collections::BTreeMap;

use factory_tests::control::ControlBuild;
use factory_tests::{BuildOptions, Lab, Output, Project, Repository, on_scratch, sha256, unique};
use serde_json::json;

use crate::bases::{local, on_tiny, text};
use crate::git_server::{GitServer, commit};
use crate::site::Site;

/// An image that is nowhere: only what stands in for it is.
const NOWHERE: &str = "example.invalid/nowhere:1";

/// A tree with one file, as every scheme can give it.
struct Offer {
    content: String,
    folder: Project,
    layout: Project,
    digest: String,
    image: String,
    server: GitServer,
    site: Site,
}

impl Offer {
    /// The file is called `offered`, and `context` where it comes from the web, as in a Dockerfile build.
    fn new() -> Self {
        let content = unique();
        let folder = Project::empty();
        folder.write("offered", &content);
        let made = on_scratch(json!([{"file": {"path": "/offered", "content": content}}]));
        made.amend_manifest(json!({"config": {"labels": {"made-by": "the other build"}}}));
        let image = Repository::fresh().tag("offered");
        let pushed = BuildOptions { output: Output::Push(image.clone()), ..BuildOptions::default() };
        let digest = made.build(&pushed).succeeded().digest().to_owned();
        let layout = Project::empty();
        let into = format!("type=oci,tar=false,dest={}", layout.path("layout").display());
        let _ = made.build(&BuildOptions::default().words(&["--output", &into])).succeeded();
        let files = BTreeMap::from([("/offered".to_owned(), content.clone().into_bytes())]);
        let (server, site) = (GitServer::start(), Site::start(files, None, 0));
        Self { content, folder, layout, digest, image, server, site }
    }

    /// Every scheme, with the path of the file in what it gives.
    fn schemes(&self) -> Vec<(String, &'static str)> {
        let _ = commit(&self.folder, None);
        let repository = self.server.publish("offered", &self.folder);
        vec![
            (format!("docker-image://{}", self.image), "offered"),
            (format!("docker-image://{}@{}", self.image, self.digest), "offered"),
            (format!("oci-layout://{}:latest", self.layout.path("layout").display()), "offered"),
            (repository.clone(), "offered"),
            (format!("{repository}#main"), "offered"),
            (format!("http://{}/offered", self.site.address()), "context"),
            (self.folder.path("").display().to_string(), "offered"),
        ]
    }
}

#[test]
fn every_scheme_stands_in_for_a_base_and_for_an_image_of_a_step() {
    let offer = Offer::new();
    for (place, path) in offer.schemes() {
        let project = Project::new(
            NOWHERE,
            &[(
                "only",
                json!({"steps": [
                    {"copy": {"from": format!("image:{NOWHERE}"), "src": path, "dest": "/from-image"}},
                    {"copy": {"from": "context:offer", "src": path, "dest": "/from-context"}}
                ]}),
            )],
        );
        let (base, context) = (format!("{NOWHERE}={place}"), format!("offer={place}"));
        let options = BuildOptions::oci().words(&["--build-context", &base, "--build-context", &context]);
        let image = project.build(&options).succeeded().image();
        let tree = image.filesystem();
        for copied in [path, "from-image", "from-context"] {
            assert_eq!(
                tree.at(copied).sha256(),
                Some(sha256(offer.content.as_bytes()).as_str()),
                "{copied} of {place}"
            );
        }
        let is_image = place.starts_with("docker-image:") || place.starts_with("oci-layout:");
        assert_eq!(image.label("made-by"), is_image.then_some("the other build"), "the config of {place}");
    }
}

#[test]
fn nothing_stands_in_for_a_base() {
    let project =
        Project::new(NOWHERE, &[("only", json!({"steps": [{"file": {"path": "/f", "content": "x"}}]}))]);
    let options =
        BuildOptions::oci().words(&["--build-context", &format!("{NOWHERE}=docker-image://scratch")]);
    let paths: Vec<String> = project.build(&options).succeeded().image().filesystem().paths().collect();
    assert_eq!(paths, ["f"]);
}

/// A catalogue with a fragment that copies a file of its own, and the manifest that selects it.
fn catalogue(content: &str) -> (Project, Project) {
    let theirs = on_tiny(json!([
        {"copy": {"src": "own.txt", "dest": "/own.txt"}},
        {"run": "cat /own.txt /own.txt > /twice"}
    ]));
    theirs.fragment_file("only", "own.txt", content);
    let ours = Project::empty();
    ours.write("manifests/product.json", std::fs::read(theirs.path("manifests/product.json")).unwrap());
    std::fs::remove_dir_all(theirs.path("manifests")).unwrap();
    (theirs, ours)
}

#[test]
fn the_fragments_of_another_team_come_from_a_folder_a_repository_or_an_image() {
    let content = unique();
    let (theirs, ours) = catalogue(&content);
    let without = ours.build(&local()).failed();
    assert!(without.message.contains("fragments/only"), "{}", without.message);

    let server = GitServer::start();
    let _ = commit(&theirs, Some("v1"));
    let repository = server.publish("fragments", &theirs);
    let image = packed(&theirs);
    let folder = theirs.path("").display().to_string();
    for place in [folder, format!("{repository}#v1"), format!("docker-image://{image}")] {
        let options = local().words(&["--build-context", &format!("fragments={place}")]);
        let outcome = ours.build(&options).succeeded();
        assert_eq!(text(&outcome, "own.txt"), content, "{place}");
        assert_eq!(text(&outcome, "twice"), format!("{content}{content}"), "{place}");
    }
}

/// A catalogue as an image, made by a Dockerfile of two lines.
fn packed(catalogue: &Project) -> String {
    let image = Repository::fresh().tag("catalogue");
    let into = BuildOptions { output: Output::Push(image.clone()), ..BuildOptions::default() };
    catalogue.write("Dockerfile", "FROM scratch\nCOPY fragments /fragments\n");
    let _ = catalogue.dockerfile_build("Dockerfile", &into).succeeded();
    std::fs::remove_file(catalogue.path("Dockerfile")).unwrap();
    image
}

#[test]
fn a_fragment_of_another_team_that_fails_is_shown_with_its_lines() {
    let (theirs, ours) = catalogue("x");
    theirs.fragment("only", json!({"steps": [{"run": "echo now it fails; exit 7"}]}));
    let server = GitServer::start();
    let _ = commit(&theirs, None);
    let place = format!("fragments={}", server.publish("fragments", &theirs));
    let outcome = ours.build(&local().words(&["--build-context", &place])).failed();
    let marked: Vec<&str> = outcome.message.lines().filter(|line| line.contains(">>>")).collect();
    assert!(marked.iter().any(|line| line.contains("echo now it fails")), "{}", outcome.message);
}

/// The client's command line takes no platform in a name; bake and the API do.
#[test]
fn a_context_for_one_platform_is_for_no_other() {
    let [amd64, arm64] = ["x86", "arm"].map(|content| {
        let folder = Project::empty();
        folder.write("which", content);
        folder
    });
    let project = on_scratch(json!([{"copy": {"from": "context:tools", "src": "which", "dest": "/which"}}]));
    let image = Repository::fresh().tag("which");
    let mut build = ControlBuild::gateway(Lab::get().frontend(), &project.path(""), "manifests/product.json")
        .option("platform", "linux/amd64,linux/arm64")
        .option("context:tools::linux/amd64", "local:one")
        .option("context:tools::linux/arm64", "local:other")
        .push(&image);
    for (name, folder) in [("one", &amd64), ("other", &arm64)] {
        build.folders.insert(name.to_owned(), folder.path(""));
    }
    let _ = build.run().unwrap();
    let saved = tempfile::tempdir().unwrap();
    for (platform, content) in [("linux/amd64", "x86"), ("linux/arm64", "arm")] {
        let into = saved.path().join(content);
        let folder = Project::empty();
        folder.write("Dockerfile", format!("FROM {image}\n"));
        let options =
            local().platform(platform).words(&["--output", &format!("type=local,dest={}", into.display())]);
        let _ = folder.dockerfile_build("Dockerfile", &options).succeeded();
        assert_eq!(std::fs::read_to_string(into.join("which")).unwrap(), content, "{platform}");
    }
}

#[test]
fn a_context_of_no_kind_is_refused_by_name() {
    let project = on_scratch(json!([]));
    let outcome =
        project.build(&local().words(&["--build-context", "tools=ftp://example.invalid/x"])).failed();
    assert!(outcome.message.contains("ftp"), "{}", outcome.message);
}
