//! JSON Schemas of the documents (feature `schema`), made from the same definitions that decode them.
//!
//! What members there are, which ones must be there, and what each may hold comes from the decoders themselves; the
//! descriptions are the documentation of the members. `examples/write-schemas.rs` writes the files, a test compares.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value as Json, json};

use crate::matrix::Summary;
use crate::model::{Platform, TextValue};
use crate::parse::decode::Member;
use crate::parse::raw::fragment::FragmentFile;
use crate::parse::raw::lock::LockFile;
use crate::parse::raw::manifest::ManifestFile;
use crate::parse::raw::matrix::PlanFile;
use crate::parse::raw::policy::PolicyFile;
use crate::parse::raw::template::TemplateFile;
use crate::record::{ErrorRecord, Record};

/// The name of each schema's file and its text, ready to be written below `schemas/`.
#[must_use]
pub fn files() -> Vec<(&'static str, String)> {
    vec![
        ("fragment.schema.json", text(root::<FragmentFile>("A fragment", FRAGMENT))),
        ("manifest.schema.json", text(root::<ManifestFile>("A manifest", MANIFEST))),
        ("template.schema.json", text(root::<TemplateFile>("A template", TEMPLATE))),
        ("plan.schema.json", text(root::<PlanFile>("A plan", PLAN))),
        ("lock.schema.json", text(root::<LockFile>("A lock", LOCK))),
        ("policy.schema.json", text(root::<PolicyFile>("A policy", POLICY))),
        ("summary.schema.json", text(root::<Summary>("A summary of a plan", SUMMARY))),
        ("record.schema.json", text(root::<Record>("A compatibility record", RECORD))),
        ("error.schema.json", text(root::<ErrorRecord>("An error record", ERROR))),
    ]
}

const MANIFEST: &str = r#"{
  "syntax": "localhost/factory/frontend:dev",
  "id": "llm_serve",
  "template": {"id": "llm_serve", "version": "0.1.0"},
  "base": "debian:bookworm-slim",
  "platforms": ["linux/amd64", "linux/arm64"],
  "fragments": {"core": "0.1.0", "app": "1.2.0"}
}"#;
const TEMPLATE: &str = r#"{
  "id": "llm_serve",
  "version": "0.1.0",
  "slots": ["core", {"name": "app", "description": "the server"}],
  "shell": ["/bin/bash", "-o", "pipefail", "-c"]
}"#;
const PLAN: &str = r#"{
  "syntax": "localhost/factory/frontend:dev",
  "id": "incompatible_core_light",
  "manifest": "llm_factory",
  "matrix": {"core": ["0.1.0", "0.3.0"], "light": ["0.1.0", "0.2.0"]},
  "expect": [{"when": {"light": "0.2.0"}, "verdict": "fail"}]
}"#;
const LOCK: &str = r#"{
  "schema_version": 1,
  "manifest": "llm_serve",
  "images": {
    "docker.io/library/debian:bookworm-slim": {
      "digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "platforms": {"linux/amd64": {"architecture": "amd64", "os": "linux"}}
    }
  },
  "fragments": {
    "core 0.1.0": {
      "linux/amd64": {
        "built_on": ["debian:bookworm-slim"],
        "steps": {
          "steps/0": {"asked": ["python3"], "apt": {"python3": "3.11.2-1+b1"}},
          "steps/1": {
            "asked": ["-r requirements.txt", "(pip, python3, venv /opt/venv)"],
            "pip": {
              "files": {"requirements.txt": "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
              "options": [],
              "packages": {"idna": {"version": "3.7", "hashes": ["sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"]}}
            }
          }
        }
      }
    }
  }
}"#;
const POLICY: &str = r#"{
  "description": "what may serve models",
  "signature": {
    "keys": ["keys/release.pub"],
    "identities": [{
      "issuer": "https://token.actions.githubusercontent.com",
      "identity": "https://github.com/example/models/.github/workflows/release.yml@refs/heads/main"
    }],
    "trusted_root": "sigstore/trusted_root.json"
  },
  "platforms": {"require": ["linux/amd64"]},
  "fragments": {"deny": [{"name": "light", "versions": "<0.2.0"}]},
  "tests": {"require": ["core/python"]},
  "sbom": {"formats": ["spdx"]},
  "packages": {"deny": [{"name": "xz-utils", "versions": ">=5.6.0,<5.6.2", "reason": "CVE-2024-3094"}]},
  "record": {"max_age_days": 30},
  "base": {"images": ["debian:bookworm-slim"]}
}"#;
const SUMMARY: &str = r#"{
  "schema_version": 1,
  "plan_id": "baseline_core_light",
  "manifest_id": "llm_factory",
  "strategy": "all",
  "as_expected": true,
  "counts": {"total": 1, "pass": 1, "fail": 0, "error": 0, "skipped": 0, "unexpected": 0},
  "rows": [{
    "slug": "core-0.1.0_light-0.1.0",
    "combination": {"core": "0.1.0", "light": "0.1.0"},
    "platform": "linux/amd64",
    "expected": "pass",
    "actual": "pass",
    "as_expected": true,
    "build_id": "llm_factory-core-0.1.0_light-0.1.0-linux-amd64-0123456789ab",
    "tested_at": "2026-11-20T10:00:43Z",
    "cached": false,
    "wall_ms": 1200,
    "tests_passed": 6,
    "tests": 6
  }]
}"#;
const FRAGMENT: &str = r#"{
  "name": "core",
  "version": "0.1.0",
  "env": {"PATH": "/opt/venv/bin:${PATH}"},
  "steps": [
    {"apt": {"install": ["python3", "python3-venv"]}},
    {"pip": {"requirements": "requirements.txt"}},
    {"run": "make install", "network": "none"}
  ],
  "config": {"user": "app", "expose": "8080/tcp"}
}"#;

