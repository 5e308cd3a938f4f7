//! Several platforms in one build, one of them really emulated.

use factory::engine::Architecture;
use factory_tests::oci::OciImage;
use factory_tests::{BuildOptions, Lab, Project, on_scratch, sha256, unique};
use serde_json::json;

use crate::bases::{on_tiny, tiny};

const BOTH: &str = "linux/amd64,linux/arm64";

fn of<'i>(images: &'i [OciImage], arch: &str) -> &'i OciImage {
    let found = images.iter().find(|image| image.config_json()["architecture"] == arch);
    found.unwrap_or_else(|| panic!("no image is for {arch}"))
}

#[test]
fn two_platforms_are_one_index_and_the_foreign_one_really_runs() {
    Lab::get().emulate(Architecture::Arm64);
    let word = unique();
    // Side by side, so that the helper settles and joins for the foreign platform, too.
    let only = json!({"builds_on": [], "steps": [
        {"run": [format!("echo {word} > /word"), "uname -m > /machine"]},
        {"file": {"path": "/only-here", "content": "x"}, "when": {"platform": "linux/arm64"}}
    ]});
    let beside =
        json!({"builds_on": [], "env": {"BESIDE": "beside"}, "steps": [{"run": "echo $BESIDE > /beside"}]});
    let project = Project::new(tiny(), &[("only", only), ("beside", beside)]);
    let outcome = project.build(&BuildOptions::oci().platform(BOTH)).succeeded();
    let layout = outcome.layout();
    assert_eq!(layout.index().manifests().len(), 1, "one index for all platforms");
    let images = layout.images();
    let order: Vec<&str> =
        images.iter().map(|one| one.config_json()["architecture"].as_str().unwrap()).collect();
    assert_eq!(order, ["amd64", "arm64"], "the order that was asked for");
    for (arch, machine) in [("amd64", "x86_64"), ("arm64", "aarch64")] {
        let tree = of(&images, arch).filesystem();
        let is = |path: &str, text: &str| {
            assert_eq!(tree.at(path).sha256(), Some(sha256(text.as_bytes()).as_str()), "{arch}");
        };
        is("machine", &format!("{machine}\n"));
        is("word", &format!("{word}\n"));
        is("beside", "beside\n");
        assert_eq!(tree.get("only-here").is_some(), arch == "arm64");
    }
    // Whoever reads the log can tell one platform's steps from the other's.
    for platform in ["linux/amd64", "linux/arm64"] {
        let named = outcome.progress.ran().into_iter().filter(|name| name.contains(platform)).count();
        assert!(named >= 2, "{platform}: {:#?}", outcome.progress.ran());
    }
}

#[test]
fn a_foreign_step_that_fails_says_its_platform_and_line() {
    Lab::get().emulate(Architecture::Arm64);
    let project = on_tiny(json!([{"run": "test \"$(uname -m)\" = x86_64"}]));
    let outcome = project.build(&BuildOptions::oci().platform(BOTH)).failed();
    assert!(outcome.message.contains(">>>"), "{}", outcome.message);
    let failed = outcome.progress.vertices.iter().filter(|vertex| vertex.error.is_some());
    let failed: Vec<&str> = failed.map(|vertex| vertex.name.as_str()).collect();
    assert!(failed.iter().any(|name| name.starts_with("[linux/arm64 only ")), "{failed:?}");
    assert!(!failed.iter().any(|name| name.contains("linux/amd64")), "{failed:?}");
}

#[test]
fn platforms_are_normalised_and_each_built_once() {
    let project = on_scratch(json!([{"file": {"path": "/f", "content": "x"}}]));
    let asked = "linux/aarch64,linux/arm64/v8,linux/arm,linux/arm/v7,linux/arm/v6";
    let images = project.build(&BuildOptions::oci().platform(asked)).succeeded().layout().images();
    let platform = |image: &OciImage| {
        let text = |member: &str| image.config_json()[member].as_str().unwrap_or_default().to_owned();
        [text("os"), text("architecture"), text("variant")].join("/")
    };
    let found: Vec<String> = images.iter().map(platform).collect();
    assert_eq!(found, ["linux/arm64/", "linux/arm/v7", "linux/arm/v6"]);
}

#[test]
fn one_platform_may_be_an_index_too() {
    let project = on_scratch(json!([{"file": {"path": "/f", "content": "x"}}]));
    let options = BuildOptions::oci().build_arg("BUILDKIT_MULTI_PLATFORM", "1");
    let layout = project.build(&options).succeeded().layout();
    let kind = layout.index().manifests()[0].media_type().to_string();
    assert_eq!(kind, "application/vnd.oci.image.index.v1+json");
    assert_eq!(layout.images().len(), 1);
}

#[test]
fn a_platform_outside_the_manifest_is_refused_and_the_others_are_not_built() {
    let project = on_scratch(json!([{"file": {"path": "/f", "content": "x"}}]));
    project.amend_manifest(json!({"platforms": ["linux/amd64", "linux/arm64"]}));
    let outcome = project.build(&BuildOptions::oci().platform("linux/amd64,linux/riscv64")).failed();
    for part in ["product.json:", "linux/riscv64", "linux/amd64", "linux/arm64"] {
        assert!(outcome.message.contains(part), "`{part}` is not in {}", outcome.message);
    }
    assert_eq!(outcome.progress.ran(), Vec::<&str>::new());
}

#[test]
fn a_base_without_the_platform_is_refused_by_name() {
    let project = Project::new(tiny(), &[("only", json!({"steps": [{"run": "true"}]}))]);
    let outcome = project.build(&BuildOptions::oci().platform("linux/s390x")).failed();
    for part in ["linux/s390x", tiny()] {
        assert!(outcome.message.contains(part), "`{part}` is not in {}", outcome.message);
    }
}
