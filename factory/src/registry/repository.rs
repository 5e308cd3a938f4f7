//! One repository of one registry.

use std::sync::Arc;

use llb_gen::model::ImageRef;
use ureq::http::Method;

use super::access::{Access, Patience};
use super::fault::{Fault, Result, Why};
use super::transport::{Answer, Request, Text, Transport, said_in};

/// A repository that can be read and written. A clone is the same repository, with the same logins and connections; threads may
/// share it.
#[derive(Debug, Clone)]
pub struct Repository {
    registry: String,
    name: String,
    pub(super) transport: Arc<Transport>,
}

impl Repository {
    /// The repository that a reference is of. Nothing is asked yet.
    ///
    /// # Errors
    /// Certificates that are none.
    pub fn open(reference: &ImageRef, access: &Access) -> Result<Self> {
        let transport = Arc::new(Transport::new(access, reference.registry())?);
        Ok(Self {
            registry: reference.registry().to_owned(),
            name: reference.repository().to_owned(),
            transport,
        })
    }

    /// The registry's host, with its port where it has one.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository's name in its registry.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn patience(&self) -> Patience {
        self.transport.patience
    }

    /// `registry/name` and what of it, for people.
    pub(super) fn called(&self, what: &str) -> String {
        format!("{}/{}{what}", self.registry, self.name)
    }

    /// A path below the repository.
    pub(super) fn path(&self, below: &str) -> String {
        format!("/v2/{}/{below}", self.name)
    }

    /// What reading needs to be allowed.
    pub(super) fn pull(&self) -> String {
        format!("repository:{}:pull", self.name)
    }

    /// What writing needs to be allowed.
    pub(super) fn push(&self) -> String {
        format!("repository:{}:pull,push", self.name)
    }

    /// A question without a body.
    pub(super) fn ask(
        &self,
        method: Method,
        url: String,
        headers: Vec<(&'static str, String)>,
        what: &str,
        limit: u64,
    ) -> Result<Text> {
        let scope = self.pull();
        let request = Request { method, url, headers, body: None, scope: &scope, what, again: true };
        self.transport.fetch(&request, limit)
    }
}

/// What an answer is that nobody expects here.
pub(super) fn unexpected(what: &str, status: u16, bytes: &[u8]) -> Fault {
    let said = said_in(bytes);
    Fault::could_not_look(what, Why::Broken(format!("it answers {status} {said}").trim_end().to_owned()))
}

/// What a registry says that does not take something.
pub(super) fn refused(what: &str, status: u16, bytes: &[u8]) -> Fault {
    let answer = format!("{status} {}", said_in(bytes)).trim_end().to_owned();
    Fault::Refused { what: what.to_owned(), answer }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer {}", self.status)
    }
}
