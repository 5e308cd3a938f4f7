//! The mode `owners`: checks that names of owners are known in the image, for what copies files: an engine takes an
//! unknown name for root without a word.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rustix::fs::{Mode, OFlags, Timespec, Timestamps, futimens, openat};

use crate::fault::Fault;
use crate::nearest::nearest;
use crate::sys::{self, file};
use crate::user::{self, Record};

/// Exit code when a name is not known.
const UNKNOWN: i32 = 1;
/// Where the result of the check goes, if there is such a directory.
const OUTPUT: &[u8] = b"/.factory/out";
/// The result: an empty file, the same every time.
const RESULT: &str = "owners";

/// Checks the owners, `user[:group]` each, in the program arguments after the first.
///
/// # Errors
/// Databases that cannot be read. Unknown names are no faults: they are printed, and the exit code is 1.
pub(crate) fn run(args: &[Vec<u8>]) -> Result<i32, Fault> {
    sys::occupy_standard_descriptors();
    let (passwd, group) = (user::database(user::PASSWD)?, user::database(user::GROUP)?);
    let unknown = unknown(args.iter().skip(1).map(Vec::as_slice), &passwd, &group);
    unknown.iter().for_each(|message| sys::complain(message));
    if !unknown.is_empty() {
        return Ok(UNKNOWN);
    }
    leave_result();
    Ok(0)
}

/// A message for every name that is not known, once. A user that is left out is nobody to look for.
fn unknown<'a>(owners: impl Iterator<Item = &'a [u8]>, passwd: &[u8], group: &[u8]) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for owner in owners {
        let mut parts = owner.splitn(2, |&byte| byte == b':');
        let wanted_user = parts.next().filter(|user| !user.is_empty() || !owner.contains(&b':'));
        let user = wanted_user.and_then(|name| missing("user", name, owner, passwd, "/etc/passwd"));
        let group = parts.next().and_then(|name| missing("group", name, owner, group, "/etc/group"));
        messages.extend(
            user.into_iter().chain(group).filter(|message| !messages.contains(message)).collect::<Vec<_>>(),
        );
    }
    messages
}

/// The message about a name, unless it is known or a number.
fn missing(what: &str, name: &[u8], owner: &[u8], database: &[u8], path: &str) -> Option<String> {
    let is_number = core::str::from_utf8(name).ok().and_then(user::number).is_some();
    let known = || user::records(database).map(|record: Record<'_>| record.name());
    if is_number || known().any(|known| known == name) {
        return None;
    }
    let (name_text, owner_text) = (name.escape_ascii(), owner.escape_ascii());
    let context = if name == owner { String::new() } else { format!(" (in owner \"{owner_text}\")") };
    let near = nearest(name, known()).map(|near| format!("; did you mean \"{}\"?", near.escape_ascii()));
    let near = near.unwrap_or_default();
    Some(format!("{what} \"{name_text}\"{context}: no such name in the image's {path}{near}"))
}

/// An output that is the same on every engine, where there is a place for it.
fn leave_result() {
    let Ok(Some(dir)) = file::open_dir_path(OUTPUT) else { return };
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(fd) = openat(&dir, RESULT, flags, Mode::from_raw_mode(0o644)) else { return };
    let begin = Timespec { tv_sec: 0, tv_nsec: 0 };
    let times = Timestamps { last_access: begin, last_modification: begin };
    let _ = futimens(&fd, &times).and_then(|()| futimens(&dir, &times));
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:\n";
    const GROUP: &[u8] = b"root:x:0:\nstaff:x:50:\n";

    #[test]
    fn names_are_looked_for_and_numbers_are_not() {
        for owner in ["root", "app:staff", "app", "7", "7:8", "7:staff", "app:8", ":staff"] {
            let found = unknown([owner.as_bytes()].into_iter(), PASSWD, GROUP);
            assert_eq!(found, [""; 0], "{owner}");
        }
        assert_eq!(unknown([].into_iter(), b"", b""), [""; 0]);
    }

    #[test]
    fn every_unknown_name_is_said_once() {
        let owners = ["ap:staf", "ghost", "ap:staf", "root:app", "", "7:", "42949672950"].map(str::as_bytes);
        assert_eq!(
            unknown(owners.into_iter(), PASSWD, GROUP),
            [
                "user \"ap\" (in owner \"ap:staf\"): no such name in the image's /etc/passwd; did you mean \"app\"?",
                "group \"staf\" (in owner \"ap:staf\"): no such name in the image's /etc/group; did you mean \"staff\"?",
                "user \"ghost\": no such name in the image's /etc/passwd",
                "group \"app\" (in owner \"root:app\"): no such name in the image's /etc/group",
                "user \"\": no such name in the image's /etc/passwd",
                "group \"\" (in owner \"7:\"): no such name in the image's /etc/group",
                "user \"42949672950\": no such name in the image's /etc/passwd",
            ]
        );
    }
}
