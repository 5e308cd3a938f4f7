//! Processes as execs, under the step wrapper.

use std::collections::BTreeSet;

use super::about::About;
use super::{LowerError, Lowering, Stages};
use crate::llb::{
    Access, Cap, ContentCache, Copy, Exec, ExecResult, FileOp, HostIp, Id, Meta, Mkdir, Mkfile, Mount,
    Network, Platform, Resources, State, Ulimit,
};
use crate::ordered::ordered;
use crate::plan::exec::LOWER;
use crate::plan::here::WRAPPER;
use crate::plan::step::{
    CacheFolder, PlannedCopy, PlannedExec, PlannedFile, PlannedMount, PlannedStep, WithoutCache, Wrapper,
    WrapperSpec,
};

/// Where the wrapper leaves output, measures and the manifest of changes.
pub(super) const EVIDENCE: &str = "/.factory/out";

/// Where mounts are that only keep caches.
const KEEPERS: &str = "/.factory/keepers";

/// The wrapper's file in the frontend's own image.
const WRAPPER_FILE: &str = "/helper";

impl Lowering<'_> {
    pub(super) fn exec(
        &self,
        planned: &PlannedExec,
        step: &PlannedStep,
        on: &State,
        stages: &Stages,
        about: &About,
    ) -> Result<ExecResult, LowerError> {
        let mut exec = self.process(planned, step, on)?;
        for mount in &planned.mounts {
            exec = exec.mount(self.mount(mount, step, stages, about)?);
        }
        exec = self.keep_caches(exec, &planned.mounts);
        for secret in &planned.secret_env {
            exec = exec.secret_env(secret.clone());
        }
        for (name, optional) in &planned.devices {
            exec = exec.device(name, *optional);
        }
        exec = self.sandbox(exec, planned);
        let about =
            if planned.mounts.iter().any(has_parts) { about.step_with_others() } else { about.step() };
        Ok(exec.meta(about.resources(self.limits(&planned.limits))).run())
    }

    /// Argv, environment, user, root, and the wrapper round them.
    fn process(&self, planned: &PlannedExec, step: &PlannedStep, on: &State) -> Result<Exec, LowerError> {
        let environment =
            |exec: Exec| planned.env.iter().fold(exec, |exec, (name, value)| exec.env(name, value));
        let exec = match &planned.wrapper {
            Wrapper::None { user, cwd, valid_exit_codes } => {
                let exec = environment(Exec::new(planned.argv.clone()).cwd(cwd));
                let exec = user.iter().fold(exec, |exec, user| exec.user(user));
                exec.valid_exit_codes(valid_exit_codes.iter().copied())
            }
            Wrapper::Step(spec) => {
                let argv = [WRAPPER.to_owned()].into_iter().chain(planned.argv.iter().cloned());
                self.wrapped(environment(Exec::new(argv)), spec, step, on)?
            }
        };
        Ok(exec.root(on).platform(self.platform()))
    }

    fn wrapped(
        &self,
        exec: Exec,
        spec: &WrapperSpec,
        step: &PlannedStep,
        on: &State,
    ) -> Result<Exec, LowerError> {
        // A fragment that is settled notes its changes once, for all its steps.
        let changes = self.merged.then_some(false);
        let json = serde_json::to_string(&WrapperSpec { changes, ..spec.clone() })
            .expect("strings and numbers always serialise");
        // What is compared with is the root itself: its content is in the key already.
        let lower = Mount::read_only(LOWER, on).content(ContentCache::Off);
        Ok(exec.env("FACTORY_STEP", &json).mount(self.wrapper(step)?).mount(lower).mount(evidence()))
    }

    /// The wrapper as a file of its own: another frontend in the same image does not run steps again.
    fn wrapper(&self, step: &PlannedStep) -> Result<Mount, LowerError> {
        let missing = || LowerError::NoWrapper { step: step.title.clone(), place: step.place.clone() };
        self.helper_file().ok_or_else(missing)
    }

    /// Nothing on a daemon that does not say what the frontend's own image is.
    pub(super) fn helper_file(&self) -> Option<Mount> {
        let image = self.plan.request.own_image.as_ref()?;
        Some(Mount::read_only(WRAPPER, image).select(WRAPPER_FILE))
    }

    pub(super) fn platform(&self) -> Platform {
        let platform = &self.plan.request.platform;
        Platform::new(platform.os(), platform.arch()).variant(platform.variant().unwrap_or_default())
    }

    /// What the options give to every process, under what the step says itself.
    fn sandbox(&self, exec: Exec, planned: &PlannedExec) -> Exec {
        let exec = exec.security(planned.security);
        self.surrounded(exec, planned.network, &planned.ulimits, &planned.extra_hosts)
    }

    /// What the options give, with what is the process's own.
    pub(super) fn surrounded(
        &self,
        exec: Exec,
        network: Option<Network>,
        ulimits: &[Ulimit],
        extra_hosts: &[HostIp],
    ) -> Exec {
        let sandbox = &self.plan.request.sandbox;
        let mut exec = exec.network(network.unwrap_or(sandbox.network));
        let own: BTreeSet<&str> = ordered(ulimits.iter().map(|limit| limit.name.as_str()));
        let given = sandbox.ulimits.iter().filter(|limit| !own.contains(limit.name.as_str()));
        for limit in given.chain(ulimits) {
            exec = exec.ulimit(limit.clone());
        }
        for host in sandbox.extra_hosts.iter().chain(extra_hosts) {
            exec = exec.extra_host(host.clone());
        }
        if let Some(size) = sandbox.shm_size.filter(|size| *size > 0) {
            exec = exec.mount(Mount::Tmpfs { dest: "/dev/shm".to_owned(), size: Some(size) });
        }
        exec = sandbox.cgroup_parent.iter().fold(exec, |exec, parent| exec.cgroup_parent(parent));
        exec = sandbox.hostname.iter().fold(exec, |exec, name| exec.hostname(name));
        exec.proxies(sandbox.proxies.clone())
    }

    /// Limits are said only to a daemon that enforces them: any other refuses the op that asks for them.
    pub(super) fn limits(&self, own: &Resources) -> Resources {
        let request = self.plan.request;
        match request.can(Cap::EXEC_LINUX_RESOURCES) {
            true => own.clone().or(&request.sandbox.resources),
            false => Resources::default(),
        }
    }

    fn mount(
        &self,
        mount: &PlannedMount,
        step: &PlannedStep,
        stages: &Stages,
        about: &About,
    ) -> Result<Mount, LowerError> {
        Ok(match mount {
            PlannedMount::Bind { dest, from, path, writable } => {
                let access = if *writable { Access::Discard } else { Access::ReadOnly };
                let bind = Mount::bind(dest, &self.source(from, step, stages)?, access);
                path.iter().fold(bind, |bind, path| bind.select(path))
            }
            PlannedMount::Collected { dest, copies } => {
                Mount::read_only(dest, &self.collected(copies, step, stages, about)?)
            }
            PlannedMount::Cache { dest, id, sharing, from, path, folder, .. } => {
                let source = from.as_ref().map(|from| self.source(from, step, stages)).transpose()?;
                let (source, selector) = self.cache_start(source.unwrap_or_default(), path, *folder, about);
                Mount::Cache { dest: dest.clone(), id: id.clone(), sharing: *sharing, source, selector }
            }
            PlannedMount::Text { dest, content } => {
                let file = Mkfile::new("/content", 0o644, content.clone()).timestamp(self.timestamp());
                let file = FileOp::on(&State::scratch()).mkfile(file).meta(about.shared("what is locked"));
                Mount::read_only(dest, &file.state()).select("/content")
            }
            PlannedMount::Output { dest } => Mount::bind(dest, &State::scratch(), Access::Output),
            PlannedMount::Tmpfs { dest, size } => Mount::Tmpfs { dest: dest.clone(), size: *size },
            PlannedMount::Secret { dest, id, uid, gid, mode, optional } => Mount::Secret {
                dest: dest.clone(),
                id: id.clone(),
                uid: *uid,
                gid: *gid,
                mode: *mode,
                optional: *optional,
            },
            PlannedMount::Ssh { dest, id, uid, gid, mode, optional } => Mount::Ssh {
                dest: dest.clone(),
                id: id.clone(),
                uid: *uid,
                gid: *gid,
                mode: *mode,
                optional: *optional,
            },
        })
    }

    /// Files copied together into a filesystem of their own.
    fn collected(
        &self,
        copies: &[PlannedCopy],
        step: &PlannedStep,
        stages: &Stages,
        about: &About,
    ) -> Result<State, LowerError> {
        let mut op = FileOp::on(&State::scratch()).meta(about.shared("collect files of the fragment"));
        for copy in copies {
            op = op.copy(self.copy(copy, step, stages)?.allow_empty_wildcard(false));
        }
        Ok(op.state())
    }

    /// Caches that a run without cache must not empty get a mount that keeps them.
    fn keep_caches(&self, exec: Exec, mounts: &[PlannedMount]) -> Exec {
        let kept = mounts.iter().filter_map(|mount| match mount {
            PlannedMount::Cache { id, without_cache: WithoutCache::Kept, .. } => Some(id),
            _ => None,
        });
        let mkdir = Mkdir::new("/keeper", 0o755).timestamp(self.timestamp());
        let source =
            FileOp::on(&State::scratch()).mkdir(mkdir).meta(Meta::named("[internal] keep caches")).state();
        kept.enumerate().fold(exec, |exec, (at, id)| {
            let (dest, source) = (format!("{KEEPERS}/{at}"), source.clone());
            exec.mount(Mount::CacheKeeper { dest, id: id.clone(), source })
        })
    }

    /// What a new cache folder holds. Owner and mode can only be given by a folder that has them.
    fn cache_start(
        &self,
        source: State,
        path: &Option<String>,
        folder: Option<CacheFolder>,
        about: &About,
    ) -> (State, Option<String>) {
        let Some(folder) = folder.filter(|_| source.is_scratch()) else { return (source, path.clone()) };
        let owner =
            crate::llb::Owner { user: Some(Id::Number(folder.uid)), group: Some(Id::Number(folder.gid)) };
        let mkdir = Mkdir::new("/cache", folder.mode).owner(owner).timestamp(self.timestamp());
        let op = FileOp::on(&source).mkdir(mkdir).meta(about.shared("folder of a cache mount"));
        (op.state(), Some("/cache".to_owned()))
    }

    /// An op of files waits for this copy of nothing: it depends on a check that every owner's name is there, which the
    /// daemon itself would silently take for root.
    pub(super) fn owner_guard(
        &self,
        actions: &[PlannedFile],
        step: &PlannedStep,
        on: &State,
        about: &About,
    ) -> Result<Option<Copy>, LowerError> {
        let names: BTreeSet<String> = ordered(actions.iter().filter_map(owner_names));
        if names.is_empty() {
            return Ok(None);
        }
        let owners = names.into_iter().collect::<Vec<_>>();
        let check = Exec::new([WRAPPER.to_owned()].into_iter().chain(owners))
            .env("FACTORY_MODE", "owners")
            .root(on)
            .root_access(Access::ReadOnly)
            .mount(self.wrapper(step)?)
            .mount(evidence())
            .network(Network::None)
            .platform(self.platform())
            .meta(about.beside("check owners"));
        let checked = check.run().mount(EVIDENCE);
        Ok(Some(Copy::new(&checked, "/nothing-*", "/").allow_wildcard(true).allow_empty_wildcard(true)))
    }
}

