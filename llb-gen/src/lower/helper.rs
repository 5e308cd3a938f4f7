//! Execs of the helper beside steps: what settles a fragment, and what joins several.
//!
//! `docs/step-wrapper.md` explains each mode and its configuration.

use serde::Serialize;

use super::about::About;
use super::exec::{EVIDENCE, evidence};
use super::{LowerError, Lowering};
use crate::llb::{Access, ContentCache, Exec, ExecResult, FileOp, Mount, Network, Remove, State, diff};
use crate::plan::PlannedFragment;
use crate::plan::exec::LOWER;
use crate::plan::here::WRAPPER;
use crate::request::DEFAULT_EPOCH;

/// Where the trees of a fix appear, before and after it.
const BEFORE: &str = "/.factory/before";
const AFTER: &str = "/.factory/after";
/// Where the side outputs of fragments are mounted.
const SIDES: &str = "/.factory/sides";
/// Where the base's shared files are mounted.
const BASE: &str = "/.factory/base";

/// A fragment whose root has its final times, and what is known of what it changed.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    pub(super) root: State,
    /// `changes.json` and the shared files, as `join` reads them.
    pub(super) side: State,
}

#[derive(Serialize)]
struct Settle<'a> {
    epoch: u64,
    lower: &'a str,
}

#[derive(Serialize)]
struct Databases {
    epoch: u64,
}

/// The configuration of `join`.
#[derive(Serialize)]
struct Join<'a> {
    epoch: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<&'a str>,
    fragments: Vec<Joined<'a>>,
}

/// A fragment as `join` sees it.
#[derive(Serialize)]
pub(super) struct Joined<'a> {
    pub(super) label: String,
    side: String,
    /// Indices in this list of what it is built on.
    pub(super) below: Vec<usize>,
    pub(super) wins: &'a [String],
    #[serde(skip)]
    pub(super) settled: &'a Settled,
}

impl<'a> Joined<'a> {
    pub(super) fn new(
        at: usize,
        fragment: &'a PlannedFragment,
        below: Vec<usize>,
        settled: &'a Settled,
    ) -> Self {
        let side = format!("{SIDES}/{at}");
        Self { label: super::label(fragment), side, below, wins: &fragment.wins, settled }
    }
}

impl Lowering<'_> {
    /// The helper in a mode of its own.
    pub(super) fn helper(&self, mode: &str, of: &str) -> Result<Exec, LowerError> {
        let missing = || LowerError::NoHelper { fragment: of.to_owned() };
        let helper = self.helper_file().ok_or_else(missing)?;
        let exec = Exec::new([WRAPPER.to_owned()]).env("FACTORY_MODE", mode).mount(helper);
        Ok(exec.network(Network::None).platform(self.platform()))
    }

    fn epoch(&self) -> u64 {
        self.plan.request.epoch.unwrap_or(DEFAULT_EPOCH)
    }

    /// The same root, known by its content: where what is below was built again to the same bytes, what is built on this
    /// is not built again.
    pub(super) fn gate(&self, root: &State, of: &str, about: &About) -> Result<State, LowerError> {
        let gate = self.helper("nothing", of)?.root(root).root_content_cache(ContentCache::On);
        Ok(gate.meta(about.named("what it is built on")).run().root())
    }

    /// The root of a fragment with its final times, compared with what the fragment was built on.
    pub(super) fn settle(
        &self,
        result: &State,
        lower: &State,
        of: &str,
        about: &About,
    ) -> Result<Settled, LowerError> {
        let settle = json(&Settle { epoch: self.epoch(), lower: LOWER });
        let exec = self.helper("settle", of)?.env("FACTORY_SETTLE", &settle).root(result);
        let exec = exec.mount(Mount::read_only(LOWER, lower).content(ContentCache::Off)).mount(evidence());
        let done: ExecResult = exec.meta(about.composing("settle")).run();
        Ok(Settled { root: done.root(), side: done.mount(EVIDENCE) })
    }

    /// The shared files of the base.
    fn databases(&self, base: &State, about: &About) -> Result<State, LowerError> {
        let config = json(&Databases { epoch: self.epoch() });
        let exec = self.helper("databases", "base")?.env("FACTORY_DATABASES", &config);
        let exec = exec.root(base).root_access(Access::ReadOnly).mount(evidence());
        Ok(exec.meta(about.preparing("shared files of the base")).run().mount(EVIDENCE))
    }

    /// What merging alone gets wrong of these fragments on `base`; a failure where they contradict each other.
    pub(super) fn join(
        &self,
        base: &State,
        fragments: Vec<Joined<'_>>,
        about: &About,
    ) -> Result<State, LowerError> {
        let names: Vec<&str> =
            fragments.iter().map(|one| one.label.split(' ').next().unwrap_or_default()).collect();
        let names = names.join(", ");
        let has_base = (!base.is_scratch()).then_some(BASE);
        let mut exec = self.helper("join", &names)?;
        if has_base.is_some() {
            exec = exec.mount(Mount::read_only(BASE, &self.databases(base, about)?));
        }
        for one in &fragments {
            exec = exec.mount(Mount::read_only(&one.side, &one.settled.side));
        }
        let config = json(&Join { epoch: self.epoch(), base: has_base, fragments });
        let empty = |dest: &str| Mount::bind(dest, &State::scratch(), Access::Output);
        let exec = exec.env("FACTORY_JOIN", &config).mount(empty(BEFORE)).mount(empty(AFTER));
        let joined = exec.meta(about.named(&format!("join {names}"))).run();
        let fix = about.preparing(&format!("shared files of {names}"));
        Ok(diff(&joined.mount(BEFORE), &joined.mount(AFTER), fix))
    }

    /// What `upper` has over `lower`, which is an ancestor of it.
    ///
    /// Never taken against `lower` itself: the daemon gives a diff of a single layer the identity of the whole chain below
    /// it, and may later take the one for the other, so that an image loses its base. An op on `lower` that changes
    /// nothing is another ancestor with the same files.
    pub(super) fn delta(&self, lower: &State, upper: &State, what: &str, about: &About) -> State {
        let nothing = Remove::new("/.factory/nothing").allow_not_found();
        let beside =
            FileOp::on(lower).remove(nothing).meta(about.preparing("what it is compared with")).state();
        diff(&beside, upper, about.composing(what))
    }
}

/// A configuration of the helper.
pub(super) fn json(config: &impl Serialize) -> String {
    serde_json::to_string(config).expect("strings and numbers always serialise")
}
