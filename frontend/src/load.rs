//! From the client's files to a checked product.

use futures_util::future::join;
use llb_gen::diagnostic::Diagnostic;
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
        let raw = RawManifest::parse(&opening.manifest)?;
        let own = platforms::own(&opening.daemon)?;
        Ok(Self { opening, raw, own })
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
        let Self { opening, raw, own } = self;
        let hints = Hints::of(&opening.manifest);
        let guessed = platforms::chosen(&options.platforms, &hints.platforms, &own);
        let mut images = Images::new(gateway, options, platforms::naming(&guessed));
        let folder =
            catalogue_folder(&Resolver { gateway, options, opening: &opening }, &mut images, &own).await?;
        let mut early =
            if ahead == Ahead::Base { early_lookups(options, &hints, &guessed) } else { Vec::new() };
        early.extend(scanning::wanted(options, &own));
        let entries = raw.catalogue();
        let (catalogue, ()) = join(
            catalogue::read(gateway, options, folder, &entries, opening.ahead.as_ref()),
            images.look_up(early),
        )
        .await;
        let catalogue = catalogue?;
        let (product, mut warnings) = Product::check(raw, &catalogue.files)?;
        warnings.extend(idle::warnings(&opening.manifest, options, &opening.context, [&product]));
        let supported: Vec<Platform> =
            product.manifest.platforms.iter().map(|one| one.value().clone()).collect();
        let platforms = platforms::chosen(&options.platforms, &supported, &own);
        Ok(Loaded { opening, catalogue, product, warnings, images, own, platforms })
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