const RECORD: &str = r#"{
  "schema_version": 1,
  "build_id": "llm_serve-20261120T100043-linux-arm64",
  "manifest_id": "llm_serve",
  "product_id": "llm-serve",
  "template_id": "llm_serve",
  "template_version": "0.1.0",
  "base_digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "fragments": [
    {"name": "core", "version": "0.1.0", "digest": "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}
  ],
  "platform": "linux/arm64",
  "arch": "arm64",
  "execution": "emulated",
  "selection_key": "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
  "test_hash": "sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
  "tests": [
    {"name": "core/python", "verdict": "pass", "location": "fragments/core/0.1.0/fragment.json:12", "wall_ms": 12, "cpu_ms": 8, "peak_memory": 9216000}
  ],
  "result": {"status": "pass", "tested_at": "2026-11-20T10:00:43Z"},
  "evidence": {"path": "evidence/llm_serve-20261120T100043-linux-arm64.log"},
  "frontend_version": "0.1.0",
  "helper_version": "0.1.0"
}"#;
const ERROR: &str = r#"{
  "schema_version": 1,
  "build_id": "llm_serve-20261120T100043-linux-arm64",
  "type": "step",
  "reason": "`make install` exited with 2",
  "fragment": "core",
  "version": "0.1.0",
  "step": "run make install",
  "location": "fragments/core/0.1.0/fragment.json:12",
  "exit_code": 2,
  "log_excerpt": ["make: *** No rule to make target 'install'.  Stop."]
}"#;

/// The schema of a whole document.
fn root<T: JsonSchema>(title: &str, example: &str) -> Json {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    let mut json = schema.to_value();
    if let (Some(object), Ok(example)) = (json.as_object_mut(), serde_json::from_str::<Json>(example)) {
        object.insert("title".to_owned(), json!(title));
        object.insert("examples".to_owned(), json!([example]));
    }
    json
}

fn text(schema: Json) -> String {
    let sorted = sorted(schema);
    let mut text = serde_json::to_string_pretty(&sorted).unwrap_or_default();
    text.push('\n');
    text
}

