//! What is asked for: the JSON object in the variable `FACTORY_ACCOUNT`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Deserialize;

use crate::config::AbsolutePath;
use crate::fault::Fault;

/// The variable that carries the wishes.
pub(super) const VARIABLE: &str = "FACTORY_ACCOUNT";
/// Longest name that the tools of an image accept, in bytes.
const LONGEST_NAME: usize = 32;

/// The members as they are written. `docs/step-wrapper.md` explains each.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    name: Option<String>,
    uid: Option<u32>,
    group: Option<String>,
    gid: Option<u32>,
    groups: Option<Vec<String>>,
    home: Option<AbsolutePath>,
    create_home: Option<bool>,
    shell: Option<AbsolutePath>,
    #[serde(default)]
    system: bool,
}

/// A user with its primary group, or a group alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wishes {
    /// The user; None: a group alone.
    pub(super) user: Option<UserWish>,
    /// The group.
    pub(super) group: GroupWish,
    /// Whether new numbers come from the system range.
    pub(super) system: bool,
}

/// A user, with everything but the number decided.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UserWish {
    /// Its name.
    pub(super) name: String,
    /// Its number; None: the next free one.
    pub(super) uid: Option<u32>,
    /// Further groups.
    pub(super) groups: Vec<String>,
    /// Its home folder.
    pub(super) home: String,
    /// Whether the home folder is made.
    pub(super) create_home: bool,
    /// Its login shell.
    pub(super) shell: String,
}

/// The primary group, or the only one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GroupWish {
    /// Its name.
    pub(super) name: String,
    /// Its number; None: the user's if that is free, else the next one.
    pub(super) gid: Option<u32>,
}

impl Wishes {
    /// Reads the value of [`VARIABLE`].
    ///
    /// # Errors
    /// Text that is not the JSON of such an object, or members that do not go together.
    pub(super) fn parse(text: Option<&[u8]>) -> Result<Self, Fault> {
        let text = text.ok_or_else(|| fault("the variable is not set"))?;
        let members: Members = serde_json::from_slice(text).map_err(|err| fault(&err.to_string()))?;
        members.decide().map_err(|message| fault(&message))
    }
}

fn fault(message: &str) -> Fault {
    Fault::own(format!("{VARIABLE}: {message}"))
}

impl Members {
    fn decide(self) -> Result<Wishes, String> {
        self.check()?;
        let Self { name, uid, group, gid, groups, home, create_home, shell, system } = self;
        let group = group.or_else(|| name.clone()).ok_or("a \"name\" or a \"group\" is needed")?;
        let user = name.map(|name| UserWish {
            uid,
            groups: without_repeats(groups.unwrap_or_default()),
            home: home.map_or_else(|| format!("/home/{name}"), String::from),
            create_home: create_home.unwrap_or(!system),
            shell: shell.map_or_else(|| default_shell(system).to_string(), String::from),
            name,
        });
        Ok(Wishes { user, group: GroupWish { name: group, gid }, system })
    }

    fn check(&self) -> Result<(), String> {
        if self.name.is_none() {
            let stray = [
                ("uid", self.uid.is_some()),
                ("groups", self.groups.is_some()),
                ("home", self.home.is_some()),
                ("create_home", self.create_home.is_some()),
                ("shell", self.shell.is_some()),
            ];
            if let Some((member, _)) = stray.iter().find(|(_, given)| *given) {
                return Err(format!("\"{member}\" belongs to a user: \"name\" is missing"));
            }
        }
        self.name
            .iter()
            .chain(&self.group)
            .chain(self.groups.iter().flatten())
            .try_for_each(|name| check_name(name))?;
        let numbers = [("uid", self.uid), ("gid", self.gid)];
        if let Some((member, _)) = numbers.iter().find(|(_, id)| *id == Some(u32::MAX)) {
            return Err(format!("\"{member}\": {} is no number of an account", u32::MAX));
        }
        [("home", &self.home), ("shell", &self.shell)]
            .into_iter()
            .try_for_each(|(member, path)| path.as_ref().map_or(Ok(()), |path| check_path(member, path)))
    }
}

fn default_shell(system: bool) -> &'static str {
    if system { "/usr/sbin/nologin" } else { "/bin/sh" }
}

/// A list in which every name is there once, in the order of the first ones.
fn without_repeats(names: Vec<String>) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for name in names {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once
}

