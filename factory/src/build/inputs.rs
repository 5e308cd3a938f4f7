//! What a product is about to be built from, read from the disk, and the list of it that is kept for the next build.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use llb_gen::draft::Draft;
use llb_gen::explain::{
    ContentDigest, EntryKind, FolderEntry, HashBudget, ImageInput, Outside, OwnWalk, ProductInputs, by_size,
};
use llb_gen::llb::State;
use llb_gen::lock::{Lock, LockInput, path_of};
use llb_gen::model::{self, Platform};
use llb_gen::request::{Naming, NoCache, Request, Sandbox, Tree};
use llb_gen::text::SourceFile;

use super::log::{BuildLog, ImageRole};
use crate::atomic;
use crate::exit::{Error, Result};

/// The options of a build that decide what it makes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Platforms as given; the engine's own or the product's first where empty.
    pub(crate) platforms: Vec<String>,
    pub(crate) build_args: BTreeMap<String, String>,
    pub(crate) no_cache: NoCache,
    pub(crate) epoch: Option<u64>,
}

/// One platform's inputs, with those of the build before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlatformInputs {
    pub(crate) now: ProductInputs,
    pub(crate) previous: Option<ProductInputs>,
    /// Where they are kept.
    pub(crate) file: PathBuf,
}

/// Gathers the inputs of every platform that is going to be built, in the project at `root`. What only the engine knows (the
/// digests of images) is filled in afterwards.
///
/// # Errors
/// Arguments that the product does not allow, a platform that is none.
pub(crate) fn gather(
    product: &model::Product,
    root: &Path,
    asked: &Asked,
    native: &str,
) -> Result<Vec<PlatformInputs>> {
    let native = parsed(native)?;
    let platforms = platforms(product, asked, &native)?;
    let lock = lock(product, root, asked);
    let request = |platform| Request { lock: lock.clone(), ..request(asked, platform, &native) };
    platforms.into_iter().map(|platform| one(product, root, request(platform))).collect()
}

/// The lock beside the manifest. What is wrong with one the build tells.
fn lock(product: &model::Product, root: &Path, asked: &Asked) -> LockInput {
    let ignored = asked.build_args.get("FACTORY_LOCKED").is_some_and(|text| is_off(text));
    let path = path_of(product.manifest.file.path());
    let bytes = fs::read(root.join(&path)).ok().filter(|_| !ignored);
    let lock = bytes.and_then(|bytes| Lock::parse(&SourceFile::new(path, bytes)).ok());
    LockInput { lock: lock.map(Arc::new), ..LockInput::default() }
}

/// Whether the value of `FACTORY_LOCKED` means that there is no lock.
pub(crate) fn is_off(text: &str) -> bool {
    matches!(text, "off" | "0" | "f" | "F" | "FALSE" | "false" | "False")
}

fn parsed(text: &str) -> Result<Platform> {
    text.parse().map_err(|fault| Error::Usage(format!("--platform {text}: {fault}")))
}

/// As the frontend chooses: what was asked for, else the engine's own where the product supports it, else the product's first.
fn platforms(product: &model::Product, asked: &Asked, native: &Platform) -> Result<Vec<Platform>> {
    if asked.platforms.is_empty() {
        let supported: Vec<&Platform> = product.manifest.platforms.iter().map(|one| one.value()).collect();
        let own = supported.is_empty() || supported.contains(&native);
        return Ok(vec![if own { native.clone() } else { supported[0].clone() }]);
    }
    let mut chosen: Vec<Platform> = Vec::new();
    for platform in asked.platforms.iter().map(|one| parsed(one)) {
        let platform = platform?;
        if !chosen.contains(&platform) {
            chosen.push(platform);
        }
    }
    Ok(chosen)
}

