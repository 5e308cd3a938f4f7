//! From the client's files to a checked product.

use std::sync::Arc;

use futures_util::future::join;
use llb_gen::check::CatalogueEntry;
use llb_gen::diagnostic::{Diagnostic, Diagnostics};
use llb_gen::lock::{FragmentId, Lock, LockMode};
use llb_gen::matrix::Plan;
use llb_gen::model::{Platform, Product};
use llb_gen::parse::RawManifest;
use llb_gen::target::REPORT;

use crate::catalogue::{self, Catalogue};
use crate::failure::Failure;
use crate::folder::Folder;
use crate::gateway::Gateway;
use crate::hints::Hints;
use crate::idle;
use crate::images::{Images, Wanted};
use crate::named::Resolver;
use crate::opening::Opening;
use crate::options::{NamedContext, Options};
use crate::request::{self, Locks};
use crate::{platforms, scanning};

/// Everything that is known before images are.
#[derive(Debug)]
pub struct Loaded<'b, G> {
    /// What the first calls brought.
    pub opening: Opening,
    /// The catalogue that the fragments are from.
    pub catalogue: Catalogue,
    /// The product.
    pub product: Product,
    /// What is worth saying without stopping the build.
    pub warnings: Vec<Diagnostic>,
    /// The lock.
    pub lock: Option<Arc<Lock>>,
    /// Images that were looked up.
    pub images: Images<'b, G>,
    /// The daemon's own platform.
    pub own: Platform,
    /// The platforms to build.
    pub platforms: Vec<Platform>,
}

/// What is looked up before it is known for sure that it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// The base's metadata, for a build.
    Base,
    /// Nothing, for a question about the files alone.
    Nothing,
}

/// Reads and checks a product. The base is looked up while its fragments are read.
///
/// # Errors
/// BuildKit's own, and every fault of every file.
pub async fn load<'b, G: Gateway>(
    gateway: &'b G,
    options: &'b Options,
    ahead: Ahead,
) -> Result<Loaded<'b, G>, Failure> {
    let opening = Opening::read(gateway, options).await?;
    Parsed::of(opening)?.checked(gateway, options, ahead).await
}

/// A manifest that is JSON of the right form, and nothing more yet.
#[derive(Debug)]
pub struct Parsed {
    opening: Opening,
    raw: RawManifest,
    lock: Option<Arc<Lock>>,
    own: Platform,
}

impl Parsed {
    /// Parses the manifest.
    ///
    /// # Errors
    /// The manifest's faults.
    pub fn of(opening: Opening) -> Result<Self, Failure> {
        if Plan::is_plan(&opening.manifest) {
            return Err(Failure::refused(format!(
                "`{}` is a plan, and this question is about one product: ask it of the plan's manifest, or `plan` of the plan",
                opening.manifest.path()
            )));
        }
        let lock = opening.lock.as_ref().map(Lock::parse).transpose();
        let (raw, lock) = both(RawManifest::parse(&opening.manifest), lock)?;
        let own = platforms::own(&opening.daemon)?;
        Ok(Self { opening, raw, lock: lock.map(Arc::new), own })
    }

    /// Reads the catalogue and checks the whole.
    ///
    /// # Errors
    /// BuildKit's own, and every fault of every file.
    pub async fn checked<'b, G: Gateway>(
        self,
        gateway: &'b G,
        options: &'b Options,
        ahead: Ahead,
    ) -> Result<Loaded<'b, G>, Failure> {
        let Self { opening, raw, lock, own } = self;
        let hints = Hints::of(&opening.manifest);
        let guessed = platforms::chosen(&options.platforms, &hints.platforms, &own);
        let mut images = Images::new(gateway, options, platforms::naming(&guessed));
        let folder =
            catalogue_folder(&Resolver { gateway, options, opening: &opening }, &mut images, &own).await?;
        let mut early =
            if ahead == Ahead::Base { early_lookups(options, &hints, &guessed) } else { Vec::new() };
        early.retain(|one| {
            lock.as_ref().is_none_or(|lock| lock.image(&one.reference, &one.platform).is_none())
        });
        early.extend(scanning::wanted(options, &own));
        let entries = raw.catalogue();
        let locked = requirements(lock.as_deref(), &entries);
        let (catalogue, ()) = join(
            catalogue::read(gateway, options, folder, &entries, opening.ahead.as_ref(), &locked),
            images.look_up(early),
        )
        .await;
        let catalogue = catalogue?;
        let (product, mut warnings) = Product::check(raw, &catalogue.files)?;
        warnings.extend(idle::warnings(&opening.manifest, options, &opening.context, [&product]));
        let supported: Vec<Platform> =
            product.manifest.platforms.iter().map(|one| one.value().clone()).collect();
        let platforms = platforms::chosen(&options.platforms, &supported, &own);
        Ok(Loaded { opening, catalogue, product, warnings, lock, images, own, platforms })
    }
}

/// Both values, or the faults of both files.
pub(crate) fn both<A, B>(
    first: Result<A, Diagnostics>,
    second: Result<B, Diagnostics>,
) -> Result<(A, B), Failure> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (first, second) => {
            let faults = first.err().into_iter().chain(second.err());
            Err(Failure::Diagnostics(
                faults.flat_map(|one| one.errors().cloned().collect::<Vec<_>>()).collect(),
            ))
        }
    }
}

/// The requirements files that a lock names for the fragments that are selected.
pub(crate) fn requirements(lock: Option<&Lock>, entries: &[CatalogueEntry]) -> Vec<String> {
    let selected = |id: &FragmentId| {
        let path = format!("{}/fragment.json", id.folder());
        entries.iter().any(|entry| entry.path == path)
    };
    lock.into_iter().flat_map(|lock| lock.requirements(selected)).collect()
}

impl<G> Loaded<'_, G> {
    /// The lock as a build follows it.
    pub fn locks(&self, options: &Options) -> Locks<'_> {
        let files = &self.catalogue.locked_files;
        Locks { lock: self.lock.as_ref(), files, mode: request::mode(options), resolve: false }
    }

    /// The lock as one that is being made.
    pub fn locks_in_the_making<'l>(&'l self, lock: &'l Arc<Lock>) -> Locks<'l> {
        let files = &self.catalogue.locked_files;
        Locks { lock: Some(lock), files, mode: LockMode::Quiet, resolve: true }
    }
}

/// The catalogue is the context's, unless the client names another.
pub(crate) async fn catalogue_folder<G: Gateway>(
    resolver: &Resolver<'_, G>,
    images: &mut Images<'_, G>,
    own: &Platform,
) -> Result<Folder, Failure> {
    let named = resolver.one(images, catalogue::CONTEXT_NAME, own).await?;
    Ok(named.map_or_else(|| resolver.opening.context.clone(), |named| named.folder))
}

/// The base on every platform that will most likely be built. Not for another target, which may need no base, nor
/// for one that a context stands in for.
fn early_lookups(options: &Options, hints: &Hints, platforms: &[Platform]) -> Vec<Wanted> {
    let is_product = options.target.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(REPORT));
    let Some(base) = hints.base.as_ref().filter(|_| is_product) else { return Vec::new() };
    let name = base.familiar();
    let is_image = |platform: &&Platform| {
        matches!(options.contexts.lookup(&name, &platform.to_string()), None | Some(NamedContext::Image(_)))
    };
    let wanted = |platform: &Platform| Wanted { reference: base.clone(), platform: platform.clone() };
    platforms.iter().filter(is_image).map(wanted).collect()
}
