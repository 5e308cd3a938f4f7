//! The status that a call ends with, and that a failed build is returned as: `google.rpc.Status`.
//!
//! What BuildKit says about a failure (code, message, typed details) is kept as it came, because the client
//! prints source excerpts, exit codes and failing steps from the details alone.

use bollard_buildkit_proto::google::{protobuf::Any, rpc};
use prost::Message as _;
use serde::Serialize;

/// What every type URL of BuildKit's own error details starts with; there is no `type.googleapis.com` before it.
const DETAIL_PREFIX: &str = "github.com/moby/buildkit/";

/// gRPC code 2. The one code whose name a client does not put before the message.
pub const CODE_UNKNOWN: i32 = 2;
/// A failure with BuildKit's typed details.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Status(rpc::Status);

impl Status {
    /// A failure of our own: code Unknown, no details yet.
    pub fn new(message: impl Into<String>) -> Self {
        Self::with_code(CODE_UNKNOWN, message)
    }

    /// A failure with a code. Code 0 would count as success in `Return`, so it becomes Unknown.
    pub fn with_code(code: i32, message: impl Into<String>) -> Self {
        let code = if code == 0 { CODE_UNKNOWN } else { code };
        Self(rpc::Status { code, message: message.into(), details: Vec::new() })
    }

    /// Adds a detail whose body is JSON, as all of BuildKit's are. `name` is the part between the repository's
    /// name and `+json`, for example `errdefs.Source`.
    #[must_use]
    pub fn with_json_detail(mut self, name: &str, body: &impl Serialize) -> Self {
        let value = serde_json::to_vec(body).expect("error details hold only strings, numbers and lists");
        self.0.details.push(Any { type_url: format!("{DETAIL_PREFIX}{name}+json"), value });
        self
    }

    /// Puts words before the message and keeps code and details.
    #[must_use]
    pub fn context(mut self, what: &str) -> Self {
        self.0.message = format!("{what}: {}", self.0.message);
        self
    }

    /// The gRPC code.
    pub fn code(&self) -> i32 {
        self.0.code
    }

    /// The text that the client shows after "failed to solve: ".
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The typed details, in the order in which they came or were added.
    pub fn details(&self) -> &[Any] {
        &self.0.details
    }

    /// Whether a call for a file failed because there is no such file. BuildKit has no code for it, only the
    /// text of the system call's error.
    pub fn is_missing_file(&self) -> bool {
        self.0.message.ends_with("no such file or directory")
    }

    /// The message for `Return`.
    pub fn into_proto(self) -> rpc::Status {
        self.0
    }
}

impl From<tonic::Status> for Status {
    /// Takes the typed status from the trailer where there is one, else builds it from code and message.
    fn from(status: tonic::Status) -> Self {
        match rpc::Status::decode(status.details()) {
            Ok(typed) if !status.details().is_empty() && typed.code != 0 => Self(typed),
            _ => Self::with_code(i32::from(status.code()), status.message()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_status_from_the_trailer_is_kept_verbatim() {
        let upstream = rpc::Status {
            code: 2,
            message: "process \"false\" did not complete successfully: exit code: 1".into(),
            details: vec![Any { type_url: "x/y+json".into(), value: b"{\"a\":1}".to_vec() }],
        };
        let wire =
            tonic::Status::with_details(tonic::Code::Unknown, "short", upstream.encode_to_vec().into());
        assert_eq!(Status::from(wire).into_proto(), upstream);
    }

    #[test]
    fn plain_status_keeps_code_and_message() {
        let status = Status::from(tonic::Status::resource_exhausted("too big"));
        assert_eq!((status.code(), status.message(), status.details().len()), (8, "too big", 0));
    }

    #[test]
    fn code_zero_is_never_returned_as_an_error() {
        assert_eq!(Status::with_code(0, "no").code(), CODE_UNKNOWN);
    }

    #[test]
    fn details_carry_buildkits_type_url_and_json() {
        let status = Status::new("m")
            .with_json_detail("errdefs.Subrequest", &serde_json::json!({"name": "frontend.x"}));
        let detail = &status.details()[0];
        assert_eq!(detail.type_url, "github.com/moby/buildkit/errdefs.Subrequest+json");
        assert_eq!(detail.value, br#"{"name":"frontend.x"}"#);
    }
}
