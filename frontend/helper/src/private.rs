//! A directory for files that only this step's command reads: on a mount, never in the image, and gone afterwards.

use alloc::format;
use alloc::vec::Vec;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, symlinkat};
use rustix::io::Errno;

use crate::fault::Fault;
use crate::mountinfo::Mounts;
use crate::remove;
use crate::sys::{self, file};

/// Where to look for a mount to write to; engines mount a tmpfs at the first one.
const PLACES: [&[u8]; 3] = [b"/dev/shm", b"/run", b"/tmp"];
/// The directory's name there.
const NAME: &[u8] = b"factory-step";

/// A symbolic link to make.
pub(crate) struct Link {
    /// Its name in the directory.
    pub(crate) name: Vec<u8>,
    /// What it points to.
    pub(crate) target: Vec<u8>,
}

/// The directory; removed when it is dropped.
pub(crate) struct PrivateDir {
    place: OwnedFd,
    dir: OwnedFd,
    path: Vec<u8>,
}

impl PrivateDir {
    /// Makes the directory on the first mount that can be written.
    pub(crate) fn make(mounts: &Mounts) -> Result<Self, Fault> {
        let mut reason = Errno::NOENT;
        for place in PLACES.into_iter().filter(|place| mounts.contains(place)) {
            match Self::make_in(place) {
                Ok(made) => return Ok(made),
                Err(errno) => reason = errno,
            }
        }
        let places = PLACES.join(&b", "[..]);
        let what =
            format!("write a private file: no mount that can be written at any of {}", places.escape_ascii());
        Err(Fault::call(&what, reason))
    }

    fn make_in(place_path: &[u8]) -> Result<Self, Errno> {
        let place = file::open_dir(CWD, place_path)?;
        remove::entry(&place, NAME)?;
        mkdirat(&place, NAME, Mode::from_raw_mode(0o755))?;
        let dir = file::open_dir(&place, NAME)?;
        Ok(Self { place, dir, path: [place_path, NAME].join(&b'/') })
    }

    /// The absolute path of a file in it.
    pub(crate) fn path_of(&self, name: &str) -> Vec<u8> {
        [&self.path, name.as_bytes()].join(&b'/')
    }

    /// Writes a file that everybody may read.
    pub(crate) fn write(&self, name: &str, text: &[u8]) -> Result<(), Fault> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let fd = openat(&self.dir, name, flags, Mode::from_raw_mode(0o644));
        let fd = fd.map_err(|errno| Fault::path("write", &self.path_of(name), errno))?;
        sys::write_all(rustix::fd::AsFd::as_fd(&fd), text);
        Ok(())
    }

    /// Makes a directory of symbolic links.
    pub(crate) fn link_farm(&self, name: &str, links: &[Link]) -> Result<(), Fault> {
        let fault = |errno| Fault::path("make", &self.path_of(name), errno);
        mkdirat(&self.dir, name, Mode::from_raw_mode(0o755)).map_err(fault)?;
        let farm = file::open_dir(&self.dir, name.as_bytes()).map_err(fault)?;
        for Link { name, target } in links {
            symlinkat(target.as_slice(), &farm, name.as_slice()).map_err(fault)?;
        }
        Ok(())
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        let _ = remove::entry(&self.place, NAME);
        let _ = rustix::fs::unlinkat(&self.place, NAME, AtFlags::REMOVEDIR);
    }
}
