//! Makes a lock: every name of a product is resolved, where it will be used.
//!
//! What a step installs depends on what is there when it runs. So steps are asked in rounds: those first whose roots are final,
//! then, with what these came to locked, those that are built on them. The roots are the very vertices of the build that follows the
//! lock, and come from its cache, or it from theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::{join, try_join_all};
use llb_gen::diagnostic::Diagnostic;
use llb_gen::draft::{Draft, ImageLookup};
use llb_gen::llb::{OpDigest, State};
use llb_gen::lock::{
    Difference, FragmentId, Installer, Lock, LockTarget, PipOption, Resolved, StepPath, path_of,
    requirements, resolved,
};
use llb_gen::lower::Resolution;
use llb_gen::model::{Digest, ImageRef};
use llb_gen::ordered::ordered;
use llb_gen::request::Request;
use llb_gen::text::{Place, SourceFile};

use crate::catalogue::{CONTEXT_NAME, Catalogue};
use crate::failure::Failure;
use crate::files::{self, Content};
use crate::gateway::{Gateway, Ref, SolveRequest};
use crate::images::Wanted;
use crate::judging::evidence;
use crate::load::{Ahead, Loaded, Parsed};
use crate::named::NamedContexts;
use crate::opening::Opening;
use crate::options::{Locked, Options};
use crate::own_files::{Taken, holder};
use crate::status::Status;
use crate::subrequest::{self, Answer};
use crate::{answers, planning, run};

/// The longest answer of an installer, in bytes: pip repeats the descriptions of all packages.
const MAX_ANSWER: u64 = 64 << 20;

/// Resolves what the lock does not have, or everything, and says what that changes.
///
/// # Errors
/// BuildKit's own, faults of files, and names that do not resolve to anything that could be locked.
pub async fn lock<G: Gateway>(
    gateway: &G,
    options: &Options,
    own_image: Option<&State>,
) -> Result<Answer, Failure> {
    allowed(options)?;
    let mut opening = Opening::read(gateway, options).await?;
    let committed = opening.lock.clone();
    let before = before(committed.as_ref(), options)?;
    if options.lock_update {
        opening.lock = None;
    }
    let path = path_of(opening.manifest.path());
    let mut loaded = Parsed::of(opening)?.checked(gateway, options, Ahead::Nothing).await?;
    if options.platforms.is_empty() && !loaded.product.manifest.platforms.is_empty() {
        loaded.platforms = loaded.product.manifest.platforms.iter().map(|one| one.value().clone()).collect();
    }
    let contexts = run::contexts(gateway, options, &mut loaded, own_image).await?;
    let id = loaded.product.manifest.id.to_string();
    let known = before.clone().filter(|lock| !options.lock_update && lock.manifest == id);
    let lock = known.unwrap_or_else(|| Lock::empty(&id));
    let mut making = Making { gateway, options, own_image, contexts, lock, resolved: BTreeSet::new() };
    making.images(&mut loaded).await?;
    while making.round(&mut loaded).await? {}
    let lock = making.finished(&loaded, before.as_ref())?;
    let difference = Difference::between(before.as_ref(), &lock);
    Ok(subrequest::lock(&path, committed.as_ref().map(SourceFile::bytes), &difference, &lock))
}

/// What makes no sense of this question.
fn allowed(options: &Options) -> Result<(), Failure> {
    if options.target.as_deref().is_some_and(|target| !target.is_empty()) {
        return Err(Failure::refused("a lock is that of the whole product: `lock` takes no target"));
    }
    if options.built_on.is_some() {
        return Err(Failure::refused(
            "`lock` does not go with FACTORY_BUILT_ON: a lock is about the names in the files",
        ));
    }
    match options.locked {
        Locked::Never => Err(Failure::refused(
            "`lock` does not go with FACTORY_LOCKED=0, which means that there is no lock",
        )),
        Locked::WhereThere | Locked::Always => Ok(()),
    }
}

/// The lock that is there. One that cannot be read is no obstacle where everything is resolved anew.
fn before(committed: Option<&SourceFile>, options: &Options) -> Result<Option<Lock>, Failure> {
    match committed.map(Lock::parse).transpose() {
        Ok(lock) => Ok(lock),
        Err(_) if options.lock_update => Ok(None),
        Err(faults) => Err(faults.into()),
    }
}

/// A lock that is being made.
struct Making<'b, G> {
    gateway: &'b G,
    options: &'b Options,
    own_image: Option<&'b State>,
    contexts: NamedContexts,
    lock: Lock,
    /// Steps that were asked already.
    resolved: BTreeSet<(FragmentId, LockTarget, StepPath)>,
}

