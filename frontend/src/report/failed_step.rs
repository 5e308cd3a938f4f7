//! The step that made a solve fail: which it is, where it is written, what it exited with and what it printed.

use std::collections::{BTreeMap, BTreeSet};

use bollard_buildkit_proto::pb;
use llb_gen::llb::{Graph, State};
use llb_gen::lower::{Lowered, StepRun};
use llb_gen::ordered::ordered;
use prost::Message as _;
use serde::{Deserialize, Serialize};

use super::log::Source;
use crate::failed_solve::FailedSolve;
use crate::gateway::{Gateway, Process, Ref, SolveRequest};
use crate::status::Status;

/// Where the helper lies in the frontend's own image.
const HELPER: &str = "/helper";
/// Where the failed step's evidence is mounted.
const MOUNTED: &str = "/evidence";
/// More than the wrapper ever keeps: the first and the last MiB of two streams, and a few words.
const MAX_OUTPUT: u64 = 5 << 20;
/// What the wrapper, and every other mode of the helper, exits with when it could not do its work.
const OWN_FAULT: i32 = 125;

/// What is known of a step that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedStep {
    /// What people see of it in the progress.
    pub title: String,
    /// Name and version of its fragment.
    pub fragment: Option<(String, String)>,
    /// `fragments/core/0.1.0/fragment.json:12`.
    pub location: Option<String>,
    /// What its process exited with.
    pub exit_code: Option<i32>,
    /// Whether it was the step that failed, not what runs it.
    pub is_its_own: bool,
    /// What it printed.
    pub output: Source,
}

/// What the step wrapper says about a step (`step.json`).
#[derive(Debug, Default, Deserialize)]
struct StepReport {
    exit_code: Option<i32>,
    signal: Option<i32>,
    /// Why the wrapper gave up, or why the command could not be started.
    fault: Option<String>,
}

/// The step that the status of a failed solve is about; nothing where no step failed, but the engine or the network.
pub async fn find<G: Gateway>(
    gateway: &G,
    own_image: Option<&State>,
    lowered: &Lowered,
    status: &Status,
) -> Option<FailedStep> {
    let facts = FailedSolve::of(status);
    let vertex = facts.vertex.as_deref()?;
    let mut steps = lowered.steps.iter().chain(lowered.tests.iter().flat_map(|group| &group.steps));
    match steps.find(|step| step.vertex.as_str() == vertex) {
        Some(step) => Some(wrapped(gateway, own_image, step, &facts).await),
        None => plain(lowered, vertex, &facts, status),
    }
}

/// A step under the wrapper, which leaves its output behind also when it fails.
async fn wrapped<G: Gateway>(
    gateway: &G,
    own_image: Option<&State>,
    step: &StepRun,
    facts: &FailedSolve,
) -> FailedStep {
    let mount = facts.mounts.get(step.evidence_mount).filter(|id| !id.is_empty());
    let left = match mount {
        None => Err(Status::new("the engine did not keep what the step left")),
        Some(mount) => left_behind(gateway, own_image, mount).await,
    };
    let (report, output) = match left {
        Ok((report, Some(output))) => (report, Source::Bytes(output)),
        Ok((report, None)) => (report, Source::Missing("the step did not get to its end".to_owned())),
        Err(status) => (None, Source::Missing(status.message().to_owned())),
    };
    FailedStep {
        title: step.title.clone(),
        fragment: step.fragment.clone(),
        location: Some(format!("{}:{}", step.place.file().path(), step.place.lines().first)),
        is_its_own: is_its_own(report.as_ref(), facts.exit_code),
        exit_code: report.and_then(|report| report.exit_code).or(facts.exit_code),
        output,
    }
}

/// A command may exit with any code, 125 too: then the wrapper has said so. Without a word of it, the code is its own.
fn is_its_own(report: Option<&StepReport>, exit_code: Option<i32>) -> bool {
    match report {
        Some(StepReport { fault: Some(_), .. }) | None => exit_code.is_some_and(|code| code != OWN_FAULT),
        Some(StepReport { exit_code, signal, .. }) => exit_code.is_some() || signal.is_some(),
    }
}

/// Files, lookups of contracts, joins of fragments: named and located by their op.
fn plain(lowered: &Lowered, vertex: &str, facts: &FailedSolve, status: &Status) -> Option<FailedStep> {
    let mut vertices = lowered.graph.vertices().chain(lowered.checks.vertices());
    let (_, meta) = vertices.find(|(known, _)| known.digest().as_str() == vertex)?;
    let place = meta.locations().first();
    let file = place.map(|place| place.file.filename.as_str());
    let failed = match facts.exit_code {
        Some(code) => code != OWN_FAULT,
        None => facts.is_of_files && !status.message().contains("no space left on device"),
    };
    Some(FailedStep {
        title: meta.name().unwrap_or_default().to_owned(),
        fragment: file.and_then(fragment_of),
        location: place.map(|place| format!("{}:{}", place.file.filename, place.lines.start())),
        exit_code: facts.exit_code,
        is_its_own: failed,
        output: Source::Missing("it keeps no output".to_owned()),
    })
}

/// Name and version in the path of a fragment's file: `fragments/core/0.1.0/fragment.json`.
fn fragment_of(file: &str) -> Option<(String, String)> {
    let mut parts = file.rsplit('/').skip(1);
    let (version, name) = (parts.next()?, parts.next()?);
    (parts.next() == Some("fragments")).then(|| (name.to_owned(), version.to_owned()))
}

