//! `factory engine …`.

use serde_json::json;

use super::answer;
use super::args::{EngineAction, Format, Query};
use crate::engine::{Engine, EngineHandle, Origin, Status};
use crate::exit::{Error, Result};
use crate::progress::for_terminal;

pub(crate) fn run(action: &EngineAction) -> Result<()> {
    match action {
        EngineAction::Up(up) => {
            let mut progress = for_terminal();
            let spec = up.which.spec();
            let handle = Engine::ensure(&spec, progress.as_mut())?;
            for architecture in &up.emulate {
                Engine::emulate(&spec, &handle, *architecture, progress.as_mut())?;
            }
            drop(progress);
            eprintln!("engine up: {}", origin(&handle));
            Ok(())
        }
        EngineAction::Down(down) => Engine::down(&down.which.spec(), down.purge, for_terminal().as_mut()),
        EngineAction::Status(query) => status(query),
        EngineAction::Env(query) => env(query),
    }
}

fn origin(handle: &EngineHandle) -> String {
    match &handle.origin {
        Origin::Found(found) => found.to_string(),
        Origin::Managed(name) => format!("managed engine {name}"),
    }
}

fn none_up() -> Error {
    Error::engine("no engine is up: `factory engine up` brings one up")
}

fn env(query: &Query) -> Result<()> {
    let handle = Engine::find(&query.which.spec())?.ok_or_else(none_up)?;
    match query.format {
        Format::Text => answer(&handle.shell_exports()),
        Format::Json => answer(&format!("{}\n", json!(handle.env))),
    }
    Ok(())
}

fn status(query: &Query) -> Result<()> {
    let spec = query.which.spec();
    let used = Engine::find(&spec)?;
    let managed = Engine::managed(&spec.places)?;
    match query.format {
        Format::Text => answer(&status_text(used.as_ref(), &managed)),
        Format::Json => answer(&format!("{}\n", status_json(used.as_ref(), &managed))),
    }
    // Scripts ask by the exit code.
    used.map(|_| ()).ok_or_else(none_up)
}

fn status_text(used: Option<&EngineHandle>, managed: &[Status]) -> String {
    let mut text = match used {
        Some(handle) => format!("in use: {} (client {})\n", origin(handle), handle.docker.display()),
        None => "in use: none\n".to_owned(),
    };
    for status in managed {
        text.push_str(&line(status));
    }
    text
}

fn line(status: &Status) -> String {
    let Some(state) = &status.running else { return format!("{}: down\n", status.name) };
    let health = if status.answers { "up" } else { "running, but does not answer" };
    let network = match &state.link {
        Some(link) => format!("own network {}", link.inside()),
        None => "the machine's network".to_owned(),
    };
    format!(
        "{}: {health}, {}, process {}, {network}, registry port {}, socket {}\n",
        status.name,
        state.suite,
        state.init.pid,
        state.registry_port,
        status.places.socket().display(),
    )
}

fn status_json(used: Option<&EngineHandle>, managed: &[Status]) -> serde_json::Value {
    let managed: Vec<_> = managed
        .iter()
        .map(|status| {
            json!({
                "name": status.name.as_str(), "running": status.running, "answers": status.answers,
                "socket": status.places.socket(), "log": status.places.daemon_log(),
            })
        })
        .collect();
    json!({
        "in_use": used.map(|h| json!({"engine": origin(h), "docker": h.docker, "env": h.env, "registry": h.registry})),
        "managed": managed,
    })
}
