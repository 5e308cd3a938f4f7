//! What `${NAME}` means at one place, on one platform.

use std::collections::BTreeMap;

use super::Accelerator;
use super::platform::Platform;
use super::template_text::{ExpandError, Text};
use crate::diagnostic::{Diagnostic, listed, nearest};

/// A platform, an accelerator, and the variables that texts may name there.
///
/// A variable can be known without having a value (an argument without a default that nobody set).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    platform: Platform,
    accelerator: Option<Accelerator>,
    variables: BTreeMap<String, Option<String>>,
}

impl Scope {
    /// A scope without variables.
    #[must_use]
    pub fn new(platform: Platform, accelerator: Option<Accelerator>) -> Self {
        Self { platform, accelerator, variables: BTreeMap::new() }
    }

    /// The same scope where `name` has `value`; an earlier value of the name is hidden.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.set(name.into(), Some(value.into()));
        self
    }

    pub(crate) fn set(&mut self, name: String, value: Option<String>) {
        self.variables.insert(name, value);
    }

    /// The platform.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// The accelerator of the product.
    #[must_use]
    pub fn accelerator(&self) -> Option<Accelerator> {
        self.accelerator
    }

    /// Whether `name` is declared, with a value or without.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// The value of `name`.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.variables.get(name)?.as_deref()
    }

    /// `text` with its variables replaced.
    ///
    /// # Errors
    /// A variable that is unknown or has no value, at its `${…}`, with the nearest known name.
    pub fn expand(&self, text: &Text) -> Result<String, Diagnostic> {
        text.expand(&|name| self.value(name).map(str::to_owned)).map_err(|fault| self.explain(fault))
    }

    fn explain(&self, fault: ExpandError) -> Diagnostic {
        match fault {
            ExpandError::Missing { name, place } if self.variables.contains_key(&name) => {
                Diagnostic::error("argument-without-value", &place, format!("argument `{name}` has no value"))
                    .help(format!("give it one in the manifest's `args` or by `--build-arg {name}=…`"))
            }
            ExpandError::Missing { name, place } => {
                unknown_variable(&name, self.variables.keys().map(String::as_str)).at(&place)
            }
            ExpandError::Demanded { name, message, place } => {
                let said = if message.is_empty() {
                    format!("`{name}` has no value")
                } else {
                    format!("`{name}`: {message}")
                };
                Diagnostic::error("variable-required", &place, said)
            }
            ExpandError::TooLong { place } => Diagnostic::error(
                "expansion-too-long",
                &place,
                "the text grows beyond 1 MiB when it is expanded",
            ),
        }
    }
}

/// The message about a variable that nothing declares, before its place is known.
pub(crate) struct UnknownVariable {
    message: String,
    help: String,
}

/// What to say about `name` where only `known` variables are.
pub(crate) fn unknown_variable<'k>(
    name: &str,
    known: impl Iterator<Item = &'k str> + Clone,
) -> UnknownVariable {
    let help = match nearest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "known here are {}; `${{{name}:-default}}` would do without, `$$` is a dollar sign",
            listed(known)
        ),
    };
    UnknownVariable { message: format!("unknown variable `{name}`"), help }
}

impl UnknownVariable {
    /// The error at `place`.
    pub(crate) fn at(self, place: &crate::text::Place) -> Diagnostic {
        Diagnostic::error("unknown-variable", place, self.message).help(self.help)
    }
}
