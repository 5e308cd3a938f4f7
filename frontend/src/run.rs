//! The story of one build.

use std::ffi::OsString;
use std::pin::pin;

use bollard_buildkit_proto::pb;
use futures_util::future::{Either, join, select, try_join, try_join_all};
use llb_gen::diagnostic::Diagnostic;
use llb_gen::draft::Draft;
use llb_gen::llb::{Graph, State};
use llb_gen::lower::Lowered;
use llb_gen::request::Request;
use llb_gen::target::Target;

use crate::failure::Failure;
use crate::gateway::{BuildResult, Gateway, Ref, SolveRequest};
use crate::load::{Ahead, Loaded, Parsed, load};
use crate::named::{NamedContexts, Resolver};
use crate::opening::Opening;
use crate::options::Options;
use crate::request::Common;
use crate::result::{self, PlatformResult, Shape};
use crate::status::Status;
use crate::subrequest::{self, Answer, Subrequest};
use crate::{explaining, own_files, planning, platforms, warnings};

/// What BuildKit gave the process besides the connection.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// Environment variables.
    pub environment: Vec<(OsString, OsString)>,
    /// The definition of the frontend's own image, encoded, where the daemon gives it.
    pub own_image: Option<Vec<u8>>,
}

/// Runs one build and returns its outcome to BuildKit.
///
/// # Errors
/// When the outcome cannot be returned; nobody is left to tell then.
pub async fn serve(gateway: &impl Gateway, surroundings: Surroundings) -> Result<(), Status> {
    let outcome = answer(gateway, surroundings).await.map_err(Failure::into_status);
    gateway.finish(outcome).await
}

async fn answer(gateway: &impl Gateway, surroundings: Surroundings) -> Result<BuildResult, Failure> {
    let options = Options::from_env(surroundings.environment)?;
    let own_image = surroundings.own_image.as_deref().map(own_image).transpose()?;
    match options.request.as_deref().map(Subrequest::from_id).transpose()? {
        None => build(gateway, &options, own_image.as_ref()).await,
        Some(asked) => {
            subrequest(gateway, &options, asked, own_image.as_ref()).await.map(Answer::into_result)
        }
    }
}

fn own_image(definition: &[u8]) -> Result<State, Failure> {
    State::decode(definition).map_err(|error| {
        Failure::refused(format!("the definition of the frontend's own image cannot be used: {error}"))
    })
}

/// A build: load the product, plan it for every platform, solve, and put the result together.
async fn build<G: Gateway>(
    gateway: &G,
    options: &Options,
    own_image: Option<&State>,
) -> Result<BuildResult, Failure> {
    let mut loaded = load(gateway, options, Ahead::Base).await?;
    let contexts = contexts(gateway, options, &mut loaded).await?;
    let requests = requests(&loaded, options, &contexts, own_image);
    let planned = planning::plan(options, &mut loaded.images, &loaded.product, &requests, &contexts).await?;
    let warnings: Vec<Diagnostic> = loaded.warnings.iter().chain(&planned.warnings).cloned().collect();

    let definitions: Vec<Option<pb::Definition>> = planned.lowered.iter().map(Lowered::definition).collect();
    let named = planned.own_files(&definitions);
    let (refs, shown) = join(
        sound(
            own_files::check(gateway, options, &loaded.catalogue, &named),
            solve(gateway, options, &planned.lowered, &definitions),
        ),
        warnings::show(gateway, &loaded.opening.vertex, &warnings),
    )
    .await;
    let refs = refs?;
    shown?;

    let shape = Shape::of(requests.len(), options.multi_platform);
    Ok(result::assemble(shape, platform_results(&requests, planned.lowered, refs), options.epoch))
}

async fn contexts<G: Gateway>(
    gateway: &G,
    options: &Options,
    loaded: &mut Loaded<'_, G>,
) -> Result<NamedContexts, Failure> {
    let resolver = Resolver { gateway, options, opening: &loaded.opening };
    resolver.contexts(&mut loaded.images, &loaded.product, &loaded.platforms).await
}

/// One request per platform.
fn requests<G>(
    loaded: &Loaded<'_, G>,
    options: &Options,
    contexts: &NamedContexts,
    own_image: Option<&State>,
) -> Vec<Request> {
    let common = Common {
        options,
        opening: &loaded.opening,
        catalogue: &loaded.catalogue.folder,
        contexts,
        own: &loaded.own,
        naming: platforms::naming(&loaded.platforms),
        own_image,
    };
    loaded.platforms.iter().map(|platform| common.request(platform)).collect()
}

/// What was solved, unless `check` finds faults: these explain more than what they make fail, and are waited for; but
/// nothing is waited for once there are some.
async fn sound<T>(
    check: impl Future<Output = Result<Vec<Diagnostic>, Status>>,
    solve: impl Future<Output = Result<T, Status>>,
) -> Result<T, Failure> {
    let (check, solve) = (pin!(check), pin!(solve));
    let refused = |faults: Vec<Diagnostic>| match faults.is_empty() {
        true => Ok(()),
        false => Err(Failure::Diagnostics(faults)),
    };
    match select(check, solve).await {
        Either::Left((faults, solve)) => {
            refused(faults?)?;
            Ok(solve.await?)
        }
        Either::Right((solved, check)) => {
            refused(check.await?)?;
            Ok(solved?)
        }
    }
}

