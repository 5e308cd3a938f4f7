//! Conditions as written.

use super::short::Scalar;
use crate::model::{Accelerator, ArgName, Platform};
use crate::parse::decode::{Map, OneOrMany, keywords};
use crate::parse::object::object;
use crate::text::Located;

object! {
    /// When a step runs: all given conditions must hold. Decided before the build graph is made, so a platform's cache
    /// keys never depend on another platform's steps.
    RawWhen {
        /// One platform or several.
        "platform" platform: Option<Located<OneOrMany<Located<Platform>>>>,
        /// The accelerator of the product.
        "accelerator" accelerator: Option<RawAcceleratorTest>,
        /// For each argument its value, or a list of values.
        "args" args: Option<Map<ArgName, OneOrMany<Scalar>>>,
    }
}

/// An accelerator, or explicitly none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawAcceleratorTest(pub(crate) Option<Accelerator>);

keywords!(RawAcceleratorTest, "`cuda` or `none`" {
    /// Products made for NVIDIA CUDA.
    "cuda" => RawAcceleratorTest(Some(Accelerator::Cuda)),
    /// Products without an accelerator.
    "none" => RawAcceleratorTest(None),
});

keywords!(Accelerator, "`cuda`" {
    /// NVIDIA CUDA.
    "cuda" => Accelerator::Cuda,
});
