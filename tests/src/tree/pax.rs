//! Extended headers of POSIX archives: `LENGTH NAME=VALUE\n`, where the value may hold any byte.

use std::collections::BTreeMap;

/// How extended attributes are written in layers.
const XATTR: &str = "SCHILY.xattr.";

/// What stands before an entry and replaces what its own header says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Overrides {
    pub(super) path: Option<String>,
    pub(super) link: Option<String>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<i64>,
    pub(super) xattrs: BTreeMap<String, Vec<u8>>,
}

impl Overrides {
    /// Takes over the records of one header.
    pub(super) fn read_pax(&mut self, mut rest: &[u8]) {
        while !rest.is_empty() {
            let (name, value, after) = record(rest).unwrap_or_else(|| panic!("a broken record: {rest:?}"));
            self.set(name, value);
            rest = after;
        }
    }

    fn set(&mut self, name: &str, value: &[u8]) {
        let text = || String::from_utf8_lossy(value).into_owned();
        match name {
            "path" => self.path = Some(text()),
            "linkpath" => self.link = Some(text()),
            "uid" => self.uid = Some(text().parse().unwrap()),
            "gid" => self.gid = Some(text().parse().unwrap()),
            "mtime" => self.mtime = Some(nanoseconds(&text())),
            // The crate that reads the entries takes the length from the header alone.
            "size" => panic!("a file of more than 8 GB cannot be read"),
            other => {
                if let Some(name) = other.strip_prefix(XATTR) {
                    self.xattrs.insert(name.to_owned(), value.to_owned());
                }
            }
        }
    }
}

/// The first record of `bytes` and what follows it.
fn record(bytes: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let (record, rest) = bytes.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((std::str::from_utf8(&record[..equals]).ok()?, &record[equals + 1..], rest))
}

/// A decimal count of seconds.
fn nanoseconds(text: &str) -> i64 {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nanoseconds: i64 = format!("{fraction:0<9}")[..9].parse().unwrap();
    let whole = seconds.parse::<i64>().unwrap() * 1_000_000_000;
    if text.starts_with('-') { whole - nanoseconds } else { whole + nanoseconds }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_hold_line_ends() {
        let mut over = Overrides::default();
        over.read_pax(b"40 SCHILY.xattr.security.capability=a\nb\n12 path=x/y\n");
        assert_eq!(over.xattrs["security.capability"], b"a\nb");
        assert_eq!(over.path.as_deref(), Some("x/y"));
    }

    #[test]
    fn times_have_fractions() {
        for (text, expected) in [("1", 1_000_000_000), ("1.5", 1_500_000_000), ("-1.5", -1_500_000_000)] {
            assert_eq!(nanoseconds(text), expected, "{text}");
        }
    }

    #[test]
    #[should_panic(expected = "a broken record")]
    fn a_record_that_is_too_short_is_noticed() {
        Overrides::default().read_pax(b"99 path=x\n");
    }
}