#[derive(Serialize)]
struct Show<'a> {
    paths: [&'a str; 2],
    limit: u64,
}

/// `step.json` and `output.log` of a mount that only containers see: the helper shows them, on a root of the frontend's image.
async fn left_behind<G: Gateway>(
    gateway: &G,
    own_image: Option<&State>,
    mount: &str,
) -> Result<(Option<StepReport>, Option<Vec<u8>>), Status> {
    let root = own_root(gateway, own_image).await?;
    let paths = ["step.json", "output.log"].map(|name| format!("{MOUNTED}/{name}"));
    let show = Show { paths: [&paths[0], &paths[1]], limit: MAX_OUTPUT };
    let show = serde_json::to_string(&show).expect("texts and a number always serialise");
    let process = Process {
        root,
        mounts: vec![(MOUNTED.to_owned(), mount.to_owned())],
        argv: vec![HELPER.to_owned()],
        env: [("FACTORY_MODE", "show".to_owned()), ("FACTORY_SHOW", show)]
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec(),
        limit: 2 * MAX_OUTPUT,
    };
    let printed = gateway.run_process(process).await?;
    let mut shown = Shown(&printed);
    let (report, output) = (shown.next()?, shown.next()?);
    let report = report.and_then(|bytes| serde_json::from_slice(bytes).ok());
    Ok((report, output.map(<[u8]>::to_vec)))
}

async fn own_root<G: Gateway>(gateway: &G, own_image: Option<&State>) -> Result<Ref, Status> {
    let own_image =
        own_image.ok_or_else(|| Status::new("the daemon did not say what the frontend's own image is"))?;
    let definition = Graph::of(own_image).marshal();
    let request =
        SolveRequest { definition, resources: BTreeMap::new(), cache_imports: Vec::new(), evaluate: false };
    let solved = gateway.solve(request).await?;
    solved.ok_or_else(|| Status::new("the frontend's own image is empty"))
}

/// What the helper's mode `show` prints: for each file a line with its length, or `-`, and its bytes.
struct Shown<'a>(&'a [u8]);

impl<'a> Shown<'a> {
    fn next(&mut self) -> Result<Option<&'a [u8]>, Status> {
        let broken = || Status::new("what the helper shows cannot be read");
        let end = self.0.iter().position(|byte| *byte == b'\n').ok_or_else(broken)?;
        let (line, rest) = (&self.0[..end], &self.0[end + 1..]);
        if line == b"-" {
            self.0 = rest;
            return Ok(None);
        }
        let length = std::str::from_utf8(line).ok().and_then(|text| text.parse().ok()).ok_or_else(broken)?;
        let (bytes, rest) = rest.split_at_checked(length).ok_or_else(broken)?;
        self.0 = rest;
        Ok(Some(bytes))
    }
}

/// The digests of all ops that this one is made from: what was done when it failed.
pub fn below(lowered: &Lowered, vertex: &str) -> BTreeSet<String> {
    let vertices = lowered.graph.vertices().chain(lowered.checks.vertices());
    let ops = vertices.map(|(vertex, _)| (vertex.digest().as_str(), vertex.bytes()));
    let ops: BTreeMap<&str, &[u8]> = ordered(ops);
    let (mut below, mut open) = (BTreeSet::new(), vec![vertex.to_owned()]);
    while let Some(digest) = open.pop() {
        let op = ops.get(digest.as_str()).and_then(|bytes| pb::Op::decode(*bytes).ok());
        let inputs = op.into_iter().flat_map(|op| op.inputs).map(|input| input.digest);
        open.extend(inputs.filter(|input| below.insert(input.clone())));
    }
    below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_helper_shows_is_taken_apart() {
        let mut shown = Shown(b"2\n{}-\n4\na\nb\n");
        assert_eq!(shown.next().unwrap(), Some(b"{}".as_slice()));
        assert_eq!(shown.next().unwrap(), None);
        assert_eq!(shown.next().unwrap(), Some(b"a\nb\n".as_slice()));
        for wrong in [&b"5\nabc"[..], b"x\n", b""] {
            assert!(Shown(wrong).next().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_wrapper_s_own_faults_are_not_the_step_s() {
        let report = |exit_code, signal, fault: Option<&str>| {
            Some(StepReport { exit_code, signal, fault: fault.map(str::to_owned) })
        };
        for (report, exit_code, expected) in [
            (report(Some(2), None, None), Some(2), true),
            (report(Some(125), None, None), Some(125), true),
            (report(None, Some(9), None), Some(137), true),
            (report(None, None, Some("cannot write")), Some(125), false),
            (report(None, None, Some("no such program")), Some(127), true),
            (None, Some(125), false),
            (None, Some(137), true),
            (None, None, false),
        ] {
            assert_eq!(is_its_own(report.as_ref(), exit_code), expected, "{report:?} {exit_code:?}");
        }
    }

    #[test]
    fn fragments_are_known_by_their_files() {
        let named = fragment_of("catalogue/fragments/core/0.1.0/fragment.json");
        assert_eq!(named, Some(("core".into(), "0.1.0".into())));
        assert_eq!(fragment_of("manifests/app.json"), None);
    }
}
