//! The rules of the image's account tools: `/etc/login.defs`, where there is one, else what those tools assume.

use alloc::format;
use alloc::string::String;

use super::numbers::{Blocks, Direction, Range};

/// Where the rules are.
pub(super) const PATH: &str = "/etc/login.defs";

/// What login.defs(5) says about new accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// Numbers of users.
    pub(super) uids: Range,
    /// Numbers of groups.
    pub(super) gids: Range,
    /// Numbers of system users.
    pub(super) system_uids: Range,
    /// Numbers of system groups.
    pub(super) system_gids: Range,
    /// Subordinate numbers of users.
    pub(super) sub_uids: Blocks,
    /// Subordinate numbers of groups.
    pub(super) sub_gids: Blocks,
    /// Days: the least and the most that a password lives, and of warning before.
    pub(super) aging: [i64; 3],
    /// The mode of a new home folder.
    pub(super) home_mode: u32,
}

impl Rules {
    /// Reads the text of `/etc/login.defs`; an image without one has an empty text.
    ///
    /// # Errors
    /// A value that is no number, or too large.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let uids = range(text, ["UID_MIN", "UID_MAX"], [1000, 60000])?;
        let gids = range(text, ["GID_MIN", "GID_MAX"], [1000, 60000])?;
        let below = |range: Range| range.first.saturating_sub(1);
        let umask = value(text, "UMASK", 0o022)?;
        Ok(Self {
            uids,
            gids,
            system_uids: range(text, ["SYS_UID_MIN", "SYS_UID_MAX"], [101, below(uids)])?,
            system_gids: range(text, ["SYS_GID_MIN", "SYS_GID_MAX"], [101, below(gids)])?,
            sub_uids: blocks(text, ["SUB_UID_MIN", "SUB_UID_MAX", "SUB_UID_COUNT"])?,
            sub_gids: blocks(text, ["SUB_GID_MIN", "SUB_GID_MAX", "SUB_GID_COUNT"])?,
            aging: [
                value(text, "PASS_MIN_DAYS", 0)?,
                value(text, "PASS_MAX_DAYS", 99999)?,
                value(text, "PASS_WARN_AGE", 7)?,
            ],
            home_mode: (value(text, "HOME_MODE", 0o777 & !umask)? & 0o7777) as u32,
        })
    }

    /// Where the number of a user comes from.
    pub(super) fn users(&self, system: bool) -> (Range, Direction) {
        if system { (self.system_uids, Direction::Down) } else { (self.uids, Direction::Up) }
    }

    /// Where the number of a group comes from.
    pub(super) fn groups(&self, system: bool) -> (Range, Direction) {
        if system { (self.system_gids, Direction::Down) } else { (self.gids, Direction::Up) }
    }
}

fn range(text: &[u8], names: [&str; 2], defaults: [u32; 2]) -> Result<Range, String> {
    let [first, last] = [0, 1].map(|at| id(text, names[at], defaults[at]));
    Ok(Range { first: first?, last: last? })
}

fn blocks(text: &[u8], [first, last, count]: [&str; 3]) -> Result<Blocks, String> {
    let range = range(text, [first, last], [100_000, 600_100_000])?;
    Ok(Blocks { range, count: id(text, count, 65536)? })
}

fn id(text: &[u8], name: &str, default: u32) -> Result<u32, String> {
    let found = value(text, name, i64::from(default))?;
    found.try_into().map_err(|_| format!("{name} in the image's {PATH}: {found} is no user or group number"))
}

/// The value of the last line with that name. Numbers are written as in C: `0` before octal ones, `0x` before hexadecimal.
fn value(text: &[u8], name: &str, default: i64) -> Result<i64, String> {
    let mut words = text.split(|&byte| byte == b'\n').map(words).filter(|words| words.0 == name.as_bytes());
    let Some((_, word)) = words.next_back() else { return Ok(default) };
    let number = core::str::from_utf8(word).ok().and_then(c_number);
    number.ok_or_else(|| format!("{name} in the image's {PATH}: \"{}\" is no number", word.escape_ascii()))
}

/// The first two words of a line.
fn words(line: &[u8]) -> (&[u8], &[u8]) {
    let mut words = line.split(|byte| b" \t\r\"".contains(byte)).filter(|word| !word.is_empty());
    (words.next().unwrap_or_default(), words.next().unwrap_or_default())
}

fn c_number(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let number = match digits.strip_prefix('0') {
        None => digits.parse().ok(),
        Some("") => Some(0),
        Some(rest) => match rest.strip_prefix(['x', 'X']) {
            Some(hex) => i64::from_str_radix(hex, 16).ok(),
            None => i64::from_str_radix(rest, 8).ok(),
        },
    };
    number.map(|number| sign * number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_rules_has_the_tools_own() {
        let rules = Rules::parse(b"").unwrap();
        assert_eq!(rules.uids, Range { first: 1000, last: 60000 });
        assert_eq!(rules.system_gids, Range { first: 101, last: 999 });
        assert_eq!(rules.sub_uids.range, Range { first: 100_000, last: 600_100_000 });
        assert_eq!((rules.aging, rules.home_mode), ([0, 99999, 7], 0o755));
    }

    #[test]
    fn rules_are_read_as_the_tools_read_them() {
        let text = b"# UID_MIN 1\nUID_MIN\t\t 500\n  SYS_UID_MIN 0x20\nUMASK 027 # why\nGID_MAX 7000\nGID_MAX 8000\r\nPASS_MAX_DAYS -1\n";
        let rules = Rules::parse(text).unwrap();
        assert_eq!(rules.uids.first, 500);
        assert_eq!(rules.system_uids, Range { first: 32, last: 499 });
        assert_eq!(rules.gids.last, 8000);
        assert_eq!((rules.aging[1], rules.home_mode), (-1, 0o750));
        assert_eq!(Rules::parse(b"UMASK 077\nHOME_MODE 0711").unwrap().home_mode, 0o711);
    }

    #[test]
    fn what_is_no_number_is_named() {
        for (text, phrase) in [
            ("UID_MIN x", "UID_MIN in the image's /etc/login.defs: \"x\" is no number"),
            ("UID_MIN", "\"\" is no number"),
            ("UMASK 09", "\"09\" is no number"),
            ("SUB_UID_MAX 4294967296", "4294967296 is no user or group number"),
            ("GID_MIN -1", "-1 is no user or group number"),
        ] {
            let message = Rules::parse(text.as_bytes()).unwrap_err();
            assert!(message.contains(phrase), "{text}: {message}");
        }
    }
}
