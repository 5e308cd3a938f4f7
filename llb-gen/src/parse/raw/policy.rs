//! Policies as written.

use crate::model::test::VersionRange;
use crate::model::{FragmentName, ImageRef, ManifestId, Platform};
use crate::parse::decode::{Kept, keywords};
use crate::parse::object::object;
use crate::policy::{Day, Glob, KeySource, PackageUrl, SbomFormat, Skipped, SourceSaidBy};
use crate::text::Located;

object! {
    /// What an image must be like to be used. Every rule that is there must hold on every platform of the image.
    PolicyFile {
        /// The JSON Schema, for editors.
        "$schema" schema: Kept<String>,
        /// What the policy is for.
        "description" description: Kept<String>,
        /// The image, and each of its platforms, is signed by one of these keys or identities, and nothing counts that they have not signed.
        /// Without this rule everything that hangs on the image counts, whoever has written it.
        "signature" signature: Kept<RawSignature>,
        /// Which platforms the image has.
        "platforms" platforms: Kept<RawPlatforms>,
        /// Who may have built it: patterns for the builder's id in the provenance.
        "builder" builder: Kept<Located<Vec<Located<Glob>>>>,
        /// What it may have been built from, by its provenance.
        "source" source: Kept<RawSource>,
        /// Which fragments, in which versions, it may have.
        "fragments" fragments: Kept<RawFragments>,
        /// Its tests have passed.
        "tests" tests: Kept<RawTests>,
        /// Its tests have run on a device of its accelerator, or it is excused.
        "gpu" gpu: Kept<RawGpu>,
        /// A list of what is in it is attached.
        "sbom" sbom: Kept<RawSbom>,
        /// What must not be in it.
        "packages" packages: Kept<RawPackages>,
        /// How old its compatibility record may be.
        "record" record: Kept<RawRecord>,
        /// Its base image is the current one.
        "base" base: Kept<RawBase>,
    }
}

object! {
    /// Who signs.
    RawSignature {
        /// Public keys: paths of PEM files from the policy's folder, or the PEM text itself. With `--key` on the command line
        /// those keys are used instead.
        "keys" keys: Kept<Vec<Located<KeySource>>>,
        /// Identities whose keyless signatures count beside those of the keys. With `--identity` on the command line that one is used
        /// instead.
        "identities" identities: Kept<Vec<RawIdentity>>,
        /// Who is believed about identities: the path, from the policy's folder, of sigstore's `trusted_root.json`. `--trusted-root`
        /// on the command line is used instead.
        "trusted_root" trusted_root: Kept<Located<String>>,
    }
}

object! {
    /// Somebody who signs without a key of their own. Both must fit.
    RawIdentity {
        /// A pattern for who says who it is: the address of the provider of identities.
        "issuer" issuer: Located<Glob>,
        /// A pattern for the identity: the address of a workflow, one of mail, or a name.
        "identity" identity: Located<Glob>,
    }
}

object! {
    /// Platforms. At least one of the two members is given.
    RawPlatforms {
        /// The image must be there for each of these.
        "require" require: Option<Vec<Located<Platform>>>,
        /// It must not be there for any other than these.
        "allow" allow: Option<Vec<Located<Platform>>>,
    }
}

object! {
    /// What an image was built from.
    RawSource {
        /// Patterns for the source repository, as it is written in the provenance.
        "repositories" repositories: Located<Vec<Located<Glob>>>,
        /// Who says so; the builder by default.
        "said_by" said_by: Option<SourceSaidBy>,
    }
}

keywords!(SourceSaidBy, "`builder` or `client`" {
    /// The builder, of a repository that it has fetched itself.
    "builder" => SourceSaidBy::Builder,
    /// The client, of the folder that it has sent.
    "client" => SourceSaidBy::Client,
});

object! {
    /// Fragments. At least one of the members is given; `deny` wins over `allow`.
    RawFragments {
        /// Every fragment must be one of these.
        "allow" allow: Option<Vec<RawFragmentMatch>>,
        /// No fragment may be one of these.
        "deny" deny: Option<Vec<RawFragmentMatch>>,
        /// These must be among the fragments.
        "require" require: Option<Vec<RawFragmentMatch>>,
    }
}

object! {
    /// A fragment in some of its versions.
    RawFragmentMatch {
        /// The fragment's name.
        "name" name: Located<FragmentName>,
        /// Its versions; all where it is not given.
        "versions" versions: Option<Located<VersionRange>>,
        /// Why, for people.
        "reason" reason: Option<String>,
    }
}

object! {
    /// Tests. The newest record of the product on the platform must be a pass, with at least one test that has passed.
    RawTests {
        /// Tests, by their names, that must be among those that have passed.
        "require" require: Option<Vec<Located<String>>>,
        /// Whether tests may have been skipped; they may not by default.
        "skipped" skipped: Option<Skipped>,
    }
}

keywords!(Skipped, "`allow` or `refuse`" {
    /// Skipped tests are passed over.
    "allow" => Skipped::Allow,
    /// A test that was skipped refuses the image.
    "refuse" => Skipped::Refuse,
});

object! {
    /// The accelerator that the tests must have run on.
    RawGpu {
        /// Patterns for the model of the device, as its driver names it; any where it is not given.
        "models" models: Option<Vec<Located<Glob>>>,
        /// Versions of the driver; any where it is not given.
        "driver" driver: Option<Located<VersionRange>>,
        /// What need not be tested on a device.
        "excused" excused: Option<Vec<RawExcuse>>,
    }
}

object! {
    /// A product that need not be tested on a device.
    RawExcuse {
        /// The manifest's id.
        "manifest" manifest: Located<ManifestId>,
        /// The platform; every one where it is not given.
        "platform" platform: Option<Located<Platform>>,
        /// The last day, in UTC, on which the excuse holds; it holds for good where it is not given.
        "until" until: Option<Located<Day>>,
        /// Why it need not be, for people.
        "reason" reason: Located<String>,
    }
}

object! {
    /// The list of what is in the image.
    RawSbom {
        /// Formats that will do; any where it is not given.
        "formats" formats: Option<Vec<Located<SbomFormat>>>,
    }
}

keywords!(SbomFormat, "`spdx` or `cyclonedx`" {
    /// SPDX 2.3.
    "spdx" => SbomFormat::Spdx,
    /// CycloneDX.
    "cyclonedx" => SbomFormat::Cyclonedx,
});

object! {
    /// Packages.
    RawPackages {
        /// None of these may be in the image. It needs a list of what is in it to be looked through.
        "deny" deny: Vec<RawPackageMatch>,
    }
}

object! {
    /// A package in some of its versions, by its name, its package URL, or both.
    RawPackageMatch {
        /// A pattern for the package's name.
        "name" name: Option<Located<Glob>>,
        /// A package URL without a version: type, namespace and name must be the package's own, and each qualifier that is given.
        "purl" purl: Option<Located<PackageUrl>>,
        /// Its versions, in the order of its kind of package; all where it is not given. A package without a version is all.
        "versions" versions: Option<Located<VersionRange>>,
        /// Why, for people.
        "reason" reason: Option<String>,
    }
}

object! {
    /// The compatibility record.
    RawRecord {
        /// The most days since the tests have run.
        "max_age_days" max_age_days: Located<u32>,
    }
}

object! {
    /// The base image.
    RawBase {
        /// The base must be what one of these names now: its registry is asked.
        "images" images: Located<Vec<Located<ImageRef>>>,
    }
}
