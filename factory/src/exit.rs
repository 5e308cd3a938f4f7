//! Errors of the component and the exit codes that people's scripts may rely on (`docs/cli.md` has the same table).

use std::fmt::Write as _;
use std::process::ExitCode;

/// Exit codes of the binary `factory`: one number per kind of outcome, documented in `docs/cli.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done.
    Ok = 0,
    /// The engine tried the build and it failed.
    BuildFailed = 1,
    /// The command line, a manifest or another input is wrong; nothing was started.
    Usage = 2,
    /// No engine answers and none could be set up.
    Engine = 3,
    /// The frontend image could not be built or loaded.
    FrontendImage = 4,
    /// The action needs root.
    NeedsRoot = 5,
    /// Everything was made, and a test said no, or a plan came out other than expected.
    TestsFailed = 6,
    /// Nothing is there of what was asked for, and whoever has to know has said so.
    NotFound = 7,
    /// Nobody could look, so nothing is known.
    CouldNotLook = 8,
    /// Something is not what its digest or its subject says.
    NotGenuine = 9,
    /// A registry, a certificate authority or a log does not take what it was sent.
    Refused = 10,
    /// An image was looked at, and a rule of the policy refuses it.
    PolicyRefused = 11,
    /// A fault of the factory itself.
    Internal = 70,
    /// The user pressed Ctrl-C, or the process was asked to stop.
    Interrupted = 130,
}

impl Exit {
    /// All codes with what they mean, in the order of `docs/cli.md`.
    pub const ALL: [(Exit, &'static str); 14] = [
        (Exit::Ok, "done"),
        (Exit::BuildFailed, "the build was tried and failed"),
        (Exit::Usage, "wrong command line, manifest or other input; nothing was started"),
        (Exit::Engine, "no engine answers and none could be set up"),
        (Exit::FrontendImage, "the frontend image could not be built or loaded"),
        (Exit::NeedsRoot, "the action needs root"),
        (Exit::TestsFailed, "built, but a test said no; or a plan whose verdicts are not the expected ones"),
        (Exit::NotFound, "there is nothing of what was asked for"),
        (
            Exit::CouldNotLook,
            "nobody could look: not logged in, not allowed, too many requests, no answer; nothing is known",
        ),
        (Exit::NotGenuine, "something is not what its digest or its subject says"),
        (Exit::Refused, "a registry, a certificate authority or a log does not take what it was sent"),
        (Exit::PolicyRefused, "the image was looked at, and a rule of the policy refuses it"),
        (Exit::Internal, "a fault of the factory itself"),
        (Exit::Interrupted, "interrupted by Ctrl-C or a signal"),
    ];

    /// The number given to the operating system.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// What went wrong, in the terms of the exit codes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller asked for something that cannot be (`Exit::Usage`).
    #[error("{0}")]
    Usage(String),
    /// No engine (`Exit::Engine`).
    #[error("{what}")]
    Engine {
        /// What was tried, on what, and what came of it.
        what: String,
        /// The cause below, where there is one.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The frontend image (`Exit::FrontendImage`).
    #[error("{0}")]
    FrontendImage(String),
    /// The build was tried and failed (`Exit::BuildFailed`).
    #[error("the build failed: {0}")]
    BuildFailed(String),
    /// A lock that is not the one that it would be (`Exit::BuildFailed`).
    #[error("{0}")]
    LockDiffers(String),
    /// Tests that are in the way of an image, or verdicts of a plan that nobody expected (`Exit::TestsFailed`).
    #[error("{0}")]
    TestsFailed(String),
    /// There is nothing of what was asked for (`Exit::NotFound`).
    #[error("{0}")]
    NotFound(String),
    /// Nobody could look (`Exit::CouldNotLook`).
    #[error("{0}")]
    CouldNotLook(String),
    /// Not what its digest or its subject says (`Exit::NotGenuine`).
    #[error("{0}")]
    NotGenuine(String),
    /// A registry, a certificate authority or a log does not take something (`Exit::Refused`).
    #[error("{0}")]
    Refused(String),
    /// A policy refuses an image (`Exit::PolicyRefused`).
    #[error("{0}")]
    PolicyRefused(String),
    /// An action that only root can do (`Exit::NeedsRoot`).
    #[error("{0} needs root (for example by sudo)")]
    NeedsRoot(String),
    /// Ctrl-C (`Exit::Interrupted`).
    #[error("interrupted")]
    Interrupted,
    /// A fault of our own (`Exit::Internal`).
    #[error("{0}")]
    Internal(String),
}

/// Result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An engine error without a cause below it.
    pub(crate) fn engine(what: impl Into<String>) -> Self {
        Self::Engine { what: what.into(), source: None }
    }

    /// An engine error caused by an operation of the operating system.
    pub(crate) fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Engine { what: what.into(), source: Some(Box::new(source)) }
    }

    /// The exit code that stands for this error.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Engine { .. } => Exit::Engine,
            Self::FrontendImage(_) => Exit::FrontendImage,
            Self::BuildFailed(_) | Self::LockDiffers(_) => Exit::BuildFailed,
            Self::TestsFailed(_) => Exit::TestsFailed,
            Self::NotFound(_) => Exit::NotFound,
            Self::CouldNotLook(_) => Exit::CouldNotLook,
            Self::NotGenuine(_) => Exit::NotGenuine,
            Self::Refused(_) => Exit::Refused,
            Self::PolicyRefused(_) => Exit::PolicyRefused,
            Self::NeedsRoot(_) => Exit::NeedsRoot,
            Self::Interrupted => Exit::Interrupted,
            Self::Internal(_) => Exit::Internal,
        }
    }

    /// The message with its causes, joined by colons, each said once.
    #[must_use]
    pub fn full_message(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            // Writing to a String cannot fail.
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_documented() {
        let document = include_str!("../../docs/cli.md");
        let mut seen = std::collections::BTreeSet::new();
        for (exit, meaning) in Exit::ALL {
            assert!(seen.insert(exit.code()), "{exit:?} repeats a code");
            let row = format!("| {} | {meaning} |", exit.code());
            assert!(document.contains(&row), "docs/cli.md lacks the row `{row}`");
        }
    }

    #[test]
    fn causes_are_said_once() {
        let cause = std::io::Error::other("disk full");
        assert_eq!(
            Error::io("cannot write state.json", cause).full_message(),
            "cannot write state.json: disk full"
        );
    }
}
