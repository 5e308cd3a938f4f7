//! Foreign words for licences into SPDX expressions.

use std::collections::BTreeMap;

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
    /// Its text, at most [`crate::limits::EXTRACTED_TEXT`] bytes.
    pub text: Option<String>,
}

impl Licence {
    /// What a package's metadata calls its licence: an SPDX expression, or words that mean one (`Apache 2.0`, `Expat`), or a name
    /// that only its author knows, which becomes a `LicenseRef-…`. Nothing where it says nothing (`UNKNOWN`, an empty line).
    #[must_use]
    pub fn of(words: &str) -> Self {
        let words = words.trim();
        if words.is_empty() || words.eq_ignore_ascii_case("unknown") {
            return Self::default();
        }
        if let Ok(expression) = spdx::Expression::parse(words) {
            return Self { expression: Some(expression.to_string()), references: BTreeMap::new() };
        }
        Self::reference(words, None)
    }

    /// A licence that is not in SPDX's list.
    #[must_use]
    pub fn reference(name: &str, text: Option<&str>) -> Self {
        let letters = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' });
        let id = format!("LicenseRef-{}", letters.collect::<String>());
        let reference = Reference { name: name.to_owned(), text: text.map(ToOwned::to_owned) };
        Self { expression: Some(id.clone()), references: BTreeMap::from([(id, reference)]) }
    }

    /// All of them hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let expression = match (self.expression, other.expression) {
            (Some(a), Some(b)) if a == b => Some(a),
            (Some(a), Some(b)) => Some(format!("{} AND {}", bracketed(&a), bracketed(&b))),
            (a, b) => a.or(b),
        };
        let mut references = self.references;
        references.extend(other.references);
        Self { expression, references }
    }
}

fn bracketed(expression: &str) -> String {
    if expression.contains(" OR ") { format!("({expression})") } else { expression.to_owned() }
}
