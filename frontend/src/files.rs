//! Reads small text files of a filesystem: manifests, templates, fragments, ignore files.

use futures_util::future::join_all;

use crate::gateway::{FileKind, Gateway, Ref};
use crate::status::Status;

/// No manifest, template or fragment is anywhere near as large.
pub const MAX_FILE: u64 = 1 << 20;

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A regular file of bearable size, with its bytes.
    File(Vec<u8>),
    /// Nothing.
    Missing,
    /// Something that must not be read, with the reason as a lower-case fragment.
    Unreadable(String),
}

/// Reads one file. It is looked at first: opening a pipe would block the daemon for ever, and a file of any size
/// would be held in memory twice.
///
/// # Errors
/// Whatever else than a missing file keeps BuildKit from reading.
pub async fn read(gateway: &impl Gateway, reference: Option<&Ref>, path: &str) -> Result<Content, Status> {
    let Some(reference) = reference else { return Ok(Content::Missing) };
    let stat = match gateway.stat_file(reference, path).await {
        Ok(stat) => stat,
        Err(status) if status.is_missing_file() => return Ok(Content::Missing),
        Err(status) => return Err(status),
    };
    if let Some(reason) = refusal(stat.kind, stat.size) {
        return Ok(Content::Unreadable(reason));
    }
    gateway.read_file(reference, path, MAX_FILE).await.map(Content::File)
}

/// Reads several files at once, in their order.
///
/// # Errors
/// The first failure.
pub async fn read_all<G: Gateway>(
    gateway: &G,
    reference: Option<&Ref>,
    paths: &[String],
) -> Result<Vec<Content>, Status> {
    let reads = paths.iter().map(|path| read(gateway, reference, path));
    join_all(reads).await.into_iter().collect()
}

fn refusal(kind: FileKind, size: u64) -> Option<String> {
    match kind {
        FileKind::Directory => Some("is a directory, not a file".to_owned()),
        FileKind::Special | FileKind::Symlink => Some("is not a regular file".to_owned()),
        FileKind::Regular if size > MAX_FILE => {
            Some(format!("has {size} bytes; more than {MAX_FILE} are not read"))
        }
        FileKind::Regular => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_bearable_size_are_read() {
        assert_eq!(refusal(FileKind::Regular, MAX_FILE), None);
        let table = [(FileKind::Regular, MAX_FILE + 1), (FileKind::Special, 0), (FileKind::Directory, 0)];
        for (kind, size) in table {
            assert!(refusal(kind, size).is_some(), "{kind:?} of {size}");
        }
    }
}
