//! Reading `${…}`.

use super::{Form, Malformed, Part, Reference, Text};
use crate::text::{Place, SourceFile, Span};

/// How deep `${A:-${B:-…}}` may nest.
const DEEPEST: usize = 16;

/// A string as it stands in a file: the decoded text, and for each of its byte offsets the offset in the file.
pub(crate) struct Written<'a> {
    pub(crate) file: &'a SourceFile,
    pub(crate) text: &'a str,
    /// The offset in the file of the decoded byte with the given index (the length is allowed too).
    pub(crate) offset: &'a dyn Fn(usize) -> usize,
}

impl Written<'_> {
    fn span(&self, from: usize, to: usize) -> Span {
        Span::new((self.offset)(from), (self.offset)(to))
    }
}

impl Text {
    /// Reads `written`, keeping for each variable its place in the file.
    pub(crate) fn read(written: &Written<'_>) -> Result<Self, Malformed> {
        if !written.text.contains('$') {
            return Ok(Self::literal(written.text));
        }
        let mut reader = Reader { written, at: 0 };
        reader.text(0)
    }
}

struct Reader<'a> {
    written: &'a Written<'a>,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.written.text[self.at..]
    }

    /// Up to the end, or (inside a variable, `depth > 0`) up to its closing brace.
    fn text(&mut self, depth: usize) -> Result<Text, Malformed> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        while let Some(next) = self.rest().chars().next() {
            if self.rest().starts_with("$$") {
                literal.push('$');
                self.at += 2;
            } else if self.rest().starts_with("${") {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(Part::Variable(self.variable(depth)?));
            } else if next == '}' && depth > 0 {
                break;
            } else {
                literal.push(next);
                self.at += next.len_utf8();
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Text { parts })
    }

    /// `${NAME…}`, from its dollar sign.
    fn variable(&mut self, depth: usize) -> Result<Reference, Malformed> {
        let start = self.at;
        if depth >= DEEPEST {
            return Err(self.malformed(start, "`${…}` is nested more than 16 deep"));
        }
        self.at += 2;
        let name = self.name(start)?;
        let form = self.form(start, depth)?;
        if !self.rest().starts_with('}') {
            return Err(self.malformed(start, "`${` without its `}`"));
        }
        self.at += 1;
        let span = self.written.span(start, self.at);
        Ok(Reference { name, place: Place::new(self.written.file, span), form })
    }

    fn name(&mut self, start: usize) -> Result<String, Malformed> {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = rest[..length].to_owned();
        self.at += length;
        match name.chars().next() {
            None => Err(self.malformed(start, "`${` without the name of a variable")),
            Some(first) if first.is_ascii_digit() => {
                Err(self.malformed(start, "the name of a variable begins with a digit"))
            }
            Some(_) => Ok(name),
        }
    }

    fn form(&mut self, start: usize, depth: usize) -> Result<Form, Malformed> {
        let strict = self.rest().starts_with(':');
        let operator = self.rest()[usize::from(strict)..].chars().next();
        let Some(operator) = operator.filter(|c| "-+?".contains(*c)) else {
            return match self.rest().chars().next() {
                None | Some('}') => Ok(Form::Plain),
                Some(_) => {
                    Err(self.malformed(start, "`${NAME` is followed by neither `}` nor `:-`, `:+`, `:?`"))
                }
            };
        };
        self.at += usize::from(strict) + 1;
        let text = self.text(depth + 1)?;
        Ok(match operator {
            '-' => Form::Default { strict, text },
            '+' => Form::Other { strict, text },
            _ => Form::Required { strict, message: text },
        })
    }

    fn malformed(&self, start: usize, message: &'static str) -> Malformed {
        Malformed { span: self.written.span(start, self.written.text.len()), message }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ExpandError;
    use super::*;

    fn read(text: &str) -> Result<Text, Malformed> {
        let file = SourceFile::new("t", text.as_bytes());
        Text::read(&Written { file: &file, text, offset: &|at| at })
    }

    fn expand(text: &str) -> Result<String, ExpandError> {
        let lookup = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        read(text).unwrap().expand(&lookup)
    }

    #[test]
    fn every_form_expands() {
        let cases = [
            ("x${A}y", "xay"),
            ("$$A $A $", "$A $A $"),
            ("${NO:-d}${NO-d}", "dd"),
            ("${EMPTY:-d}|${EMPTY-d}", "d|"),
            ("${A:+o}${EMPTY:+o}|${EMPTY+o}${NO+o}", "o|o"),
            ("${A:?m}", "a"),
            ("${NO:-${A}-${NO:-$$}}", "a-$"),
            ("a}b", "a}b"),
            ("${NO:-}", ""),
            ("ü${A}ü", "üaü"),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_missing_value_is_found_at_its_place() {
        let Err(ExpandError::Missing { name, place }) = expand("ab${NO}") else { panic!("no error") };
        assert_eq!((name.as_str(), place.start().column), ("NO", 3));
        let demanded = expand("${EMPTY:?give ${A}}");
        assert!(matches!(demanded, Err(ExpandError::Demanded { message, .. }) if message == "give a"));
    }

    #[test]
    fn malformed_texts_are_refused() {
        for wrong in ["${", "${}", "${A", "${1A}", "${A:}", "${A:=b}", "${A b}", "${A:-${B}", "${ü}"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read(&"${A:-".repeat(5000)).is_err());
    }
}
