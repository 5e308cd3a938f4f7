//! From the text of a script to its commands, in one walk.

use super::{After, Command, Script};

/// How deep substitutions are followed.
const DEEPEST: usize = 20;

/// Takes a script apart.
pub(crate) fn read(text: &str) -> Script {
    let mut reader =
        Reader { text: text.as_bytes(), at: 0, script: Script::default(), depth: 0, heredocs: Vec::new() };
    reader.commands(Level::default());
    reader.script
}

pub(super) struct Reader<'t> {
    pub(super) text: &'t [u8],
    pub(super) at: usize,
    pub(super) script: Script,
    depth: usize,
    /// The ends of here-documents that begin on this line, and whether tabs may stand before them.
    heredocs: Vec<(String, bool)>,
}

/// One list of commands: the script, or what stands in parentheses.
#[derive(Default)]
pub(super) struct Level {
    parent: Option<usize>,
    /// Whether it ends with `)`.
    closes: bool,
    /// The command that is being read.
    pub(super) current: Option<Current>,
    /// Whether what follows is asked rather than run.
    condition: bool,
    /// How many `case`s are open, and whether a pattern comes next.
    cases: usize,
    pattern: bool,
}

impl Level {
    /// What a command substitutes; whether it ends with `)`.
    pub(super) fn inside(parent: Option<usize>, closes: bool) -> Self {
        Self { parent, closes, ..Self::default() }
    }
}

pub(super) struct Current {
    pub(super) index: usize,
    /// Whether its words are no command: what `for` and `case` go through.
    data: bool,
    /// Whether `!` stands before it.
    negated: bool,
}

pub(super) struct Word {
    pub(super) text: String,
    /// Whether nothing in it is quoted.
    pub(super) bare: bool,
}

