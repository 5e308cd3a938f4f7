//! Manifests as written.

use jsonc_parser::ast::Value as Json;

use super::RawEnv;
use super::arg::RawArgs;
use super::checks::RawChecks;
use super::config::RawConfig;
use super::test::RawTest;
use crate::model::{
    Accelerator, Base, ByteSize, Duration, FragmentName, ImageName, List, ManifestId, Platform, TagPattern,
    TemplateId, Value, Version,
};
use crate::parse::decode::{Decode, Kept, Map, Tolerant};
use crate::parse::node::{Context, Node};
use crate::parse::object::object;
use crate::text::{Located, Place};

object! {
    /// What a product is: a base, and versioned fragments in the slots of a template.
    ManifestFile {
        /// The frontend image that `docker buildx build -f` loads to read this file.
        "syntax" syntax: Kept<Located<String>>,
        /// The JSON Schema, for editors.
        "$schema" schema: Kept<String>,
        /// The one handle of the product. Equals the file's name without `.json`.
        "id" id: Located<ManifestId>,
        /// What the product is for.
        "description" description: Kept<String>,
        /// The product's own version, for tags and labels.
        "version" version: Kept<Located<Version>>,
        /// The template whose slots the fragments fill.
        "template" template: Kept<RawTemplateSelection>,
        /// What the product is built on: an image reference or `scratch`, or one for each platform.
        "base" base: Value<Base>,
        /// The platforms that the product supports. A build without `--platform` makes the worker's own.
        "platforms" platforms: Kept<Located<Vec<Located<Platform>>>>,
        /// The accelerator that the product is made for.
        "accelerator" accelerator: Kept<Accelerator>,
        /// With a template an object that gives each slot a fragment version; without one an array of fragments from
        /// the base upwards.
        "fragments" fragments: RawSelections,
        /// Arguments of the product: values for those that its fragments declare, and its own.
        "args" args: Kept<RawArgs>,
        /// Environment of the finished image, over that of all fragments. Steps do not see it.
        "env" env: Kept<RawEnv>,
        /// The last word about the image config.
        "config" config: Kept<RawConfig>,
        /// The names under which the product is published.
        "product" product: Kept<RawProductNames>,
        /// What must be true of the product: looked at after the tests of its fragments and of its template.
        "tests" tests: Kept<Tolerant<RawTest>>,
        /// The most that the product's tests may need. More is a failure of the product.
        "limits" limits: Kept<RawBudget>,
        /// What is done about what rules find in the product: which of them are skipped, and which end the build.
        "check" check: Kept<RawChecks>,
    }
}

object! {
    /// The most that the product's tests may need: at least one of both.
    RawBudget {
        /// The most memory that any one test may have at once, such as `2g`.
        "memory" memory: Option<Value<ByteSize>>,
        /// How long all tests together may take, such as `10m`.
        "time" time: Option<Value<Duration>>,
    }
}

object! {
    /// A template and its version: `manifests/templates/ID/VERSION.json`.
    RawTemplateSelection {
        /// The template.
        "id" id: Located<TemplateId>,
        /// Its version.
        "version" version: Located<Version>,
    }
}

object! {
    /// A fragment and its version: `fragments/NAME/VERSION/fragment.json`.
    RawSelection {
        /// The fragment.
        "name" name: Located<FragmentName>,
        /// Its version.
        "version" version: Located<Version>,
    }
}

object! {
    /// The names under which the product is published.
    RawProductNames {
        /// The image's name, without a tag.
        "image" image: Option<Value<ImageName>>,
        /// Tags. `{id}`, `{version}`, `{os}`, `{arch}`, `{variant}`, `{platform}` and `{accelerator}` are replaced.
        "tags" tags: List<TagPattern>,
    }
}

/// The fragments of a manifest, in either form.
#[derive(Debug, Clone)]
pub(crate) enum RawSelections {
    Slots(Map<FragmentName, Located<Version>>, Place),
    Chain(Vec<RawSelection>, Place),
}

impl Decode for RawSelections {
    const FORM: &'static str = "an object from slots to versions, or an array of `{\"name\", \"version\"}`";
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let place = cx.place(node);
        match node {
            Json::Object(_) => Map::decode(node, cx).map(|slots| Self::Slots(slots, place)),
            Json::Array(_) => Vec::decode(node, cx).map(|chain| Self::Chain(chain, place)),
            _ => cx.wrong_type(node, Self::FORM),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let slots = <Map<FragmentName, Located<Version>> as Decode>::schema(generator);
        let chain = <Vec<RawSelection> as Decode>::schema(generator);
        crate::schema::any_of([slots, chain])
    }
}
