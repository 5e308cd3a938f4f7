//! The user of a step, resolved in the image's own `/etc/passwd` and `/etc/group`.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use rustix::io::Errno;

use crate::environment::Environment;
use crate::fault::Fault;
use crate::sys::file;

/// The image's users.
pub(crate) const PASSWD: &[u8] = b"/etc/passwd";
/// The image's groups.
pub(crate) const GROUP: &[u8] = b"/etc/group";

/// Who the command runs as.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// User id.
    pub(crate) uid: u32,
    /// Primary group.
    pub(crate) gid: u32,
    /// Supplementary groups, the primary one among them.
    pub(crate) groups: Vec<u32>,
    /// Home directory, where the image knows the user.
    pub(crate) home: Option<Vec<u8>>,
}

impl Identity {
    /// Resolves `user[:group]` in the image.
    ///
    /// # Errors
    /// A name that the image does not know, or a file that cannot be read.
    pub(crate) fn in_image(spec: &str) -> Result<Self, Fault> {
        resolve(spec, &database(PASSWD)?, &database(GROUP)?)
    }

    /// Sets HOME to the user's own, as engines do, unless it has been set to something else than root's; `/` for a user that
    /// the image does not know.
    ///
    /// # Errors
    /// A file of the image that cannot be read.
    pub(crate) fn move_in(&self, env: &mut Environment) -> Result<(), Fault> {
        if home_is_of_root(env)? {
            env.set("HOME", self.home.as_deref().unwrap_or(b"/"));
        }
        Ok(())
    }
}

/// Whether HOME is absent or what the engine sets for root, which is who it starts the helper as.
fn home_is_of_root(env: &Environment) -> Result<bool, Fault> {
    let Some(home) = env.get("HOME") else { return Ok(true) };
    Ok(matches!(home, b"" | b"/" | b"/root") || root_home()?.as_deref() == Some(home))
}

/// The home directory of user id 0, which engines put into HOME before the helper starts.
fn root_home() -> Result<Option<Vec<u8>>, Fault> {
    let passwd = database(PASSWD)?;
    Ok(records(&passwd).find(|record| record.id() == Some(0)).and_then(|record| record.home()))
}

/// A user database; one that does not exist is empty.
pub(crate) fn database(path: &[u8]) -> Result<Vec<u8>, Fault> {
    match file::read(path) {
        Ok(text) => Ok(text),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(Vec::new()),
        Err(errno) => Err(Fault::path("read", path, errno)),
    }
}

/// As engines resolve it: the first line with that name or number; a number need not be known. Without a group, the
/// user's own and those that list the user; with one, that alone.
fn resolve(spec: &str, passwd: &[u8], group: &[u8]) -> Result<Identity, Fault> {
    let (user, wanted_group) = match spec.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (spec, None),
    };
    let known = records(passwd).find(|record| record.is(user));
    let uid = known.as_ref().and_then(Record::id).or_else(|| number(user));
    let uid = uid.ok_or_else(|| unknown("user", user, spec, "/etc/passwd"))?;
    let home = known.as_ref().and_then(Record::home);
    let Some(wanted_group) = wanted_group else {
        let gid = known.as_ref().and_then(Record::primary_group).unwrap_or(0);
        let name = known.as_ref().map_or(user.as_bytes(), Record::name);
        return Ok(Identity { uid, gid, groups: groups_of(name, gid, group), home });
    };
    let known = records(group).find(|record| record.is(wanted_group));
    let gid = known.and_then(|record| record.id()).or_else(|| number(wanted_group));
    let gid = gid.ok_or_else(|| unknown("group", wanted_group, spec, "/etc/group"))?;
    Ok(Identity { uid, gid, groups: vec![gid], home })
}

fn unknown(what: &str, name: &str, spec: &str, path: &str) -> Fault {
    let context = if name == spec { String::new() } else { format!(" (in user \"{spec}\")") };
    Fault::own(format!("{what} \"{name}\"{context}: no such name in the image's {path}, and not a number"))
}

/// The primary group and every group that lists the user, in the order of the file.
fn groups_of(user: &[u8], primary: u32, group: &[u8]) -> Vec<u32> {
    let mut groups = vec![primary];
    for record in records(group).filter(|record| record.lists_member(user)) {
        groups.extend(record.id().filter(|id| !groups.contains(id)));
    }
    groups
}

