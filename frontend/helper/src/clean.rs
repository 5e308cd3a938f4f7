//! Clean-ups: what package managers leave behind that nobody wants in a layer. Each set is a constant.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use rustix::io::Errno;

use crate::config::{CleanSet, Config};
use crate::environment::Environment;
use crate::fault::Fault;
use crate::mountinfo::Mounts;
use crate::remove;
use crate::sys::file::{self, Meta};

/// One line of a set: the entries of a directory whose names match are removed.
struct Rule {
    dir: &'static str,
    name: Name,
    what: What,
}

/// Which entries of a directory.
#[derive(Clone, Copy)]
enum Name {
    All,
    Exactly(&'static str),
    StartsWith(&'static str),
    EndsWith(&'static str),
    /// All but this one.
    AllBut(&'static str),
}

/// Which of those.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// Whatever is there.
    Anything,
    /// What was not there before the step.
    Created,
}

const fn anything(dir: &'static str, name: Name) -> Rule {
    Rule { dir, name, what: What::Anything }
}

const fn created(dir: &'static str, name: Name) -> Rule {
    Rule { dir, name, what: What::Created }
}

const APT: [Rule; 13] = [
    anything("/var/lib/apt/lists", Name::AllBut("partial")),
    anything("/var/lib/apt/lists/partial", Name::All),
    anything("/var/cache/apt", Name::EndsWith(".bin")),
    anything("/var/cache/apt/archives", Name::EndsWith(".deb")),
    anything("/var/cache/apt/archives/partial", Name::All),
    anything("/var/log/apt", Name::All),
    anything("/var/log", Name::Exactly("dpkg.log")),
    anything("/var/log", Name::Exactly("alternatives.log")),
    anything("/var/log", Name::Exactly("bootstrap.log")),
    anything("/var/cache/ldconfig", Name::Exactly("aux-cache")),
    anything("/var/cache/debconf", Name::EndsWith("-old")),
    anything("/var/lib/dpkg", Name::EndsWith("-old")),
    created("/var/cache/apt/archives", Name::Exactly("lock")),
];
/// Relative directories are in the command's home.
const PIP: [Rule; 5] = [
    created(".cache", Name::Exactly("pip")),
    created(".cache", Name::Exactly("uv")),
    created("/tmp", Name::StartsWith("pip-")),
    created("/tmp", Name::StartsWith("uv-")),
    created("/var/tmp", Name::StartsWith("pip-")),
];
const LOGS: [Rule; 1] = [created("/var/log", Name::All)];
const TMP: [Rule; 2] = [created("/tmp", Name::All), created("/var/tmp", Name::All)];

fn rules(set: CleanSet) -> &'static [Rule] {
    match set {
        CleanSet::Apt => &APT,
        CleanSet::Pip => &PIP,
        CleanSet::Logs => &LOGS,
        CleanSet::Tmp => &TMP,
    }
}

impl Name {
    fn matches(self, name: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Exactly(wanted) => name == wanted.as_bytes(),
            Self::StartsWith(start) => name.starts_with(start.as_bytes()),
            Self::EndsWith(end) => name.ends_with(end.as_bytes()),
            Self::AllBut(kept) => name != kept.as_bytes(),
        }
    }
}

/// The clean-ups of one step, made before the command runs: some need to know what was there.
pub(crate) struct CleanUp {
    sets: Vec<CleanSet>,
    home: Vec<u8>,
    before: BTreeSet<Vec<u8>>,
    excluded: BTreeSet<Vec<u8>>,
}

impl CleanUp {
    /// Notes what is there now, below the directories of the wanted sets.
    ///
    /// # Errors
    /// A directory that cannot be read.
    pub(crate) fn prepare(config: &Config, env: &Environment) -> Result<Self, Fault> {
        let mut clean_up = Self {
            sets: config.clean.clone(),
            home: env.get("HOME").filter(|home| home.starts_with(b"/")).unwrap_or(b"/root").to_vec(),
            before: BTreeSet::new(),
            excluded: config.exclude.iter().map(|path| path.as_bytes().to_vec()).collect(),
        };
        let mut before = BTreeSet::new();
        for rule in clean_up.rules().filter(|rule| rule.what == What::Created) {
            let dir = clean_up.dir(rule);
            note(&dir, rule.name, &mut before).map_err(|errno| Fault::path("list", &dir, errno))?;
        }
        clean_up.before = before;
        Ok(clean_up)
    }

