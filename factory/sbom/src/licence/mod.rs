//! Foreign words for licences into SPDX expressions.

mod names;
mod text;

use std::collections::BTreeMap;

use crate::limits;

/// What a package says of its licence, as an SPDX expression, and the texts of the `LicenseRef-…` in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Licence {
    /// A valid SPDX expression; none where nothing is known.
    pub expression: Option<String>,
    /// For every `LicenseRef-…` of the expression: its name as the package wrote it, and its text where there was one.
    pub references: BTreeMap<String, Reference>,
}

/// A licence that is not in SPDX's list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reference {
    /// What the package calls it.
    pub name: String,
    /// Its text, at most [`limits::EXTRACTED_TEXT`] bytes.
    pub text: Option<String>,
}

/// Longer than any name of a licence: what has more bytes, or more than one line, is a licence's text.
const LONGEST_NAME: usize = 250;

/// Words by which packages say that they say nothing.
const NOTHING: [&str; 7] = ["", "unknown", "none", "n/a", "noassertion", "see license", "custom"];

impl Licence {
    /// What a package's metadata calls its licence: an SPDX expression, or words that mean one (`Apache 2.0`, `Expat`,
    /// `GPL-2+ or Artistic`), or a name that only its author knows, which becomes a `LicenseRef-…`, or a whole text.
    /// Nothing where it says nothing (`UNKNOWN`, an empty line).
    #[must_use]
    pub fn of(words: &str) -> Self {
        let words = words.trim();
        if NOTHING.iter().any(|nothing| words.eq_ignore_ascii_case(nothing)) {
            return Self::default();
        }
        if words.len() > LONGEST_NAME || words.contains('\n') {
            return Self::of_text(words, words.lines().next().unwrap_or_default());
        }
        parse(words)
    }

    /// The licence whose text this is; where the text is nobody's, a `LicenseRef-…` of the name `name` that holds it.
    #[must_use]
    pub fn of_text(text: &str, name: &str) -> Self {
        let known = text::recognise(text);
        if known.is_empty() {
            let name: String = name.chars().take(60).collect();
            return Self::reference(name.trim(), Some(text));
        }
        Self::all(known.into_iter().map(|id| Self { expression: Some(id.to_owned()), ..Self::default() }))
    }

    /// Whether the words or texts are of licences that SPDX lists, so that no text is needed.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.expression.is_some() && self.references.is_empty()
    }

    /// A licence that is not in SPDX's list.
    #[must_use]
    pub fn reference(name: &str, text: Option<&str>) -> Self {
        let mut id = String::from("LicenseRef-");
        for c in name.chars().take(100) {
            let c = if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
            if !(c == '-' && id.ends_with('-')) {
                id.push(c);
            }
        }
        let id = id.trim_end_matches('-');
        let id = if id == "LicenseRef" { "LicenseRef-unnamed".to_owned() } else { id.to_owned() };
        let reference = Reference { name: name.to_owned(), text: text.map(excerpt) };
        Self { expression: Some(id.clone()), references: BTreeMap::from([(id, reference)]) }
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::all([self, other])
    }

    /// All of them hold: each part once, sorted.
    #[must_use]
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        join(parts, "AND")
    }

    /// One of them may be chosen.
    #[must_use]
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        join(parts, "OR")
    }

    /// The text of those references that have none.
    pub fn give_text(&mut self, text: &str) {
        for reference in self.references.values_mut().filter(|reference| reference.text.is_none()) {
            reference.text = Some(excerpt(text));
        }
    }
}

/// As much of a text as a document holds, cut at a whole character.
fn excerpt(text: &str) -> String {
    let mut end = text.len().min(limits::EXTRACTED_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().trim().to_owned()
}

/// Parts joined by one operator; each once and sorted.
fn join(parts: impl IntoIterator<Item = Licence>, operator: &str) -> Licence {
    let mut expressions = Vec::new();
    let mut references = BTreeMap::new();
    let inner = format!(" {operator} ");
    let other = if operator == "AND" { " OR " } else { " AND " };
    for part in parts {
        references.extend(part.references);
        let Some(expression) = part.expression else { continue };
        // A conjunction inside of a conjunction needs no parentheses and no repetition; anything else does.
        if split(&expression, other).len() > 1 {
            expressions.push(format!("({expression})"));
        } else {
            expressions.extend(split(&expression, &inner).into_iter().map(ToOwned::to_owned));
        }
    }
    expressions.sort();
    expressions.dedup();
    if let [only] = expressions.as_slice() {
        let bare = only.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        return Licence { expression: Some(bare.unwrap_or(only).to_owned()), references };
    }
    let expression = (!expressions.is_empty()).then(|| expressions.join(&inner));
    Licence { expression, references }
}

/// The parts of an expression between an operator that stands in no parentheses.
fn split<'a>(expression: &'a str, operator: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let mut rest = expression;
    let mut from = 0;
    while let Some(at) = rest.get(from..).and_then(|tail| tail.find(operator)).map(|at| at + from) {
        let head = rest.get(..at).unwrap_or_default();
        if head.matches('(').count() == head.matches(')').count() {
            parts.push(head);
            rest = rest.get(at + operator.len()..).unwrap_or_default();
            from = 0;
        } else {
            from = at + operator.len();
        }
    }
    parts.push(rest);
    parts
}

