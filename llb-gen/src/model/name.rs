//! The names of things: each kind its own type, checked once.

use super::text_value::{Invalid, TextValue, checked_text, quoted};

/// Longest name of a catalogue entry, in characters: it becomes a folder name and part of tags.
const LONGEST: usize = 100;

checked_text!(
    /// The id of a manifest; equals the stem of its file.
    ManifestId
);
checked_text!(
    /// The id of a plan; equals the stem of its file.
    PlanId
);
checked_text!(
    /// The id of a template: a folder of `manifests/templates/`.
    TemplateId
);
checked_text!(
    /// The name of a fragment: a folder of `fragments/`.
    FragmentName
);
checked_text!(
    /// The name of a template's slot. A slot takes versions of the fragment with the same name.
    SlotName
);
checked_text!(
    /// The name of a build-only stage of a fragment.
    StageName
);
checked_text!(
    /// The name of a test, unique in its document.
    TestName
);
checked_text!(
    /// The name of a service that a test needs, unique in its test.
    ServiceName
);
checked_text!(
    /// The name of a rule that products are checked by, or `all`.
    RuleName
);
checked_text!(
    /// The name of an environment variable.
    EnvName
);
checked_text!(
    /// The name of a build argument.
    ArgName
);
checked_text!(
    /// The id of a build secret, as in `--secret id=…`.
    SecretId
);
checked_text!(
    /// The id of an SSH agent socket, as in `--ssh ID`.
    SshId
);
checked_text!(
    /// The name of a named context, as in `--build-context NAME=…`.
    ContextName
);
checked_text!(
    /// The name of a user or group account in an image.
    AccountName
);
checked_text!(
    /// The id of a cache mount.
    CacheId
);
checked_text!(
    /// The key of an image label or annotation.
    LabelKey
);

/// Checks `text` as a catalogue name: the letters that folder names, tags and targets all allow.
fn catalogue_name(text: &str) -> Result<String, Invalid> {
    let Some(first) = text.chars().next() else { return Err(Invalid::new("the name is empty")) };
    if !first.is_ascii_lowercase() && !first.is_ascii_digit() {
        return Err(Invalid::new(format!(
            "the name {} begins with `{}`",
            quoted(text),
            first.escape_debug()
        )));
    }
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.');
    if let Some(wrong) = text.chars().find(|c| !fits(*c)) {
        return Err(Invalid::new(format!("the name {} holds `{}`", quoted(text), wrong.escape_debug())));
    }
    if text.contains("..") || text.ends_with('.') {
        return Err(Invalid::new(format!("the name {} has a dot where none may be", quoted(text))));
    }
    if text.len() > LONGEST {
        return Err(Invalid::new(format!("the name has {} characters, more than {LONGEST}", text.len())));
    }
    Ok(text.to_owned())
}

macro_rules! catalogue_names {
    ($($type:ident: $what:literal, $example:literal;)+) => {$(
        impl TextValue for $type {
            const WHAT: &'static str = $what;
            const FORM: &'static str = "lower-case letters, digits, `_`, `-` and `.`, beginning with a letter or digit";
            const PATTERN: &'static str = "^[a-z0-9][a-z0-9._-]*$";
            const EXAMPLES: &'static [&'static str] = &[$example];

            fn from_text(text: &str) -> Result<Self, Invalid> {
                catalogue_name(text).map(Self)
            }
        }
    )+};
}

catalogue_names! {
    ManifestId: "a manifest id", "llm_factory";
    PlanId: "a plan id", "baseline_core_light";
    TemplateId: "a template id", "llm_factory";
    FragmentName: "a fragment name", "model_serve_mock";
    SlotName: "a slot name", "core";
    StageName: "a stage name", "build";
    ContextName: "the name of a context", "models";
    TestName: "the name of a test", "answers";
    ServiceName: "the name of a service", "database";
}

/// Checks `text` as a C identifier, which is what every shell and `${NAME}` can name.
fn identifier(text: &str) -> Result<String, Invalid> {
    let Some(first) = text.chars().next() else { return Err(Invalid::new("the name is empty")) };
    if first.is_ascii_digit() {
        return Err(Invalid::new(format!("the name {} begins with a digit", quoted(text))));
    }
    match text.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '_') {
        Some(wrong) => {
            Err(Invalid::new(format!("the name {} holds `{}`", quoted(text), wrong.escape_debug())))
        }
        None => Ok(text.to_owned()),
    }
}

macro_rules! identifiers {
    ($($type:ident: $what:literal, $example:literal;)+) => {$(
        impl TextValue for $type {
            const WHAT: &'static str = $what;
            const FORM: &'static str = "letters, digits and `_`, not beginning with a digit";
            const PATTERN: &'static str = "^[A-Za-z_][A-Za-z0-9_]*$";
            const EXAMPLES: &'static [&'static str] = &[$example];

            fn from_text(text: &str) -> Result<Self, Invalid> {
                identifier(text).map(Self)
            }
        }
    )+};
}

identifiers! {
    EnvName: "the name of an environment variable", "PYTHONUNBUFFERED";
    ArgName: "the name of an argument", "APP_PORT";
}

/// Checks `text` as a word without blanks and control characters.
fn word(text: &str, also_refused: &[char]) -> Result<String, Invalid> {
    if text.is_empty() {
        return Err(Invalid::new("the text is empty"));
    }
    let wrong = |c: char| c.is_whitespace() || c.is_control() || also_refused.contains(&c);
    match text.chars().find(|c| wrong(*c)) {
        Some(c) => Err(Invalid::new(format!("{} holds `{}`", quoted(text), c.escape_debug()))),
        None => Ok(text.to_owned()),
    }
}

macro_rules! words {
    ($($type:ident: $what:literal, $form:literal, $refused:expr, $example:literal;)+) => {$(
        impl TextValue for $type {
            const WHAT: &'static str = $what;
            const FORM: &'static str = $form;
            const EXAMPLES: &'static [&'static str] = &[$example];

            fn from_text(text: &str) -> Result<Self, Invalid> {
                word(text, &$refused).map(Self)
            }
        }
    )+};
}

words! {
    SecretId: "the id of a secret", "a word without blanks, commas and `=`", [',', '='], "pip-index";
    SshId: "the id of an SSH socket", "a word without blanks, commas and `=`", [',', '='], "default";
    RuleName: "the name of a rule", "the name of a rule, or `all`", [',', ';', '='], "latest-tag";
    CacheId: "the id of a cache", "a word without blanks", [], "ccache";
    LabelKey: "the key of a label", "a word without blanks and `=`", ['='], "org.opencontainers.image.title";
}

impl TextValue for AccountName {
    const WHAT: &'static str = "the name of an account";
    const FORM: &'static str =
        "a letter or `_`, then letters, digits, `_`, `-` and `.`, at most 32 characters";
    const PATTERN: &'static str = "^[A-Za-z_][A-Za-z0-9_.-]*\\$?$";
    const EXAMPLES: &'static [&'static str] = &["llmuser"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new("the name is empty"));
        }
        let stem = text.strip_suffix('$').unwrap_or(text);
        let first = stem.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        let rest = stem.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        match first && rest && text.len() <= 32 {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(format!("{} is not the name of an account", quoted(text)))),
        }
    }
}
