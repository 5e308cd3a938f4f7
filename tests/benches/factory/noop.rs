//! Builds in which everything is cached: what the client, the daemon and the frontend take by themselves.

use std::time::Duration;

use factory_tests::oci::OciLayout;
use factory_tests::{BuildOptions, BuildOutcome, Lab, Project, on_debian, run};
use serde_json::json;

use crate::table::Table;

const RUNS: usize = 15;

/// The same product twice.
fn project() -> Project {
    let project =
        on_debian(json!([{"run": "echo 1 > /one"}, {"copy": {"src": "own.txt", "dest": "/own.txt"}}]));
    project.fragment_file("only", "own.txt", "own");
    let dockerfile =
        "FROM debian:bookworm-slim\nRUN echo 1 > /one\nCOPY fragments/only/0.1.0/own.txt /own.txt\n";
    project.write("Dockerfile", dockerfile);
    project
}

pub(crate) fn measure() -> Table {
    let project = project();
    let ours = BuildOptions::default();
    let theirs = BuildOptions::default().file("Dockerfile");
    let at_once = BuildOptions::default().words(&["--call=subrequests.describe"]);
    let variants = [
        ("the frontend that is built into the daemon", &theirs),
        ("ours, by the syntax member", &ours),
        ("ours, asked what it can be asked: returns at once", &at_once),
    ];
    for (_, options) in variants {
        let _ = project.build(options).succeeded(); // fills the cache
    }
    let mut table = Table::new("everything cached, no output");
    let mut inside = Vec::new();
    for _ in 0..RUNS {
        for (name, options) in variants {
            let outcome = project.build(options).succeeded();
            table.add(name, outcome.wall());
            if std::ptr::eq(options, &raw const ours) {
                inside.push(from_first_call_to_last(&outcome));
            }
        }
    }
    inside.sort();
    table.note(format!(
        "our process, from its first call to the last answer: min {:.1} ms, median {:.1} ms",
        inside[0].as_secs_f64() * 1000.0,
        inside[inside.len() / 2].as_secs_f64() * 1000.0
    ));
    table.note(image_size());
    table
}

/// From the first file that we ask for to the last answer: our process from its first calls to just before `Return`, waiting
/// for the daemon and the client included. Connecting and returning are not seen from outside; both take well under a
/// millisecond.
fn from_first_call_to_last(outcome: &BuildOutcome) -> Duration {
    let loads = outcome.progress.vertices.iter().filter(|vertex| vertex.name.starts_with("[internal] load"));
    // The manifest is shared with the daemon, which reads it earlier to find its syntax.
    let (ours, _): (Vec<_>, Vec<_>) = loads.partition(|vertex| !vertex.name.contains("build definition"));
    let first = ours.iter().filter_map(|vertex| vertex.starts.first()).min().copied().unwrap_or_default();
    let last = ours.iter().filter_map(|vertex| vertex.ends.last()).max().copied().unwrap_or_default();
    last.saturating_sub(first)
}

fn image_size() -> String {
    let lab = Lab::get();
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("frontend.tar");
    let _ =
        run(lab.docker().args(["save", "--output"]).arg(&archive).arg(lab.frontend())).expect("docker save");
    let image = OciLayout::open(&archive).only_image();
    let size: u64 = image.manifest().layers().iter().map(|layer| layer.size()).sum();
    format!("frontend image with its step wrapper: {size} bytes compressed")
}
