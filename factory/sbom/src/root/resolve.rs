//! Paths without links, worked out link by link.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use super::{Problem, Result, Root, join, normal, parent};
use crate::limits;

/// The path without any link in it. Every prefix that the kernel is asked about has no link left, so it follows none.
pub(super) fn canonical(root: BorrowedFd<'_>, path: &[u8]) -> Result<Vec<u8>> {
    let mut done: Vec<u8> = Vec::new();
    // Parts to come, the next one last.
    let mut pending: Vec<Vec<u8>> = Vec::new();
    push(&mut pending, path);
    let mut links = 0;
    while let Some(part) = pending.pop() {
        if part == b".." {
            done.truncate(parent(&done).len());
            continue;
        }
        let here = join(&done, &part);
        match rustix::fs::readlinkat(root, here.as_slice(), Vec::new()) {
            Ok(target) => {
                links += 1;
                if links > limits::SYMLINKS {
                    return Err(Problem::Loop);
                }
                let target = target.into_bytes();
                if target.first() == Some(&b'/') {
                    done.clear();
                }
                push(&mut pending, &target);
            }
            // Not a link.
            Err(Errno::INVAL) => done = here,
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(done)
}

fn push(pending: &mut Vec<Vec<u8>>, path: &[u8]) {
    let parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    pending.extend(parts.rev().map(<[u8]>::to_vec));
}

/// Canonical directories, remembered: package managers name the same ones again and again.
#[derive(Debug)]
pub struct Canonical<'a> {
    root: &'a Root,
    known: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl<'a> Canonical<'a> {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(root: &'a Root) -> Self {
        Self { root, known: BTreeMap::new() }
    }

    /// The path as the walk meets it: its directory without links, its name as it is. What lies in no directory that is
    /// there stays as it was written.
    pub fn path(&mut self, path: &[u8]) -> Vec<u8> {
        let path = normal(path);
        // No kernel opens a longer one, so nothing lies there.
        if path.len() > limits::WORD {
            return path;
        }
        let directory = self.directory(parent(&path));
        join(&directory, super::name(&path))
    }

    /// One call of the kernel for every directory that was not met before.
    fn directory(&mut self, directory: &[u8]) -> Vec<u8> {
        if directory.is_empty() {
            return Vec::new();
        }
        if let Some(known) = self.known.get(directory) {
            return known.clone();
        }
        let above = self.directory(parent(directory));
        let here = join(&above, super::name(directory));
        let found = match rustix::fs::readlinkat(&self.root.fd, here.as_slice(), Vec::new()) {
            Ok(_) => self.root.canonical(&here).unwrap_or_else(|_| directory.to_vec()),
            Err(_) => here,
        };
        self.known.insert(directory.to_vec(), found.clone());
        found
    }
}
