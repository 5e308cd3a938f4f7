//! What the own files of fragments hold, as digests: an input of every fragment.

use std::collections::{BTreeMap, BTreeSet};

use bollard_buildkit_proto::pb;
use futures_util::future::join_all;
use llb_gen::explain::{ContentDigest, EntryKind, FolderEntry, HashBudget, OwnWalk, by_size};
use llb_gen::ordered::ordered;

use crate::catalogue::Catalogue;
use crate::gateway::{FileKind, FileStat, Gateway, Ref};
use crate::options::Options;
use crate::own_files::{Taken, holder};
use crate::status::Status;

/// How much of a file is asked for at once: far below what a message may hold.
const PIECE: u64 = 4 << 20;

/// Digests by the fragment's folder, then by the path in it.
pub type Contents = BTreeMap<String, BTreeMap<String, String>>;

/// The digests of all files that lie along these paths ([`Draft::own_paths`](llb_gen::draft::Draft::own_paths)), from the very
/// transfer that the build of `definition` makes for those who take them.
///
/// # Errors
/// BuildKit's own.
pub async fn read<G: Gateway>(
    gateway: &G,
    options: &Options,
    catalogue: &Catalogue,
    paths: &BTreeMap<String, BTreeSet<String>>,
    definition: &pb::Definition,
    taken: Taken,
) -> Result<Contents, Status> {
    let Some(holder) = holder(options, catalogue, definition, taken) else { return Ok(Contents::new()) };
    let Some(reference) = holder.reference(gateway).await? else { return Ok(Contents::new()) };
    let reference = &reference;
    let walks = paths.iter().map(|(folder, paths)| async move {
        let walk = OwnWalk::along(paths.iter().cloned());
        Ok((folder, walked(gateway, reference, folder, walk).await?))
    });
    let walks = join_all(walks).await.into_iter().collect::<Result<Vec<_>, Status>>()?;
    let mut budget = HashBudget::default();
    let mut contents = Contents::new();
    for (folder, walk) in walks {
        let digests = digests(gateway, reference, folder, &walk, &mut budget).await?;
        contents.insert(folder.clone(), digests);
    }
    Ok(contents)
}

/// The walk with every folder listed that it comes through.
async fn walked<G: Gateway>(
    gateway: &G,
    reference: &Ref,
    root: &str,
    mut walk: OwnWalk,
) -> Result<OwnWalk, Status> {
    loop {
        let wanted = walk.wanted();
        if wanted.is_empty() {
            return Ok(walk);
        }
        let listings = wanted.iter().map(|folder| list(gateway, reference, inside(root, folder)));
        for (folder, entries) in wanted.iter().zip(join_all(listings).await) {
            walk.listed(folder, entries?);
        }
    }
}

fn inside(root: &str, path: &str) -> String {
    if path.is_empty() { root.to_owned() } else { format!("{root}/{path}") }
}

/// A folder that is not there is empty: the build itself tells of what is missing.
async fn list(gateway: &impl Gateway, reference: &Ref, path: String) -> Result<Vec<FolderEntry>, Status> {
    match gateway.read_dir(reference, &path).await {
        Ok(entries) => Ok(entries.into_iter().map(entry).collect()),
        Err(status) if status.is_missing_file() => Ok(Vec::new()),
        Err(status) => Err(status),
    }
}

fn entry(stat: FileStat) -> FolderEntry {
    let kind = match stat.kind {
        FileKind::Regular => EntryKind::File(stat.size),
        FileKind::Directory => EntryKind::Folder,
        FileKind::Symlink => EntryKind::Link(stat.link),
        FileKind::Special => EntryKind::Special,
    };
    FolderEntry { name: stat.name, kind }
}

async fn digests<G: Gateway>(
    gateway: &G,
    reference: &Ref,
    root: &str,
    walk: &OwnWalk,
    budget: &mut HashBudget,
) -> Result<BTreeMap<String, String>, Status> {
    let found = walk.found();
    let files: Vec<(String, u64, bool)> =
        found.files.into_iter().map(|(path, size)| (path, size, budget.takes(size))).collect();
    let read = files.into_iter().map(|(path, size, hashed)| async move {
        let content = match hashed {
            true => digest(gateway, reference, &inside(root, &path), size).await?,
            false => by_size(size),
        };
        Ok((path, content))
    });
    let mut digests: BTreeMap<String, String> =
        ordered(join_all(read).await.into_iter().collect::<Result<Vec<_>, Status>>()?);
    digests.extend(found.links.into_iter().map(|(path, target)| (path, format!("link:{target}"))));
    Ok(digests)
}

async fn digest(gateway: &impl Gateway, reference: &Ref, path: &str, size: u64) -> Result<String, Status> {
    let mut digest = ContentDigest::default();
    let mut at = 0;
    while at < size {
        let end = size.min(at + PIECE);
        digest.update(&gateway.read_range(reference, path, at..end).await?);
        at = end;
    }
    Ok(digest.finish())
}
