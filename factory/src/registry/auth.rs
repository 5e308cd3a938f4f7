//! Logging in: tokens and passwords, as a registry asks for them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use super::access::Patience;
use super::challenge::Challenge;
use super::connections::Connections;
use super::credentials::{self, Credentials};
use super::fault::{Fault, Result, Why};
use super::transport::{Pauses, said_in};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// How often who gives out tokens may send us elsewhere.
const MOST_REDIRECTS: u32 = 5;
/// What a token may come to as JSON; some are large.
const LONGEST_TOKEN: u64 = 1 << 20;

/// What is known of a registry's logins.
pub(super) struct Authority {
    registry: String,
    config: Option<PathBuf>,
    /// Looked up when they are first needed.
    credentials: Option<Option<Credentials>>,
    /// Values of the header `Authorization`, by what they allow.
    known: BTreeMap<String, String>,
}

/// Never what they are.
impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authority of {}", self.registry)
    }
}

#[derive(Deserialize)]
struct TokenJson {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
}

impl Authority {
    pub(super) fn new(registry: &str, config: Option<PathBuf>) -> Self {
        Self { registry: registry.to_owned(), config, credentials: None, known: BTreeMap::new() }
    }

    /// What has been shown for `scope` before.
    pub(super) fn known(&self, scope: &str) -> Option<String> {
        self.known.get(scope).cloned()
    }

    /// What to show to a registry that has answered with `challenges`. `shown` is what it would not have; nothing where there is
    /// nothing else to show.
    ///
    /// # Errors
    /// Nobody could be asked for a token, or for a password.
    pub(super) fn asked(
        &mut self,
        connections: &Connections,
        patience: Patience,
        challenges: &[Challenge],
        scope: &str,
        shown: Option<&str>,
    ) -> Result<Option<String>> {
        // Another thread may have been faster.
        if let Some(known) = self.known(scope)
            && shown != Some(&known)
        {
            return Ok(Some(known));
        }
        let credentials = self.credentials()?;
        let bearer = challenges.iter().find(|one| matches!(one, Challenge::Bearer { .. }));
        let login = match (bearer, &credentials) {
            (_, Some(Credentials::Registry(token))) => Some(format!("Bearer {token}")),
            (Some(Challenge::Bearer { realm, service, scope: wanted }), _) => {
                let wanted = [Some(scope), wanted.as_deref()];
                let request = TokenRequest { realm, service: service.as_deref(), scopes: scopes(&wanted) };
                Some(format!("Bearer {}", self.token(connections, patience, &request, credentials.as_ref())?))
            }
            (_, Some(Credentials::Password(name, password))) if challenges.contains(&Challenge::Basic) => {
                Some(basic(name, password))
            }
            _ => None,
        };
        let login = login.filter(|login| shown != Some(login));
        match &login {
            Some(login) => self.known.insert(scope.to_owned(), login.clone()),
            None => self.known.remove(scope),
        };
        Ok(login)
    }

    fn credentials(&mut self) -> Result<Option<Credentials>> {
        if self.credentials.is_none() {
            let found = match &self.config {
                Some(config) => credentials::of(config, &self.registry)?,
                None => None,
            };
            self.credentials = Some(found);
        }
        Ok(self.credentials.clone().flatten())
    }

    /// A token from the one who gives them out.
    fn token(
        &self,
        connections: &Connections,
        patience: Patience,
        request: &TokenRequest<'_>,
        credentials: Option<&Credentials>,
    ) -> Result<String> {
        let what = format!("a token for {} from {}", self.registry, request.realm);
        let failed = |why: Why| Fault::could_not_look(what.as_str(), why);
        let mut pauses = Pauses::new(patience);
        let (status, bytes) = loop {
            let why = match request.send(connections, credentials) {
                Ok((429, bytes)) => Why::TooManyRequests(said_in(&bytes)),
                Ok((500.., bytes)) => Why::Broken(said_in(&bytes)),
                Ok(answer) => break answer,
                Err(ureq::Error::Timeout(what)) => Why::TimedOut(what.to_string()),
                Err(fault) => Why::Connection(fault.to_string()),
            };
            if !pauses.wait(None) {
                return Err(failed(why));
            }
        };
        match status {
            200..300 => {}
            403 => return Err(failed(Why::Forbidden(said_in(&bytes)))),
            _ => return Err(failed(Why::Unauthorized(said_in(&bytes)))),
        }
        let json: TokenJson = serde_json::from_slice(&bytes)
            .map_err(|fault| failed(Why::Broken(format!("an answer that is no token: {fault}"))))?;
        match [json.token, json.access_token].into_iter().find(|token| !token.is_empty()) {
            Some(token) => Ok(token),
            None => Err(failed(Why::Broken("an answer without a token".to_owned()))),
        }
    }
}

/// What is asked of the one who gives out tokens.
struct TokenRequest<'a> {
    realm: &'a str,
    service: Option<&'a str>,
    scopes: Vec<&'a str>,
}

impl TokenRequest<'_> {
    fn send(
        &self,
        connections: &Connections,
        credentials: Option<&Credentials>,
    ) -> Result<(u16, Vec<u8>), ureq::Error> {
        let agent = connections.to(self.realm);
        let answer = match credentials {
            Some(Credentials::Identity(token)) => {
                // The form of OAuth 2, with what a login once came to.
                let scope = self.scopes.join(" ");
                let form = [
                    ("grant_type", "refresh_token"),
                    ("client_id", "factory"),
                    ("service", self.service.unwrap_or_default()),
                    ("scope", &scope),
                    ("refresh_token", token),
                ];
                agent.post(self.realm).send_form(form)
            }
            _ => {
                let mut request = agent.get(self.realm).config().max_redirects(MOST_REDIRECTS).build();
                if let Some(service) = self.service {
                    request = request.query("service", service);
                }
                for scope in &self.scopes {
                    request = request.query("scope", scope);
                }
                if let Some(Credentials::Password(name, password)) = credentials {
                    request = request.header("Authorization", basic(name, password));
                }
                request.call()
            }
        }?;
        let status = answer.status().as_u16();
        let mut bytes = Vec::new();
        answer.into_body().into_reader().take(LONGEST_TOKEN).read_to_end(&mut bytes)?;
        Ok((status, bytes))
    }
}

/// What a token has to allow: what is needed, and what the registry asks for where that is more.
fn scopes<'s>(wanted: &[Option<&'s str>]) -> Vec<&'s str> {
    let mut scopes: Vec<&str> = Vec::new();
    for scope in wanted.iter().flatten().flat_map(|scope| scope.split(' ')) {
        let covered =
            scopes.iter().any(|known| *known == scope || known.strip_suffix(",push") == Some(scope));
        if !scope.is_empty() && !covered {
            scopes.push(scope);
        }
    }
    scopes
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_asked_for_once() {
        let pull = "repository:a:pull";
        assert_eq!(scopes(&[Some(pull), Some(pull)]), [pull]);
        let push = "repository:a:pull,push";
        assert_eq!(scopes(&[Some(push), Some(pull)]), [push]);
        assert_eq!(scopes(&[Some(pull), Some("registry:catalog:*")]), [pull, "registry:catalog:*"]);
    }
}
