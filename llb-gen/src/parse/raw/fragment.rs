//! Fragments as written.

use super::RawEnv;
use super::arg::RawArgs;
use super::config::RawConfig;
use super::step::RawStep;
use crate::model::{FragmentName, ImagePath, StageBase, StageName, Value, Version};
use crate::parse::decode::{Kept, Map, Tolerant};
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
