//! The first part of every conversation: what the daemon can do, where the files are, and the manifest.

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use futures_util::future::{join, join3, join4};
use llb_gen::llb::State;
use llb_gen::text::SourceFile;

use crate::catalogue;
use crate::failure::Failure;
use crate::files::{self, Content};
use crate::folder::{DOWNLOAD, Folder, Opened, Source};
use crate::gateway::{Daemon, Gateway, Ref};
use crate::ignore;
use crate::local;
use crate::options::{GitContext, Locked, MainContext, OptionError, OptionErrors, Options};
use crate::status::Status;

/// What the first calls brought.
#[derive(Debug)]
pub struct Opening {
    /// The daemon.
    pub daemon: Daemon,
    /// Definitions that the client handed in.
    pub inputs: BTreeMap<String, pb::Definition>,
    /// The manifest.
    pub manifest: SourceFile,
    /// The lock beside it, where there is one and it counts.
    pub lock: Option<SourceFile>,
    /// Digest of the vertex that loaded it, which the client shows: warnings are pinned to it.
    pub vertex: String,
    /// The build context.
    pub context: Folder,
    /// What of a client's context is never sent.
    pub ignore: Vec<String>,
    /// The folder of the client that most likely is the catalogue, and its files.
    pub ahead: Option<(Folder, Opened)>,
}

/// The capability of looking up sources, by which images get their digests.
const RESOLVES: &str = "source.metaresolver";

/// How many bytes tell an archive from another file.
const MAGIC: u64 = 1024;

impl Opening {
    /// Asks for everything that needs no earlier answer at once, then reads the manifest.
    ///
    /// # Errors
    /// BuildKit's own, and a manifest that is not there or cannot be read.
    pub async fn read(gateway: &impl Gateway, options: &Options) -> Result<Self, Failure> {
        let context = asked_context(options);
        let definition = asked_definition(options, &context);
        let ignore = ignore_source(&context);
        let ignored = async {
            match ignore {
                true => local::ignore_file(options, local::CONTEXT).solve(gateway).await,
                false => Ok(None),
            }
        };
        let ahead = async {
            let Some((folder, source)) = catalogue::ahead(options) else { return Ok(None) };
            Ok(Some((folder, source.open(gateway).await?)))
        };
        let lock = async {
            match definition.lock == LockPlace::OfItsOwn && options.locked != Locked::Never {
                true => local::lock(options).solve(gateway).await,
                false => Ok(None),
            }
        };
        let ((daemon, inputs, solved, ignored), ahead, lock) = join3(
            join4(gateway.ping(), gateway.inputs(), definition.source.solve(gateway), ignored),
            ahead,
            lock,
        )
        .await;
        let (daemon, inputs) = (daemon?, inputs?);
        check(&daemon)?;
        if let MainContext::Git(git) = &options.contexts.main {
            check_git(&daemon, "context", git)?;
        }
        let definition = Solved { reference: solved?, ..definition };
        let lock = lock?;
        let ahead: Option<(Folder, Opened)> = ahead.map_err(|status: Status| status)?;
        let (context, definition) = handed_in(gateway, options, &inputs, context, definition).await?;
        let (context, definition) = unpacked(gateway, options, context, definition).await?;
        let ignored = if ignore_source(&context) { ignored? } else { None };
        let lock = match (options.locked, definition.lock) {
            (Locked::Never, _) => None,
            (_, LockPlace::OfItsOwn) => lock,
            (_, LockPlace::WithManifest) => definition.reference.clone(),
        };
        let (manifest, ignore, lock) =
            read_definition(gateway, &definition, ignored.as_ref(), lock.as_ref()).await?;
        let vertex = definition.source.vertex().to_owned();
        Ok(Self { daemon, inputs, manifest, lock, vertex, context, ignore, ahead })
    }
}

/// What no build can do without.
fn check(daemon: &Daemon) -> Result<(), Failure> {
    match daemon.has(RESOLVES) {
        true => Ok(()),
        false => Err(Failure::refused(format!(
            "this engine is too old: it lacks the capability `{RESOLVES}`, which BuildKit 0.13 and later have"
        ))),
    }
}

