//! The JSON Schemas: up to date, sound, and of one mind with the decoders.

mod catalogue;

use std::path::Path;

use catalogue::{files, fixtures, fragment_of_step, fragment_of_test, valid_steps};
use jsonschema::Validator;
use llb_gen::parse::RawFragment;
use llb_gen::text::SourceFile;
use serde_json::Value;

fn schema(name: &str) -> Value {
    let (_, text) =
        llb_gen::schema::files().into_iter().find(|(file, _)| *file == name).expect("a known schema");
    serde_json::from_str(&text).expect("a schema is JSON")
}

fn validator(name: &str) -> Validator {
    let schema = schema(name);
    assert!(jsonschema::meta::is_valid(&schema), "{name} is no JSON Schema");
    jsonschema::validator_for(&schema).expect("a sound schema")
}

fn objections(validator: &Validator, text: &str) -> Vec<String> {
    let json: String = text.lines().filter(|line| !line.starts_with("//")).collect::<Vec<_>>().join("\n");
    let document = serde_json::from_str(&json).expect("a document is JSON");
    validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path)).collect()
}

#[test]
fn schemas_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    for (name, text) in llb_gen::schema::files() {
        let written = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let command = "cargo run -p llb-gen --features schema --example write-schemas";
        assert!(written == text, "schemas/{name} is stale: run `{command}`");
    }
}

#[test]
fn the_schemas_take_what_the_decoders_take() {
    let fragment = validator("fragment.schema.json");
    for step in valid_steps() {
        assert_eq!(objections(&fragment, &fragment_of_step(&step)), Vec::<String>::new(), "{step}");
    }
    for (path, text) in files() {
        let kind = match path.split('/').nth(1) {
            _ if path.starts_with("fragments") => "fragment.schema.json",
            Some("templates") => "template.schema.json",
            _ => "manifest.schema.json",
        };
        assert_eq!(objections(&validator(kind), &text), Vec::<String>::new(), "{path}");
    }
}

#[test]
fn the_schemas_refuse_what_has_the_wrong_shape() {
    let fragment = validator("fragment.schema.json");
    let documents = |name: &str, around: fn(&str) -> String| -> Vec<String> {
        let cases = std::fs::read_to_string(fixtures().join("invalid").join(name)).unwrap();
        cases.lines().filter(|line| line.starts_with('{')).map(around).collect()
    };
    let steps = documents("step.cases", fragment_of_step);
    let mut refused = 0;
    for text in steps.into_iter().chain(documents("test.cases", fragment_of_test)) {
        let file = SourceFile::new("f", text.clone().into_bytes());
        let Err(faults) = RawFragment::parse(&file) else { continue };
        let shape = ["unknown-member", "wrong-type", "no-action", "several-actions", "invalid-branch"];
        let repeated = faults.errors().any(|one| one.rule() == "repeated-member");
        if faults.errors().any(|one| shape.contains(&one.rule())) && !repeated {
            assert!(!objections(&fragment, &text).is_empty(), "the schema takes {text}\n{faults}");
            refused += 1;
        }
    }
    assert!(refused > 40, "only {refused} cases");
}

#[test]
fn the_examples_in_the_schemas_are_valid() {
    for (name, _) in llb_gen::schema::files() {
        let example = schema(name)["examples"][0].to_string();
        assert_eq!(objections(&validator(name), &example), Vec::<String>::new(), "{name}");
    }
}

/// Every member says what it is for, so that an editor can teach the language.
#[test]
fn every_member_is_described() {
    fn walk(value: &Value, path: &str, missing: &mut Vec<String>) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            for (name, member) in properties {
                let text = member.get("description").and_then(Value::as_str).unwrap_or_default();
                if text.len() < 10 {
                    missing.push(format!("{path}.{name}"));
                }
            }
        }
        let parts = value.as_object().into_iter().flatten();
        parts.for_each(|(name, part)| walk(part, &format!("{path}.{name}"), missing));
        let items = value.as_array().into_iter().flatten();
        items.for_each(|item| walk(item, path, missing));
    }
    for (name, text) in llb_gen::schema::files() {
        let mut missing = Vec::new();
        walk(&serde_json::from_str(&text).unwrap(), name, &mut missing);
        assert!(missing.is_empty(), "without a description: {missing:?}");
    }
}
