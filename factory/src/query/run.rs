//! Looking through a repository.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::SystemTime;

use llb_gen::model::ImageRef;
use llb_gen::record::Record;
use serde::Serialize;

use super::filter::Filter;
use crate::attested::{Interest, gather, kinds};
use crate::exit::{Error, Result};
use crate::images::{Places, Platforms, Source};
use crate::progress::{Progress, counted};
use crate::registry::{Name, Repository, is_digest};

/// A record that fits.
#[derive(Debug, Clone, Serialize)]
pub struct Hit {
    /// The tags that lead to its image; none where there is no image.
    pub tags: Vec<String>,
    /// The digest of the index, or of the image's manifest where there is no index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The record is the one that the build wrote, not the one that the frontend has attested.
    pub as_written: bool,
    /// The record.
    pub record: Record,
}

/// The records of a repository that fit, from the one that was tested first to the last. `tags` are the images that are looked at;
/// all of the repository where none are given, and the combinations without an image too.
///
/// # Errors
/// There is no such repository, nobody could look at some of it, or something in it is not what it is said to be.
pub fn query(
    repository: &ImageRef,
    places: &Places,
    tags: &[String],
    filter: &Filter,
    now: SystemTime,
    progress: &mut dyn Progress,
) -> Result<Vec<Hit>> {
    let client = Repository::open(repository, &places.access)?;
    let called = format!("{}/{}", repository.registry(), repository.repository());
    let all = match tags.is_empty() {
        true => client.tags()?.ok_or_else(|| Error::NotFound(format!("there is no repository {called}")))?,
        false => tags.to_vec(),
    };
    let (selections, images): (Vec<String>, Vec<String>) = all
        .into_iter()
        // Lists of referrers and signatures have tags, too.
        .filter(|tag| !is_list(tag))
        .partition(|tag| tag.starts_with(kinds::SELECTION_TAG));
    progress.begin(&format!("look through {called}"));
    let mut hits: BTreeMap<(String, Option<String>), Hit> = BTreeMap::new();
    for tag in &images {
        progress.detail(tag);
        let Some(found) = of_image(&client, repository, places, tag, filter)? else {
            if tags.contains(tag) {
                return Err(Error::NotFound(format!("there is no {called}:{tag}")));
            }
            continue; // deleted since the tags were listed
        };
        for hit in found {
            let key = (hit.record.build_id.clone(), hit.record.result.image_digest.clone());
            match hits.get_mut(&key) {
                Some(known) => known.tags.extend(hit.tags),
                None => drop(hits.insert(key, hit)),
            }
        }
    }
    // Nothing is in what is no image.
    for tag in selections.iter().filter(|_| filter.packages.is_empty()) {
        progress.detail(tag);
        for hit in of_image(&client, repository, places, tag, filter)?.into_iter().flatten() {
            let hit = Hit { tags: Vec::new(), digest: None, ..hit };
            hits.entry((hit.record.build_id.clone(), None)).or_insert(hit);
        }
    }
    let looked_at = hits.len();
    let mut hits: Vec<Hit> = hits.into_values().collect();
    if filter.newest {
        hits = newest(hits);
    }
    hits.retain(|hit| filter.fits(&hit.record, now));
    hits.sort_by(|a, b| order(a).cmp(&order(b)));
    let tags = counted(images.len() + selections.len(), "tag");
    progress.done(&format!("{} of {} in {tags}", hits.len(), counted(looked_at, "record")));
    Ok(hits)
}

fn order(hit: &Hit) -> (&Option<String>, &str) {
    (&hit.record.result.tested_at, &hit.record.build_id)
}

/// Of each product and combination on each platform the one that was tested last.
fn newest(hits: Vec<Hit>) -> Vec<Hit> {
    let mut last: BTreeMap<[String; 3], Hit> = BTreeMap::new();
    for hit in hits {
        let combination = hit.record.combination.as_ref().map(|one| format!("{}/{}", one.plan, one.slug));
        let key =
            [hit.record.manifest_id.clone(), combination.unwrap_or_default(), hit.record.platform.clone()];
        match last.get(&key) {
            Some(known) if order(known) >= order(&hit) => {}
            _ => drop(last.insert(key, hit)),
        }
    }
    last.into_values().collect()
}