/// Refuses what of a repository's URL the daemon cannot do.
///
/// # Errors
/// All of it at once, by the option.
pub(crate) fn check_git(daemon: &Daemon, option: &str, git: &GitContext) -> Result<(), Failure> {
    let lacking = git.needs().into_iter().filter(|cap| !daemon.llb_caps.contains(cap.id()));
    let told: Vec<String> = lacking
        .map(|cap| format!("this engine cannot {} (BuildKit {} or later can)", cap.what(), cap.since()))
        .collect();
    match told.is_empty() {
        true => Ok(()),
        false => Err(OptionErrors::from(OptionError::new(option, told.join("; "))).into()),
    }
}

/// The definition's files, and the manifest's path among them.
struct Solved {
    source: Source,
    reference: Option<Ref>,
    filename: String,
    lock: LockPlace,
}

/// Where the lock is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LockPlace {
    /// In a transfer of its own.
    OfItsOwn,
    /// In the same filesystem as the manifest.
    WithManifest,
}

impl Solved {
    async fn of(gateway: &impl Gateway, state: &State, filename: String) -> Result<Self, Status> {
        let source = Source::of(state);
        let lock = LockPlace::WithManifest;
        Ok(Self { reference: source.solve(gateway).await?, source, filename, lock })
    }
}

fn asked_context(options: &Options) -> Folder {
    match &options.contexts.main {
        MainContext::Local => Folder::Client(local::CONTEXT.to_owned()),
        MainContext::Git(git) => Folder::repository(git).subdirectory(options.contexts.subdir.as_deref()),
        MainContext::Http(url) => Folder::download(url),
    }
}

/// The definition comes from the context unless that is local or the client insists on a local one.
fn asked_definition(options: &Options, context: &Folder) -> Solved {
    let (source, lock) = match (context, &options.contexts.definition) {
        (Folder::Made(state), None) => (Source::of(state), LockPlace::WithManifest),
        _ => (local::definition(options), LockPlace::OfItsOwn),
    };
    Solved { source, reference: None, filename: options.filename.clone(), lock }
}

/// Only a context of the client is filtered.
fn ignore_source(context: &Folder) -> bool {
    matches!(context, Folder::Client(_))
}

/// Context and definition that the client handed in as inputs go before its local directories.
async fn handed_in(
    gateway: &impl Gateway,
    options: &Options,
    inputs: &BTreeMap<String, pb::Definition>,
    context: Folder,
    definition: Solved,
) -> Result<(Folder, Solved), Failure> {
    if options.contexts.main != MainContext::Local {
        return Ok((context, definition));
    }
    let context = match inputs.get(local::CONTEXT) {
        Some(input) => {
            Folder::Made(spliced(local::CONTEXT, input)?).subdirectory(options.contexts.subdir.as_deref())
        }
        None => context,
    };
    let own = options
        .contexts
        .definition
        .is_none()
        .then(|| inputs.get(options.contexts.definition_name()))
        .flatten();
    let definition = match own {
        Some(input) => {
            let state = spliced(options.contexts.definition_name(), input)?;
            Solved::of(gateway, &state, options.filename.clone()).await?
        }
        None => definition,
    };
    Ok((context, definition))
}

/// The filesystem of an input.
///
/// # Errors
/// When the client handed in something else than a definition.
pub fn spliced(name: &str, input: &pb::Definition) -> Result<State, Failure> {
    State::splice(input)
        .map_err(|error| Failure::refused(format!("the input `{name}` cannot be used: {error}")))
}

/// A download is an archive of the context, or the manifest itself.
async fn unpacked(
    gateway: &impl Gateway,
    options: &Options,
    context: Folder,
    definition: Solved,
) -> Result<(Folder, Solved), Failure> {
    let (MainContext::Http(url), Folder::Made(download)) = (&options.contexts.main, &context) else {
        return Ok((context, definition));
    };
    let insists = options.contexts.definition.is_some();
    let reference = match insists {
        true => Source::of(download).solve(gateway).await?,
        false => definition.reference.clone(),
    };
    let reference = reference.ok_or_else(|| Failure::refused(format!("`{url}` answered nothing")))?;
    let head = gateway.read_file(&reference, DOWNLOAD, MAGIC).await?;
    if !is_archive(&head) {
        if let Some(subdir) = &options.contexts.subdir {
            let reason = format!("`{url}` answered one file, which has no folder `{subdir}`");
            return Err(OptionErrors::from(OptionError::new("contextsubdir", reason)).into());
        }
        let filename = if insists { definition.filename } else { DOWNLOAD.to_owned() };
        return Ok((context, Solved { filename, ..definition }));
    }
    let context = context.unpacked().subdirectory(options.contexts.subdir.as_deref());
    let definition = match (&context, insists) {
        (Folder::Made(state), false) => Solved::of(gateway, state, options.filename.clone()).await?,
        _ => definition,
    };
    Ok((context, definition))
}