/// Registers every definition. Nothing is built before the process has ended, unless there is something to check: then
/// everything is built now, the images and the checks side by side.
async fn solve<G: Gateway>(
    gateway: &G,
    options: &Options,
    lowered: &[Lowered],
    definitions: &[Option<pb::Definition>],
) -> Result<Vec<Option<Ref>>, Status> {
    let solve = |graph: &Graph, definition: pb::Definition, evaluate: bool| {
        let (resources, cache_imports) = (graph.resources(), options.cache_imports.clone());
        let request = SolveRequest { definition, resources, cache_imports, evaluate };
        gateway.solve(request)
    };
    let checked = lowered.iter().any(|one| !one.checks.is_empty());
    let images = lowered.iter().zip(definitions).map(|(lowered, definition)| async move {
        let Some(definition) = definition else { return Ok(None) };
        solve(&lowered.graph, definition.clone(), checked).await
    });
    let checks = lowered.iter().map(|one| &one.checks).filter(|checks| !checks.is_empty());
    let checks = checks.map(|checks| solve(checks, checks.marshal(), true));
    let (images, _) = try_join(try_join_all(images), try_join_all(checks)).await?;
    Ok(images)
}

fn platform_results(
    requests: &[Request],
    lowered: Vec<Lowered>,
    refs: Vec<Option<Ref>>,
) -> Vec<PlatformResult> {
    let parts = requests.iter().zip(lowered).zip(refs);
    parts
        .map(|((request, lowered), reference)| PlatformResult {
            platform: request.platform.clone(),
            reference,
            config: lowered.config,
            base_config: lowered.base_config,
            annotations: lowered.annotations,
        })
        .collect()
}

/// A question walks the same way as a build and stops early.
async fn subrequest<G: Gateway>(
    gateway: &G,
    options: &Options,
    asked: Subrequest,
    own_image: Option<&State>,
) -> Result<Answer, Failure> {
    match asked {
        Subrequest::Describe => Ok(subrequest::describe()),
        Subrequest::Lint => lint(gateway, options).await,
        Subrequest::Targets => {
            let loaded = load(gateway, options, Ahead::Nothing).await?;
            Ok(subrequest::targets(&loaded.product))
        }
        Subrequest::Outline => outline(gateway, options).await,
        Subrequest::Explain => explain(gateway, options, own_image).await,
    }
}

/// Walks as far as a build does, and reads the files besides. Images are looked up: what they are is an input.
async fn explain<G: Gateway>(
    gateway: &G,
    options: &Options,
    own_image: Option<&State>,
) -> Result<Answer, Failure> {
    let mut loaded = load(gateway, options, Ahead::Base).await?;
    let contexts = contexts(gateway, options, &mut loaded).await?;
    let requests = requests(&loaded, options, &contexts, own_image);
    let explained = explaining::explain(gateway, options, &mut loaded, &requests, &contexts).await?;
    Ok(subrequest::explain(&explained))
}

async fn outline<G: Gateway>(gateway: &G, options: &Options) -> Result<Answer, Failure> {
    let loaded = load(gateway, options, Ahead::Nothing).await?;
    let platform = loaded.platforms.first().unwrap_or(&loaded.own);
    let target = Target::choose(&loaded.product, options.target.as_deref())
        .map_err(|fault| Failure::Diagnostics(vec![fault]))?;
    let (arguments, _) = loaded.product.arguments(platform, &loaded.own, &options.build_args)?;
    Ok(subrequest::outline(&loaded.product, &arguments, &target, options.target.as_deref()))
}

/// Everything that can be found without looking an image up. Faults of the files are the answer, not an error.
async fn lint<G: Gateway>(gateway: &G, options: &Options) -> Result<Answer, Failure> {
    let opening = Opening::read(gateway, options).await?;
    let manifest = opening.manifest.clone();
    match check(gateway, options, opening).await {
        Ok(found) | Err(Failure::Diagnostics(found)) => Ok(subrequest::lint(&manifest, &found)),
        Err(other) => Err(other),
    }
}

async fn check<G: Gateway>(
    gateway: &G,
    options: &Options,
    opening: Opening,
) -> Result<Vec<Diagnostic>, Failure> {
    let loaded = Parsed::of(opening)?.checked(gateway, options, Ahead::Nothing).await?;
    let mut found = loaded.warnings.clone();
    for request in requests(&loaded, options, &NamedContexts::new(), None) {
        let draft = Draft::new(&loaded.product, &request)?;
        let new: Vec<Diagnostic> =
            draft.warnings().iter().filter(|one| !found.contains(one)).cloned().collect();
        found.extend(new);
    }
    Ok(found)
}
