//! From a policy as it is written to one that asks for something that can be.

use super::{
    BaseRule, Excuse, FragmentMatch, FragmentsRule, GpuRule, IdentityRule, PackageMatch, PackagesRule,
    PlatformsRule, Policy, RecordRule, SbomRule, SignatureRule, Skipped, SourceRule, SourceSaidBy, TestsRule,
};
use crate::diagnostic::{Diagnostic, Sink};
use crate::parse::RawPolicy;
use crate::parse::node::Found;
use crate::parse::raw::policy::{
    RawBase, RawExcuse, RawFragmentMatch, RawFragments, RawGpu, RawIdentity, RawPackageMatch, RawPackages,
    RawPlatforms, RawRecord, RawSbom, RawSignature, RawSource, RawTests,
};
use crate::text::{Located, Place, Span};

/// The rules of a policy, for messages.
const RULES: &str = "a rule: `signature`, `platforms`, `builder`, `source`, `fragments`, `tests`, `gpu`, `sbom`, `packages`, \
                     `record` or `base`";

/// Checks a policy.
pub(crate) fn policy(raw: RawPolicy, sink: &mut Sink) -> (Policy, Found) {
    let RawPolicy { file, raw, found } = raw;
    let policy = Policy {
        description: raw.description.0,
        signature: raw.signature.0.map(|raw| signature(raw, sink)),
        platforms: raw.platforms.0.map(|raw| platforms(raw, sink)),
        builder: raw.builder.0.filter(|list| filled(list, "builder", sink)),
        source: raw.source.0.map(|raw| source(raw, sink)),
        fragments: raw.fragments.0.map(|raw| fragments(raw, sink)),
        tests: raw.tests.0.map(tests),
        gpu: raw.gpu.0.map(gpu),
        sbom: raw.sbom.0.map(sbom),
        packages: raw.packages.0.map(|raw| packages(raw, sink)),
        record: raw.record.0.map(|raw| record(raw, sink)),
        base: raw.base.0.map(|raw| base(raw, sink)),
        file,
    };
    if !found.broken && !has_a_rule(&policy) {
        let brace =
            Place::new(&policy.file, Span::new(raw.place.span().start(), raw.place.span().start() + 1));
        let fault =
            Diagnostic::error("empty-value", &brace, "the policy has no rule, so every image would do");
        sink.push(fault.expecting(RULES));
    }
    (policy, found)
}

fn has_a_rule(policy: &Policy) -> bool {
    policy.rules().next().is_some()
}

impl Policy {
    /// The names of its rules, in the order in which they are judged, and where each is written.
    pub fn rules(&self) -> impl Iterator<Item = (&'static str, &Place)> {
        let rules = [
            ("signature", self.signature.as_ref().map(|rule| &rule.place)),
            ("platforms", self.platforms.as_ref().map(|rule| &rule.place)),
            ("builder", self.builder.as_ref().map(Located::place)),
            ("source", self.source.as_ref().map(|rule| &rule.place)),
            ("fragments", self.fragments.as_ref().map(|rule| &rule.place)),
            ("tests", self.tests.as_ref().map(|rule| &rule.place)),
            ("gpu", self.gpu.as_ref().map(|rule| &rule.place)),
            ("sbom", self.sbom.as_ref().map(|rule| &rule.place)),
            ("packages", self.packages.as_ref().map(|rule| &rule.place)),
            ("record", self.record.as_ref().map(|rule| &rule.place)),
            ("base", self.base.as_ref().map(|rule| &rule.place)),
        ];
        rules.into_iter().filter_map(|(name, place)| place.map(|place| (name, place)))
    }
}

fn filled<T>(list: &Located<Vec<T>>, member: &str, sink: &mut Sink) -> bool {
    if list.value().is_empty() {
        let message = format!("`{member}` is empty, so no image would do");
        sink.push(Diagnostic::error("empty-value", list.place(), message));
    }
    true
}

fn signature(raw: RawSignature, sink: &mut Sink) -> SignatureRule {
    let identity = |one: RawIdentity| IdentityRule { issuer: one.issuer, identity: one.identity };
    let identities: Vec<IdentityRule> =
        raw.identities.0.unwrap_or_default().into_iter().map(identity).collect();
    for one in identities.iter().filter(|one| one.issuer.fits("") && one.identity.fits("")) {
        let message = "both patterns fit everybody, so anybody's signature would do";
        let fault = Diagnostic::error("invalid-value", one.identity.place(), message);
        sink.push(fault.expecting("a pattern that says who signs, or one that says who vouches for it"));
    }
    if let Some(path) = raw.trusted_root.0.as_ref().filter(|path| path.value().is_empty()) {
        sink.push(Diagnostic::error("empty-value", path.place(), "`trusted_root` names no file"));
    }
    let keys = raw.keys.0.unwrap_or_default();
    SignatureRule { keys, identities, trusted_root: raw.trusted_root.0, place: raw.place }
}

