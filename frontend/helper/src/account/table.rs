//! A file of accounts: a record per line, its fields between colons. Whatever is no record stays as it is.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::user;

/// The field that holds the number of a user or group.
pub(super) const NUMBER: usize = 2;
/// The field that lists the members of a group, in group(5) and gshadow(5).
const MEMBERS: usize = 3;

/// The lines of a file, each with its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Table {
    lines: Vec<Vec<u8>>,
}

impl Table {
    /// The lines of a file's text.
    pub(super) fn parse(text: &[u8]) -> Self {
        Self { lines: text.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect() }
    }

    /// The text of the file.
    pub(super) fn render(&self) -> Vec<u8> {
        self.lines.concat()
    }

    /// The records, in the order of the file.
    pub(super) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.lines.iter().map(|line| body(line)).filter(|body| is_record(body)).map(Record::parse)
    }

    /// The first record of that name, which is the one that counts.
    pub(super) fn named(&self, name: &str) -> Option<Record<'_>> {
        self.records().find(|record| record.name() == name.as_bytes())
    }

    /// The first record with that number.
    pub(super) fn numbered(&self, id: u32) -> Option<Record<'_>> {
        self.records().find(|record| record.number(NUMBER) == Some(id))
    }

    /// Adds a record: at the end, but before lines that hand over to a network service, as those come last.
    pub(super) fn append(&mut self, fields: &[&str]) {
        let line = format!("{}\n", fields.join(":")).into_bytes();
        let at = self.lines.iter().position(|line| is_handover(line)).unwrap_or(self.lines.len());
        if let Some(previous) = at.checked_sub(1).and_then(|at| self.lines.get_mut(at))
            && !previous.ends_with(b"\n")
        {
            previous.push(b'\n');
        }
        self.lines.insert(at, line);
    }

    /// Adds a member to a group, if there is such a record and it does not list the member.
    pub(super) fn add_member(&mut self, group: &str, member: &str) {
        let is_wanted =
            |line: &Vec<u8>| is_record(body(line)) && Record::parse(body(line)).name() == group.as_bytes();
        let Some(line) = self.lines.iter_mut().find(|line| is_wanted(line)) else { return };
        let record = Record::parse(body(line));
        if record.lists(member) {
            return;
        }
        let missing = (MEMBERS + 1).saturating_sub(record.0.len());
        let separator = if record.field(MEMBERS).is_empty() { "" } else { "," };
        let addition = format!("{}{separator}{member}", ":".repeat(missing));
        let end = body(line).len();
        line.splice(end..end, addition.into_bytes());
    }
}

/// A line without its end.
fn body(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn is_record(body: &[u8]) -> bool {
    body.contains(&b':') && !body.starts_with(b"#") && !is_handover(body)
}

/// A line of the kind `+::::::` or `-name`, which takes entries from a network service or leaves some out.
fn is_handover(line: &[u8]) -> bool {
    line.starts_with(b"+") || line.starts_with(b"-")
}

/// One line, split at its colons.
pub(super) struct Record<'a>(Vec<&'a [u8]>);

impl<'a> Record<'a> {
    fn parse(body: &'a [u8]) -> Self {
        Self(body.split(|&byte| byte == b':').collect())
    }

    /// The first field.
    pub(super) fn name(&self) -> &'a [u8] {
        self.field(0)
    }

    /// A field; one that the line does not have is empty.
    pub(super) fn field(&self, at: usize) -> &'a [u8] {
        self.0.get(at).copied().unwrap_or_default()
    }

    /// A field as people read it.
    pub(super) fn text(&self, at: usize) -> String {
        format!("{}", self.field(at).escape_ascii())
    }

    /// A field as a number, if it is one.
    pub(super) fn number(&self, at: usize) -> Option<u32> {
        core::str::from_utf8(self.field(at)).ok().and_then(user::number)
    }

    /// Whether a group lists a member.
    pub(super) fn lists(&self, member: &str) -> bool {
        self.field(MEMBERS).split(|&byte| byte == b',').any(|listed| listed == member.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_touched_is_not_changed() {
        for text in ["", "a:x:1:\n", "a:x:1:", "# c\r\n\r\na:x:1:\r\n", "\n\n+:::\n-x", "no colon\n"] {
            assert_eq!(Table::parse(text.as_bytes()).render(), text.as_bytes());
        }
    }

    #[test]
    fn a_record_goes_to_the_end_or_before_the_handover() {
        for (before, after) in [
            ("", "n:x:7:\n"),
            ("a:x:1:\n", "a:x:1:\nn:x:7:\n"),
            ("a:x:1:", "a:x:1:\nn:x:7:\n"),
            ("a:x:1:\r\n", "a:x:1:\r\nn:x:7:\n"),
            ("a:x:1:\n# c\n+:::\n-x", "a:x:1:\n# c\nn:x:7:\n+:::\n-x"),
            ("+:::", "n:x:7:\n+:::"),
        ] {
            let mut table = Table::parse(before.as_bytes());
            table.append(&["n", "x", "7", ""]);
            assert_eq!(String::from_utf8(table.render()).unwrap(), after, "{before:?}");
        }
    }

    #[test]
    fn members_are_added_in_place() {
        for (before, after) in [
            ("g:x:1:\nh:x:2:\n", "g:x:1:m\nh:x:2:\n"),
            ("g:x:1:a,b", "g:x:1:a,b,m"),
            ("g:x:1:a\r\n", "g:x:1:a,m\r\n"),
            ("g:x:1:a,m\n", "g:x:1:a,m\n"),
            ("g:x:1\n", "g:x:1:m\n"),
            ("#g:x:1:\n+g:::\nh:x:1:\n", "#g:x:1:\n+g:::\nh:x:1:\n"),
            ("g:!::\n", "g:!::m\n"),
        ] {
            let mut table = Table::parse(before.as_bytes());
            table.add_member("g", "m");
            assert_eq!(String::from_utf8(table.render()).unwrap(), after, "{before:?}");
        }
    }

    #[test]
    fn records_are_found_by_name_and_number() {
        let table = Table::parse(b"# root:x:0:\nroot:x:0:0\nbad\nx:x:+5:\nx:x:6:\n+nis:x:9:\n");
        assert_eq!(table.named("x").map(|record| record.number(NUMBER)), Some(None));
        assert_eq!(table.numbered(6).map(|record| record.text(0)).as_deref(), Some("x"));
        assert!(table.named("bad").is_none() && table.named("nis").is_none() && table.numbered(9).is_none());
    }
}
