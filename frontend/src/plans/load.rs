//! From a plan file to checked products, one for every combination.

use std::sync::Arc;

use futures_util::future::join;
use llb_gen::chart::Chart;
use llb_gen::diagnostic::{Diagnostic, nearest};
use llb_gen::draft::Draft;
use llb_gen::lint::Settings;
use llb_gen::llb::State;
use llb_gen::lock::{Lock, LockMode};
use llb_gen::matrix::{Combination, Listing, ListingRow, Plan};
use llb_gen::model::{Platform, Product};
use llb_gen::parse::{RawManifest, RawPlan};
use llb_gen::request::Request;
use llb_gen::text::SourceFile;

use super::row::Row;
use super::transfers::Transfers;
use crate::catalogue::{self, Catalogue};
use crate::failure::Failure;
use crate::files::{self, Content};
use crate::folder::{self, Opened};
use crate::gateway::{Gateway, Ref};
use crate::images::Images;
use crate::linting::{self, Case};
use crate::load::{both, catalogue_folder, requirements};
use crate::named::{Demand, NamedContexts, Resolver};
use crate::opening::Opening;
use crate::options::{Locked, Options};
use crate::request::{Common, Locks};
use crate::status::Status;
use crate::{answers, idle, planning, platforms};

/// What a plan may need, in one transfer: which of it only the manifest says, which is among it.
const PATTERNS: [&str; 3] =
    ["manifests/*.json", "manifests/templates/*/*.json", "fragments/*/*/fragment.json"];

/// A plan with everything that its combinations select.
#[derive(Debug)]
pub struct LoadedPlan<'b, G> {
    /// What the first calls brought; its manifest is the plan's file.
    pub opening: Opening,
    /// The plan.
    pub plan: Plan,
    /// The catalogue that the manifest and the fragments are from.
    pub catalogue: Catalogue,
    /// The products of the combinations, in their order.
    pub products: Vec<Product>,
    /// What is worth saying without stopping the build.
    pub warnings: Vec<Diagnostic>,
    /// The lock of the manifest: what a combination selects as the manifest does is locked.
    pub lock: Option<Arc<Lock>>,
    /// Images that were looked up.
    pub images: Images<'b, G>,
    /// The daemon's own platform.
    pub own: Platform,
}

/// Reads and checks a plan.
///
/// # Errors
/// BuildKit's own, and every fault of every file that any combination needs.
pub async fn load<'b, G: Gateway>(
    gateway: &'b G,
    options: &'b Options,
    opening: Opening,
) -> Result<LoadedPlan<'b, G>, Failure> {
    let (plan, mut warnings) = Plan::check(RawPlan::parse(&opening.manifest)?)?;
    let own = platforms::own(&opening.daemon)?;
    let naming = platforms::naming(&asked(&plan, options));
    let mut images = Images::new(gateway, options, naming);
    let resolver = Resolver { gateway, options, opening: &opening };
    let folder = catalogue_folder(&resolver, &mut images, &own).await?;
    let patterns = PATTERNS.map(str::to_owned);
    let title = "[internal] load manifest, templates and fragments";
    let opened = folder::control_files(options, &folder, &patterns, "plan", title).open(gateway).await?;
    let reference = opened.reference.as_ref();
    let (manifest, lock) =
        join(manifest(gateway, &opened, &plan), lock(gateway, options, reference, &plan)).await;
    let (manifest, lock) = (manifest?, lock?);
    let (manifest, lock) = both(RawManifest::parse(&manifest), lock.as_ref().map(Lock::parse).transpose())?;
    let entries = plan.catalogue(&manifest);
    let locked = requirements(lock.as_ref(), &entries);
    let (catalogue, locked_files) = join(
        catalogue::found_in(gateway, options, folder.clone(), opened.clone(), &entries),
        catalogue::locked_files(gateway, options, &folder, &locked),
    )
    .await;
    let catalogue = Catalogue { locked_files: locked_files?, ..catalogue? };
    let (products, more) = plan.products(&manifest, &catalogue.files)?;
    warnings.extend(more);
    warnings.extend(idle::warnings(&opening.manifest, options, &opening.context, &products));
    let lock = lock.map(Arc::new);
    Ok(LoadedPlan { opening, plan, catalogue, products, warnings, lock, images, own })
}

