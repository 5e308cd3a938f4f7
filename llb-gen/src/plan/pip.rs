//! `pip`: Python packages.

use super::copy::seconds;
use super::exec::{BYTECODE, OWN_FILES, RESOLVED, cache_id, site_ca, with_defaults, with_set, wrapped};
use super::here::Here;
use super::step::{
    Files, PlannedAction, PlannedCopy, PlannedExec, PlannedMount, Resolver, WithoutCache, Wrapper,
};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::llb::{SecretEnv, Sharing};
use crate::lock::{self, LockedPip};
use crate::model::step::{Installer, Pip, PipLocation};
use crate::model::{FragmentPath, Given, Scope};

/// The release of uv that `"installer": "uv"` means.
pub(crate) const UV_VERSION: &str = "0.13.8";

/// Where the fragment's requirements are mounted.
const REQUIREMENTS: &str = "/.factory/fragment/requirements";

/// Where the installer keeps what it fetched.
const CACHE: &str = "/.factory/cache";

/// Where uv itself is kept.
const UV: &str = "/.factory/uv";

/// What files that requirements may refer to (`-r`, `-c`) end with.
const REFERRED: [&str; 3] = ["*.txt", "*.in", "*.pip"];

/// Where the requirements of a locked step are.
const LOCKED: &str = "/.factory/lock/requirements.txt";

pub(super) fn plan(
    pip: &Pip,
    here: &Here<'_>,
    locked: Option<&LockedPip>,
) -> Result<PlannedAction, Diagnostics> {
    let mut exec = exec(pip, here, script(pip, here, locked)?)?;
    if let Wrapper::Step(spec) = &mut exec.wrapper {
        spec.clean = vec!["pip", "tmp"];
    }
    exec.mounts.extend(requirements(pip, here)?);
    if let Some(packages) = locked {
        exec.mounts.push(PlannedMount::Text { dest: LOCKED.to_owned(), content: pinned(packages) });
    }
    Ok(PlannedAction::Exec(Box::new(exec)))
}

/// What finds out what the step would install, and changes nothing that anybody sees.
pub(super) fn resolver(pip: &Pip, here: &Here<'_>) -> Result<Resolver, Diagnostics> {
    let scope = here.scope();
    let (mut lines, python) = opening(pip, here)?;
    let (installer, command) = match *pip.installer.get(scope)? {
        Installer::Pip => (lock::Installer::Pip, dry_run(pip, here, &python)?),
        Installer::Uv => (lock::Installer::Uv, compile(pip, here, &python)?),
    };
    lines.push(command);
    let mut exec = exec(pip, here, lines.join("\n"))?;
    if let Wrapper::Step(spec) = &mut exec.wrapper {
        // Nothing of the root is kept, so nothing of it need be looked at.
        (spec.epoch, spec.lower) = (None, None);
    }
    exec.mounts.extend(requirements(pip, here)?);
    exec.mounts.push(PlannedMount::Output { dest: RESOLVED.to_owned() });
    let files = pip.requirements.get(scope)?.into_iter().chain(pip.constraints.get(scope)?);
    let requirements = files.map(|file| file.to_string()).collect();
    Ok(Resolver { installer, exec: Box::new(exec), requirements })
}

fn dry_run(pip: &Pip, here: &Here<'_>, python: &str) -> Result<String, Diagnostics> {
    let answer = format!("{RESOLVED}/{}", lock::Installer::Pip.file());
    let place = target(pip, here)?;
    let wanted = [places(pip, here, Installer::Pip)?, wanted(pip, here)?].concat();
    Ok(format!("{} -m pip install --quiet --dry-run --report {answer}{place}{wanted}", quoted(python)))
}

