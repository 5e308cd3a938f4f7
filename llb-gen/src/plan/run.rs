//! `run`: a command.

use super::copy::seconds;
use super::exec::{OWN_FILES, cache_id, site_ca, wrapped};
use super::here::Here;
use super::step::{
    CacheFolder, Files, PlannedAction, PlannedCopy, PlannedExec, PlannedMount, WithoutCache, Wrapper,
};
use crate::diagnostic::Diagnostics;
use crate::llb::{HostIp, Network, Resources, SecretEnv, Security, Sharing, Ulimit};
use crate::model::step::{
    CacheMount, Command, CpuSet, Limits, Mount, MountSource, Network as ModelNetwork, Run, Secret,
    SecretTarget, Security as ModelSecurity, Sharing as ModelSharing, Ssh,
};
use crate::model::{ByteSize, FileMode, FragmentPath, Given};
use crate::text::Located;

pub(super) fn plan(run: &Run, here: &Here<'_>) -> Result<PlannedAction, Diagnostics> {
    let scope = here.scope();
    let (argv, script) = command(run, here)?;
    let mut exec = wrapped(argv, here);
    exec.env = here.level.process_env(&run.env)?;
    exec.network = network(*run.network.get(scope)?);
    exec.security = match run.security.get(scope)? {
        ModelSecurity::Sandbox => Security::Sandbox,
        ModelSecurity::Insecure => Security::Insecure,
    };
    exec.wrapper = wrapper(run, here, exec.wrapper)?;
    exec.mounts.extend(script);
    exec.mounts.extend(site_ca(exec.network));
    for mount in &run.mounts {
        exec.mounts.push(bind_or_tmpfs(mount, here)?);
    }
    for cache in &run.cache {
        exec.mounts.push(cache_mount(cache, here)?);
    }
    for secret in &run.secrets {
        add_secret(secret, here, &mut exec)?;
    }
    for (at, ssh) in run.ssh.iter().enumerate() {
        add_ssh(at, ssh, here, &mut exec)?;
    }
    for device in &run.devices {
        exec.devices.push((device.name.get(scope)?.to_string(), !*device.required.get(scope)?));
    }
    exec.limits = limits(&run.limits, here)?;
    for (name, limit) in &run.ulimits {
        let limit = limit.get(scope)?;
        exec.ulimits.push(Ulimit { name: name.to_string(), soft: limit.soft, hard: limit.hard });
    }
    for (host, ip) in &run.extra_hosts {
        exec.extra_hosts.push(HostIp { host: host.to_string(), ip: ip.get(scope)?.to_string() });
    }
    Ok(PlannedAction::Exec(Box::new(exec)))
}

/// The period in which the processor time of `cpus` may be used up, in microseconds: the kernel's own.
const CPU_PERIOD: u32 = 100_000;

/// The limits as the daemon takes them: swap counts with the memory, processors are time in a period.
fn limits(limits: &Limits, here: &Here<'_>) -> Result<Resources, Diagnostics> {
    let scope = here.scope();
    let bytes =
        |size: Option<ByteSize>| size.map_or(0, |size| i64::try_from(size.bytes()).unwrap_or(i64::MAX));
    let memory = bytes(limits.memory.given(scope)?);
    let swap = limits.swap.given(scope)?.map(|swap| memory.saturating_add(bytes(Some(swap))));
    let milli_cpus = limits.milli_cpus.given(scope)?;
    let list = |set: Option<CpuSet>| set.map(|set| set.to_string()).unwrap_or_default();
    Ok(Resources {
        memory,
        memory_swap: swap.unwrap_or(0),
        cpu_shares: limits.cpu_shares.given(scope)?.map_or(0, u64::from),
        cpu_period: milli_cpus.map_or(0, |_| u64::from(CPU_PERIOD)),
        cpu_quota: milli_cpus.map_or(0, |milli| i64::from(milli) * i64::from(CPU_PERIOD / 1000)),
        cpuset_cpus: list(limits.cpuset_cpus.given(scope)?),
        cpuset_mems: list(limits.cpuset_mems.given(scope)?),
    })
}

