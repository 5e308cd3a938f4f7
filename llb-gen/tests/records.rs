//! Records: their written form, which others rely on.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use llb_gen::record::{
    AcceleratorFacts, Budget, CombinationEntry, ErrorKind, ErrorRecord, Execution, FragmentEntry, Outcome,
    Pointer, Record, SCHEMA_VERSION, TestEntry, Verdict,
};
use serde_json::{Value, json};

fn digest(letter: char) -> String {
    format!("sha256:{}", String::from(letter).repeat(64))
}

fn record() -> Record {
    Record {
        combination: Some(CombinationEntry { plan: "all".to_owned(), slug: "core-0.1.0".to_owned() }),
        limits: Some(Budget { memory: Some(1 << 30), time_ms: None }),
        peaks: Some(Budget { memory: Some(9_000_000), time_ms: Some(12) }),
        tests: vec![TestEntry {
            name: "core/python".to_owned(),
            verdict: Verdict::Pass,
            reason: None,
            location: "fragments/core/0.1.0/fragment.json:12".to_owned(),
            wall_ms: 12,
            cpu_ms: 8,
            peak_memory: 9_000_000,
        }],
        schema_version: SCHEMA_VERSION,
        build_id: "p-1-linux-amd64".to_owned(),
        manifest_id: "p".to_owned(),
        product_id: "llm-p".to_owned(),
        template_id: Some("t".to_owned()),
        template_version: Some("0.1.0".to_owned()),
        base_digest: digest('a'),
        fragments: vec![FragmentEntry {
            name: "core".to_owned(),
            version: "0.1.0".to_owned(),
            digest: digest('b'),
        }],
        platform: "linux/amd64".to_owned(),
        arch: "amd64".to_owned(),
        execution: Execution::Native,
        accelerator: Some(AcceleratorFacts {
            name: "cuda".to_owned(),
            driver: Some("550.54.15".to_owned()),
            model: None,
        }),
        selection_key: digest('c'),
        test_hash: digest('d'),
        result: Outcome {
            status: Verdict::Fail,
            tested_at: Some("2026-11-20T10:00:43Z".to_owned()),
            image_digest: Some(digest('e')),
            notes: None,
        },
        evidence: Some(Pointer {
            path: "evidence/p-1-linux-amd64.log".to_owned(),
            digest: Some(digest('f')),
        }),
        sbom: None,
        frontend_version: "0.1.0".to_owned(),
        helper_version: "0.1.0".to_owned(),
    }
}

/// The members that the design promises, by the names under which they are read.
fn written() -> Value {
    json!({
        "combination": {"plan": "all", "slug": "core-0.1.0"},
        "limits": {"memory": 1_073_741_824},
        "peaks": {"memory": 9_000_000, "time_ms": 12},
        "tests": [{"name": "core/python", "verdict": "pass", "location": "fragments/core/0.1.0/fragment.json:12",
                   "wall_ms": 12, "cpu_ms": 8, "peak_memory": 9_000_000}],
        "schema_version": 1,
        "build_id": "p-1-linux-amd64",
        "manifest_id": "p",
        "product_id": "llm-p",
        "template_id": "t",
        "template_version": "0.1.0",
        "base_digest": digest('a'),
        "fragments": [{"name": "core", "version": "0.1.0", "digest": digest('b')}],
        "platform": "linux/amd64",
        "arch": "amd64",
        "execution": "native",
        "accelerator": {"name": "cuda", "driver": "550.54.15"},
        "selection_key": digest('c'),
        "test_hash": digest('d'),
        "result": {"status": "fail", "tested_at": "2026-11-20T10:00:43Z", "image_digest": digest('e')},
        "evidence": {"path": "evidence/p-1-linux-amd64.log", "digest": digest('f')},
        "frontend_version": "0.1.0",
        "helper_version": "0.1.0",
    })
}

fn objections(schema: &str, document: &Value) -> usize {
    let files = llb_gen::schema::files();
    let (_, text) = files.into_iter().find(|(name, _)| *name == schema).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    jsonschema::validator_for(&schema).unwrap().iter_errors(document).count()
}

#[test]
fn a_record_is_written_and_read_in_one_form() {
    assert_eq!(serde_json::to_value(record()).unwrap(), written());
    assert_eq!(serde_json::from_value::<Record>(written()).unwrap(), record());
    assert_eq!(objections("record.schema.json", &written()), 0);
}

#[test]
fn what_is_no_record_is_refused_by_type_and_schema_alike() {
    let without = |member: &str| {
        let mut json = written();
        json.as_object_mut().unwrap().remove(member);
        json
    };
    let with = |member: &str, value: Value| {
        let mut json = written();
        json[member] = value;
        json
    };
    let refused = [
        without("schema_version"),
        without("base_digest"),
        without("fragments"),
        without("test_hash"),
        without("result"),
        with("colour", json!("red")),
        with("execution", json!("virtual")),
        with("result", json!({"status": "missing", "tested_at": "2026-11-20T10:00:43Z"})),
        with("fragments", json!([{"name": "core", "version": "0.1.0"}])),
    ];
    for json in refused {
        assert!(serde_json::from_value::<Record>(json.clone()).is_err(), "{json}");
        assert!(objections("record.schema.json", &json) > 0, "{json}");
    }
    // What only the schema sees: a tag is no digest.
    for (member, value) in [("base_digest", "ubuntu:22.04"), ("selection_key", "abc"), ("test_hash", "")] {
        assert!(objections("record.schema.json", &with(member, json!(value))) > 0, "{member}");
    }
    for right in [with("base_digest", json!("scratch")), without("template_id"), without("accelerator")] {
        assert_eq!(objections("record.schema.json", &right), 0, "{right}");
    }
}

#[test]
fn an_error_record_says_where() {
    let error = ErrorRecord {
        manifest_id: None,
        platform: None,
        schema_version: SCHEMA_VERSION,
        build_id: "p-1-linux-amd64".to_owned(),
        kind: ErrorKind::Step,
        reason: "`make` exited with 2".to_owned(),
        fragment: Some("core".to_owned()),
        version: Some("0.1.0".to_owned()),
        step: Some("run make".to_owned()),
        location: Some("fragments/core/0.1.0/fragment.json:12".to_owned()),
        exit_code: Some(2),
        log_excerpt: vec!["make: failed".to_owned()],
    };
    let json = serde_json::to_value(&error).unwrap();
    assert_eq!(json["type"], "step");
    assert_eq!(objections("error.schema.json", &json), 0);
    assert_eq!(serde_json::from_value::<ErrorRecord>(json.clone()).unwrap(), error);
    let mut long = json;
    long["log_excerpt"] = json!(vec!["line"; 41]);
    assert_eq!(objections("error.schema.json", &long), 1);
}
