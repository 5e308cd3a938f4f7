//! Fragments as written.

use super::RawEnv;
use super::arg::RawArgs;
use super::checks::RawOwnChecks;
use super::config::RawConfig;
use super::step::RawStep;
use super::test::RawTest;
use crate::model::{Contract, FragmentName, ImagePath, List, StageBase, StageName, Value, Version};
use crate::parse::decode::{Kept, Map, OneOrMany, Tolerant};
use crate::parse::object::object;
use crate::text::Located;

object! {
    /// A versioned piece of an image, with its own files beside it: `fragments/NAME/VERSION/fragment.json`.
    FragmentFile {
        /// The JSON Schema, for editors.
        "$schema" schema: Kept<String>,
        /// The fragment's name. Equals its folder's.
        "name" name: Located<FragmentName>,
        /// Its version. Equals its folder's name.
        "version" version: Located<Version>,
        /// What it brings.
        "description" description: Kept<String>,
        /// The fragments that it is built on, with what those are built on; `[]` for the base alone. Absent: everything below
        /// it, as in a Dockerfile. A fragment that is not built on another is built beside it, and neither is run again
        /// when the other changes.
        "builds_on" builds_on: Kept<Tolerant<Located<FragmentName>>>,
        /// What it needs from what it is built on: looked up there before its steps.
        "requires" requires: Kept<Tolerant<Located<Contract>>>,
        /// What it promises to those above: looked up in what it made.
        "provides" provides: Kept<Tolerant<Located<Contract>>>,
        /// Absolute paths, with wildcards, that this fragment may write although a fragment below, that it is not built on,
        /// writes them too. This one's are in the image then.
        "wins" wins: Kept<List<ImagePath>>,
        /// How what it adds becomes layers of the image; one layer by default.
        "layout" layout: Kept<RawLayout>,
        /// The arguments that its members and steps use. A step sees them in its environment; the image does not.
        "args" args: Kept<RawArgs>,
        /// Environment of its steps, of everything above it and of the image. A variable that names itself
        /// (`"PATH": "/opt/venv/bin:${PATH}"`) means what is below.
        "env" env: Kept<RawEnv>,
        /// What it does, in order.
        "steps" steps: Kept<Tolerant<RawStep>>,
        /// What it says about the image.
        "config" config: Kept<RawConfig>,
        /// Build-only stages: files are copied out of them with `"from": "stage:NAME"`. One that nothing uses is never
        /// run.
        "stages" stages: Kept<Map<StageName, RawStage>>,
        /// What must be true of an image with it: looked at in the finished root.
        "tests" tests: Kept<Tolerant<RawTest>>,
        /// Rules that find something in the fragment and its files that is meant so, with the reasons.
        "check" check: Kept<RawOwnChecks>,
    }
}

object! {
    /// How a fragment's delta becomes layers.
    RawLayout {
        /// Absolute paths, with wildcards, that get a layer of their own: one layer for each item, which is a path or a
        /// list of them. Large files that seldom change (models, wheels) are then pulled side by side, and pushed alone.
        "split" split: Option<Vec<OneOrMany<Value<ImagePath>>>>,
        /// Share a layer with the fragment below it that says so too.
        "fold" fold: Option<Located<bool>>,
    }
}

object! {
    /// A build-only stage.
    RawStage {
        /// What it is built on: an image reference, `scratch`, `stage:NAME`, or `fragment`, the default: what the
        /// fragment itself is built on.
        "base" base: Option<Value<StageBase>>,
        /// Environment of its steps, over that of its base.
        "env" env: Option<RawEnv>,
        /// Where relative paths of its steps begin; the base's workdir by default.
        "workdir" workdir: Option<Value<ImagePath>>,
        /// What it does, in order.
        "steps" steps: Tolerant<RawStep>,
    }
}
