//! Words: up to what ends them, through quotes and substitutions.

use super::reader::{Level, Reader, Word};

impl Reader<'_> {
    /// A word up to what ends it. Commands in it belong to the command of `level`.
    pub(super) fn word(&mut self, level: &Level) -> Word {
        let parent = level.current.as_ref().map(|current| current.index);
        let mut word = Word { text: String::new(), bare: true };
        let mut bytes: Vec<u8> = Vec::new();
        while !self.ended() {
            match self.peek(0) {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b')' => break,
                b'<' | b'>' if self.peek(1) == b'(' => {
                    self.at += 2;
                    bytes.extend(b"$()");
                    self.nested(Level::inside(parent, true));
                }
                b'<' | b'>' => break,
                b'(' if bytes.last() == Some(&b'=') => self.skip_balanced(b'(', b')'),
                b'(' => break,
                b'\'' => {
                    word.bare = false;
                    let start = self.at + 1;
                    self.skip_past(b'\'');
                    bytes.extend(
                        &self.text[start.min(self.text.len())
                            ..(self.at - 1).clamp(start.min(self.text.len()), self.text.len())],
                    );
                }
                b'"' => {
                    word.bare = false;
                    self.at += 1;
                    self.double_quoted(parent, &mut bytes);
                }
                b'\\' => {
                    if self.peek(1) != b'\n' && self.at + 1 < self.text.len() {
                        bytes.push(self.peek(1));
                    }
                    word.bare = false;
                    self.at += 2;
                }
                b'$' => self.dollar(parent, &mut bytes, false),
                b'`' => self.backticks(parent, &mut bytes),
                byte => {
                    bytes.push(byte);
                    self.at += 1;
                }
            }
        }
        word.text = String::from_utf8_lossy(&bytes).into_owned();
        word
    }

    fn double_quoted(&mut self, parent: Option<usize>, bytes: &mut Vec<u8>) {
        while !self.ended() {
            match self.peek(0) {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' => {
                    if self.at + 1 < self.text.len() {
                        bytes.push(self.peek(1));
                    }
                    self.at += 2;
                }
                b'$' => self.dollar(parent, bytes, true),
                b'`' => self.backticks(parent, bytes),
                byte => {
                    bytes.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    fn dollar(&mut self, parent: Option<usize>, bytes: &mut Vec<u8>, quoted: bool) {
        let start = self.at;
        match self.peek(1) {
            b'(' if self.peek(2) == b'(' => {
                self.at += 1;
                self.skip_balanced(b'(', b')');
                bytes.extend(b"$(())");
            }
            b'(' => {
                self.at += 2;
                bytes.extend(b"$()");
                self.nested(Level::inside(parent, true));
            }
            b'{' => {
                self.at += 1;
                self.skip_balanced(b'{', b'}');
                let whole = &self.text[start..self.at.min(self.text.len())];
                bytes.extend(whole);
                if !quoted && matches!(whole, b"${@}" | b"${*}") {
                    self.script.unquoted.push(start);
                }
            }
            b'\'' if !quoted => {
                self.at += 1;
                self.skip_past(b'\'');
            }
            b'@' | b'*' => {
                bytes.extend(&self.text[start..start + 2]);
                self.at += 2;
                if !quoted {
                    self.script.unquoted.push(start);
                }
            }
            _ => {
                bytes.push(b'$');
                self.at += 1;
            }
        }
    }

    /// The commands between backticks; an escaped one nests, and is passed over.
    fn backticks(&mut self, parent: Option<usize>, bytes: &mut Vec<u8>) {
        let start = self.at + 1;
        let mut end = start;
        while end < self.text.len() && self.text[end] != b'`' {
            end += if self.text[end] == b'\\' { 2 } else { 1 };
        }
        let end = end.min(self.text.len());
        bytes.extend(b"$()");
        let whole = std::mem::take(&mut self.text);
        self.text = &whole[..end];
        self.at = start.min(end);
        self.nested(Level::inside(parent, false));
        self.text = whole;
        self.at = end + 1;
    }

    /// From an opening bracket past the one that closes it, quotes respected.
    fn skip_balanced(&mut self, open: u8, close: u8) {
        let mut depth = 0_usize;
        while !self.ended() {
            match self.peek(0) {
                quote @ (b'\'' | b'"') => {
                    self.skip_past(quote);
                    continue;
                }
                b'\\' => self.at += 1,
                byte if byte == open => depth += 1,
                byte if byte == close => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return;
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
    }
}
