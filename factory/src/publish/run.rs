//! Pushing.

use std::collections::BTreeSet;
use std::path::Path;

use llb_gen::model::ImageRef;
use llb_gen::record::Record;
use serde::Serialize;

use super::artifacts::{Documents, selection};
use crate::exit::{Error, Result};
use crate::images::{Platforms, Store};
use crate::progress::Progress;
use crate::registry::{Access, Artifact, Descriptor, Name, Repository};
use crate::reports::Reports;

/// Which records are pushed beside those of the image itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Those of these products, by their manifests' ids or the names under which they are published, that are of no image. With
    /// none given, those of the products that the image is of.
    pub products: Vec<String>,
    /// None of them.
    pub images_only: bool,
}

/// One artifact that is there now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Published {
    /// The build that it is of.
    pub build_id: String,
    /// `record`, `evidence` or `sbom`.
    pub kind: &'static str,
    /// What it refers to: `index`, `image` or `selection`.
    pub to: &'static str,
    /// The digest of that.
    pub subject: String,
    /// Its own digest.
    pub digest: String,
    /// It was there before.
    pub known: bool,
}

/// What an artifact is to refer to.
struct Target {
    to: &'static str,
    subject: Descriptor,
    /// The digests of images whose records belong there.
    images: BTreeSet<String>,
}

/// Pushes what the reports in `folder` have of an image to the registry that has the image, and of combinations without an image to
/// the same repository. What is there already stays as it is.
///
/// # Errors
/// The image is not there and no products are named, the registry does not take something, nobody could look.
pub fn publish(
    image: &ImageRef,
    store: &dyn Store,
    access: &Access,
    folder: &Path,
    choice: &Choice,
    progress: &mut dyn Progress,
) -> Result<Vec<Published>> {
    let repository = Repository::open(image, access)?;
    let reports = Reports::open(folder)?;
    for fault in reports.faults() {
        progress.note(&format!("passed over: {fault}"));
    }
    let targets = match Platforms::read(store, None) {
        Ok(platforms) => targets(&platforms),
        Err(crate::registry::Fault::Missing(_)) if !choice.products.is_empty() => Vec::new(),
        Err(fault) => return Err(fault.into()),
    };
    let records: Vec<&Record> = reports.records().map(|recorded| &recorded.record).collect();
    let of_image = |record: &Record| {
        let digest = record.result.image_digest.as_ref();
        targets.iter().any(|target| digest.is_some_and(|digest| target.images.contains(digest)))
    };
    let (of_images, others): (Vec<&Record>, Vec<&Record>) =
        records.into_iter().partition(|one| of_image(one));
    let mut published = Vec::new();
    for record in &of_images {
        let documents = Documents::read(folder, record)?;
        progress.begin(&format!("push what is known of {}", record.build_id));
        let before = published.len();
        for target in targets.iter().filter(|target| {
            record.result.image_digest.as_ref().is_some_and(|digest| target.images.contains(digest))
        }) {
            push(&repository, &documents, target.to, &target.subject, &mut published)?;
        }
        progress.done(&outcome(&published[before..]));
    }
    if !choice.images_only {
        let products: BTreeSet<&str> = match choice.products.is_empty() {
            true => of_images.iter().map(|record| record.manifest_id.as_str()).collect(),
            false => choice.products.iter().map(String::as_str).collect(),
        };
        let wanted = |record: &&&Record| {
            let named = [record.manifest_id.as_str(), record.product_id.as_str()];
            record.result.image_digest.is_none() && named.iter().any(|name| products.contains(name))
        };
        for record in others.iter().filter(wanted) {
            let documents = Documents::read(folder, record)?;
            progress.begin(&format!("push what is known of {}", record.build_id));
            let before = published.len();
            let subject = selected(&repository, record)?;
            push(&repository, &documents, "selection", &subject, &mut published)?;
            progress.done(&outcome(&published[before..]));
        }
    }
    match published.is_empty() {
        true => Err(Error::NotFound(format!(
            "{} has no record of {}; build it with `factory build`, which notes the digest of the image that it makes",
            folder.display(),
            image.familiar()
        ))),
        false => Ok(published),
    }
}

/// The manifests that artifacts of an image refer to: the platform's own, and the index, where there is one, because that is what a
/// tag leads to.
fn targets(platforms: &Platforms) -> Vec<Target> {
    let image = |one: &crate::images::PlatformImage| Target {
        to: "image",
        subject: one.descriptor.clone(),
        images: [one.descriptor.digest.clone()].into(),
    };
    let mut targets: Vec<Target> = platforms.images.iter().map(image).collect();
    if platforms.is_index() {
        let images = platforms.images.iter().map(|one| one.descriptor.digest.clone()).collect();
        targets.insert(0, Target { to: "index", subject: platforms.root.descriptor.clone(), images });
    }
    targets
}

/// Makes sure that there is a selection for a record to refer to.
fn selected(repository: &Repository, record: &Record) -> Result<Descriptor> {
    let (tag, artifact) = selection(record)?;
    let found = artifact.manifest();
    let tag = Name::Tag(tag);
    if repository.head(&tag)?.is_none_or(|there| there.digest != found.descriptor.digest) {
        repository.attach(&artifact)?;
        repository.put_manifest(&tag, &found)?;
    }
    Ok(found.descriptor)
}

fn push(
    repository: &Repository,
    documents: &Documents,
    to: &'static str,
    subject: &Descriptor,
    published: &mut Vec<Published>,
) -> Result<()> {
    let (names, artifacts): (Vec<&'static str>, Vec<Artifact>) = documents.about(subject).into_iter().unzip();
    let attached = repository.attach_all(&artifacts)?;
    for (kind, one) in names.into_iter().zip(attached) {
        published.push(Published {
            build_id: documents.record.build_id.clone(),
            kind,
            to,
            subject: subject.digest.clone(),
            digest: one.descriptor.digest,
            known: one.known,
        });
    }
    Ok(())
}

fn outcome(published: &[Published]) -> String {
    let new = published.iter().filter(|one| !one.known).count();
    format!("{new} of {} artifacts were new", published.len())
}
