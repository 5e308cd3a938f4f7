//! File steps as file ops.

use super::about::About;
use super::{LowerError, Lowering, Stages};
use crate::llb::source::{Git, Http};
use crate::llb::{Copy, FileOp, Mkdir, Mkfile, Owner, Remove, State, Symlink};
use crate::plan::step::{Files, PlannedCopy, PlannedFile, PlannedStep};

impl Lowering<'_> {
    /// One op for all actions of a step: one layer.
    pub(super) fn files(
        &self,
        actions: &[PlannedFile],
        step: &PlannedStep,
        on: &State,
        stages: &Stages,
        about: &About,
    ) -> Result<State, LowerError> {
        let owners = self.owner_guard(actions, step, on, about)?;
        let guards: Vec<Copy> = owners.into_iter().chain(self.presence_guard(actions, on, about)).collect();
        let alone = guards.is_empty() && !actions.iter().any(has_parts);
        let about_all = if alone { about.step() } else { about.step_with_others() };
        let mut op = guards.into_iter().fold(FileOp::on(on).meta(about_all), FileOp::copy);
        for action in actions {
            op = self.file_action(op, action, step, stages, about)?;
        }
        Ok(op.state())
    }

    fn file_action(
        &self,
        op: FileOp,
        action: &PlannedFile,
        step: &PlannedStep,
        stages: &Stages,
        about: &About,
    ) -> Result<FileOp, LowerError> {
        let time = self.timestamp();
        Ok(match action {
            PlannedFile::Copy(copy) => op.copy(self.copy(copy, step, stages)?),
            PlannedFile::File { path, content, mode, owner } => {
                // A file that is made keeps the mode of one that it replaces, and loses bits to the daemon's umask; a file
                // that is copied does neither. But a copy would go into a folder of that name, which making it refuses.
                let op = op.mkfile(Mkfile::new(path, 0o644, Vec::new()).timestamp(time));
                let content = Mkfile::new("/content", 0o644, content.clone()).timestamp(time);
                let content = FileOp::on(&State::scratch()).mkfile(content);
                let content = content.meta(about.shared(&format!("content of {path}"))).state();
                let copy = Copy::new(&content, "/content", path).mode(*mode).timestamp(time);
                op.copy(owned(copy, owner.as_ref(), Copy::owner))
            }
            PlannedFile::Folder { path, mode, owner } => {
                let op = op.mkdir(Mkdir::new(path, 0o755).with_parents().timestamp(time));
                match (mode, owner) {
                    (None, None) => op,
                    _ => op.copy(self.folder_as(path, *mode, owner.as_ref(), about)),
                }
            }
            PlannedFile::Parents { path, owner } => {
                let folders = Mkdir::new(path, 0o755).with_parents().timestamp(time);
                op.mkdir(owned(folders, owner.as_ref(), Mkdir::owner))
            }
            PlannedFile::Symlink { path, target, owner } => {
                let link = Symlink::new(target, path).timestamp(time);
                op.symlink(owned(link, owner.as_ref(), Symlink::owner))
            }
            PlannedFile::Remove { path, wildcard, .. } => {
                let remove = Remove::new(path).allow_not_found();
                op.remove(if *wildcard { remove.wildcard() } else { remove })
            }
            PlannedFile::Http { url, checksum, name, dest, mode, owner, unpack } => {
                let source = Http::new(url).checksum(checksum).filename(name);
                let source = source.meta(about.anywhere(&format!("fetch {url}"))).state();
                let copy = Copy::new(&source, format!("/{name}"), dest).create_dest_path().timestamp(time);
                let copy = match (unpack, mode) {
                    (true, _) => copy.unpack(),
                    (false, Some(mode)) => copy.mode(*mode),
                    (false, None) => copy,
                };
                op.copy(owned(copy, owner.as_ref(), Copy::owner))
            }
            PlannedFile::Git { url, commit, subdir, keep_git_dir, dest, include, exclude, mode, owner } => {
                let source = Git::new(url, Some(commit), subdir.as_deref())
                    .meta(about.anywhere(&format!("fetch {url}")));
                let source = if *keep_git_dir { source.keep_git_dir() } else { source };
                let copy =
                    Copy::new(&source.state(), "/", dest).create_dest_path().dir_contents().timestamp(time);
                let copy = copy.include(include.clone()).exclude(exclude.clone());
                let copy = mode.map_or(copy.clone(), |mode| copy.mode(mode));
                op.copy(owned(copy, owner.as_ref(), Copy::owner))
            }
        })
    }

    /// A folder laid over the one at `path`, which gives it mode and owner: the daemon makes folders under its umask and
    /// without special bits, and leaves alone what is there already.
    fn folder_as(&self, path: &str, mode: Option<u32>, owner: Option<&Owner>, about: &About) -> Copy {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = Mkdir::new(format!("/{name}"), 0o755).timestamp(self.timestamp());
        let folder = FileOp::on(&State::scratch()).mkdir(folder);
        let folder = folder.meta(about.shared(&format!("mode and owner of {path}"))).state();
        let copy = Copy::new(&folder, "/", format!("{parent}/")).dir_contents();
        let copy = copy.mode(mode.unwrap_or(0o755)).timestamp(self.timestamp());
        owned(copy, owner, Copy::owner)
    }

    /// What is removed has to be there where the step does not say otherwise. The daemon's own removal follows links to see
    /// that, on the machine it runs on, and finds nothing wrong with a wildcard for nothing; so an op before it takes a copy
    /// of the names alone, and this copy of nothing makes the removal wait for it.
    fn presence_guard(&self, actions: &[PlannedFile], on: &State, about: &About) -> Option<Copy> {
        let needed = actions.iter().filter_map(|action| match action {
            PlannedFile::Remove { path, missing_ok: false, wildcard } => Some((path, *wildcard)),
            _ => None,
        });
        let names = needed.map(|(path, wildcard)| {
            let copy = Copy::new(on, path, "/").allow_wildcard(wildcard).allow_empty_wildcard(false);
            copy.exclude(["**"]).timestamp(self.timestamp())
        });
        let op = names.fold(FileOp::on(&State::scratch()), FileOp::copy);
        let checked = op.meta(about.beside("check that it is there")).state();
        let guard = Copy::new(&checked, "/nothing-*", "/").allow_wildcard(true).allow_empty_wildcard(true);
        (!checked.is_scratch()).then_some(guard)
    }

    /// A copy as a Dockerfile's `COPY` makes it.
    pub(super) fn copy(
        &self,
        copy: &PlannedCopy,
        step: &PlannedStep,
        stages: &Stages,
    ) -> Result<Copy, LowerError> {
        let source = self.source(&copy.from, step, stages)?;
        let made = Copy::new(&source, &copy.src, &copy.dest).like_dockerfile().timestamp(copy.timestamp);
        let made = made.include(copy.include.clone()).exclude(copy.exclude.clone());
        let made = copy.mode.map_or(made.clone(), |mode| made.mode(mode));
        let made = if copy.unpack { made.unpack() } else { made };
        Ok(owned(made, copy.owner.as_ref(), Copy::owner))
    }

    /// The filesystem that files come from.
    pub(super) fn source(
        &self,
        files: &Files,
        step: &PlannedStep,
        stages: &Stages,
    ) -> Result<State, LowerError> {
        match files {
            Files::Stage(name) => Ok(stages.get(name).cloned().unwrap_or_default()),
            Files::Image(lookup) => {
                Ok(self.plan.images.get(lookup).map_or_else(State::scratch, |answer| answer.state.clone()))
            }
            Files::Catalogue | Files::Context | Files::Named(_) => {
                let name = if let Files::Named(name) = files { name } else { "context" };
                let missing = || LowerError::NoContext { name: name.to_owned(), place: step.place.clone() };
                self.trees.get(files).cloned().ok_or_else(missing)
            }
        }
    }
}

/// Whether an action is made of more than its own op.
fn has_parts(action: &PlannedFile) -> bool {
    match action {
        PlannedFile::File { .. } => true,
        PlannedFile::Folder { mode, owner, .. } => mode.is_some() || owner.is_some(),
        _ => false,
    }
}

fn owned<A>(action: A, owner: Option<&Owner>, set: impl FnOnce(A, Owner) -> A) -> A {
    match owner {
        Some(owner) => set(action, owner.clone()),
        None => action,
    }
}
