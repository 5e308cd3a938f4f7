//! One fragment changed below a heavy one: against a Dockerfile of the same content, on the same engine, in the same run.

use std::fmt;
use std::time::Duration;

use factory_tests::{BuildOptions, BuildOutcome, Lab, Project, Pushed, Repository, unique};
use serde_json::{Value, json};

/// What stands on the changed fragment in a Dockerfile, and beside it in a product.
const HEAVY_FILES: usize = 5000;
const HEAVY_BYTES: usize = 500_000_000;
/// Edits that are pushed to a registry alone, as a builder does. One more is unpacked into the engine's store as well.
const RUNS: usize = 2;

const BASE: &str = "debian:bookworm-slim";

/// Files of bytes that no compression makes smaller.
fn heavy(salt: &str) -> String {
    let size = HEAVY_BYTES / HEAVY_FILES;
    format!(
        ": {salt}; mkdir -p /opt/heavy; \
         head -c {HEAVY_BYTES} /dev/urandom | split -b {size} -a 4 -d - /opt/heavy/file"
    )
}

/// The product and the Dockerfile, with content that no run before had.
struct Pair {
    project: Project,
    salt: String,
}

impl Pair {
    fn new() -> Self {
        let salt = unique();
        let selections: Vec<Value> =
            ["security", "heavy", "app"].map(|name| json!({"name": name, "version": "0.1.0"})).to_vec();
        let project = Project::empty();
        project.manifest(json!({"base": BASE, "fragments": selections}));
        project.fragment("heavy", json!({"builds_on": [], "steps": [{"run": heavy(&salt)}]}));
        let app = json!([{"run": "ls /opt/heavy | wc -l > /opt/app"}]);
        project.fragment("app", json!({"builds_on": ["heavy"], "steps": app}));
        Self { project, salt }
    }

    /// Writes the first fragment anew, and the first instruction.
    fn edit(&self, version: usize) {
        let line = format!("echo {} {version} > /etc/patched", self.salt);
        self.project.fragment("security", json!({"builds_on": [], "steps": [{"run": line}]}));
        let heavy = heavy(&self.salt);
        let dockerfile =
            format!("FROM {BASE}\nRUN {line}\nRUN {heavy}\nRUN ls /opt/heavy | wc -l > /opt/app\n");
        self.project.write("Dockerfile", dockerfile);
    }
}

/// One way to build, and what came of it.
struct Variant {
    options: BuildOptions,
    repository: Repository,
    builds: Vec<(Duration, Pushed)>,
}

impl Variant {
    fn new(options: BuildOptions) -> Self {
        Self { options, repository: Repository::fresh(), builds: Vec::new() }
    }

    fn build(&mut self, pair: &Pair) {
        let tag = self.builds.len().to_string();
        let push = if self.builds.len() > RUNS { Repository::push_and_store } else { Repository::push };
        let (outcome, pushed) = push(&self.repository, &tag, &pair.project, &self.options);
        self.builds.push((outcome.wall(), pushed));
    }

    /// Wall time and new bytes of one build: of the first all but the base, of others what the one before had not.
    fn cost(&self, at: usize, base: &Pushed) -> Cost {
        let (wall, pushed) = &self.builds[at];
        let before = if at == 0 { base } else { &self.builds[at - 1].1 };
        Cost { wall: *wall, bytes: pushed.new_since(before).iter().map(|blob| blob.size).sum() }
    }

    /// The edit that took least.
    fn edit(&self, base: &Pushed) -> Cost {
        let edits = (1..=RUNS).map(|at| self.cost(at, base));
        edits.min_by_key(|cost| cost.wall).unwrap()
    }
}

#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    bytes: u64,
}

struct Row {
    what: &'static str,
    theirs: Cost,
    ours: Cost,
}

/// Rows as people read them.
pub(crate) struct Comparison {
    rows: Vec<Row>,
    notes: Vec<String>,
}

