//! `apt`: Debian packages.
//!
//! The cache mounts hold archives and lists, so neither is in the layer and neither is fetched twice. Debian's images
//! empty the archive cache after every call (`docker-clean`); the step wrapper keeps them from it.

use std::collections::BTreeMap;

use super::copy::seconds;
use super::exec::{BYTECODE, RESOLVED, cache_id, site_ca, with_defaults, wrapped};
use super::here::Here;
use super::step::{
    Files, PlannedAction, PlannedCopy, PlannedExec, PlannedFile, PlannedMount, Resolver, WithoutCache,
    Wrapper,
};
use crate::diagnostic::Diagnostics;
use crate::llb::{Owner, Sharing};
use crate::lock::{AptName, AptVersion, Installer};
use crate::model::step::{Apt, AptKey, AptSource};
use crate::model::{Given, Scope};

const ARCHIVES: &str = "/var/cache/apt";
const LISTS: &str = "/var/lib/apt/lists";
const KEYRINGS: &str = "/etc/apt/keyrings";

/// Where the sources of a snapshot are written, in memory.
const SNAPSHOT_SOURCES: &str = "/.factory/apt";

/// Where the pins of a locked step are, and its packages, one a line.
const PINS: &str = "/.factory/lock/preferences";
const PACKAGES: &str = "/.factory/lock/packages";

/// Packages with their versions, as a lock has them.
type Packages = BTreeMap<AptName, AptVersion>;

pub(super) fn plan(
    apt: &Apt,
    here: &Here<'_>,
    locked: Option<&Packages>,
) -> Result<PlannedAction, Diagnostics> {
    let mut exec = exec(apt, here, script(apt, here, locked)?)?;
    if let Wrapper::Step(spec) = &mut exec.wrapper {
        spec.clean = vec!["apt", "tmp"];
    }
    if let Some(packages) = locked {
        exec.mounts.push(PlannedMount::Text { dest: PINS.to_owned(), content: pins(packages) });
        let lines = packages.iter().fold(String::new(), |text, (name, one)| format!("{text}{name} {one}\n"));
        exec.mounts.push(PlannedMount::Text { dest: PACKAGES.to_owned(), content: lines });
    }
    Ok(PlannedAction::Exec(Box::new(exec)))
}

/// What finds out what the step would install, and changes nothing that anybody sees.
pub(super) fn resolver(apt: &Apt, here: &Here<'_>) -> Result<Resolver, Diagnostics> {
    let scope = here.scope();
    let moment = snapshot(apt, scope)?;
    let mut lines = opening(moment.as_deref());
    let options = options(apt, scope, moment.as_deref())?;
    let answer = format!("{RESOLVED}/{}", Installer::Apt.file());
    lines.push(format!("apt-get {options} update"));
    lines.push(format!(": >{answer}"));
    if *apt.upgrade.get(scope)? {
        lines.push(format!("apt-get {options} --simulate --with-new-pkgs upgrade >>{answer}"));
    }
    let install = words(&apt.install.get(scope)?, None);
    if !install.is_empty() {
        lines.push(format!("apt-get {options} --simulate install{install} >>{answer}"));
    }
    let mut exec = exec(apt, here, lines.join("\n"))?;
    if let Wrapper::Step(spec) = &mut exec.wrapper {
        // Nothing of the root is kept, so nothing of it need be looked at.
        (spec.epoch, spec.lower) = (None, None);
    }
    exec.mounts.push(PlannedMount::Output { dest: RESOLVED.to_owned() });
    Ok(Resolver { installer: Installer::Apt, exec: Box::new(exec), requirements: Vec::new() })
}