/// uv says no hashes of what it would install, but of what it compiles. What is there already is preferred, as by its `install`.
fn compile(pip: &Pip, here: &Here<'_>, python: &str) -> Result<String, Diagnostics> {
    let scope = here.scope();
    let answer = format!("{RESOLVED}/{}", lock::Installer::Uv.file());
    let mut lines = Vec::new();
    if !matches!(pip.location, PipLocation::Target(_)) {
        lines.push(format!("{UV}/bin/uv pip freeze --python {} | grep == >{answer} || :", quoted(python)));
    }
    let packages: Vec<String> = pip.packages.get(scope)?.iter().map(|one| quoted(one.as_str())).collect();
    let mut command = String::new();
    if !packages.is_empty() {
        command += &format!("printf '%s\\n' {} | ", packages.join(" "));
    }
    command += &format!(
        "{UV}/bin/uv pip compile --quiet --generate-hashes --no-header --no-annotate --python {} --output-file {answer}{}",
        quoted(python),
        places(pip, here, Installer::Uv)?,
    );
    if *pip.no_deps.get(scope)? {
        command += " --no-deps";
    }
    for file in pip.constraints.get(scope)? {
        command += &format!(" -c {}", quoted(&format!("{REQUIREMENTS}/{file}")));
    }
    for file in pip.requirements.get(scope)? {
        command += &format!(" {}", quoted(&format!("{REQUIREMENTS}/{file}")));
    }
    if !packages.is_empty() {
        command += " -";
    }
    lines.push(command + " >/dev/null");
    Ok(lines.join("\n"))
}

/// What the step asks for, in words.
pub(super) fn asked(pip: &Pip, here: &Here<'_>) -> Result<Vec<String>, Diagnostics> {
    let scope = here.scope();
    let mut asked: Vec<String> = pip.packages.get(scope)?.iter().map(ToString::to_string).collect();
    for (option, files) in [("-r", pip.requirements.get(scope)?), ("-c", pip.constraints.get(scope)?)] {
        asked.extend(files.iter().map(|file| format!("{option} {file}")));
    }
    asked.extend(pip.index.given(scope)?.map(|index| format!("--index-url {index}")));
    asked.extend(pip.extra_indexes.get(scope)?.iter().map(|index| format!("--extra-index-url {index}")));
    asked.extend(pip.index_secret.given(scope)?.map(|secret| format!("(index in secret {secret})")));
    let flags =
        [("--require-hashes", pip.require_hashes.get(scope)?), ("--no-deps", pip.no_deps.get(scope)?)];
    asked.extend(flags.into_iter().filter(|(_, on)| **on).map(|(flag, _)| flag.to_owned()));
    let place = match &pip.location {
        PipLocation::Venv(path) => format!("venv {}", path.get(scope)?.absolute(&here.workdir)),
        PipLocation::System => "system".to_owned(),
        PipLocation::Target(path) => format!("target {}", path.get(scope)?.absolute(&here.workdir)),
    };
    let installer = installer_name(*pip.installer.get(scope)?);
    asked.push(format!("({installer}, {}, {place})", pip.python.get(scope)?));
    let mut set: Vec<String> = here
        .level
        .env
        .iter()
        .filter(|(name, _)| name.starts_with("PIP_") || name.starts_with("UV_"))
        .map(|(name, value)| format!("({name}={value})"))
        .collect();
    set.sort();
    asked.extend(set);
    Ok(asked)
}

/// Requirements that name one version of everything, with its hashes.
fn pinned(locked: &LockedPip) -> String {
    let options = locked.options.iter().map(|option| format!("{option}\n"));
    let packages = locked.packages.iter().map(|(name, package)| {
        let hashes = package.hashes.iter().map(|hash| format!(" --hash={hash}"));
        format!("{name}=={}{}\n", package.version, hashes.collect::<String>())
    });
    options.chain(packages).collect()
}

fn exec(pip: &Pip, here: &Here<'_>, script: String) -> Result<PlannedExec, Diagnostics> {
    let scope = here.scope();
    let installer = *pip.installer.get(scope)?;
    let mut exec = wrapped(vec!["/bin/sh".to_owned(), "-c".to_owned(), script], here);
    exec.env = with_set(here.level.env.clone(), &environment(installer));
    exec.env = with_defaults(exec.env, &BYTECODE);
    exec.env.retain(|(name, _)| name != "PIP_NO_CACHE_DIR" && name != "UV_NO_CACHE");
    if let Wrapper::Step(spec) = &mut exec.wrapper {
        spec.cwd = Some("/".to_owned());
    }
    exec.mounts.extend(site_ca(None));
    exec.mounts.push(cache(here, CACHE, installer_name(installer), Sharing::Shared));
    if installer == Installer::Uv {
        exec.mounts.push(cache(here, UV, &format!("uv-{UV_VERSION}"), Sharing::Locked));
    }
    if let Some(secret) = pip.index_secret.given(scope)? {
        let name = if installer == Installer::Uv { "UV_DEFAULT_INDEX" } else { "PIP_INDEX_URL" };
        exec.secret_env.push(SecretEnv { id: secret.to_string(), name: name.to_owned(), optional: false });
    }
    Ok(exec)
}

