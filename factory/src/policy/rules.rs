//! The rules, each by itself. All of them ask for something that has to be found.

use std::collections::BTreeSet;

use llb_gen::model::Platform;
use llb_gen::model::test::VersionRange;
use llb_gen::policy::{
    BaseRule, Day, Excuse, FragmentMatch, FragmentsRule, Glob, GpuRule, PackagesRule, PlatformsRule,
    RecordRule, SbomRule, Skipped, SourceRule, SourceSaidBy, TestsRule,
};
use llb_gen::record::{FragmentEntry, Record, Verdict};
use llb_gen::text::Located;

use super::evidence::{Base, Evidence, Look};
use super::judge::{Scene, Side, present};
use super::provenance::{self, Provenance};
use super::records::tested_at;
use super::sbom;
use super::versions::Order;
use crate::attested::Bill;
use crate::attested::kinds::predicate;

/// Seconds of a day.
const DAY: i64 = 86_400;
/// How far the clock of another machine may go before ours, in seconds.
const SKEW: i64 = 300;

/// What a rule finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// What it asks for.
    Good,
    /// Something that it refuses, for these reasons.
    Bad(Vec<String>),
    /// Not what it asks for, as far as was looked.
    Absent(String),
    /// Nothing, because nobody could look.
    Unseen(String),
}

impl Finding {
    fn of(reasons: Vec<String>) -> Self {
        if reasons.is_empty() { Self::Good } else { Self::Bad(reasons) }
    }
}

/// The image is signed, and everything that was signed with it is there.
pub(super) fn signature(scene: &Scene<'_>) -> Finding {
    let root = &scene.evidence.root;
    if root.signatures.is_empty() {
        let whom = match scene.policy.signature.as_ref().is_none_or(|rule| rule.identities.is_empty()) {
            true => "a key that is trusted",
            false => "a key or an identity that is trusted",
        };
        return Finding::Absent(format!("{} has no signature by {whom}", root.digest));
    }
    let there: BTreeSet<&str> = present(scene.evidence).collect();
    let looks: Vec<&Look> =
        std::iter::once(root).chain(scene.evidence.looks.iter().map(|of| &of.look)).collect();
    let named = looks.iter().flat_map(|look| look.signatures.iter().map(move |one| (look, one)));
    let missing: BTreeSet<String> = named
        .flat_map(|(look, signature)| {
            let missing = signature.attestations.iter().filter(|digest| !there.contains(digest.as_str()));
            missing.map(move |digest| {
                format!("the statement {digest}, which was signed with {}, is not there", look.digest)
            })
        })
        .collect();
    match missing.into_iter().reduce(|all, one| format!("{all}; {one}")) {
        Some(missing) => Finding::Absent(missing),
        None => Finding::Good,
    }
}

/// The image's platforms are those that it should have.
pub(super) fn platforms(rule: &PlatformsRule, evidence: &Evidence) -> Finding {
    let there = &evidence.platforms;
    let missing = rule.require.iter().filter(|one| !there.contains(one.value()));
    let missing = missing.map(|one| format!("the image is not there for {}", one.value()));
    let allowed =
        |one: &Platform| rule.allow.is_empty() || rule.allow.iter().any(|allowed| allowed.value() == one);
    let other = there.iter().filter(|one| !allowed(one));
    let other = other.map(|one| format!("the image is there for {one}, which is not allowed"));
    Finding::of(missing.chain(other).collect())
}

/// All that is said about who built it and what from.
fn provenances(side: &Side<'_>) -> Result<Vec<Provenance>, Finding> {
    let read = side.trusted.iter().filter_map(|one| {
        provenance::read(&one.statement.predicate_type, one.statement.predicate.get())
            .map(|read| read.map_err(|why| format!("the provenance in {}: {why}", one.digest)))
    });
    let (mut found, mut broken) = (Vec::new(), Vec::new());
    for one in read {
        match one {
            Ok(one) => found.push(one),
            Err(why) => broken.push(why),
        }
    }
    match (broken.is_empty(), found.is_empty()) {
        (false, _) => Err(Finding::Bad(broken)),
        (true, true) => Err(Finding::Absent("there is no provenance that counts".to_owned())),
        (true, false) => Ok(found),
    }
}

