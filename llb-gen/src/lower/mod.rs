//! From a plan to a graph and an image config.
//!
//! Each step builds on the one before. A step that runs something becomes an exec under the step wrapper, file steps
//! become file ops; both carry the step's lines, so that a failure shows them. Fragments chain in the same way, unless some
//! of them stand apart ([`compose`]): then each is built on what it says it is built on, and the product is merged from
//! what they add.

mod about;
mod checks;
mod compose;
mod demands;
mod exec;
mod files;
mod helper;
mod layout;
mod parts;
mod resolution;
mod step_run;
mod test_device;
mod test_groups;
mod test_needs;
mod trees;

use std::collections::{BTreeMap, BTreeSet};

use bollard_buildkit_proto::pb;

use crate::image::{ImageConfig, Layer};
use crate::llb::{FileOp, Graph, Mkdir, OpDigest, State, Timestamp};
use crate::model::StageName;
use crate::ordered::ordered;
use crate::plan::config::ConfigChange;
use crate::plan::stage::{PlannedStage, PlannedStageBase};
use crate::plan::step::{PlannedAction, PlannedStep};
use crate::plan::{Plan, PlannedFragment, SkippedTest};
use crate::record::{Budget, Selected};
use crate::request::DEFAULT_EPOCH;

use about::About;
pub use about::location;
pub(crate) use about::{located, source_info};
pub use demands::{Privileged, Right};
pub use parts::{FragmentPart, Parts, StagePart};
pub use resolution::Resolution;
pub use step_run::StepRun;
pub use test_groups::TestGroup;
use trees::Trees;
pub use trees::scripts_hint;

/// Layers that an image may have; engines refuse to run one with more.
pub const LAYER_LIMIT: usize = 127;

/// What a plan became.
#[derive(Debug)]
pub struct Lowered {
    /// The graph.
    pub graph: Graph,
    /// The image config.
    pub config: Vec<u8>,
    /// The base image's config as it was, for the exporter to know which layers are the base's.
    pub base_config: Option<Vec<u8>>,
    /// Annotations of the image's manifest.
    pub annotations: BTreeMap<String, String>,
    /// Layers that the image will have.
    pub layers: usize,
    /// What the product is made of.
    pub selected: Selected,
    /// What is tested on the finished root: an exec each, which leaves verdicts and output behind.
    pub tests: Vec<TestGroup>,
    /// Tests that could not run on any machine of this engine's.
    pub skipped: Vec<SkippedTest>,
    /// Every step of the graph that runs something, in the order in which they are written.
    pub steps: Vec<StepRun>,
    /// Steps that are to be resolved rather than run: those whose root is final.
    pub resolutions: Vec<Resolution>,
    /// The most that the tests may need: the manifest's `limits`.
    pub budget: Option<Budget>,
    /// What must succeed before the image is anybody's: its filesystem is of no interest.
    pub checks: Graph,
    /// What it is made of, to be looked at apart.
    pub parts: Parts,
}

impl Lowered {
    /// The definition to solve; nothing where the result is scratch, which must not be solved.
    #[must_use]
    pub fn definition(&self) -> Option<pb::Definition> {
        (!self.graph.is_empty()).then(|| self.graph.marshal())
    }
}

impl Plan<'_> {
    /// The graph and the image config.
    ///
    /// # Errors
    /// Where a step needs something that this build does not have (the step wrapper, a named context), or where the image
    /// would have more layers than engines run.
    pub fn lower(&self) -> Result<Lowered, LowerError> {
        let lowered = self.lower_any_size()?;
        match lowered.layers {
            layers if layers > LAYER_LIMIT => Err(LowerError::TooManyLayers { layers }),
            _ => Ok(lowered),
        }
    }

    /// As [`Plan::lower`], for images of any number of layers: what a build-only stage or a measurement needs.
    ///
    /// # Errors
    /// As [`Plan::lower`], but for the number of layers.
    pub fn lower_any_size(&self) -> Result<Lowered, LowerError> {
        let trees = Trees::of(self);
        let mut lowering = Lowering::new(self, &trees);
        let state = lowering.run()?;
        let base = self.base.as_ref().and_then(|base| self.images.get(base));
        let graph = Graph::of(&state);
        Ok(Lowered {
            tests: Lowering::new(self, &Trees::of_tests(self)).test_groups(&state)?,
            steps: lowering.steps_of(&graph),
            resolutions: std::mem::take(&mut lowering.resolutions),
            budget: self.budget,
            selected: self.selected.clone(),
            parts: std::mem::take(&mut lowering.parts).within(&graph, lowering.context()),
            skipped: self.tests.skipped.clone(),
            graph,
            checks: Graph::of(&lowering.checks()),
            config: lowering.image.to_json(),
            base_config: base.and_then(|base| base.config.clone()),
            layers: lowering.image.layers(),
            annotations: lowering.annotations,
        })
    }
}

