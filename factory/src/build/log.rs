//! The engine's log of a build (`docker buildx history logs --progress rawjson`): its vertices.

use std::collections::BTreeMap;

use serde_json::Value;

/// How many steps of a build came from the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Steps {
    /// Found in the cache.
    pub cached: usize,
    /// Really run.
    pub run: usize,
}

/// What the engine did, vertex by vertex.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BuildLog {
    vertices: Vec<Vertex>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Vertex {
    name: String,
    has_inputs: bool,
    completed: bool,
    cached: bool,
}

impl BuildLog {
    /// Reads the log, one JSON object a line; what is none is passed over.
    pub(crate) fn parse(log: &str) -> Self {
        let mut vertices = BTreeMap::new();
        for line in log.lines() {
            let Ok(status) = serde_json::from_str::<Value>(line) else { continue };
            for vertex in status.get("vertexes").and_then(Value::as_array).into_iter().flatten() {
                note(&mut vertices, vertex);
            }
        }
        Self { vertices: vertices.into_values().collect() }
    }

    /// Counts the steps, tests among them. Sources and what BuildKit does for itself (loading definitions, exporting) have no inputs
    /// and are no steps, and neither is what only puts the report together. Nothing where the engine keeps no record of builds.
    pub(crate) fn steps(&self) -> Option<Steps> {
        let is_step = |v: &&Vertex| v.has_inputs && v.completed && !is_beside(&v.name);
        let steps: Vec<_> = self.vertices.iter().filter(is_step).collect();
        let cached = steps.iter().filter(|v| v.cached).count();
        (!steps.is_empty()).then(|| Steps { cached, run: steps.len() - cached })
    }

    /// Whether the log says anything at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.vertices.is_empty()
    }

    /// Whether a step of a fragment or of its stages was really run. `label` is how names call the fragment: `core 0.1.0`, with
    /// several platforms `linux/arm64 core 0.1.0`.
    pub(crate) fn ran(&self, label: &str) -> bool {
        self.vertices.iter().any(|v| v.completed && !v.cached && is_step_of(&v.name, label))
    }

    /// The digest of the base, or of another image that steps take files from, by its reference without a digest.
    /// `platform` is given where names say it.
    pub(crate) fn image(&self, platform: Option<&str>, role: ImageRole<'_>) -> Option<String> {
        let label = |role: &str| match platform {
            Some(platform) => format!("[{platform} {role}] "),
            None => format!("[{role}] "),
        };
        let named = |label: String| {
            let references = self.vertices.iter().filter_map(move |v| v.name.strip_prefix(&label));
            references.filter_map(|pinned| pinned.split_once('@'))
        };
        let found = match role {
            // A context or a source policy may put another image in the place of the one that the manifest names.
            ImageRole::Base => named(label("base")).next(),
            ImageRole::Other(reference) => {
                let both = ["image", "base"].into_iter().flat_map(|role| named(label(role)));
                both.into_iter().find(|(name, _)| *name == reference)
            }
        };
        found.map(|(_, digest)| digest.to_owned())
    }

    /// The digest of the frontend's image, where the engine looked it up by its name.
    pub(crate) fn frontend(&self) -> Option<String> {
        let pinned =
            self.vertices.iter().find_map(|v| v.name.strip_prefix("docker-image://")?.split_once('@'));
        pinned.map(|(_, digest)| digest.to_owned())
    }
}

/// What an image is to a build.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ImageRole<'r> {
    /// The product's base.
    Base,
    /// An image that steps take files from.
    Other(&'r str),
}

fn note(vertices: &mut BTreeMap<String, Vertex>, value: &Value) {
    let Some(digest) = value.get("digest").and_then(Value::as_str) else { return };
    let vertex = vertices.entry(digest.to_owned()).or_default();
    if let Some(name) = value.get("name").and_then(Value::as_str) {
        name.clone_into(&mut vertex.name);
    }
    vertex.has_inputs |= value.get("inputs").and_then(Value::as_array).is_some_and(|i| !i.is_empty());
    vertex.completed |= value.get("completed").is_some() && !is_called_off(value);
    vertex.cached |= value.get("cached").and_then(Value::as_bool) == Some(true);
}

/// Whether the engine took a step back. It begins some while it still asks imported caches, and when the answer comes for something
/// built on them that needs them no longer, they end with this error: nothing of them was run to its end, nor found.
fn is_called_off(vertex: &Value) -> bool {
    vertex.get("error").and_then(Value::as_str).is_some_and(|error| error.starts_with("context canceled"))
}

/// Whether a vertex is called as a step of the fragment is, `[core 0.1.0 2/3] …`, as one of its stages', `[core 0.1.0 build 1/2]
/// …`, or as the folder that it makes to start in. What else is named after a fragment (its delta, checks) follows from its
/// steps and runs also where they do not.
fn is_step_of(name: &str, label: &str) -> bool {
    let Some((inside, what)) = name.strip_prefix('[').and_then(|rest| rest.split_once("] ")) else {
        return false;
    };
    match inside.strip_prefix(label) {
        Some("") => what.starts_with("workdir "),
        Some(rest) => rest.starts_with(' ') && rest.rsplit(' ').next().is_some_and(is_position),
        None => false,
    }
}

