//! What a fragment needs from below, and what it promises to those above.

use std::cmp::Ordering;
use std::fmt;

use super::text_value::{Invalid, TextValue, quoted, text_value};

/// A contract: `KIND:NAME`, with a range of versions where the kind has versions. `command:python3>=3.11,<4`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contract {
    kind: ContractKind,
    name: String,
    range: Vec<Bound>,
}

/// What a contract is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContractKind {
    /// A program in `PATH`.
    Command,
    /// A Python distribution.
    Python,
    /// A user account.
    User,
    /// A group.
    Group,
    /// A port that the image exposes.
    Port,
    /// A path in the image; with a slash at its end a folder.
    Path,
    /// An environment variable.
    Env,
}

/// One bound of a range.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound {
    /// How the version compares.
    pub relation: Relation,
    /// To what.
    pub version: String,
}

/// How two versions compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `!=`
    Not,
    /// `>`
    Above,
    /// `<`
    Below,
    /// `=`
    Exactly,
}

/// Longer signs before those that they begin with.
const RELATIONS: [(&str, Relation); 6] = [
    (">=", Relation::AtLeast),
    ("<=", Relation::AtMost),
    ("!=", Relation::Not),
    (">", Relation::Above),
    ("<", Relation::Below),
    ("=", Relation::Exactly),
];

const KINDS: [(&str, ContractKind); 7] = [
    ("command", ContractKind::Command),
    ("python", ContractKind::Python),
    ("user", ContractKind::User),
    ("group", ContractKind::Group),
    ("port", ContractKind::Port),
    ("path", ContractKind::Path),
    ("env", ContractKind::Env),
];

impl ContractKind {
    /// The word before the colon.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

impl ContractKind {
    /// What a name of the kind is, for messages.
    fn what(self) -> &'static str {
        match self {
            Self::Command => "name of a command",
            Self::Python => "name of a distribution",
            Self::User => "name of a user",
            Self::Group => "name of a group",
            Self::Port => "port such as `8080/tcp`",
            Self::Path => "absolute path",
            Self::Env => "name of a variable",
        }
    }
}

impl Relation {
    /// Its sign.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        RELATIONS.iter().find(|(_, relation)| *relation == self).map_or("", |(sign, _)| sign)
    }

    fn allows(self, ordering: Ordering) -> bool {
        match self {
            Self::AtLeast => ordering.is_ge(),
            Self::AtMost => ordering.is_le(),
            Self::Not => ordering.is_ne(),
            Self::Above => ordering.is_gt(),
            Self::Below => ordering.is_lt(),
            Self::Exactly => ordering.is_eq(),
        }
    }
}

text_value!(Contract);

impl Contract {
    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> ContractKind {
        self.kind
    }

    /// Its name: a program, a distribution as written, a path.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The versions that satisfy it; empty for any.
    #[must_use]
    pub fn range(&self) -> &[Bound] {
        &self.range
    }

    /// Whether both speak of the same thing, whatever its version. Names of Python distributions are compared as PEP 503
    /// says: case, and which of `-`, `_` and `.` is written, do not matter.
    #[must_use]
    pub fn is_about_the_same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.key() == other.key()
    }

    fn key(&self) -> String {
        match self.kind {
            ContractKind::Python => self
                .name
                .split(['-', '_', '.'])
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("-")
                .to_ascii_lowercase(),
            ContractKind::Path => self.name.trim_end_matches('/').to_owned(),
            _ => self.name.clone(),
        }
    }

    /// Whether what `provided` promises can satisfy this. A promise without an exact version may, as far as anybody can
    /// say before it is looked at.
    #[must_use]
    pub fn may_be_met_by(&self, provided: &Self) -> bool {
        let exact = provided.range.iter().find(|bound| bound.relation == Relation::Exactly);
        exact.is_none_or(|exact| {
            self.range.iter().all(|bound| bound.relation.allows(compare(&exact.version, &bound.version)))
        })
    }
}

/// Versions part by part: numbers as numbers, a missing number as 0.
fn compare(left: &str, right: &str) -> Ordering {
    let parts = |text: &str| -> Vec<String> { text.split(['.', '-', '+']).map(str::to_owned).collect() };
    let (left, right) = (parts(left), parts(right));
    let zero = "0".to_owned();
    (0..left.len().max(right.len()))
        .map(|at| {
            let (a, b) = (left.get(at).unwrap_or(&zero), right.get(at).unwrap_or(&zero));
            match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                _ => a.cmp(b),
            }
        })
        .find(|ordering| ordering.is_ne())
        .unwrap_or(Ordering::Equal)
}