/// Why a plan cannot become a graph on this daemon.
#[derive(Debug, thiserror::Error)]
pub enum LowerError {
    /// The daemon did not say what the frontend's own image is, and the step wrapper lies in it.
    #[error(
        "{place}: step `{step}` runs under the step wrapper, which the daemon does not offer (it gave no frontend.bin; \
         BuildKit 0.10 and later do)"
    )]
    NoWrapper {
        /// The step.
        step: String,
        /// Where it is written.
        place: crate::text::Place,
    },
    /// The same for what a fragment needs beside its steps.
    #[error(
        "fragment `{fragment}` needs the frontend's own helper, which the daemon does not offer (it gave no frontend.bin; \
         BuildKit 0.10 and later do)"
    )]
    NoHelper {
        /// The fragment.
        fragment: String,
    },
    /// The same for a test.
    #[error(
        "{place}: test `{test}` runs under the frontend's own helper, which the daemon does not offer (it gave no \
         frontend.bin; BuildKit 0.10 and later do)"
    )]
    NoHelperForTest {
        /// The test.
        test: String,
        /// Where it is written.
        place: crate::text::Place,
    },
    /// A step copies from a named context that was not given.
    #[error("{place}: named context `{name}` was not given; pass `--build-context {name}=…`")]
    NoContext {
        /// The context.
        name: String,
        /// Where it is named.
        place: crate::text::Place,
    },
    /// More layers than an image may have.
    #[error(
        "the image would have {layers} layers, more than the {LAYER_LIMIT} that engines run; join steps, or choose a flatter base"
    )]
    TooManyLayers {
        /// How many.
        layers: usize,
    },
}

impl LowerError {
    /// Where in the files the reason lies.
    #[must_use]
    pub fn place(&self) -> Option<&crate::text::Place> {
        match self {
            Self::NoWrapper { place, .. }
            | Self::NoContext { place, .. }
            | Self::NoHelperForTest { place, .. } => Some(place),
            Self::NoHelper { .. } | Self::TooManyLayers { .. } => None,
        }
    }
}

struct Lowering<'a> {
    plan: &'a Plan<'a>,
    trees: &'a Trees,
    image: ImageConfig,
    annotations: BTreeMap<String, String>,
    /// What probes left behind.
    probes: Vec<State>,
    /// The processes so far, those of stages that nobody needs among them.
    steps: Vec<StepRun>,
    /// What fragments and stages made, those that nobody needs among them.
    parts: Parts,
    /// Whether the product is merged from deltas.
    merged: bool,
    /// What is to be found out about steps that are not locked.
    resolutions: Vec<Resolution>,
    /// Fragments with a step that is not locked, by index.
    unlocked: BTreeSet<usize>,
}

/// Stages of the fragment at hand, by name.
type Stages = BTreeMap<StageName, State>;

/// What a fragment's steps made.
struct Made {
    state: State,
    /// The titles of steps that changed the filesystem, one for each layer.
    titles: Vec<String>,
}

impl<'a> Lowering<'a> {
    fn new(plan: &'a Plan<'a>, trees: &'a Trees) -> Self {
        Self {
            plan,
            trees,
            image: plan.image.clone(),
            annotations: BTreeMap::new(),
            probes: Vec::new(),
            steps: Vec::new(),
            parts: Parts::default(),
            merged: plan.is_merged(),
            resolutions: Vec::new(),
            unlocked: BTreeSet::new(),
        }
    }
}

impl<'a> Lowering<'a> {
    fn run(&mut self) -> Result<State, LowerError> {
        let state = match self.merged {
            true => self.merge()?,
            false => self.chain()?,
        };
        self.note_config("manifest", &self.plan.manifest_change);
        Ok(state)
    }

    /// Each fragment on the one before, each step a layer.
    fn chain(&mut self) -> Result<State, LowerError> {
        let mut state = self.base();
        for fragment in self.built() {
            let stages = self.noted_stages(fragment, &state)?;
            if let Some(stage) = self.plan.target.stage_of(fragment.index) {
                return Ok(stages.get(stage).cloned().unwrap_or_default());
            }
            let made = self.fragment(fragment, &stages, &state)?;
            self.probe(fragment, &state, &made.state)?;
            self.note_part(fragment, &state, &made.state);
            let label = label(fragment);
            made.titles.iter().for_each(|title| self.note(&format!("[{label}] {title}"), Layer::Made));
            self.note_config(&label, &fragment.change);
            state = made.state;
        }
        Ok(state)
    }

    /// The fragments that are built.
    fn built(&self) -> impl Iterator<Item = &'a PlannedFragment> + use<'a> {
        let plan = self.plan;
        plan.fragments.iter().filter(|fragment| !plan.left_out.contains(&fragment.index))
    }

    /// The processes that are in the graph: stages that nothing needs are not.
    fn steps_of(&mut self, graph: &Graph) -> Vec<StepRun> {
        let there: BTreeSet<&OpDigest> = ordered(graph.vertices().map(|(vertex, _)| vertex.digest()));
        self.steps.drain(..).filter(|step| there.contains(&step.vertex)).collect()
    }

