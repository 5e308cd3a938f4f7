//! The graph as people see it, held against golden files. `BLESS=1 cargo test -p llb-gen --test chart` rewrites them, for review.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::Path;
use std::sync::Arc;

use llb_gen::chart::Chart;
use llb_gen::llb::source::Image;
use llb_gen::llb::{
    Access, CachePolicy, Exec, FileOp, Graph, LineRange, Location, Meta, Mkfile, Mount, Platform, SourceInfo,
    State, diff, merge,
};

/// A product whose notes are the same on every platform; its app is merged from what it adds, and takes the second output of a step.
fn product(arch: &str) -> Graph {
    let platform = Platform::new("linux", arch);
    let named = |name: &str| Meta::named(format!("[linux/{arch} {name}"));
    let file = SourceInfo {
        filename: "fragments/core/1.0.0/fragment.json".into(),
        data: Arc::default(),
        language: "JSON".into(),
        loading: None,
    };
    let base = Image::new("docker.io/library/debian:12").platform(platform.clone());
    let base = base.meta(named("base] debian:12")).state();
    let notes = FileOp::on(&State::scratch()).mkfile(Mkfile::new("/notes", 0o644, "x"));
    let notes = notes.meta(Meta::named("[internal] load notes")).state();
    let core = Exec::new(["make"])
        .platform(platform.clone())
        .root(&base)
        .mount(Mount::bind("/out", &State::scratch(), Access::Output))
        .meta(
            named("core 1.0.0 1/2] run \"make\"")
                .location(Location { file: Arc::new(file), lines: LineRange::new(3, 4) }),
        )
        .run();
    let app = Exec::new(["install"])
        .platform(platform)
        .root(&core.root())
        .mount(Mount::read_only("/in", &core.mount("/out")))
        .mount(Mount::read_only("/notes", &notes))
        .meta(named("app 1.0.0 1/1] install <app>").cache(CachePolicy::Ignore))
        .run();
    let delta = diff(&core.root(), &app.root(), named("app 1.0.0] delta"));
    Graph::of(&merge([&base, &delta], named("product] merge")))
}

fn chart() -> Chart {
    let mut chart = Chart::default();
    for arch in ["amd64", "arm64"] {
        chart.add(&format!("linux/{arch}"), &format!("linux/{arch}").parse().unwrap(), &product(arch));
    }
    chart
}

#[track_caller]
fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chart").join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{}", path.display());
}

#[test]
fn two_platforms_are_one_chart_in_every_format() {
    let chart = chart();
    golden("two.txt", &chart.text("app"));
    golden("two.dot", &chart.dot("app"));
    golden("two.mmd", &chart.mermaid());
    golden("two.json", &(serde_json::to_string_pretty(&chart).unwrap() + "\n"));
}

#[test]
fn what_two_platforms_share_is_there_once() {
    let json = serde_json::to_value(chart()).unwrap();
    let vertices = json["vertices"].as_array().unwrap();
    let each = product("amd64").len();
    assert_eq!(vertices.len(), 2 * each - 1, "the notes are shared");
    let shared: Vec<_> =
        vertices.iter().filter(|one| one["results"].as_array().unwrap().len() == 2).collect();
    assert_eq!(shared.len(), 1);
    assert_eq!(shared[0]["name"], "[internal] load notes");
    assert!(shared[0].get("platform").is_none());
}

#[test]
fn an_empty_filesystem_has_no_vertices() {
    let mut chart = Chart::default();
    chart.add("linux/amd64", &"linux/amd64".parse().unwrap(), &Graph::of(&State::scratch()));
    assert_eq!(chart.text("empty"), "empty: 0 vertices, 0 edges\n\nresult linux/amd64: empty\n");
}