fn one_of(patterns: &[Located<Glob>], text: &str) -> bool {
    patterns.iter().any(|pattern| pattern.fits(text))
}

pub(super) fn builder(patterns: &[Located<Glob>], side: &Side<'_>) -> Finding {
    let found = match provenances(side) {
        Ok(found) => found,
        Err(finding) => return finding,
    };
    let reason = |one: &Provenance| match one.builder.as_str() {
        "" => Some("the provenance names no builder".to_owned()),
        builder if one_of(patterns, builder) => None,
        builder => Some(format!("the builder {builder:?} is not allowed")),
    };
    Finding::of(found.iter().filter_map(reason).collect())
}

pub(super) fn source(rule: &SourceRule, side: &Side<'_>) -> Finding {
    let found = match provenances(side) {
        Ok(found) => found,
        Err(finding) => return finding,
    };
    let reason = |one: &Provenance| {
        let (source, nothing) = match rule.said_by {
            SourceSaidBy::Builder => {
                (&one.fetched, "the provenance names no repository that the builder has fetched")
            }
            SourceSaidBy::Client => {
                (&one.folder, "the provenance does not say which repository the client's folder is of")
            }
        };
        match plain(source) {
            "" => Some(nothing.to_owned()),
            source if one_of(&rule.repositories, source) => None,
            source => Some(format!("the source {source:?} is not allowed")),
        }
    };
    Finding::of(found.iter().filter_map(reason).collect())
}

/// A repository's address without the commit or the folder in it, and without what only says that it is git's.
fn plain(source: &str) -> &str {
    let source = source.split('#').next().unwrap_or_default();
    let source = source.strip_prefix("git+").unwrap_or(source);
    source.strip_suffix(".git").unwrap_or(source)
}

/// The records that count, if there are any and all can be read.
fn records<'s>(side: &'s Side<'_>) -> Result<&'s [Record], Finding> {
    if !side.records.broken.is_empty() {
        return Err(Finding::Bad(side.records.broken.clone()));
    }
    match side.records.current.as_slice() {
        [] => Err(Finding::Absent("there is no compatibility record that counts".to_owned())),
        records => Ok(records),
    }
}

/// Asks every record that counts; nothing else is known of the image.
fn each(side: &Side<'_>, reasons: impl Fn(&Record) -> Vec<String>) -> Finding {
    match records(side) {
        Ok(records) => Finding::of(records.iter().flat_map(reasons).collect()),
        Err(finding) => finding,
    }
}

pub(super) fn fragments(rule: &FragmentsRule, side: &Side<'_>) -> Finding {
    each(side, |record| {
        if record.fragments.is_empty() {
            return vec![format!("the record {} names no fragment", record.build_id)];
        }
        let allowed = record.fragments.iter().filter_map(|fragment| fragment_reason(rule, fragment));
        let required = rule.require.iter().filter(|wanted| {
            !record.fragments.iter().any(|fragment| is_fragment(wanted, fragment) == Some(true))
        });
        let required =
            required.map(|wanted| format!("the fragment {} is required{}", shown(wanted), because(wanted)));
        allowed.chain(required).collect()
    })
}

fn fragment_reason(rule: &FragmentsRule, fragment: &FragmentEntry) -> Option<String> {
    let FragmentEntry { name, version, .. } = fragment;
    // A version that cannot be compared is taken for the one that is denied, and never for one that is allowed.
    if let Some(denied) = rule.deny.iter().find(|denied| is_fragment(denied, fragment) != Some(false)) {
        return Some(format!(
            "the fragment {name} {version} is denied ({}){}",
            shown(denied),
            because(denied)
        ));
    }
    let allowed = rule.allow.as_ref()?;
    let fits = allowed.iter().any(|allowed| is_fragment(allowed, fragment) == Some(true));
    (!fits).then(|| format!("the fragment {name} {version} is not allowed"))
}

/// Nothing where that cannot be said.
fn is_fragment(wanted: &FragmentMatch, fragment: &FragmentEntry) -> Option<bool> {
    if wanted.name.as_str() != fragment.name {
        return Some(false);
    }
    match &wanted.versions {
        Some(range) => Order::Semantic.has(&fragment.version, range),
        None => Some(true),
    }
}