/// `sha256-<hex>`, with or without an ending: what clients keep beside images.
fn is_list(tag: &str) -> bool {
    let digits = tag.split('.').next().unwrap_or(tag);
    digits.split_once('-').is_some_and(|(algorithm, hex)| is_digest(&format!("{algorithm}:{hex}")))
}

fn tagged(repository: &ImageRef, tag: &str) -> Result<ImageRef> {
    let text = format!("{}/{}:{tag}", repository.registry(), repository.repository());
    text.parse().map_err(|fault| Error::Usage(format!("{text:?} is no image reference: {fault}")))
}

fn of_image(
    client: &Repository,
    repository: &ImageRef,
    places: &Places,
    tag: &str,
    filter: &Filter,
) -> Result<Option<Vec<Hit>>> {
    if client.head(&Name::Tag(tag.to_owned()))?.is_none() {
        return Ok(None);
    }
    let store = places.open(&Source::Registry(tagged(repository, tag)?))?;
    let platforms = Platforms::read(&*store, None)?;
    let interest = if filter.packages.is_empty() { Interest::Records } else { Interest::All };
    let mut hits = Vec::new();
    for said in gather(&*store, &platforms, interest)? {
        if !filter.packages.is_empty() && !filter.fits_packages(&said.packages()?.unwrap_or_default()) {
            continue;
        }
        for file in said.records.into_values() {
            hits.push(Hit {
                tags: vec![tag.to_owned()],
                digest: Some(platforms.digest().to_owned()),
                as_written: file.as_written,
                record: file.record,
            });
        }
    }
    Ok(Some(hits))
}

/// The records for people.
#[must_use]
pub fn text(hits: &[Hit]) -> String {
    let mut rows = vec![["VERDICT", "PLATFORM", "PRODUCT", "TESTED", "TAGS", "FRAGMENTS"].map(str::to_owned)];
    for hit in hits {
        let record = &hit.record;
        let fragments: Vec<String> =
            record.fragments.iter().map(|one| format!("{}@{}", one.name, one.version)).collect();
        let combination = record.combination.as_ref().map(|one| format!(" ({} of {})", one.slug, one.plan));
        rows.push([
            record.result.status.as_str().to_owned(),
            record.platform.clone(),
            format!("{}{}", record.manifest_id, combination.unwrap_or_default()),
            record.result.tested_at.clone().unwrap_or_else(|| "-".to_owned()),
            if hit.tags.is_empty() { "-".to_owned() } else { hit.tags.join(",") },
            fragments.join(" "),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use llb_gen::record::Verdict;

    use super::*;
    use crate::reports::tests::record;

    fn hit(build: &str, tested: &str, status: Verdict) -> Hit {
        let mut record = record(build, status);
        record.result.tested_at = Some(tested.into());
        Hit { tags: vec!["dev".into()], digest: None, as_written: true, record }
    }

    #[test]
    fn a_newer_no_takes_the_place_of_an_older_yes() {
        let hits = vec![
            hit("b", "2026-11-21T00:00:00Z", Verdict::Fail),
            hit("a", "2026-11-20T00:00:00Z", Verdict::Pass),
        ];
        let left = newest(hits);
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].record.result.status, Verdict::Fail);
    }

    #[test]
    fn lists_of_clients_are_no_images() {
        assert!(
            is_list(&format!("sha256-{}", "a".repeat(64)))
                && is_list(&format!("sha256-{}.att", "a".repeat(64)))
        );
        assert!(!is_list("sha256-abc") && !is_list("1.0") && !is_list("dev-amd64"));
    }

    #[test]
    fn the_table_is_a_table() {
        let shown = text(&[hit("a", "2026-11-20T00:00:00Z", Verdict::Pass)]);
        assert_eq!(
            shown,
            "VERDICT  PLATFORM     PRODUCT  TESTED                TAGS  FRAGMENTS\n\
             pass     linux/amd64  app      2026-11-20T00:00:00Z  dev   core@0.1.0\n"
        );
    }
}
