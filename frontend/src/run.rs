//! The story of one build.

use std::ffi::OsString;
use std::pin::pin;

use bollard_buildkit_proto::pb;
use futures_util::future::{Either, join, select, try_join, try_join_all};
use llb_gen::diagnostic::Diagnostic;
use llb_gen::draft::Draft;
use llb_gen::lint::Settings;
use llb_gen::llb::{Graph, State};
use llb_gen::matrix::{Listing, ListingRow, Plan};
use llb_gen::model::{Platform, Product};
use llb_gen::request::Request;
use llb_gen::target::Target;

use crate::failure::Failure;
use crate::gateway::fitting::Fitting;
use crate::gateway::{Attestation, BuildResult, Gateway, Ref, SolveRequest};
use crate::identity::identify;
use crate::linting::{self, Case};
use crate::load::{Ahead, Loaded, Parsed, load};
use crate::named::{Demand, NamedContexts, Resolver};
use crate::opening::Opening;
use crate::options::Options;
use crate::own_files::Named;
use crate::own_helper::Helper;
use crate::planning::{Planned, PlannedPlatform};
use crate::plans::{self, Trial};
use crate::proving::Prover;
use crate::report::Workshop;
use crate::request::{Common, Locks};
use crate::result::{self, PlatformResult, Shape};
use crate::status::Status;
use crate::subrequest::{self, Answer, Subrequest};
use crate::{
    epoch, explaining, graphing, idle, locking, own_files, planning, platforms, rights, scanning, warnings,
};

/// What BuildKit gave the process besides the connection.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// Environment variables.
    pub environment: Vec<(OsString, OsString)>,
    /// The definition of the frontend's own image, encoded, where the daemon gives it.
    pub own_image: Option<Vec<u8>>,
    /// The helper in the frontend's own image.
    pub helper: Helper,
}

/// Runs one build and returns its outcome to BuildKit.
///
/// # Errors
/// When the outcome cannot be returned; nobody is left to tell then.
pub async fn serve(gateway: &impl Gateway, surroundings: Surroundings) -> Result<(), Status> {
    let gateway = Fitting::new(gateway);
    let outcome = answer(&gateway, surroundings).await.map_err(Failure::into_status);
    gateway.finish(outcome).await
}

async fn answer(gateway: &impl Gateway, surroundings: Surroundings) -> Result<BuildResult, Failure> {
    let mut options = Options::from_env(surroundings.environment)?;
    epoch::resolve(gateway, &mut options).await?;
    let own_image = surroundings.own_image.as_deref().map(own_image).transpose()?;
    match options.request.as_deref().map(Subrequest::from_id).transpose()? {
        None => build(gateway, &options, own_image.as_ref(), &surroundings.helper).await,
        Some(asked) => subrequest(gateway, &options, asked, own_image.as_ref(), &surroundings.helper)
            .await
            .map(Answer::into_result),
    }
}

fn own_image(definition: &[u8]) -> Result<State, Failure> {
    State::decode(definition).map_err(|error| {
        Failure::refused(format!("the definition of the frontend's own image cannot be used: {error}"))
    })
}

