//! A plan of eight combinations against eight separate builds, on the same engine, in the same run.

use std::fmt;
use std::time::{Duration, Instant};

use factory_tests::{BuildOptions, Lab, Output, Project, unique};
use serde_json::{Value, json};

const BASE: &str = "debian:bookworm-slim";
const PLAN: &str = "manifests/plans/all.json";
/// How much work the fragments are, from the base upwards, in units of about a quarter of a second of one processor: as
/// elsewhere, what is changed most often lies on top and is least work.
const FRAGMENTS: [(&str, usize); 4] = [("security", 8), ("core", 16), ("light", 4), ("serve", 1)];
/// The axes: two versions each.
const AXES: [&str; 3] = ["core", "light", "serve"];
const VERSIONS: [&str; 2] = ["0.1.0", "0.2.0"];

/// Times of one way after the other.
pub(crate) struct Comparison {
    /// Eight builds, each of which finds nothing in the cache, as on builders of their own.
    apart: Duration,
    /// Eight builds one after another that find what those before have made.
    sharing: Duration,
    /// The plan, which finds nothing in the cache.
    plan: Duration,
    /// The same plan again.
    again: Duration,
    /// Steps of fragments that the plan ran.
    steps: usize,
}

/// Work that no cache has: bytes that are made and hashed.
fn work(units: usize, name: &str, salt: &str) -> String {
    format!(
        "head -c {}000000 /dev/urandom | sha256sum; mkdir -p /opt && echo {salt} > /opt/{name}",
        units * 60
    )
}

/// The catalogue, with content that no run before had.
fn catalogue() -> Project {
    let (project, salt) = (Project::empty(), unique());
    for (name, units) in FRAGMENTS {
        for version in VERSIONS {
            let steps =
                json!([{"run": format!("{}; echo {version} >> /opt/{name}", work(units, name, &salt))}]);
            let tests = json!([{"name": "is-made", "run": format!("grep -qx {version} /opt/{name}")}]);
            let definition = json!({"name": name, "version": version, "steps": steps, "tests": tests});
            project.write(&format!("fragments/{name}/{version}/fragment.json"), definition.to_string());
        }
    }
    project
}

/// The versions of the axes in one of the eight combinations.
fn version(axis: usize, combination: usize) -> &'static str {
    VERSIONS[combination >> axis & 1]
}

fn write_manifest(project: &Project, combination: usize) {
    let selection = |(name, _): (&str, usize)| {
        let axis = AXES.iter().position(|axis| *axis == name);
        json!({"name": name, "version": axis.map_or(VERSIONS[0], |axis| version(axis, combination))})
    };
    project.manifest(json!({"base": BASE, "fragments": FRAGMENTS.map(selection)}));
}

/// Eight builds one after another, of one catalogue or of one each.
fn separate(catalogues: &[Project]) -> Duration {
    let started = Instant::now();
    for combination in 0..1 << AXES.len() {
        let project = &catalogues[combination % catalogues.len()];
        write_manifest(project, combination);
        let _ = project.build(&BuildOptions::default()).succeeded();
    }
    started.elapsed()
}

pub(crate) fn measure() -> Comparison {
    let apart = separate(&(0..1 << AXES.len()).map(|_| catalogue()).collect::<Vec<_>>());
    let sharing = separate(&[catalogue()]);
    let project = catalogue();
    write_manifest(&project, 0);
    let matrix: Value = AXES.map(|axis| (axis.to_owned(), json!(VERSIONS))).into_iter().collect();
    let plan = json!({"syntax": Lab::get().frontend(), "id": "all", "manifest": "product", "matrix": matrix});
    project.write(PLAN, plan.to_string());
    let options = BuildOptions { output: Output::Local, ..BuildOptions::default() }.file(PLAN);
    let first = project.build(&options).succeeded();
    let again = project.build(&options).succeeded();
    let is_step = |name: &&&str| name.contains("/dev/urandom") && !name.contains("[report]");
    let steps = first.progress.ran().iter().filter(is_step).count();
    Comparison { apart, sharing, plan: first.wall(), again: again.wall(), steps }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio = |of: Duration| of.as_secs_f64() / self.apart.as_secs_f64();
        writeln!(f, "{:<52} {:>9} {:>7}", "eight combinations of four fragments", "s", "ratio")?;
        let rows = [
            ("eight builds, each with an empty cache", self.apart),
            ("eight builds, one after another", self.sharing),
            ("one plan, with an empty cache", self.plan),
            ("the same plan again", self.again),
        ];
        for (name, time) in rows {
            writeln!(f, "  {name:<50} {:>9.2} {:>7.3}", time.as_secs_f64(), ratio(time))?;
        }
        writeln!(f, "  steps that the plan ran: {} (15 are distinct, eight builds have 32)", self.steps)?;
        writeln!(
            f,
            "  aim of a plan: a quarter ({})",
            if ratio(self.plan) <= 0.25 { "reached" } else { "MISSED" }
        )
    }
}