/// What the step asks for, in words; nothing where it installs nothing.
pub(super) fn asked(apt: &Apt, here: &Here<'_>) -> Result<Option<Vec<String>>, Diagnostics> {
    let scope = here.scope();
    let mut asked: Vec<String> = apt.install.get(scope)?.iter().map(ToString::to_string).collect();
    let upgrade = *apt.upgrade.get(scope)?;
    if asked.is_empty() && !upgrade {
        return Ok(None);
    }
    asked.extend(upgrade.then(|| "(upgrade)".to_owned()));
    asked.extend(apt.recommends.get(scope)?.then(|| "(recommends)".to_owned()));
    asked.extend(snapshot(apt, scope)?.map(|moment| format!("(snapshot {moment})")));
    for source in &apt.sources {
        let uris: Vec<String> = source.uris.get(scope)?.iter().map(ToString::to_string).collect();
        let words = [uris, source.suites.get(scope)?, source.components.get(scope)?].concat();
        asked.push(format!("(source {} {})", source.name.value(), words.join(" ")));
    }
    Ok(Some(asked))
}

fn snapshot(apt: &Apt, scope: &Scope) -> Result<Option<String>, Diagnostics> {
    Ok(apt.snapshot.given(scope)?.map(|moment| moment.to_string()))
}

fn exec(apt: &Apt, here: &Here<'_>, script: String) -> Result<PlannedExec, Diagnostics> {
    let moment = snapshot(apt, here.scope())?;
    let argv = vec!["/bin/sh".to_owned(), "-c".to_owned(), script];
    let mut exec: PlannedExec = wrapped(argv, here);
    exec.env = with_defaults(here.level.env.clone(), &[("DEBIAN_FRONTEND", "noninteractive")]);
    exec.env = with_defaults(exec.env, &BYTECODE);
    if let Wrapper::Step(spec) = &mut exec.wrapper {
        spec.docker_clean = true;
        spec.cwd = Some("/".to_owned());
    }
    exec.mounts.extend(site_ca(None));
    let lists = moment.as_ref().map_or_else(|| "lists".to_owned(), |moment| format!("lists-{moment}"));
    for (dest, what) in [(ARCHIVES, "archives"), (LISTS, lists.as_str())] {
        exec.mounts.push(PlannedMount::Cache {
            dest: dest.to_owned(),
            id: cache_id(here, &format!("factory-apt-{what}-{}", here.request.platform)),
            sharing: Sharing::Locked,
            from: None,
            path: None,
            folder: None,
            without_cache: WithoutCache::Kept,
        });
    }
    if moment.is_some() {
        exec.mounts.push(PlannedMount::Tmpfs { dest: SNAPSHOT_SOURCES.to_owned(), size: None });
    }
    Ok(exec)
}

/// What the shell runs. Every word that a fragment gives was checked to hold nothing that a shell reads, and is quoted
/// all the same.
fn script(apt: &Apt, here: &Here<'_>, locked: Option<&Packages>) -> Result<String, Diagnostics> {
    let scope = here.scope();
    let moment = snapshot(apt, scope)?;
    let mut lines = opening(moment.as_deref());
    let options = options(apt, scope, moment.as_deref())?;
    let install = words(&apt.install.get(scope)?, locked);
    let upgrade = *apt.upgrade.get(scope)?;
    if upgrade || !install.is_empty() {
        lines.push(format!("apt-get {options} update"));
    }
    let (before, options) = match locked {
        None => (String::new(), options),
        Some(packages) => {
            let pinned =
                format!("{options} -o Dir::Etc::Preferences={PINS} -o Dir::Etc::PreferencesParts=/dev/null");
            lines.push(what_is_gone(packages, &archives(moment.as_deref()), here));
            ("locked ".to_owned(), pinned)
        }
    };
    if upgrade {
        lines.push(format!("{before}apt-get {options} --with-new-pkgs upgrade"));
    }
    if !install.is_empty() {
        lines.push(format!("{before}apt-get {options} install{install}"));
    }
    let hold = words(&apt.hold.get(scope)?, None);
    if !hold.is_empty() {
        lines.push(format!("apt-mark hold{hold}"));
    }
    Ok(lines.join("\n"))
}

