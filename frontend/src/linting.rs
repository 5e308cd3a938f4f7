//! What `--check` finds: everything that a build would refuse, and what rules say about it.
//!
//! It goes as far as a build goes before it builds, for every platform and past every fault, so that all of them are told
//! together. Images are looked up, since what they are decides on what can be planned; one that cannot be found is a fault like
//! any other, and the rest is looked at all the same.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use llb_gen::diagnostic::Diagnostic;
use llb_gen::draft::Draft;
use llb_gen::lint::{self, OwnTexts, Settings};
use llb_gen::llb::State;
use llb_gen::matrix::Plan;
use llb_gen::model::{Platform, Product};
use llb_gen::request::Request;
use llb_gen::target::Target;
use llb_gen::text::SourceFile;

use crate::catalogue::Catalogue;
use crate::failure::Failure;
use crate::files::{self, Content};
use crate::gateway::Gateway;
use crate::images::Images;
use crate::load::{Ahead, Loaded, Parsed};
use crate::named::NamedContexts;
use crate::opening::Opening;
use crate::options::Options;
use crate::own_files::{self, Named, Taken, holder};
use crate::planning::{self, PlannedPlatform};
use crate::status::Status;
use crate::subrequest::{self, Answer};
use crate::{answers, plans, run, scanning};

/// A product with one of the ways in which it is asked for.
#[derive(Debug)]
pub struct Case<'p> {
    /// The product.
    pub product: &'p Product,
    /// The platform, the target and the rest.
    pub request: Request,
}

/// The answer to `--check`. Faults of files are the answer, not an error.
///
/// # Errors
/// BuildKit's own, and options that cannot be followed.
pub async fn lint<G: Gateway>(
    gateway: &G,
    options: &Options,
    own_image: Option<&State>,
) -> Result<Answer, Failure> {
    let opening = Opening::read(gateway, options).await?;
    let manifest = opening.manifest.clone();
    let (found, settings) = match found(gateway, options, own_image, opening).await {
        Ok(both) => both,
        Err(Failure::Diagnostics(found)) => (found, Settings::asked(&manifest, &options.check)),
        Err(other) => return Err(other),
    };
    Ok(subrequest::lint(&manifest, &settings.judge(found)))
}

async fn found<G: Gateway>(
    gateway: &G,
    options: &Options,
    own_image: Option<&State>,
    opening: Opening,
) -> Result<(Vec<Diagnostic>, Settings), Failure> {
    if Plan::is_plan(&opening.manifest) {
        let mut loaded = plans::load(gateway, options, opening).await?;
        let mut found = loaded.examine(gateway, options, own_image).await?;
        found.append(&mut loaded.warnings);
        return Ok((found, Settings::of(&loaded.products, &options.check)));
    }
    let mut loaded = Parsed::of(opening)?.checked(gateway, options, Ahead::Base).await?;
    loaded.platforms = platforms(options, &loaded);
    let contexts = run::contexts(gateway, options, &mut loaded, own_image).await?;
    let requests = run::requests(&loaded, options, &contexts, own_image, loaded.locks(options));
    let product = &loaded.product;
    let cases: Vec<Case<'_>> = requests.into_iter().flat_map(|request| targets(product, request)).collect();
    let mut found =
        examine(gateway, options, &mut loaded.images, &contexts, &loaded.catalogue, &cases).await?;
    found.extend(loaded.warnings.iter().cloned());
    let settings = Settings::of([product], &options.check);
    Ok((found, settings))
}

/// Those that are asked for, or else every one that the product is for.
fn platforms<G>(options: &Options, loaded: &Loaded<'_, G>) -> Vec<Platform> {
    let supported = &loaded.product.manifest.platforms;
    match options.platforms.is_empty() && !supported.is_empty() {
        true => supported.iter().map(|one| one.value().clone()).collect(),
        false => loaded.platforms.clone(),
    }
}

/// What is asked for; where no target is, the stages that the product does without, too.
fn targets(product: &Product, request: Request) -> Vec<Case<'_>> {
    let stages = match request.target.as_deref() {
        None | Some("") => Target::idle_stages(product),
        Some(_) => Vec::new(),
    };
    let stages = stages.into_iter().map(|stage| Request { target: Some(stage), ..request.clone() });
    let requests: Vec<Request> = stages.collect();
    std::iter::once(request).chain(requests).map(|request| Case { product, request }).collect()
}

