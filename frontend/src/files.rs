//! Reads small text files of a filesystem: manifests, templates, fragments, ignore files.

use std::future::ready;
use std::pin::pin;

use futures_util::future::{Either, join_all, select};

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

/// Reads one file. It is looked at and read at the same time, and what the look says goes first: the bytes are waited
/// for only where they are those of a regular file of bearable size. The daemon would open a pipe and never answer.
///
/// # Errors
/// Whatever else than a missing file keeps BuildKit from reading.
pub async fn read(gateway: &impl Gateway, reference: Option<&Ref>, path: &str) -> Result<Content, Status> {
    let Some(reference) = reference else { return Ok(Content::Missing) };
    let stat = pin!(gateway.stat_file(reference, path));
    let bytes = pin!(gateway.read_file(reference, path, MAX_FILE));
    let (stat, bytes) = match select(stat, bytes).await {
        Either::Left((stat, bytes)) => (stat, Either::Left(bytes)),
        Either::Right((bytes, stat)) => (stat.await, Either::Right(ready(bytes))),
    };
    match stat {
        Ok(stat) => match refusal(stat.kind, stat.size) {
            Some(reason) => Ok(Content::Unreadable(reason)),
            None => bytes.await.map(Content::File),
        },
        Err(status) if status.is_missing_file() => Ok(Content::Missing),
        Err(status) => Err(status),
    }
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
