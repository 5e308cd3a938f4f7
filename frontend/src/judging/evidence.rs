//! Files that an exec has left in its evidence mount.

use crate::gateway::{FileKind, Gateway, Ref};
use crate::status::Status;

/// How much is asked for at once: far below what a message may hold.
const PIECE: u64 = 4 << 20;

/// Why a file of the evidence is not there to be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvidenceError {
    /// Nobody wrote it.
    #[error("`{0}` is missing")]
    Missing(String),
    /// It is a pipe, a device or a folder: opening it could block for ever.
    #[error("`{0}` is not a regular file")]
    NotRegular(String),
    /// More bytes than anybody waits for.
    #[error("`{path}` has {size} bytes; more than {limit} are not read")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size in bytes.
        size: u64,
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// BuildKit's own words.
    #[error(transparent)]
    BuildKit(#[from] Status),
}

/// The whole of a regular file of at most `limit` bytes. What it is and how large is asked first, and it is read in pieces: a
/// pipe would never answer, and BuildKit refuses messages of 16 MiB. The gateway limits the time of each call.
///
/// # Errors
/// See [`EvidenceError`].
pub async fn read<G: Gateway>(
    gateway: &G,
    reference: &Ref,
    path: &str,
    limit: u64,
) -> Result<Vec<u8>, EvidenceError> {
    let stat = gateway.stat_file(reference, path).await.map_err(|status| match status.is_missing_file() {
        true => EvidenceError::Missing(path.to_owned()),
        false => EvidenceError::BuildKit(status),
    })?;
    match stat.kind {
        FileKind::Regular if stat.size <= limit => {}
        FileKind::Regular => {
            return Err(EvidenceError::TooLarge { path: path.to_owned(), size: stat.size, limit });
        }
        FileKind::Directory | FileKind::Symlink | FileKind::Special => {
            return Err(EvidenceError::NotRegular(path.to_owned()));
        }
    }
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < stat.size {
        let end = stat.size.min(at + PIECE);
        bytes.extend(gateway.read_range(reference, path, at..end).await?);
        at = end;
    }
    Ok(bytes)
}