/// Whether a vertex is called as those are that make documents of what is there: `[report] write`, `[internal] …`.
fn is_beside(name: &str) -> bool {
    let label = name.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map(|(label, _)| label);
    label.and_then(|label| label.rsplit(' ').next()).is_some_and(|last| matches!(last, "report" | "internal"))
}

/// `2/3`.
fn is_position(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('/').is_some_and(|(at, of)| digits(at) && digits(of))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A log of vertices, each a name and whether it was `run`, `cached` or only `known`.
    pub(crate) fn log(vertices: &[(&str, &str)]) -> BuildLog {
        let lines = vertices.iter().enumerate().map(|(at, (name, what))| {
            let mut vertex = serde_json::json!({"digest": at.to_string(), "name": name, "inputs": ["x"]});
            if *what != "known" {
                vertex["completed"] = "t".into();
            }
            vertex["cached"] = (*what == "cached").into();
            serde_json::json!({"vertexes": [vertex]}).to_string()
        });
        BuildLog::parse(&lines.collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn only_finished_vertices_with_inputs_are_steps() {
        let text = r#"{"vertexes": [{"digest": "a", "name": "FROM"}, {"digest": "b", "inputs": ["a"], "name": "RUN"}]}
            {"vertexes": [{"digest": "a", "completed": "t"}, {"digest": "b", "completed": "t", "cached": true}]}
            {"vertexes": [{"digest": "c", "inputs": ["b"], "completed": "t"}, {"digest": "d", "inputs": ["c"]}]}
            {"logs": []}"#;
        assert_eq!(BuildLog::parse(text).steps(), Some(Steps { cached: 1, run: 1 }));
        let beside = log(&[
            ("[report] write", "run"),
            ("[linux/arm64 internal] write attestations", "run"),
            ("[tests] core/python", "run"),
            ("[report 1.0.0 1/1] run make", "run"),
        ]);
        assert_eq!(beside.steps(), Some(Steps { cached: 0, run: 2 }), "a fragment may be called so too");
        assert_eq!(BuildLog::parse("{}").steps(), None);
        let off = r#"{"vertexes": [{"digest": "a", "inputs": ["x"], "completed": "t", "error": "context canceled: context canceled"}]}
            {"vertexes": [{"digest": "b", "inputs": ["a"], "completed": "t", "cached": true}]}"#;
        assert_eq!(BuildLog::parse(off).steps(), Some(Steps { cached: 1, run: 0 }), "it was called off");
        let on =
            format!("{off}\n{}", r#"{"vertexes": [{"digest": "a", "inputs": ["x"], "completed": "t"}]}"#);
        assert_eq!(
            BuildLog::parse(&on).steps(),
            Some(Steps { cached: 1, run: 1 }),
            "and was needed after all"
        );
        assert!(BuildLog::parse("no JSON").is_empty());
    }

    #[test]
    fn a_fragment_ran_when_a_step_of_it_did() {
        let log = log(&[
            ("[core 0.1.0 1/2] apt install x", "cached"),
            ("[core 0.1.0 2/2] run", "run"),
            ("[core 0.1.0-rc.1 1/1] run", "cached"),
            ("[web 1.0.0 build 1/1] make", "run"),
            ("[light 1.0.0 1/1] run", "known"),
            ("[light 1.0.0] delta", "run"),
            ("[top 1.0.0] workdir /opt", "run"),
            ("[linux/arm64 far 1.0.0 1/1] run", "run"),
        ]);
        let table = [
            ("core 0.1.0", true),
            ("core 0.1.0-rc.1", false),
            ("web 1.0.0", true),
            ("light 1.0.0", false),
            ("top 1.0.0", true),
            ("far 1.0.0", false),
            ("linux/arm64 far 1.0.0", true),
        ];
        for (label, ran) in table {
            assert_eq!(log.ran(label), ran, "{label}");
        }
    }

    #[test]
    fn images_are_known_by_what_they_are_to_the_build() {
        let log = log(&[
            ("[linux/arm64 base] mirror/debian:12@sha256:a", "run"),
            ("[image] docker.io/library/golang:1@sha256:b", "cached"),
            ("[internal] load metadata for docker.io/library/golang:1", "run"),
            ("docker-image://localhost/factory/frontend:dev@sha256:f", "cached"),
        ]);
        assert_eq!(log.image(Some("linux/arm64"), ImageRole::Base).as_deref(), Some("sha256:a"));
        assert_eq!(log.image(None, ImageRole::Base), None);
        let golang = ImageRole::Other("docker.io/library/golang:1");
        assert_eq!(log.image(None, golang).as_deref(), Some("sha256:b"));
        assert_eq!(log.frontend().as_deref(), Some("sha256:f"));
    }
}
