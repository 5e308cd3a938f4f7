//! Values that vary: by platform and accelerator, by `${…}`, or not at all.

use std::fmt;

use super::Accelerator;
use super::platform::Platform;
use super::scope::Scope;
use super::template_text::{Text, Use};
use super::text_value::Invalid;
use crate::diagnostic::{Diagnostic, listed};
use crate::text::{Located, Place};

/// For whom a branch of a [`PerPlatform`] is. The most specific branch wins: platform and accelerator, then
/// accelerator, then platform, then `default`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BranchKey {
    /// The platform, or any.
    pub platform: Option<Platform>,
    /// The accelerator, or any.
    pub accelerator: Option<Accelerator>,
}

impl fmt::Display for BranchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.platform, self.accelerator) {
            (None, None) => f.write_str("default"),
            (None, Some(accelerator)) => write!(f, "{accelerator}"),
            (Some(platform), None) => write!(f, "{platform}"),
            (Some(platform), Some(accelerator)) => write!(f, "{platform}+{accelerator}"),
        }
    }
}

/// One value for every platform, or a branch for each: `{"linux/amd64": …, "cuda": …, "default": …}`.
#[derive(Clone, PartialEq, Eq)]
pub struct PerPlatform<T> {
    branches: Vec<(BranchKey, T)>,
    place: Place,
}

impl<T> PerPlatform<T> {
    /// The same value everywhere, written at `place`.
    pub fn same(value: T, place: Place) -> Self {
        Self { branches: vec![(BranchKey { platform: None, accelerator: None }, value)], place }
    }

    pub(crate) fn branched(branches: Vec<(BranchKey, T)>, place: Place) -> Self {
        Self { branches, place }
    }

    /// Where the whole value is written.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The branch for `platform` with `accelerator`.
    pub fn on(&self, platform: &Platform, accelerator: Option<Accelerator>) -> Option<&T> {
        let find = |platform: Option<&Platform>, accelerator: Option<Accelerator>| {
            let fits = |key: &BranchKey| key.platform.as_ref() == platform && key.accelerator == accelerator;
            self.branches.iter().find(|(key, _)| fits(key)).map(|(_, value)| value)
        };
        let both =
            accelerator.and_then(|one| find(Some(platform), Some(one)).or_else(|| find(None, Some(one))));
        both.or_else(|| find(Some(platform), None)).or_else(|| find(None, None))
    }

    /// The branch for the scope's platform and accelerator.
    ///
    /// # Errors
    /// When there is none: the value says nothing about that platform.
    pub fn get(&self, scope: &Scope) -> Result<&T, Diagnostic> {
        self.on(scope.platform(), scope.accelerator()).ok_or_else(|| self.no_branch(scope))
    }

    fn no_branch(&self, scope: &Scope) -> Diagnostic {
        let keys: Vec<String> = self.branches.iter().map(|(key, _)| key.to_string()).collect();
        let message = format!("no value for platform `{}`", scope.platform());
        Diagnostic::error("platform-without-value", &self.place, message)
            .expecting("a branch for it or a `default`")
            .help(format!("there are branches for {}", listed(keys.iter().map(String::as_str))))
    }

    /// Every branch with its key.
    pub fn branches(&self) -> impl Iterator<Item = (&BranchKey, &T)> {
        self.branches.iter().map(|(key, value)| (key, value))
    }

    /// Every branch's value.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.branches.iter().map(|(_, value)| value)
    }

    /// The value, where there is but one for all platforms.
    pub fn as_same(&self) -> Option<&T> {
        match self.branches.as_slice() {
            [(key, value)] if key.platform.is_none() && key.accelerator.is_none() => Some(value),
            _ => None,
        }
    }

    /// Changes every branch; a branch for which `change` gives nothing is left out.
    pub(crate) fn filter_map<U>(self, mut change: impl FnMut(T) -> Option<U>) -> PerPlatform<U> {
        let changed =
            self.branches.into_iter().filter_map(|(key, value)| change(value).map(|value| (key, value)));
        PerPlatform { branches: changed.collect(), place: self.place }
    }
}

impl<T: fmt::Debug> fmt::Debug for PerPlatform<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_same() {
            Some(value) => value.fmt(f),
            None => f
                .debug_map()
                .entries(self.branches.iter().map(|(key, value)| (key.to_string(), value)))
                .finish(),
        }
    }
}

/// A value written as a string, which may vary by platform and may hold `${…}`.
///
/// Text without `${…}` was checked when the document was; text with it is checked when it is expanded.
#[derive(Clone, PartialEq, Eq)]
pub struct Value<T> {
    choice: PerPlatform<Source<T>>,
}

#[derive(Clone)]
pub(crate) enum Source<T> {
    Literal(T, Place),
    Text(Text, Place, Reader<T>),
}

/// How an expanded text becomes a value: what it is, how it is written, and its door.
pub(crate) struct Reader<T> {
    pub(crate) form: &'static str,
    pub(crate) read: fn(&str) -> Result<T, Invalid>,
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Reader<T> {}

impl<T: PartialEq> PartialEq for Source<T> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(a, at), Self::Literal(b, bt)) => a == b && at == bt,
            (Self::Text(a, at, _), Self::Text(b, bt, _)) => a == b && at == bt,
            _ => false,
        }
    }
}

impl<T: Eq> Eq for Source<T> {}

impl<T> Source<T> {
    fn place(&self) -> &Place {
        match self {
            Self::Literal(_, place) | Self::Text(_, place, _) => place,
        }
    }
}

