//! Plans: what a matrix expands to, the products of its combinations, and what is written about them.

mod catalogue;

use std::collections::BTreeMap;

use llb_gen::check::FileState;
use llb_gen::matrix::{Listing, ListingRow, Plan, Summary, SummaryRow};
use llb_gen::model::Product;
use llb_gen::parse::{RawManifest, RawPlan};
use llb_gen::record::{ErrorKind, ErrorRecord, Execution, Outcome, Record, TestEntry, Verdict};
use llb_gen::text::SourceFile;

fn plan(members: &str) -> Plan {
    let text = format!("{{\"id\": \"p\", \"manifest\": \"m\", {members}}}");
    let raw = RawPlan::parse(&SourceFile::new("manifests/plans/p.json", text.as_bytes()));
    raw.and_then(Plan::check).unwrap_or_else(|faults| panic!("{}", faults.excerpts())).0
}

fn slugs(members: &str) -> Vec<String> {
    plan(members).combinations().iter().map(|one| one.slug().to_owned()).collect()
}

#[test]
fn axes_are_sorted_by_name_and_versions_as_versions() {
    let found = slugs(r#""matrix": {"light": ["0.10.0", "0.9.0"], "core": ["0.1.0"]}"#);
    assert_eq!(found, ["core-0.1.0_light-0.9.0", "core-0.1.0_light-0.10.0"]);
}

#[test]
fn rows_are_left_out_and_added() {
    let found = slugs(
        r#""matrix": {"core": ["0.1.0", "0.2.0"], "light": ["0.1.0", "0.2.0"]},
           "exclude": [{"core": "0.1.0", "light": "0.2.0"}],
           "include": [{"core": "0.3.0-rc.1", "light": "0.2.0"}, {"light": "0.3.0"}]"#,
    );
    let expected = [
        "core-0.1.0_light-0.1.0",
        "core-0.1.0_light-0.3.0",
        "core-0.2.0_light-0.1.0",
        "core-0.2.0_light-0.2.0",
        "core-0.2.0_light-0.3.0",
        "core-0.3.0-rc.1_light-0.2.0",
    ];
    assert_eq!(found, expected);
}

#[test]
fn an_excluded_combination_can_be_put_back() {
    let found = slugs(
        r#""matrix": {"core": ["0.1.0", "0.2.0"]}, "exclude": [{"core": "0.2.0"}], "include": [{"core": "0.2.0"}]"#,
    );
    assert_eq!(found, ["core-0.1.0", "core-0.2.0"]);
}

#[test]
fn names_of_combinations_are_paths_and_tags() {
    let table = [
        (r#""matrix": {"platform": ["linux/arm64"]}"#, "platform-linux-arm64"),
        (
            r#""matrix": {"base": ["debian:bookworm-slim"], "core": ["1.0.0"]}"#,
            "base-debian-bookworm-slim_core-1.0.0",
        ),
        (r#""matrix": {"accelerator": ["none"]}"#, "accelerator-none"),
        (r#""matrix": {"args.APP_PORT": [8080]}"#, "args.APP_PORT-8080"),
    ];
    for (members, expected) in table {
        assert_eq!(slugs(members), [expected]);
    }
    let odd = slugs(r#""matrix": {"args.A": ["x y", "x+y"]}"#);
    assert!(odd[0] != odd[1] && odd[0].starts_with("args.A-x-y-"), "{odd:?}");
    let long = slugs(&format!(r#""matrix": {{"args.A": ["{}", "{}b"]}}"#, "a".repeat(300), "a".repeat(300)));
    assert!(long[0] != long[1] && long[0].len() == 120, "{long:?}");
}

#[test]
fn pairwise_reduces_what_is_many() {
    let axis = |name: &str| {
        let values: Vec<String> = (0..10).map(|at| at.to_string()).collect();
        format!("\"args.{name}\": [{}]", values.join(","))
    };
    let axes: Vec<String> = ["A", "B", "C", "D"].into_iter().map(axis).collect();
    let members = format!(
        r#""matrix": {{{}}}, "strategy": "pairwise", "exclude": [{{"args.A": 1, "args.B": 2}}]"#,
        axes.join(",")
    );
    let plan = plan(&members);
    let rows = plan.combinations();
    assert!((100..=200).contains(&rows.len()), "{}", rows.len());
    let excluded = |slug: &str| slug.starts_with("args.A-1_args.B-2_");
    assert!(!rows.iter().any(|row| excluded(row.slug())));
}

#[test]
fn the_last_expectation_that_fits_counts() {
    let plan = plan(
        r#""matrix": {"core": ["0.1.0", "0.2.0"], "light": ["0.1.0", "0.2.0"]},
           "expect": [
             {"when": {"light": "0.2.0"}, "verdict": "fail"},
             {"when": {"light": "0.2.0", "core": ["0.2.0"]}, "verdict": "pass"},
             {"when": {"platform": "linux/arm64"}, "verdict": "skipped"}
           ]"#,
    );
    let expected = |platform: &str| -> Vec<Verdict> {
        let platform = platform.parse().unwrap();
        plan.combinations().iter().map(|one| plan.expected(one, &platform)).collect()
    };
    assert_eq!(expected("linux/amd64"), [Verdict::Pass, Verdict::Fail, Verdict::Pass, Verdict::Pass]);
    assert_eq!(expected("linux/arm64"), [Verdict::Skipped; 4]);
}

#[test]
fn a_plan_is_known_by_its_matrix() {
    let is_plan = |text: &str| Plan::is_plan(&SourceFile::new("x.json", text.as_bytes()));
    assert!(is_plan("# syntax=x\n{\"matrix\": 1}"));
    for text in
        ["", "{", "[]", r#"{"id": "m", "base": "scratch", "fragments": []}"#, r#"{"a": {"matrix": 1}}"#]
    {
        assert!(!is_plan(text), "{text}");
    }
}

const MANIFEST: &str = r#"{"id": "m", "base": "debian", "platforms": ["linux/amd64", "linux/arm64"],
    "fragments": [{"name": "core", "version": "0.1.0"}, {"name": "light", "version": "0.1.0"}],
    "args": {"PORT": {"type": "int", "default": 80}}}"#;

fn manifest() -> RawManifest {
    RawManifest::parse(&SourceFile::new("manifests/m.json", MANIFEST.as_bytes())).expect("it is sound")
}

fn products(plan: &Plan) -> Vec<Product> {
    let manifest = manifest();
    let entries = plan.catalogue(&manifest);
    let file = |path: &str| {
        let parts: Vec<&str> = path.split('/').collect();
        let text = format!(
            r#"{{"name": "{}", "version": "{}", "steps": [{{"run": "echo {}"}}]}}"#,
            parts[1], parts[2], parts[2]
        );
        FileState::Present(SourceFile::new(path, text.into_bytes()))
    };
    let files: BTreeMap<String, FileState> =
        entries.iter().map(|entry| (entry.path.clone(), file(&entry.path))).collect();
    plan.products(&manifest, &files).unwrap_or_else(|faults| panic!("{}", faults.excerpts())).0
}

#[test]
fn a_combination_replaces_what_its_axes_name_and_nothing_else() {
    let plan = plan(
        r#""matrix": {"core": ["0.2.0"], "accelerator": ["cuda"], "base": ["scratch"], "args.PORT": [8080]}"#,
    );
    let products = products(&plan);
    let manifest = &products[0].manifest;
    let fragments: Vec<String> =
        products[0].fragments.iter().map(|one| format!("{} {}", *one.name, *one.version)).collect();
    assert_eq!(fragments, ["core 0.2.0", "light 0.1.0"]);
    assert_eq!(manifest.accelerator.map(|one| one.to_string()).as_deref(), Some("cuda"));
    assert_eq!(manifest.base.place().to_string(), "manifests/plans/p.json:1:94");
    let default = manifest.args[0].default.as_ref().and_then(|value| value.as_literal().cloned());
    assert_eq!(default.as_deref(), Some("8080"));
    assert!(matches!(manifest.args[0].kind, llb_gen::model::ArgKind::Int { .. }), "its declaration stays");
}

#[test]
fn every_file_of_the_catalogue_is_needed_once() {
    let plan = plan(r#""matrix": {"core": ["0.1.0", "0.2.0"], "platform": ["linux/amd64", "linux/arm64"]}"#);
    let manifest = manifest();
    let paths: Vec<String> = plan.catalogue(&manifest).into_iter().map(|entry| entry.path).collect();
    let expected = [
        "fragments/core/0.1.0/fragment.json",
        "fragments/light/0.1.0/fragment.json",
        "fragments/core/0.2.0/fragment.json",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn the_listing_is_a_table_and_a_matrix_of_jobs() {
    let plan = plan(r#""matrix": {"light": ["0.2.0"]}, "expect": [{"verdict": "fail"}]"#);
    let product = &products(&plan)[0];
    let combination = &plan.combinations()[0];
    let row = ListingRow::of(product, "linux/amd64").of_combination(combination, Verdict::Fail);
    let listing = Listing {
        plan_id: Some("p".into()),
        manifest_id: "m".into(),
        strategy: Some("all".into()),
        rows: vec![row],
    };
    let expected = "plan p over manifest m: 1 combination, strategy all\n\n\
        COMBINATION   PLATFORM      EXPECTED   FRAGMENTS\n\
        light-0.2.0   linux/amd64   fail       core@0.1.0 light@0.2.0\n";
    assert_eq!(listing.text(), expected);
    let job = serde_json::json!({"include": [{
        "slug": "light-0.2.0", "platform": "linux/amd64", "fragments": "core@0.1.0 light@0.2.0",
        "accelerator": "none", "combination": {"light": "0.2.0"}, "expect": "fail",
    }]});
    assert_eq!(listing.github(), job);
}

fn record(status: Verdict) -> Record {
    let digest = format!("sha256:{}", "a".repeat(64));
    Record {
        schema_version: 1,
        build_id: "m-core-0.1.0-linux-amd64-0123456789ab".into(),
        manifest_id: "m".into(),
        product_id: "m".into(),
        combination: None,
        template_id: None,
        template_version: None,
        base_digest: digest.clone(),
        fragments: Vec::new(),
        platform: "linux/amd64".into(),
        arch: "amd64".into(),
        execution: Execution::Native,
        accelerator: None,
        selection_key: digest.clone(),
        test_hash: digest,
        tests: vec![TestEntry {
            name: "core/python".into(),
            verdict: status,
            reason: None,
            location: "f:1".into(),
            wall_ms: 1250,
            cpu_ms: 1,
            peak_memory: 1,
        }],
        limits: None,
        peaks: None,
        result: Outcome {
            status,
            tested_at: Some("2026-11-20T10:00:43Z".into()),
            image_digest: None,
            notes: None,
        },
        evidence: None,
        sbom: None,
        frontend_version: "0.1.0".into(),
        helper_version: "0.1.0".into(),
    }
}

fn error() -> ErrorRecord {
    ErrorRecord {
        schema_version: 1,
        build_id: "m-core-0.1.0-linux-amd64-0123456789ab".into(),
        manifest_id: Some("m".into()),
        platform: None,
        kind: ErrorKind::Step,
        reason: "`pip install` exited with 1".into(),
        fragment: Some("light".into()),
        version: Some("0.2.0".into()),
        step: Some("[light 0.2.0 1/2] pip install".into()),
        location: Some("fragments/light/0.2.0/fragment.json:7".into()),
        exit_code: Some(1),
        log_excerpt: Vec::new(),
    }
}

/// Rows of a plan of `count` combinations, of which `failing` fail.
fn summary(count: usize, failing: usize) -> Summary {
    let values: Vec<String> = (0..count).map(|at| at.to_string()).collect();
    let plan = plan(&format!(r#""matrix": {{"args.A": [{}]}}"#, values.join(",")));
    let rows = plan.combinations().iter().enumerate().map(|(at, combination)| {
        let row = SummaryRow::new(combination, "linux/amd64", Verdict::Pass, "b");
        match at + failing < count {
            true => row.recorded(&record(Verdict::Pass), "2026-11-20T10:00:44Z"),
            false => row.recorded(&record(Verdict::Fail), "2026-11-20T10:00:00Z").failed(&error()),
        }
    });
    Summary::new(&plan, rows.collect())
}

#[test]
fn a_summary_says_where_what_failed_and_what_was_cached() {
    let summary = summary(2, 1);
    let expected = "# Plan p\n\nplan p over manifest m: 2 rows, 1 NOT as expected (1 pass, 1 fail)\n\n\
        | combination | platform | expected | actual | outcome | tests | time | from | selection | failed at |\n\
        | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n\
        | args.A-0 | linux/amd64 | pass | pass | as expected | 1/1 | 1.2 s | cached | aaaaaaaaaaaa |  |\n\
        | args.A-1 | linux/amd64 | pass | fail | UNEXPECTED | 0/1 | 1.2 s | run | aaaaaaaaaaaa | [light 0.2.0 1/2] pip install |\n";
    assert_eq!(summary.markdown(), expected);
    let back: Summary = serde_json::from_slice(&summary.json()).unwrap();
    assert_eq!(back, summary);
}

#[test]
fn a_long_summary_begins_with_what_is_not_as_expected() {
    let text = summary(200, 3).markdown();
    let unexpected = text.find("## Not as expected").unwrap();
    let row = text.find("args.A-199").unwrap();
    assert!(unexpected < row && row < text.find("## As expected").unwrap());
    assert_eq!(text.lines().filter(|line| line.starts_with("| args.A-")).count(), 200);
    let terminal = summary(200, 3).text();
    assert_eq!(terminal.lines().skip(3).take(3).filter(|line| line.contains("UNEXPECTED")).count(), 3);
}

#[test]
fn an_error_is_never_as_expected() {
    let plan = plan(r#""matrix": {"args.A": [1]}"#);
    let row = SummaryRow::new(&plan.combinations()[0], "linux/amd64", Verdict::Fail, "b");
    assert!(!row.clone().recorded(&record(Verdict::Error), "2026").as_expected);
    assert!(row.recorded(&record(Verdict::Fail), "2026").as_expected);
}

#[test]
fn a_summary_fits_its_schema() {
    let schemas = llb_gen::schema::files();
    let (_, schema) = schemas.iter().find(|(name, _)| *name == "summary.schema.json").unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&summary(3, 1).json()).unwrap();
    let objections: Vec<String> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
    assert_eq!(objections, Vec::<String>::new());
}

#[test]
fn the_schema_takes_a_plan_with_every_member() {
    let text = r#"{"syntax": "localhost/factory/frontend:dev", "$schema": "../../schemas/plan.schema.json", "id": "p",
        "description": "x", "manifest": "m",
        "matrix": {"core": ["0.1.0"], "base": ["scratch"], "args.PORT": [80, true, "x"], "accelerator": ["none"]},
        "exclude": [{"args.PORT": 80}], "include": [{"core": ["0.2.0"]}], "strategy": "pairwise",
        "expect": [{"verdict": "skipped"}, {"when": {"platform": ["linux/amd64"]}, "verdict": "fail"}],
        "concurrency": 16, "platforms": ["linux/amd64"]}"#;
    let raw = RawPlan::parse(&SourceFile::new("manifests/plans/p.json", text.as_bytes()));
    raw.and_then(Plan::check).unwrap_or_else(|faults| panic!("{}", faults.excerpts()));
    let schemas = llb_gen::schema::files();
    let (_, schema) = schemas.iter().find(|(name, _)| *name == "plan.schema.json").unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    let json = serde_json::from_str(text).unwrap();
    let objections: Vec<String> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
    assert_eq!(objections, Vec::<String>::new());
    let wrong = serde_json::json!({"id": "p", "manifest": "m", "matrix": {"core": "0.1.0"}, "expect": [{"verdict": "error"}]});
    assert!(validator.iter_errors(&wrong).count() >= 2);
}