/// Whether a file begins as tar does, alone or compressed with gzip, bzip2, xz or zstd.
fn is_archive(head: &[u8]) -> bool {
    const MAGICS: [&[u8]; 4] = [b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"];
    MAGICS.iter().any(|magic| head.starts_with(magic)) || is_tar(head)
}

/// Whether these are the first bytes of a tar archive: the sum of its header is in it, whatever the flavour.
fn is_tar(head: &[u8]) -> bool {
    const SUM: std::ops::Range<usize> = 148..156;
    let Some(header) = head.get(..512).filter(|header| header[0] != 0) else { return false };
    let digits: String = header[SUM].iter().map(|byte| char::from(*byte)).collect();
    let sum = header
        .iter()
        .enumerate()
        .map(|(at, byte)| if SUM.contains(&at) { 32 } else { u32::from(*byte) })
        .sum();
    u32::from_str_radix(digits.trim_matches(['\0', ' ']), 8) == Ok(sum)
}

/// The manifest, the patterns of its own ignore file or else of the context's, and the lock.
async fn read_definition(
    gateway: &impl Gateway,
    definition: &Solved,
    ignored: Option<&Ref>,
    lock: Option<&Ref>,
) -> Result<(SourceFile, Vec<String>, Option<SourceFile>), Failure> {
    let path = definition.filename.as_str();
    let own_ignore = local::ignore_file_of(path);
    let lock_path = llb_gen::lock::path_of(path);
    let (manifest, lock, (own, general)) = join3(
        files::read(gateway, definition.reference.as_ref(), path),
        files::read(gateway, lock, &lock_path),
        join(
            files::read(gateway, definition.reference.as_ref(), &own_ignore),
            files::read(gateway, ignored, ".dockerignore"),
        ),
    )
    .await;
    let manifest = match (manifest?, local::lower_case_variant(path)) {
        (Content::Missing, Some(variant)) => {
            let content = files::read(gateway, definition.reference.as_ref(), &variant).await?;
            source_file(&variant, content, definition)?
        }
        (content, _) => source_file(path, content, definition)?,
    };
    let patterns = match own? {
        Content::Missing => patterns(".dockerignore", general?)?,
        content => patterns(&own_ignore, content)?,
    };
    let lock = match lock? {
        Content::Missing => None,
        Content::File(bytes) => Some(SourceFile::new(lock_path, bytes)),
        Content::Unreadable(reason) => {
            return Err(Failure::refused(format!("the lock `{lock_path}` {reason}")));
        }
    };
    Ok((manifest, patterns, lock))
}

fn source_file(path: &str, content: Content, definition: &Solved) -> Result<SourceFile, Failure> {
    match content {
        Content::File(bytes) => Ok(SourceFile::loaded(path, bytes, definition.source.loading())),
        Content::Missing => {
            Err(Failure::refused(format!("the manifest `{path}` does not exist; name one with `-f`")))
        }
        Content::Unreadable(reason) => Err(Failure::refused(format!("the manifest `{path}` {reason}"))),
    }
}

fn patterns(path: &str, content: Content) -> Result<Vec<String>, Failure> {
    match content {
        Content::File(bytes) => Ok(ignore::patterns(&bytes)),
        Content::Missing => Ok(Vec::new()),
        Content::Unreadable(reason) => Err(Failure::refused(format!("`{path}` {reason}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_known_by_their_first_bytes() {
        // A header of the oldest kind: a name, a sum, and nothing that says what it is.
        let mut tar = vec![0; 512];
        tar[0] = b'a';
        tar[148..156].copy_from_slice(b"000541\0 ");
        for head in [&b"\x1f\x8b\x08\x00"[..], b"BZh9", b"\xfd7zXZ\x00", &tar] {
            assert!(is_archive(head), "{head:?}");
        }
        tar[0] = b'b';
        for other in [&b"{\"id\": \"x\"}"[..], &tar, &[0; 512]] {
            assert!(!is_archive(other), "{other:?}");
        }
    }
}
