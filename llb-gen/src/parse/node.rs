//! A value of the tree, and what decoding it needs.

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;

use crate::diagnostic::{Diagnostic, Sink};
use crate::model::{BranchKey, Text, Use};
use crate::text::{Place, SourceFile, Span};

/// One JSON value.
pub(crate) type Node<'n, 't> = &'n Value<'t>;

/// Where decoding happens: the file, its text, the member that is being read, and the faults found so far.
pub(crate) struct Context<'c> {
    pub(crate) file: &'c SourceFile,
    pub(crate) text: &'c str,
    pub(crate) member: Option<&'static str>,
    pub(crate) sink: &'c mut Sink,
    pub(crate) found: &'c mut Found,
}

/// What a document holds here and there that is judged as a whole later.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    /// Every `${…}`.
    pub(crate) uses: Vec<FoundUse>,
    /// Every value with branches: their keys, and the place of the value.
    pub(crate) branched: Vec<(Vec<BranchKey>, Place)>,
    /// Whether members are missing from the document because they were malformed.
    pub(crate) broken: bool,
}

/// One `${…}` of a document.
#[derive(Debug, Clone)]
pub(crate) struct FoundUse {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) required: bool,
}

impl Found {
    /// Keeps the variables that `text` uses.
    pub(crate) fn text(&mut self, text: &Text) {
        let own = |used: Use<'_>| FoundUse {
            name: used.name.to_owned(),
            place: used.place.clone(),
            required: used.required,
        };
        self.uses.extend(text.uses().into_iter().map(own));
    }
}

impl Context<'_> {
    /// The place of `ranged`.
    pub(crate) fn place(&self, ranged: &impl Ranged) -> Place {
        Place::new(self.file, span(ranged))
    }

    /// Keeps `diagnostic`; nothing, for the caller to return.
    pub(crate) fn refuse<T>(&mut self, diagnostic: Diagnostic) -> Option<T> {
        self.sink.push(diagnostic);
        None
    }

    /// The member being read, in backticks, or what stands for it at the top of a file.
    pub(crate) fn subject(&self) -> String {
        self.member.map_or_else(|| "the document".to_owned(), |name| format!("`{name}`"))
    }

    /// Reports that `node` is not of the right type.
    pub(crate) fn wrong_type<T>(&mut self, node: Node<'_, '_>, expected: &str) -> Option<T> {
        self.push_wrong_type(node, expected);
        None
    }

    /// The part that is the same for every type. (So is [`Self::push_invalid`]; there are a hundred types.)
    #[inline(never)]
    fn push_wrong_type(&mut self, node: Node<'_, '_>, expected: &str) {
        let message = format!("{} cannot be {}", self.subject(), kind(node));
        self.sink.push(Diagnostic::error("wrong-type", &self.place(node), message).expecting(expected));
    }

    /// Reports that `node` has the right type but a wrong value.
    pub(crate) fn invalid<T>(
        &mut self,
        node: &impl Ranged,
        fault: impl std::fmt::Display,
        expected: &str,
    ) -> Option<T> {
        self.push_invalid(&self.place(node), &fault, expected);
        None
    }

    #[inline(never)]
    fn push_invalid(&mut self, place: &Place, fault: &dyn std::fmt::Display, expected: &str) {
        let message = format!("invalid {}: {fault}", self.subject());
        self.sink.push(Diagnostic::error("invalid-value", place, message).expecting(expected));
    }

    /// Reads with `member` as the current member.
    pub(crate) fn within<T>(&mut self, member: &'static str, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.member.replace(member);
        let result = read(self);
        self.member = outer;
        result
    }
}

/// The bytes of a part of the tree.
pub(crate) fn span(ranged: &impl Ranged) -> Span {
    Span::new(ranged.start(), ranged.end())
}

/// What a value is, with its article.
pub(crate) fn kind(node: Node<'_, '_>) -> &'static str {
    match node {
        Value::StringLit(_) => "a string",
        Value::NumberLit(_) => "a number",
        Value::BooleanLit(_) => "true or false",
        Value::Object(_) => "an object",
        Value::Array(_) => "an array",
        Value::NullKeyword(_) => "null",
    }
}