    /// Cleans up.
    ///
    /// # Errors
    /// A file that should go and cannot be removed.
    pub(crate) fn perform(&self, mounts: &Mounts) -> Result<(), Fault> {
        let protected = mounts.points().chain(self.excluded.iter().map(Vec::as_slice)).collect();
        let nothing = BTreeSet::new();
        for rule in self.rules() {
            let dir = self.dir(rule);
            let before = if rule.what == What::Created { &self.before } else { &nothing };
            let kept = Kept { protected: &protected, before };
            kept.sweep(&dir, rule.name).map_err(|errno| Fault::path("clean up", &dir, errno))?;
        }
        Ok(())
    }

    fn rules(&self) -> impl Iterator<Item = &'static Rule> {
        self.sets.iter().flat_map(|&set| rules(set))
    }

    fn dir(&self, rule: &Rule) -> Vec<u8> {
        match rule.dir.strip_prefix('/') {
            Some(_) => rule.dir.as_bytes().to_vec(),
            None => [self.home.strip_suffix(b"/").unwrap_or(&self.home), rule.dir.as_bytes()].join(&b'/'),
        }
    }
}

/// Notes every path in `path` whose first component matches.
fn note(path: &[u8], name: Name, found: &mut BTreeSet<Vec<u8>>) -> Result<(), Errno> {
    let mut pending = Vec::from([path.to_vec()]);
    while let Some(at) = pending.pop() {
        let Some(dir) = file::open_dir_path(&at)? else { continue };
        for entry in file::names(&dir)?.into_iter().filter(|entry| at != path || name.matches(entry)) {
            let full = [&at[..], &entry].join(&b'/');
            let meta = Meta::of(&dir, &entry)?;
            if meta.is_some_and(|meta| meta.kind.is_dir() && !meta.is_mount) {
                pending.push(full.clone());
            }
            found.insert(full);
        }
    }
    Ok(())
}

/// What a clean-up leaves alone.
struct Kept<'a> {
    /// Mount points and excluded paths: with everything below them.
    protected: &'a BTreeSet<&'a [u8]>,
    /// What was there before the step: a directory may still hold what was not.
    before: &'a BTreeSet<Vec<u8>>,
}

impl Kept<'_> {
    /// Removes the entries of `path` whose names match.
    fn sweep(&self, path: &[u8], name: Name) -> Result<(), Errno> {
        if ancestors(path).any(|ancestor| self.protected.contains(ancestor)) {
            return Ok(());
        }
        let mut pending = Vec::from([path.to_vec()]);
        while let Some(at) = pending.pop() {
            let Some(dir) = file::open_dir_path(&at)? else { continue };
            for entry in file::names(&dir)?.into_iter().filter(|entry| at != path || name.matches(entry)) {
                let full = [&at[..], &entry].join(&b'/');
                if self.protected.contains(&full[..]) {
                    continue;
                }
                if self.before.contains(&full) || leads_to(&full, self.protected) {
                    pending.extend(enter(&dir, &entry, full)?);
                } else {
                    remove::entry(&dir, &entry)?;
                }
            }
        }
        Ok(())
    }
}

/// The path, if it is a directory of this file system.
fn enter(dir: &rustix::fd::OwnedFd, entry: &[u8], full: Vec<u8>) -> Result<Option<Vec<u8>>, Errno> {
    let meta = Meta::of(dir, entry)?;
    Ok(meta.filter(|meta| meta.kind.is_dir() && !meta.is_mount).map(|_| full))
}

/// The path itself and every directory above it, but for the root.
fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = (1..=path.len()).filter(|&end| end == path.len() || path[end] == b'/');
    ends.map(|end| &path[..end])
}

/// Whether one of `paths` is below `path`.
fn leads_to(path: &[u8], paths: &BTreeSet<&[u8]>) -> bool {
    let below = [path, b"/"].concat();
    paths.range(&below[..]..).next().is_some_and(|next| next.starts_with(&below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_end_with_the_path_itself() {
        let all: Vec<_> = ancestors(b"/a/bc/d").collect();
        assert_eq!(all, [&b"/a"[..], b"/a/bc", b"/a/bc/d"]);
    }

    #[test]
    fn only_what_is_below_counts_as_led_to() {
        let paths = BTreeSet::from([&b"/a/b/c"[..], b"/ab"]);
        assert!(leads_to(b"/a", &paths) && leads_to(b"/a/b", &paths));
        assert!(!leads_to(b"/a/b/c", &paths) && !leads_to(b"/ab", &paths) && !leads_to(b"/x", &paths));
    }
}
