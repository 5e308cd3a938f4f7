//! The services that sign keyless: where they are, and how they are asked.

use serde::de::DeserializeOwned;

use crate::exit::{Error, Result};
use crate::registry::service::{Question, Reply, Service};
use crate::registry::{Access, Fault, Why};

/// Where the services are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Services {
    /// The certificate authority, which speaks Fulcio's API of version 2.
    pub fulcio: String,
    /// The transparency log, which speaks Rekor's API of version 1.
    pub rekor: String,
}

impl Services {
    /// Sigstore's public certificate authority.
    pub const FULCIO: &'static str = "https://fulcio.sigstore.dev";
    /// Sigstore's public transparency log.
    pub const REKOR: &'static str = "https://rekor.sigstore.dev";
}

/// The public ones.
impl Default for Services {
    fn default() -> Self {
        Self { fulcio: Self::FULCIO.to_owned(), rekor: Self::REKOR.to_owned() }
    }
}

/// Somebody who is asked, under the name that messages have.
pub(super) struct Server {
    name: &'static str,
    service: Service,
    /// What no message may repeat.
    secret: Option<zeroize::Zeroizing<String>>,
}

impl Server {
    pub(super) fn open(name: &'static str, url: &str, access: &Access) -> Result<Self> {
        Ok(Self { name, service: Service::open(url, access)?, secret: None })
    }

    /// The same, with something that no message may repeat.
    pub(super) fn with_secret(self, secret: &str) -> Self {
        Self { secret: Some(zeroize::Zeroizing::new(secret.to_owned())), ..self }
    }

    /// The reply, whatever its status is.
    pub(super) fn ask(&self, question: &Question<'_>) -> Result<Reply> {
        self.service.ask(question).map_err(|fault| self.error(question.what, fault))
    }

    /// The JSON of a reply that says yes.
    pub(super) fn json<T: DeserializeOwned>(&self, what: &str, reply: &Reply) -> Result<T> {
        if !reply.is_success() {
            return Err(Error::Refused(self.hidden(&format!(
                "{} does not take {what} ({}): {}",
                self.name,
                reply.status,
                reply.said()
            ))));
        }
        serde_json::from_slice(&reply.bytes).map_err(|fault| {
            Error::NotGenuine(format!("what {} answers to {what} cannot be read: {fault}", self.name))
        })
    }

    /// That nobody answers is one thing, and that somebody says no another.
    fn error(&self, what: &str, fault: Fault) -> Error {
        match fault {
            Fault::CouldNotLook { why: why @ (Why::Unauthorized(_) | Why::Forbidden(_)), .. } => {
                Error::Refused(self.hidden(&format!("{} does not take {what}: {why}", self.name)))
            }
            Fault::CouldNotLook { why, .. } => Error::CouldNotLook(
                self.hidden(&format!("{} cannot be reached with {what}: {why}", self.name)),
            ),
            other => other.into(),
        }
    }

    fn hidden(&self, text: &str) -> String {
        match &self.secret {
            Some(secret) if !secret.is_empty() => text.replace(secret.as_str(), "(hidden)"),
            _ => text.to_owned(),
        }
    }
}
