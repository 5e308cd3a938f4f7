//! What of a lock belongs to what the files say now, and what does not.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::words::{FragmentId, LockTarget, StepPath};
use super::{Lock, LockInput, LockMode, LockedFragment, LockedStep, Resolved};
use crate::diagnostic::{Diagnostic, Severity, Sink, listed};
use crate::draft::Draft;
use crate::llb::OpDigest;
use crate::model::{Base, Fragment};
use crate::target::Target;
use crate::text::Place;

/// What drifts is told under this rule.
pub(crate) const RULE: &str = "lock-drift";

/// The lock as a draft sees it.
#[derive(Clone, Debug)]
pub(crate) struct Locking<'a> {
    input: &'a LockInput,
    /// Nothing where there is none, or none of this manifest.
    lock: Option<&'a Lock>,
    target: LockTarget,
    manifest: &'a str,
}

impl<'a> Locking<'a> {
    pub(crate) fn of(product: &'a crate::model::Product, request: &'a crate::request::Request) -> Self {
        let input = &request.lock;
        let manifest = &product.manifest;
        let lock = input.lock.as_deref().filter(|lock| lock.manifest == manifest.id.value().as_str());
        let target = LockTarget::new(&request.platform, manifest.accelerator);
        Self { input, lock, target, manifest: manifest.id.value().as_str() }
    }

    /// A finding; nothing where nobody wants to hear of it.
    fn finding(&self, place: &Place, message: String) -> Option<Diagnostic> {
        let (finding, outcome) = match self.severity()? {
            Severity::Error => {
                (Diagnostic::error(RULE, place, message), "a locked build does not resolve anything anew")
            }
            Severity::Warning | Severity::Note => {
                (Diagnostic::warning(RULE, place, message), "it is resolved anew in this build")
            }
        };
        Some(finding.help(format!("{outcome}; `factory lock {}` brings the lock up to date", self.manifest)))
    }

    fn severity(&self) -> Option<Severity> {
        match self.input.mode {
            LockMode::Quiet => None,
            LockMode::Warn => Some(Severity::Warning),
            LockMode::Enforce => Some(Severity::Error),
        }
    }

    /// Whether the lock has anything for this platform.
    fn has_target(&self, lock: &Lock) -> bool {
        let platform = self.target.platform();
        let of_image =
            lock.images.values().any(|one| one.configs.keys().any(|key| key.to_string() == platform));
        of_image || lock.fragments.values().any(|targets| targets.contains_key(&self.target))
    }

