//! Build-only stages: those that steps copy from, planned; the others left alone.

use std::collections::{BTreeMap, BTreeSet};

use super::here::Here;
use super::step::{Files, PlannedAction, PlannedFile, PlannedMount, PlannedStep};
use super::{ImageAnswer, kept};
use crate::diagnostic::{Diagnostic, Sink};
use crate::draft::ImageLookup;
use crate::image::ImageConfig;
use crate::model::{Fragment, Given, Level, Platform, Stage, StageBase, StageName};
use crate::ordered::ordered;

/// A stage with nothing left to decide.
#[derive(Debug)]
pub(crate) struct PlannedStage {
    pub(crate) name: StageName,
    pub(crate) base: PlannedStageBase,
    pub(crate) steps: Vec<PlannedStep>,
}

/// What a stage is built on.
#[derive(Debug)]
pub(crate) enum PlannedStageBase {
    /// What its fragment is built on.
    Fragment,
    /// Nothing.
    Scratch,
    /// An image.
    Image(ImageLookup),
    /// Another stage.
    Stage(StageName),
}

/// Plans the stages that `steps` use, and those that these use, in an order in which every one comes after what it needs.
pub(super) fn plan(
    here: &mut Here<'_>,
    fragment: &Fragment,
    root: Option<&StageName>,
    steps: &[PlannedStep],
    below: &ImageConfig,
    images: &BTreeMap<ImageLookup, ImageAnswer>,
    sink: &mut Sink,
) -> Vec<PlannedStage> {
    let mut planner =
        Planner { here, fragment, below, images, sink, done: BTreeMap::new(), order: Vec::new() };
    let mut wanted: BTreeSet<StageName> = ordered(steps.iter().flat_map(stages_of));
    wanted.extend(root.cloned());
    for name in wanted {
        planner.stage(&name);
    }
    planner.order
}

/// What stages need of the stage below them.
#[derive(Clone)]
struct Ground {
    env: Vec<(String, String)>,
    workdir: String,
    shell: Option<Vec<String>>,
}

impl Ground {
    fn of_image(image: &ImageConfig) -> Self {
        let env = image.environment().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { env, workdir: image.workdir().to_owned(), shell: image.shell().map(<[String]>::to_vec) }
    }
}

struct Planner<'p, 'a> {
    here: &'p Here<'a>,
    fragment: &'p Fragment,
    below: &'p ImageConfig,
    images: &'p BTreeMap<ImageLookup, ImageAnswer>,
    sink: &'p mut Sink,
    done: BTreeMap<StageName, Ground>,
    order: Vec<PlannedStage>,
}

impl Planner<'_, '_> {
    /// Plans a stage after what it is built on and what it copies from. The check has refused cycles.
    fn stage(&mut self, name: &StageName) -> Option<Ground> {
        if let Some(ground) = self.done.get(name) {
            return Some(ground.clone());
        }
        let stage = self.fragment.stage(name)?;
        let base = stage.base.get(self.here.scope());
        let base = self.sink.ok(base)?;
        let (base, ground) = self.ground(base, stage)?;
        let level = Level::over(self.here.scope(), &self.here.level.args, &ground.env, &stage.env);
        let level = kept(level, self.sink)?;
        let workdir = stage.workdir.given(&level.scope);
        let workdir = self.sink.ok(workdir)?;
        let workdir = workdir.map_or_else(|| ground.workdir.clone(), |path| path.absolute(&ground.workdir));
        let shell = ground.shell.clone().unwrap_or_else(|| self.here.shell.clone());
        let here = Here {
            request: self.here.request,
            level: &level,
            folder: self.here.folder.clone(),
            workdir,
            shell,
            locks: self.here.locks,
            stage: Some(name.clone()),
        };
        let steps = here.steps(&stage.steps, self.sink);
        let ground = Ground { env: level.env.clone(), workdir: here.workdir, shell: ground.shell };
        for needed in ordered::<BTreeSet<_>, _>(steps.iter().flat_map(stages_of)) {
            self.stage(&needed);
        }
        self.done.insert(name.clone(), ground.clone());
        self.order.push(PlannedStage { name: name.clone(), base, steps });
        Some(ground)
    }

    fn ground(&mut self, base: StageBase, stage: &Stage) -> Option<(PlannedStageBase, Ground)> {
        let platform: &Platform = &self.here.request.platform;
        Some(match base {
            StageBase::Fragment => {
                let shell = Some(self.here.shell.clone());
                (PlannedStageBase::Fragment, Ground { shell, ..Ground::of_image(self.below) })
            }
            StageBase::Scratch => {
                (PlannedStageBase::Scratch, Ground::of_image(&ImageConfig::scratch(platform)))
            }
            StageBase::Stage(name) => {
                let ground = self.stage(&name)?;
                (PlannedStageBase::Stage(name), ground)
            }
            StageBase::Image(reference) => {
                let lookup = ImageLookup { reference, platform: platform.clone() };
                let config = self.images.get(&lookup).and_then(|answer| answer.config.as_ref());
                let image = config.map_or_else(
                    || Ok(ImageConfig::scratch(platform)),
                    |config| {
                        ImageConfig::on_base(config, platform).map_err(|fault| {
                            let name = lookup.reference.familiar();
                            let message = format!("the config of image `{name}` cannot be read: {fault}");
                            Diagnostic::error("image-config", stage.base.place(), message)
                        })
                    },
                );
                let image = self.sink.ok(image)?;
                (PlannedStageBase::Image(lookup), Ground::of_image(&image))
            }
        })
    }
}

/// The stages that a step copies from or mounts.
fn stages_of(step: &PlannedStep) -> Vec<StageName> {
    let stage = |files: &Files| match files {
        Files::Stage(name) => Some(name.clone()),
        _ => None,
    };
    match &step.action {
        PlannedAction::Files(actions) => {
            let copies = actions.iter().filter_map(|action| match action {
                PlannedFile::Copy(copy) => stage(&copy.from),
                _ => None,
            });
            copies.collect()
        }
        PlannedAction::Exec(exec) => {
            let mounts = exec.mounts.iter().filter_map(|mount| match mount {
                PlannedMount::Bind { from, .. } | PlannedMount::Cache { from: Some(from), .. } => stage(from),
                _ => None,
            });
            mounts.collect()
        }
    }
}