/// What a draft needs of a request; where files come from does not matter to it.
fn request(asked: &Asked, platform: Platform, native: &Platform) -> Request {
    let nowhere = || Tree::State(State::scratch());
    Request {
        platform,
        build_platform: native.clone(),
        caps: BTreeSet::new(),
        naming: Naming::Plain,
        target: None,
        build_args: asked.build_args.clone(),
        labels: BTreeMap::new(),
        no_cache: asked.no_cache.clone(),
        epoch: asked.epoch,
        built_on: asked.build_args.get("FACTORY_BUILT_ON").and_then(|text| text.parse().ok()),
        sandbox: Sandbox::default(),
        cache_namespace: String::new(),
        context: nowhere(),
        catalogue: nowhere(),
        named_contexts: BTreeMap::new(),
        lock: LockInput::default(),
        own_image: None,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "made for this call")]
fn one(product: &model::Product, root: &Path, request: Request) -> Result<PlatformInputs> {
    let refused = |faults: llb_gen::diagnostic::Diagnostics| Error::Usage(faults.excerpts());
    let draft = Draft::new(product, &request).map_err(refused)?;
    let mut budget = HashBudget::default();
    let contents = draft.own_paths().iter().map(|(folder, paths)| {
        let walk = OwnWalk::along(paths.iter().cloned());
        (folder.clone(), contents(&root.join(folder), walk, &mut budget))
    });
    let outside = Outside { own_files: contents.collect(), ..Outside::default() };
    let now = draft.inputs(&outside).map_err(refused)?;
    let file = root.join(ProductInputs::path(&now.product, &now.platform));
    // A list that cannot be read, or of another version, is as good as none.
    let previous = fs::read(&file).ok().and_then(|json| ProductInputs::from_json(&json).ok());
    Ok(PlatformInputs { now, previous, file })
}

/// Digests of what lies along the walk. What cannot be read is left out: the build tells of it.
fn contents(root: &Path, mut walk: OwnWalk, budget: &mut HashBudget) -> BTreeMap<String, String> {
    loop {
        let wanted = walk.wanted();
        if wanted.is_empty() {
            break;
        }
        for folder in wanted {
            let entries = entries(&root.join(&folder));
            walk.listed(&folder, entries);
        }
    }
    let found = walk.found();
    let files = found.files.into_iter().filter_map(|(path, size)| {
        let content = match budget.takes(size) {
            true => digest(&root.join(&path)).ok()?,
            false => by_size(size),
        };
        Some((path, content))
    });
    let links = found.links.into_iter().map(|(path, target)| (path, format!("link:{target}")));
    files.chain(links).collect()
}

fn entries(folder: &Path) -> Vec<FolderEntry> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let entry = |entry: fs::DirEntry| {
        let metadata = entry.metadata().ok()?;
        let kind = match metadata.file_type() {
            kind if kind.is_dir() => EntryKind::Folder,
            kind if kind.is_file() => EntryKind::File(metadata.len()),
            kind if kind.is_symlink() => {
                EntryKind::Link(fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned())
            }
            _ => EntryKind::Special,
        };
        Some(FolderEntry { name: entry.file_name().into_string().ok()?, kind })
    };
    let mut entries: Vec<FolderEntry> = entries.flatten().filter_map(entry).collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

fn digest(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = ContentDigest::default();
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(digest.finish()),
            count => digest.update(&piece[..count]),
        }
    }
}

impl PlatformInputs {
    /// Fills in what the engine's log says: which images were used, which frontend. `several` is whether names in it say the
    /// platform.
    pub(crate) fn learn(&mut self, log: &BuildLog, several: bool) {
        let platform = several.then_some(self.now.platform.as_str());
        if let Some(base) = &mut self.now.base {
            learn(base, log.image(platform, ImageRole::Base));
        }
        for image in self.now.fragments.iter_mut().flat_map(|fragment| &mut fragment.images) {
            let digest = log.image(platform, ImageRole::Other(&image.reference));
            learn(image, digest);
        }
        self.now.frontend = log.frontend();
    }

    /// Keeps the inputs for the next build, whole or not at all.
    ///
    /// # Errors
    /// The folder or the file cannot be written.
    pub(crate) fn keep(&self) -> std::io::Result<()> {
        atomic::put(&self.file, |file| file.write_all(&self.now.to_json()))
    }
}

/// A reference that is pinned in the files needs no log.
fn learn(image: &mut ImageInput, digest: Option<String>) {
    let pinned = image.reference.split_once('@').map(|(_, digest)| digest.to_owned());
    image.digest = digest.or(pinned);
}

