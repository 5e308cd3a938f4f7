//! What is another than before, fragment by fragment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::inputs::{FragmentInputs, ImageInput, ProductInputs, short};
use crate::ordered::ordered;

/// What becomes of a fragment, judged by its inputs. The engine may know better: it also compares what came out, and it may
/// have thrown away what it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Everything about it is as it was.
    Reused,
    /// It is built again, for these reasons.
    Rebuilt(Vec<Reason>),
    /// There was no such fragment before.
    New,
}

/// A fragment with its fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FragmentFate {
    /// The fragment's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What becomes of it.
    pub fate: Fate,
}

/// One thing about a fragment that is another than before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// No cache is wanted for it (`--no-cache`, `--no-cache-filter`).
    NoCache,
    /// Another platform.
    Platform {
        /// The platform before.
        from: String,
        /// The platform now.
        to: String,
    },
    /// The base is another one.
    Base {
        /// Its digest before, or its reference where the digest was not known.
        from: String,
        /// The same now.
        to: String,
    },
    /// `SOURCE_DATE_EPOCH` is another one.
    Epoch,
    /// Another version of the fragment is selected.
    Version {
        /// The version before.
        from: String,
        /// The version now.
        to: String,
    },
    /// Its `fragment.json` changed, in the same version.
    Definition,
    /// A file that its steps name changed.
    FileChanged {
        /// The path in the fragment's folder.
        path: String,
    },
    /// A file is there that was not.
    FileAdded {
        /// The path in the fragment's folder.
        path: String,
    },
    /// A file is gone.
    FileRemoved {
        /// The path in the fragment's folder.
        path: String,
    },
    /// An argument has another value.
    Argument {
        /// The argument.
        name: String,
        /// Its value before; nothing where it had none.
        from: Option<String>,
        /// Its value now; nothing where it has none.
        to: Option<String>,
    },
    /// A variable that comes from below has another value.
    Environment {
        /// The variable.
        name: String,
    },
    /// What is locked for it is something else.
    Locked,
    /// The shell that comes from below is another one.
    Shell,
    /// An image that it takes files from is another one.
    Image {
        /// The reference.
        reference: String,
    },
    /// A fragment that it is built on is built anew.
    Below {
        /// That fragment.
        name: String,
    },
    /// It is built on a fragment that it was not built on before.
    BelowAdded {
        /// That fragment.
        name: String,
    },
    /// It is no longer built on a fragment.
    BelowRemoved {
        /// That fragment.
        name: String,
    },
    /// It is built on the same fragments in another order.
    BelowReordered,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCache => f.write_str("no cache is wanted"),
            Self::Platform { from, to } => write!(f, "the platform changed from {from} to {to}"),
            Self::Base { from, to } => write!(f, "the base changed from {} to {}", short(from), short(to)),
            Self::Epoch => f.write_str("SOURCE_DATE_EPOCH changed"),
            Self::Version { from, to } => write!(f, "its version changed from {from} to {to}"),
            Self::Definition => f.write_str("its definition changed"),
            Self::FileChanged { path } => write!(f, "its file {path} changed"),
            Self::FileAdded { path } => write!(f, "its file {path} is new"),
            Self::FileRemoved { path } => write!(f, "its file {path} is gone"),
            Self::Argument { name, from: Some(from), to: Some(to) } => {
                write!(f, "the argument {name} changed from {from} to {to}")
            }
            Self::Argument { name, to: Some(to), .. } => write!(f, "the argument {name} is now {to}"),
            Self::Argument { name, .. } => write!(f, "the argument {name} has no value any more"),
            Self::Environment { name } => write!(f, "the variable {name} changed below it"),
            Self::Locked => f.write_str("what is locked for it changed"),
            Self::Shell => f.write_str("the shell changed below it"),
            Self::Image { reference } => write!(f, "the image {reference} changed"),
            Self::Below { name } => write!(f, "{name} below it changed"),
            Self::BelowAdded { name } => write!(f, "it is now built on {name}"),
            Self::BelowRemoved { name } => write!(f, "it is no longer built on {name}"),
            Self::BelowReordered => f.write_str("what it is built on changed its order"),
        }
    }
}

/// The fate of every fragment of `now`, in its order. Without `previous` all of them are new.
#[must_use]
pub fn compare(previous: Option<&ProductInputs>, now: &ProductInputs) -> Vec<FragmentFate> {
    let mut anew: BTreeSet<&str> = BTreeSet::new();
    let mut fates = Vec::new();
    for fragment in &now.fragments {
        let before = previous.and_then(|all| Some((all, all.fragment(&fragment.name)?)));
        let fate = match before {
            None => Fate::New,
            Some((all, before)) => {
                let mut reasons = of_product(all, now);
                reasons.extend(of_fragment(before, fragment, &anew));
                if reasons.is_empty() { Fate::Reused } else { Fate::Rebuilt(reasons) }
            }
        };
        if fate != Fate::Reused {
            anew.insert(&fragment.name);
        }
        fates.push(FragmentFate { name: fragment.name.clone(), version: fragment.version.clone(), fate });
    }
    fates
}

