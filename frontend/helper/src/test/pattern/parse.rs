//! From the text of an expression to its program.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Instruction, MOST_INSTRUCTIONS, Place, Set, Symbol};

/// How deep groups may be nested.
const DEEPEST: usize = 64;
/// The largest number in `{n,m}`.
const MOST_REPETITIONS: usize = 1000;
/// The last symbol: behind all characters there are those for stray bytes.
const LAST_SYMBOL: Symbol = 0x11_00ff;

const DIGITS: &[(Symbol, Symbol)] = &[(0x30, 0x39)];
const WORDS: &[(Symbol, Symbol)] = &[(0x30, 0x39), (0x41, 0x5a), (0x5f, 0x5f), (0x61, 0x7a)];
const SPACES: &[(Symbol, Symbol)] = &[(0x09, 0x0d), (0x20, 0x20)];

type Code = Vec<Instruction>;
type Ranges = Vec<(Symbol, Symbol)>;

/// What `(?…)` can set.
#[derive(Clone, Copy, Default)]
struct Flags {
    ignores_case: bool,
    has_lines: bool,
    dot_is_all: bool,
}

struct Parser {
    text: Vec<char>,
    at: usize,
    flags: Flags,
    depth: usize,
}

/// What an escape stands for.
enum Escape {
    Symbol(Symbol),
    Set(Set),
    Place(Place),
}

