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
        let guard = self.owner_guard(actions, step, on, about)?;
        let mut op = FileOp::on(on).meta(about.step());
        if let Some(guard) = guard {
            op = op.copy(guard);
        }
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
                let file = Mkfile::new(path, *mode, content.clone()).timestamp(time);
                op.mkfile(owned(file, owner.as_ref(), Mkfile::owner))
            }
            PlannedFile::Folder { path, mode, owner } => {
                let folder = Mkdir::new(path, *mode).with_parents().timestamp(time);
                op.mkdir(owned(folder, owner.as_ref(), Mkdir::owner))
            }
            PlannedFile::Symlink { path, target, owner } => {
                let link = Symlink::new(target, path).timestamp(time);
                op.symlink(owned(link, owner.as_ref(), Symlink::owner))
            }
            PlannedFile::Remove { path, missing_ok, wildcard } => {
                let mut remove = Remove::new(path);
                remove = if *wildcard { remove.wildcard() } else { remove };
                op.remove(if *missing_ok { remove.allow_not_found() } else { remove })
            }
            PlannedFile::Http { url, checksum, name, dest, mode, owner, unpack } => {
                let source = Http::new(url).checksum(checksum).filename(name);
                let source = source.meta(about.named(&format!("fetch {url}"))).state();
                let copy = Copy::new(&source, format!("/{name}"), dest).create_dest_path().timestamp(time);
                let copy = if *unpack { copy.unpack() } else { copy.mode(*mode) };
                op.copy(owned(copy, owner.as_ref(), Copy::owner))
            }
            PlannedFile::Git { url, commit, subdir, keep_git_dir, dest, include, exclude, mode, owner } => {
                let source =
                    Git::new(url, Some(commit), subdir.as_deref()).meta(about.named(&format!("fetch {url}")));
                let source = if *keep_git_dir { source.keep_git_dir() } else { source };
                let copy =
                    Copy::new(&source.state(), "/", dest).create_dest_path().dir_contents().timestamp(time);
                let copy = copy.include(include.clone()).exclude(exclude.clone());
                let copy = mode.map_or(copy.clone(), |mode| copy.mode(mode));
                op.copy(owned(copy, owner.as_ref(), Copy::owner))
            }
        })
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
                let missing = || match files {
                    Files::Named(name) => {
                        LowerError::NoContext { name: name.clone(), place: step.place.clone() }
                    }
                    _ => LowerError::NoContext { name: "context".to_owned(), place: step.place.clone() },
                };
                self.trees.get(files).cloned().ok_or_else(missing)
            }
        }
    }
}

fn owned<A>(action: A, owner: Option<&Owner>, set: impl FnOnce(A, Owner) -> A) -> A {
    match owner {
        Some(owner) => set(action, owner.clone()),
        None => action,
    }
}