/// The argv, and the mount of the script where it is one.
fn command(run: &Run, here: &Here<'_>) -> Result<(Vec<String>, Option<PlannedMount>), Diagnostics> {
    let scope = here.scope();
    match run.command.get(scope)? {
        Command::Shell(lines) => {
            let own = run.shell.get(scope)?;
            let shell = if own.is_empty() { here.shell.clone() } else { own };
            Ok((shell.into_iter().chain([script_text(lines)]).collect(), None))
        }
        Command::Exec(words) => {
            Ok((words.iter().map(|word| word.get(scope)).collect::<Result<_, _>>()?, None))
        }
        Command::Script { script, args } => {
            let script = script.get(scope)?;
            let (path, mount) = script_mount(&script, here);
            let args = args.iter().map(|arg| arg.get(scope)).collect::<Result<Vec<_>, _>>()?;
            Ok(([path].into_iter().chain(args).collect(), Some(mount)))
        }
    }
}

/// Several lines are one script that stops at the first that fails; one line is left as it is.
pub(super) fn script_text(lines: &[Located<String>]) -> String {
    match lines {
        [only] => only.value().clone(),
        lines => lines.iter().fold("set -e".to_owned(), |text, line| format!("{text}\n{}", line.value())),
    }
}

/// The script with a mode that lets it run, wherever the fragment was checked out.
fn script_mount(script: &FragmentPath, here: &Here<'_>) -> (String, PlannedMount) {
    let name = script.as_str().rsplit('/').next().unwrap_or(script.as_str());
    let dest = format!("{OWN_FILES}/scripts");
    let copy = PlannedCopy {
        from: Files::Catalogue,
        src: format!("/{}/{script}", here.folder),
        dest: format!("/{name}"),
        owner: None,
        mode: Some(0o755),
        include: Vec::new(),
        exclude: Vec::new(),
        unpack: false,
        timestamp: seconds(here),
    };
    (format!("{dest}/{name}"), PlannedMount::Collected { dest, copies: vec![copy] })
}

pub(super) fn network(network: ModelNetwork) -> Option<Network> {
    match network {
        ModelNetwork::Default => None,
        ModelNetwork::None => Some(Network::None),
        ModelNetwork::Host => Some(Network::Host),
    }
}

fn wrapper(run: &Run, here: &Here<'_>, wrapper: Wrapper) -> Result<Wrapper, Diagnostics> {
    let scope = here.scope();
    let user = run.user.given(scope)?.map(|user| user.to_string());
    let cwd =
        run.workdir.given(scope)?.map_or_else(|| here.workdir.clone(), |path| path.absolute(&here.workdir));
    let valid_exit_codes = run.valid_exit_codes.clone();
    match wrapper {
        Wrapper::Step(spec) if !*run.pid1.get(scope)? => {
            Ok(Wrapper::Step(super::step::WrapperSpec { user, cwd: Some(cwd), valid_exit_codes, ..spec }))
        }
        _ => Ok(Wrapper::None { user, cwd, valid_exit_codes }),
    }
}

fn bind_or_tmpfs(mount: &Mount, here: &Here<'_>) -> Result<PlannedMount, Diagnostics> {
    let scope = here.scope();
    let dest = mount.path.get(scope)?.absolute(&here.workdir);
    match &mount.source {
        MountSource::Tmpfs { size } => {
            let size = size.given(scope)?.map(|size| i64::try_from(size.bytes()).unwrap_or(i64::MAX));
            Ok(PlannedMount::Tmpfs { dest, size })
        }
        MountSource::Bind { from, source, readonly } => {
            let (from, prefix) = here.files(from.get(scope)?);
            let source = source.given(scope)?;
            let path = Here::path_in(&prefix, source.as_ref().map_or(".", |source| source.as_str()));
            let path = (path != "/").then_some(path);
            Ok(PlannedMount::Bind { dest, from, path, writable: !*readonly.get(scope)? })
        }
    }
}

