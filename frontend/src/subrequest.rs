//! Questions that a client asks instead of a build (`docker buildx build --call=…`), in the shapes that BuildKit's
//! `frontend/subrequests` defines: JSON for programs, text for people. `explain`, `graph`, `key`, `lock` and `plan` are our own.

mod describe;
mod explain;
mod graph;
mod key;
mod lint;
mod lock;
mod outline;
mod plan;
mod sources;
mod table;
mod targets;

use llb_gen::ordered::ordered;
use std::collections::BTreeMap;

use serde::Serialize;

pub use describe::describe;
pub use explain::{Explained, Previous, explain};
pub use graph::graph;
pub use key::key;
pub use lint::lint;
pub use lock::lock;
pub use outline::outline;
pub use plan::plan;
pub use targets::targets;

use crate::failure::Failure;
use crate::gateway::{BuildResult, ResultRefs};
use crate::options::Format;

/// The subrequests that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subrequest {
    /// What can be asked.
    Describe,
    /// What can be built.
    Targets,
    /// What a target takes: arguments, secrets, ssh agents, cache mounts.
    Outline,
    /// What is wrong or doubtful.
    Lint,
    /// What would be built again, and why.
    Explain,
    /// The graph that a build would ask BuildKit for.
    Graph,
    /// The keys by which records of the product are found.
    Key,
    /// The combinations of a plan.
    Plan,
    /// What names resolve to, and what of that the lock has otherwise.
    Lock,
}

impl Subrequest {
    /// All of them, in the order in which they are described.
    pub const ALL: [Self; 9] = [
        Self::Outline,
        Self::Targets,
        Self::Lint,
        Self::Explain,
        Self::Graph,
        Self::Key,
        Self::Plan,
        Self::Lock,
        Self::Describe,
    ];

    /// The id that the client sends.
    pub fn id(self) -> &'static str {
        match self {
            Self::Describe => "frontend.subrequests.describe",
            Self::Targets => "frontend.targets",
            Self::Outline => "frontend.outline",
            Self::Lint => "frontend.lint",
            Self::Explain => "frontend.explain",
            Self::Graph => "frontend.graph",
            Self::Key => "frontend.key",
            Self::Plan => "frontend.plan",
            Self::Lock => "frontend.lock",
        }
    }

    /// The subrequest of an id.
    ///
    /// # Errors
    /// [`Failure::Subrequest`] for any other id.
    pub fn from_id(id: &str) -> Result<Self, Failure> {
        let found = Self::ALL.into_iter().find(|one| one.id() == id);
        found.ok_or_else(|| Failure::Subrequest(id.to_owned()))
    }

    /// Refuses a `FACTORY_FORMAT` that is another question's.
    ///
    /// # Errors
    /// A format that this question is not answered in.
    pub fn answers_in(self, format: Format) -> Result<(), Failure> {
        let of = match format {
            Format::Standard => return Ok(()),
            Format::GitHub => Self::Plan,
            Format::Dot | Format::Mermaid => Self::Graph,
        };
        if self == of {
            return Ok(());
        }
        let short = |one: Self| one.id().trim_start_matches("frontend.");
        Err(Failure::refused(format!(
            "`FACTORY_FORMAT={}` is a format of `--call={}`, not of `--call={}`",
            format.as_str(),
            short(of),
            short(self)
        )))
    }
}

/// Version of the shapes below: those of BuildKit's own subrequests.
const VERSION: &str = "1.0.0";

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    json: Vec<u8>,
    text: String,
    status: Option<u8>,
}

impl Answer {
    fn new(json: &impl Serialize, text: String) -> Self {
        let json = serde_json::to_vec_pretty(json).expect("answers hold only strings, numbers and lists");
        Self { json, text, status: None }
    }

    /// Sets the exit code of the client.
    #[must_use]
    fn with_status(self, status: u8) -> Self {
        Self { status: Some(status), ..self }
    }

    /// For programs.
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// For people.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The result that carries the answer: no filesystem, only metadata.
    pub fn into_result(self) -> BuildResult {
        let mut metadata = ordered::<BTreeMap<_, _>, _>([
            ("result.json".to_owned(), self.json),
            ("result.txt".to_owned(), self.text.into_bytes()),
            ("version".to_owned(), VERSION.as_bytes().to_vec()),
        ]);
        if let Some(status) = self.status {
            metadata.insert("result.statuscode".to_owned(), status.to_string().into_bytes());
        }
        BuildResult { refs: ResultRefs::Single(None), metadata, attestations: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subrequest_is_found_by_its_id_and_no_other() {
        for one in Subrequest::ALL {
            assert_eq!(Subrequest::from_id(one.id()).unwrap(), one);
        }
        assert!(matches!(Subrequest::from_id("frontend.convertllb"), Err(Failure::Subrequest(_))));
    }

    #[test]
    fn an_answer_is_metadata_without_a_filesystem() {
        let result = Answer::new(&[1], "one\n".into()).with_status(1).into_result();
        assert_eq!(result.refs, ResultRefs::Single(None));
        let expected = ["result.json", "result.statuscode", "result.txt", "version"];
        assert_eq!(result.metadata.keys().collect::<Vec<_>>(), expected);
        assert_eq!(result.metadata["result.statuscode"], b"1");
    }
}
