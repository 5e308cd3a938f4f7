//! What is another in one lock than in another, for people and for programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::{Lock, LockedStep, Resolved};
use crate::llb::OpDigest;
use crate::ordered::ordered;

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another.
    Changed,
}

/// One entry that is not the same in both locks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What became of it.
    pub change: ChangeKind,
    /// What it is: `image`, `config`, `apt`, `pip`, `hashes`, `asked`, `built_on`, `file`, `options`.
    pub kind: &'static str,
    /// Its name: `python3`, `docker.io/library/debian:12`.
    pub name: String,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The fragment that it belongs to; nothing for images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fragment: Option<String>,
    /// The platform, with the accelerator where there is one; nothing for what holds for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}

/// `~ apt python3 3.11.2-1 -> 3.11.2-2 (core, linux/amd64)`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.change {
            ChangeKind::Added => '+',
            ChangeKind::Removed => '-',
            ChangeKind::Changed => '~',
        };
        write!(f, "{sign} {} {}", self.kind, self.name)?;
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, " {from} -> {to}")?,
            (Some(one), None) | (None, Some(one)) => write!(f, " {one}")?,
            (None, None) => {}
        }
        let whose: Vec<&str> = self.fragment.iter().chain(&self.platform).map(String::as_str).collect();
        if whose.is_empty() { Ok(()) } else { write!(f, " ({})", whose.join(", ")) }
    }
}

/// All entries that are not the same, in the order of fragments and names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The entries.
    pub changes: Vec<Change>,
}

impl Difference {
    /// What leads from `before` to `now`. Nothing before is an empty lock.
    #[must_use]
    pub fn between(before: Option<&Lock>, now: &Lock) -> Self {
        let before = before.map(entries).unwrap_or_default();
        let now = entries(now);
        let keys: BTreeSet<&Key> = ordered(before.keys().chain(now.keys()));
        let change = |key: &Key| {
            let (from, to) = (before.get(key), now.get(key));
            let change = match (from, to) {
                (from, to) if from == to => return None,
                (None, _) => ChangeKind::Added,
                (_, None) => ChangeKind::Removed,
                _ => ChangeKind::Changed,
            };
            Some(Change {
                change,
                kind: key.kind,
                name: key.name.clone(),
                from: from.cloned(),
                to: to.cloned(),
                fragment: key.fragment.clone(),
                platform: key.platform.clone(),
            })
        };
        Self { changes: keys.into_iter().filter_map(change).collect() }
    }

    /// Whether nothing is another.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// A line for each entry.
    #[must_use]
    pub fn text(&self) -> String {
        self.changes.iter().fold(String::new(), |text, change| format!("{text}{change}\n"))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    fragment: Option<String>,
    platform: Option<String>,
    step: Option<String>,
    kind: &'static str,
    name: String,
}

/// Every entry of a lock by what it is. A fragment is known by its name alone, so that another version of it shows what that
/// changes.
fn entries(lock: &Lock) -> BTreeMap<Key, String> {
    let mut entries = BTreeMap::new();
    for (name, image) in &lock.images {
        let key = |platform: Option<String>, kind| Key {
            fragment: None,
            platform,
            step: None,
            kind,
            name: name.familiar(),
        };
        entries.insert(key(None, "image"), image.digest.to_string());
        for (platform, config) in &image.configs {
            let digest = OpDigest::of(config.to_string().as_bytes()).to_string();
            entries.insert(key(Some(platform.to_string()), "config"), digest[..19].to_owned());
        }
    }
    for (id, targets) in &lock.fragments {
        let (fragment, version) = id.as_str().split_once(' ').unwrap_or((id.as_str(), ""));
        for (target, locked) in targets {
            let key = |step: Option<&str>, kind, name: &str| Key {
                fragment: Some(fragment.to_owned()),
                platform: Some(target.to_string()),
                step: step.map(str::to_owned),
                kind,
                name: name.to_owned(),
            };
            entries.insert(key(None, "fragment", fragment), version.to_owned());
            entries.insert(key(None, "built_on", fragment), format!("[{}]", locked.built_on.join(", ")));
            for (path, step) in &locked.steps {
                let at = path.as_str();
                for (kind, name, value) in of_step(step, at) {
                    entries.insert(key(Some(at), kind, &name), value);
                }
            }
        }
    }
    entries
}

fn of_step(step: &LockedStep, at: &str) -> Vec<(&'static str, String, String)> {
    let mut all = vec![("asked", at.to_owned(), format!("[{}]", step.asked.join(", ")))];
    match &step.found {
        Resolved::Apt(packages) => {
            all.extend(packages.iter().map(|(name, version)| ("apt", name.to_string(), version.to_string())));
        }
        Resolved::Pip(pip) => {
            for (name, package) in &pip.packages {
                all.push(("pip", name.to_string(), package.version.to_string()));
                let hashes: Vec<&str> = package.hashes.iter().map(|hash| &hash.as_str()[..19]).collect();
                all.push(("hashes", name.to_string(), hashes.join(" ")));
            }
            all.extend(
                pip.files
                    .iter()
                    .map(|(path, digest)| ("file", path.clone(), digest.as_str()[..19].to_owned())),
            );
            if !pip.options.is_empty() {
                let options: Vec<&str> = pip.options.iter().map(super::PipOption::as_str).collect();
                all.push(("options", at.to_owned(), format!("[{}]", options.join(", "))));
            }
        }
    }
    all
}