fn cache_mount(cache: &CacheMount, here: &Here<'_>) -> Result<PlannedMount, Diagnostics> {
    let scope = here.scope();
    let dest = cache.path.get(scope)?.absolute(&here.workdir);
    let id = cache.id.given(scope)?.map_or_else(|| dest.clone(), |id| id.to_string());
    let sharing = match cache.sharing.get(scope)? {
        ModelSharing::Shared => Sharing::Shared,
        ModelSharing::Private => Sharing::Private,
        ModelSharing::Locked => Sharing::Locked,
    };
    let from = cache.from.given(scope)?.map(|origin| here.files(origin));
    let source = cache.source.given(scope)?;
    let path = from
        .as_ref()
        .map(|(_, prefix)| Here::path_in(prefix, source.as_ref().map_or(".", |source| source.as_str())));
    let mode = cache.chmod.given(scope)?.map(FileMode::bits);
    let owner = cache.chown.given(scope)?;
    let folder = (mode.is_some() || owner.is_some()).then(|| CacheFolder {
        uid: owner.map_or(0, |owner| owner.uid),
        gid: owner.map_or(0, |owner| owner.gid),
        mode: mode.unwrap_or(0o755),
    });
    Ok(PlannedMount::Cache {
        dest,
        id: cache_id(here, &id),
        sharing,
        from: from.map(|(from, _)| from),
        path: path.filter(|path| path != "/"),
        folder,
        without_cache: WithoutCache::Emptied,
    })
}

fn add_secret(secret: &Secret, here: &Here<'_>, exec: &mut PlannedExec) -> Result<(), Diagnostics> {
    let scope = here.scope();
    let id = secret.id.get(scope)?.to_string();
    let optional = !*secret.required.get(scope)?;
    match &secret.target {
        SecretTarget::Env(name) => {
            exec.secret_env.push(SecretEnv { id, name: name.get(scope)?.to_string(), optional });
        }
        SecretTarget::File { path, chmod, chown } => {
            let default = || format!("/run/secrets/{}", id.rsplit('/').next().unwrap_or(&id));
            let dest = path.given(scope)?.map_or_else(default, |path| path.absolute(&here.workdir));
            let owner = chown.given(scope)?;
            exec.mounts.push(PlannedMount::Secret {
                dest,
                id,
                uid: owner.map_or(0, |owner| owner.uid),
                gid: owner.map_or(0, |owner| owner.gid),
                mode: chmod.given(scope)?.map_or(0o400, FileMode::bits),
                optional,
            });
        }
    }
    Ok(())
}

fn add_ssh(at: usize, ssh: &Ssh, here: &Here<'_>, exec: &mut PlannedExec) -> Result<(), Diagnostics> {
    let scope = here.scope();
    let owner = ssh.chown.given(scope)?;
    let default = || format!("/run/buildkit/ssh_agent.{at}");
    let dest = ssh.path.given(scope)?.map_or_else(default, |path| path.absolute(&here.workdir));
    if !exec.env.iter().any(|(name, _)| name == "SSH_AUTH_SOCK") {
        exec.env.push(("SSH_AUTH_SOCK".to_owned(), dest.clone()));
    }
    exec.mounts.push(PlannedMount::Ssh {
        dest,
        id: ssh.id.given(scope)?.map_or_else(|| "default".to_owned(), |id| id.to_string()),
        uid: owner.map_or(0, |owner| owner.uid),
        gid: owner.map_or(0, |owner| owner.gid),
        mode: ssh.chmod.given(scope)?.map_or(0o600, FileMode::bits),
        optional: !*ssh.required.get(scope)?,
    });
    Ok(())
}
