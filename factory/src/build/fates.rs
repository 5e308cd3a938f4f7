//! What became of each fragment: what its inputs say, and what the engine really did.

use llb_gen::explain::{Fate, FragmentFate, FragmentInputs, Reason, compare};

use super::inputs::PlatformInputs;
use super::log::BuildLog;

/// What became of a fragment in a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing of it ran.
    Reused,
    /// It ran for these reasons.
    Rebuilt(Vec<Reason>),
    /// It ran, and there is no build before to compare with.
    First,
    /// It ran, and the build before did not have it.
    New,
    /// It ran although its inputs are as they were.
    Again(Cause),
}

/// Why a fragment ran whose inputs are as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The engine no longer had what it had made.
    Forgotten,
    /// It takes files whose contents are not listed ([`FragmentInputs::elsewhere`]), which may have changed.
    Elsewhere,
    /// The frontend's image, which the step wrapper lies in, is another one.
    Frontend,
}

/// A fragment with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FragmentOutcome {
    /// `core 0.1.0`; with several platforms `linux/arm64 core 0.1.0`.
    pub label: String,
    /// What became of it.
    pub outcome: Outcome,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Reused => f.write_str("reused"),
            Self::Rebuilt(reasons) => {
                let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                write!(f, "rebuilt: {}", reasons.join("; "))
            }
            Self::First => f.write_str("run: first build here"),
            Self::New => f.write_str("run: new in the product"),
            Self::Again(Cause::Forgotten) => f.write_str("ran again: the engine no longer had it"),
            Self::Again(Cause::Elsewhere) => {
                f.write_str("ran again: files that no list shows changed, or the engine no longer had it")
            }
            Self::Again(Cause::Frontend) => {
                f.write_str("ran again: the frontend's image changed, or the engine no longer had it")
            }
        }
    }
}

/// What became of every fragment on a platform. `several` is whether names in the log say the platform.
pub(crate) fn outcomes(inputs: &PlatformInputs, log: &BuildLog, several: bool) -> Vec<FragmentOutcome> {
    let PlatformInputs { now, previous, .. } = inputs;
    let other_frontend = previous.as_ref().is_some_and(|previous| {
        previous.frontend.as_ref().zip(now.frontend.as_ref()).is_some_and(|(before, now)| before != now)
    });
    let fates = compare(previous.as_ref(), now);
    let both = fates.into_iter().zip(&now.fragments);
    let outcome = |(fate, fragment): (FragmentFate, &FragmentInputs)| {
        let label = match several {
            true => format!("{} {} {}", now.platform, fate.name, fate.version),
            false => format!("{} {}", fate.name, fate.version),
        };
        let outcome = match fate.fate {
            _ if !log.ran(&label) => Outcome::Reused,
            Fate::New if previous.is_none() => Outcome::First,
            Fate::New => Outcome::New,
            Fate::Rebuilt(reasons) => Outcome::Rebuilt(reasons),
            Fate::Reused => Outcome::Again(cause(fragment, other_frontend)),
        };
        FragmentOutcome { label, outcome }
    };
    both.map(outcome).collect()
}

fn cause(fragment: &FragmentInputs, other_frontend: bool) -> Cause {
    match (fragment.elsewhere.is_empty(), other_frontend) {
        (_, true) => Cause::Frontend,
        (false, false) => Cause::Elsewhere,
        (true, false) => Cause::Forgotten,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use llb_gen::explain::{ProductInputs, SCHEMA_VERSION};

    use super::super::log::tests::log;
    use super::*;

    fn fragment(name: &str, built_on: &[&str]) -> FragmentInputs {
        FragmentInputs {
            name: name.into(),
            version: "1.0.0".into(),
            definition: "sha256:1".into(),
            files: BTreeMap::new(),
            arguments: BTreeMap::new(),
            environment: BTreeMap::new(),
            shell: Vec::new(),
            images: Vec::new(),
            elsewhere: BTreeSet::new(),
            built_on: built_on.iter().map(|one| (*one).to_owned()).collect(),
            locked: None,
            no_cache: false,
        }
    }

    fn inputs(previous: bool, change: impl FnOnce(&mut ProductInputs)) -> PlatformInputs {
        let before = ProductInputs {
            schema_version: SCHEMA_VERSION,
            product: "p".into(),
            platform: "linux/amd64".into(),
            base: None,
            epoch: None,
            frontend: Some("sha256:f".into()),
            fragments: vec![fragment("core", &[]), fragment("web", &["core"])],
        };
        let mut now = before.clone();
        change(&mut now);
        PlatformInputs { now, previous: previous.then_some(before), file: "x".into() }
    }

    fn said(inputs: &PlatformInputs, web: &str) -> String {
        let log = log(&[("[core 1.0.0 1/1] x", "cached"), ("[web 1.0.0 1/1] y", web)]);
        let outcomes = outcomes(inputs, &log, false);
        assert_eq!((outcomes[0].label.as_str(), &outcomes[0].outcome), ("core 1.0.0", &Outcome::Reused));
        outcomes[1].outcome.to_string()
    }

    #[test]
    fn what_ran_is_the_engines_word_and_why_is_the_inputs() {
        let definition = |now: &mut ProductInputs| now.fragments[1].definition = "sha256:2".into();
        assert_eq!(said(&inputs(true, definition), "run"), "rebuilt: its definition changed");
        assert_eq!(said(&inputs(true, definition), "cached"), "reused", "whatever the inputs say");
        assert_eq!(said(&inputs(true, definition), "known"), "reused");
        assert_eq!(said(&inputs(false, definition), "run"), "run: first build here");
        let new = inputs(true, |now| now.fragments[1] = fragment("web", &["core"]));
        assert_eq!(said(&new, "run"), "ran again: the engine no longer had it");
        let core = |now: &mut ProductInputs| now.fragments[0].definition = "sha256:2".into();
        assert_eq!(said(&inputs(true, core), "run"), "rebuilt: core below it changed");
    }

    #[test]
    fn what_cannot_be_seen_is_not_denied() {
        let mut elsewhere = inputs(true, |_| {});
        elsewhere.now.fragments[1].elsewhere.insert("context".into());
        assert!(said(&elsewhere, "run").contains("files that no list shows changed"));
        let frontend = inputs(true, |now| now.frontend = Some("sha256:g".into()));
        assert!(said(&frontend, "run").contains("the frontend's image changed"));
    }

    #[test]
    fn a_fragment_that_the_build_before_lacked_is_new() {
        let mut new = inputs(true, |_| {});
        new.previous.as_mut().unwrap().fragments.pop();
        assert_eq!(said(&new, "run"), "run: new in the product");
    }

    #[test]
    fn with_several_platforms_labels_say_which() {
        let log = log(&[("[linux/amd64 core 1.0.0 1/1] x", "run"), ("[linux/arm64 web 1.0.0 1/1] y", "run")]);
        let outcomes = outcomes(&inputs(false, |_| {}), &log, true);
        assert_eq!(outcomes[0].label, "linux/amd64 core 1.0.0");
        assert_eq!((&outcomes[0].outcome, &outcomes[1].outcome), (&Outcome::First, &Outcome::Reused));
    }
}