impl Reader<'_> {
    pub(super) fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    pub(super) fn ended(&self) -> bool {
        self.at >= self.text.len()
    }

    fn commands(&mut self, mut level: Level) {
        while !self.ended() {
            if level.pattern && level.current.is_none() {
                self.pattern(&mut level);
                continue;
            }
            match self.peek(0) {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\\' if self.peek(1) == b'\n' => self.at += 2,
                b'\n' => {
                    self.at += 1;
                    self.finish(&mut level, After::Next);
                    self.skip_heredocs();
                }
                b'#' => self.skip_line(),
                b';' => self.semicolon(&mut level),
                b'&' if self.peek(1) == b'&' => self.operator(&mut level, 2, After::And),
                b'&' if self.peek(1) == b'>' => {
                    self.at += 1;
                    self.redirect(&mut level);
                }
                b'&' => self.operator(&mut level, 1, After::Background),
                b'|' if self.peek(1) == b'|' => self.operator(&mut level, 2, After::Or),
                b'|' => {
                    let length = if self.peek(1) == b'&' { 2 } else { 1 };
                    self.operator(&mut level, length, After::Pipe);
                }
                b'(' => self.parenthesis(&mut level),
                b')' => {
                    self.at += 1;
                    if level.closes {
                        break;
                    }
                }
                b'<' | b'>' if self.peek(1) != b'(' => self.redirect(&mut level),
                _ => self.next_word(&mut level),
            }
        }
        self.finish(&mut level, After::Next);
    }

    fn operator(&mut self, level: &mut Level, length: usize, after: After) {
        self.at += length;
        self.finish(level, after);
    }

    fn semicolon(&mut self, level: &mut Level) {
        let double = matches!(self.peek(1), b';' | b'&');
        self.at += if double { 2 } else { 1 };
        if double && self.peek(0) == b'&' {
            self.at += 1;
        }
        self.finish(level, After::Next);
        level.pattern = double && level.cases > 0;
    }

    /// The end of a command. What follows a whole `if` or `(…)` is told of its last one.
    fn finish(&mut self, level: &mut Level, after: After) {
        match level.current.take() {
            Some(current) => self.script.commands[current.index].after = after,
            None if after == After::Next => {}
            None => {
                let last = self.script.commands.iter_mut().rfind(|one| one.parent == level.parent);
                last.into_iter().for_each(|last| last.after = after);
            }
        }
    }

    /// The command that is being read; it begins here where none is.
    fn current<'l>(&mut self, level: &'l mut Level) -> &'l mut Current {
        let (parent, condition, at) = (level.parent, level.condition, self.at);
        let commands = &mut self.script.commands;
        level.current.get_or_insert_with(|| {
            commands.push(Command { parent, condition, at, ..Command::default() });
            Current { index: commands.len() - 1, data: false, negated: false }
        })
    }

    fn parenthesis(&mut self, level: &mut Level) {
        self.at += 1;
        if level.current.is_some() {
            // A function: `name()`.
            if self.peek(0) == b')' {
                self.at += 1;
                if let Some(current) = level.current.take() {
                    self.script.commands[current.index].words.clear();
                }
            }
            return;
        }
        let inner =
            Level { parent: level.parent, closes: true, condition: level.condition, ..Level::default() };
        self.nested(inner);
    }

    pub(super) fn nested(&mut self, level: Level) {
        if self.depth >= DEEPEST {
            self.at = self.text.len();
            return;
        }
        self.depth += 1;
        self.commands(level);
        self.depth -= 1;
    }

    /// What stands before the `)` of a branch of `case`.
    fn pattern(&mut self, level: &mut Level) {
        while self.peek(0).is_ascii_whitespace() {
            self.at += 1;
        }
        if self.peek(0) == b'#' {
            return self.skip_line();
        }
        level.pattern = false;
        if self.text[self.at.min(self.text.len())..].starts_with(b"esac") {
            return;
        }
        while !self.ended() && self.peek(0) != b')' {
            match self.peek(0) {
                quote @ (b'\'' | b'"') => self.skip_past(quote),
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
    }

    /// From a quote past the next one.
    pub(super) fn skip_past(&mut self, quote: u8) {
        self.at += 1;
        while !self.ended() && self.peek(0) != quote {
            self.at += if self.peek(0) == b'\\' && quote == b'"' { 2 } else { 1 };
        }
        self.at += 1;
    }

    fn skip_line(&mut self) {
        while !self.ended() && self.peek(0) != b'\n' {
            self.at += 1;
        }
    }

    fn skip_heredocs(&mut self) {
        for (end, tabs) in std::mem::take(&mut self.heredocs) {
            while !self.ended() {
                let start = self.at;
                self.skip_line();
                let line = &self.text[start..self.at.min(self.text.len())];
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                let line = if tabs { line.trim_ascii_start() } else { line };
                self.at += 1;
                if line == end.as_bytes() {
                    break;
                }
            }
        }
    }

    fn redirect(&mut self, level: &mut Level) {
        let out = self.peek(0) == b'>';
        let index = self.current(level).index;
        if self.text[self.at..].starts_with(b"<<") && self.peek(2) != b'<' {
            let tabs = self.peek(2) == b'-';
            self.at += if tabs { 3 } else { 2 };
            self.skip_blanks();
            let end = self.word(level).text;
            return self.heredocs.push((end, tabs));
        }
        let duplicates = self.peek(1) == b'&';
        while matches!(self.peek(0), b'<' | b'>' | b'|' | b'&') {
            self.at += 1;
        }
        self.skip_blanks();
        let target = self.word(level).text;
        if out && !duplicates && !target.is_empty() && !target.starts_with("/dev/") {
            self.script.commands[index].redirected = true;
        }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(0), b' ' | b'\t') {
            self.at += 1;
        }
    }

    fn next_word(&mut self, level: &mut Level) {
        let start = self.at;
        let index = self.current(level).index;
        let word = self.word(level);
        if self.at == start {
            // A letter that begins nothing.
            self.at += 1;
            return;
        }
        let number = word.bare && word.text.bytes().all(|byte| byte.is_ascii_digit());
        if number && matches!(self.peek(0), b'<' | b'>') {
            return;
        }
        let Some(current) = &mut level.current else { return };
        if current.data {
            if word.bare && word.text == "in" && level.cases > 0 && level.pattern {
                level.current = None;
                self.script.commands[index].words.clear();
            }
            return;
        }
        let first = self.script.commands[index].words.is_empty() && !self.script.commands[index].assigns;
        if first && word.bare && self.keyword(level, &word.text) {
            return;
        }
        let command = &mut self.script.commands[index];
        match command.words.is_empty() && is_assignment(&word.text) {
            true => command.assigns = true,
            false => command.words.push(word.text),
        }
    }

    /// Whether the first word of a command is the language's own.
    fn keyword(&mut self, level: &mut Level, word: &str) -> bool {
        let Some(current) = &mut level.current else { return false };
        let index = current.index;
        match word {
            "if" | "elif" | "while" | "until" => level.condition = true,
            "then" | "do" | "else" => level.condition = false,
            "!" => {
                current.negated = true;
                self.script.commands[index].condition = true;
                return true;
            }
            "{" | "}" | "fi" | "done" | "time" | "function" => {}
            "esac" => level.cases = level.cases.saturating_sub(1),
            "for" | "select" => {
                current.data = true;
                return true;
            }
            "case" => {
                current.data = true;
                level.cases += 1;
                level.pattern = true;
                return true;
            }
            _ => return false,
        }
        // The command proper begins after it.
        if !current.negated {
            self.script.commands.remove(index);
            level.current = None;
        }
        true
    }
}

fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else { return false };
    let name = name.strip_suffix('+').unwrap_or(name);
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    starts && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands, a word of each in brackets where it is inside another, with what comes after.
    fn shown(text: &str) -> Vec<String> {
        let show = |one: &Command| {
            let words = one.words.join(" ");
            let after = match one.after {
                After::Next => "",
                After::Pipe => " |",
                After::And => " &&",
                After::Or => " ||",
                After::Background => " &",
            };
            let condition = if one.condition { "? " } else { "" };
            let redirected = if one.redirected { " >" } else { "" };
            match one.parent {
                Some(parent) => format!("({parent}) {condition}{words}{redirected}{after}"),
                None => format!("{condition}{words}{redirected}{after}"),
            }
        };
        read(text).commands.iter().map(show).collect()
    }

    #[test]
    fn commands_are_told_apart() {
        for (text, expected) in [
            ("a b; c", &["a b", "c"][..]),
            ("a | b |& c && d || e & f", &["a |", "b |", "c &&", "d ||", "e &", "f"]),
            ("echo 'a; b' \"c | d\" e\\;f # g; h\ni", &["echo a; b c | d e;f", "i"]),
            ("a \\\n  b", &["a b"]),
            (
                "if a | b; then c; elif d; then e; else f; fi | g",
                &["? a |", "? b", "c", "? d", "e", "f |", "g"],
            ),
            ("for x in a b; do c $x; done", &["", "c $x"]),
            ("case $x in a|b) c;; *) d ;; esac; e", &["", "c", "d", "e"]),
            ("! a | b", &["? a |", "b"]),
            ("(a; b) | c", &["a", "b |", "c"]),
            ("{ a; b; } > x | c", &["a", "b", " > |", "c"]),
            ("x=1 y=2 a b", &["a b"]),
            ("a $(b | c) \"`d e`\"", &["a $() $()", "(0) b |", "(0) c", "(0) d e"]),
            ("a <(b)", &["a $()", "(0) b"]),
            ("a 2>&1 >/dev/null >>x <y", &["a >"]),
            ("cat <<'EOF' >x\n a | b\nEOF\nc", &["cat >", "c"]),
            ("cat <<-E\n\tx\n\tE\nd", &["cat", "d"]),
            ("f() { a; }; f", &["", "a", "f"]),
            ("a $((1 + (2))) b", &["a $(()) b"]),
            ("a=(b c) d", &["d"]),
            ("echo ${x:-a b} 'never closed", &["echo ${x:-a b} never closed"]),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn arguments_without_quotes_are_found() {
        assert_eq!(read("a \"$@\" b").unquoted, Vec::<usize>::new());
        assert_eq!(read("a $@ ${*}").unquoted, [2, 5]);
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        let pieces = [
            "$(",
            "`",
            "\\",
            "'",
            "\"",
            "<<",
            "(",
            ")",
            "${",
            "case x in",
            ";;",
            "esac",
            "é",
            "\n",
            "&>",
            "$'",
            "=(",
        ];
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    read(&format!("{first}{second}{third}"));
                    read(&format!("a {first} {second} {third} b"));
                }
            }
        }
        read(&"$(".repeat(10_000));
        read(&"(".repeat(10_000));
    }
}
