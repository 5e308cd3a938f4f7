//! Text with `${…}` in it.
//!
//! `${NAME}`, `${NAME:-default}` and `${NAME-default}`, `${NAME:+other}` and `${NAME+other}`, `${NAME:?message}` and
//! `${NAME?message}`, and `$$` for a dollar sign. With the colon, an empty value counts as none. Default, other and
//! message may hold `${…}` themselves. A `$` that no `{` or `$` follows is a dollar sign like any other letter, so a
//! shell's `$HOME` passes through unchanged.

mod read;

pub(crate) use read::Written;

use crate::text::{Place, Span};

/// Text with variables, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(Reference),
}

/// One `${…}`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reference {
    name: String,
    place: Place,
    form: Form,
}

/// What happens when the variable has a value, and when it has none. `strict` is the colon: empty counts as none.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Plain,
    Default { strict: bool, text: Text },
    Other { strict: bool, text: Text },
    Required { strict: bool, message: Text },
}

/// A use of a variable: its name, where, and whether a missing value is an error there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use<'t> {
    /// The name between `${` and `}`.
    pub name: &'t str,
    /// The whole `${…}`.
    pub place: &'t Place,
    /// Whether the text cannot do without a value: no `-`, `+` form stands there.
    pub required: bool,
}

/// Why a text could not be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpandError {
    /// A variable has no value and the text gives no default.
    Missing {
        /// The variable.
        name: String,
        /// Its `${…}`.
        place: Place,
    },
    /// A variable that the text demands by `:?` has no value; the text's own message.
    Demanded {
        /// The variable.
        name: String,
        /// The author's message.
        message: String,
        /// Its `${…}`.
        place: Place,
    },
    /// The result grew beyond a megabyte.
    TooLong {
        /// The text.
        place: Place,
    },
}

/// Longest expanded text in bytes.
const LONGEST: usize = 1 << 20;

impl Text {
    /// Text that stands for itself.
    #[must_use]
    pub fn literal(text: impl Into<String>) -> Self {
        Self { parts: vec![Part::Literal(text.into())] }
    }

    /// `lines` with a line feed after every one.
    pub(crate) fn lines(lines: Vec<Self>) -> Self {
        let feed = || std::iter::once(Part::Literal("\n".to_owned()));
        let parts = lines.into_iter().flat_map(|line| line.parts.into_iter().chain(feed()));
        let mut text = Self { parts: Vec::new() };
        parts.for_each(|part| text.push(part));
        text
    }

    /// Appends `part`, joining literals.
    fn push(&mut self, part: Part) {
        match (self.parts.last_mut(), part) {
            (Some(Part::Literal(last)), Part::Literal(more)) => last.push_str(&more),
            (_, part) => self.parts.push(part),
        }
    }

    /// The text itself, where it holds no variable.
    #[must_use]
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The letters before the first variable.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match self.parts.first() {
            Some(Part::Literal(text)) => text,
            _ => "",
        }
    }

    /// Every variable used, those in defaults and messages included, in the order of the text.
    #[must_use]
    pub fn uses(&self) -> Vec<Use<'_>> {
        let mut found = Vec::new();
        self.collect_uses(&mut found);
        found
    }

    fn collect_uses<'t>(&'t self, found: &mut Vec<Use<'t>>) {
        for part in &self.parts {
            let Part::Variable(one) = part else { continue };
            let required = matches!(one.form, Form::Plain);
            found.push(Use { name: &one.name, place: &one.place, required });
            match &one.form {
                Form::Plain => {}
                Form::Default { text, .. } | Form::Other { text, .. } => text.collect_uses(found),
                Form::Required { message, .. } => message.collect_uses(found),
            }
        }
    }

    /// The text with every variable replaced by what `lookup` says.
    ///
    /// # Errors
    /// The first variable without a value where one is needed, with its place.
    pub fn expand(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, ExpandError> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Variable(reference) => out.push_str(&reference.expand(lookup)?),
            }
            if let (Part::Variable(reference), true) = (part, out.len() > LONGEST) {
                return Err(ExpandError::TooLong { place: reference.place.clone() });
            }
        }
        Ok(out)
    }
}

impl Reference {
    fn expand(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, ExpandError> {
        let value = lookup(&self.name);
        let usable = |strict: bool| value.clone().filter(|text| !strict || !text.is_empty());
        let (name, place) = (self.name.clone(), self.place.clone());
        match &self.form {
            Form::Plain => value.ok_or(ExpandError::Missing { name, place }),
            Form::Default { strict, text } => usable(*strict).map_or_else(|| text.expand(lookup), Ok),
            Form::Other { strict, text } => {
                usable(*strict).map_or(Ok(String::new()), |_| text.expand(lookup))
            }
            Form::Required { strict, message } => match usable(*strict) {
                Some(text) => Ok(text),
                None => Err(ExpandError::Demanded { name, message: message.expand(lookup)?, place }),
            },
        }
    }
}

/// Where a fault in a text is, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) span: Span,
    pub(crate) message: &'static str,
}