fn of_product(before: &ProductInputs, now: &ProductInputs) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if before.platform != now.platform {
        reasons.push(Reason::Platform { from: before.platform.clone(), to: now.platform.clone() });
    }
    if let Some((from, to)) = other_image(before.base.as_ref(), now.base.as_ref()) {
        reasons.push(Reason::Base { from, to });
    }
    if before.epoch != now.epoch {
        reasons.push(Reason::Epoch);
    }
    reasons
}

/// How two images are called where they differ. One whose digest is not known is taken for the one that has the same name.
fn other_image(before: Option<&ImageInput>, now: Option<&ImageInput>) -> Option<(String, String)> {
    let named = |image: Option<&ImageInput>, by_digest: bool| match image {
        None => "scratch".to_owned(),
        Some(ImageInput { digest: Some(digest), .. }) if by_digest => digest.clone(),
        Some(image) => image.reference.clone(),
    };
    let digests = before.and_then(|one| one.digest.as_ref()).zip(now.and_then(|one| one.digest.as_ref()));
    let by_digest = digests.is_some();
    let (from, to) = (named(before, by_digest), named(now, by_digest));
    (from != to).then_some((from, to))
}

fn of_fragment(before: &FragmentInputs, now: &FragmentInputs, anew: &BTreeSet<&str>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if now.no_cache {
        reasons.push(Reason::NoCache);
    }
    if before.version != now.version {
        reasons.push(Reason::Version { from: before.version.clone(), to: now.version.clone() });
    } else if before.definition != now.definition {
        reasons.push(Reason::Definition);
    }
    reasons.extend(files(before, now));
    reasons.extend(differing(&before.arguments, &now.arguments).map(|(name, from, to)| Reason::Argument {
        name: name.to_owned(),
        from: from.cloned(),
        to: to.cloned(),
    }));
    let environment = differing(&before.environment, &now.environment);
    reasons.extend(environment.map(|(name, ..)| Reason::Environment { name: name.to_owned() }));
    if before.shell != now.shell {
        reasons.push(Reason::Shell);
    }
    if before.locked != now.locked {
        reasons.push(Reason::Locked);
    }
    reasons.extend(images(before, now));
    reasons.extend(below(before, now, anew));
    reasons
}

fn files(before: &FragmentInputs, now: &FragmentInputs) -> Vec<Reason> {
    let reason = |(path, from, to): (&str, Option<&String>, Option<&String>)| {
        let path = path.to_owned();
        match (from, to) {
            (None, _) => Reason::FileAdded { path },
            (_, None) => Reason::FileRemoved { path },
            _ => Reason::FileChanged { path },
        }
    };
    differing(&before.files, &now.files).map(reason).collect()
}

/// Entries that are not the same in both, by name.
fn differing<'m>(
    before: &'m BTreeMap<String, String>,
    now: &'m BTreeMap<String, String>,
) -> impl Iterator<Item = (&'m str, Option<&'m String>, Option<&'m String>)> {
    let names: BTreeSet<&String> = ordered(before.keys().chain(now.keys()));
    let entries = names.into_iter().map(|name| (name.as_str(), before.get(name), now.get(name)));
    entries.filter(|(_, from, to)| from != to)
}

/// Images that are named as before and are others. What is named anew is part of the definition.
fn images<'m>(before: &'m FragmentInputs, now: &'m FragmentInputs) -> impl Iterator<Item = Reason> + 'm {
    let changed = now.images.iter().filter(|image| {
        let known = before.images.iter().find(|one| one.reference == image.reference);
        known.is_some_and(|known| other_image(Some(known), Some(image)).is_some())
    });
    changed.map(|image| Reason::Image { reference: image.reference.clone() })
}