fn installer_name(installer: Installer) -> &'static str {
    match installer {
        Installer::Pip => "pip",
        Installer::Uv => "uv",
    }
}

fn environment(installer: Installer) -> Vec<(&'static str, &'static str)> {
    match installer {
        Installer::Pip => vec![
            ("PIP_CACHE_DIR", CACHE),
            ("PIP_NO_INPUT", "1"),
            ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
            ("PIP_ROOT_USER_ACTION", "ignore"),
            ("PIP_BREAK_SYSTEM_PACKAGES", "1"),
        ],
        Installer::Uv => vec![("UV_CACHE_DIR", CACHE), ("UV_LINK_MODE", "copy"), ("UV_NO_PROGRESS", "1")],
    }
}

fn cache(here: &Here<'_>, dest: &str, what: &str, sharing: Sharing) -> PlannedMount {
    let id = cache_id(here, &format!("factory-{what}-{}", here.request.platform));
    let without_cache = WithoutCache::Kept;
    PlannedMount::Cache {
        dest: dest.to_owned(),
        id,
        sharing,
        from: None,
        path: None,
        folder: None,
        without_cache,
    }
}

/// The script: the venv where one is wanted and missing, the installer, the packages. Whatever a fragment gives is quoted.
fn script(pip: &Pip, here: &Here<'_>, locked: Option<&LockedPip>) -> Result<String, Diagnostics> {
    let scope = here.scope();
    let installer = *pip.installer.get(scope)?;
    let (mut lines, python) = opening(pip, here)?;
    let mut install = match installer {
        Installer::Pip => format!("{} -m pip install", quoted(&python)),
        Installer::Uv => format!("{UV}/bin/uv pip install --python {}", quoted(&python)),
    };
    install += match (installer, &pip.location) {
        (Installer::Uv, PipLocation::System) => " --system --break-system-packages",
        _ => "",
    };
    install += &target(pip, here)?;
    install += match (installer, *pip.compile.get(scope)?) {
        (Installer::Pip, true) => " --compile",
        (Installer::Pip, false) => " --no-compile",
        (Installer::Uv, true) => " --compile-bytecode",
        (Installer::Uv, false) => "",
    };
    install += &places(pip, here, installer)?;
    match locked {
        None => lines.push(install + &wanted(pip, here)?),
        Some(locked) if locked.packages.is_empty() => {}
        Some(_) => {
            let deps = if *pip.no_deps.get(scope)? { " --no-deps" } else { "" };
            let update = here.locks.map(|locks| format!("factory lock {} --update", locks.manifest()));
            lines.push(format!(
                "{install} --require-hashes{deps} -r {LOCKED} || {{ code=$?\n\
                 echo 'factory: these versions and hashes are from the lock; to take what there is now: {}' >&2\n\
                 exit \"$code\"; }}",
                update.unwrap_or_default()
            ));
        }
    }
    lines.extend(uv_lock(pip, here, installer)?);
    Ok(lines.join("\n"))
}

/// What comes before the installer: the venv, and uv where that installs. With the interpreter that is installed for.
fn opening(pip: &Pip, here: &Here<'_>) -> Result<(Vec<String>, String), Diagnostics> {
    let scope = here.scope();
    let found = pip.python.get(scope)?;
    let mut lines = vec!["set -e".to_owned()];
    let python = match &pip.location {
        PipLocation::Venv(path) => {
            let path = path.get(scope)?.absolute(&here.workdir);
            let python = format!("{path}/bin/python");
            lines.push(format!("[ -x {} ] || {} -m venv {}", quoted(&python), quoted(&found), quoted(&path)));
            python
        }
        PipLocation::System | PipLocation::Target(_) => found.clone(),
    };
    if *pip.installer.get(scope)? == Installer::Uv {
        lines.push(format!(
            "[ -x {UV}/bin/uv ] || {{ {} -m venv {UV} && {UV}/bin/python -m pip install --no-input \
             --disable-pip-version-check --no-cache-dir uv=={UV_VERSION}; }}",
            quoted(&found)
        ));
    }
    Ok((lines, python))
}

