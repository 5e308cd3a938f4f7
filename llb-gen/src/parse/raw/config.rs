//! Image configuration as written.

use jsonc_parser::ast::Value as Json;

use super::RawLabels;
use crate::model::{CommandLine, Duration, ImagePath, List, Owner, PerPlatform, Port, Signal, Value};
use crate::parse::decode::Decode;
use crate::parse::node::{Context, Node};
use crate::parse::object::object;
use crate::text::Located;

object! {
    /// What the image says about running it. What is absent stays as it is below.
    RawConfig {
        /// The user (and group) that runs the container. The last writer wins.
        "user" user: Option<Value<Owner>>,
        /// The folder in which the container starts, and in which relative paths of this document's own steps begin.
        /// A relative one continues the one below. The last writer wins.
        "workdir" workdir: Option<Value<ImagePath>>,
        /// The program: a list as it is, or a text for the shell. The last writer wins, and a `cmd` from below is
        /// dropped. Two fragments that set it are an error unless the upper one says `"override": true`.
        "entrypoint" entrypoint: Option<PerPlatform<CommandLine>>,
        /// The program's default arguments, or the program where there is no entrypoint. The last writer wins.
        "cmd" cmd: Option<PerPlatform<CommandLine>>,
        /// Ports that the container serves, added to those below.
        "expose" expose: List<Port>,
        /// Folders that hold data of the container, added to those below.
        "volumes" volumes: List<ImagePath>,
        /// Labels; one of the same key below is replaced.
        "labels" labels: Option<RawLabels>,
        /// Annotations of the image's manifest; one of the same key below is replaced.
        "annotations" annotations: Option<RawLabels>,
        /// The signal that stops the container.
        "stop_signal" stop_signal: Option<Value<Signal>>,
        /// How to see whether the container is healthy.
        "healthcheck" healthcheck: Option<RawHealthcheck>,
        /// The shell with its options: of `run` text from here upwards, of shell-form commands, and of the image.
        "shell" shell: List<String>,
        /// In a fragment: allows it to replace an entrypoint that a fragment below it set.
        "override" overrides: Option<Located<bool>>,
    }
}

impl Decode for CommandLine {
    const FORM: &'static str = "an array (a program and its arguments) or a string (for the shell)";

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        match node {
            Json::StringLit(_) => Value::decode(node, cx).map(Self::Shell),
            Json::Array(_) => Vec::decode(node, cx).map(Self::Exec),
            _ => cx.wrong_type(node, Self::FORM),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let list = <Vec<Value<String>> as Decode>::schema(generator);
        crate::schema::any_of([crate::schema::expanding_text::<String>(generator), list])
    }
}

object! {
    /// A health check: `exec` or `shell` with its rhythm, or `{"disable": true}` to drop the one below.
    RawHealthcheck {
        /// No health check, whatever is below.
        "disable" disable: Option<Located<bool>>,
        /// The program and its arguments, without a shell.
        "exec" exec: Option<Located<Vec<Value<String>>>>,
        /// A text for the shell.
        "shell" shell: Option<Value<String>>,
        /// Between two checks; 30s by default.
        "interval" interval: Option<Value<Duration>>,
        /// How long one check may take; 30s by default.
        "timeout" timeout: Option<Value<Duration>>,
        /// How long failures do not count after the start; 0s by default.
        "start_period" start_period: Option<Value<Duration>>,
        /// Between two checks during `start_period`; 5s by default.
        "start_interval" start_interval: Option<Value<Duration>>,
        /// Failures in a row that make the container unhealthy; 3 by default.
        "retries" retries: Option<PerPlatform<u32>>,
    }
}