impl<T: Clone> Source<T> {
    fn get(&self, scope: &Scope) -> Result<T, Diagnostic> {
        let (text, place, reader) = match self {
            Self::Literal(value, _) => return Ok(value.clone()),
            Self::Text(text, place, reader) => (text, place, reader),
        };
        let expanded = scope.expand(text)?;
        (reader.read)(&expanded).map_err(|fault| {
            Diagnostic::error("invalid-value", place, format!("after expansion, {fault}"))
                .expecting(reader.form)
        })
    }
}

impl<T> Value<T> {
    pub(crate) fn new(choice: PerPlatform<Source<T>>) -> Self {
        Self { choice }
    }

    /// A literal, the same everywhere.
    pub fn literal(value: T, place: Place) -> Self {
        Self { choice: PerPlatform::same(Source::Literal(value, place.clone()), place) }
    }

    /// Where the value is written (all its branches).
    pub fn place(&self) -> &Place {
        self.choice.place()
    }

    /// The value, where it neither varies by platform nor holds `${…}`.
    pub fn as_literal(&self) -> Option<&T> {
        match self.choice.as_same()? {
            Source::Literal(value, _) => Some(value),
            Source::Text(..) => None,
        }
    }

    /// The literals of all branches, each with its place.
    pub fn literals(&self) -> impl Iterator<Item = (&T, &Place)> {
        self.choice.values().filter_map(|source| match source {
            Source::Literal(value, place) => Some((value, place)),
            Source::Text(..) => None,
        })
    }

    /// The texts with `${…}` of all branches, each with its place.
    pub fn texts(&self) -> impl Iterator<Item = (&Text, &Place)> {
        self.choice.values().filter_map(|source| match source {
            Source::Literal(..) => None,
            Source::Text(text, place, _) => Some((text, place)),
        })
    }

    /// Every `${…}` of every branch.
    pub fn uses(&self) -> impl Iterator<Item = Use<'_>> {
        self.texts().flat_map(|(text, _)| text.uses())
    }

    /// The branches and their keys.
    pub(crate) fn choice(&self) -> &PerPlatform<Source<T>> {
        &self.choice
    }
}

impl<T: Clone> Value<T> {
    /// The value for the scope's platform with its variables.
    ///
    /// # Errors
    /// No branch for the platform, a variable without a value, or an expansion that is not a `T`.
    pub fn get(&self, scope: &Scope) -> Result<T, Diagnostic> {
        self.choice.get(scope)?.get(scope)
    }

    /// As [`Value::get`], with the place of the branch that was taken.
    ///
    /// # Errors
    /// As [`Value::get`].
    pub fn get_located(&self, scope: &Scope) -> Result<Located<T>, Diagnostic> {
        let source = self.choice.get(scope)?;
        Ok(Located::new(source.get(scope)?, source.place().clone()))
    }
}

impl<T: fmt::Debug> fmt::Debug for Value<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.choice.fmt(f)
    }
}

impl<T: fmt::Debug> fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(value, _) => value.fmt(f),
            Self::Text(text, _, _) => text.fmt(f),
        }
    }
}

/// A list of values written as strings; the list and each item may vary. One string stands for a list of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T> {
    items: Option<PerPlatform<Vec<Value<T>>>>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: None }
    }
}

impl<T> List<T> {
    pub(crate) fn new(items: PerPlatform<Vec<Value<T>>>) -> Self {
        Self { items: Some(items) }
    }

    /// Whether the member is absent or empty on every platform.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Where the list is written; nothing where it is not.
    pub fn place(&self) -> Option<&Place> {
        self.items.as_ref().map(PerPlatform::place)
    }

    /// Every item of every branch.
    pub fn iter(&self) -> impl Iterator<Item = &Value<T>> {
        self.items.iter().flat_map(PerPlatform::values).flatten()
    }

    /// The branches, where the member is written.
    pub(crate) fn branches(&self) -> Option<&PerPlatform<Vec<Value<T>>>> {
        self.items.as_ref()
    }
}

impl<T: Clone> List<T> {
    /// The items for the scope's platform, in order; empty where the member is absent.
    ///
    /// # Errors
    /// As [`Value::get`], for the first item that fails.
    pub fn get(&self, scope: &Scope) -> Result<Vec<T>, Diagnostic> {
        let Some(items) = &self.items else { return Ok(Vec::new()) };
        items.get(scope)?.iter().map(|item| item.get(scope)).collect()
    }

    /// As [`List::get`], each item with its place.
    ///
    /// # Errors
    /// As [`List::get`].
    pub fn get_located(&self, scope: &Scope) -> Result<Vec<Located<T>>, Diagnostic> {
        let Some(items) = &self.items else { return Ok(Vec::new()) };
        items.get(scope)?.iter().map(|item| item.get_located(scope)).collect()
    }
}

/// Reads a member that may be absent.
pub trait Given<T> {
    /// The value for the scope, or nothing where the member is absent.
    ///
    /// # Errors
    /// As [`Value::get`].
    fn given(&self, scope: &Scope) -> Result<Option<T>, Diagnostic>;
}

impl<T: Clone> Given<T> for Option<Value<T>> {
    fn given(&self, scope: &Scope) -> Result<Option<T>, Diagnostic> {
        self.as_ref().map(|value| value.get(scope)).transpose()
    }
}

impl<T: Clone> Given<T> for Option<PerPlatform<T>> {
    fn given(&self, scope: &Scope) -> Result<Option<T>, Diagnostic> {
        self.as_ref().map(|value| value.get(scope).cloned()).transpose()
    }
}