/// Members in alphabetical order, whatever map the JSON library was built with.
fn sorted(value: Json) -> Json {
    match value {
        Json::Object(object) => {
            let ordered: std::collections::BTreeMap<String, Json> =
                object.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Json::Object(ordered.into_iter().collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// The schema of an object while its members are added.
pub(crate) struct ObjectSchema {
    description: String,
    properties: Map<String, Json>,
    required: Vec<&'static str>,
}

impl ObjectSchema {
    /// An object with this documentation.
    pub(crate) fn new(documentation: &str) -> Self {
        Self { description: one_line(documentation), properties: Map::new(), required: Vec::new() }
    }

    /// Adds a member of type `M`; it must be there when the decoder says so.
    pub(crate) fn member<M: Member>(
        &mut self,
        name: &'static str,
        documentation: &str,
        generator: &mut SchemaGenerator,
    ) {
        let mut schema = M::schema(generator);
        schema.insert("description".to_owned(), json!(one_line(documentation)));
        self.properties.insert(name.to_owned(), schema.to_value());
        if M::absent().is_none() {
            self.required.push(name);
        }
    }

    /// The schema.
    pub(crate) fn finish(self) -> Schema {
        let mut schema = json_schema!({
            "type": "object",
            "description": self.description,
            "properties": self.properties,
            "additionalProperties": false,
        });
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), json!(self.required));
        }
        schema
    }
}

/// Documentation as one paragraph, without the marks of code.
fn one_line(documentation: &str) -> String {
    documentation.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A string that is read as a `T` as it stands.
pub(crate) fn plain_text<T: TextValue>(_: &mut SchemaGenerator) -> Schema {
    string::<T>((!T::PATTERN.is_empty()).then(|| T::PATTERN.to_owned()))
}

/// A string that is read as a `T` after its `${…}` are replaced.
pub(crate) fn expanding_text<T: TextValue>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Expanding<T>>()
}

/// A string as in [`expanding_text`], or an object with a branch for each platform.
pub(crate) fn varying_text<T: TextValue>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Varying<T>>()
}

/// The definition of [`expanding_text`].
struct Expanding<T>(PhantomData<T>);

impl<T: TextValue> JsonSchema for Expanding<T> {
    fn schema_name() -> Cow<'static, str> {
        camel(T::WHAT).into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = string::<T>((!T::PATTERN.is_empty()).then(|| format!("{}|\\$", T::PATTERN)));
        let about = format!("{} (`${{NAME}}` is replaced): {}", T::WHAT, T::FORM);
        schema.insert("description".to_owned(), json!(about));
        schema
    }
}

/// The definition of [`varying_text`].
struct Varying<T>(PhantomData<T>);

impl<T: TextValue> JsonSchema for Varying<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}PerPlatform", camel(T::WHAT)).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        branched(&expanding_text::<T>(generator))
    }
}

/// `a file mode` as the name of a definition: `FileMode`.
fn camel(what: &str) -> String {
    let words = what
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !["a", "an", "the", "s"].contains(word));
    words
        .flat_map(|word| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)))
        .collect()
}

fn string<T: TextValue>(pattern: Option<String>) -> Schema {
    let mut schema = json_schema!({ "type": "string" });
    if let Some(pattern) = pattern {
        schema.insert("pattern".to_owned(), json!(pattern));
        // Editors that know the member show this instead of the bare pattern.
        schema.insert("patternErrorMessage".to_owned(), json!(format!("expected {}", T::FORM)));
    }
    if !T::EXAMPLES.is_empty() {
        schema.insert("examples".to_owned(), json!(T::EXAMPLES));
    }
    schema
}

/// `one`, or a list of it.
pub(crate) fn one_or_list(one: Schema) -> Schema {
    let list = json_schema!({ "type": "array", "items": one });
    any_of([one, list])
}

/// `one`, or an object with a branch for each platform.
pub(crate) fn branched(one: &Schema) -> Schema {
    let platform = Platform::PATTERN.trim_matches(['^', '$']);
    let keys = format!("^(default|cuda|{platform}([+]cuda)?)$");
    let branches = json_schema!({
        "type": "object",
        "description": "One value for each platform (`linux/amd64`), accelerator (`cuda`) or both (`linux/amd64+cuda`); `default` for the rest.",
        "patternProperties": { keys: one },
        "additionalProperties": false,
        "minProperties": 1,
    });
    any_of([one.clone(), branches])
}

/// An object whose members' names are `K`s.
pub(crate) fn map<K: TextValue>(value: &Schema) -> Schema {
    json_schema!({ "type": "object", "propertyNames": string::<K>((!K::PATTERN.is_empty()).then(|| K::PATTERN.to_owned())), "additionalProperties": value })
}

/// Any of `schemas`; one that is itself a bare choice is laid open.
pub(crate) fn any_of<const N: usize>(schemas: [Schema; N]) -> Schema {
    let mut flat: Vec<Json> = Vec::new();
    for schema in schemas {
        let choices =
            schema.as_object().filter(|object| object.len() == 1).and_then(|object| object.get("anyOf"));
        match choices.and_then(Json::as_array) {
            Some(choices) => flat.extend(choices.iter().cloned()),
            None => flat.push(schema.to_value()),
        }
    }
    flat.dedup();
    json_schema!({ "anyOf": flat })
}
