//! Contracts, looked up in what was built.

use factory_tests::{BuildOptions, Lab, unique};
use serde_json::{Value, json};

use crate::parts::{Part, merged, said};
use crate::small::small;

const FILE: &str = "fragments/only/0.1.0/fragment.json";

/// A fragment beside another, with these contracts.
fn parts(members: &[(&str, Value)]) -> Vec<Part> {
    let salt = unique();
    let steps = json!([
        {"run": ["mkdir -p /opt/app", "printf '#!/bin/sh\\necho tool 2.5.1\\n' > /usr/bin/tool", "chmod 755 /usr/bin/tool"]},
        {"file": {"path": "/opt/app/salt", "content": salt}}
    ]);
    let only = Part::new("only", &[], steps);
    let only = members.iter().fold(only, |part, (name, value)| part.with(name, value.clone()));
    vec![Part::new("lower", &[], json!([{"file": {"path": "/lower", "content": salt}}])), only]
}

/// The line of a text in the fragment's file, from 1.
fn line_of(project: &factory_tests::Project, text: &str) -> usize {
    let file = std::fs::read_to_string(project.path(FILE)).unwrap();
    file.lines().position(|line| line.contains(text)).unwrap() + 1
}

#[test]
fn contracts_that_hold_let_the_image_through() {
    let contracts =
        json!(["command:tool>=2.5,<3", "path:/opt/app/", "path:/opt/app/salt", "user:staff", "group:staff"]);
    let members =
        [("provides", contracts), ("requires", json!(["command:sh", "user:root", "path:/etc/passwd"]))];
    let project = merged(&small().reference, &parts(&members));
    let outcome = project.build(&BuildOptions::oci()).succeeded();
    assert!(outcome.progress.vertex("[only 0.1.0] check what it provides").completed);
    assert!(outcome.progress.vertex("[only 0.1.0] check what it requires").completed);
    // Another contract is looked up in what is there already.
    let mut fragment: Value = serde_json::from_slice(&std::fs::read(project.path(FILE)).unwrap()).unwrap();
    fragment["provides"] = json!(["command:tool"]);
    project.fragment("only", fragment);
    let _alone = Lab::get().alone();
    let again = project.build(&BuildOptions::oci()).succeeded();
    let ran: Vec<&str> =
        again.progress.ran().into_iter().filter(|name| !name.starts_with("[internal] ")).collect();
    assert_eq!(ran, ["[only 0.1.0] check what it provides"]);
    assert_eq!(again.image().layer_digests(), outcome.image().layer_digests());
}

#[test]
fn a_contract_that_does_not_hold_is_an_error_at_its_line() {
    let cases = [
        ("provides", "command:python3"),
        ("provides", "command:tool>=3"),
        ("provides", "path:/opt/app/salt/"),
        ("provides", "user:nobody-knows"),
        ("provides", "python:numpy"),
        ("requires", "command:tool"),
        ("requires", "path:/opt/app/"),
    ];
    for (side, contract) in cases {
        let project = merged(&small().reference, &parts(&[(side, json!([contract]))]));
        let outcome = project.build(&BuildOptions::oci()).failed();
        let said = said(&outcome);
        assert!(said.contains(contract), "`{contract}` is not named:\n{said}");
        let place = format!("{FILE}:{}", line_of(&project, contract));
        assert!(outcome.message.contains(&place), "`{place}` is not in:\n{}", outcome.message);
    }
}

#[test]
fn contracts_hold_for_chains_as_well() {
    let fragment = json!({"steps": [{"run": "true"}], "provides": ["command:python3"]});
    let project = factory_tests::Project::new(&small().reference, &[("only", fragment)]);
    let outcome = project.build(&BuildOptions::default()).failed();
    assert!(outcome.message.contains(FILE), "{}", outcome.message);
}