fn source(raw: RawSource, sink: &mut Sink) -> SourceRule {
    filled(&raw.repositories, "repositories", sink);
    SourceRule {
        repositories: raw.repositories.into_value(),
        said_by: raw.said_by.unwrap_or(SourceSaidBy::Builder),
        place: raw.place,
    }
}

fn nothing_asked(rule: &str, place: &Place, members: &str, sink: &mut Sink) {
    let message = format!("`{rule}` asks for nothing");
    sink.push(Diagnostic::error("empty-value", place, message).expecting(members));
}

fn platforms(raw: RawPlatforms, sink: &mut Sink) -> PlatformsRule {
    let (require, allow) = (raw.require.unwrap_or_default(), raw.allow.unwrap_or_default());
    if require.is_empty() && allow.is_empty() {
        nothing_asked("platforms", &raw.place, "`require`, `allow` or both, with a platform", sink);
    }
    for one in require
        .iter()
        .filter(|one| !allow.is_empty() && !allow.iter().any(|allowed| allowed.value() == one.value()))
    {
        let message = format!("`{}` is required and not allowed, so no image would do", one.value());
        sink.push(Diagnostic::error("impossible-rule", one.place(), message));
    }
    PlatformsRule { require, allow, place: raw.place }
}

fn fragments(raw: RawFragments, sink: &mut Sink) -> FragmentsRule {
    let matches = |list: Option<Vec<RawFragmentMatch>>| {
        list.map(|list: Vec<RawFragmentMatch>| list.into_iter().map(fragment).collect())
    };
    let allow: Option<Vec<FragmentMatch>> = matches(raw.allow);
    let deny: Vec<FragmentMatch> = matches(raw.deny).unwrap_or_default();
    let require: Vec<FragmentMatch> = matches(raw.require).unwrap_or_default();
    if allow.is_none() && deny.is_empty() && require.is_empty() {
        nothing_asked("fragments", &raw.place, "`allow`, `deny` or `require`, with a fragment", sink);
    }
    FragmentsRule { allow, deny, require, place: raw.place }
}

fn fragment(raw: RawFragmentMatch) -> FragmentMatch {
    FragmentMatch { name: raw.name, versions: raw.versions.map(Located::into_value), reason: raw.reason }
}

fn tests(raw: RawTests) -> TestsRule {
    TestsRule {
        require: raw.require.unwrap_or_default(),
        skipped: raw.skipped.unwrap_or(Skipped::Refuse),
        place: raw.place,
    }
}

fn gpu(raw: RawGpu) -> GpuRule {
    GpuRule {
        models: raw.models.unwrap_or_default(),
        driver: raw.driver.map(Located::into_value),
        excused: raw.excused.map(|list| list.into_iter().map(excuse).collect()).unwrap_or_default(),
        place: raw.place,
    }
}

fn excuse(raw: RawExcuse) -> Excuse {
    Excuse {
        manifest: raw.manifest.into_value(),
        platform: raw.platform.map(Located::into_value),
        until: raw.until.map(Located::into_value),
        reason: raw.reason.into_value(),
    }
}

fn sbom(raw: RawSbom) -> SbomRule {
    let formats = raw.formats.unwrap_or_default().into_iter().map(Located::into_value).collect();
    SbomRule { formats, place: raw.place }
}

fn packages(raw: RawPackages, sink: &mut Sink) -> PackagesRule {
    if raw.deny.is_empty() {
        nothing_asked("packages", &raw.place, "`deny` with a package", sink);
    }
    let deny = raw.deny.into_iter().map(|one| package(one, sink)).collect();
    PackagesRule { deny, place: raw.place }
}

fn package(raw: RawPackageMatch, sink: &mut Sink) -> PackageMatch {
    if raw.name.is_none() && raw.purl.is_none() {
        let fault = Diagnostic::error("missing-member", &raw.place, "which package is not said");
        sink.push(fault.expecting("`name`, `purl` or both"));
    }
    PackageMatch {
        name: raw.name.map(Located::into_value),
        purl: raw.purl.map(Located::into_value),
        versions: raw.versions.map(Located::into_value),
        reason: raw.reason,
        place: raw.place,
    }
}

fn record(raw: RawRecord, sink: &mut Sink) -> RecordRule {
    let days = raw.max_age_days;
    if *days.value() == 0 {
        let fault = Diagnostic::error("invalid-value", days.place(), "no record is younger than 0 days");
        sink.push(fault.expecting("a number of days from 1"));
    }
    RecordRule { max_age_days: days.into_value(), place: raw.place }
}

fn base(raw: RawBase, sink: &mut Sink) -> BaseRule {
    if raw.images.value().is_empty() {
        sink.push(Diagnostic::error(
            "empty-value",
            raw.images.place(),
            "`images` is empty, so no image would do",
        ));
    }
    BaseRule { images: raw.images.into_value(), place: raw.place }
}
