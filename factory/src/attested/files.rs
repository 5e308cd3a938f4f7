//! Evidence on its way: packed for a registry, unpacked with care.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};

use crate::registry::{Fault, Result};

/// What a log may come to when it is unpacked.
const LONGEST_LOG: u64 = 64 << 20;
/// What all outputs of a build may come to.
const LONGEST_OUTPUTS: u64 = 512 << 20;
/// How many there may be.
const MOST_OUTPUTS: usize = 50_000;

/// What the steps and tests of a build have printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The log.
    pub log: Vec<u8>,
    /// Whole outputs, by their paths below the build's folder.
    pub outputs: BTreeMap<PathBuf, Vec<u8>>,
}

/// Bytes, gzipped; the same bytes always the same way.
pub(crate) fn packed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::new(6));
    gzip.write_all(bytes)?;
    gzip.finish()
}

/// Files as a tar file, gzipped; the same files always the same way.
pub(crate) fn packed_files(files: &BTreeMap<PathBuf, Vec<u8>>) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        builder.append_data(&mut header, path, bytes.as_slice())?;
    }
    packed(&builder.into_inner()?)
}

/// A log as it was before it was packed.
///
/// # Errors
/// It is not packed, or longer than any log is.
pub fn unpacked(bytes: &[u8], what: &str) -> Result<Vec<u8>> {
    let mut log = Vec::new();
    let read = GzDecoder::new(bytes).take(LONGEST_LOG + 1).read_to_end(&mut log);
    read.map_err(|fault| Fault::not_genuine(what, format!("is not gzipped: {fault}")))?;
    match log.len() as u64 > LONGEST_LOG {
        true => Err(Fault::not_genuine(what, format!("is longer than {LONGEST_LOG} bytes"))),
        false => Ok(log),
    }
}

/// Files as they were before they were packed. Whatever is no plain file in the folder is an attempt at something else.
pub(super) fn unpacked_files(bytes: &[u8], what: &str) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let broken = |fault: io::Error| Fault::not_genuine(what, format!("is no packed folder: {fault}"));
    let limited = GzDecoder::new(bytes).take(LONGEST_OUTPUTS + 1);
    let mut archive = tar::Archive::new(limited);
    let mut files = BTreeMap::new();
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        if !entry.header().entry_type().is_file() || !is_inside(&path) {
            return Err(Fault::not_genuine(what, format!("holds {:?}, which is no file in a folder", path)));
        }
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents).map_err(broken)?;
        files.insert(path, contents);
        if files.len() > MOST_OUTPUTS {
            return Err(Fault::not_genuine(what, format!("holds more than {MOST_OUTPUTS} files")));
        }
    }
    Ok(files)
}

fn is_inside(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let files =
            BTreeMap::from([(PathBuf::from("core/a.stdout"), b"x".to_vec()), ("01-core.log".into(), vec![])]);
        let bytes = packed_files(&files).unwrap();
        assert_eq!(bytes, packed_files(&files).unwrap());
        assert_eq!(unpacked_files(&bytes, "it").unwrap(), files);
        assert_eq!(unpacked(&packed(b"log").unwrap(), "it").unwrap(), b"log");
        assert!(unpacked(b"log", "it").is_err());
    }

    #[test]
    fn nothing_climbs_out_or_swells() {
        for path in ["../x", "/etc/passwd", "a/../../x"] {
            let mut builder = tar::Builder::new(Vec::new());
            let mut header = tar::Header::new_gnu();
            header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(0);
            header.set_cksum();
            builder.append(&header, io::empty()).unwrap();
            let bytes = packed(&builder.into_inner().unwrap()).unwrap();
            assert!(unpacked_files(&bytes, "it").is_err(), "{path}");
        }
        let bomb = packed(&vec![0; (LONGEST_LOG + 10) as usize]).unwrap();
        assert!(bomb.len() < 1 << 20);
        assert!(unpacked(&bomb, "it").unwrap_err().to_string().contains("longer"));
    }
}
