//! Templates as written.

use jsonc_parser::ast::Value as Json;

use super::arg::RawArgs;
use super::checks::RawOwnChecks;
use super::config::RawConfig;
use super::test::RawTest;
use super::{RawEnv, RawLabels};
use crate::model::{List, SlotName, TemplateId, Version};
use crate::parse::decode::{Decode, Kept, Tolerant};
use crate::parse::node::{Context, Node};
use crate::parse::object::object;
use crate::text::Located;

object! {
    /// Ordered slots, and what all products of a kind share.
    TemplateFile {
        /// The JSON Schema, for editors.
        "$schema" schema: Kept<String>,
        /// The template's id. Equals its folder's name.
        "id" id: Located<TemplateId>,
        /// Its version. Equals the file's name without `.json`.
        "version" version: Located<Version>,
        /// What its products have in common.
        "description" description: Kept<String>,
        /// The slots from the base upwards: each takes the fragment with its name.
        "slots" slots: Located<Vec<RawSlot>>,
        /// The shell of `run` text and shell-form commands; `["/bin/sh", "-c"]` by default.
        "shell" shell: List<String>,
        /// Labels of every product.
        "labels" labels: Kept<RawLabels>,
        /// Arguments of the template, and defaults for those of its fragments.
        "args" args: Kept<RawArgs>,
        /// Environment below all fragments.
        "env" env: Kept<RawEnv>,
        /// Image config below all fragments.
        "config" config: Kept<RawConfig>,
        /// What must be true of every product: looked at after the tests of its fragments.
        "tests" tests: Kept<Tolerant<RawTest>>,
        /// Rules that find something in the template that is meant so, with the reasons.
        "check" check: Kept<RawOwnChecks>,
    }
}

/// A slot: its name alone, or an object.
#[derive(Debug, Clone)]
pub(crate) struct RawSlot {
    pub(crate) name: Located<SlotName>,
    pub(crate) description: Option<String>,
    pub(crate) volatile: bool,
}

object! {
    /// A slot.
    RawSlotObject {
        /// Its name: that of the fragment it takes.
        "name" name: Located<SlotName>,
        /// What belongs into it.
        "description" description: Option<String>,
        /// Whether what fills it changes often, such as an application. The target `prewarm` leaves it out, with what is built
        /// on it.
        "volatile" volatile: Option<bool>,
    }
}

impl Decode for RawSlot {
    const FORM: &'static str = "the name of a slot, or an object with `name`, `description` and `volatile`";
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        match node {
            Json::Object(_) => RawSlotObject::decode(node, cx).map(|slot| Self {
                name: slot.name,
                description: slot.description,
                volatile: slot.volatile.unwrap_or(false),
            }),
            Json::StringLit(_) => {
                Located::decode(node, cx).map(|name| Self { name, description: None, volatile: false })
            }
            _ => cx.wrong_type(node, Self::FORM),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let object = RawSlotObject::schema(generator);
        crate::schema::any_of([crate::schema::plain_text::<SlotName>(generator), object])
    }
}
