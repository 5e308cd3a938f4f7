//! What an image says of its making: provenance beside that of a Dockerfile, and an SBOM by a generator of one's own.

use std::collections::BTreeSet;

use factory_tests::oci::OciLayout;
use factory_tests::{BuildOptions, Output, Project, Repository, unique};
use oci_spec::image::Descriptor;
use serde_json::{Value, json};

use crate::bases::{on_tiny, tiny};

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
/// Members that hold single ops.
const OF_OPS: [&str; 2] = ["llbDefinition", "digestMapping"];
const SPDX: &str = "https://spdx.dev/Document";

/// The predicates of one type, in the order of the images.
#[track_caller]
fn predicates(layout: &OciLayout, kind: &str) -> Vec<Value> {
    let layers = layout.attestations().into_iter().flat_map(|(_, manifest)| {
        manifest["layers"].as_array().unwrap_or_else(|| panic!("{manifest:#}")).clone()
    });
    let about = layers.filter(|layer| layer["annotations"]["in-toto.io/predicate-type"] == kind);
    let statement = |layer: Value| -> Value {
        let descriptor: Descriptor = serde_json::from_value(layer).unwrap();
        serde_json::from_slice::<Value>(&layout.blob(&descriptor)).unwrap()["predicate"].clone()
    };
    about.map(statement).collect()
}

/// The same small image as a product and as a Dockerfile.
fn both() -> (Project, Project) {
    let word = unique();
    let ours = on_tiny(json!([
        {"run": format!("echo {word} > /word"), "secrets": [{"id": "token", "required": false}]},
        {"file": {"path": "/f", "content": "x"}}
    ]));
    let theirs = Project::empty();
    theirs.write("f", "x").write(
        "Dockerfile",
        format!("FROM {}\nRUN --mount=type=secret,id=token echo {word} > /word\nCOPY f /f\n", tiny()),
    );
    (ours, theirs)
}

/// Paths of all members, with those of lists and of digests as one. What single ops say is left out: a product's are others.
fn members(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object.iter().filter(|(name, _)| !OF_OPS.contains(&name.as_str())) {
                let name = if name.starts_with("sha256:") || name.starts_with("step") { "*" } else { name };
                members(value, &format!("{at}.{name}"), found);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| members(value, &format!("{at}[]"), found)),
        _ => drop(found.insert(at.to_owned())),
    }
}

#[test]
fn our_provenance_has_what_that_of_a_dockerfile_has() {
    let (ours, theirs) = both();
    let options = BuildOptions::oci().words(&["--provenance=mode=max,version=v1"]);
    let ours = predicates(&ours.build(&options).succeeded().layout(), PROVENANCE).remove(0);
    let theirs =
        predicates(&theirs.dockerfile_build("Dockerfile", &options).succeeded().layout(), PROVENANCE)
            .remove(0);
    let [ours_has, theirs_has] = [&ours, &theirs].map(|predicate| {
        let mut found = BTreeSet::new();
        members(predicate, "", &mut found);
        found
    });
    let missing: Vec<&String> = theirs_has.difference(&ours_has).collect();
    assert_eq!(missing, Vec::<&String>::new(), "{ours:#}");

    let definition = &ours["buildDefinition"];
    let dependencies = definition["resolvedDependencies"].as_array().unwrap();
    let uri = |one: &Value| one["uri"].as_str().unwrap_or_default().to_owned();
    let base = dependencies.iter().find(|one| uri(one).contains("factory-tests/tiny@1"));
    let base = base.unwrap_or_else(|| panic!("the base with its tag: {dependencies:#?}"));
    assert!(base["digest"]["sha256"].is_string(), "{base:#}");
    let external = &definition["externalParameters"];
    assert_eq!(external["configSource"]["path"], "product.json", "{external:#}");

    let infos = &ours["runDetails"]["metadata"]["buildkit_metadata"]["source"]["infos"];
    let loaded = |info: &Value| {
        let step = &info["llbDefinition"][0]["op"]["Op"]["source"]["identifier"];
        (info["filename"].as_str().unwrap().to_owned(), step.as_str().unwrap_or("not said").to_owned())
    };
    let loaded: Vec<(String, String)> = infos.as_array().unwrap().iter().map(loaded).collect();
    let from = |file: &str, source: &str| (file.to_owned(), source.to_owned());
    let of_fragment = from("fragments/only/0.1.0/fragment.json", "local://context");
    assert_eq!(loaded, [of_fragment, from("product.json", "local://dockerfile")]);
    let text = ours.to_string();
    assert!(text.contains("\"id\":\"token\""), "the secret that a step may take: {external:#}");
}