/// The lock of the manifest that is varied, from the same transfer.
async fn lock<G: Gateway>(
    gateway: &G,
    options: &Options,
    reference: Option<&Ref>,
    plan: &Plan,
) -> Result<Option<SourceFile>, Failure> {
    if options.locked == Locked::Never {
        return Ok(None);
    }
    let path = llb_gen::lock::path_of(&plan.manifest_path());
    match files::read(gateway, reference, &path).await? {
        Content::File(bytes) => Ok(Some(SourceFile::new(path, bytes))),
        Content::Missing => Ok(None),
        Content::Unreadable(reason) => Err(Failure::refused(format!("the lock `{path}` {reason}"))),
    }
}

/// The manifest that is varied.
async fn manifest<G: Gateway>(gateway: &G, opened: &Opened, plan: &Plan) -> Result<SourceFile, Failure> {
    let (path, reference) = (plan.manifest_path(), opened.reference.as_ref());
    match files::read(gateway, reference, &path).await? {
        Content::File(bytes) => Ok(SourceFile::loaded(path, bytes, opened.loading.clone())),
        Content::Unreadable(reason) => {
            let fault =
                Diagnostic::error("unreadable-file", plan.manifest.place(), format!("`{path}` {reason}"));
            Err(Failure::Diagnostics(vec![fault]))
        }
        Content::Missing => {
            let names = catalogue::children(gateway, reference, "manifests").await?;
            Err(Failure::Diagnostics(vec![no_manifest(plan, &path, &names)]))
        }
    }
}

fn no_manifest(plan: &Plan, path: &str, names: &[String]) -> Diagnostic {
    let known: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(".json")).collect();
    let id = plan.manifest.as_str();
    let message = format!("manifest `{id}` does not exist: there is no `{path}`");
    let near = nearest(id, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
    let listed = (!known.is_empty()).then(|| format!("there are {}", llb_gen::diagnostic::listed(known)));
    Diagnostic::error("missing-file", plan.manifest.place(), message).maybe_help(near.or(listed))
}

/// The platforms that are asked for: by the client, or else by the plan.
fn asked(plan: &Plan, options: &Options) -> Vec<Platform> {
    match options.platforms.is_empty() {
        true => plan.platforms.iter().map(|one| one.value().clone()).collect(),
        false => options.platforms.clone(),
    }
}

