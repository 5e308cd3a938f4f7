//! The client's progress, as `--progress=rawjson` writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// One vertex of the graph that was built, as the client heard of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vertex {
    /// Digest of its op.
    pub digest: String,
    /// What people read.
    pub name: String,
    /// Digests of the vertices that it is made from.
    pub inputs: Vec<String>,
    /// Whether work on it began.
    pub started: bool,
    /// Whether it ended of itself: not what the daemon began while it still asked imported caches, and called off when what is
    /// built on it was found there.
    pub completed: bool,
    /// Whether its result was found in the cache.
    pub cached: bool,
    /// Why it failed.
    pub error: Option<String>,
    /// The group that the client may show it under.
    pub group: Option<String>,
    /// What it printed, both streams in order of arrival.
    pub log: String,
    /// When work on it began, since midnight; several times when several parties asked for it.
    pub starts: BTreeSet<Duration>,
    /// When it ended, since midnight.
    pub ends: BTreeSet<Duration>,
}

impl Vertex {
    /// Whether it did its work in this build.
    #[must_use]
    pub fn ran(&self) -> bool {
        self.started && self.completed && !self.cached
    }
}

/// One of the things that a vertex is doing, with a count of bytes or of parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Name of the vertex.
    pub vertex: String,
    /// What is transferred.
    pub what: String,
    /// How far it came.
    pub current: i64,
}

/// Everything that the client heard during a build.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Vertices in the order in which the client heard of them, each once.
    pub vertices: Vec<Vertex>,
    /// Transfers, each with its last count.
    pub transfers: Vec<Transfer>,
    /// Short texts of warnings.
    pub warnings: Vec<String>,
}

impl Progress {
    /// Reads what a client wrote: lines of progress, and other lines between them, which are given back.
    #[must_use]
    pub fn read(text: &str) -> (Self, String) {
        let mut reader = Reader::default();
        let mut rest = String::new();
        for line in text.lines() {
            match line.starts_with('{').then(|| serde_json::from_str::<Line>(line)) {
                Some(Ok(line)) => reader.line(line),
                _ => {
                    rest.push_str(line);
                    rest.push('\n');
                }
            }
        }
        (reader.finish(), rest)
    }

    /// The vertices that are made from others: steps, not sources and not the daemon's own chores.
    pub fn steps(&self) -> impl Iterator<Item = &Vertex> {
        self.vertices.iter().filter(|vertex| !vertex.inputs.is_empty())
    }

    /// Names of the steps that did their work in this build.
    #[must_use]
    pub fn ran(&self) -> Vec<&str> {
        self.steps().filter(|vertex| vertex.ran()).map(|vertex| vertex.name.as_str()).collect()
    }

    /// The vertex whose name contains `part`.
    #[track_caller]
    #[must_use]
    pub fn vertex(&self, part: &str) -> &Vertex {
        let found = self.vertices.iter().find(|vertex| vertex.name.contains(part));
        found.unwrap_or_else(|| panic!("no vertex is called `{part}`; there are {:#?}", self.names()))
    }

    /// Names of all vertices.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.vertices.iter().map(|vertex| vertex.name.as_str()).collect()
    }

    /// Bytes that the client sent of its folders, manifest and ignore file included.
    #[must_use]
    pub fn bytes_sent(&self) -> i64 {
        let sent = self.transfers.iter().filter(|one| one.what == "transferring" || one.what.ends_with(":"));
        sent.map(|one| one.current).sum()
    }
}

#[derive(Default)]
struct Reader {
    order: Vec<String>,
    vertices: BTreeMap<String, Vertex>,
    transfers: BTreeMap<(String, String), (String, i64)>,
    warnings: Vec<String>,
}

impl Reader {
    fn line(&mut self, line: Line) {
        line.vertexes.into_iter().flatten().for_each(|vertex| self.vertex(vertex));
        for status in line.statuses.into_iter().flatten() {
            let what = if status.name.is_empty() { status.id.clone() } else { status.name };
            self.transfers.insert((status.vertex, status.id), (what, status.current));
        }
        for log in line.logs.into_iter().flatten() {
            let vertex = self.vertices.entry(log.vertex).or_default();
            vertex.log.push_str(&String::from_utf8_lossy(&decoded(&log.data)));
        }
        let warnings = line.warnings.into_iter().flatten();
        self.warnings.extend(warnings.map(|one| String::from_utf8_lossy(&decoded(&one.short)).into_owned()));
    }

