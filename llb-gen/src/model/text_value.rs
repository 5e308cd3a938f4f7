//! Values written as JSON strings: one door each.

use std::fmt;

/// Why a text is not the value it should be: a lower-case fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(pub(crate) String);

impl Invalid {
    /// A refusal with its reason.
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

/// A value with one written form, a string. The only way to make one is [`TextValue::from_text`].
pub trait TextValue: Sized + Clone {
    /// What the value is, with its article, for messages: "a file mode".
    const WHAT: &'static str;
    /// How it is written: "three or four octal digits, such as \"0755\"".
    const FORM: &'static str;
    /// A regular expression for editors that every literal (one without `${…}`) of this kind matches; empty for none.
    const PATTERN: &'static str = "";
    /// Examples for editors.
    const EXAMPLES: &'static [&'static str] = &[];

    /// Reads the written form.
    ///
    /// # Errors
    /// What is wrong with `text`; the expectation itself is [`TextValue::FORM`].
    fn from_text(text: &str) -> Result<Self, Invalid>;
}

/// Gives a [`TextValue`] its `FromStr`.
macro_rules! text_value {
    ($($type:ty),+ $(,)?) => {$(
        impl std::str::FromStr for $type {
            type Err = $crate::model::Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                <$type as $crate::model::TextValue>::from_text(text)
            }
        }
    )+};
}

/// A checked piece of text: the struct, its accessor and its `Display`.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        $crate::model::text_value::text_value!($name);
    };
}

pub(crate) use {checked_text, text_value};

/// Any text, the empty one included.
impl TextValue for String {
    const WHAT: &'static str = "a text";
    const FORM: &'static str = "a string";

    fn from_text(text: &str) -> Result<Self, Invalid> {
        match text.contains('\0') {
            true => Err(Invalid::new("the text holds a NUL character")),
            false => Ok(text.to_owned()),
        }
    }
}

/// How many characters of a wrong value are repeated in a message.
const SHOWN: usize = 60;

/// `text` in backticks, cut when long, control characters escaped so that they cannot steer a terminal.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(SHOWN) {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}