#[cfg(test)]
mod tests {
    use super::super::log::tests::log;
    use super::super::manifest::Product;
    use super::*;

    fn project() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "manifests/app.json",
            r#"{"id": "app", "base": "debian:12", "platforms": ["linux/arm64", "linux/amd64"],
                "fragments": [{"name": "core", "version": "1.0.0"}]}"#,
        );
        write(
            "fragments/core/1.0.0/fragment.json",
            r#"{"name": "core", "version": "1.0.0", "args": {"PORT": "80"}, "steps": [
                {"copy": {"src": ["app", "link"], "dest": "/app/"}},
                {"copy": {"from": "image:busybox:1", "src": "/bin/sh", "dest": "/sh"}}]}"#,
        );
        write("fragments/core/1.0.0/app/main.py", "1");
        write("fragments/core/1.0.0/other", "2");
        std::os::unix::fs::symlink("app/main.py", dir.path().join("fragments/core/1.0.0/link")).unwrap();
        dir
    }

    fn gathered(root: &Path, asked: &Asked) -> Vec<PlatformInputs> {
        let product = Product::find("app", root).unwrap().check().unwrap();
        gather(&product, root, asked, "linux/amd64").unwrap()
    }

    #[test]
    fn inputs_are_read_from_the_disk_and_kept_for_the_next_build() {
        let dir = project();
        let [mut first] = gathered(dir.path(), &Asked::default()).try_into().unwrap();
        assert_eq!((first.now.platform.as_str(), first.previous.as_ref()), ("linux/amd64", None));
        let files = &first.now.fragments[0].files;
        assert_eq!(files.keys().collect::<Vec<_>>(), ["app/main.py", "link"]);
        assert_eq!(files["link"], "link:app/main.py");
        assert_eq!(files["app/main.py"], llb_gen::llb::OpDigest::of(b"1").to_string());
        let log = log(&[
            ("[base] docker.io/library/debian:12@sha256:b", "cached"),
            ("[image] docker.io/library/busybox:1@sha256:c", "cached"),
        ]);
        first.learn(&log, false);
        assert_eq!(first.now.base.as_ref().unwrap().digest.as_deref(), Some("sha256:b"));
        assert_eq!(first.now.fragments[0].images[0].digest.as_deref(), Some("sha256:c"));
        first.keep().unwrap();
        let folder = dir.path().join(".factory/inputs/app");
        let names: Vec<_> = fs::read_dir(&folder).unwrap().flatten().map(|one| one.file_name()).collect();
        assert_eq!(names, ["linux-amd64.json"], "nothing half-written stays");
        let [second] = gathered(dir.path(), &Asked::default()).try_into().unwrap();
        assert_eq!(second.previous, Some(first.now));
        fs::write(folder.join("linux-amd64.json"), "{").unwrap();
        assert_eq!(gathered(dir.path(), &Asked::default())[0].previous, None);
    }

    #[test]
    fn every_platform_asked_for_has_inputs_of_its_own() {
        let dir = project();
        let platforms = vec!["linux/arm64/v8".to_owned(), "linux/amd64".into(), "linux/arm64".into()];
        let build_args = BTreeMap::from([("PORT".to_owned(), "81".to_owned())]);
        let asked = Asked { platforms, build_args, no_cache: NoCache::Everything, epoch: Some(7) };
        let all = gathered(dir.path(), &asked);
        let names: Vec<&str> = all.iter().map(|one| one.now.platform.as_str()).collect();
        assert_eq!(names, ["linux/arm64", "linux/amd64"]);
        assert_eq!(all[0].now.fragments[0].arguments["PORT"], "81");
        assert!(all[0].now.fragments[0].no_cache);
        assert_eq!(all[0].now.epoch, Some(7));
    }

    #[test]
    fn an_engine_of_another_platform_builds_the_products_first() {
        let dir = project();
        let product = Product::find("app", dir.path()).unwrap().check().unwrap();
        let all = gather(&product, dir.path(), &Asked::default(), "linux/s390x").unwrap();
        assert_eq!(all[0].now.platform, "linux/arm64");
    }
}
