//! Everything below a folder of the image.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rustix::fs::CWD;

use super::run::Surroundings;
use crate::fault::Reason;
use crate::step::OWN_DIRECTORY;
use crate::sys::file::{self, Meta};

/// Looks at everything below a folder, which may be reached by a link. What is mounted there is not the image's, and neither
/// is our own.
///
/// # Errors
/// A folder that cannot be looked at, or too little time.
pub(super) fn walk(
    start: &[u8],
    surroundings: &Surroundings<'_>,
    visit: &mut dyn FnMut(&[u8], &Meta),
) -> Result<(), String> {
    let mut open = Vec::from([start.to_vec()]);
    while let Some(folder) = open.pop() {
        if surroundings.is_late() {
            return Err(surroundings.too_long());
        }
        let failed = |errno| format!("cannot look at {}: {}", folder.escape_ascii(), Reason(errno));
        let dir = if folder == start { file::open_folder(&folder) } else { file::open_dir(CWD, &folder) };
        let dir = dir.map_err(failed)?;
        for name in file::names(&dir).map_err(failed)? {
            let base = if folder == b"/" { &b""[..] } else { &folder };
            let path = [base, &name].join(&b'/');
            let Some(meta) = Meta::of(&dir, &name).map_err(failed)? else { continue };
            if meta.is_mount || path == OWN_DIRECTORY {
                continue;
            }
            visit(&path, &meta);
            if meta.kind.is_dir() {
                open.push(path);
            }
        }
    }
    Ok(())
}
