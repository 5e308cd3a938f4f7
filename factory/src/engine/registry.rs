//! The engine's own registry: the mirror that answers for base images where no other registry can be reached, and
//! the place that tests push to.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::launch::{self, Network};
use super::places::{EnginePlaces, text};
use super::state::{EngineState, ProcessIdentity};
use crate::exit::{Error, Result};
use crate::process::{capture, spawn};

/// The port that is taken where it is free.
const USUAL_PORT: u16 = 5000;

/// How long a registry may take until it answers. Measured: 0.1 s.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A port for a registry on the machine's loopback: the usual one, else any that is free.
///
/// # Errors
/// No port can be had.
pub(crate) fn free_loopback_port() -> Result<u16> {
    let bind = |port| TcpListener::bind(("127.0.0.1", port));
    let listener =
        bind(USUAL_PORT).or_else(|_| bind(0)).map_err(|e| Error::io("no free loopback port", e))?;
    listener.local_addr().map(|a| a.port()).map_err(|e| Error::io("no free loopback port", e))
}

/// The registry's name for clients on the machine and for the daemon. Loopback addresses are the ones that every client
/// speaks plain HTTP to.
#[must_use]
pub(crate) fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// The configuration file of `docker-registry serve`.
pub(crate) fn config(places: &EnginePlaces, port: u16) -> String {
    let storage = text(&places.state.join("registry"));
    let address = address(port);
    format!(
        "version: 0.1\n\
         log: {{level: warn, accesslog: {{disabled: true}}}}\n\
         storage:\n  filesystem: {{rootdirectory: {storage:?}}}\n  delete: {{enabled: true}}\n\
         http:\n  addr: {address:?}\n"
    )
}

/// Makes sure that the registry answers on the machine's loopback and on the engine's own. They are the same for the
/// default engine. Another engine has two processes that serve the same files, so that one name works on both sides.
///
/// # Errors
/// It does not answer; the message points at its log.
pub(crate) fn ensure(places: &EnginePlaces, state: &EngineState) -> Result<()> {
    let address = address(state.registry_port);
    if !answers(&address) {
        serve(places, &state.init, Network::Machine, || answers(&address))?;
    }
    let within = || answers_within(&state.init, state.registry_port);
    if state.link.is_some() && !within() {
        serve(places, &state.init, Network::Engine, within)?;
    }
    Ok(())
}

/// Starts a registry in the engine's mount and process namespaces, so that it ends with them.
fn serve(
    places: &EnginePlaces,
    init: &ProcessIdentity,
    network: Network,
    ready: impl Fn() -> bool,
) -> Result<()> {
    let path = places.state.join("registry.log");
    let open = || fs::File::options().create(true).append(true).open(&path);
    let log = open().map_err(|e| Error::io("cannot open the registry's log", e))?;
    let errors = log.try_clone().map_err(|e| Error::io("cannot clone the log's handle", e))?;
    let mut command = launch::inside(init, network, "docker-registry");
    command.arg("serve").arg(places.registry_config());
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    spawn(&mut command, "the registry")?;
    let deadline = Instant::now() + START_LIMIT;
    while Instant::now() < deadline {
        if ready() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(Error::engine(format!("the registry does not answer; see {}", path.display())))
}

/// Whether something listens on the port of the engine's own loopback.
fn answers_within(init: &ProcessIdentity, port: u16) -> bool {
    let mut command = launch::inside(init, Network::Engine, "bash");
    command.args(["-c", &format!("exec 3<>/dev/tcp/127.0.0.1/{port}")]);
    capture(command, Duration::from_secs(5)).is_ok_and(|out| out.ok)
}

/// Whether a registry answers at `address` (`GET /v2/`, the version check of the distribution specification).
#[must_use]
pub(crate) fn answers(address: &str) -> bool {
    version_check(address).is_ok_and(|reply| reply.starts_with("HTTP/1.1 200"))
}

/// How long a registry may think about its version. On a loaded machine half a second is too short.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

fn version_check(address: &str) -> std::io::Result<String> {
    let socket: SocketAddr = address.parse().map_err(std::io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&socket, ANSWER_LIMIT)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.set_write_timeout(Some(ANSWER_LIMIT))?;
    // In one piece: whoever answers after the first piece may close the connection under the others.
    let request = format!("GET /v2/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut reply = [0; 64];
    let length = stream.read(&mut reply)?;
    Ok(String::from_utf8_lossy(&reply[..length]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_listens_on_loopback_and_deletes() {
        let places = EnginePlaces { state: "/s".into(), run: "/r".into() };
        let config = config(&places, 5001);
        assert!(config.ends_with("addr: \"127.0.0.1:5001\"\n"), "{config}");
        assert!(
            config.contains("rootdirectory: \"/s/registry\"") && config.contains("delete: {enabled: true}")
        );
    }

    #[test]
    fn only_a_registry_counts_as_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let serve = |reply: &'static str| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let _ = stream.read(&mut request).unwrap();
            stream.write_all(reply.as_bytes()).unwrap();
        };
        let seen = std::thread::scope(|scope| {
            scope.spawn(|| {
                serve("HTTP/1.1 200 OK\r\n\r\n");
                serve("HTTP/1.1 404 Not Found\r\n\r\n");
            });
            // Both are asked before either is judged: a panic in here would wait for a server that waits for us.
            [answers(&address), answers(&address)]
        });
        assert_eq!(seen, [true, false]);
        drop(listener);
        assert!(!answers(&address));
    }
}