/// All that is wrong or doubtful with `cases`, in no order.
///
/// # Errors
/// BuildKit's own.
pub async fn examine<G: Gateway>(
    gateway: &G,
    options: &Options,
    images: &mut Images<'_, G>,
    contexts: &NamedContexts,
    catalogue: &Catalogue,
    cases: &[Case<'_>],
) -> Result<Vec<Diagnostic>, Failure> {
    let mut found = Vec::new();
    let mut drafts = Vec::new();
    for case in cases {
        match Draft::new(case.product, &case.request) {
            Ok(draft) => drafts.push((case, draft)),
            Err(faults) => found.extend(faults.all().iter().cloned()),
        }
    }
    images.look_up(drafts.iter().flat_map(|(_, draft)| answers::wanted(draft, contexts))).await;
    let mut planned = Vec::new();
    for (case, draft) in drafts {
        let missing = answers::missing(&draft, images, contexts);
        if !missing.is_empty() {
            found.extend(draft.warnings().iter().cloned().chain(missing));
            continue;
        }
        match planning::one(options, images, case.product, draft, &case.request, contexts, &mut found) {
            Ok(one) => planned.push(one),
            Err(Failure::Diagnostics(faults)) => found.extend(faults),
            Err(Failure::Refused(reason)) => {
                found.push(Diagnostic::error("not-buildable", case.product.manifest.id.place(), reason));
            }
            Err(other) => return Err(other),
        }
    }
    if let Some(first) = cases.first() {
        found.extend(scanning::warnings(options, &first.product.manifest.file, &planned));
    }
    let named: Vec<Named<'_>> = planned.iter().flat_map(PlannedPlatform::named_files).collect();
    found.extend(own_files::faults(gateway, options, catalogue, &named).await?);
    found.extend(judged(gateway, options, catalogue, cases, planned.iter()).await?);
    Ok(found)
}

/// What rules say, having looked into the fragments' own files by the transfers of what was planned.
///
/// # Errors
/// BuildKit's own.
pub async fn judged<'p, G: Gateway>(
    gateway: &G,
    options: &Options,
    catalogue: &Catalogue,
    cases: &[Case<'_>],
    planned: impl Iterator<Item = &'p PlannedPlatform>,
) -> Result<Vec<Diagnostic>, Status> {
    let mut products: Vec<(&Product, Vec<Draft<'_>>)> = Vec::new();
    for case in cases {
        // What cannot be drafted has been told.
        let Ok(draft) = Draft::new(case.product, &case.request) else { continue };
        match products.iter_mut().find(|(known, _)| std::ptr::eq(*known, case.product)) {
            Some((_, drafts)) => drafts.push(draft),
            None => products.push((case.product, vec![draft])),
        }
    }
    let texts = texts(gateway, options, catalogue, &products, planned).await?;
    let found = products.iter().map(|(product, drafts)| lint::lint(product, drafts, Some(&texts)));
    Ok(found.flatten().collect())
}

/// The files of fragments that rules look into. One that is not there has been told of.
async fn texts<'p, G: Gateway>(
    gateway: &G,
    options: &Options,
    catalogue: &Catalogue,
    products: &[(&Product, Vec<Draft<'_>>)],
    planned: impl Iterator<Item = &'p PlannedPlatform>,
) -> Result<OwnTexts, Status> {
    let mut paths: Vec<String> = products.iter().flat_map(|(product, _)| lint::texts_of(product)).collect();
    paths.sort_unstable();
    paths.dedup();
    let mut holders = BTreeMap::new();
    for definition in planned.filter_map(|one| one.definition.as_ref()).filter(|_| !paths.is_empty()) {
        if let Some(holder) = holder(options, catalogue, definition, Taken::BySteps) {
            holders.insert(holder.key().to_owned(), holder);
        }
    }
    let reads = holders.values().map(|holder| async {
        let reference = holder.reference(gateway).await?;
        files::read_all(gateway, reference.as_ref(), &paths).await
    });
    let mut texts = OwnTexts::new();
    for contents in join_all(reads).await {
        for (path, content) in paths.iter().zip(contents?) {
            if let Content::File(bytes) = content {
                texts.entry(path.clone()).or_insert_with(|| SourceFile::new(path.as_str(), bytes));
            }
        }
    }
    Ok(texts)
}