/// An expression in SPDX's grammar or in the wild's: `and`, `or`, `/`, `|`, commas, parentheses, names of several words.
fn parse(words: &str) -> Licence {
    let mut tokens = tokens(words);
    if !balanced(&tokens) {
        tokens.retain(|token| !matches!(token, Token::Open | Token::Close));
    }
    let mut parser = Parser { tokens: &tokens, depth: 0 };
    let found = parser.lists();
    // Our own grammar is lenient, so what came of it is held against SPDX's; the last word is that parser's.
    match found.expression.as_deref().map(spdx::Expression::parse) {
        Some(Ok(_)) => found,
        Some(Err(_)) => Licence::reference(words, None),
        None => Licence::default(),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    And,
    Or,
    Comma,
    Word(String),
}

fn tokens(words: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    let flush = |word: &mut String, tokens: &mut Vec<Token>| {
        match word.to_ascii_lowercase().as_str() {
            "" => {}
            "and" | "&" | "&&" => tokens.push(Token::And),
            "or" | "|" | "||" => tokens.push(Token::Or),
            "and/or" => tokens.push(Token::Or),
            // `A/B` are alternatives where both are licences; `GNU/Linux` is one word.
            _ => match word.split_once('/') {
                Some((a, b)) if names::find(a).is_some() && names::find(b).is_some() => {
                    tokens.extend([Token::Word(a.to_owned()), Token::Or, Token::Word(b.to_owned())]);
                }
                _ => tokens.push(Token::Word(std::mem::take(word))),
            },
        }
        word.clear();
    };
    for c in words.chars() {
        match c {
            '(' | ')' | ',' | ';' => {
                flush(&mut word, &mut tokens);
                tokens.push(match c {
                    '(' => Token::Open,
                    ')' => Token::Close,
                    _ => Token::Comma,
                });
            }
            c if c.is_whitespace() => flush(&mut word, &mut tokens),
            c => word.push(c),
        }
    }
    flush(&mut word, &mut tokens);
    tokens
}

fn balanced(tokens: &[Token]) -> bool {
    let mut open = 0_i32;
    for token in tokens {
        match token {
            Token::Open => open += 1,
            Token::Close => open -= 1,
            _ => {}
        }
        if open < 0 {
            return false;
        }
    }
    open == 0
}

struct Parser<'a> {
    tokens: &'a [Token],
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.first()
    }

    fn skip(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
    }

    /// `A or B, and C`: a comma binds less than the words, as in Debian's copyright format. A comma alone is an `and`.
    fn lists(&mut self) -> Licence {
        let mut found = self.alternatives();
        while self.peek() == Some(&Token::Comma) {
            self.skip();
            let mut operator = "AND";
            while matches!(self.peek(), Some(Token::And | Token::Or | Token::Comma)) {
                if self.peek() == Some(&Token::Or) {
                    operator = "OR";
                }
                self.skip();
            }
            let next = self.alternatives();
            found = join([found, next], operator);
        }
        found
    }

    fn alternatives(&mut self) -> Licence {
        let mut parts = vec![self.conjunction()];
        while self.peek() == Some(&Token::Or) {
            self.skip();
            parts.push(self.conjunction());
        }
        if parts.len() == 1 { parts.pop().unwrap_or_default() } else { join(parts, "OR") }
    }

    fn conjunction(&mut self) -> Licence {
        let mut parts = vec![self.atom()];
        while self.peek() == Some(&Token::And) {
            self.skip();
            parts.push(self.atom());
        }
        if parts.len() == 1 { parts.pop().unwrap_or_default() } else { join(parts, "AND") }
    }

    /// One licence. Parentheses right after words are part of the name (`ISC License (ISCL)`).
    fn atom(&mut self) -> Licence {
        if self.peek() == Some(&Token::Open) {
            self.skip();
            self.depth += 1;
            let found = if self.depth > 20 { Licence::default() } else { self.lists() };
            self.depth -= 1;
            if self.peek() == Some(&Token::Close) {
                self.skip();
            }
            return found;
        }
        let mut words: Vec<String> = Vec::new();
        let mut open = 0_usize;
        while let Some(token) = self.peek() {
            match token {
                Token::Word(word) => words.push(word.clone()),
                Token::Open if !words.is_empty() => open += 1,
                Token::Close if open > 0 => open -= 1,
                Token::And | Token::Or | Token::Comma if open > 0 => {}
                // "Apache License, Version 2.0" is one name.
                Token::Comma if self.version_follows() => {}
                _ => break,
            }
            self.skip();
        }
        if words.is_empty() { Licence::default() } else { names::licence(&words.join(" ")) }
    }

    fn version_follows(&self) -> bool {
        let next = self.tokens.get(1);
        matches!(next, Some(Token::Word(word)) if {
            let word = word.to_ascii_lowercase();
            word == "version" || word.starts_with("v.") || word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &str) -> String {
        Licence::of(words).expression.unwrap_or_else(|| "-".to_owned())
    }

    #[test]
    fn names_of_the_wild() {
        for (words, expected) in [
            ("MIT", "MIT"),
            ("mit", "MIT"),
            ("Expat", "MIT"),
            ("MIT License", "MIT"),
            ("The MIT License (MIT)", "MIT"),
            ("MIT OR Apache-2.0", "Apache-2.0 OR MIT"),
            ("MIT/Apache-2.0", "Apache-2.0 OR MIT"),
            ("Apache 2.0", "Apache-2.0"),
            ("Apache License, Version 2.0", "Apache-2.0"),
            ("Apache Software License 2.0", "Apache-2.0"),
            ("BSD-3-clause", "BSD-3-Clause"),
            ("BSD 3-Clause License", "BSD-3-Clause"),
            ("New BSD", "BSD-3-Clause"),
            ("GPL-2", "GPL-2.0-only"),
            ("GPL-2+", "GPL-2.0-or-later"),
            ("GPL-2.0+", "GPL-2.0-or-later"),
            ("GPL-2.0", "GPL-2.0-only"),
            ("LGPL-2.1+", "LGPL-2.1-or-later"),
            ("LGPL-2", "LGPL-2.0-only"),
            ("GPLv3", "GPL-3.0-only"),
            ("GPLv3+", "GPL-3.0-or-later"),
            ("GFDL-1.3+", "GFDL-1.3-or-later"),
            ("GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later"),
            ("GPL-3+ with GCC Runtime Library exception", "GPL-3.0-or-later WITH GCC-exception-3.1"),
            ("GPL-2+ with Autoconf exception", "GPL-2.0-or-later WITH Autoconf-exception-generic"),
            ("GPL-1+ or Artistic", "Artistic-1.0-Perl OR GPL-1.0-or-later"),
            (
                "GPL-2+ or Artistic, and BSD-3-clause",
                "(Artistic-1.0-Perl OR GPL-2.0-or-later) AND BSD-3-Clause",
            ),
            ("GPL-2+ and LGPL-2.1+", "GPL-2.0-or-later AND LGPL-2.1-or-later"),
            ("(MIT or GPL-2) and (ISC and (MIT or GPL-2))", "(GPL-2.0-only OR MIT) AND ISC"),
            ("MIT or ISC or (MIT or Zlib)", "ISC OR MIT OR Zlib"),
            ("MPL 2.0", "MPL-2.0"),
            ("ISC License (ISCL)", "ISC"),
            ("PSF", "PSF-2.0"),
            ("Zlib", "Zlib"),
            ("public-domain", "LicenseRef-public-domain"),
            ("GPL", "LicenseRef-GPL"),
            ("NVIDIA Proprietary Software", "LicenseRef-NVIDIA-Proprietary-Software"),
            ("UNKNOWN", "-"),
            ("  ", "-"),
            ("((MIT", "MIT"),
            ("Dual License", "LicenseRef-Dual-License"),
            ("<some> wéird: thing!", "LicenseRef-some-w-ird-thing"),
        ] {
            assert_eq!(said(words), expected, "{words:?}");
        }
    }

    #[test]
    fn every_answer_is_an_expression() {
        for words in [
            "a AND",
            "OR",
            "(",
            ")",
            "MIT WITH",
            "WITH x",
            "+",
            "MIT+",
            "GPL-2+ with",
            "and and",
            ",,,",
            "a/b",
        ] {
            if let Some(expression) = Licence::of(words).expression {
                assert!(spdx::Expression::parse(&expression).is_ok(), "{words:?} gave {expression:?}");
            }
        }
    }

    #[test]
    fn an_unknown_text_is_kept() {
        let text = "You may look at this.\n".repeat(2000);
        let licence = Licence::of(&text);
        let (id, reference) = licence.references.first_key_value().unwrap();
        assert_eq!(id, "LicenseRef-You-may-look-at-this.");
        assert!(reference.text.as_ref().unwrap().len() <= limits::EXTRACTED_TEXT);
    }
}
