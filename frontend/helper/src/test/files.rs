//! Tests of files: what is there, whose it is, what it holds. Nothing is run for them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rustix::fs::{AtFlags, CWD, StatxFlags, readlinkat, statx};
use rustix::io::Errno;
use serde::{Deserialize, Deserializer, de};

use super::matches::Matches;
use super::run::Surroundings;
use super::tree;
use super::verdict::{Trial, readable};
use crate::changes::kind_name;
use crate::config::AbsolutePath;
use crate::fault::Reason;
use crate::sys::file::{self, Meta};
use crate::user::Identity;

/// How much of a file is compared, in bytes.
const LONGEST: usize = 16 * 1024 * 1024;
/// How many of the files below a folder are named.
const NAMED: usize = 5;
/// Set-user-id and set-group-id.
const SET_ID: u32 = 0o6000;
const STICKY: u32 = 0o1000;
const WORLD_WRITABLE: u32 = 0o002;

/// What is expected of one path.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileCheck {
    path: AbsolutePath,
    #[serde(default = "yes")]
    exists: bool,
    #[serde(rename = "type")]
    kind: Option<Kind>,
    owner: Option<String>,
    mode: Option<OctalMode>,
    max_size: Option<u64>,
    min_size: Option<u64>,
    #[serde(default)]
    content: Matches,
    target: Option<String>,
    #[serde(default)]
    no_setuid: bool,
    #[serde(default)]
    no_world_writable: bool,
    #[serde(default)]
    empty: bool,
}

/// What a path can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    File,
    Dir,
    Symlink,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Dir => "dir",
            Self::Symlink => "symlink",
        }
    }
}

/// Permission bits, written as octal digits.
#[derive(Debug, Clone, Copy)]
struct OctalMode(u32);

impl<'de> Deserialize<'de> for OctalMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        let mode = u32::from_str_radix(&text, 8).ok().filter(|&mode| is_octal && mode <= 0o7777);
        mode.map(Self).ok_or_else(|| de::Error::custom(format!("{text:?} is no mode such as \"0755\"")))
    }
}

fn yes() -> bool {
    true
}

/// Looks at every path.
pub(super) fn test(checks: &[FileCheck], surroundings: &Surroundings<'_>, trial: &mut Trial) {
    for check in checks {
        if surroundings.is_late() {
            trial.timed_out = true;
            trial.fail(surroundings.too_long());
            return;
        }
        check.perform(surroundings, trial);
    }
}

impl FileCheck {
    fn perform(&self, surroundings: &Surroundings<'_>, trial: &mut Trial) {
        let path = self.path.as_bytes();
        let shown = path.escape_ascii().to_string();
        let found = if self.is_about_link() { Meta::of(CWD, path) } else { behind_links(path) };
        let is_there = match found {
            Ok(None) if !self.is_about_link() => Meta::of(CWD, path).map(|link| link.is_some()),
            Ok(ref found) => Ok(found.is_some()),
            Err(errno) => Err(errno),
        };
        let meta = match (found, is_there) {
            (Err(errno), _) | (_, Err(errno)) => {
                trial.check(format!("{shown} can be looked at"), Err(format!("{shown}: {}", Reason(errno))));
                return;
            }
            (_, Ok(is_there)) if !self.exists => {
                let result = if is_there { Err(format!("{shown} is there")) } else { Ok(()) };
                trial.check(format!("{shown} is not there"), result);
                return;
            }
            (Ok(Some(meta)), _) => meta,
            (Ok(None), Ok(is_link)) => {
                let why = if is_link { "is a link to nothing" } else { "is not there" };
                trial.check(format!("{shown} is there"), Err(format!("{shown} {why}")));
                return;
            }
        };
        trial.check(format!("{shown} is there"), Ok(()));
        self.check_attributes(&shown, &meta, trial);
        self.check_content(&shown, &meta, trial);
        self.check_below(&shown, &meta, surroundings, trial);
    }

    /// Links are followed unless they are what it is about.
    fn is_about_link(&self) -> bool {
        self.kind == Some(Kind::Symlink) || self.target.is_some()
    }

    fn check_attributes(&self, shown: &str, meta: &Meta, trial: &mut Trial) {
        let mut check = |what: String, is_met: bool, found: String| {
            let result =
                if is_met { Ok(()) } else { Err(format!("expected that {what}, but it is {found}")) };
            trial.check(what, result);
        };
        if let Some(kind) = self.kind {
            let found = kind_name(meta.kind);
            check(format!("{shown} is of type {}", kind.name()), found == kind.name(), found.into());
        }
        if let Some(OctalMode(mode)) = self.mode {
            check(
                format!("the mode of {shown} is {mode:04o}"),
                meta.mode == mode,
                format!("{:04o}", meta.mode),
            );
        }
        if let Some(most) = self.max_size {
            let found = format!("{} bytes", meta.size);
            check(format!("{shown} has at most {most} bytes"), meta.size <= most, found);
        }
        if let Some(least) = self.min_size {
            let found = format!("{} bytes", meta.size);
            check(format!("{shown} has at least {least} bytes"), meta.size >= least, found);
        }
        if let Some(owner) = &self.owner {
            let what = format!("the owner of {shown} is {owner}");
            match Identity::in_image(owner) {
                Ok(wanted) => {
                    let same_group = !owner.contains(':') || wanted.gid == meta.gid;
                    check(what, wanted.uid == meta.uid && same_group, format!("{}:{}", meta.uid, meta.gid));
                }
                Err(fault) => trial.check(what, Err(format!("{fault}"))),
            }
        }
    }