fn below(before: &FragmentInputs, now: &FragmentInputs, anew: &BTreeSet<&str>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for name in &now.built_on {
        if !before.built_on.contains(name) {
            reasons.push(Reason::BelowAdded { name: name.clone() });
        } else if anew.contains(name.as_str()) {
            reasons.push(Reason::Below { name: name.clone() });
        }
    }
    let gone = before.built_on.iter().filter(|name| !now.built_on.contains(name));
    reasons.extend(gone.map(|name| Reason::BelowRemoved { name: name.clone() }));
    if reasons.is_empty() && before.built_on != now.built_on {
        reasons.push(Reason::BelowReordered);
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::super::inputs::tests::{fragment, product};
    use super::*;

    fn before() -> ProductInputs {
        product(vec![fragment("core", &[]), fragment("web", &["core"]), fragment("beside", &[])])
    }

    /// The fates after a change, as `fragment: reasons`; fragments that are reused are left out.
    fn after(change: impl FnOnce(&mut ProductInputs)) -> Vec<String> {
        let mut now = before();
        change(&mut now);
        let fates = compare(Some(&before()), &now);
        let said = fates.into_iter().filter_map(|one| match one.fate {
            Fate::Reused => None,
            Fate::New => Some(format!("{}: new", one.name)),
            Fate::Rebuilt(reasons) => {
                let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                Some(format!("{}: {}", one.name, reasons.join("; ")))
            }
        });
        said.collect()
    }

    #[test]
    fn nothing_changed_and_all_is_reused() {
        assert_eq!(after(|_| {}), [""; 0]);
        assert!(compare(None, &before()).iter().all(|one| one.fate == Fate::New));
    }

    #[test]
    fn every_input_is_a_reason_of_its_own() {
        type Change = fn(&mut FragmentInputs);
        let table: [(Change, &str); 12] = [
            (|one| one.locked = Some("sha256:x".into()), "what is locked for it changed"),
            (|one| one.definition = "sha256:x".into(), "its definition changed"),
            (
                |one| {
                    one.version = "1.1.0".into();
                    one.definition = "sha256:x".into();
                },
                "its version changed from 1.0.0 to 1.1.0",
            ),
            (|one| drop(one.files.insert("a.txt".into(), "sha256:b".into())), "its file a.txt changed"),
            (|one| drop(one.files.insert("b.txt".into(), "sha256:b".into())), "its file b.txt is new"),
            (|one| one.files.clear(), "its file a.txt is gone"),
            (
                |one| drop(one.arguments.insert("PORT".into(), "81".into())),
                "the argument PORT changed from 80 to 81",
            ),
            (|one| drop(one.arguments.insert("X".into(), "1".into())), "the argument X is now 1"),
            (|one| one.arguments.clear(), "the argument PORT has no value any more"),
            (|one| one.environment.clear(), "the variable PATH changed below it"),
            (|one| one.shell = vec!["/bin/bash".into()], "the shell changed below it"),
            (|one| one.no_cache = true, "no cache is wanted"),
        ];
        for (change, reason) in table {
            let said = after(|now| change(&mut now.fragments[1]));
            assert_eq!(said, [format!("web: {reason}")]);
        }
    }

    #[test]
    fn a_change_goes_up_and_not_aside() {
        let said = after(|now| now.fragments[0].definition = "sha256:x".into());
        assert_eq!(said, ["core: its definition changed", "web: core below it changed"]);
    }

    #[test]
    fn the_base_changes_everything_unless_a_digest_is_unknown() {
        let said = after(|now| now.base.as_mut().unwrap().digest = Some("sha256:fedcba9876543210".into()));
        assert_eq!(said.len(), 3);
        assert_eq!(said[2], "beside: the base changed from 0123456789ab to fedcba987654");
        assert_eq!(after(|now| now.base.as_mut().unwrap().digest = None), [""; 0]);
        let said = after(|now| now.base = None);
        assert_eq!(said[2], "beside: the base changed from docker.io/library/debian:12 to scratch");
    }

    #[test]
    fn platform_and_epoch_are_inputs() {
        let said = after(|now| now.platform = "linux/arm64".into());
        assert_eq!(said[2], "beside: the platform changed from linux/amd64 to linux/arm64");
        assert_eq!(after(|now| now.epoch = Some(1))[2], "beside: SOURCE_DATE_EPOCH changed");
    }

    #[test]
    fn what_is_below_may_be_others_or_stand_in_another_order() {
        let said = after(|now| now.fragments.insert(0, fragment("new", &[])));
        assert_eq!(said, ["new: new"], "nothing is built on it");
        let said = after(|now| {
            now.fragments.insert(0, fragment("new", &[]));
            now.fragments[2].built_on.insert(0, "new".into());
        });
        assert_eq!(said, ["new: new", "web: it is now built on new"]);
        assert_eq!(after(|now| now.fragments[1].built_on.clear()), ["web: it is no longer built on core"]);
        let chain = |names: [&str; 2]| product(vec![fragment("top", &names)]);
        let fates = compare(Some(&chain(["a", "b"])), &chain(["b", "a"]));
        assert_eq!(fates[0].fate, Fate::Rebuilt(vec![Reason::BelowReordered]));
    }

    #[test]
    fn an_image_behind_the_same_name_is_a_reason() {
        let image = |digest: &str| ImageInput { reference: "r/x:1".into(), digest: Some(digest.into()) };
        let with = |digest| {
            let mut one = fragment("core", &[]);
            one.images.push(image(digest));
            product(vec![one])
        };
        let fates = compare(Some(&with("sha256:1")), &with("sha256:2"));
        assert_eq!(fates[0].fate, Fate::Rebuilt(vec![Reason::Image { reference: "r/x:1".into() }]));
    }

    #[test]
    fn reasons_have_a_form_for_programs() {
        let reason = Reason::FileChanged { path: "a".into() };
        assert_eq!(serde_json::to_string(&reason).unwrap(), r#"{"reason":"file_changed","path":"a"}"#);
    }
}
