//! The memory of programs while something runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Looks at all processes of a name until it is asked for the most that any of them had.
#[derive(Debug)]
pub(crate) struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Watch {
    /// Begins to look. Processes of an engine on another machine are not seen.
    pub(crate) fn on(name: &'static str) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut peak = 0;
            while !is_over.load(Ordering::Relaxed) {
                peak = peak.max(largest(name));
                std::thread::sleep(Duration::from_millis(100));
            }
            peak
        });
        Self { over, thread }
    }

    /// The most memory that one of them had, in bytes; 0 where none was seen.
    pub(crate) fn peak(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn largest(name: &str) -> u64 {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let statuses = processes.filter_map(|one| std::fs::read_to_string(one.path().join("status")).ok());
    statuses.filter_map(|status| peak_of(name, &status)).max().unwrap_or(0)
}

/// `VmHWM` of a status (proc(5)) in bytes, where it is of a program of this name.
fn peak_of(name: &str, status: &str) -> Option<u64> {
    let value = |label: &str| status.lines().find_map(|line| line.strip_prefix(label)).map(str::trim);
    (value("Name:")? == name).then_some(())?;
    let kilobytes: u64 = value("VmHWM:")?.strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