/// Whether a mount is made by an op of its own.
fn has_parts(mount: &PlannedMount) -> bool {
    match mount {
        PlannedMount::Collected { .. } | PlannedMount::Text { .. } => true,
        PlannedMount::Cache { folder, .. } => folder.is_some(),
        _ => false,
    }
}

/// The output that the helper writes to.
pub(super) fn evidence() -> Mount {
    Mount::bind(EVIDENCE, &State::scratch(), Access::Output)
}

/// The owner of an action where a name is in it, as `user:group`.
fn owner_names(action: &PlannedFile) -> Option<String> {
    let owner = match action {
        PlannedFile::Copy(copy) => copy.owner.as_ref(),
        PlannedFile::File { owner, .. }
        | PlannedFile::Folder { owner, .. }
        | PlannedFile::Parents { owner, .. }
        | PlannedFile::Symlink { owner, .. }
        | PlannedFile::Http { owner, .. }
        | PlannedFile::Git { owner, .. } => owner.as_ref(),
        PlannedFile::Remove { .. } => None,
    }?;
    let named = |id: &Option<Id>| matches!(id, Some(Id::Name(_)));
    let text = |id: &Id| match id {
        Id::Number(number) => number.to_string(),
        Id::Name(name) => name.clone(),
    };
    let user = owner.user.as_ref().map(text).unwrap_or_default();
    (named(&owner.user) || named(&owner.group)).then(|| match &owner.group {
        Some(group) => format!("{user}:{}", text(group)),
        None => user,
    })
}