#[test]
fn the_layers_of_the_provenance_are_those_of_the_image() {
    let (ours, _) = both();
    let outcome = ours.build(&BuildOptions::oci().words(&["--provenance=mode=max,version=v1"])).succeeded();
    let provenance = predicates(&outcome.layout(), PROVENANCE).remove(0);
    let layers = &provenance["runDetails"]["metadata"]["buildkit_metadata"]["layers"];
    let named: BTreeSet<String> = digests(layers);
    let image = outcome.image();
    for digest in image.layer_digests() {
        assert!(named.contains(&digest), "{digest} is not among {layers:#}");
    }
}

/// All digests below a value.
fn digests(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(object) => object.values().flat_map(digests).collect(),
        Value::Array(list) => list.iter().flat_map(digests).collect(),
        Value::String(text) if text.starts_with("sha256:") => BTreeSet::from([text.clone()]),
        _ => BTreeSet::new(),
    }
}

#[test]
fn every_platform_has_its_own_attestations() {
    let project = Project::new(
        "scratch",
        &[("only", json!({"steps": [{"file": {"path": "/f", "content": unique()}}]}))],
    );
    let options =
        BuildOptions::oci().platform("linux/amd64,linux/arm64").words(&["--provenance=mode=max,version=v1"]);
    let layout = project.build(&options).succeeded().layout();
    let subjects: BTreeSet<String> = layout.attestations().into_iter().map(|(subject, _)| subject).collect();
    let images: BTreeSet<String> = layout.images().iter().map(factory_tests::oci::OciImage::digest).collect();
    assert_eq!(images.len(), 2);
    assert_eq!(subjects, images);
}

/// A generator of SBOMs that names what lies at the top of the filesystem that it is given, and the parameters.
fn generator() -> String {
    let script = r#"#!/bin/sh
set -eu
[ -d "$BUILDKIT_SCAN_SOURCE" ]
for file in $(ls "$BUILDKIT_SCAN_SOURCE"); do files="${files:+$files, }{\"fileName\": \"$file\"}"; done
cat > "$BUILDKIT_SCAN_DESTINATION/sbom.spdx.json" <<END
{"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document", "subject": [],
 "predicate": {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "${BUILDKIT_SCAN_NAME:-sbom}",
 "files": [$files]}}
END
"#;
    let project = on_tiny(json!([{"file": {"path": "/bin/scan", "content": script, "chmod": "0755"}}]));
    project.amend_manifest(json!({"config": {"entrypoint": ["/bin/scan"]}}));
    let image = Repository::fresh().tag("scanner");
    let _ = project
        .build(&BuildOptions { output: Output::Push(image.clone()), ..BuildOptions::default() })
        .succeeded();
    image
}

#[test]
fn any_generator_of_sboms_works_as_with_a_dockerfile() {
    let sbom = format!("--sbom=generator={}", generator());
    let (ours, theirs) = both();
    let options = BuildOptions::oci().words(&[&sbom, "--provenance=mode=max,version=v1"]);
    let ours = predicates(&ours.build(&options).succeeded().layout(), SPDX);
    let theirs = predicates(&theirs.dockerfile_build("Dockerfile", &options).succeeded().layout(), SPDX);
    let names = |documents: &[Value]| -> BTreeSet<String> {
        let files = documents.iter().flat_map(|one| one["files"].as_array().cloned().unwrap_or_default());
        files.map(|file| file["fileName"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((ours.len(), theirs.len()), (1, 1));
    assert!(names(&ours).is_superset(&["bin", "f", "word"].map(str::to_owned).into()), "{ours:#?}");
    assert_eq!(names(&ours), names(&theirs));
}
