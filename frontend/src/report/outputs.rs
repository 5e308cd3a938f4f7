//! What steps and tests have printed, where it is and what it is called in the report.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use llb_gen::llb::{Copy, FileOp, Graph, Meta, State, Timestamp};
use llb_gen::lower::{Lowered, StepRun};
use llb_gen::ordered::ordered;
use llb_gen::plan::SkippedTest;

use super::log::{Output, Section, Source};
use super::tree::{Raw, raw_path};
use crate::gateway::{FileKind, FileStat, Gateway, Ref, SolveRequest};
use crate::judging::{Judged, JudgedGroup, JudgedTest};
use crate::options::{Options, StepLogs};
use crate::status::Status;

/// Where the step wrapper keeps what a step prints.
const STEP_OUTPUT: &str = "/output.log";
/// What the names of files end with that hold what programs printed, in the order in which they are shown.
const STREAMS: [&str; 2] = ["stdout", "stderr"];

/// Sections of the log, and the files that hold the whole of them.
#[derive(Debug, Default)]
pub struct Outputs {
    /// In the order in which things ran.
    pub sections: Vec<Section>,
    /// Files.
    pub raw: Vec<Raw>,
}

impl Outputs {
    fn add(&mut self, section: Section, raw: impl IntoIterator<Item = Raw>) {
        self.sections.push(section);
        self.raw.extend(raw);
    }
}

/// Said of a step whose output is not asked for.
const LEFT_OUT: &str = "what steps print is left out of this report; FACTORY_STEP_LOGS=on puts it in";

/// The outputs of steps, with their numbers among all steps of the product. Each is copied by an op of its own: BuildKit keeps
/// the copy as long as it is used, while what it is copied from may go. Where that fails, the section says so.
pub async fn of_steps<G: Gateway>(
    gateway: &G,
    options: &Options,
    build_id: &str,
    steps: &[(usize, &StepRun)],
) -> Outputs {
    let mut outputs = Outputs::default();
    let copies: Vec<(String, State)> = steps.iter().map(|(number, step)| copied(*number, step)).collect();
    let sources = copies.iter().map(|(name, state)| async move {
        match options.step_logs() {
            StepLogs::LeftOut => Source::Missing(LEFT_OUT.to_owned()),
            StepLogs::Fetched => match list(gateway, options, state).await {
                Ok((reference, files)) => source(&reference, &files, name),
                Err(status) => Source::Missing(status.message().to_owned()),
            },
        }
    });
    let sources = join_all(sources).await;
    for (((_, step), (name, from)), source) in steps.iter().zip(copies).zip(sources) {
        let path = raw_path(build_id, &name);
        let kept = matches!(source, Source::File { .. });
        let file = kept.then(|| path.clone());
        let raw = kept.then(|| Raw { path, from, source: format!("/{name}") });
        let output = Output { label: None, source, file };
        outputs.add(Section { title: format!("step {}", step.title), outputs: vec![output] }, raw);
    }
    outputs
}

/// The output of a step as the only file of a filesystem, with that file's name: `02-core.log`.
fn copied(number: usize, step: &StepRun) -> (String, State) {
    let fragment = step.fragment.as_ref().map_or("step", |(name, _)| name.as_str());
    let name = format!("{number:02}-{fragment}.log");
    // The wrapper's clock is of no interest, and the copy is the same however often it is made.
    let copy = Copy::new(&step.log, STEP_OUTPUT, format!("/{name}")).timestamp(Timestamp::Seconds(0));
    let about = Meta::named(format!("[report] keep what {} printed", step.title));
    (name, FileOp::on(&State::scratch()).copy(copy).meta(about).state())
}

/// What is in the root of a filesystem, by name.
type Listing = BTreeMap<String, FileStat>;

async fn list<G: Gateway>(gateway: &G, options: &Options, state: &State) -> Result<(Ref, Listing), Status> {
    let graph = Graph::of(state);
    let request = SolveRequest {
        definition: graph.marshal(),
        resources: graph.resources(),
        cache_imports: options.cache_imports.clone(),
        evaluate: true,
    };
    let solved = gateway.solve(request).await?;
    let reference = solved.ok_or_else(|| Status::new("the engine kept nothing"))?;
    let files = listing(gateway, &reference).await?;
    Ok((reference, files))
}

