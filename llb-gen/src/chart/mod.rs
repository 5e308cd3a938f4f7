//! The graph of a build as people and programs look at it: every vertex once, with what it is, what it takes and which results
//! need it.

mod dot;
mod mermaid;
mod text;
mod vertex;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::llb::Graph;
use crate::model::Platform;
use vertex::describe;

/// Graphs of one build put together: a vertex that several of them have is there once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Chart {
    /// What the vertices are there for, in the order given.
    results: Vec<ChartResult>,
    /// The vertices, inputs before users.
    vertices: Vec<ChartVertex>,
}

/// One result: what is exported for a platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct ChartResult {
    /// Its name: the platform, after the combination where a plan has several.
    name: String,
    platform: String,
    /// The vertex that gives it; nothing for an empty filesystem.
    vertex: Option<Input>,
}

/// A vertex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct ChartVertex {
    digest: String,
    /// What clients show while it runs.
    name: String,
    /// `image`, `local`, `git`, `http`, `exec`, `file`, `merge`, `diff`, …
    kind: String,
    /// What it belongs to: `core 0.1.0`, `base`, `internal`.
    group: String,
    /// The platform that its op names; ops that are the same everywhere name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    /// What it takes, in the order of its inputs.
    inputs: Vec<Input>,
    /// Names of the results that need it.
    results: Vec<String>,
    /// Whether its result may not come from the cache.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    no_cache: bool,
    /// Where it is written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<ChartLocation>,
}

/// An output of a vertex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Input {
    digest: String,
    /// Which output: 0 is the filesystem, others are further mounts of an exec.
    output: i64,
    #[serde(skip)]
    at: usize,
}

/// Lines of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct ChartLocation {
    file: String,
    first_line: u32,
    last_line: u32,
}

impl Chart {
    /// Adds what `graph` needs for a result called `name` on `platform`.
    pub fn add(&mut self, name: &str, platform: &Platform, graph: &Graph) {
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for (at, vertex) in self.vertices.iter().enumerate() {
            known.insert(vertex.digest.clone(), at);
        }
        for (vertex, meta) in graph.vertices() {
            let digest = vertex.digest().to_string();
            let at = *known.entry(digest).or_insert(self.vertices.len());
            if at == self.vertices.len() {
                self.vertices.push(describe(vertex, meta, platform));
                let inputs = std::mem::take(&mut self.vertices[at].inputs);
                let placed = inputs
                    .into_iter()
                    .map(|one| Input { at: known.get(&one.digest).copied().unwrap_or(at), ..one });
                self.vertices[at].inputs = placed.collect();
            }
            self.vertices[at].results.push(name.to_owned());
        }
        let state = graph.state();
        let vertex = state.vertex().zip(state.output()).map(|(vertex, output)| {
            let digest = vertex.digest().to_string();
            Input {
                at: known.get(&digest).copied().unwrap_or_default(),
                digest,
                output: i64::from(output.get()),
            }
        });
        self.results.push(ChartResult { name: name.to_owned(), platform: platform.to_string(), vertex });
    }

    /// For people: a numbered list, grouped by what belongs together. `title` is what it is about.
    #[must_use]
    pub fn text(&self, title: &str) -> String {
        text::text(self, title)
    }

    /// For Graphviz.
    #[must_use]
    pub fn dot(&self, title: &str) -> String {
        dot::dot(self, title)
    }

    /// For pages that draw Mermaid.
    #[must_use]
    pub fn mermaid(&self) -> String {
        mermaid::mermaid(self)
    }

    /// How many edges there are.
    fn edges(&self) -> usize {
        self.vertices.iter().map(|vertex| vertex.inputs.len()).sum()
    }

    /// The groups in the order in which their first vertices come, each with its vertices.
    fn groups(&self) -> Vec<(&str, Vec<usize>)> {
        let mut order: Vec<(&str, Vec<usize>)> = Vec::new();
        let mut index: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, vertex) in self.vertices.iter().enumerate() {
            let group = *index.entry(&vertex.group).or_insert(order.len());
            if group == order.len() {
                order.push((&vertex.group, Vec::new()));
            }
            order[group].1.push(at);
        }
        order
    }

    /// `"platform"` of every result where there are several that do not all need this vertex.
    fn only_for(&self, vertex: &ChartVertex) -> Option<String> {
        (vertex.results.len() < self.results.len()).then(|| vertex.results.join(", "))
    }
}

/// As many digits of a digest as tell vertices apart for people.
fn short(digest: &str) -> &str {
    let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
    digits.get(..12).unwrap_or(digits)
}