    /// What the lock has of a fragment, with what is wrong with it as a whole.
    pub(crate) fn fragment(&self, draft: &Draft<'_>, index: usize) -> FragmentLock<'a> {
        let product = draft.product;
        let fragment = &product.fragments[index];
        let id = id_of(fragment);
        // With a thousand fragments these lists are long: nobody makes them for nothing.
        let needed = self.lock.is_some() || self.input.resolve;
        let built_on = if needed { built_on(draft, index) } else { Vec::new() };
        let selected =
            product.manifest.fragments.iter().find(|one| one.name.value() == fragment.name.value());
        let place = selected.map_or_else(|| fragment.name.place(), |one| one.version.place());
        let mut known = None;
        let mut trouble = None;
        if let Some(lock) = self.lock.filter(|lock| self.has_target(lock)) {
            known = lock.fragment(&id, &self.target);
            if let Some(one) = known.filter(|one| one.built_on != built_on) {
                known = None;
                // Of a base that is not the locked one, the base itself tells.
                if one.built_on.first() == built_on.first() {
                    let message = format!(
                        "`{id}` was locked on {}, and is built on {} now",
                        named(&one.built_on),
                        named(&built_on)
                    );
                    trouble =
                        self.finding(place, message).map(|finding| labelled(finding, one.place.as_ref()));
                }
            } else if known.is_none() {
                trouble = self.finding(place, missing(lock, &id, &self.target));
            }
        }
        FragmentLock {
            locking: self.clone(),
            folder: fragment.folder(),
            built_on,
            known,
            trouble: RefCell::new(trouble),
            id,
        }
    }

    /// What the lock has of a fragment as it is selected here.
    pub(crate) fn known(&self, draft: &Draft<'_>, index: usize) -> Option<&'a LockedFragment> {
        self.fragment(draft, index).known
    }

    /// A digest of everything that the lock has of a fragment as it is selected here; nothing where it has nothing.
    pub(crate) fn digest(&self, draft: &Draft<'_>, index: usize) -> Option<String> {
        let known = self.known(draft, index)?;
        let mut lock = Lock::empty(self.manifest);
        let id = id_of(&draft.product.fragments[index]);
        lock.fragments.insert(id, BTreeMap::from([(self.target.clone(), known.clone())]));
        Some(OpDigest::of(&lock.to_json()).to_string())
    }

    /// Tells of everything that is not about one fragment.
    pub(crate) fn whole(&self, draft: &Draft<'_>, sink: &mut Sink) {
        let manifest = &draft.product.manifest;
        let Some(lock) = self.lock else {
            match &self.input.lock {
                Some(other) => {
                    let message = format!("the lock is that of `{}`", other.manifest);
                    let finding = self.finding(manifest.id.place(), message);
                    sink.extend_with(finding.map(|finding| labelled(finding, other.place())));
                }
                None if self.input.mode == LockMode::Enforce => {
                    let message = format!("`{}` has no lock", self.manifest);
                    sink.extend_with(self.finding(manifest.id.place(), message));
                }
                None => {}
            }
            return;
        };
        let lockable = draft.lookups().next().is_some() || !draft.product.fragments.is_empty();
        if !self.has_target(lock) && lockable {
            let listed = manifest.platforms.iter().find(|one| one.to_string() == self.target.platform());
            let place = listed.map_or_else(|| manifest.id.place(), |one| one.place());
            sink.extend_with(self.finding(place, format!("the lock has nothing for `{}`", self.target)));
            return;
        }
        for lookup in draft.lookups().filter(|lookup| self.input.image(lookup).is_none()) {
            let name = lookup.reference.familiar();
            let what = if draft.base_lookup().as_ref() == Some(lookup) { "base" } else { "image" };
            let message = match self.input.replaced.contains(&name) {
                true => {
                    format!("a named context stands in for the {what} `{name}`, so its lock does not count")
                }
                false => format!("the {what} `{name}` is not in the lock"),
            };
            sink.extend_with(self.finding(draft.place_of(lookup), message));
        }
        if draft.target == Target::Product {
            self.unused(draft, lock, sink);
        }
    }

    /// Entries that nothing asks for.
    fn unused(&self, draft: &Draft<'_>, lock: &Lock, sink: &mut Sink) {
        let fallback = lock.place();
        let mut tell = |place: Option<&Place>, what: String| {
            let Some(place) = place.or(fallback) else { return };
            sink.extend_with(self.finding(place, format!("{what} is locked, and nothing uses it")));
        };
        for (name, image) in &lock.images {
            let here = image.configs.keys().any(|platform| *platform == draft.request.platform);
            if here && !draft.lookups().any(|lookup| lookup.reference == *name) {
                tell(image.place.as_ref(), format!("the image `{}`", name.familiar()));
            }
        }
        let selected: Vec<FragmentId> = draft.product.fragments.iter().map(id_of).collect();
        for (id, targets) in lock.fragments.iter().filter(|(id, _)| !selected.contains(id)) {
            // Another version of a fragment is told of where the manifest selects it.
            let name = id.as_str().split(' ').next();
            if selected.iter().any(|one| one.as_str().split(' ').next() == name) {
                continue;
            }
            if let Some(one) = targets.get(&self.target) {
                tell(one.place.as_ref(), format!("the fragment `{id}`"));
            }
        }
    }
}

fn id_of(fragment: &Fragment) -> FragmentId {
    FragmentId::new(fragment.name.value(), fragment.version.value())
}

fn labelled(finding: Diagnostic, place: Option<&Place>) -> Diagnostic {
    match place {
        Some(place) => finding.label(place, "locked here"),
        None => finding,
    }
}

fn named(built_on: &[String]) -> String {
    listed(built_on.iter().map(String::as_str))
}

fn missing(lock: &Lock, id: &FragmentId, target: &LockTarget) -> String {
    let name = id.as_str().split(' ').next();
    let others = lock.fragments.keys().filter(|one| one.as_str().split(' ').next() == name && *one != id);
    let others: Vec<&str> = others.map(FragmentId::as_str).collect();
    match (others.is_empty(), lock.fragments.contains_key(id)) {
        (_, true) => format!("`{id}` is not in the lock for `{target}`"),
        (false, _) => format!("`{id}` is not in the lock, which has {}", listed(others)),
        (true, _) => format!("`{id}` is not in the lock"),
    }
}

/// What a fragment is built on: the base, or what stands for it, and the fragments below.
fn built_on(draft: &Draft<'_>, index: usize) -> Vec<String> {
    let base = match (&draft.request.built_on, &draft.base) {
        (Some(reference), _) | (None, Base::Image(reference)) => reference.familiar(),
        (None, Base::Scratch) => "scratch".to_owned(),
    };
    let base = match draft.request.lock.replaced.contains(&base) {
        true => format!("context:{base}"),
        false => base,
    };
    let below = draft.product.composition.below(index);
    let fragments = below.into_iter().map(|one| id_of(&draft.product.fragments[one]).to_string());
    std::iter::once(base).chain(fragments).collect()
}

/// The lock of one fragment while its steps are planned.
#[derive(Debug)]
pub(crate) struct FragmentLock<'a> {
    locking: Locking<'a>,
    folder: String,
    id: FragmentId,
    built_on: Vec<String>,
    known: Option<&'a LockedFragment>,
    /// What is wrong with all of it, told once, and only where a step would need it.
    trouble: RefCell<Option<Diagnostic>>,
}

impl<'a> FragmentLock<'a> {
    /// Which fragment it is of, for what, and what it is built on.
    pub(crate) fn identity(&self) -> (FragmentId, LockTarget, Vec<String>) {
        (self.id.clone(), self.locking.target.clone(), self.built_on.clone())
    }