/// A number as user and group ids are written. The largest is no id: it means "unchanged" to the kernel.
pub(crate) fn number(text: &str) -> Option<u32> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&id| is_plain && id != u32::MAX)
}

/// One line of passwd(5) or group(5), split at its colons.
pub(crate) struct Record<'a>(Vec<&'a [u8]>);

/// The lines of passwd(5) or group(5) that are neither empty nor comments.
pub(crate) fn records(text: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#');
    lines.map(|line| Record(line.split(|&byte| byte == b':').collect()))
}

impl<'a> Record<'a> {
    /// The name of the user or group.
    pub(crate) fn name(&self) -> &'a [u8] {
        self.0[0]
    }

    /// Its number.
    pub(crate) fn id(&self) -> Option<u32> {
        self.number_at(2)
    }

    /// The group of a user.
    fn primary_group(&self) -> Option<u32> {
        self.number_at(3)
    }

    /// The home of a user.
    fn home(&self) -> Option<Vec<u8>> {
        self.0.get(5).filter(|home| !home.is_empty()).map(|home| home.to_vec())
    }

    fn is(&self, wanted: &str) -> bool {
        self.name() == wanted.as_bytes() || number(wanted).is_some_and(|id| self.id() == Some(id))
    }

    /// Whether a group lists the user.
    fn lists_member(&self, user: &[u8]) -> bool {
        self.0.get(3).is_some_and(|members| members.split(|&byte| byte == b',').any(|member| member == user))
    }

    fn number_at(&self, field: usize) -> Option<u32> {
        self.0.get(field).and_then(|text| core::str::from_utf8(text).ok()).and_then(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n# note\napp:x:1000:1001:App:/home/app:/bin/sh\n42:x:7:7::/seven:\nbad\n";
    const GROUPS: &[u8] =
        b"root:x:0:\napp:x:1001:\naudio:x:29:app,other\nvideo:x:44:other,app\nten:x:10:apples\n";

    fn identity(uid: u32, gid: u32, groups: &[u32], home: Option<&str>) -> Identity {
        Identity { uid, gid, groups: groups.to_vec(), home: home.map(|home| home.as_bytes().to_vec()) }
    }

    #[test]
    fn names_and_numbers_resolve_as_engines_do() {
        for (spec, expected) in [
            ("root", identity(0, 0, &[0], Some("/root"))),
            ("app", identity(1000, 1001, &[1001, 29, 44], Some("/home/app"))),
            ("1000", identity(1000, 1001, &[1001, 29, 44], Some("/home/app"))),
            ("app:audio", identity(1000, 29, &[29], Some("/home/app"))),
            ("app:5", identity(1000, 5, &[5], Some("/home/app"))),
            ("5000", identity(5000, 0, &[0], None)),
            ("5000:5001", identity(5000, 5001, &[5001], None)),
            ("42", identity(7, 7, &[7], Some("/seven"))),
            ("0:video", identity(0, 44, &[44], Some("/root"))),
        ] {
            assert_eq!(resolve(spec, USERS, GROUPS), Ok(expected), "{spec}");
        }
    }

    #[test]
    fn unknown_names_are_faults_that_name_them() {
        for (spec, phrase) in [
            ("ghost", "user \"ghost\": no such name in the image's /etc/passwd"),
            (
                "app:ghosts",
                "group \"ghosts\" (in user \"app:ghosts\"): no such name in the image's /etc/group",
            ),
            ("", "user \"\""),
            ("app:", "group \"\""),
            ("-1", "user \"-1\""),
            ("+5", "user \"+5\""),
            ("4294967295", "user \"4294967295\""),
            ("bad", "user \"bad\""),
        ] {
            let message = format!("{}", resolve(spec, USERS, GROUPS).unwrap_err());
            assert!(message.contains(phrase), "{spec}: {message}");
        }
    }

    #[test]
    fn numbers_need_no_databases() {
        assert_eq!(resolve("65534:65534", b"", b""), Ok(identity(65534, 65534, &[65534], None)));
    }
}
