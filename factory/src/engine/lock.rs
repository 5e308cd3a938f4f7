//! One change at a time: two `factory engine up` at once must not build the same root or start two daemons.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::exit::{Error, Result};
use crate::progress::Progress;

/// Held while the state of the engines is changed; the kernel releases it with the process.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock `path`, waiting for another process that has it.
    ///
    /// # Errors
    /// The file cannot be made or locked.
    pub(crate) fn take(path: &Path, progress: &mut dyn Progress) -> Result<Self> {
        let problem = |e| Error::io(format!("cannot lock {}", path.display()), e);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(problem)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress.note("another factory is setting up or ending an engine: waiting for it");
                file.lock().map_err(problem)?;
            }
            Err(TryLockError::Error(e)) => return Err(problem(e)),
        }
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    #[test]
    fn the_second_waits_for_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::take(&path, &mut Silent).unwrap();
        let taken = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _second = Lock::take(&path, &mut Silent).unwrap();
                taken.store(true, Ordering::SeqCst);
            });
            std::thread::sleep(Duration::from_millis(100));
            assert!(!taken.load(Ordering::SeqCst));
            drop(first);
        });
        assert!(taken.load(Ordering::SeqCst));
    }
}
