//! A product whose base has moved keeps its fragments' layers.

use factory_tests::{BuildOptions, Lab, Project, Pushed, Repository, unique};
use serde_json::json;

use crate::parts::{Part, assert_content, merged, tree};
use crate::small::small;

const STATUS: &str = "/var/lib/dpkg/status";

/// The record of an installed package, as the package database has it.
fn stanza(package: &str) -> String {
    format!(
        "Package: {package}\nStatus: install ok installed\nArchitecture: all\nVersion: 1.0\nDescription: a test\n\n"
    )
}

/// Puts a record in front of those that are there. The packages of these tests are installed in falling order.
fn install(salt: &str, package: &str) -> String {
    let stanza = stanza(package).replace('\n', "\\n");
    format!(
        "{{ printf '%b' '{stanza}'; cat {STATUS}; }} > /tmp/{salt}; cat /tmp/{salt} > {STATUS}; rm /tmp/{salt}"
    )
}

/// The first base and the one that it moves to: one layer more, with another package.
fn bases(repository: &Repository, salt: &str) -> (Pushed, Pushed) {
    let first = json!([
        {"file": {"path": STATUS, "content": stanza("gamma")}},
        {"file": {"path": "/etc/os-release", "content": format!("ID=one {salt}\n")}}
    ]);
    let first = Project::new(&small().reference, &[("os", json!({"steps": first}))]);
    let (_, first) = repository.push("os-1", &first, &BuildOptions::default());
    let second = json!([{"run": [install(salt, "delta"), "echo two > /etc/os-release"]}]);
    let second = Project::new(&first.reference, &[("patch", json!({"steps": second}))]);
    let (_, second) = repository.push("os-2", &second, &BuildOptions::default());
    assert!(second.stands_on(&first) && second.layers.len() == first.layers.len() + 1);
    (first, second)
}

fn product(base: &str, salt: &str) -> Project {
    merged(
        base,
        &[
            Part::new(
                "alpha",
                &[],
                json!([{"run": [install(salt, "alpha"), "mkdir /opt", "echo 1 > /opt/alpha"]}]),
            ),
            Part::new(
                "beta",
                &[],
                json!([{"run": [install(salt, "beta"), "mkdir /opt", "echo 2 > /opt/beta"]}]),
            ),
            Part::new("app", &["alpha"], json!([{"run": "cat /opt/alpha > /opt/app"}])),
        ],
    )
}

#[test]
fn fragments_keep_their_layers_on_another_base() {
    let (repository, salt) = (Repository::fresh(), unique());
    let (first, second) = bases(&repository, &salt);
    let (_, before) =
        repository.push("product-1", &product(&first.reference, &salt), &BuildOptions::default());
    assert!(before.stands_on(&first));
    let moved = product(&second.reference, &salt);
    let options = BuildOptions::default().build_arg("FACTORY_BUILT_ON", &first.reference);
    let _alone = Lab::get().alone();
    let (outcome, after) = repository.push("product-2", &moved, &options);
    let ran = outcome.progress.ran();
    let of_fragments: Vec<&&str> = ran.iter().filter(|name| !name.starts_with("[product] ")).collect();
    assert!(of_fragments.is_empty(), "{of_fragments:#?}");
    assert!(after.stands_on(&second), "{:#?}", after.layers);
    for name in ["alpha", "beta", "app"] {
        assert_eq!(before.of_fragment(name), after.of_fragment(name));
        assert_eq!(after.of_fragment(name).len(), 1, "{:#?}", after.layers);
    }
    let merged = tree(&moved, &options);
    let packages: String = ["alpha", "beta", "delta", "gamma"].map(stanza).concat();
    assert_content(&merged, "var/lib/dpkg/status", &packages);
    assert_content(&merged, "etc/os-release", "two\n");
    assert_content(&merged, "opt/app", "1\n");
}

#[test]
fn a_base_that_changed_what_a_fragment_changed_is_refused() {
    let (repository, salt) = (Repository::fresh(), unique());
    let os = |version: &str| stanza("tool").replace("Version: 1.0", &format!("Version: {version}"));
    let base = |tag: &str, version: &str| {
        let steps = json!([{"file": {"path": STATUS, "content": os(version)}},
                           {"file": {"path": "/etc/salt", "content": salt}}]);
        let project = Project::new(&small().reference, &[("os", json!({"steps": steps}))]);
        repository.push(tag, &project, &BuildOptions::default()).1
    };
    let (first, second) = (base("os-1", "1.0"), base("os-2", "2.0"));
    let upgrade = format!("sed -i 's/^Version: .*/Version: 3.0/' {STATUS}");
    let part = Part::new("upgrade", &[], json!([{"run": upgrade}]));
    let moved = merged(&second.reference, &[part]);
    let options = BuildOptions::default().build_arg("FACTORY_BUILT_ON", &first.reference);
    let outcome = moved.build(&options).failed();
    let said = crate::parts::said(&outcome);
    for word in ["tool", "upgrade 0.1.0", "1.0", "2.0", "3.0"] {
        assert!(said.contains(word), "`{word}` is not in:\n{said}");
    }
}
