//! Why a registry gives no answer, or one that cannot be relied on.

use std::fmt;

use crate::exit::Error;

/// What can go wrong between us and a registry, an image layout or the engine's store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nobody could look, so the question is open: neither yes nor no may be concluded from it.
    #[error("could not look at {what}: {why}")]
    CouldNotLook {
        /// What was asked for.
        what: String,
        /// What was in the way.
        why: Why,
    },
    /// Something that is needed is not there, and whoever has to know has said so.
    #[error("there is no {0}")]
    Missing(String),
    /// What came is not what its digest, its size or its form says.
    #[error("{what} {fault}")]
    NotGenuine {
        /// What was asked for.
        what: String,
        /// What is wrong with it: a lower-case fragment.
        fault: String,
    },
    /// The registry does not take what it was sent.
    #[error("the registry refuses {what}: {answer}")]
    Refused {
        /// What was sent.
        what: String,
        /// Its answer.
        answer: String,
    },
    /// What was asked for cannot be asked: a name, a configuration file.
    #[error("{0}")]
    Usage(String),
}

/// What was in the way of looking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// 401, and the credentials there are did not help.
    Unauthorized(String),
    /// 403.
    Forbidden(String),
    /// 429, longer than anybody waits.
    TooManyRequests(String),
    /// The server broke, or answers what no specification knows.
    Broken(String),
    /// It took too long.
    TimedOut(String),
    /// No connection, or one that broke off.
    Connection(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized(said) => write!(f, "not logged in (401){}", suffix(said)),
            Self::Forbidden(said) => write!(f, "not allowed (403){}", suffix(said)),
            Self::TooManyRequests(said) => write!(f, "too many requests (429){}", suffix(said)),
            Self::Broken(said) => write!(f, "the server is broken{}", suffix(said)),
            Self::TimedOut(said) => write!(f, "no answer in time{}", suffix(said)),
            Self::Connection(said) => write!(f, "no connection{}", suffix(said)),
        }
    }
}

fn suffix(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

/// Result of everything that asks a registry.
pub type Result<T, E = Fault> = std::result::Result<T, E>;

impl Fault {
    pub(crate) fn could_not_look(what: impl Into<String>, why: Why) -> Self {
        Self::CouldNotLook { what: what.into(), why }
    }

    pub(crate) fn not_genuine(what: impl Into<String>, fault: impl Into<String>) -> Self {
        Self::NotGenuine { what: what.into(), fault: fault.into() }
    }

    /// Whether nothing is known because of it.
    #[must_use]
    pub fn is_could_not_look(&self) -> bool {
        matches!(self, Self::CouldNotLook { .. })
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let text = fault.to_string();
        match fault {
            Fault::CouldNotLook { .. } => Self::CouldNotLook(text),
            Fault::NotGenuine { .. } => Self::NotGenuine(text),
            Fault::Missing(_) => Self::NotFound(text),
            Fault::Refused { .. } => Self::Refused(text),
            Fault::Usage(_) => Self::Usage(text),
        }
    }
}
