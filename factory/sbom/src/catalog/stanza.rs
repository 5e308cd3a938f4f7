//! Stanzas of `Field: value` lines, as Debian's files and Python's metadata are written.

/// One stanza: its fields in their order, values with their continuation lines as they are written.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Stanza<'a> {
    fields: Vec<(&'a str, &'a str)>,
    /// The number of its first line, from 1.
    pub line: usize,
    /// The number of a line that is neither a field nor continues one.
    pub broken: Option<usize>,
}

impl<'a> Stanza<'a> {
    /// The value of a field, trimmed; continuation lines are part of it. The first where there are several.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// The values of a field that may come several times.
    pub fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'a str> + 'b {
        let fields = self.fields.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| value.trim())
    }

    /// The first line of a field's value; nothing where it is empty.
    #[must_use]
    pub fn line_of(&self, name: &str) -> Option<&'a str> {
        let line = self.get(name)?.lines().next()?.trim();
        (!line.is_empty()).then_some(line)
    }
}

/// All stanzas of a text. A stanza ends at an empty line.
pub fn stanzas(text: &str) -> impl Iterator<Item = Stanza<'_>> {
    let mut lines = Lines { text, at: 0, number: 0 };
    std::iter::from_fn(move || lines.stanza())
}

/// Only the first stanza: what comes after the first empty line is not looked at.
#[must_use]
pub fn first(text: &str) -> Stanza<'_> {
    stanzas(text).next().unwrap_or_default()
}

struct Lines<'a> {
    text: &'a str,
    at: usize,
    number: usize,
}

impl<'a> Lines<'a> {
    /// The next line and where it begins and ends.
    fn next(&mut self) -> Option<(&'a str, usize, usize)> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let start = self.at;
        let length = rest.find('\n').unwrap_or(rest.len());
        self.at += (length + 1).min(rest.len());
        self.number += 1;
        Some((rest.get(..length)?, start, start + length))
    }

    fn stanza(&mut self) -> Option<Stanza<'a>> {
        let mut stanza = Stanza::default();
        // Where the value of the field that is being read begins and ends.
        let mut open: Option<(&'a str, usize, usize)> = None;
        let mut any = false;
        while let Some((line, start, end)) = self.next() {
            if line.trim().is_empty() {
                if any {
                    break;
                }
                continue;
            }
            if !any {
                stanza.line = self.number;
                any = true;
            }
            if line.starts_with([' ', '\t']) {
                match &mut open {
                    Some((_, _, last)) => *last = end,
                    None => stanza.broken = stanza.broken.or(Some(self.number)),
                }
                continue;
            }
            let Some(colon) = line.find(':').filter(|at| line.get(..*at).is_some_and(is_name)) else {
                stanza.broken = stanza.broken.or(Some(self.number));
                continue;
            };
            self.close(&mut stanza, open.take());
            open = Some((line.get(..colon).unwrap_or_default(), start + colon + 1, end));
        }
        self.close(&mut stanza, open);
        any.then_some(stanza)
    }

    fn close(&self, stanza: &mut Stanza<'a>, open: Option<(&'a str, usize, usize)>) {
        if let Some((name, start, end)) = open {
            stanza.fields.push((name, self.text.get(start..end).unwrap_or_default()));
        }
    }
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.len() < 100 && word.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A value with continuation lines as one text: leading space off, a lone dot an empty line.
#[must_use]
pub fn unfold(value: &str) -> String {
    let lines = value.lines().map(str::trim).map(|line| if line == "." { "" } else { line });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_fold_and_faults_are_placed() {
        let text = "\n\nPackage: a\nDescription: one\n two\n .\n three\nX:\n\n\nPackage: b\ngarbage\nDepends: c,\n d\n";
        let found: Vec<Stanza<'_>> = stanzas(text).collect();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].line, found[0].broken), (3, None));
        assert_eq!(unfold(found[0].get("description").unwrap()), "one\ntwo\n\nthree");
        assert_eq!(found[0].line_of("X"), None);
        assert_eq!((found[1].line, found[1].broken), (11, Some(12)));
        assert_eq!(found[1].get("Depends"), Some("c,\n d"));
    }

    #[test]
    fn odd_texts_end() {
        for text in ["", "\n", " ", ":", "a", " x\n y", "a:\n b", "é:\n", "a: é\n é"] {
            assert!(stanzas(text).count() < 3, "{text:?}");
        }
    }
}