fn target(pip: &Pip, here: &Here<'_>) -> Result<String, Diagnostics> {
    Ok(match &pip.location {
        PipLocation::Target(path) => {
            format!(" --target {}", quoted(&path.get(here.scope())?.absolute(&here.workdir)))
        }
        PipLocation::Venv(_) | PipLocation::System => String::new(),
    })
}

/// uv leaves the lock by which it kept others away from the place where it installed.
fn uv_lock(pip: &Pip, here: &Here<'_>, installer: Installer) -> Result<Option<String>, Diagnostics> {
    let place = match &pip.location {
        PipLocation::Venv(path) | PipLocation::Target(path) if installer == Installer::Uv => path,
        _ => return Ok(None),
    };
    let lock = format!("{}/.lock", place.get(here.scope())?.absolute(&here.workdir));
    Ok(Some(format!("rm -f {}", quoted(&lock))))
}

/// Where packages are looked for.
fn places(pip: &Pip, here: &Here<'_>, installer: Installer) -> Result<String, Diagnostics> {
    let scope = here.scope();
    let mut options = String::new();
    if let Some(index) = pip.index.given(scope)? {
        let option = if installer == Installer::Uv { "--default-index" } else { "--index-url" };
        options += &format!(" {option} {}", quoted(index.as_str()));
    }
    for index in pip.extra_indexes.get(scope)? {
        let option = if installer == Installer::Uv { "--index" } else { "--extra-index-url" };
        options += &format!(" {option} {}", quoted(index.as_str()));
    }
    Ok(options)
}

/// What the step wants, as it says it.
fn wanted(pip: &Pip, here: &Here<'_>) -> Result<String, Diagnostics> {
    let scope = here.scope();
    let mut options = String::new();
    if *pip.require_hashes.get(scope)? {
        options += " --require-hashes";
    }
    if *pip.no_deps.get(scope)? {
        options += " --no-deps";
    }
    for (option, files) in [("-c", pip.constraints.get(scope)?), ("-r", pip.requirements.get(scope)?)] {
        for file in files {
            options += &format!(" {option} {}", quoted(&format!("{REQUIREMENTS}/{file}")));
        }
    }
    for package in pip.packages.get(scope)? {
        options += &format!(" {}", quoted(package.as_str()));
    }
    Ok(options)
}

/// The requirements with the files that they may refer to, as patterns in the fragment's folder, and nothing else of it:
/// another file that changes does not install again.
pub(crate) fn required_files(pip: &Pip, scope: &Scope) -> Result<Vec<String>, Diagnostic> {
    let mut files: Vec<FragmentPath> = pip.requirements.get(scope)?;
    files.extend(pip.constraints.get(scope)?);
    let mut include: Vec<String> = files.iter().map(ToString::to_string).collect();
    for file in &files {
        let folder = file.as_str().rsplit_once('/').map_or("", |(folder, _)| folder);
        let inside = |pattern: &&str| {
            if folder.is_empty() { (*pattern).to_owned() } else { format!("{folder}/{pattern}") }
        };
        include.extend(REFERRED.iter().map(inside));
    }
    include.sort();
    include.dedup();
    Ok(include)
}

fn requirements(pip: &Pip, here: &Here<'_>) -> Result<Option<PlannedMount>, Diagnostics> {
    let include = required_files(pip, here.scope())?;
    if include.is_empty() {
        return Ok(None);
    }
    let copy = PlannedCopy {
        from: Files::Catalogue,
        src: format!("/{}", here.folder),
        dest: "/requirements/".to_owned(),
        owner: None,
        mode: None,
        include,
        exclude: Vec::new(),
        unpack: false,
        timestamp: seconds(here),
    };
    Ok(Some(PlannedMount::Collected { dest: OWN_FILES.to_owned(), copies: vec![copy] }))
}

/// A word as the shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
