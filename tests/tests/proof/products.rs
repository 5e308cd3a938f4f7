//! Products whose tests are of interest and whose content is not.

use factory_tests::{Project, unique};
use serde_json::{Value, json};

/// What every product here is built on where it runs something.
pub(crate) const DEBIAN: &str = "debian:bookworm-slim";
/// The definition of the fragment of a product that has one.
pub(crate) const FRAGMENT: &str = "fragments/only/0.1.0/fragment.json";

/// A product on Debian with a file that no other build has, and these tests of its one fragment.
pub(crate) fn tested(tests: Value) -> Project {
    let content = unique();
    let project = Project::empty();
    project.manifest(json!({"base": DEBIAN, "fragments": [{"name": "only", "version": "0.1.0"}]}));
    with_tests(&project, &content, tests);
    project
}

/// The members of a definition over those that it has.
pub(crate) fn with(mut definition: Value, members: Value) -> Value {
    let Value::Object(members) = members else { panic!("members are an object") };
    definition.as_object_mut().unwrap().extend(members);
    definition
}

/// Writes the fragment: a file with this content, a step that runs something, and tests.
#[expect(clippy::needless_pass_by_value, reason = "tests are written in place")]
pub(crate) fn with_tests(project: &Project, content: &str, tests: Value) {
    let steps = json!([
        {"file": {"path": "/srv/content", "content": content}},
        {"run": "echo the step says $(cat /srv/content)"}
    ]);
    project.fragment("only", json!({"steps": steps, "tests": tests}));
}

/// The test that fails of every product here, and says so.
pub(crate) fn says_no() -> Value {
    json!({"name": "says-no", "run": "echo what the test saw; exit 3"})
}

/// One that passes.
pub(crate) fn says_yes() -> Value {
    json!({"name": "says-yes", "run": "test -s /srv/content"})
}

/// The line, from 1, on which the object begins that has a member with this text in a file of the project.
pub(crate) fn line_of(project: &Project, file: &str, text: &str) -> usize {
    let content = std::fs::read_to_string(project.path(file)).unwrap();
    let lines: Vec<&str> = content.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let member = lines.iter().position(|line| line.contains(text));
    let member = member.unwrap_or_else(|| panic!("{text:?} is not in {file}:\n{content}"));
    let begins = |line: &&str| line.trim() == "{" && indent(line) < indent(lines[member]);
    lines[..member].iter().rposition(begins).unwrap() + 1
}
