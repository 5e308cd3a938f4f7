//! The documents as they are written: one type for each object, with every leaf already a checked value.
//!
//! What these types cannot say (which members go together, what refers to what) is the business of [`crate::check`].
//! The documentation of every member here is its description in the JSON Schemas.

mod action;
pub(crate) mod arg;
pub(crate) mod checks;
pub(crate) mod config;
pub(crate) mod files;
pub(crate) mod fragment;
pub(crate) mod lock;
pub(crate) mod manifest;
pub(crate) mod matrix;
pub(crate) mod mounts;
pub(crate) mod packages;
pub(crate) mod policy;
pub(crate) mod run;
pub(crate) mod short;
pub(crate) mod step;
pub(crate) mod template;
pub(crate) mod test;
pub(crate) mod when;

use crate::model::{EnvName, LabelKey, Value};
use crate::parse::decode::Map;

/// Environment variables by name.
pub(crate) type RawEnv = Map<EnvName, Value<String>>;
/// Labels or annotations by key.
pub(crate) type RawLabels = Map<LabelKey, Value<String>>;