pub(crate) fn measure() -> Comparison {
    let pair = Pair::new();
    let base = base();
    let mut theirs = Variant::new(BuildOptions::default().file("Dockerfile"));
    let mut ours = Variant::new(BuildOptions::default());
    for version in 0..=RUNS + 1 {
        pair.edit(version);
        theirs.build(&pair);
        ours.build(&pair);
    }
    let row = |what, theirs, ours| Row { what, theirs, ours };
    let rows = vec![
        row("cold: build and push", theirs.cost(0, &base), ours.cost(0, &base)),
        row("first fragment edited: build and push", theirs.edit(&base), ours.edit(&base)),
        row(
            "  the same, and unpacked by the engine",
            theirs.cost(RUNS + 1, &base),
            ours.cost(RUNS + 1, &base),
        ),
    ];
    for variant in [&theirs, &ours] {
        let stored = variant.repository.tag(&(RUNS + 1).to_string());
        let _ = Lab::get().docker().args(["image", "rm", &stored]).output(); // only a matter of disk space
    }
    Comparison { rows, notes: vec![aim(&theirs.edit(&base), &ours.edit(&base)), parallel()] }
}

/// The base as the registry has it, so that its own layers are nobody's cost.
fn base() -> Pushed {
    let project = Project::empty();
    project.write("Dockerfile", format!("FROM {BASE}\n"));
    Repository::named("bench-base").push("latest", &project, &BuildOptions::default().file("Dockerfile")).1
}

fn aim(theirs: &Cost, ours: &Cost) -> String {
    let (wall, bytes) = ratios(theirs, ours);
    let verdict = |ratio: f64| if ratio <= 0.2 { "reached" } else { "MISSED" };
    format!(
        "aim of an edit: a fifth of the time ({}), a fifth of the bytes ({})",
        verdict(wall),
        verdict(bytes)
    )
}

#[expect(clippy::cast_precision_loss, reason = "sizes of layers are far below what a float can tell apart")]
fn ratios(theirs: &Cost, ours: &Cost) -> (f64, f64) {
    (ours.wall.as_secs_f64() / theirs.wall.as_secs_f64(), ours.bytes as f64 / theirs.bytes as f64)
}

/// Eight fragments that each take two seconds, one after another and side by side.
fn parallel() -> String {
    const FRAGMENTS: usize = 8;
    let salt = unique();
    let build = |apart: bool| -> BuildOutcome {
        let fragment = |at: usize| {
            let way = if apart { "beside" } else { "chain" };
            let steps = json!([{"run": format!("sleep 2; echo {salt} {way} > /{at}")}]);
            if apart { json!({"builds_on": [], "steps": steps}) } else { json!({"steps": steps}) }
        };
        let names: Vec<String> = (0..FRAGMENTS).map(|at| format!("part{at}")).collect();
        let fragments: Vec<(&str, Value)> =
            names.iter().enumerate().map(|(at, name)| (name.as_str(), fragment(at))).collect();
        Project::new(BASE, &fragments).build(&BuildOptions::default()).succeeded()
    };
    let (chain, beside) = (build(false).wall().as_secs_f64(), build(true).wall().as_secs_f64());
    format!(
        "{FRAGMENTS} fragments that sleep 2 s: chain {chain:.1} s, side by side {beside:.1} s, ratio {:.2}",
        beside / chain
    )
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heading = ["Dockerfile s", "ours s", "ratio", "bytes", "ours", "ratio"];
        write!(f, "{:<42}", format!("{} MB in {HEAVY_FILES} files above", HEAVY_BYTES / 1_000_000))?;
        heading.iter().try_for_each(|word| write!(f, " {word:>12}"))?;
        writeln!(f)?;
        for Row { what, theirs, ours } in &self.rows {
            let (wall, bytes) = ratios(theirs, ours);
            let (their_wall, our_wall) = (theirs.wall.as_secs_f64(), ours.wall.as_secs_f64());
            write!(f, "  {what:<40} {their_wall:>12.2} {our_wall:>12.2} {wall:>12.3}")?;
            writeln!(f, " {:>12} {:>12} {bytes:>12.5}", theirs.bytes, ours.bytes)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))
    }
}
