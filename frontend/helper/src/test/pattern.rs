//! Regular expressions: a subset of what the crate `regex` understands, with the same meaning, in time that grows with the
//! length of the text and no faster.
//!
//! Literals, `.`, classes, `\d \w \s \b` (ASCII) and their opposites, `^ $ \A \z`, groups, `|`, `* + ? {n,m}` and the flags
//! `i`, `m`, `s`. Only whether there is a match is asked, so a group captures nothing and a lazy repetition is like any other.
//! Text that is not UTF-8 is no obstacle: `.` and negated classes match such a byte.

mod parse;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, de};

/// The largest program, in instructions: what `{n,m}` can be multiplied to.
const MOST_INSTRUCTIONS: usize = 4096;

/// A regular expression, ready to be used.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    program: Vec<Instruction>,
}

/// What is matched: a character, or a byte that belongs to none, beyond all characters.
type Symbol = u32;

/// One step of the machine.
#[derive(Debug, Clone)]
enum Instruction {
    /// A symbol of this set, then the next instruction.
    Take(Set),
    /// Nothing is taken: go on at both.
    Both(usize, usize),
    /// Go on only if this holds between the symbol before and the one behind.
    If(Place),
    /// There is a match.
    Match,
}

/// A set of symbols.
#[derive(Debug, Clone)]
struct Set {
    ranges: Vec<(Symbol, Symbol)>,
    is_negated: bool,
}

impl Set {
    fn has(&self, symbol: Symbol) -> bool {
        self.ranges.iter().any(|&(first, last)| (first..=last).contains(&symbol)) != self.is_negated
    }
}

/// A condition between two symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    End,
    LineStart,
    LineEnd,
    WordEdge,
    NoWordEdge,
}

impl Place {
    fn holds(self, before: Option<Symbol>, behind: Option<Symbol>) -> bool {
        const NEWLINE: Option<Symbol> = Some(b'\n' as Symbol);
        match self {
            Self::Start => before.is_none(),
            Self::End => behind.is_none(),
            Self::LineStart => before.is_none() || before == NEWLINE,
            Self::LineEnd => behind.is_none() || behind == NEWLINE,
            Self::WordEdge => is_word(before) != is_word(behind),
            Self::NoWordEdge => is_word(before) == is_word(behind),
        }
    }
}

fn is_word(symbol: Option<Symbol>) -> bool {
    let symbol = symbol.and_then(|symbol| u8::try_from(symbol).ok());
    symbol.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Pattern {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it, or what of the full language is not understood, and where (a character, from 1).
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { program: parse::program(text)?, text: text.into() })
    }

    /// The expression as it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it matches anywhere in a text.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        let mut now = Threads::new(self.program.len());
        let mut next = Threads::new(self.program.len());
        let mut before = None;
        let mut symbols = symbols(text);
        let mut behind = symbols.next();
        loop {
            now.add(&self.program, 0, before, behind);
            if now.has_matched {
                return true;
            }
            let Some(symbol) = behind else { return false };
            behind = symbols.next();
            next.clear();
            for &at in &now.list {
                if matches!(&self.program[at], Instruction::Take(set) if set.has(symbol)) {
                    next.add(&self.program, at + 1, Some(symbol), behind);
                }
            }
            before = Some(symbol);
            core::mem::swap(&mut now, &mut next);
        }
    }
}

/// The characters of a text, and the bytes that belong to none.
fn symbols(text: &[u8]) -> impl Iterator<Item = Symbol> {
    text.utf8_chunks().flat_map(|chunk| {
        let stray = chunk.invalid().iter().map(|&byte| 0x11_0000 + Symbol::from(byte));
        chunk.valid().chars().map(Symbol::from).chain(stray)
    })
}

/// The instructions that are waiting for the next symbol, each at most once.
struct Threads {
    list: Vec<usize>,
    seen: Vec<bool>,
    visited: Vec<usize>,
    has_matched: bool,
}

impl Threads {
    fn new(size: usize) -> Self {
        Self { list: Vec::new(), seen: vec![false; size], visited: Vec::new(), has_matched: false }
    }

    fn clear(&mut self) {
        self.list.clear();
        while let Some(at) = self.visited.pop() {
            self.seen[at] = false;
        }
    }

