//! From a product to definitions, one per platform.

use bollard_buildkit_proto::pb;
use llb_gen::diagnostic::Diagnostic;
use llb_gen::draft::{Draft, OwnFile};
use llb_gen::lower::{LowerError, Lowered};
use llb_gen::model::Product;
use llb_gen::request::Request;

use crate::answers;
use crate::failure::Failure;
use crate::gateway::Gateway;
use crate::images::Images;
use crate::named::NamedContexts;
use crate::options::Options;
use crate::own_files::Named;

/// What the requests became, in their order.
#[derive(Debug, Default)]
pub struct Planned {
    /// The graphs and image configs.
    pub lowered: Vec<Lowered>,
    /// Files of fragments that steps name.
    own_files: Vec<Vec<OwnFile>>,
    /// What is worth saying without stopping the build.
    pub warnings: Vec<Diagnostic>,
}

impl Planned {
    /// The files of fragments with the definitions that take them.
    pub fn own_files<'d>(&self, definitions: &'d [Option<pb::Definition>]) -> Vec<Named<'d>> {
        let both = self.own_files.iter().zip(definitions);
        both.filter_map(|(files, definition)| {
            let definition = definition.as_ref().filter(|_| !files.is_empty())?;
            Some(Named { files: files.clone(), definition })
        })
        .collect()
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
    let mut planned = Planned::default();
    for (draft, request) in drafts.into_iter().zip(requests) {
        planned.warnings.extend(draft.warnings().iter().cloned());
        planned.own_files.push(draft.own_files().to_vec());
        let found = answers::of(&draft, options, request.naming, images, contexts)?;
        let plan = draft.pin(found)?;
        planned.warnings.extend(plan.warnings().iter().cloned());
        planned.lowered.push(plan.lower().map_err(|error| not_lowered(&error))?);
    }
    Ok(planned)
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