fn shown(wanted: &FragmentMatch) -> String {
    let range = wanted.versions.as_ref().map(|range| format!(" {range}")).unwrap_or_default();
    format!("{}{range}", wanted.name.value())
}

fn because(wanted: &FragmentMatch) -> String {
    wanted.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default()
}

/// Why a record is none of a pass.
fn not_passed(record: &Record) -> Option<String> {
    let result = &record.result;
    let when = result.tested_at.as_deref().map(|time| format!(" of {time}")).unwrap_or_default();
    let notes = result.notes.as_deref().map(|notes| format!(": {notes}")).unwrap_or_default();
    let id = &record.build_id;
    (result.status != Verdict::Pass)
        .then(|| format!("the record {id}{when} says {}{notes}", result.status.as_str()))
}

pub(super) fn tests(rule: &TestsRule, side: &Side<'_>) -> Finding {
    each(side, |record| {
        if let Some(reason) = not_passed(record) {
            return vec![reason];
        }
        let verdict = |wanted: Verdict| record.tests.iter().filter(move |test| test.verdict == wanted);
        let mut reasons = Vec::new();
        for test in verdict(Verdict::Fail).chain(verdict(Verdict::Error)) {
            reasons.push(format!("the test {} says {}", test.name, test.verdict.as_str()));
        }
        if verdict(Verdict::Pass).next().is_none() {
            reasons.push(format!("no test of the record {} has passed", record.build_id));
        }
        if rule.skipped == Skipped::Refuse {
            for test in verdict(Verdict::Skipped) {
                let why = test.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
                reasons.push(format!("the test {} was skipped{why}", test.name));
            }
        }
        for name in &rule.require {
            if !verdict(Verdict::Pass).any(|test| test.name == **name) {
                reasons.push(format!("the test {} is required and has not passed", name.value()));
            }
        }
        reasons
    })
}

pub(super) fn gpu(rule: &GpuRule, side: &Side<'_>, now: i64) -> Finding {
    let today = Day::of_time(&llb_gen::lower::rfc3339(u64::try_from(now).unwrap_or_default()));
    each(side, |record| {
        if rule.excused.iter().any(|excuse| is_excused(excuse, record, &side.of.platform, today)) {
            return Vec::new();
        }
        if let Some(reason) = not_passed(record) {
            return vec![reason];
        }
        let Some(facts) = &record.accelerator else {
            return vec![format!(
                "the record {} is of a product without an accelerator, and no excuse fits",
                record.build_id
            )];
        };
        let Some(driver) = &facts.driver else {
            return vec![format!(
                "the record {} names no device of {} that its tests ran on",
                record.build_id, facts.name
            )];
        };
        let mut reasons = Vec::new();
        let model = facts.model.as_deref().unwrap_or_default();
        if !rule.models.is_empty() && !one_of(&rule.models, model) {
            reasons.push(format!("the tests ran on {model:?}, which none of the models fits"));
        }
        if let Some(range) = rule.driver.as_ref().filter(|range| !is_driver(driver, range)) {
            reasons.push(format!("the tests ran with the driver {driver}, not {range}"));
        }
        reasons
    })
}

fn is_driver(driver: &str, range: &VersionRange) -> bool {
    Order::Debian.has(driver, range) == Some(true)
}

fn is_excused(excuse: &Excuse, record: &Record, platform: &Platform, today: Option<Day>) -> bool {
    excuse.manifest.as_str() == record.manifest_id
        && excuse.platform.as_ref().is_none_or(|only| only == platform)
        && excuse.until.is_none_or(|until| today.is_some_and(|today| today <= until))
}

/// The SBOMs that count, each read; those that cannot be read are reasons.
fn sboms(side: &Side<'_>) -> (Vec<Bill>, Vec<String>) {
    let (mut found, mut broken) = (Vec::new(), Vec::new());
    for one in &side.trusted {
        let Some(format) = predicate::list(&one.statement.predicate_type) else { continue };
        match sbom::listed(format, one.statement.predicate.get()) {
            Ok(bill) => found.push(bill),
            Err(why) => broken.push(format!("the SBOM in {} {why}", one.digest)),
        }
    }
    (found, broken)
}