async fn listing<G: Gateway>(gateway: &G, reference: &Ref) -> Result<Listing, Status> {
    let files = gateway.read_dir(reference, "/").await?;
    Ok(ordered(files.into_iter().map(|file| (file.name.clone(), file))))
}

/// A file that may be read: opening a pipe blocks the daemon.
fn source(reference: &Ref, files: &Listing, name: &str) -> Source {
    match files.get(name).filter(|file| file.kind == FileKind::Regular) {
        None => Source::Missing("nothing was kept".to_owned()),
        Some(file) => {
            Source::File { reference: reference.clone(), path: format!("/{name}"), size: file.size }
        }
    }
}

/// The outputs of tests: those that ran, then those that were skipped.
pub async fn of_tests<G: Gateway>(
    gateway: &G,
    build_id: &str,
    lowered: &Lowered,
    judged: &Judged,
) -> Outputs {
    let listings = join_all(judged.groups.iter().map(|group| listing(gateway, &group.reference))).await;
    let mut outputs = Outputs::default();
    let groups = judged.groups.iter().zip(&lowered.tests).zip(listings);
    for ((group, from), files) in groups {
        let from = from.evidence.state();
        for (number, test) in group.tests.iter().enumerate() {
            let (streams, raw) = match &files {
                Ok(files) => streams(build_id, group, files, number, test, &from),
                Err(status) => {
                    let source = Source::Missing(status.message().to_owned());
                    (vec![Output { label: None, source, file: None }], Vec::new())
                }
            };
            outputs.add(Section { title: title(test), outputs: streams }, raw);
        }
    }
    for skipped in &judged.skipped {
        outputs.add(Section { title: skipped_title(skipped), outputs: Vec::new() }, []);
    }
    outputs
}

fn streams(
    build_id: &str,
    group: &JudgedGroup,
    files: &Listing,
    number: usize,
    test: &JudgedTest,
    from: &State,
) -> (Vec<Output>, Vec<Raw>) {
    let (mut outputs, mut raw) = (Vec::new(), Vec::new());
    for stream in streams_of(number, files.keys().map(String::as_str)) {
        let name = format!("{number}.{stream}");
        let source = source(&group.reference, files, &name);
        if !matches!(source, Source::File { size: 1.., .. }) {
            continue;
        }
        let path = raw_path(build_id, &format!("{}.{stream}", test.identity.name));
        raw.push(Raw { path: path.clone(), from: from.clone(), source: format!("/{name}") });
        outputs.push(Output { label: Some(stream.replace('.', " ")), source, file: Some(path) });
    }
    (outputs, raw)
}

/// The streams of a test: its program's first, then its server's and those of its services, each by what follows the test's
/// number in the file's name (`stdout`, `service.db.stderr`).
fn streams_of<'f>(number: usize, files: impl Iterator<Item = &'f str>) -> Vec<&'f str> {
    let prefix = format!("{number}.");
    let of_test = files.filter_map(|name| name.strip_prefix(&prefix));
    let order = |stream: &'f str| {
        let (program, kind) = stream.rsplit_once('.').unwrap_or(("", stream));
        STREAMS.iter().position(|known| *known == kind).map(|kind| ((program, kind), stream))
    };
    let ordered: BTreeMap<(&str, usize), &str> = ordered(of_test.filter_map(order));
    ordered.into_values().collect()
}

/// `test core/python: fail (12 ms): expected exit code 0, got 3`.
fn title(test: &JudgedTest) -> String {
    let name = &test.identity.name;
    let reason = test.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("test {name}: {} ({} ms){reason}", test.verdict.as_str(), test.wall_ms)
}

fn skipped_title(skipped: &SkippedTest) -> String {
    format!("test {}: skipped: {}", skipped.test.name, skipped.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_a_test_are_in_one_order_whatever_programs_there_are() {
        let files =
            ["1.stderr", "1.stdout", "10.stdout", "1.service.db.stdout", "1.server.stderr", "verdicts.json"];
        let expected = ["stdout", "stderr", "server.stderr", "service.db.stdout"];
        assert_eq!(streams_of(1, files.into_iter()), expected);
    }
}