/// A build: load the product, plan it for every platform, solve and test, and put the result together.
async fn build<G: Gateway>(
    gateway: &G,
    options: &Options,
    own_image: Option<&State>,
    helper: &Helper,
) -> Result<BuildResult, Failure> {
    let opening = Opening::read(gateway, options).await?;
    if Plan::is_plan(&opening.manifest) {
        return Trial { options, own_image, helper }.build(gateway, opening).await;
    }
    let mut loaded = Parsed::of(opening)?.checked(gateway, options, Ahead::Base).await?;
    let contexts = contexts(gateway, options, &mut loaded, own_image).await?;
    let requests = requests(&loaded, options, &contexts, own_image, loaded.locks(options));
    let planned = planning::plan(options, &mut loaded.images, &loaded.product, &requests, &contexts).await?;
    let warnings = doubts(gateway, options, &loaded, &requests, &planned).await?;
    if Target::choose(&loaded.product, options.target.as_deref()) == Ok(Target::Report) {
        let (catalogue, own) = (&loaded.catalogue, &loaded.own);
        let workshop = Workshop { options, own_image, helper, catalogue, own };
        let report = workshop.report(gateway, &planned.platforms);
        let (reported, shown) =
            join(report, warnings::show(gateway, &loaded.opening.vertex, &warnings)).await;
        return reported.and_then(|reported| Ok(shown.map(|()| reported)?));
    }
    let (solved, shown) = join(
        finish(gateway, options, &loaded, &planned.platforms, helper),
        warnings::show(gateway, &loaded.opening.vertex, &warnings),
    )
    .await;
    let explained = |failure| match failure {
        Failure::BuildKit(status) => Failure::BuildKit(rights::explained(status, &planned.platforms)),
        other => other,
    };
    let (refs, attestations) = solved.map_err(explained)?;
    shown?;
    let shape = Shape::of(requests.len(), options.multi_platform);
    Ok(result::assemble(shape, platform_results(planned.platforms, refs, attestations), options.epoch))
}

/// What is worth saying of a product that can be built.
///
/// # Errors
/// What somebody wants to end the build.
async fn doubts<G: Gateway>(
    gateway: &G,
    options: &Options,
    loaded: &Loaded<'_, G>,
    requests: &[Request],
    planned: &Planned,
) -> Result<Vec<Diagnostic>, Failure> {
    let settings = Settings::of([&loaded.product], &options.check);
    let mut found: Vec<Diagnostic> = loaded.warnings.iter().chain(&planned.warnings).cloned().collect();
    found.extend(scanning::warnings(options, &loaded.opening.manifest, &planned.platforms));
    if settings.may_fail() {
        let case = |request: &Request| Case { product: &loaded.product, request: request.clone() };
        let cases: Vec<Case<'_>> = requests.iter().map(case).collect();
        let planned = planned.platforms.iter();
        found.extend(linting::judged(gateway, options, &loaded.catalogue, &cases, planned).await?);
    }
    settings.for_build(found).map_err(Failure::Diagnostics)
}

/// Solves the products, judges them, and attests what is known of them.
async fn finish<G: Gateway>(
    gateway: &G,
    options: &Options,
    loaded: &Loaded<'_, G>,
    planned: &[PlannedPlatform],
    helper: &Helper,
) -> Result<(Vec<Option<Ref>>, Vec<Vec<Attestation>>), Failure> {
    let prover = Prover { gateway, options, catalogue: &loaded.catalogue, own: &loaded.own, helper };
    let named: Vec<Named<'_>> = planned.iter().flat_map(PlannedPlatform::named_files).collect();
    let sound = own_files::sound(gateway, options, &loaded.catalogue, &named);
    let products = async { Ok(solve(gateway, options, planned).await?) };
    let scans = scanning::scan(gateway, options, &loaded.images, &loaded.own, planned);
    let products = try_join(products, scans);
    let ((), ((refs, scanned), proofs)) = before(sound, before(products, prover.prove(planned))).await?;
    let mut attestations = prover.release(planned, &proofs).await?;
    attestations.iter_mut().zip(scanned).for_each(|(one, sboms)| one.extend(sboms));
    Ok((refs, attestations))
}

/// The named contexts that the product may use.
pub(crate) async fn contexts<G: Gateway>(
    gateway: &G,
    options: &Options,
    loaded: &mut Loaded<'_, G>,
    own_image: Option<&State>,
) -> Result<NamedContexts, Failure> {
    if options.contexts.named.is_empty() {
        return Ok(NamedContexts::new());
    }
    let requests = requests(loaded, options, &NamedContexts::new(), own_image, loaded.locks(options));
    let demands = demands(&loaded.product, &requests);
    // A target may need less than the product: what the whole would take is no mistake.
    let whole: Vec<Request> =
        requests.into_iter().map(|request| Request { target: None, ..request }).collect();
    let all: Vec<Demand> = demands.iter().cloned().chain(self::demands(&loaded.product, &whole)).collect();
    let unused = idle::contexts(&loaded.opening.manifest, options, &all, &loaded.platforms);
    loaded.warnings.extend(unused);
    let resolver = Resolver { gateway, options, opening: &loaded.opening };
    resolver.contexts(&mut loaded.images, &demands).await
}