    fn base(&self) -> State {
        let answer = self.plan.base.as_ref().and_then(|base| self.plan.images.get(base));
        answer.map_or_else(State::scratch, |answer| answer.state.clone())
    }

    /// What fragments are built on: the base, unless the product moves to another.
    fn ground(&self) -> State {
        let answer = self.plan.ground.as_ref().and_then(|ground| self.plan.images.get(ground));
        answer.map_or_else(|| self.base(), |answer| answer.state.clone())
    }

    fn stages(&mut self, fragment: &PlannedFragment, below: &State) -> Result<Stages, LowerError> {
        let mut stages = Stages::new();
        for stage in &fragment.stages {
            let state = self.stage(fragment, stage, below, &stages)?;
            stages.insert(stage.name.clone(), state);
        }
        Ok(stages)
    }

    fn stage(
        &mut self,
        fragment: &PlannedFragment,
        stage: &PlannedStage,
        below: &State,
        stages: &Stages,
    ) -> Result<State, LowerError> {
        let base = match &stage.base {
            PlannedStageBase::Fragment => below.clone(),
            PlannedStageBase::Scratch => State::scratch(),
            PlannedStageBase::Stage(name) => stages.get(name).cloned().unwrap_or_default(),
            PlannedStageBase::Image(lookup) => {
                self.plan.images.get(lookup).map_or_else(State::scratch, |answer| answer.state.clone())
            }
        };
        let about = About::stage(self.plan.request, fragment, stage);
        let mut state = base;
        for (at, step) in stage.steps.iter().enumerate() {
            state = self.step(Some(fragment), step, &state, stages, &about.of_step(at, step))?;
        }
        Ok(state)
    }

    /// The fragment's steps on `below`.
    fn fragment(
        &mut self,
        fragment: &PlannedFragment,
        stages: &Stages,
        below: &State,
    ) -> Result<Made, LowerError> {
        let about = About::fragment(self.plan.request, fragment);
        let mut made = Made { state: below.clone(), titles: Vec::new() };
        if let Some((state, title)) = self.workdir(fragment, below, &about) {
            made = Made { state, titles: vec![title] };
        }
        for (at, step) in fragment.steps.iter().enumerate() {
            let next = self.step(Some(fragment), step, &made.state, stages, &about.of_step(at, step))?;
            if next != made.state {
                made.titles.push(step.title.clone());
            }
            made.state = next;
        }
        Ok(made)
    }

    /// The folder that a fragment starts containers in is there, as after a Dockerfile's `WORKDIR`.
    fn workdir(&self, fragment: &PlannedFragment, below: &State, about: &About) -> Option<(State, String)> {
        let path = fragment.workdir.as_deref().filter(|path| *path != "/")?;
        let mkdir = Mkdir::new(path, 0o755).with_parents().timestamp(self.timestamp());
        let title = format!("workdir {path}");
        Some((FileOp::on(below).mkdir(mkdir).meta(about.named(&title)).state(), title))
    }

    fn step(
        &mut self,
        fragment: Option<&PlannedFragment>,
        step: &PlannedStep,
        on: &State,
        stages: &Stages,
        about: &About,
    ) -> Result<State, LowerError> {
        match &step.action {
            PlannedAction::Exec(exec) => {
                self.resolve(fragment, step, on, stages, about)?;
                let done = self.exec(exec, step, on, stages, about)?;
                self.steps.extend(StepRun::of(&done, fragment, step, about));
                Ok(done.root())
            }
            PlannedAction::Files(actions) => self.files(actions, step, on, stages, about),
        }
    }

    fn timestamp(&self) -> Timestamp {
        let epoch = self.plan.request.epoch.unwrap_or(DEFAULT_EPOCH);
        Timestamp::Seconds(i64::try_from(epoch).unwrap_or(i64::MAX))
    }

    fn note(&mut self, created_by: &str, layer: Layer) {
        let created = self.plan.request.epoch.map(rfc3339);
        self.image.push_history(created_by, layer, created.as_deref());
    }

    fn note_config(&mut self, label: &str, change: &ConfigChange) {
        for said in &change.said {
            self.note(&format!("[{label}] {said}"), Layer::None);
        }
        self.annotations.extend(change.annotations.iter().cloned());
    }
}

/// `core 0.1.0`.
fn label(fragment: &PlannedFragment) -> String {
    format!("{} {}", fragment.name, fragment.version)
}

/// Seconds since 1970 as RFC 3339 has them, in UTC: texts of times before the year 10000 are ordered as the times are.
#[must_use]
pub fn rfc3339(epoch: u64) -> String {
    let (days, second) = (epoch / 86_400, epoch % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a number of days since 1970, by counting whole cycles of the calendar (eras of 400 years that
/// begin in March, so that the leap day is the last of its year).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_the_calendar_s() {
        for (epoch, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (DEFAULT_EPOCH, "1980-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_827_696, "2000-02-29T12:34:56Z"),
            (1_709_164_799, "2024-02-28T23:59:59Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(epoch), text);
        }
    }
}
