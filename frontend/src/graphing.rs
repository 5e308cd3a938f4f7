//! What `graph` answers from: the graphs that a build would solve, and nothing is.

use llb_gen::chart::Chart;
use llb_gen::llb::State;
use llb_gen::matrix::Plan;

use crate::failure::Failure;
use crate::gateway::Gateway;
use crate::load::{Ahead, Parsed};
use crate::opening::Opening;
use crate::options::Options;
use crate::subrequest::{self, Answer};
use crate::{planning, plans, run};

/// The graphs of all platforms, or of all combinations of a plan, put together. Images are looked up, since their digests are
/// part of the graph.
///
/// # Errors
/// BuildKit's own, and what cannot be built as it is written.
pub async fn graph<G: Gateway>(
    gateway: &G,
    options: &Options,
    own_image: Option<&State>,
) -> Result<Answer, Failure> {
    let opening = Opening::read(gateway, options).await?;
    if Plan::is_plan(&opening.manifest) {
        let mut loaded = plans::load(gateway, options, opening).await?;
        let chart = loaded.chart(gateway, options, own_image).await?;
        let title = format!("plan {}", loaded.plan.id.as_str());
        return Ok(subrequest::graph(&chart, &title, options.format));
    }
    let mut loaded = Parsed::of(opening)?.checked(gateway, options, Ahead::Base).await?;
    let contexts = run::contexts(gateway, options, &mut loaded, own_image).await?;
    let requests = run::requests(&loaded, options, &contexts, own_image, loaded.locks(options));
    let planned = planning::plan(options, &mut loaded.images, &loaded.product, &requests, &contexts).await?;
    let mut chart = Chart::default();
    for one in &planned.platforms {
        chart.add(&one.platform.to_string(), &one.platform, &one.lowered.graph);
    }
    let id = loaded.product.manifest.id.as_str();
    let title = match options.target.as_deref() {
        None | Some("") => id.to_owned(),
        Some(target) => format!("{id}, target {target}"),
    };
    Ok(subrequest::graph(&chart, &title, options.format))
}
