//! Where a step stands: its fragment or stage, what it may name, and what holds for its paths.

use super::step::{Files, PlannedAction, PlannedLock, PlannedStep};
use super::{apt, copy, engine, files, kept, lock, pip, run, title, user};
use crate::diagnostic::{Diagnostics, Sink};
use crate::draft::ImageLookup;
use crate::llb::{Id, Owner};
use crate::lock::drift::FragmentLock;
use crate::model::step::{Action, Origin, Step};
use crate::model::{Account, Fragment, Level, Owner as ModelOwner, Scope, StageName};
use crate::request::{DEFAULT_EPOCH, Request};

/// Where the step wrapper is mounted; the first word of what a failing step prints.
pub(crate) const WRAPPER: &str = "/.factory/run";

/// What planning a step needs to know.
pub(super) struct Here<'a> {
    pub(super) request: &'a Request,
    pub(super) level: &'a Level,
    /// The fragment's folder in the catalogue.
    pub(super) folder: String,
    /// Where relative paths begin.
    pub(super) workdir: String,
    /// The shell of `run` text.
    pub(super) shell: Vec<String>,
    /// What is locked of the fragment; nothing for what a test needs.
    pub(super) locks: Option<&'a FragmentLock<'a>>,
    /// The stage, where it is one.
    pub(super) stage: Option<StageName>,
}

impl<'a> Here<'a> {
    pub(super) fn new(
        request: &'a Request,
        fragment: &Fragment,
        level: &'a Level,
        workdir: &str,
        shell: &[String],
    ) -> Self {
        Self {
            request,
            level,
            folder: fragment.folder(),
            workdir: workdir.to_owned(),
            shell: shell.to_vec(),
            locks: None,
            stage: None,
        }
    }

    pub(super) fn scope(&self) -> &'a Scope {
        &self.level.scope
    }

    /// The time that steps see and that what they change gets.
    pub(super) fn epoch(&self) -> u64 {
        self.request.epoch.unwrap_or(DEFAULT_EPOCH)
    }

    /// Plans the steps whose conditions hold; faults of all of them are kept.
    pub(super) fn steps(&self, steps: &[Step], sink: &mut Sink) -> Vec<PlannedStep> {
        let mut planned: Vec<PlannedStep> = Vec::new();
        for (at, step) in steps.iter().enumerate().filter(|(_, step)| step.when.holds(self.scope())) {
            let result = self.step(at, step, sink);
            planned.extend(kept(result, sink).into_iter().flatten());
        }
        planned.iter().for_each(|step| engine::judge(step, self.request, sink));
        planned
    }

    /// A step, and what must be there before it: the keys of an `apt` step's sources are files of their own.
    fn step(&self, at: usize, step: &Step, sink: &mut Sink) -> Result<Vec<PlannedStep>, Diagnostics> {
        let named = step.name.as_ref().map(|name| name.get(self.scope())).transpose()?;
        let planned = |title: String, action: PlannedAction, lock: Option<PlannedLock>| PlannedStep {
            title,
            place: step.place.clone(),
            action,
            lock,
        };
        let mut before = Vec::new();
        let mut lock = None;
        let (title, action) = match &step.action {
            Action::Run(run) => (title::run(run, self)?, run::plan(run, self)?),
            Action::Apt(apt) => {
                let sources = apt::sources(apt, self)?;
                if !sources.is_empty() {
                    before.push(planned("apt sources".to_owned(), PlannedAction::Files(sources), None));
                }
                let (locked, of_step) = lock::apt(apt, (at, step), self, sink)?;
                lock = of_step;
                (title::apt(apt, self)?, apt::plan(apt, self, locked)?)
            }
            Action::Pip(pip) => {
                let (locked, of_step) = lock::pip(pip, (at, step), self, sink)?;
                lock = of_step;
                (title::pip(pip, self)?, pip::plan(pip, self, locked)?)
            }
            Action::User(user) => (title::user(user, self)?, user::plan(user, self)?),
            Action::Copy(copy) => (title::copy(copy, self)?, PlannedAction::Files(copy::plan(copy, self)?)),
            Action::Add(add) => (title::add(add, self)?, PlannedAction::Files(files::add(add, self)?)),
            Action::File(file) => (title::file(file, self)?, PlannedAction::Files(files::file(file, self)?)),
            Action::Mkdir(mkdir) => {
                (title::mkdir(mkdir, self)?, PlannedAction::Files(files::mkdir(mkdir, self)?))
            }
            Action::Symlink(link) => {
                (title::symlink(link, self)?, PlannedAction::Files(files::symlink(link, self)?))
            }
            Action::Remove(remove) => {
                (title::remove(remove, self)?, PlannedAction::Files(files::remove(remove, self)?))
            }
        };
        before.push(planned(named.unwrap_or(title), action, lock));
        Ok(before)
    }

    /// Where files of an origin lie, and the path that theirs begin with.
    pub(super) fn files(&self, origin: Origin) -> (Files, String) {
        match origin {
            Origin::Fragment => (Files::Catalogue, format!("/{}", self.folder)),
            Origin::Context => (Files::Context, String::new()),
            Origin::NamedContext(name) => (Files::Named(name.as_str().to_owned()), String::new()),
            Origin::Stage(name) => (Files::Stage(name), String::new()),
            Origin::Image(reference) => {
                let lookup = ImageLookup { reference, platform: self.request.platform.clone() };
                (Files::Image(lookup), String::new())
            }
        }
    }

    /// A path of an origin, absolute in it.
    pub(super) fn path_in(prefix: &str, path: &str) -> String {
        match path {
            "." | "" if prefix.is_empty() => "/".to_owned(),
            "." | "" => prefix.to_owned(),
            path => format!("{prefix}/{path}"),
        }
    }
}

/// The owner of what a file op makes.
pub(super) fn owner(owner: ModelOwner) -> Owner {
    let id = |account: Account| match account {
        Account::Id(id) => Id::Number(id),
        Account::Name(name) => Id::Name(name.as_str().to_owned()),
    };
    Owner { user: Some(id(owner.user)), group: owner.group.map(id) }
}
