//! Starting and ending the processes of a managed engine.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::places::EnginePlaces;
use super::state::{LinkState, ProcessIdentity, write_whole};
use crate::exit::{Error, Result};
use crate::process::spawn;

/// How long a daemon may take until its API answers. Measured: 6 to 8 s; a slow disk with a large store needs more.
const START_LIMIT: Duration = Duration::from_secs(120);

/// How long a daemon may take to stop its containers and itself before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// The script that becomes the engine's first process.
const LAUNCH: &str = include_str!("launch.sh");

/// Proxy settings that a daemon needs to reach registries where there is no other way out.
const PROXY_VARIABLES: [&str; 6] =
    ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];

/// A daemon that was started and has not answered yet.
pub(crate) struct Starting {
    outer: Child,
    /// The engine's first process.
    pub init: ProcessIdentity,
}

/// Starts the daemon in namespaces of its own. The caller writes down `init` at once, so that even a start that is
/// broken off can be ended later.
///
/// # Errors
/// A tool is missing, or the processes end at once.
pub(crate) fn start(places: &EnginePlaces, root: &Path, link: Option<&LinkState>) -> Result<Starting> {
    let script = places.state.join("launch.sh");
    write_whole(&script, LAUNCH.as_bytes(), 0o644)?;
    let log =
        fs::File::create(places.daemon_log()).map_err(|e| Error::io("cannot make the daemon's log", e))?;
    let mut command = launch_command(places, root, link, &script);
    let errors = log.try_clone().map_err(|e| Error::io("cannot clone the log's handle", e))?;
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    let mut outer = spawn(&mut command, "unshare")?;
    match first_child(&mut outer) {
        Some(init) => Ok(Starting { outer, init }),
        None => Err(give_up(&mut outer, places, "the Docker daemon ended at once; its log ends with")),
    }
}

impl Starting {
    /// Waits until the daemon answers.
    ///
    /// # Errors
    /// It ends or stays silent; the message carries the last lines of its log.
    pub(crate) fn wait(
        mut self,
        places: &EnginePlaces,
        answers: impl Fn() -> bool,
    ) -> Result<ProcessIdentity> {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline && self.init.is_alive() {
            if answers() {
                return Ok(self.init);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let what = if self.init.is_alive() { "did not answer in time" } else { "ended at once" };
        Err(give_up(&mut self.outer, places, &format!("the Docker daemon {what}; its log ends with")))
    }
}

/// Ends what was started and says why with the last lines of the log.
fn give_up(outer: &mut Child, places: &EnginePlaces, what: &str) -> Error {
    let _ = outer.kill(); // takes its child along (--kill-child); it may have ended by itself
    let _ = outer.wait();
    Error::engine(format!("{what}\n{}", log_tail(&places.daemon_log())))
}

/// `setsid`, so that neither Ctrl-C nor a closed terminal reaches the engine; the program becomes `unshare` itself.
fn launch_command(places: &EnginePlaces, root: &Path, link: Option<&LinkState>, script: &Path) -> Command {
    let mut command = Command::new("setsid");
    command.args(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "slave"]);
    command.arg("sh").arg(script);
    command.current_dir("/").env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    for name in PROXY_VARIABLES {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("ROOT", root).env("STATE", &places.state).env("RUN", &places.run);
    if let Some(link) = link {
        command.env("LINK_DEVICE", link.device()).env("LINK_MTU", link.mtu.to_string());
        command.env("LINK_OUTSIDE", link.outside()).env("LINK_INSIDE", link.inside());
    }
    command
}

/// The engine's first process: the one child of `unshare --fork`, once it is there.
fn first_child(outer: &mut Child) -> Option<ProcessIdentity> {
    let list = format!("/proc/{0}/task/{0}/children", outer.id());
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline && matches!(outer.try_wait(), Ok(None)) {
        let children = fs::read_to_string(&list).unwrap_or_default();
        let pid = children.split_ascii_whitespace().next().and_then(|pid| pid.parse().ok());
        if let Some(init) = pid.and_then(ProcessIdentity::of) {
            return Some(init);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

fn log_tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    let tail = &lines[lines.len().saturating_sub(15)..];
    tail.iter().map(|l| format!("    {l}\n")).collect()
}

/// Ends the engine whose first process is `init`: politely, then with force. Everything in its process namespace
/// ends with it.
///
/// # Errors
/// It is still there after it was killed.
pub(crate) fn stop(init: &ProcessIdentity) -> Result<()> {
    for (signal, limit) in [(Signal::TERM, STOP_LIMIT), (Signal::KILL, Duration::from_secs(10))] {
        if !init.is_alive() {
            return Ok(());
        }
        let pid = i32::try_from(init.pid).ok().and_then(Pid::from_raw);
        let pid =
            pid.ok_or_else(|| Error::Internal(format!("process number {} of the state file", init.pid)))?;
        // It may end between the check and the signal; that is what we want anyway.
        let _ = kill_process(pid, signal);
        wait_gone(init, limit);
    }
    if init.is_alive() { Err(Error::engine(format!("process {} does not end", init.pid))) } else { Ok(()) }
}

fn wait_gone(init: &ProcessIdentity, limit: Duration) {
    let deadline = Instant::now() + limit;
    while init.is_alive() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The network that a program inside the engine uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// The machine's.
    Machine,
    /// The engine's own; the same for the default engine.
    Engine,
}

/// A command that runs in the engine's mount and process namespaces.
pub(crate) fn inside(init: &ProcessIdentity, network: Network, program: &str) -> Command {
    let mut command = Command::new("setsid");
    command.args(["nsenter", "--target", &init.pid.to_string(), "--mount", "--pid"]);
    command.args((network == Network::Engine).then_some("--net")).arg(program);
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_process_is_gone_and_a_stranger_is_left_alone() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let init = ProcessIdentity::of(child.id()).unwrap();
        let stranger = ProcessIdentity { start_ticks: init.start_ticks + 1, ..init.clone() };
        stop(&stranger).unwrap();
        assert!(init.is_alive(), "a process with another start time was ended");
        stop(&init).unwrap();
        assert!(!init.is_alive());
        child.wait().unwrap();
    }

    #[test]
    fn the_link_reaches_the_script_only_where_there_is_one() {
        let places = EnginePlaces { state: "/s".into(), run: "/r".into() };
        let has_link = |command: &Command| command.get_envs().any(|(k, _)| k == "LINK_DEVICE");
        assert!(!has_link(&launch_command(&places, Path::new("/root"), None, Path::new("/s/launch.sh"))));
        let link = LinkState { subnet: 4, mtu: 1400 };
        assert!(has_link(&launch_command(
            &places,
            Path::new("/root"),
            Some(&link),
            Path::new("/s/launch.sh")
        )));
    }
}
