//! Takes options one by one, keeps what is wrong with them, and knows in the end which nobody took.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use llb_gen::diagnostic::nearest;
use llb_gen::ordered::ordered;

/// One option that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionError {
    option: String,
    reason: String,
    /// The frontend capability that the client demands and that is not there.
    cap: Option<String>,
}

impl OptionError {
    /// What is wrong with `option`, as a lower-case fragment.
    pub fn new(option: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { option: option.into(), reason: reason.to_string(), cap: None }
    }

    /// The frontend capability that the client demands in vain.
    pub fn cap(&self) -> Option<&str> {
        self.cap.as_deref()
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

impl OptionErrors {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &OptionError> {
        self.0.iter()
    }
}

/// An option that has no effect here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Its name.
    pub option: String,
    /// The known name that it was most likely meant to be.
    pub near: Option<String>,
}

impl From<OptionError> for OptionErrors {
    fn from(error: OptionError) -> Self {
        Self(vec![error])
    }
}

/// The options that are not read yet.
#[derive(Debug)]
pub(super) struct Reader {
    left: BTreeMap<String, String>,
    errors: Vec<OptionError>,
    /// The names that were asked for: those that there are.
    known: BTreeSet<String>,
}

impl Reader {
    pub(super) fn new(options: BTreeMap<String, String>) -> Self {
        Self { left: options, errors: Vec::new(), known: BTreeSet::new() }
    }

    /// The option's text; `None` when it is absent.
    pub(super) fn text(&mut self, option: &str) -> Option<String> {
        self.known.insert(option.to_owned());
        self.left.remove(option)
    }

    /// The text of an option whose name may be written in any case; that of `option` itself goes first.
    pub(super) fn text_in_any_case(&mut self, option: &str) -> Option<String> {
        let own = self.text(option);
        let same = |name: &&String| name.eq_ignore_ascii_case(option);
        let others: Vec<String> = self.left.keys().filter(same).cloned().collect();
        let others: Vec<String> = others.iter().filter_map(|name| self.text(name)).collect();
        own.or_else(|| others.into_iter().next())
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
        self.text(option);
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

    /// Keeps an error about a frontend capability that there is not.
    pub(super) fn lack(&mut self, option: &str, cap: &str) {
        let reason = format!("the capability `{cap}` is not among this frontend's");
        let error = OptionError::new(option, reason);
        self.errors.push(OptionError { cap: Some(cap.to_owned()), ..error });
    }

    /// An option that nobody has asked for.
    pub(super) fn unknown(&self, option: String) -> Unknown {
        let near = nearest(&option, self.known.iter().map(String::as_str)).map(str::to_owned);
        Unknown { option, near }
    }

    /// `value` and the options that nobody took.
    pub(super) fn finish<T>(self, value: T) -> Result<(T, Vec<Unknown>), OptionErrors> {
        if !self.errors.is_empty() {
            return Err(OptionErrors(self.errors));
        }
        let left = self.left.keys().map(|option| self.unknown(option.clone())).collect();
        Ok((value, left))
    }
}