/// The program of an expression.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn program(text: &str) -> Result<Code, String> {
    let mut parser = Parser { text: text.chars().collect(), at: 0, flags: Flags::default(), depth: 0 };
    let mut code = parser.alternatives()?;
    if parser.peek().is_some() {
        return parser.fail("there is no group to close", 1);
    }
    code.push(Instruction::Match);
    Ok(code)
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let found = self.peek();
        self.at += usize::from(found.is_some());
        found
    }

    /// Goes past a character if it is the next one.
    fn eat(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    /// A mistake at `offset` characters after the last one that was taken.
    fn fail<T>(&self, what: &str, offset: usize) -> Result<T, String> {
        Err(format!("{what} (character {})", self.at + offset))
    }

    fn alternatives(&mut self) -> Result<Code, String> {
        let mut code = self.sequence()?;
        while self.eat('|') {
            let other = self.sequence()?;
            let start = code.len() + 2;
            let end = start + other.len();
            let mut joined = Vec::from([Instruction::Both(1, start)]);
            append(&mut joined, &code)?;
            joined.push(Instruction::Both(end, end));
            append(&mut joined, &other)?;
            code = joined;
        }
        Ok(code)
    }

    fn sequence(&mut self) -> Result<Code, String> {
        let mut code = Code::new();
        while self.peek().is_some_and(|next| next != '|' && next != ')') {
            let piece = self.piece()?;
            append(&mut code, &piece)?;
        }
        Ok(code)
    }

    /// One thing and how often it is there.
    fn piece(&mut self) -> Result<Code, String> {
        let atom = self.atom()?;
        let Some((least, most)) = self.repetition()? else { return Ok(atom) };
        self.eat('?');
        if matches!(self.peek(), Some('*' | '+' | '?')) {
            return self.fail("a repetition cannot be repeated", 1);
        }
        repeated(&atom, least, most)
    }

    /// `*`, `+`, `?` or `{n,m}`; braces with anything else in them are text.
    fn repetition(&mut self) -> Result<Option<(usize, Option<usize>)>, String> {
        let range = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => return self.counted(),
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(range))
    }

    fn counted(&mut self) -> Result<Option<(usize, Option<usize>)>, String> {
        let rest = &self.text[self.at..];
        let Some(end) = rest.iter().position(|&c| c == '}') else { return Ok(None) };
        let inner: String = rest[1..end].iter().collect();
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (first, second) = inner.split_once(',').map_or((&*inner, None), |(a, b)| (a, Some(b)));
        if !is_number(first) || second.is_some_and(|second| !second.is_empty() && !is_number(second)) {
            return Ok(None);
        }
        let number = |text: &str| text.parse::<usize>().unwrap_or(usize::MAX);
        let least = number(first);
        let most = second.map_or(Some(least), |second| (!second.is_empty()).then(|| number(second)));
        if least.max(most.unwrap_or(0)) > MOST_REPETITIONS {
            return self.fail(&format!("{{{inner}}} is no repetition: at most {MOST_REPETITIONS}"), 1);
        }
        if most.is_some_and(|most| most < least) {
            return self.fail(&format!("{{{inner}}} is no repetition"), 1);
        }
        self.at += end + 1;
        Ok(Some((least, most)))
    }

    fn atom(&mut self) -> Result<Code, String> {
        let instruction = match self.next() {
            Some('(') => return self.group(),
            Some('[') => Instruction::Take(self.class()?),
            Some('\\') => match self.escape()? {
                Escape::Symbol(symbol) => self.take(symbol),
                Escape::Set(set) => Instruction::Take(set),
                Escape::Place(place) => Instruction::If(place),
            },
            Some('^') if self.flags.has_lines => Instruction::If(Place::LineStart),
            Some('^') => Instruction::If(Place::Start),
            Some('$') if self.flags.has_lines => Instruction::If(Place::LineEnd),
            Some('$') => Instruction::If(Place::End),
            Some('.') if self.flags.dot_is_all => Instruction::Take(all_but(&[])),
            Some('.') => Instruction::Take(all_but(&[(0x0a, 0x0a)])),
            Some('*' | '+' | '?') => return self.fail("nothing to repeat", 0),
            Some(c) => self.take(c.into()),
            None => return Ok(Code::new()),
        };
        Ok([instruction].into())
    }

    fn take(&self, symbol: Symbol) -> Instruction {
        let ranges = self.in_any_case([(symbol, symbol)].into());
        Instruction::Take(Set { ranges, is_negated: false })
    }

    /// With `(?i)`, the same letters of the other case.
    fn in_any_case(&self, mut ranges: Ranges) -> Ranges {
        if self.flags.ignores_case {
            for (first, last) in ranges.clone() {
                for (start, end, shift) in [(0x41, 0x5a, 0x20_i32), (0x61, 0x7a, -0x20)] {
                    let (from, to) = (first.max(start), last.min(end));
                    if from <= to {
                        ranges.push((from.wrapping_add_signed(shift), to.wrapping_add_signed(shift)));
                    }
                }
            }
        }
        ranges
    }

    fn group(&mut self) -> Result<Code, String> {
        let outer = self.flags;
        if self.depth == DEEPEST {
            return self.fail("groups are nested too deeply", 0);
        }
        if self.eat('?') && self.group_head()? {
            return Ok(Code::new());
        }
        self.depth += 1;
        let code = self.alternatives()?;
        self.depth -= 1;
        if !self.eat(')') {
            return self.fail("a group is not closed", 1);
        }
        self.flags = outer;
        Ok(code)
    }

    /// What follows `(?`: a name, or flags. Whether that was all of it, because it sets flags for what follows.
    fn group_head(&mut self) -> Result<bool, String> {
        let has_p = self.eat('P');
        if self.eat('<') {
            if !self.peek().is_some_and(|c| c.is_alphabetic() || c == '_') {
                return self.fail("(?<…) is not supported", 1);
            }
            while self.next().is_some_and(|c| c != '>') {}
            return Ok(false);
        }
        let mut value = true;
        while let Some(c) = self.next() {
            match c {
                'i' if !has_p => self.flags.ignores_case = value,
                'm' if !has_p => self.flags.has_lines = value,
                's' if !has_p => self.flags.dot_is_all = value,
                '-' if value && !has_p => value = false,
                ':' if !has_p => return Ok(false),
                ')' if !has_p => return Ok(true),
                c if c.is_alphabetic() => {
                    return self.fail(&format!("the flag \"{c}\" is not supported"), 0);
                }
                c => return self.fail(&format!("(?{c}…) is not supported"), 0),
            }
        }
        self.fail("a group is not closed", 1)
    }

    fn class(&mut self) -> Result<Set, String> {
        let is_negated = self.eat('^');
        let mut ranges = Ranges::new();
        let mut is_first = true;
        loop {
            match self.next() {
                None => return self.fail("a class is not closed", 1),
                Some(']') if !is_first => break,
                Some('[') => return self.fail("a \"[\" within a class must be written \"\\[\"", 0),
                Some(c @ ('&' | '-' | '~')) if self.peek() == Some(c) => {
                    return self.fail(&format!("\"{c}{c}\" in a class is not supported"), 0);
                }
                Some('\\') => match self.escape()? {
                    Escape::Symbol(first) => self.range(first, &mut ranges)?,
                    Escape::Set(set) if set.is_negated => ranges.extend(complement(&set.ranges)),
                    Escape::Set(set) => ranges.extend(set.ranges),
                    Escape::Place(_) => {
                        return self.fail("this stands for no character in a class", 0);
                    }
                },
                Some(c) => self.range(c.into(), &mut ranges)?,
            }
            is_first = false;
        }
        Ok(Set { ranges: self.in_any_case(ranges), is_negated })
    }

    /// What begins with `first` in a class: itself, or the range from it.
    fn range(&mut self, first: Symbol, ranges: &mut Ranges) -> Result<(), String> {
        let mut last = first;
        if self.peek() == Some('-') && !matches!(self.text.get(self.at + 1), None | Some(']' | '-')) {
            self.at += 1;
            last = match self.next() {
                Some('\\') => match self.escape()? {
                    Escape::Symbol(last) => last,
                    _ => return self.fail("a range ends with a character", 0),
                },
                Some(c) => c.into(),
                None => first,
            };
        }
        if last < first {
            let shown = |symbol| char::from_u32(symbol).unwrap_or('?');
            return self.fail(&format!("the range \"{}-{}\" is empty", shown(first), shown(last)), 0);
        }
        ranges.push((first, last));
        Ok(())
    }

    fn escape(&mut self) -> Result<Escape, String> {
        let Some(c) = self.next() else { return self.fail("there is nothing after \"\\\"", 1) };
        let set = |ranges: &[_]| Escape::Set(Set { ranges: ranges.to_vec(), is_negated: false });
        let symbol = match c {
            'd' => return Ok(set(DIGITS)),
            'w' => return Ok(set(WORDS)),
            's' => return Ok(set(SPACES)),
            'D' => return Ok(Escape::Set(all_but(DIGITS))),
            'W' => return Ok(Escape::Set(all_but(WORDS))),
            'S' => return Ok(Escape::Set(all_but(SPACES))),
            'b' => return Ok(Escape::Place(Place::WordEdge)),
            'B' => return Ok(Escape::Place(Place::NoWordEdge)),
            'A' => return Ok(Escape::Place(Place::Start)),
            'z' => return Ok(Escape::Place(Place::End)),
            'x' | 'u' | 'U' => return self.number(c).map(Escape::Symbol),
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'f' => '\x0c',
            'v' => '\x0b',
            'a' => '\x07',
            c if c.is_ascii_alphanumeric() => return self.fail(&format!("\\{c} is not supported"), 0),
            c => c,
        };
        Ok(Escape::Symbol(symbol.into()))
    }

    /// `\x41`, `\u0041`, `\U00000041`, or any of them with braces.
    fn number(&mut self, kind: char) -> Result<Symbol, String> {
        let width = match kind {
            'x' => 2,
            'u' => 4,
            _ => 8,
        };
        let start = self.at;
        let digits: String = if self.eat('{') {
            core::iter::from_fn(|| self.next().filter(|&c| c != '}')).collect()
        } else {
            (0..width).filter_map(|_| self.next()).collect()
        };
        match Symbol::from_str_radix(&digits, 16).ok().and_then(char::from_u32) {
            Some(found) => Ok(found.into()),
            None => {
                self.at = start;
                self.fail(&format!("\\{kind} is not followed by the number of a character"), 1)
            }
        }
    }
}