    /// Adds an instruction and whatever is reached from it without taking a symbol.
    fn add(&mut self, program: &[Instruction], start: usize, before: Option<Symbol>, behind: Option<Symbol>) {
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            if core::mem::replace(&mut self.seen[at], true) {
                continue;
            }
            self.visited.push(at);
            match &program[at] {
                Instruction::Take(_) => self.list.push(at),
                Instruction::Both(first, second) => open.extend([*second, *first]),
                Instruction::If(place) if place.holds(before, behind) => open.push(at + 1),
                Instruction::If(_) => {}
                Instruction::Match => self.has_matched = true,
            }
        }
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::parse(pattern).unwrap_or_else(|why| panic!("{pattern}: {why}")).is_in(text.as_bytes())
    }

    #[test]
    fn expressions_match_what_they_say() {
        for (pattern, yes, no) in [
            ("", &["", "x"][..], &[][..]),
            ("b", &["abc"], &["", "ac"]),
            ("^ab*c$", &["ac", "abbbc"], &["xac", "abb", "acx"]),
            ("a.c", &["abc", "a\u{e4}c"], &["a\nc", "ac"]),
            ("(?s)a.c", &["a\nc"], &[]),
            ("colou?r", &["color", "colour"], &["colouur"]),
            ("^(ab|cd)+$", &["abcd", "ab"], &["abc", ""]),
            ("^a{3}$", &["aaa"], &["aa", "aaaa"]),
            ("^a{2,}$", &["aa", "aaaa"], &["a"]),
            ("^a{1,2}$", &["a", "aa"], &["", "aaa"]),
            ("^a{0}b$", &["b"], &["ab"]),
            ("^(a|)(b|)$", &["", "a", "ab"], &["ba"]),
            ("[a-c_]", &["b", "_"], &["d", "-"]),
            ("^[^a-c]$", &["d", "\n", "\u{e4}"], &["b"]),
            ("^[]a-]+$", &["]a-"], &["b"]),
            (r"^[\d.]+$", &["1.2"], &["1,2"]),
            (r"^\w+\s\S\D\W$", &["a_1 xy!"], &["a_1 x1!"]),
            (r"\bok\b", &["is ok.", "ok"], &["token", "okay"]),
            (r"a\Bb", &["ab"], &[]),
            ("(?m)^b$", &["a\nb\nc"], &["ab\nc"]),
            ("^b$", &["b"], &["a\nb", "b\n"]),
            (r"\Aa\z", &["a"], &["a\n"]),
            ("(?i)hello [A-C]", &["HELLO b"], &["HELLO d"]),
            ("(?i:a)b", &["Ab", "ab"], &["AB"]),
            ("a(?i)b|c", &["aB", "C"], &["AB"]),
            ("(?P<n>a)(?<m>b)(?:c)", &["abc"], &["ab"]),
            (r"\.\*\[\x41\x{e4}\t\u{42}", &[".*[A\u{e4}\tB"], &["x*[A"]),
            ("a+?b*?", &["a"], &["b"]),
            ("a{,3}", &["a{,3}"], &["aaa"]),
            ("x*", &["", "y"], &[]),
            ("(a*)*b", &["aab", "b"], &["aa"]),
            ("listening on [0-9.]+:\\d{2,5}", &["is listening on 0.0.0.0:8080 now"], &["listening on :80"]),
        ] {
            for text in yes {
                assert!(matches(pattern, text), "{pattern} {text:?}");
            }
            for text in no {
                assert!(!matches(pattern, text), "{pattern} {text:?}");
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_matched_as_well() {
        let found = |pattern: &str| Pattern::parse(pattern).unwrap().is_in(b"a\xffb");
        assert!(found("a.b") && found("a[^x]b") && !found("ab") && !found(r"a\wb"));
    }

    #[test]
    fn what_is_not_understood_is_said_with_its_place() {
        for (pattern, expected) in [
            ("a(b", "a group is not closed (character 4)"),
            ("a)", "there is no group to close (character 2)"),
            ("[a", "a class is not closed (character 3)"),
            ("[b-a]", "the range \"b-a\" is empty (character 4)"),
            ("*a", "nothing to repeat (character 1)"),
            ("a**", "a repetition cannot be repeated (character 3)"),
            ("a{3,2}", "{3,2} is no repetition (character 2)"),
            ("a{1001}", "{1001} is no repetition: at most 1000 (character 2)"),
            ("(a{1000}){1000}", "it is too large"),
            (r"(a)\1", "\\1 is not supported (character 5)"),
            ("(?=a)", "(?=…) is not supported (character 3)"),
            ("(?<!a)", "(?<…) is not supported (character 4)"),
            ("(?x)a", "the flag \"x\" is not supported (character 3)"),
            (r"\p{L}", "\\p is not supported (character 2)"),
            ("[[:alpha:]]", "a \"[\" within a class must be written \"\\[\" (character 2)"),
            ("[a&&b]", "\"&&\" in a class is not supported (character 3)"),
            ("a\\", "there is nothing after \"\\\" (character 3)"),
            (r"\x{110000}", "\\x is not followed by the number of a character (character 3)"),
            (&"(".repeat(300), "groups are nested too deeply (character 65)"),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap_err(), expected, "{pattern}");
        }
    }

    #[test]
    fn time_grows_with_the_text_alone() {
        let begun = std::time::Instant::now();
        let pattern = format!("^{}{}$", "(a?)".repeat(30), "a".repeat(30));
        assert!(matches(&pattern, &"a".repeat(30)));
        assert!(!matches("^(a+)+$", &format!("{}b", "a".repeat(50_000))));
        assert!(begun.elapsed().as_secs() < 5);
    }
}