pub(super) fn sbom(rule: &SbomRule, side: &Side<'_>) -> Finding {
    let (found, broken) = sboms(side);
    if !broken.is_empty() {
        return Finding::Bad(broken);
    }
    let wanted = |format| rule.formats.is_empty() || rule.formats.contains(&format);
    if found.iter().any(|bill| wanted(bill.format)) {
        return Finding::Good;
    }
    let formats: Vec<&str> = rule.formats.iter().map(|format| format.as_str()).collect();
    let of = if formats.is_empty() { String::new() } else { format!(" ({})", formats.join(" or ")) };
    Finding::Absent(format!("there is no SBOM{of} that counts"))
}

pub(super) fn packages(rule: &PackagesRule, side: &Side<'_>) -> Finding {
    let (found, broken) = sboms(side);
    let mut reasons = BTreeSet::new();
    for denied in &rule.deny {
        for package in found.iter().flat_map(Bill::all).filter(|package| sbom::is_denied(package, denied)) {
            let version = if package.version.is_empty() { "(no version)" } else { &package.version };
            let why = denied.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            reasons
                .insert(format!("the package {} {version} is denied at {}{why}", package.name, denied.place));
        }
    }
    match (reasons.is_empty() && broken.is_empty(), found.is_empty()) {
        (false, _) => Finding::Bad(broken.into_iter().chain(reasons).collect()),
        (true, true) => {
            Finding::Absent("there is no SBOM that counts, so nobody knows what is in the image".to_owned())
        }
        (true, false) => Finding::Good,
    }
}

pub(super) fn record(rule: &RecordRule, side: &Side<'_>, now: i64) -> Finding {
    each(side, |record| {
        let id = &record.build_id;
        let days = rule.max_age_days;
        let reason = match tested_at(record) {
            None => Some(format!("the record {id} does not say when its tests ran")),
            Some(then) if then > now.saturating_add(SKEW) => {
                Some(format!("the tests of the record {id} ran in the future"))
            }
            Some(then) if now - then > i64::from(days) * DAY => Some(format!(
                "the tests of the record {id} ran {} days ago, more than {days}",
                (now - then) / DAY
            )),
            Some(_) => None,
        };
        reason.into_iter().collect()
    })
}

pub(super) fn base(rule: &BaseRule, side: &Side<'_>, evidence: &Evidence) -> Finding {
    let bases: BTreeSet<&str> = match records(side) {
        Ok(records) => records.iter().map(|record| record.base_digest.as_str()).collect(),
        Err(finding) => return finding,
    };
    let mut unseen = None;
    let mut now = Vec::new();
    for image in &rule.images {
        let name = image.familiar();
        match evidence.bases.get(&image.value().to_string()) {
            Some(Base::Now { digest, platforms }) => {
                let own = platforms.iter().filter(|(platform, _)| *platform == side.of.platform);
                now.push((
                    name,
                    std::iter::once(digest).chain(own.map(|(_, digest)| digest)).collect::<Vec<_>>(),
                ));
            }
            Some(Base::Missing) => now.push((name, Vec::new())),
            Some(Base::Unseen(why)) => unseen = Some(why.clone()),
            None => unseen = Some(format!("nobody looked at {name}")),
        }
    }
    let current = |base: &&str| now.iter().any(|(_, digests)| digests.iter().any(|digest| digest == base));
    let old: Vec<&&str> = bases.iter().filter(|base| !current(base)).collect();
    match (old.is_empty(), unseen) {
        (true, _) => Finding::Good,
        (false, Some(why)) => Finding::Unseen(why),
        (false, None) => {
            let names = now.iter().map(|(name, digests)| match digests.first() {
                Some(digest) => format!("{name} is {digest} now"),
                None => format!("there is no {name}"),
            });
            let names: Vec<String> = names.collect();
            Finding::Bad(
                old.iter()
                    .map(|base| format!("the base {base} is not current: {}", names.join(", ")))
                    .collect(),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_without_what_varies() {
        for (source, expected) in [
            ("https://github.com/x/y.git#refs/heads/main", "https://github.com/x/y"),
            ("git+https://github.com/x/y", "https://github.com/x/y"),
            ("https://github.com/x/y.git#abc:folder", "https://github.com/x/y"),
            ("", ""),
        ] {
            assert_eq!(plain(source), expected);
        }
    }
}
