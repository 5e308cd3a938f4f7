//! The mode `show`: writes files to standard output. It is how the frontend gets to what a failed step has left: a daemon
//! gives such a filesystem to containers alone.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rustix::fs::{CWD, FileType};
use rustix::io::Errno;
use serde::Deserialize;

use crate::environment::Environment;
use crate::fault::Fault;
use crate::sys::file::{self, CHUNK, Meta};
use crate::sys::{occupy_standard_descriptors, stdout, write_all};

/// The variable that says what is shown.
const VARIABLE: &str = "FACTORY_SHOW";
/// Written instead of a number of bytes where there is no such file.
const MISSING: &str = "-\n";

/// `FACTORY_SHOW`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Absolute paths.
    paths: Vec<String>,
    /// How much of a file is shown, in bytes; the rest is left out.
    limit: usize,
}

/// Writes, for each path, the number of bytes on a line of its own and then the bytes.
///
/// # Errors
/// A configuration that makes no sense, and files that are there and cannot be read.
pub(crate) fn run(env: &Environment) -> Result<i32, Fault> {
    occupy_standard_descriptors();
    let text = env.get(VARIABLE).unwrap_or_default();
    let config: Config =
        serde_json::from_slice(text).map_err(|error| Fault::own(format!("{VARIABLE}: {error}")))?;
    for path in &config.paths {
        show(path.as_bytes(), config.limit)?;
    }
    Ok(0)
}

fn show(path: &[u8], limit: usize) -> Result<(), Fault> {
    let content = read(path, limit).map_err(|errno| Fault::path("read", path, errno))?;
    match content {
        None => write_all(stdout(), MISSING.as_bytes()),
        Some(bytes) => {
            write_all(stdout(), format!("{}\n", bytes.len()).as_bytes());
            write_all(stdout(), &bytes);
        }
    }
    Ok(())
}

/// The beginning of a regular file. Anything else counts as missing: a link may lead anywhere, and a pipe has no end.
fn read(path: &[u8], limit: usize) -> Result<Option<Vec<u8>>, Errno> {
    let Some(meta) = Meta::of(CWD, path)? else { return Ok(None) };
    if meta.kind != FileType::RegularFile {
        return Ok(None);
    }
    let fd = file::open_file(CWD, path)?;
    let mut bytes = Vec::new();
    while bytes.len() < limit {
        let filled = bytes.len();
        bytes.resize(limit.min(filled + CHUNK), 0);
        let read = file::fill(&fd, &mut bytes[filled..])?;
        bytes.truncate(filled + read);
        if read == 0 {
            break;
        }
    }
    Ok(Some(bytes))
}
