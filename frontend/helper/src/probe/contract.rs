//! What is to be checked: the JSON object in the variable `FACTORY_PROBE`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use serde::Deserialize;

use super::version::Version;
use crate::fault::Fault;

/// The contracts of one side of a fragment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Probe {
    /// The fragment as people know it: `core 0.1.0`.
    pub(super) fragment: String,
    /// Whose part these are.
    pub(super) side: Side,
    /// Each of them.
    pub(super) contracts: Vec<Contract>,
}

/// Whether the fragment has made the root, or is about to be built on it.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Side {
    /// It promises.
    Provides,
    /// It needs.
    Requires,
}

impl Side {
    /// Its word in a message.
    pub(super) fn verb(&self) -> &'static str {
        match self {
            Self::Provides => "provides",
            Self::Requires => "requires",
        }
    }
}

/// One contract.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contract {
    /// As its author wrote it.
    pub(crate) text: String,
    /// What it is about.
    pub(crate) kind: Kind,
    /// Which one of these.
    pub(crate) name: String,
    /// Every bound must hold; none: any version will do.
    #[serde(default)]
    pub(crate) range: Vec<Bound>,
}

/// What can be checked on a root.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A command in PATH.
    Command,
    /// A Python distribution.
    Python,
    /// A user of `/etc/passwd`.
    User,
    /// A group of `/etc/group`.
    Group,
    /// A path.
    Path,
    /// A variable of the environment.
    Env,
}

/// One side of a range.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bound {
    /// How a version is compared.
    pub(crate) op: Op,
    /// With what.
    pub(crate) version: String,
}

/// A comparison.
#[derive(Debug, Deserialize, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// Not before.
    #[serde(rename = ">=")]
    AtLeast,
    /// After.
    #[serde(rename = ">")]
    Above,
    /// Not after.
    #[serde(rename = "<=")]
    AtMost,
    /// Before.
    #[serde(rename = "<")]
    Below,
    /// The same.
    #[serde(rename = "=")]
    Equal,
    /// Any other.
    #[serde(rename = "!=")]
    Other,
}

impl Op {
    /// Whether a version that compares so with the bound is on its right side.
    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::AtLeast => order.is_ge(),
            Self::Above => order.is_gt(),
            Self::AtMost => order.is_le(),
            Self::Below => order.is_lt(),
            Self::Equal => order.is_eq(),
            Self::Other => order.is_ne(),
        }
    }
}

impl Contract {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// What does not, with the contract's text.
    pub(super) fn check(&self) -> Result<(), Fault> {
        match self.mistake() {
            Some(mistake) => Err(Fault::own(format!("{}: {:?}: {mistake}", super::VARIABLE, self.text))),
            None => Ok(()),
        }
    }

    fn mistake(&self) -> Option<String> {
        let name = &self.name;
        if name.is_empty() || name.contains('\0') {
            return Some(format!("{name:?} is no name"));
        }
        let unknown = self.range.iter().find(|bound| Version::parse(&bound.version).is_none());
        match self.kind {
            Kind::Command if name.contains('/') => Some(format!("a command has no \"/\": {name:?}")),
            Kind::Command | Kind::Python => unknown.map(|bound| format!("{:?} is no version", bound.version)),
            Kind::Path if !name.starts_with('/') => Some(format!("{name:?} is no absolute path")),
            Kind::Env if self.range.iter().all(|bound| bound.op == Op::Equal) => None,
            Kind::Env => Some("a variable can only be compared by \"=\"".into()),
            Kind::User | Kind::Group | Kind::Path if self.range.is_empty() => None,
            Kind::User | Kind::Group | Kind::Path => {
                Some("only commands and distributions have versions".into())
            }
        }
    }

    /// Whether a version is within the range.
    pub(super) fn allows(&self, version: &Version) -> bool {
        let holds = |bound: &Bound| {
            Version::parse(&bound.version).is_some_and(|limit| bound.op.holds(version.cmp(&limit)))
        };
        self.range.iter().all(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(text: &str) -> Contract {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn ranges_hold_at_their_ends() {
        for (op, expected) in [
            (">=", [false, true, true]),
            (">", [false, false, true]),
            ("<=", [true, true, false]),
            ("<", [true, false, false]),
            ("=", [false, true, false]),
            ("!=", [true, false, true]),
        ] {
            let text = format!(
                r#"{{"text":"t","kind":"command","name":"c","range":[{{"op":"{op}","version":"3.11"}}]}}"#
            );
            let allows = |version: &str| contract(&text).allows(&Version::parse(version).unwrap());
            assert_eq!(["3.11rc1", "3.11.0", "3.11.1"].map(allows), expected, "{op}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for (members, phrase) in [
            (r#""kind":"command","name":"/bin/sh""#, "has no \"/\""),
            (r#""kind":"command","name":"""#, "\"\" is no name"),
            (r#""kind":"python","name":"a","range":[{"op":"=","version":"new"}]"#, "\"new\" is no version"),
            (r#""kind":"path","name":"etc""#, "\"etc\" is no absolute path"),
            (r#""kind":"env","name":"A","range":[{"op":">","version":"1"}]"#, "only be compared by \"=\""),
            (r#""kind":"user","name":"a","range":[{"op":"=","version":"1"}]"#, "only commands and"),
        ] {
            let found = contract(&format!(r#"{{"text":"t",{members}}}"#)).check().unwrap_err();
            let message = format!("{found}");
            assert!(message.starts_with("FACTORY_PROBE: \"t\": ") && message.contains(phrase), "{message}");
        }
        for members in [
            r#""kind":"env","name":"A","range":[{"op":"=","version":"x y"}]"#,
            r#""kind":"command","name":"a","range":[]"#,
            r#""kind":"path","name":"/a/""#,
        ] {
            assert_eq!(contract(&format!(r#"{{"text":"t",{members}}}"#)).check(), Ok(()));
        }
    }
}
