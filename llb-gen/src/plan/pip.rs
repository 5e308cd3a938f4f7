//! `pip`: Python packages.

use super::copy::seconds;
use super::exec::{BYTECODE, OWN_FILES, cache_id, site_ca, with_defaults, with_set, wrapped};
use super::here::Here;
use super::step::{Files, PlannedAction, PlannedCopy, PlannedMount, WithoutCache, Wrapper};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::llb::{SecretEnv, Sharing};
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

pub(super) fn plan(pip: &Pip, here: &Here<'_>) -> Result<PlannedAction, Diagnostics> {
    let scope = here.scope();
    let installer = *pip.installer.get(scope)?;
    let argv = vec!["/bin/sh".to_owned(), "-c".to_owned(), script(pip, here, installer)?];
    let mut exec = wrapped(argv, here);
    exec.env = with_set(here.level.env.clone(), &environment(installer));
    exec.env = with_defaults(exec.env, &BYTECODE);
    exec.env.retain(|(name, _)| name != "PIP_NO_CACHE_DIR" && name != "UV_NO_CACHE");
    if let Wrapper::Step(spec) = &mut exec.wrapper {
        spec.clean = vec!["pip", "tmp"];
        spec.cwd = Some("/".to_owned());
    }
    exec.mounts.extend(site_ca(None));
    exec.mounts.push(cache(here, CACHE, installer_name(installer), Sharing::Shared));
    if installer == Installer::Uv {
        exec.mounts.push(cache(here, UV, &format!("uv-{UV_VERSION}"), Sharing::Locked));
    }
    exec.mounts.extend(requirements(pip, here)?);
    if let Some(secret) = pip.index_secret.given(scope)? {
        let name = if installer == Installer::Uv { "UV_DEFAULT_INDEX" } else { "PIP_INDEX_URL" };
        exec.secret_env.push(SecretEnv { id: secret.to_string(), name: name.to_owned(), optional: false });
    }
    Ok(PlannedAction::Exec(Box::new(exec)))
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
fn script(pip: &Pip, here: &Here<'_>, installer: Installer) -> Result<String, Diagnostics> {
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
    let mut install = match installer {
        Installer::Pip => format!("{} -m pip install", quoted(&python)),
        Installer::Uv => {
            lines.push(format!(
                "[ -x {UV}/bin/uv ] || {{ {} -m venv {UV} && {UV}/bin/python -m pip install --no-input \
                 --disable-pip-version-check --no-cache-dir uv=={UV_VERSION}; }}",
                quoted(&found)
            ));
            format!("{UV}/bin/uv pip install --python {}", quoted(&python))
        }
    };
    install += match (installer, &pip.location) {
        (Installer::Uv, PipLocation::System) => " --system --break-system-packages",
        _ => "",
    };
    if let PipLocation::Target(path) = &pip.location {
        install += &format!(" --target {}", quoted(&path.get(scope)?.absolute(&here.workdir)));
    }
    install += &options(pip, here, installer)?;
    lines.push(install);
    lines.extend(uv_lock(pip, here, installer)?);
    Ok(lines.join("\n"))
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

fn options(pip: &Pip, here: &Here<'_>, installer: Installer) -> Result<String, Diagnostics> {
    let scope = here.scope();
    let mut options = match (installer, *pip.compile.get(scope)?) {
        (Installer::Pip, true) => " --compile".to_owned(),
        (Installer::Pip, false) => " --no-compile".to_owned(),
        (Installer::Uv, true) => " --compile-bytecode".to_owned(),
        (Installer::Uv, false) => String::new(),
    };
    if let Some(index) = pip.index.given(scope)? {
        let option = if installer == Installer::Uv { "--default-index" } else { "--index-url" };
        options += &format!(" {option} {}", quoted(index.as_str()));
    }
    for index in pip.extra_indexes.get(scope)? {
        let option = if installer == Installer::Uv { "--index" } else { "--extra-index-url" };
        options += &format!(" {option} {}", quoted(index.as_str()));
    }
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