fn opening(moment: Option<&str>) -> Vec<String> {
    ["set -e".to_owned()].into_iter().chain(moment.map(snapshot_sources)).collect()
}

fn options(apt: &Apt, scope: &Scope, moment: Option<&str>) -> Result<String, Diagnostics> {
    let mut options =
        "-y -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
            .to_owned();
    options += &archives(moment);
    options += if *apt.recommends.get(scope)? { " --install-recommends" } else { " --no-install-recommends" };
    Ok(options)
}

/// Options for whatever reads the lists of archives: the snapshot's instead of the image's own.
fn archives(moment: Option<&str>) -> String {
    let of_snapshot = || {
        format!(
            " -o Acquire::Check-Valid-Until=false -o Dir::Etc::SourceList={SNAPSHOT_SOURCES}/sources.list \
             -o Dir::Etc::SourceParts={SNAPSHOT_SOURCES}/parts"
        )
    };
    moment.map(|_| of_snapshot()).unwrap_or_default()
}

/// Packages for a command line. What names a release is a version where that is locked: the release may have another by now.
fn words(packages: &[crate::model::AptPackage], locked: Option<&Packages>) -> String {
    let word = |package: &crate::model::AptPackage| {
        let (name, _) = package.as_str().split_once('/')?;
        let version = locked?.get(&name.parse().ok()?)?;
        Some(format!("{name}={version}"))
    };
    packages.iter().fold(String::new(), |text, package| {
        format!("{text} '{}'", word(package).unwrap_or_else(|| package.to_string()))
    })
}

/// What apt may choose from: what is locked, and what is there already. The same commands as without a lock then have the same
/// outcome, marks of what was asked for and what came with it included.
fn pins(packages: &Packages) -> String {
    let pin = |package: &str, pin: &str, priority: i32| {
        format!("Package: {package}\nPin: {pin}\nPin-Priority: {priority}\n\n")
    };
    let locked =
        packages.iter().map(|(name, version)| pin(name.as_str(), &format!("version {version}"), 1002));
    let others = [pin("*", "release a=now", 1001), pin("*", "release a=*", -1)];
    locked.chain(others).collect()
}

/// A function that runs a command, and says which locked packages are gone where that fails.
fn what_is_gone(packages: &Packages, archives: &str, here: &Here<'_>) -> String {
    let names: Vec<String> = packages
        .keys()
        .map(|name| format!("'{}'", name.as_str().split(':').next().unwrap_or_default()))
        .collect();
    let update = here.locks.map(|locks| format!("factory lock {} --update", locks.manifest()));
    format!(
        "locked() {{\n\"$@\" && return 0\ncode=$?\n\
         there=$(apt-cache{archives} madison {} 2>/dev/null | tr -d ' ') || :\n\
         while read -r name version; do\n\
         [ \"$(dpkg-query -W -f '${{Version}}' \"$name\" 2>/dev/null)\" != \"$version\" ] || continue\n\
         versions=$(printf '%s\\n' \"$there\" | awk -F'|' -v name=\"${{name%%:*}}\" '$1 == name && !seen[$2]++ {{ printf \" %s\", $2 }}')\n\
         case \"$versions \" in *\" $version \"*) continue ;; esac\n\
         echo \"factory: $name $version, which the lock has, is in no archive any more (there is:${{versions:- none}})\" >&2\n\
         done <{PACKAGES}\n\
         echo 'factory: to take what there is now: {}' >&2\n\
         exit \"$code\"\n}}",
        names.join(" "),
        update.unwrap_or_default(),
    )
}