impl<G: Gateway> LoadedPlan<'_, G> {
    /// The platforms of a combination: the one that its axis says, those asked for, or that of a plain build.
    fn platforms(&self, options: &Options, combination: &Combination, product: &Product) -> Vec<Platform> {
        if let Some(platform) = combination.platform() {
            return vec![platform.clone()];
        }
        let supported: Vec<Platform> =
            product.manifest.platforms.iter().map(|one| one.value().clone()).collect();
        platforms::chosen(&asked(&self.plan, options), &supported, &self.own)
    }

    /// Every combination with its product, on every platform.
    fn tried(&self, options: &Options) -> Vec<(usize, Platform)> {
        let products = self.plan.combinations().iter().zip(&self.products).enumerate();
        let of = |(at, (combination, product)): (usize, (&Combination, &Product))| {
            let platforms = self.platforms(options, combination, product);
            platforms.into_iter().map(move |platform| (at, platform)).collect::<Vec<_>>()
        };
        products.flat_map(of).collect()
    }

    /// What would be tried.
    pub fn listing(&self, options: &Options) -> Listing {
        let row = |(at, platform): (usize, Platform)| {
            let (combination, product) = (&self.plan.combinations()[at], &self.products[at]);
            let expected = self.plan.expected(combination, &platform);
            ListingRow::of(product, &platform.to_string()).of_combination(combination, expected)
        };
        Listing {
            plan_id: Some(self.plan.id.to_string()),
            manifest_id: self.plan.manifest.to_string(),
            strategy: Some(self.plan.strategy.as_str().to_owned()),
            rows: self.tried(options).into_iter().map(row).collect(),
        }
    }

    /// What is worth saying of combinations that can be built.
    ///
    /// # Errors
    /// What somebody wants to end the build, and BuildKit's own.
    pub(super) async fn doubts(
        &self,
        gateway: &G,
        options: &Options,
        rows: &[Row],
    ) -> Result<Vec<Diagnostic>, Failure> {
        let settings = Settings::of(&self.products, &options.check);
        let mut found = self.warnings.clone();
        if settings.may_fail() {
            let tried = self.tried(options);
            let requests = self.requests(options, &NamedContexts::new(), None, &tried);
            let planned = rows.iter().filter_map(Row::planned);
            let cases = self.cases(&tried, requests);
            found.extend(linting::judged(gateway, options, &self.catalogue, &cases, planned).await?);
        }
        settings.for_build(found).map_err(Failure::Diagnostics)
    }

    /// All that is wrong or doubtful with any combination.
    ///
    /// # Errors
    /// BuildKit's own.
    pub async fn examine(
        &mut self,
        gateway: &G,
        options: &Options,
        own_image: Option<&State>,
    ) -> Result<Vec<Diagnostic>, Failure> {
        let tried = self.tried(options);
        let contexts = self.contexts(gateway, options, own_image, &tried).await?;
        let requests = self.requests(options, &contexts, own_image, &tried);
        let products = &self.products;
        let case =
            |((at, _), request): (&(usize, Platform), Request)| Case { product: &products[*at], request };
        let cases: Vec<Case<'_>> = tried.iter().zip(requests).map(case).collect();
        linting::examine(gateway, options, &mut self.images, &contexts, &self.catalogue, &cases).await
    }

    fn cases(&self, tried: &[(usize, Platform)], requests: Vec<Request>) -> Vec<Case<'_>> {
        let case = |((at, _), request): (&(usize, Platform), Request)| Case {
            product: &self.products[*at],
            request,
        };
        tried.iter().zip(requests).map(case).collect()
    }

    /// The graphs of all combinations put together.
    ///
    /// # Errors
    /// As [`Self::rows`], and the first image that is not found.
    pub async fn chart(
        &mut self,
        gateway: &G,
        options: &Options,
        own_image: Option<&State>,
    ) -> Result<Chart, Failure> {
        let mut chart = Chart::default();
        for row in self.rows(gateway, options, own_image).await? {
            let planned = row.planned_or_why()?;
            let name = format!("{} {}", row.slug(), planned.platform);
            chart.add(&name, &planned.platform, &planned.lowered.graph);
        }
        Ok(chart)
    }

    /// Every combination planned on each of its platforms. Images that cannot be found are the business of the
    /// combinations that need them.
    ///
    /// # Errors
    /// What cannot be built as it is written, of all combinations together.
    pub(super) async fn rows(
        &mut self,
        gateway: &G,
        options: &Options,
        own_image: Option<&State>,
    ) -> Result<Vec<Row>, Failure> {
        let tried = self.tried(options);
        let contexts = self.contexts(gateway, options, own_image, &tried).await?;
        let requests = self.requests(options, &contexts, own_image, &tried);
        self.look_up(&tried, &requests, &contexts).await?;
        let rows = self.planned(options, &tried, &requests, &contexts).await?;
        let transfers = Transfers::of(&rows);
        if transfers.are_shared(&rows) {
            return Ok(rows);
        }
        drop(rows);
        let requests: Vec<Request> = requests.into_iter().map(|request| transfers.widened(request)).collect();
        self.planned(options, &tried, &requests, &contexts).await
    }

    /// The rows of these requests.
    async fn planned(
        &mut self,
        options: &Options,
        tried: &[(usize, Platform)],
        requests: &[Request],
        contexts: &NamedContexts,
    ) -> Result<Vec<Row>, Failure> {
        let mut rows = Vec::with_capacity(tried.len());
        let mut faults: Vec<Diagnostic> = Vec::new();
        for ((at, platform), request) in tried.iter().zip(requests) {
            let product = &self.products[*at];
            let one = std::slice::from_ref(request);
            let combination = self.plan.combinations()[*at].clone();
            match planning::plan(options, &mut self.images, product, one, contexts).await {
                Ok(mut planned) => {
                    self.warnings.append(&mut planned.warnings);
                    let planned = planned.platforms.pop();
                    rows.extend(planned.map(|one| Row::planned_as(combination, platform.clone(), one)));
                }
                Err(Failure::BuildKit(status)) => {
                    rows.push(Row::unresolved(combination, platform.clone(), status));
                }
                Err(Failure::Diagnostics(more)) => faults.extend(more),
                Err(other) => return Err(other),
            }
        }
        let mut distinct: Vec<Diagnostic> = Vec::new();
        for fault in faults {
            if !distinct.contains(&fault) {
                distinct.push(fault);
            }
        }
        match distinct.is_empty() {
            true => Ok(rows),
            false => Err(Failure::Diagnostics(distinct)),
        }
    }

    /// The named contexts that any of the products may use.
    async fn contexts(
        &mut self,
        gateway: &G,
        options: &Options,
        own_image: Option<&State>,
        tried: &[(usize, Platform)],
    ) -> Result<NamedContexts, Failure> {
        if options.contexts.named.is_empty() {
            return Ok(NamedContexts::new());
        }
        let requests = self.requests(options, &NamedContexts::new(), own_image, tried);
        // What cannot be drafted is told when it is planned.
        let drafts = tried.iter().zip(&requests).filter_map(|((at, platform), request)| {
            Some(Demand::of(&Draft::new(&self.products[*at], request).ok()?, platform))
        });
        let mut demands: Vec<Demand> = Vec::new();
        for demand in drafts {
            if !demands.contains(&demand) {
                demands.push(demand);
            }
        }
        let platforms: Vec<Platform> = tried.iter().map(|(_, platform)| platform.clone()).collect();
        self.warnings.extend(idle::contexts(&self.opening.manifest, options, &demands, &platforms));
        let resolver = Resolver { gateway, options, opening: &self.opening };
        resolver.contexts(&mut self.images, &demands).await
    }

    fn requests(
        &self,
        options: &Options,
        contexts: &NamedContexts,
        own_image: Option<&State>,
        tried: &[(usize, Platform)],
    ) -> Vec<Request> {
        let mut all: Vec<Platform> = Vec::new();
        for (_, platform) in tried {
            if !all.contains(platform) {
                all.push(platform.clone());
            }
        }
        let common = Common {
            options,
            opening: &self.opening,
            catalogue: &self.catalogue.folder,
            contexts,
            own: &self.own,
            naming: platforms::naming(&all),
            own_image,
            lock: Locks {
                lock: self.lock.as_ref(),
                files: &self.catalogue.locked_files,
                // What is varied is not locked, and is meant not to be.
                mode: if options.locked == Locked::Always { LockMode::Enforce } else { LockMode::Quiet },
                resolve: false,
            },
        };
        let request = |platform: &Platform| Request { target: None, ..common.request(platform) };
        tried.iter().map(|(_, platform)| request(platform)).collect()
    }

    /// Looks up the images of all combinations at the same time.
    async fn look_up(
        &mut self,
        tried: &[(usize, Platform)],
        requests: &[Request],
        contexts: &NamedContexts,
    ) -> Result<(), Status> {
        let mut wanted = Vec::new();
        for ((at, _), request) in tried.iter().zip(requests) {
            // What cannot be drafted is told when it is planned.
            if let Ok(draft) = Draft::new(&self.products[*at], request) {
                wanted.extend(answers::wanted(&draft, contexts));
            }
        }
        self.images.look_up(wanted).await;
        Ok(())
    }
}
