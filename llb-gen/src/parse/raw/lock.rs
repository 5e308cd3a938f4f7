//! Locks as written.

use jsonc_parser::ast::Value as Json;

use crate::lock::words::{
    AptName, AptVersion, FragmentId, LockTarget, PipName, PipOption, PipVersion, StepPath,
};
use crate::model::{Digest, FragmentPath, ImageRef, ManifestId, Platform};
use crate::parse::decode::{Decode, Kept, Map};
use crate::parse::node::{Context, Node};
use crate::parse::object::object;
use crate::text::Located;

object! {
    /// What the names of a manifest and of its fragments resolved to. `factory lock` writes it; a build of the manifest beside
    /// it takes exactly what it says.
    LockFile {
        /// The JSON Schema, for editors.
        "$schema" schema: Kept<String>,
        /// The version of this form: 1.
        "schema_version" version: Located<u32>,
        /// The manifest's id.
        "manifest" manifest: Located<ManifestId>,
        /// The base and all other images, by their full names.
        "images" images: Map<ImageRef, Located<RawLockedImage>>,
        /// What the steps of fragments resolved to: by fragment and version, then by platform and accelerator.
        "fragments" fragments: Map<FragmentId, Map<LockTarget, Located<RawLockedFragment>>>,
    }
}

object! {
    /// An image.
    RawLockedImage {
        /// The digest of its index, or of its manifest where there is no index.
        "digest" digest: Digest,
        /// Its config on every platform, which a build needs before it starts.
        "platforms" platforms: Map<Platform, LockedConfig>,
    }
}

object! {
    /// The steps of a fragment on one platform.
    RawLockedFragment {
        /// The base and the fragments that it was resolved on, lowest first.
        "built_on" built_on: Vec<String>,
        /// What its steps resolved to, by their places in `fragment.json`.
        "steps" steps: Map<StepPath, Located<RawLockedStep>>,
    }
}

object! {
    /// What one step resolved to: `apt` or `pip`.
    RawLockedStep {
        /// What the step asks for. A step that asks for something else is resolved anew.
        "asked" asked: Vec<String>,
        /// Every Debian package that is installed or upgraded, with its version.
        "apt" apt: Option<Map<AptName, AptVersion>>,
        /// The Python packages that are installed.
        "pip" pip: Option<RawLockedPip>,
    }
}

object! {
    /// The Python packages of a step.
    RawLockedPip {
        /// The requirements files that were read, by their paths in the fragment's folder, with their digests.
        "files" files: Map<FragmentPath, Digest>,
        /// What these files say about where packages are looked for.
        "options" options: Vec<PipOption>,
        /// Every package that is installed.
        "packages" packages: Map<PipName, RawLockedPackage>,
    }
}

object! {
    /// A Python package.
    RawLockedPackage {
        /// Its version.
        "version" version: PipVersion,
        /// The digests of its files; one of them is installed.
        "hashes" hashes: Vec<Digest>,
    }
}

/// An image config: an object whose members are the business of the image.
#[derive(Debug, Clone)]
pub(crate) struct LockedConfig(pub(crate) serde_json::Value);

impl Decode for LockedConfig {
    const FORM: &'static str = "an image config";
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        if !matches!(node, Json::Object(_)) {
            return cx.wrong_type(node, Self::FORM);
        }
        plain(node, cx).map(Self)
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object" })
    }
}

/// Any JSON value.
fn plain(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<serde_json::Value> {
    Some(match node {
        Json::StringLit(string) => string.value.clone().into_owned().into(),
        Json::BooleanLit(flag) => flag.value.into(),
        Json::NullKeyword(_) => serde_json::Value::Null,
        Json::NumberLit(number) => match number.value.parse::<serde_json::Number>() {
            Ok(number) => serde_json::Value::Number(number),
            Err(_) => return cx.wrong_type(node, "a number"),
        },
        Json::Array(array) => {
            serde_json::Value::Array(array.elements.iter().map(|one| plain(one, cx)).collect::<Option<_>>()?)
        }
        Json::Object(object) => {
            if crate::parse::object::repeated(object, cx) {
                return None;
            }
            let member = |property: &jsonc_parser::ast::ObjectProp<'_>, cx: &mut Context<'_>| {
                Some((property.name.as_str().to_owned(), plain(&property.value, cx)?))
            };
            let members = object.properties.iter().map(|property| member(property, cx));
            serde_json::Value::Object(members.collect::<Option<_>>()?)
        }
    })
}
