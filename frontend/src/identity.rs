//! Which product a platform's build is: its selection with all digests, and the hash of its tests.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join;
use llb_gen::draft::OwnFile;
use llb_gen::model::Platform;
use llb_gen::ordered::ordered;
use llb_gen::record::test_hash;

use crate::catalogue::Catalogue;
use crate::failure::Failure;
use crate::gateway::Gateway;
use crate::options::Options;
use crate::own_contents::{self, Contents};
use crate::own_files::Taken;
use crate::own_helper::Helper;
use crate::planning::PlannedPlatform;
use crate::record::{RecordInputs, execution};
use crate::status::Status;

/// What a record says of the product, whatever its tests come to. Own files of fragments and scripts of tests are read by the
/// transfers that the build makes anyway; `own` is the daemon's platform.
///
/// # Errors
/// BuildKit's own, and a helper that cannot be read.
pub async fn identify<G: Gateway>(
    gateway: &G,
    options: &Options,
    catalogue: &Catalogue,
    own: &Platform,
    planned: &PlannedPlatform,
    helper: &Helper,
) -> Result<RecordInputs, Failure> {
    let (files, scripts) =
        join(own_files(gateway, options, catalogue, planned), scripts(gateway, options, catalogue, planned))
            .await;
    let lowered = &planned.lowered;
    Ok(RecordInputs {
        manifest_id: planned.manifest_id.clone(),
        product_id: planned.product_id.clone(),
        combination: None,
        selection: lowered.selected.resolve(planned.base.as_deref(), &by_path(files?)),
        test_hash: test_hash(&lowered.tests, &by_path(scripts?), &helper.digest()?),
        platform: planned.platform.clone(),
        execution: execution(&planned.platform, own),
        limits: lowered.budget,
    })
}

async fn own_files<G: Gateway>(
    gateway: &G,
    options: &Options,
    catalogue: &Catalogue,
    planned: &PlannedPlatform,
) -> Result<Contents, Status> {
    let Some(definition) = planned.definition.as_ref().filter(|_| !planned.own_paths.is_empty()) else {
        return Ok(Contents::new());
    };
    own_contents::read(gateway, options, catalogue, &planned.own_paths, definition, Taken::BySteps).await
}

/// All groups of tests share one transfer: any that runs a script has it.
async fn scripts<G: Gateway>(
    gateway: &G,
    options: &Options,
    catalogue: &Catalogue,
    planned: &PlannedPlatform,
) -> Result<Contents, Status> {
    let Some(group) = planned.lowered.tests.iter().find(|group| !group.scripts.is_empty()) else {
        return Ok(Contents::new());
    };
    let paths = by_folder(&planned.test_files);
    let definition = group.evidence.marshal();
    own_contents::read(gateway, options, catalogue, &paths, &definition, Taken::ByTests).await
}

fn by_folder(files: &[OwnFile]) -> BTreeMap<String, BTreeSet<String>> {
    let mut folders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        folders.entry(file.folder.clone()).or_default().insert(file.path.clone());
    }
    folders
}

/// Digests by the whole path in the catalogue.
fn by_path(contents: Contents) -> BTreeMap<String, String> {
    let whole = |(folder, files): (String, BTreeMap<String, String>)| {
        files.into_iter().map(move |(path, digest)| (format!("{folder}/{path}"), digest)).collect::<Vec<_>>()
    };
    ordered(contents.into_iter().flat_map(whole))
}