/// What these builds ask for of named contexts. What cannot be drafted is told when it is planned.
fn demands(product: &Product, requests: &[Request]) -> Vec<Demand> {
    let drafted =
        |request: &Request| Some(Demand::of(&Draft::new(product, request).ok()?, &request.platform));
    requests.iter().filter_map(drafted).collect()
}

/// One request per platform.
pub(crate) fn requests<G>(
    loaded: &Loaded<'_, G>,
    options: &Options,
    contexts: &NamedContexts,
    own_image: Option<&State>,
    lock: Locks<'_>,
) -> Vec<Request> {
    let common = Common {
        options,
        opening: &loaded.opening,
        catalogue: &loaded.catalogue.folder,
        contexts,
        own: &loaded.own,
        naming: platforms::naming(&loaded.platforms),
        own_image,
        lock,
    };
    loaded.platforms.iter().map(|platform| common.request(platform)).collect()
}

/// Both, side by side. An error of `first` explains more than those of `second`, which it is often the cause of: these wait for
/// it, and nothing waits once `first` has failed.
async fn before<A, B>(
    first: impl Future<Output = Result<A, Failure>>,
    second: impl Future<Output = Result<B, Failure>>,
) -> Result<(A, B), Failure> {
    let (first, second) = (pin!(first), pin!(second));
    match select(first, second).await {
        Either::Left((first, second)) => Ok((first?, second.await?)),
        Either::Right((second, first)) => Ok((first.await?, second?)),
    }
}

/// Registers every definition. Nothing is built before the process has ended, unless there is something to check or to test, or
/// rights that the daemon may refuse: then everything is built now, the images and the checks side by side.
async fn solve<G: Gateway>(
    gateway: &G,
    options: &Options,
    planned: &[PlannedPlatform],
) -> Result<Vec<Option<Ref>>, Status> {
    let solve = |graph: &Graph, definition: pb::Definition, evaluate: bool| {
        let (resources, cache_imports) = (graph.resources(), options.cache_imports.clone());
        let request = SolveRequest { definition, resources, cache_imports, evaluate };
        gateway.solve(request)
    };
    let checked = planned.iter().any(|one| !one.lowered.checks.is_empty() || !one.lowered.tests.is_empty());
    let checked = checked || rights::are_needed(planned);
    let images = planned.iter().map(|one| async move {
        let Some(definition) = &one.definition else { return Ok(None) };
        solve(&one.lowered.graph, definition.clone(), checked).await
    });
    let checks = planned.iter().map(|one| &one.lowered.checks).filter(|checks| !checks.is_empty());
    let checks = checks.map(|checks| solve(checks, checks.marshal(), true));
    let (images, _) = try_join(try_join_all(images), try_join_all(checks)).await?;
    Ok(images)
}

fn platform_results(
    planned: Vec<PlannedPlatform>,
    refs: Vec<Option<Ref>>,
    attestations: Vec<Vec<Attestation>>,
) -> Vec<PlatformResult> {
    let parts = planned.into_iter().zip(refs).zip(attestations);
    let result = |((one, reference), attestations): ((PlannedPlatform, Option<Ref>), _)| PlatformResult {
        platform: one.platform,
        reference,
        attestations,
        config: one.lowered.config,
        base_config: one.lowered.base_config,
        annotations: one.lowered.annotations,
    };
    parts.map(result).collect()
}

