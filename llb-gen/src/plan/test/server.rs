//! `http`: the server, and what it is asked.

use super::spec::{ExchangeSpec, MatchSpec, ReadySpec, ServerSpec};
use super::{Planner, Stand, milliseconds};
use crate::diagnostic::{Diagnostic, Diagnostics, listed};
use crate::model::test::{Exchange, HttpTest, Ready, RequestBody};
use crate::model::{CommandLine, Given, PerPlatform, Scope};

/// How often a server is asked whether it is ready, and the milliseconds between two questions.
const ATTEMPTS: (u32, u64) = (30, 1000);

impl Planner<'_> {
    pub(super) fn server(&self, http: &HttpTest, stand: &Stand<'_>) -> Result<ServerSpec, Diagnostics> {
        let scope = &stand.level.scope;
        let exchanges = http.exchanges.iter().map(|one| exchange(one, scope));
        Ok(ServerSpec {
            argv: self.server_command(http, scope)?,
            port: match http.port.given(scope)? {
                Some(port) => port.get(),
                None => self.only_port(http)?,
            },
            ready: ready(&http.ready, scope)?,
            exchanges: exchanges.collect::<Result<_, _>>()?,
        })
    }

    /// What is started: the test's own command, or what a container of the image would run.
    fn server_command(&self, http: &HttpTest, scope: &Scope) -> Result<Vec<String>, Diagnostics> {
        let own = http.command.as_ref().map(|command| self.command_line(command, scope)).transpose()?;
        let argv = own.unwrap_or_else(|| self.image.command());
        if argv.is_empty() {
            let message = "nothing is started: the image has neither entrypoint nor command";
            let fault = Diagnostic::error("server-without-command", &http.place, message);
            return Err(fault.expecting("a `command`").into());
        }
        Ok(argv)
    }

    /// A command in either form.
    pub(super) fn command_line(
        &self,
        command: &PerPlatform<CommandLine>,
        scope: &Scope,
    ) -> Result<Vec<String>, Diagnostic> {
        match command.get(scope)? {
            CommandLine::Shell(text) => Ok(self.shell.iter().cloned().chain([text.get(scope)?]).collect()),
            CommandLine::Exec(words) => words.iter().map(|word| word.get(scope)).collect(),
        }
    }

    /// The port, where the image leaves no choice.
    fn only_port(&self, http: &HttpTest) -> Result<u16, Diagnostic> {
        let ports: Vec<&str> = self.image.ports().filter(|port| port.ends_with("/tcp")).collect();
        if let [only] = ports[..]
            && let Ok(port) = only.trim_end_matches("/tcp").parse()
        {
            return Ok(port);
        }
        let message = match ports.is_empty() {
            true => "which port? The image exposes none".to_owned(),
            false => format!("which port? The image exposes {}", listed(ports)),
        };
        let fault = Diagnostic::error("server-without-port", &http.place, message);
        Err(fault.expecting("a `port`"))
    }
}

pub(super) fn ready(ready: &Ready, scope: &Scope) -> Result<ReadySpec, Diagnostic> {
    let (attempts, interval) = ATTEMPTS;
    Ok(ReadySpec {
        path: ready.path.given(scope)?.map_or_else(|| "/".to_owned(), |path| path.to_string()),
        status: ready.status.clone(),
        attempts: ready.attempts.unwrap_or(attempts),
        interval_ms: ready.interval.given(scope)?.map_or(interval, milliseconds),
    })
}

fn exchange(exchange: &Exchange, scope: &Scope) -> Result<ExchangeSpec, Diagnostic> {
    let (request, expect) = (&exchange.request, &exchange.expect);
    let mut spec = ExchangeSpec {
        method: request.method.given(scope)?.map_or_else(|| "GET".to_owned(), |method| method.to_string()),
        path: request.path.given(scope)?.map_or_else(|| "/".to_owned(), |path| path.to_string()),
        status: if expect.status.is_empty() { vec![200] } else { expect.status.clone() },
        expect_body: MatchSpec::all(&expect.body, scope)?,
        ..ExchangeSpec::default()
    };
    for (name, value) in &request.headers {
        spec.headers.insert(name.to_string(), value.get(scope)?.to_string());
    }
    match &request.body {
        None => {}
        Some(RequestBody::Text(text)) => spec.body = Some(text.get(scope)?),
        Some(RequestBody::Json(value)) => {
            spec.body = Some(crate::record::canonical_text(value.get()));
            if !spec.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
                spec.headers.insert("Content-Type".to_owned(), "application/json".to_owned());
            }
        }
    }
    for (name, one) in &expect.headers {
        spec.expect_headers.insert(name.to_string(), MatchSpec::of(one, scope)?);
    }
    if !expect.json.is_empty() {
        spec.expect_body.push(MatchSpec::values(&expect.json));
    }
    Ok(spec)
}