    /// A vertex is told of several times: when it is known, when it starts, when it ends.
    fn vertex(&mut self, line: VertexLine) {
        if !self.order.contains(&line.digest) {
            self.order.push(line.digest.clone());
        }
        let vertex = self.vertices.entry(line.digest.clone()).or_default();
        vertex.digest = line.digest;
        vertex.name = line.name;
        vertex.inputs = line.inputs.unwrap_or_default();
        vertex.group = line.group.map(|group| group.name);
        vertex.started |= line.started.is_some();
        let called_off = line.error.as_deref().is_some_and(|error| error.starts_with("context canceled"));
        vertex.completed |= line.completed.is_some() && !called_off;
        vertex.starts.extend(line.started.as_deref().and_then(since_midnight));
        vertex.ends.extend(line.completed.as_deref().and_then(since_midnight));
        vertex.cached |= line.cached;
        vertex.error = vertex.error.take().or(line.error.filter(|error| !error.is_empty()));
    }

    fn finish(mut self) -> Progress {
        let name =
            |digest: &str| self.vertices.get(digest).map(|vertex| vertex.name.clone()).unwrap_or_default();
        let transfers = self.transfers.iter();
        let transfers = transfers
            .map(|((vertex, _), (what, current))| Transfer {
                vertex: name(vertex),
                what: what.clone(),
                current: *current,
            })
            .collect();
        let vertices = self.order.iter().filter_map(|digest| self.vertices.remove(digest)).collect();
        Progress { vertices, transfers, warnings: self.warnings }
    }
}

/// The time of a time stamp such as `2026-01-31T12:34:25.97200667Z`.
fn since_midnight(text: &str) -> Option<Duration> {
    let (_, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut parts = time.split(':').map(str::parse::<f64>);
    let (hours, minutes, seconds) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    Duration::try_from_secs_f64((hours * 60.0 + minutes) * 60.0 + seconds).ok()
}

fn decoded(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

#[derive(Deserialize)]
struct Line {
    vertexes: Option<Vec<VertexLine>>,
    statuses: Option<Vec<StatusLine>>,
    logs: Option<Vec<LogLine>>,
    warnings: Option<Vec<WarningLine>>,
}

#[derive(Deserialize)]
struct VertexLine {
    digest: String,
    #[serde(default)]
    name: String,
    inputs: Option<Vec<String>>,
    started: Option<String>,
    completed: Option<String>,
    #[serde(default)]
    cached: bool,
    error: Option<String>,
    #[serde(rename = "progressGroup")]
    group: Option<GroupLine>,
}

#[derive(Deserialize)]
struct GroupLine {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct StatusLine {
    id: String,
    vertex: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    current: i64,
}

#[derive(Deserialize)]
struct LogLine {
    vertex: String,
    data: String,
}

#[derive(Deserialize)]
struct WarningLine {
    short: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"vertexes":[{"digest":"a","name":"[internal] load"},{"digest":"b","inputs":["a"],"name":"run"}]}
{"vertexes":[{"digest":"b","inputs":["a"],"name":"run","started":"t"}]}
{"statuses":[{"id":"transferring x:","vertex":"a","name":"transferring","current":1}]}
{"statuses":[{"id":"transferring x:","vertex":"a","name":"transferring","current":7}]}
{"logs":[{"vertex":"b","stream":1,"data":"aGkK"}],"warnings":[{"vertex":"b","short":"aGkK"}]}
{"vertexes":[{"digest":"b","inputs":["a"],"name":"run","started":"t","completed":"t","error":"no"}]}
file.json:3
ERROR: no
"#;

    #[test]
    fn a_vertex_is_put_together_from_all_its_lines() {
        let (progress, rest) = Progress::read(TEXT);
        assert_eq!(rest, "file.json:3\nERROR: no\n");
        assert_eq!(progress.names(), ["[internal] load", "run"]);
        let run = progress.vertex("run");
        assert_eq!((run.ran(), run.log.as_str(), run.error.as_deref()), (true, "hi\n", Some("no")));
        assert_eq!(progress.ran(), ["run"]);
        assert_eq!(progress.warnings, ["hi\n"]);
    }

    #[test]
    fn what_was_called_off_did_not_run_unless_it_was_needed_later() {
        let off = r#"{"vertexes":[{"digest":"b","inputs":["a"],"name":"run","started":"t","completed":"t","error":"context canceled: context canceled"}]}"#;
        let done =
            r#"{"vertexes":[{"digest":"b","inputs":["a"],"name":"run","started":"u","completed":"u"}]}"#;
        assert_eq!(Progress::read(&format!("{off}\n")).0.ran(), Vec::<&str>::new());
        assert_eq!(Progress::read(&format!("{off}\n{done}\n")).0.ran(), ["run"]);
    }

    #[test]
    fn time_stamps_have_any_number_of_digits() {
        assert_eq!(since_midnight("2026-01-31T01:02:03.5Z"), Some(Duration::from_millis(3_723_500)));
        assert_eq!(since_midnight("2026-01-31T00:00:01Z"), Some(Duration::from_secs(1)));
        assert_eq!(since_midnight("t"), None);
    }

    #[test]
    fn a_transfer_counts_once() {
        assert_eq!(Progress::read(TEXT).0.bytes_sent(), 7);
    }
}