impl TextValue for Contract {
    const WHAT: &'static str = "a contract";
    const FORM: &'static str = "`command:NAME`, `python:NAME`, `user:NAME`, `group:NAME`, `port:8080/tcp`, `path:/PATH` or `env:NAME`, the first \
         two with a range such as `>=3.11,<4` if need be";
    const PATTERN: &'static str = "^(command|python|user|group|port|path|env):.+$";
    const EXAMPLES: &'static [&'static str] = &["command:python3>=3.11", "user:llmuser", "path:/opt/venv/"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let wrong = |reason: String| Invalid::new(format!("{} is not a contract: {reason}", quoted(text)));
        let Some((word, rest)) = text.split_once(':') else {
            return Err(wrong("it has no `KIND:` before its name".to_owned()));
        };
        let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == word) else {
            let near = crate::diagnostic::nearest(word, KINDS.iter().map(|(known, _)| *known));
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(wrong(format!("there is no kind {}{near}", quoted(word))));
        };
        let versioned = matches!(kind, ContractKind::Command | ContractKind::Python | ContractKind::Env);
        let end = if versioned { rest.find(['<', '>', '=', '!']).unwrap_or(rest.len()) } else { rest.len() };
        let (name, range) = rest.split_at(end);
        let (name, range) = (name.trim(), range.trim());
        check_name(*kind, name).map_err(wrong)?;
        let range = match (range.is_empty(), kind) {
            (true, _) => Vec::new(),
            (false, ContractKind::Env) => env_value(range).map_err(wrong)?,
            (false, _) => bounds(range, "").map_err(wrong)?,
        };
        Ok(Self { kind: *kind, name: name.to_owned(), range })
    }
}

/// `=value`, all of it: a value may hold commas.
fn env_value(text: &str) -> Result<Vec<Bound>, String> {
    let value = text.strip_prefix('=').ok_or("a variable can only be asked to equal (`=`) a value")?;
    Ok(vec![Bound { relation: Relation::Exactly, version: value.to_owned() }])
}

/// Bounds with commas between them; versions may also hold the letters `extra`.
pub(crate) fn bounds(text: &str, extra: &str) -> Result<Vec<Bound>, String> {
    text.split(',').map(|text| bound(text, extra)).collect()
}

fn bound(text: &str, extra: &str) -> Result<Bound, String> {
    let text = text.trim();
    let Some((sign, relation)) = RELATIONS.iter().find(|(sign, _)| text.starts_with(sign)) else {
        return Err(format!("{} has no comparison", quoted(text)));
    };
    // `==`, as Python has it, means the same.
    let version = text[sign.len()..].trim_start_matches('=').trim();
    if version.is_empty() {
        return Err(format!("`{sign}` has no version after it"));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || ".+-_~".contains(c) || extra.contains(c);
    match version.starts_with(|c: char| c.is_ascii_digit()) && version.chars().all(fits) {
        true => Ok(Bound { relation: *relation, version: version.to_owned() }),
        false => Err(format!("{} is no version", quoted(version))),
    }
}

fn check_name(kind: ContractKind, name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("its name is missing".to_owned());
    }
    let word = |extra: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c));
    let fits = match kind {
        ContractKind::Command => word("._+-[") && !name.starts_with('-'),
        ContractKind::Python | ContractKind::User | ContractKind::Group => word("._-"),
        ContractKind::Env => word("_"),
        ContractKind::Port => name.parse::<super::Port>().is_ok(),
        ContractKind::Path => {
            name.starts_with('/') && !name.contains(['\\', '\0']) && !name.split('/').any(|part| part == "..")
        }
    };
    if fits { Ok(()) } else { Err(format!("{} is no {}", quoted(name), kind.what())) }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.name)?;
        for (at, bound) in self.range.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}{}", bound.relation.as_str(), bound.version)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(text: &str) -> Contract {
        Contract::from_text(text).unwrap_or_else(|fault| panic!("{fault}"))
    }

    #[test]
    fn what_is_written_is_what_is_shown() {
        for (text, shown) in [
            ("command:python3", "command:python3"),
            ("command:python3 >= 3.11, <4", "command:python3>=3.11,<4"),
            ("python:NumPy==1.26.4", "python:NumPy=1.26.4"),
            ("user:llmuser", "user:llmuser"),
            ("group:www-data", "group:www-data"),
            ("port:8080/tcp", "port:8080/tcp"),
            ("path:/opt/venv/", "path:/opt/venv/"),
            ("env:LANG=C.UTF-8", "env:LANG=C.UTF-8"),
            ("env:FLAGS=-a,-b", "env:FLAGS=-a,-b"),
        ] {
            assert_eq!(contract(text).to_string(), shown);
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "python3",
            "comand:python3",
            "command:",
            "command:a b",
            "command:-x",
            "command:python3>=",
            "command:python3>=x",
            "command:python3 3.11",
            "port:http",
            "path:opt",
            "path:/a/../b",
            "user:a>=1",
            "env:A>1",
            "python:",
        ] {
            assert!(Contract::from_text(text).is_err(), "{text}");
        }
        let near = Contract::from_text("comand:x").unwrap_err().to_string();
        assert!(near.contains("did you mean `command`?"), "{near}");
    }

    #[test]
    fn an_exact_promise_decides_and_any_other_may_do() {
        for (needed, provided, met) in [
            ("command:python3>=3.11", "command:python3", true),
            ("command:python3>=3.11", "command:python3=3.11.2", true),
            ("command:python3>=3.11", "command:python3=3.9", false),
            ("command:python3>=3.9,<3.10", "command:python3=3.10.1", false),
            ("command:python3!=3.10", "command:python3=3.10.0", false),
            ("command:python3", "command:python3=3.10.0", true),
            ("python:numpy=1.26", "python:numpy=1.26.0", true),
        ] {
            assert_eq!(contract(needed).may_be_met_by(&contract(provided)), met, "{needed} {provided}");
        }
        assert!(contract("python:Foo_Bar").is_about_the_same(&contract("python:foo-bar>=1")));
        assert!(contract("path:/opt/").is_about_the_same(&contract("path:/opt")));
        assert!(!contract("user:a").is_about_the_same(&contract("group:a")));
    }
}
