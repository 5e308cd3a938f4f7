//! Gathers what `explain` answers from: the inputs of every fragment, and those of the build before.

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use futures_util::future::{join, join_all};
use llb_gen::draft::Draft;
use llb_gen::explain::{Outside, ProductInputs};
use llb_gen::ordered::ordered;
use llb_gen::request::Request;

use crate::answers;
use crate::failure::Failure;
use crate::files::{self, Content};
use crate::folder;
use crate::gateway::Gateway;
use crate::images::{Images, Wanted};
use crate::load::Loaded;
use crate::named::NamedContexts;
use crate::options::Options;
use crate::own_contents::{self, Contents};
use crate::own_files::Taken;
use crate::planning;
use crate::status::Status;
use crate::subrequest::{Explained, Previous};

/// What there is to say about every request's platform.
///
/// # Errors
/// BuildKit's own, and what cannot be built as it is written.
pub async fn explain<G: Gateway>(
    gateway: &G,
    options: &Options,
    loaded: &mut Loaded<'_, G>,
    requests: &[Request],
    contexts: &NamedContexts,
) -> Result<Vec<Explained>, Failure> {
    let product = &loaded.product;
    let drafts =
        requests.iter().map(|request| Draft::new(product, request)).collect::<Result<Vec<_>, _>>()?;
    loaded.images.look_up(drafts.iter().flat_map(|draft| answers::wanted(draft, contexts))).await;
    let mut planned = Vec::new();
    for request in requests {
        planned.push(Shape::of(Draft::new(product, request)?, request, options, &loaded.images, contexts)?);
    }
    let own = join_all(drafts.iter().zip(&planned).map(|(draft, shape)| async {
        let Some(definition) = &shape.definition else { return Ok(Contents::new()) };
        own_contents::read(gateway, options, &loaded.catalogue, draft.own_paths(), definition, Taken::BySteps)
            .await
    }));
    let (own, previous) = join(own, previous(gateway, options, loaded, requests)).await;
    let mut explained = Vec::new();
    for (((draft, shape), own_files), previous) in drafts.iter().zip(planned).zip(own).zip(previous?) {
        let images = pinned(draft, &loaded.images);
        let inputs = draft.inputs(&Outside { own_files: own_files?, images, frontend: None })?;
        explained.push(Explained { inputs, previous, steps: shape.steps, layers: shape.layers });
    }
    Ok(explained)
}

/// What a plan says beside its inputs.
struct Shape {
    steps: Vec<usize>,
    layers: usize,
    definition: Option<pb::Definition>,
}

impl Shape {
    fn of<G: Gateway>(
        draft: Draft<'_>,
        request: &Request,
        options: &Options,
        images: &Images<'_, G>,
        contexts: &NamedContexts,
    ) -> Result<Self, Failure> {
        let found = answers::of(&draft, options, request.naming, images, contexts)?;
        let plan = draft.pin(found)?;
        let lowered = plan.lower_any_size().map_err(|error| planning::not_lowered(&error))?;
        Ok(Self { steps: plan.steps(), layers: lowered.layers, definition: lowered.definition() })
    }
}

/// The digests of images, as far as they were looked up and have one.
fn pinned<G: Gateway>(
    draft: &Draft<'_>,
    images: &Images<'_, G>,
) -> BTreeMap<llb_gen::draft::ImageLookup, String> {
    let digest = |lookup: &llb_gen::draft::ImageLookup| {
        let wanted = Wanted { reference: lookup.reference.clone(), platform: lookup.platform.clone() };
        let found = images.found(&wanted).ok()?;
        Some((lookup.clone(), found.reference.digest()?.to_string()))
    };
    ordered(draft.lookups().filter_map(digest))
}

/// What the build before on each platform was made from, as `factory build` left it in the build context.
async fn previous<G: Gateway>(
    gateway: &G,
    options: &Options,
    loaded: &Loaded<'_, G>,
    requests: &[Request],
) -> Result<Vec<Previous>, Status> {
    let product = loaded.product.manifest.id.to_string();
    let path = |request: &Request| ProductInputs::path(&product, &request.platform.to_string());
    let paths: Vec<String> = requests.iter().map(path).collect();
    let title = "[internal] load inputs of the build before";
    let source = folder::control_files(options, &loaded.opening.context, &paths, "inputs", title);
    let reference = source.solve(gateway).await?;
    let contents = files::read_all(gateway, reference.as_ref(), &paths).await?;
    Ok(contents.into_iter().map(read).collect())
}

fn read(content: Content) -> Previous {
    match content {
        Content::Missing => Previous::Nothing,
        Content::Unreadable(reason) => Previous::Unusable(reason),
        Content::File(bytes) => match ProductInputs::from_json(&bytes) {
            Ok(inputs) => Previous::Known(Box::new(inputs)),
            Err(error) => Previous::Unusable(error.to_string()),
        },
    }
}