impl<G: Gateway> Making<'_, G> {
    fn requests(&self, loaded: &Loaded<'_, G>) -> Vec<Request> {
        let lock = Arc::new(self.lock.clone());
        let locks = loaded.locks_in_the_making(&lock);
        run::requests(loaded, self.options, &self.contexts, self.own_image, locks)
    }

    /// Looks up the images that the lock does not have.
    async fn images(&mut self, loaded: &mut Loaded<'_, G>) -> Result<(), Failure> {
        let requests = self.requests(loaded);
        let mut wanted: Vec<(ImageLookup, Place, Wanted)> = Vec::new();
        for request in &requests {
            let draft = Draft::new(&loaded.product, request)?;
            for lookup in draft.lookups() {
                let place = draft.place_of(lookup).clone();
                if request.lock.replaced.contains(&lookup.reference.familiar()) {
                    return Err(replaced(lookup, &place));
                }
                if draft.locked(lookup).is_none() {
                    wanted.push((lookup.clone(), place, self.wanted(lookup)));
                }
            }
        }
        loaded.images.look_up(wanted.iter().map(|(_, _, wanted)| wanted.clone())).await;
        for (lookup, place, wanted) in wanted {
            let found = loaded.images.found(&wanted)?;
            let fault = |why: &str| {
                let message = format!("the image `{}` cannot be locked: {why}", lookup.reference.familiar());
                Failure::Diagnostics(vec![Diagnostic::error("not-lockable", &place, message)])
            };
            let digest = found
                .reference
                .digest()
                .ok_or_else(|| fault("only the engine's own store has it, without a digest"))?;
            let (reference, platform) = (lookup.reference.clone(), lookup.platform.clone());
            let config =
                found.config.as_ref().ok_or_else(|| fault("what stands in for it has no image config"))?;
            let added = self.lock.add_image(reference, platform, digest, config);
            added.map_err(|why| fault(&format!("its config cannot be read: {why}")))?;
        }
        Ok(())
    }

    /// A further platform is of the index that the others are of.
    fn wanted(&self, lookup: &ImageLookup) -> Wanted {
        let known = self.lock.images.get(&lookup.reference);
        let pinned = |digest: &Digest| -> ImageRef { lookup.reference.with_digest(digest.clone()) };
        let reference = known.map_or_else(|| lookup.reference.clone(), |image| pinned(&image.digest));
        Wanted { reference, platform: lookup.platform.clone() }
    }

    /// Asks the steps whose roots are final; whether there were any.
    async fn round(&mut self, loaded: &mut Loaded<'_, G>) -> Result<bool, Failure> {
        let requests = self.requests(loaded);
        let mut asked: Vec<Resolution> = Vec::new();
        for request in &requests {
            let draft = Draft::new(&loaded.product, request)?;
            let found = answers::of(&draft, self.options, request.naming, &loaded.images, &self.contexts)?;
            let lowered = draft.pin(found)?.lower_any_size();
            asked.extend(lowered.map_err(|error| planning::not_lowered(&error))?.resolutions);
        }
        let catalogue = &loaded.catalogue;
        let answers = try_join_all(asked.iter().map(|one| self.resolve(catalogue, one))).await?;
        let any = !asked.is_empty();
        for (one, (found, files)) in asked.into_iter().zip(answers) {
            let key = (one.fragment.clone(), one.target.clone(), one.path.clone());
            if !self.resolved.insert(key) {
                return Err(Failure::refused(format!("{}: what it installs does not settle", one.title)));
            }
            loaded.catalogue.locked_files.extend(files);
            self.lock.add_step((one.fragment, one.target, one.built_on), one.path, one.asked, found);
        }
        Ok(any)
    }

    /// What a step resolves to, and the digests of the requirements files that it read, by their whole paths.
    async fn resolve(
        &self,
        catalogue: &Catalogue,
        asked: &Resolution,
    ) -> Result<(Resolved, BTreeMap<String, String>), Failure> {
        let fault = |why: String| {
            let message = format!("this step cannot be locked: {why}");
            Failure::Diagnostics(vec![Diagnostic::error("not-lockable", &asked.place, message)])
        };
        let (answer, read) = join(self.answer(asked), self.requirements(catalogue, asked)).await;
        let (answer, read) = (answer?, read?.map_err(&fault)?);
        let packages = match asked.installer {
            Installer::Apt => {
                return resolved::apt(&String::from_utf8_lossy(&answer))
                    .map(|packages| (Resolved::Apt(packages), BTreeMap::new()))
                    .map_err(fault);
            }
            Installer::Pip => resolved::pip(&answer),
            Installer::Uv => resolved::uv(&String::from_utf8_lossy(&answer)),
        };
        let whole = |(path, digest): (&String, &Digest)| {
            (format!("{}/{path}", asked.fragment.folder()), digest.to_string())
        };
        let files = ordered(read.files.iter().map(whole));
        let found = resolved::locked_pip(packages.map_err(fault)?, read.files, read.options);
        Ok((Resolved::Pip(found), files))
    }

    /// What the installer said.
    async fn answer(&self, asked: &Resolution) -> Result<Vec<u8>, Failure> {
        let request = SolveRequest {
            definition: asked.answer.marshal(),
            resources: asked.answer.resources(),
            cache_imports: self.options.cache_imports.clone(),
            evaluate: true,
        };
        let unusable = |why: String| Failure::refused(format!("{}: {why}", asked.title));
        let reference = self.gateway.solve(request).await?;
        let reference = reference.ok_or_else(|| unusable("BuildKit kept no result".to_owned()))?;
        let read = evidence::read(self.gateway, &reference, asked.installer.file(), MAX_ANSWER).await;
        read.map_err(|error| unusable(error.to_string()))
    }

    /// The requirements files that a step names, and those that these name, from the transfer that the step itself takes them of.
    async fn requirements(
        &self,
        catalogue: &Catalogue,
        asked: &Resolution,
    ) -> Result<Result<Read, String>, Failure> {
        let mut read = Read::default();
        if asked.requirements.is_empty() {
            return Ok(Ok(read));
        }
        let definition = asked.answer.marshal();
        let Some(holder) = holder(self.options, catalogue, &definition, Taken::BySteps) else {
            return Ok(Err("the fragment's files are not among what the step takes".to_owned()));
        };
        let reference = holder.reference(self.gateway).await?;
        let folder = asked.fragment.folder();
        let mut wanted: Vec<String> = asked.requirements.clone();
        while !wanted.is_empty() {
            let paths: Vec<String> = wanted.iter().map(|path| format!("{folder}/{path}")).collect();
            let contents = read_all(self.gateway, reference.as_ref(), &paths).await?;
            let mut next = Vec::new();
            for (path, content) in wanted.drain(..).zip(contents) {
                match content {
                    Content::File(bytes) => match read.add(&path, &bytes) {
                        Ok(files) => next.extend(files),
                        Err(why) => return Ok(Err(why)),
                    },
                    Content::Missing => return Ok(Err(format!("there is no `{folder}/{path}`"))),
                    Content::Unreadable(why) => return Ok(Err(format!("`{folder}/{path}` {why}"))),
                }
            }
            next.retain(|path| !read.files.contains_key(path));
            next.dedup();
            wanted = next;
        }
        Ok(Ok(read))
    }

    /// The lock with what is used, and nothing else; and with what there was for platforms that were not asked for.
    fn finished(&self, loaded: &Loaded<'_, G>, before: Option<&Lock>) -> Result<Lock, Failure> {
        let mut lock = Lock::empty(&self.lock.manifest);
        let requests = self.requests(loaded);
        for request in &requests {
            let draft = Draft::new(&loaded.product, request)?;
            for lookup in draft.lookups() {
                lock.take_image(&self.lock, &lookup.reference, &lookup.platform);
            }
            let found = answers::of(&draft, self.options, request.naming, &loaded.images, &self.contexts)?;
            let plan = draft.pin(found)?;
            for (fragment, target, _, path) in plan.lockable() {
                lock.take_step(&self.lock, fragment, target, path);
            }
        }
        if let Some(before) = before.filter(|_| !self.options.platforms.is_empty()) {
            let asked: Vec<String> = loaded.platforms.iter().map(ToString::to_string).collect();
            let selected: Vec<FragmentId> =
                loaded.product.fragments.iter().map(|one| FragmentId::new(&one.name, &one.version)).collect();
            lock.take_others(
                before,
                |fragment| selected.contains(fragment),
                |platform| !asked.iter().any(|one| one == platform),
            );
        }
        Ok(lock)
    }
}