    fn check_content(&self, shown: &str, meta: &Meta, trial: &mut Trial) {
        let path = self.path.as_bytes();
        if let Some(target) = &self.target {
            let what = format!("{shown} leads to {target}");
            let result = match readlinkat(CWD, path, Vec::new()) {
                Ok(found) if found.as_bytes() == target.as_bytes() => Ok(()),
                Ok(found) => {
                    Err(format!("expected that {what}, but it leads to {}", readable(found.as_bytes())))
                }
                Err(_) => Err(format!("expected that {what}, but it is no link")),
            };
            trial.check(what, result);
        }
        if self.content.is_empty() {
            return;
        }
        let text = match meta.kind.is_file() {
            true => file::read_start(path, LONGEST).map_err(|errno| format!("{}", Reason(errno))),
            false => Err(format!("it is of type {}", kind_name(meta.kind))),
        };
        match text {
            Ok(text) => {
                let is_complete = meta.size <= text.len() as u64;
                trial.check_all(self.content.check(shown, &text, is_complete));
            }
            Err(why) => {
                trial.check(format!("{shown} can be read"), Err(format!("cannot read {shown}: {why}")));
            }
        }
    }

    /// What holds for a folder and everything in it, or for a file.
    fn check_below(&self, shown: &str, meta: &Meta, surroundings: &Surroundings<'_>, trial: &mut Trial) {
        if !(self.no_setuid || self.no_world_writable || self.empty) {
            return;
        }
        let mut found = Found::default();
        let path = self.path.as_bytes();
        found.note(path, meta);
        let walked = match meta.kind.is_dir() {
            true => tree::walk(path, surroundings, &mut |path, meta| {
                found.note(path, meta);
                if !meta.kind.is_dir() {
                    found.files.add(path);
                }
            }),
            false => Ok(()),
        };
        if let Err(why) = walked {
            trial.timed_out |= surroundings.is_late();
            trial.check(format!("everything in {shown} can be looked at"), Err(why));
            return;
        }
        let dir = meta.kind.is_dir();
        if self.no_setuid {
            let what = format!("{shown} has no set-user-id or set-group-id file");
            trial.check(what, found.set_id.result("set-user-id or set-group-id"));
        }
        if self.no_world_writable {
            let what = format!("nothing in {shown} can be written by everybody");
            trial.check(what, found.writable.result("can be written by everybody"));
        }
        if self.empty && dir {
            let what = format!("{shown} is empty");
            trial.check(what, found.files.result(&format!("found in {shown}, which should be empty")));
        } else if self.empty {
            let why = || Err(format!("{shown} is not empty: it has {} bytes", meta.size));
            trial.check(format!("{shown} is empty"), if meta.size == 0 { Ok(()) } else { why() });
        }
    }
}

/// A path's metadata behind links; None where there is nothing.
fn behind_links(path: &[u8]) -> Result<Option<Meta>, Errno> {
    match statx(CWD, path, AtFlags::empty(), StatxFlags::BASIC_STATS) {
        Ok(found) => Ok(Some(Meta::from(&found))),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Paths of one kind: the first few, and how many there are.
#[derive(Default)]
struct Offenders {
    named: Vec<String>,
    count: usize,
}

impl Offenders {
    fn add(&mut self, path: &[u8]) {
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(readable(path));
        }
    }

    fn result(&self, what: &str) -> Result<(), String> {
        let named = self.named.join(", ");
        match self.count - self.named.len() {
            _ if self.count == 0 => Ok(()),
            0 => Err(format!("{what}: {named}")),
            more => Err(format!("{what}: {named} and {more} more")),
        }
    }
}

/// What a walk has come across.
#[derive(Default)]
struct Found {
    set_id: Offenders,
    writable: Offenders,
    /// Everything but folders.
    files: Offenders,
}

impl Found {
    fn note(&mut self, path: &[u8], meta: &Meta) {
        if meta.kind.is_file() && meta.mode & SET_ID != 0 {
            self.set_id.add(path);
        }
        let is_shared = meta.kind.is_dir() && meta.mode & STICKY != 0;
        if !meta.kind.is_symlink() && !is_shared && meta.mode & WORLD_WRITABLE != 0 {
            self.writable.add(path);
        }
    }
}
