//! Owners and file modes.

use std::fmt;

use super::name::AccountName;
use super::text_value::{Invalid, TextValue, quoted, text_value};

/// A user or a group: by number, or by a name that the image resolves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// A numeric id.
    Id(u32),
    /// A name of `/etc/passwd` or `/etc/group` in the image.
    Name(AccountName),
}

impl Account {
    fn read(text: &str) -> Result<Self, Invalid> {
        let numeric = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        match numeric {
            true => {
                let range = |_| Invalid::new(format!("{} is larger than a user id can be", quoted(text)));
                text.parse().map_err(range).map(Self::Id)
            }
            false => AccountName::from_text(text).map(Self::Name),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Name(name) => write!(f, "{name}"),
        }
    }
}

/// `user[:group]`: who owns a file, or who runs a step. An unknown name is an error of the build, never root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The user.
    pub user: Account,
    /// The group, where one is written. Without it a file gets the user's own number as its group for a numeric user,
    /// and the user's primary group for a named one.
    pub group: Option<Account>,
}

text_value!(Owner);

impl TextValue for Owner {
    const WHAT: &'static str = "an owner";
    const FORM: &'static str = "`user` or `user:group`, by name or number";
    const PATTERN: &'static str = "^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$";
    const EXAMPLES: &'static [&'static str] = &["llmuser", "1000:1000", "www-data:www-data"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let refusal = |fault: Invalid| Invalid::new(format!("{} is not an owner: {fault}", quoted(text)));
        let group = group.map(Account::read).transpose().map_err(refusal)?;
        Ok(Self { user: Account::read(user).map_err(refusal)?, group })
    }
}

/// `user` or `user:group`.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.user)?;
        self.group.iter().try_for_each(|group| write!(f, ":{group}"))
    }
}

/// Permission bits, set-user-id, set-group-id and sticky bit included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileMode(u32);

text_value!(FileMode);

impl FileMode {
    /// The bits, at most `0o7777`.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl TextValue for FileMode {
    const WHAT: &'static str = "a file mode";
    const FORM: &'static str = "three or four octal digits, such as \"0755\"";
    const PATTERN: &'static str = "^0?[0-7]{3,4}$";
    const EXAMPLES: &'static [&'static str] = &["0755", "644"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let octal = text.chars().all(|c| matches!(c, '0'..='7'));
        let bits = u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o7777);
        match bits {
            Some(bits) if octal && (3..=5).contains(&text.len()) => Ok(Self(bits)),
            _ => Err(Invalid::new(format!("{} is not a file mode", quoted(text)))),
        }
    }
}

/// Four octal digits.
impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal_and_in_range() {
        for (text, bits) in [("755", 0o755), ("0755", 0o755), ("4755", 0o4755), ("04755", 0o4755), ("000", 0)]
        {
            assert_eq!(FileMode::from_text(text).map(FileMode::bits), Ok(bits));
        }
        for wrong in ["", "7", "75", "0999", "0o755", "+755", "17777", "rwxr-xr-x", " 755"] {
            assert!(FileMode::from_text(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn owners_are_names_or_numbers() {
        for text in ["root", "0", "1000:1000", "app:33", "_apt", "www-data:www-data", "machine$"] {
            assert_eq!(Owner::from_text(text).map(|owner| owner.to_string()), Ok(text.to_owned()));
        }
        for wrong in ["", ":", "a:", ":b", "a:b:c", "-a", "a b", "4294967296", "-1"] {
            assert!(Owner::from_text(wrong).is_err(), "{wrong}");
        }
    }
}