/// The image's own sources with the archive's hosts replaced by the snapshot's. Signatures stay what they are; only their
/// age cannot be checked any more.
fn snapshot_sources(moment: &str) -> String {
    let rules = [
        (r"https?://(deb|ftp[^/ ]*|httpredir)\.debian\.org/debian-security", "debian-security"),
        (r"https?://security\.debian\.org(/debian-security)?", "debian-security"),
        (r"https?://(deb|ftp[^/ ]*|httpredir)\.debian\.org/debian", "debian"),
    ];
    let debian = rules.iter().fold(String::new(), |text, (from, archive)| {
        format!("{text} -e 's#{from}#http://snapshot.debian.org/archive/{archive}/{moment}#'")
    });
    let ubuntu = format!(
        " -e 's#https?://([a-z0-9.-]*archive|security|ports)\\.ubuntu\\.com/ubuntu(-ports)?#\
         http://snapshot.ubuntu.com/ubuntu/{moment}#'"
    );
    format!(
        "mkdir -p {SNAPSHOT_SOURCES}/parts\n: >{SNAPSHOT_SOURCES}/sources.list\n\
         for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do\n\
         [ -s \"$file\" ] || continue\n\
         sed -E{debian}{ubuntu} \"$file\" >\"{SNAPSHOT_SOURCES}/parts/${{file##*/}}\"\ndone"
    )
}

/// The files of the step's own sources: a deb822 description each, and its key.
pub(super) fn sources(apt: &Apt, here: &Here<'_>) -> Result<Vec<PlannedFile>, Diagnostics> {
    let mut files = Vec::new();
    if !apt.sources.is_empty() {
        files.push(PlannedFile::Folder { path: KEYRINGS.to_owned(), mode: None, owner: None });
    }
    for source in &apt.sources {
        let (key, key_path) = key(source, here)?;
        files.push(key);
        files.push(PlannedFile::File {
            path: format!("/etc/apt/sources.list.d/{}.sources", source.name.value()),
            content: deb822(source, here.scope(), &key_path)?.into_bytes(),
            mode: 0o644,
            owner: None,
        });
    }
    Ok(files)
}

fn deb822(source: &AptSource, scope: &Scope, key: &str) -> Result<String, Diagnostics> {
    let uris: Vec<String> = source.uris.get(scope)?.iter().map(ToString::to_string).collect();
    let suites = source.suites.get(scope)?.join(" ");
    let mut text = format!("Types: deb\nURIs: {}\nSuites: {suites}\n", uris.join(" "));
    let components = source.components.get(scope)?;
    if !components.is_empty() {
        text += &format!("Components: {}\n", components.join(" "));
    }
    let architectures = source.architectures.get(scope)?;
    if !architectures.is_empty() {
        text += &format!("Architectures: {}\n", architectures.join(" "));
    }
    Ok(text + &format!("Signed-By: {key}\n"))
}

/// The key's file. apt tells an armoured key from a binary one by the file's ending.
fn key(source: &AptSource, here: &Here<'_>) -> Result<(PlannedFile, String), Diagnostics> {
    let scope = here.scope();
    let path_for = |named: &str| {
        let ending = if named.ends_with(".gpg") { "gpg" } else { "asc" };
        format!("{KEYRINGS}/{}.{ending}", source.name.value())
    };
    match &source.key {
        AptKey::File(file) => {
            let file = file.get(scope)?;
            let dest = path_for(file.as_str());
            let copy = PlannedCopy {
                from: Files::Catalogue,
                src: format!("/{}/{file}", here.folder),
                dest: dest.clone(),
                owner: None::<Owner>,
                mode: Some(0o644),
                include: Vec::new(),
                exclude: Vec::new(),
                unpack: false,
                timestamp: seconds(here),
            };
            Ok((PlannedFile::Copy(copy), dest))
        }
        AptKey::Url { url, checksum } => {
            let url = url.get(scope)?;
            let dest = path_for(url.file_name().unwrap_or_default());
            let fetched = PlannedFile::Http {
                url: url.as_str().to_owned(),
                checksum: checksum.get(scope)?.to_string(),
                name: dest.rsplit('/').next().unwrap_or("key").to_owned(),
                dest: dest.clone(),
                mode: Some(0o644),
                owner: None,
                unpack: false,
            };
            Ok((fetched, dest))
        }
    }
}