/// A question walks the same way as a build and stops early.
async fn subrequest<G: Gateway>(
    gateway: &G,
    options: &Options,
    asked: Subrequest,
    own_image: Option<&State>,
    helper: &Helper,
) -> Result<Answer, Failure> {
    asked.answers_in(options.format)?;
    match asked {
        Subrequest::Describe => Ok(subrequest::describe()),
        Subrequest::Lint => linting::lint(gateway, options, own_image).await,
        Subrequest::Targets => {
            let loaded = load(gateway, options, Ahead::Nothing).await?;
            Ok(subrequest::targets(&loaded.product))
        }
        Subrequest::Outline => outline(gateway, options).await,
        Subrequest::Explain => explain(gateway, options, own_image).await,
        Subrequest::Graph => graphing::graph(gateway, options, own_image).await,
        Subrequest::Key => key(gateway, options, own_image, helper).await,
        Subrequest::Plan => listing(gateway, options).await,
        Subrequest::Lock => locking::lock(gateway, options, own_image).await,
    }
}

/// What would be tried: nothing is looked up but files.
async fn listing<G: Gateway>(gateway: &G, options: &Options) -> Result<Answer, Failure> {
    let opening = Opening::read(gateway, options).await?;
    if Plan::is_plan(&opening.manifest) {
        let loaded = plans::load(gateway, options, opening).await?;
        return Ok(subrequest::plan(&loaded.listing(options), options.format));
    }
    let loaded = Parsed::of(opening)?.checked(gateway, options, Ahead::Nothing).await?;
    let row = |platform: &Platform| ListingRow::of(&loaded.product, &platform.to_string());
    let listing = Listing {
        plan_id: None,
        manifest_id: loaded.product.manifest.id.to_string(),
        strategy: None,
        rows: loaded.platforms.iter().map(row).collect(),
    };
    Ok(subrequest::plan(&listing, options.format))
}

/// Plans as a build does, and reads the files besides; nothing is run.
async fn key<G: Gateway>(
    gateway: &G,
    options: &Options,
    own_image: Option<&State>,
    helper: &Helper,
) -> Result<Answer, Failure> {
    let mut loaded = load(gateway, options, Ahead::Base).await?;
    let contexts = contexts(gateway, options, &mut loaded, own_image).await?;
    let requests = requests(&loaded, options, &contexts, own_image, loaded.locks(options));
    let planned = planning::plan(options, &mut loaded.images, &loaded.product, &requests, &contexts).await?;
    let (catalogue, own) = (&loaded.catalogue, &loaded.own);
    let identities =
        planned.platforms.iter().map(|one| identify(gateway, options, catalogue, own, one, helper));
    Ok(subrequest::key(&try_join_all(identities).await?))
}

/// Walks as far as a build does, and reads the files besides. Images are looked up: what they are is an input.
async fn explain<G: Gateway>(
    gateway: &G,
    options: &Options,
    own_image: Option<&State>,
) -> Result<Answer, Failure> {
    let mut loaded = load(gateway, options, Ahead::Base).await?;
    let contexts = contexts(gateway, options, &mut loaded, own_image).await?;
    let requests = requests(&loaded, options, &contexts, own_image, loaded.locks(options));
    let explained = explaining::explain(gateway, options, &mut loaded, &requests, &contexts).await?;
    Ok(subrequest::explain(&explained))
}

async fn outline<G: Gateway>(gateway: &G, options: &Options) -> Result<Answer, Failure> {
    let loaded = load(gateway, options, Ahead::Nothing).await?;
    let platform = loaded.platforms.first().unwrap_or(&loaded.own);
    let target = Target::choose(&loaded.product, options.target.as_deref())
        .map_err(|fault| Failure::Diagnostics(vec![fault]))?
        .built();
    let (arguments, _) = loaded.product.arguments(platform, &loaded.own, &options.build_args)?;
    Ok(subrequest::outline(&loaded.product, &arguments, &target, options.target.as_deref()))
}