async fn read_all<G: Gateway>(
    gateway: &G,
    reference: Option<&Ref>,
    paths: &[String],
) -> Result<Vec<Content>, Status> {
    files::read_all(gateway, reference, paths).await
}

/// Requirements files that were read.
#[derive(Default)]
struct Read {
    files: BTreeMap<String, Digest>,
    options: Vec<PipOption>,
}

impl Read {
    /// Adds a file; those that it names.
    fn add(&mut self, path: &str, bytes: &[u8]) -> Result<Vec<String>, String> {
        let digest = OpDigest::of(bytes).to_string();
        let digest = digest.parse().map_err(|fault| format!("{digest}: {fault}"))?;
        self.files.insert(path.to_owned(), digest);
        let found = requirements::read(path, &String::from_utf8_lossy(bytes))?;
        for option in found.options {
            if !self.options.contains(&option) {
                self.options.push(option);
            }
        }
        Ok(found.files)
    }
}

fn replaced(lookup: &ImageLookup, place: &Place) -> Failure {
    let name = lookup.reference.familiar();
    let message =
        format!("a named context stands in for `{name}`, and a lock is about the names in the files");
    let fault = Diagnostic::error("not-lockable", place, message);
    Failure::Diagnostics(vec![
        fault.help(format!("leave away `--build-context {name}=…` (any but `{CONTEXT_NAME}`)")),
    ])
}