/// A letter or `_`, then letters, digits, `_`, `-` and `.`, perhaps a `$` at the end.
fn check_name(name: &str) -> Result<(), String> {
    let stem = name.strip_suffix('$').unwrap_or(name);
    let first = stem.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let rest = stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    match first && rest && name.len() <= LONGEST_NAME {
        true => Ok(()),
        false => Err(format!("{name:?} is not the name of an account")),
    }
}

/// What would end a field or a line has no place in a path that becomes a field.
fn check_path(member: &str, path: &AbsolutePath) -> Result<(), String> {
    let text = String::from_utf8_lossy(path.as_bytes());
    match text.chars().find(|&c| c == ':' || c.is_control()) {
        Some(wrong) => {
            Err(format!("\"{member}\": {text:?} holds {wrong:?}, which account files cannot hold"))
        }
        None => Ok(()),
    }
}

impl From<AbsolutePath> for String {
    fn from(path: AbsolutePath) -> Self {
        Self::from_utf8_lossy(path.as_bytes()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Wishes, Fault> {
        Wishes::parse(Some(text.as_bytes()))
    }

    #[test]
    fn a_name_alone_is_enough() {
        let wishes = parse(r#"{"name":"app"}"#).unwrap();
        let user = wishes.user.unwrap();
        assert_eq!(
            (user.home.as_str(), user.shell.as_str(), user.create_home),
            ("/home/app", "/bin/sh", true)
        );
        assert_eq!(wishes.group, GroupWish { name: "app".into(), gid: None });
        let user = parse(r#"{"name":"app","system":true}"#).unwrap().user.unwrap();
        assert_eq!((user.shell.as_str(), user.create_home), ("/usr/sbin/nologin", false));
    }

    #[test]
    fn all_members_are_read() {
        let wishes = parse(
            r#"{"name":"app","uid":7,"group":"g","gid":8,"groups":["a","b","a"],"home":"/h","create_home":false,
            "shell":"/bin/x","system":true}"#,
        );
        let user = UserWish {
            name: "app".into(),
            uid: Some(7),
            groups: ["a".into(), "b".into()].into(),
            home: "/h".into(),
            create_home: false,
            shell: "/bin/x".into(),
        };
        let group = GroupWish { name: "g".into(), gid: Some(8) };
        assert_eq!(wishes, Ok(Wishes { user: Some(user), group, system: true }));
        assert_eq!(parse(r#"{"group":"g"}"#).unwrap().user, None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(Wishes::parse(None).unwrap_err().to_string().contains("is not set"));
        for (text, phrase) in [
            ("{}", "FACTORY_ACCOUNT: a \"name\" or a \"group\" is needed"),
            (r#"{"nam":"a"}"#, "unknown field `nam`, expected one of `name`, `uid`"),
            (r#"{"name":"a","name":"b"}"#, "duplicate field `name`"),
            (r#"{"group":"g","uid":1}"#, "\"uid\" belongs to a user"),
            (r#"{"group":"g","create_home":false}"#, "\"create_home\" belongs to a user"),
            (r#"{"name":"a:b"}"#, "\"a:b\" is not the name of an account"),
            (r#"{"name":"a\nb"}"#, "\"a\\nb\" is not the name"),
            (r#"{"name":""}"#, "\"\" is not the name"),
            (r#"{"name":"-a"}"#, "\"-a\" is not the name"),
            (r#"{"name":"1a"}"#, "\"1a\" is not the name"),
            (r#"{"name":"a","group":"+"}"#, "\"+\" is not the name"),
            (r#"{"name":"a","groups":["b,c"]}"#, "\"b,c\" is not the name"),
            (r#"{"name":"aaaaaaaaaabbbbbbbbbbccccccccccddd"}"#, "is not the name"),
            (r#"{"name":"a","uid":-1}"#, "invalid value: integer `-1`"),
            (r#"{"name":"a","gid":4294967295}"#, "\"gid\": 4294967295 is no number of an account"),
            (r#"{"name":"a","home":"h"}"#, "\"h\" is not an absolute path"),
            (r#"{"name":"a","home":"/a:b"}"#, "\"home\": \"/a:b\" holds ':'"),
            (r#"{"name":"a","shell":"/a\nb"}"#, "\"shell\": \"/a\\nb\" holds '\\n'"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(phrase), "{text}: {message}");
        }
    }
}
