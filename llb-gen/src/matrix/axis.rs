//! Axes of a matrix and their values.

use std::fmt;

use crate::diagnostic::{Diagnostic, nearest};
use crate::model::{Accelerator, ArgName, Base, FragmentName, Invalid, Platform, TextValue, Version};
use crate::parse::raw::matrix::AxisText;
use crate::text::Located;

/// What an axis varies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AxisName {
    /// The version of the fragment in a slot.
    Slot(FragmentName),
    /// The platform.
    Platform,
    /// The accelerator.
    Accelerator,
    /// The base.
    Base,
    /// The value of an argument.
    Arg(ArgName),
}

impl AxisName {
    /// The axes that are no slots and have no name of their own.
    pub(crate) const RESERVED: [&'static str; 3] = ["platform", "accelerator", "base"];
}

impl TextValue for AxisName {
    const WHAT: &'static str = "an axis";
    const FORM: &'static str = "a slot, `platform`, `accelerator`, `base` or `args.NAME`";
    const PATTERN: &'static str = r"^([a-z0-9][a-z0-9._-]*|args\.[A-Za-z_][A-Za-z0-9_]*)$";
    const EXAMPLES: &'static [&'static str] = &["core", "platform", "args.APP_PORT"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        match text {
            "platform" => Ok(Self::Platform),
            "accelerator" => Ok(Self::Accelerator),
            "base" => Ok(Self::Base),
            other => match other.strip_prefix("args.") {
                Some(name) => ArgName::from_text(name).map(Self::Arg),
                None => FragmentName::from_text(other).map(Self::Slot),
            },
        }
    }
}

impl fmt::Display for AxisName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(name) => name.fmt(f),
            Self::Platform => f.write_str("platform"),
            Self::Accelerator => f.write_str("accelerator"),
            Self::Base => f.write_str("base"),
            Self::Arg(name) => write!(f, "args.{name}"),
        }
    }
}

/// A value of an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AxisValue {
    /// Of a slot: the fragment's version.
    Version(Version),
    /// Of `platform`.
    Platform(Platform),
    /// Of `accelerator`; nothing is written `none`.
    Accelerator(Option<Accelerator>),
    /// Of `base`.
    Base(Base),
    /// Of an argument.
    Text(String),
}

impl fmt::Display for AxisValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => version.fmt(f),
            Self::Platform(platform) => platform.fmt(f),
            Self::Accelerator(None) => f.write_str("none"),
            Self::Accelerator(Some(accelerator)) => accelerator.fmt(f),
            Self::Base(Base::Scratch) => f.write_str("scratch"),
            Self::Base(Base::Image(reference)) => f.write_str(&reference.familiar()),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl AxisValue {
    /// The version that it is; nothing sorts before any.
    pub(super) fn version(&self) -> Option<&Version> {
        match self {
            Self::Version(version) => Some(version),
            _ => None,
        }
    }
}

impl AxisName {
    /// Reads a value of this axis.
    ///
    /// # Errors
    /// A text that is none, with what was expected.
    pub(super) fn read(&self, text: &Located<AxisText>) -> Result<Located<AxisValue>, Diagnostic> {
        let written = text.value().0.as_str();
        let value = match self {
            Self::Slot(_) => checked(written, AxisValue::Version),
            Self::Platform => checked(written, AxisValue::Platform),
            Self::Base => checked(written, AxisValue::Base),
            Self::Arg(_) => checked(written, AxisValue::Text),
            Self::Accelerator => accelerator(written),
        };
        let refused = |(fault, expected): (Invalid, &'static str)| {
            Diagnostic::error(
                "invalid-value",
                text.place(),
                format!("invalid value of axis `{self}`: {fault}"),
            )
            .expecting(expected)
        };
        value.map(|value| Located::new(value, text.place().clone())).map_err(refused)
    }
}

fn checked<T: TextValue>(
    text: &str,
    value: impl Fn(T) -> AxisValue,
) -> Result<AxisValue, (Invalid, &'static str)> {
    T::from_text(text).map(value).map_err(|fault| (fault, T::FORM))
}

fn accelerator(text: &str) -> Result<AxisValue, (Invalid, &'static str)> {
    match text {
        "cuda" => Ok(AxisValue::Accelerator(Some(Accelerator::Cuda))),
        "none" => Ok(AxisValue::Accelerator(None)),
        other => {
            let near = nearest(other, ["cuda", "none"]).map(|near| format!(", did you mean `{near}`?"));
            let shown = crate::model::text_value::quoted(other);
            Err((
                Invalid::new(format!("{shown} is no accelerator{}", near.unwrap_or_default())),
                "`cuda` or `none`",
            ))
        }
    }
}