fn all_but(ranges: &[(Symbol, Symbol)]) -> Set {
    Set { ranges: ranges.to_vec(), is_negated: true }
}

/// Everything but these ranges, which are sorted.
fn complement(ranges: &[(Symbol, Symbol)]) -> Ranges {
    let starts = core::iter::once(0).chain(ranges.iter().map(|&(_, last)| last + 1));
    let ends = ranges.iter().map(|&(first, _)| first - 1).chain([LAST_SYMBOL]);
    starts.zip(ends).collect()
}

/// Adds code behind other code; where it goes on is counted from its own start before, from that of the whole after.
fn append(code: &mut Code, more: &[Instruction]) -> Result<(), String> {
    let shift = code.len();
    if shift + more.len() > MOST_INSTRUCTIONS {
        return Err("it is too large".into());
    }
    code.extend(more.iter().map(|instruction| match instruction {
        Instruction::Both(first, second) => Instruction::Both(first + shift, second + shift),
        other => other.clone(),
    }));
    Ok(())
}

/// `least` times, and up to `most` times or without end.
fn repeated(atom: &Code, least: usize, most: Option<usize>) -> Result<Code, String> {
    let mut code = Code::new();
    for _ in 0..least {
        append(&mut code, atom)?;
    }
    for _ in least..most.unwrap_or(least + 1) {
        let start = code.len();
        let end = start + 1 + atom.len() + usize::from(most.is_none());
        code.push(Instruction::Both(start + 1, end));
        append(&mut code, atom)?;
        if most.is_none() {
            code.push(Instruction::Both(start, start));
        }
    }
    Ok(code)
}
