//! What is written down about a running engine, and how a process is told from a later one with the same number.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::spec::Suite;
use crate::exit::{Error, Result};

/// A process, identified so that a reused number or a reboot is not mistaken for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// The number.
    pub pid: u32,
    /// Start time in clock ticks since boot: field 22 of `/proc/PID/stat`.
    pub start_ticks: u64,
    /// The boot in which the number and the ticks mean something: `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
}

impl ProcessIdentity {
    /// The identity of a process that runs now; none when there is no such process.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let (state, start_ticks) = state_and_start(&stat)?;
        let alive = !matches!(state, 'Z' | 'X');
        alive.then(|| Self { pid, start_ticks, boot_id: boot_id.trim().to_owned() })
    }

    /// Whether that very process still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }
}

/// State letter and start time of a `/proc/PID/stat` line. The command in parentheses may hold anything, so the
/// fields are counted from the last parenthesis.
fn state_and_start(stat: &str) -> Option<(char, u64)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    // `state` is field 3, the start time field 22: 18 fields lie between them.
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// The network of an engine that has a namespace of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkState {
    /// Third octet of the link's subnet 10.213.N.0/30.
    pub subnet: u8,
    /// MTU of both ends.
    pub mtu: u32,
}

/// What is known of a running engine (`engine.json` in its run folder).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineState {
    /// First process of the engine's process namespace; everything else ends with it.
    pub init: ProcessIdentity,
    /// What the root is made of.
    pub suite: Suite,
    /// Port of its registry.
    pub registry_port: u16,
    /// Its own network, where it has one.
    pub link: Option<LinkState>,
}

impl EngineState {
    /// The state written at `path`; none when there is no such file, or when it is not one of ours.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn load(path: &Path) -> Result<Option<Self>> {
        match fs::read(path) {
            // A file of an earlier layout says nothing we can rely on: as good as none.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(Error::io(format!("cannot read {}", path.display()), e)),
        }
    }

    /// Writes the state, whole or not at all.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn store(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).expect("plain numbers and strings have a JSON form");
        write_whole(path, text.as_bytes(), 0o644)
    }
}

/// Writes a file under a temporary name and renames it, so that no reader sees half of it.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let write = || {
        let _ = fs::remove_file(&temporary); // left by a process of the same number
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(bytes)?;
        drop(file);
        fs::rename(&temporary, path)
    };
    write().map_err(|e| Error::io(format!("cannot write {}", path.display()), e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_fields_are_counted_after_the_command() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 200";
        assert_eq!(state_and_start(stat), Some(('S', 987_654)));
        assert_eq!(state_and_start("42 (cut"), None);
        assert_eq!(state_and_start("42 (x) S 1 2"), None);
    }

    #[test]
    fn a_process_is_itself_and_no_other() {
        let me = ProcessIdentity::of(std::process::id()).unwrap();
        assert!(me.is_alive());
        assert!(
            !ProcessIdentity { start_ticks: me.start_ticks + 1, ..me.clone() }.is_alive(),
            "reused number"
        );
        assert!(!ProcessIdentity { boot_id: "another".into(), ..me }.is_alive(), "after a reboot");
    }

    #[test]
    fn state_survives_a_round_trip_and_garbage_counts_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("engine.json");
        assert_eq!(EngineState::load(&file).unwrap(), None);
        let state = EngineState {
            init: ProcessIdentity { pid: 7, start_ticks: 8, boot_id: "b".into() },
            suite: Suite::Trixie,
            registry_port: 5001,
            link: Some(LinkState { subnet: 3, mtu: 1400 }),
        };
        state.store(&file).unwrap();
        assert_eq!(EngineState::load(&file).unwrap(), Some(state));
        fs::write(&file, "{").unwrap();
        assert_eq!(EngineState::load(&file).unwrap(), None);
    }
}