    /// What the manifest is called.
    pub(crate) fn manifest(&self) -> &'a str {
        self.locking.manifest
    }

    /// What is locked of a step that asks for `asked`; nothing, told to the sink, where the lock has no such thing.
    pub(crate) fn step(
        &self,
        path: &StepPath,
        asked: &[String],
        place: &Place,
        sink: &mut Sink,
    ) -> Option<&'a Resolved> {
        self.locking.lock?;
        let Some(known) = self.known else {
            sink.extend_with(self.trouble.take());
            return None;
        };
        let Some(step) = known.steps.get(path) else {
            let message = format!("this step of `{}` is not in the lock", self.id);
            let finding = self.locking.finding(place, message);
            sink.extend_with(finding.map(|finding| labelled(finding, known.place.as_ref())));
            return None;
        };
        if let Some(message) = self.drifted(step, asked) {
            let finding = self.locking.finding(place, message);
            sink.extend_with(finding.map(|finding| labelled(finding, step.place.as_ref())));
            return None;
        }
        Some(&step.found)
    }

    fn drifted(&self, step: &LockedStep, asked: &[String]) -> Option<String> {
        if step.asked != asked {
            return Some(format!("this step is locked for something else: {}", compared(&step.asked, asked)));
        }
        let Resolved::Pip(pip) = &step.found else { return None };
        let changed = pip.files.iter().find(|(path, digest)| {
            let now = self.locking.input.files.get(&format!("{}/{path}", self.folder));
            now.map(String::as_str) != Some(digest.as_str())
        });
        changed.map(|(path, _)| format!("`{path}` is not the file that this step is locked for"))
    }

    /// Tells of locked steps that are not there any more.
    pub(crate) fn unused(&self, planned: &[StepPath], sink: &mut Sink) {
        for (path, step) in self.known.iter().flat_map(|known| &known.steps) {
            if let Some(place) = step.place.as_ref().filter(|_| !planned.contains(path)) {
                let message = format!("`{path}` of `{}` is locked, and is no such step any more", self.id);
                sink.extend_with(self.locking.finding(place, message));
            }
        }
    }
}

/// What of a list is new, and what is gone.
fn compared(before: &[String], now: &[String]) -> String {
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|one| !those.contains(one)).cloned().collect()
    };
    let (new, gone) = (only(now, before), only(before, now));
    let shown = |words: &[String]| listed(words.iter().map(String::as_str));
    match (new.is_empty(), gone.is_empty()) {
        (true, true) => "the same in another order".to_owned(),
        (false, true) => format!("new {}", shown(&new)),
        (true, false) => format!("gone {}", shown(&gone)),
        (false, false) => format!("new {}; gone {}", shown(&new), shown(&gone)),
    }
}
