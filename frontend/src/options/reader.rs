//! Takes options one by one, keeps what is wrong with them, and knows in the end which nobody took.

use llb_gen::ordered::ordered;
use std::collections::BTreeMap;
use std::fmt;

/// One option that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionError {
    option: String,
    reason: String,
}

impl OptionError {
    /// What is wrong with `option`, as a lower-case fragment.
    pub fn new(option: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { option: option.into(), reason: reason.to_string() }
    }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "option `{}`: {}", self.option, self.reason)
    }
}

/// Every option that cannot be followed, one per line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct OptionErrors(Vec<OptionError>);

/// The options that are not read yet.
#[derive(Debug)]
pub(super) struct Reader {
    left: BTreeMap<String, String>,
    errors: Vec<OptionError>,
}

impl Reader {
    pub(super) fn new(options: BTreeMap<String, String>) -> Self {
        Self { left: options, errors: Vec::new() }
    }

    /// The option's text; `None` when it is absent.
    pub(super) fn text(&mut self, option: &str) -> Option<String> {
        self.left.remove(option)
    }

    /// The option's text; `None` when it is absent or empty, which clients send for "not set".
    pub(super) fn filled(&mut self, option: &str) -> Option<String> {
        self.text(option).filter(|text| !text.is_empty())
    }

    /// The option's value when it is there, not empty and right; a wrong one is kept as an error.
    pub(super) fn value<T, E: fmt::Display>(
        &mut self,
        option: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.filled(option)?;
        self.keep(option, parse(&text))
    }

    /// Every option that starts with `prefix`, by the rest of its name.
    pub(super) fn group(&mut self, prefix: &str) -> BTreeMap<String, String> {
        let names: Vec<String> = self.left.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
        let taken = names.into_iter().filter_map(|name| self.left.remove_entry(&name));
        ordered(taken.map(|(name, text)| (name[prefix.len()..].to_owned(), text)))
    }

    /// Takes an option whose meaning is not ours to act on.
    pub(super) fn ignore(&mut self, option: &str) {
        self.left.remove(option);
    }

    /// Refuses an option when it is set.
    pub(super) fn refuse(&mut self, option: &str, reason: &str) {
        if self.filled(option).is_some() {
            self.fail(option, reason);
        }
    }

    /// The value, or nothing after keeping the error.
    pub(super) fn keep<T, E: fmt::Display>(&mut self, option: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|reason| self.fail(option, reason)).ok()
    }

    /// Keeps an error.
    pub(super) fn fail(&mut self, option: &str, reason: impl fmt::Display) {
        self.errors.push(OptionError::new(option, reason));
    }

    /// `value` and the names of the options that nobody took.
    pub(super) fn finish<T>(self, value: T) -> Result<(T, Vec<String>), OptionErrors> {
        match self.errors.is_empty() {
            true => Ok((value, self.left.into_keys().collect())),
            false => Err(OptionErrors(self.errors)),
        }
    }
}
