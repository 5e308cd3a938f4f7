//! Files that are there whole or not at all.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// How names of files begin that are being written. What a killed process has left of them is nobody's document.
pub(crate) const UNFINISHED: &str = ".new-";

/// Puts a file at `path`, in place of one that is there: written under another name in the same folder, which is made where it
/// is missing, then renamed. Whoever reads meanwhile sees the old file or the new one.
///
/// # Errors
/// Whatever the operating system or `write` says; then nothing has changed.
pub(crate) fn put(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // What everybody may read of it is the umask's to say, as of any file.
    let mut builder = tempfile::Builder::new();
    let mut file =
        builder.prefix(UNFINISHED).permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
    write(file.as_file_mut())?;
    file.persist(path).map(drop).map_err(|failed| failed.error)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_is_there_whole_or_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b.json");
        put(&path, |file| file.write_all(b"one")).unwrap();
        let failed = put(&path, |file| {
            file.write_all(b"tw")?;
            Err(io::Error::other("the disk is full"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().flatten().collect();
        assert_eq!(names.len(), 1, "nothing half-written stays: {names:?}");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o400, 0o400);
    }
}
