//! What BuildKit says about a step that failed, beside the message: typed details, whose bodies are JSON.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::status::Status;

/// An exit code that the daemon does not know.
const UNKNOWN_EXIT: u32 = 255;

/// The facts of a failed solve.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailedSolve {
    /// The digest of the op that failed (`errdefs.Vertex`); nothing where it was none, but the engine itself.
    pub vertex: Option<String>,
    /// Handles of its mounts as it left them (`errdefs.Solve`), in the order of the op's own.
    pub mounts: Vec<String>,
    /// Whether the op that failed does something with files rather than run something.
    pub is_of_files: bool,
    /// What its process exited with (`gatewayapi.ExitMessage`), where it came to that.
    pub exit_code: Option<i32>,
}

#[derive(Deserialize)]
struct VertexBody {
    digest: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SolveBody {
    #[serde(default, alias = "mountIDs")]
    mount_ids: Vec<String>,
    #[serde(default)]
    op: Option<OpBody>,
}

#[derive(Deserialize)]
struct OpBody {
    #[serde(default)]
    file: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct ExitBody {
    #[serde(rename = "Code", default)]
    code: u32,
}

impl FailedSolve {
    /// What the details of a status say. One that can be read is taken, whatever is wrong with another.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        let solve: Option<SolveBody> = body(status, "errdefs.Solve+json");
        let exit: Option<ExitBody> = body(status, "ExitMessage+json");
        let code = exit.map(|exit| exit.code).filter(|code| *code != UNKNOWN_EXIT);
        Self {
            vertex: body(status, "errdefs.Vertex+json").map(|vertex: VertexBody| vertex.digest),
            is_of_files: solve
                .as_ref()
                .and_then(|solve| solve.op.as_ref())
                .is_some_and(|op| op.file.is_some()),
            mounts: solve.map(|solve| solve.mount_ids).unwrap_or_default(),
            exit_code: code.and_then(|code| i32::try_from(code).ok()),
        }
    }
}

/// The first detail of this kind. What stands before the name differs: a repository, a package.
fn body<T: DeserializeOwned>(status: &Status, name: &str) -> Option<T> {
    let mut details = status.details().iter().filter(|detail| detail.type_url.ends_with(name));
    details.find_map(|detail| serde_json::from_slice(&detail.value).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_that_exits_with_an_error_is_known_by_its_op() {
        let solve = json!({"inputIDs": ["i"], "mountIDs": ["m0", "m1"], "op": {"exec": {}}});
        let status = Status::new("process did not complete")
            .with_json_detail("errdefs.Source", &json!({"info": {}, "ranges": []}))
            .with_json_detail("frontend/gateway/gatewayapi.ExitMessage", &json!({"Code": 3}))
            .with_json_detail("errdefs.Solve", &solve)
            .with_json_detail("errdefs.Vertex", &json!({"digest": "sha256:aa"}));
        let expected = FailedSolve {
            vertex: Some("sha256:aa".into()),
            mounts: vec!["m0".into(), "m1".into()],
            is_of_files: false,
            exit_code: Some(3),
        };
        assert_eq!(FailedSolve::of(&status), expected);
    }

    #[test]
    fn what_is_not_a_step_has_no_facts() {
        assert_eq!(FailedSolve::of(&Status::new("no space left on device")), FailedSolve::default());
        let broken = Status::new("x").with_json_detail("errdefs.Solve", &json!({"mountIDs": 3}));
        assert_eq!(FailedSolve::of(&broken), FailedSolve::default());
        let unknown = Status::new("x").with_json_detail("gatewayapi.ExitMessage", &json!({"Code": 255}));
        assert_eq!(FailedSolve::of(&unknown).exit_code, None);
    }

    #[test]
    fn an_op_of_files_is_told_from_an_exec() {
        let solve = json!({"op": {"file": {"actions": []}, "platform": {}}, "file": {"index": "0"}});
        assert!(FailedSolve::of(&Status::new("x").with_json_detail("errdefs.Solve", &solve)).is_of_files);
    }
}
