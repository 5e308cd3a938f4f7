//! From a product to definitions, one per platform.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bollard_buildkit_proto::pb;
use llb_gen::diagnostic::Diagnostic;
use llb_gen::draft::{Draft, OwnFile};
use llb_gen::lint::lint;
use llb_gen::lower::{LowerError, Lowered};
use llb_gen::model::{Platform, Product};
use llb_gen::request::Request;
use llb_gen::text::{Place, SourceFile};

use crate::answers;
use crate::failure::Failure;
use crate::gateway::Gateway;
use crate::images::Images;
use crate::named::NamedContexts;
use crate::options::Options;
use crate::own_files::{Named, Taken};

/// What the requests became, in their order.
#[derive(Debug, Default)]
pub struct Planned {
    /// One per request.
    pub platforms: Vec<PlannedPlatform>,
    /// What is worth saying without stopping the build.
    pub warnings: Vec<Diagnostic>,
}

/// A product on one platform, ready to be solved.
#[derive(Debug)]
pub struct PlannedPlatform {
    /// The platform.
    pub platform: Platform,
    /// The manifest's id.
    pub manifest_id: String,
    /// The manifest.
    pub manifest: SourceFile,
    /// The name under which the product is published, or its manifest's id.
    pub product_id: String,
    /// The graphs and the image config.
    pub lowered: Lowered,
    /// The product's definition; nothing where the result is scratch.
    pub definition: Option<pb::Definition>,
    /// The digest of the base image; nothing for a product on scratch.
    pub base: Option<String>,
    /// Where the manifest's `limits` are, where it has any.
    pub limits: Option<Place>,
    /// Files of fragments that steps name.
    pub own_files: Vec<OwnFile>,
    /// What the build takes out of fragments' folders, by folder.
    pub own_paths: BTreeMap<String, BTreeSet<String>>,
    /// Files of fragments that tests name.
    pub test_files: Vec<OwnFile>,
}

impl PlannedPlatform {
    /// Whether there is anything to judge, be it that all of it is skipped here.
    pub fn has_tests(&self) -> bool {
        !self.lowered.tests.is_empty() || !self.lowered.skipped.is_empty()
    }

    /// The files of fragments with the definitions that take them.
    pub fn named_files(&self) -> impl Iterator<Item = Named<'_>> {
        let definition = self.definition.as_ref().filter(|_| !self.own_files.is_empty());
        let of_steps = definition.map(|definition| Named {
            files: self.own_files.clone(),
            definition: Cow::Borrowed(definition),
            taken: Taken::BySteps,
        });
        let group = self.lowered.tests.iter().find(|group| !group.scripts.is_empty());
        let of_tests = group.map(|group| Named {
            files: self.test_files.clone(),
            definition: Cow::Owned(group.evidence.marshal()),
            taken: Taken::ByTests,
        });
        of_steps.into_iter().chain(of_tests)
    }
}

/// Decides everything for every request; the images that this takes are looked up at the same time for all.
///
/// # Errors
/// BuildKit's own, and what cannot be built as it is written.
pub async fn plan<G: Gateway>(
    options: &Options,
    images: &mut Images<'_, G>,
    product: &Product,
    requests: &[Request],
    contexts: &NamedContexts,
) -> Result<Planned, Failure> {
    let drafts =
        requests.iter().map(|request| Draft::new(product, request)).collect::<Result<Vec<_>, _>>()?;
    images.look_up(drafts.iter().flat_map(|draft| answers::wanted(draft, contexts))).await;
    let mut planned = Planned { warnings: lint(product, &drafts, None), platforms: Vec::new() };
    for (draft, request) in drafts.into_iter().zip(requests) {
        let one = one(options, images, product, draft, request, contexts, &mut planned.warnings)?;
        planned.platforms.push(one);
    }
    Ok(planned)
}

/// Decides everything for one request, of which all images have been looked up.
///
/// # Errors
/// As [`plan`].
pub fn one<G: Gateway>(
    options: &Options,
    images: &Images<'_, G>,
    product: &Product,
    draft: Draft<'_>,
    request: &Request,
    contexts: &NamedContexts,
    warnings: &mut Vec<Diagnostic>,
) -> Result<PlannedPlatform, Failure> {
    warnings.extend(draft.warnings().iter().cloned());
    let found = answers::of(&draft, options, request.naming, images, contexts)?;
    let base = answers::base_digest(&draft, images, contexts);
    let product_id = product_id(product, request)?;
    let (own_files, test_files) = (draft.own_files().to_vec(), draft.test_files().to_vec());
    let own_paths = draft.own_paths().clone();
    let plan = draft.pin(found)?;
    warnings.extend(plan.warnings().iter().cloned());
    let lowered = plan.lower().map_err(|error| not_lowered(&error))?;
    let lacking = lowered.lacking(product.manifest.id.place(), |cap| request.can(cap));
    if !lacking.is_empty() {
        return Err(Failure::Diagnostics(lacking));
    }
    Ok(PlannedPlatform {
        platform: request.platform.clone(),
        manifest_id: product.manifest.id.to_string(),
        manifest: product.manifest.file.clone(),
        product_id,
        definition: lowered.definition(),
        lowered,
        base,
        limits: product.manifest.limits.as_ref().map(|limits| limits.place.clone()),
        own_files,
        own_paths,
        test_files,
    })
}

fn product_id(product: &Product, request: &Request) -> Result<String, Failure> {
    let Some(image) = &product.manifest.product.image else { return Ok(product.manifest.id.to_string()) };
    let (arguments, _) =
        product.arguments(&request.platform, &request.build_platform, &request.build_args)?;
    let name = image.get(arguments.manifest()).map_err(|fault| Failure::Diagnostics(vec![fault]))?;
    Ok(name.to_string())
}

/// A fault with a place is shown there.
pub(crate) fn not_lowered(error: &LowerError) -> Failure {
    let text = error.to_string();
    match error.place() {
        None => Failure::Refused(text),
        Some(place) => {
            let message = text.strip_prefix(&format!("{place}: ")).unwrap_or(&text);
            Failure::Diagnostics(vec![Diagnostic::error("not-buildable", place, message)])
        }
    }
}
