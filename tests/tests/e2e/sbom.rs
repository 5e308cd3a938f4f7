//! The SBOM generator in BuildKit's hands: what arrives in the registry, and what the client shows of it.

use factory_tests::{BuildOptions, Lab, Output, Project, Repository, run};
use serde_json::{Value, json};

/// What the client shows of an image's SBOMs: the image's own, then the others.
fn shown(image: &str) -> Vec<Value> {
    let lab = Lab::get();
    let output = run(lab.buildx().args(["imagetools", "inspect", image, "--format", "{{json .SBOM}}"]));
    let shown: Value = serde_json::from_str(&output.expect("imagetools inspect")).unwrap();
    let others = shown["AdditionalSPDXs"].as_array().cloned().unwrap_or_default();
    std::iter::once(shown["SPDX"].clone()).chain(others).collect()
}

fn names(document: &Value) -> Vec<&str> {
    document["packages"].as_array().unwrap().iter().map(|package| package["name"].as_str().unwrap()).collect()
}

fn options(image: &str, parameters: &str) -> BuildOptions {
    let sbom = format!("--sbom=generator={}{parameters}", Lab::get().scanner());
    let options = BuildOptions { output: Output::Push(image.to_owned()), ..BuildOptions::oci() };
    options.words(&[&sbom])
}

#[test]
fn buildkit_understands_the_document_of_a_dockerfiles_image() {
    let project = Project::empty();
    project.write("Dockerfile", "FROM scratch\nCOPY root /\nCOPY more /\n");
    project
        .write("more/srv/own", "mine")
        .write("root/usr/bin/a", "program")
        .write("root/etc/os-release", "ID=debian\n");
    project.write(
        "root/var/lib/dpkg/status",
        "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n",
    );
    project.write("root/var/lib/dpkg/info/a.list", "/usr/bin/a\n");
    let image = Repository::fresh().tag("sbom");
    let options = options(&image, ",files=all,supplier=Example");
    let _ = project.dockerfile_build("Dockerfile", &options).succeeded();
    let documents = shown(&image);
    let [document] = &documents[..] else { panic!("{documents:?}") };
    assert_eq!(names(document), ["sbom", "debian", "a", "a"], "the last one is the source package");
    let creators = document["creationInfo"]["creators"].to_string();
    assert!(creators.contains("Tool: buildkit-") && creators.contains("Organization: Example"), "{creators}");
    // Only a document that BuildKit has decoded gets the layers; each file has one.
    let files = document["files"].as_array().unwrap();
    let layers: Vec<&str> = files.iter().map(|file| file["comment"].as_str().unwrap_or_default()).collect();
    assert_eq!(layers.len(), 5);
    assert!(layers.iter().all(|layer| layer.starts_with("layerID: sha256:")), "{layers:?}");
    assert!(layers.iter().any(|layer| *layer != layers[0]), "there are two layers");
}

#[test]
fn a_product_says_which_fragment_brought_what() {
    let one = |name: &str| {
        let text = format!("Name: {name}\nVersion: 1\nLicense: MIT\n");
        json!({"steps": [{"file": {"path": format!("/opt/{name}/{name}.dist-info/METADATA"), "content": text}}]})
    };
    let project = Project::new("debian:bookworm-slim", &[("left", one("a")), ("right", one("b"))]);
    let image = Repository::fresh().tag("sbom");
    let _ = project.build(&options(&image, "")).succeeded();
    let documents = shown(&image);
    assert_eq!(documents.len(), 3, "the product's and each fragment's");
    let brought = |name: &str| {
        let packages = documents[0]["packages"].as_array().unwrap();
        packages.iter().find(|package| package["name"] == name).unwrap()["annotations"][0]["comment"].clone()
    };
    assert_eq!((brought("a"), brought("b")), (json!("fragment left@0.1.0"), json!("fragment right@0.1.0")));
    assert_eq!(brought("bash"), Value::Null, "it is the base's");
    let mut others: Vec<Vec<&str>> = documents[1..].iter().map(names).collect();
    others.sort();
    assert_eq!(others, [["left", "a"], ["right", "b"]]);
}
