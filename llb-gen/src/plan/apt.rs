//! `apt`: Debian packages.
//!
//! The cache mounts hold archives and lists, so neither is in the layer and neither is fetched twice. Debian's images
//! empty the archive cache after every call (`docker-clean`); the step wrapper keeps them from it.

use super::copy::seconds;
use super::exec::{BYTECODE, cache_id, site_ca, with_defaults, wrapped};
use super::here::Here;
use super::step::{
    Files, PlannedAction, PlannedCopy, PlannedExec, PlannedFile, PlannedMount, WithoutCache, Wrapper,
};
use crate::diagnostic::Diagnostics;
use crate::llb::{Owner, Sharing};
use crate::model::step::{Apt, AptKey, AptSource};
use crate::model::{Given, Scope};

const ARCHIVES: &str = "/var/cache/apt";
const LISTS: &str = "/var/lib/apt/lists";
const KEYRINGS: &str = "/etc/apt/keyrings";

/// Where the sources of a snapshot are written, in memory.
const SNAPSHOT_SOURCES: &str = "/.factory/apt";

pub(super) fn plan(apt: &Apt, here: &Here<'_>) -> Result<PlannedAction, Diagnostics> {
    let scope = here.scope();
    let snapshot = apt.snapshot.given(scope)?.map(|moment| moment.to_string());
    let script = script(apt, scope, snapshot.as_deref())?;
    let argv = vec!["/bin/sh".to_owned(), "-c".to_owned(), script];
    let mut exec: PlannedExec = wrapped(argv, here);
    exec.env = with_defaults(here.level.env.clone(), &[("DEBIAN_FRONTEND", "noninteractive")]);
    exec.env = with_defaults(exec.env, &BYTECODE);
    if let Wrapper::Step(spec) = &mut exec.wrapper {
        spec.clean = vec!["apt", "tmp"];
        spec.docker_clean = true;
        spec.cwd = Some("/".to_owned());
    }
    exec.mounts.extend(site_ca(None));
    let lists = snapshot.as_ref().map_or_else(|| "lists".to_owned(), |moment| format!("lists-{moment}"));
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
    if snapshot.is_some() {
        exec.mounts.push(PlannedMount::Tmpfs { dest: SNAPSHOT_SOURCES.to_owned(), size: None });
    }
    Ok(PlannedAction::Exec(Box::new(exec)))
}

/// What the shell runs. Every word that a fragment gives was checked to hold nothing that a shell reads, and is quoted
/// all the same.
fn script(apt: &Apt, scope: &Scope, snapshot: Option<&str>) -> Result<String, Diagnostics> {
    let mut lines = vec!["set -e".to_owned()];
    let mut options =
        "-y -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
            .to_owned();
    if let Some(moment) = snapshot {
        lines.push(snapshot_sources(moment));
        options += &format!(
            " -o Acquire::Check-Valid-Until=false -o Dir::Etc::SourceList={SNAPSHOT_SOURCES}/sources.list \
             -o Dir::Etc::SourceParts={SNAPSHOT_SOURCES}/parts"
        );
    }
    options += if *apt.recommends.get(scope)? { " --install-recommends" } else { " --no-install-recommends" };
    let install = words(&apt.install.get(scope)?);
    let upgrade = *apt.upgrade.get(scope)?;
    if upgrade || !install.is_empty() {
        lines.push(format!("apt-get {options} update"));
    }
    if upgrade {
        lines.push(format!("apt-get {options} --with-new-pkgs upgrade"));
    }
    if !install.is_empty() {
        lines.push(format!("apt-get {options} install{install}"));
    }
    let hold = words(&apt.hold.get(scope)?);
    if !hold.is_empty() {
        lines.push(format!("apt-mark hold{hold}"));
    }
    Ok(lines.join("\n"))
}

fn words(packages: &[crate::model::AptPackage]) -> String {
    packages.iter().fold(String::new(), |text, package| format!("{text} '{package}'"))
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
