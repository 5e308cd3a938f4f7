//! Conditions of steps, decided before LLB.

use std::fmt;

use super::name::ArgName;
use super::platform::Platform;
use super::scope::Scope;
use crate::text::Located;

/// Hardware beside the processor that a product is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Accelerator {
    /// NVIDIA CUDA.
    Cuda,
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cuda => "cuda",
        })
    }
}

/// When a step runs: every condition that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct When {
    /// The platforms; empty for any.
    pub platforms: Vec<Located<Platform>>,
    /// The accelerator: absent for any, `Some(None)` for products without one.
    pub accelerator: Option<Option<Accelerator>>,
    /// Values of arguments, any of the list each.
    pub args: Vec<(Located<ArgName>, Vec<String>)>,
}

impl When {
    /// Whether the step runs in `scope`. An argument without a value equals nothing.
    #[must_use]
    pub fn holds(&self, scope: &Scope) -> bool {
        let platform =
            self.platforms.is_empty() || self.platforms.iter().any(|one| one.value() == scope.platform());
        let accelerator = self.accelerator.is_none_or(|wanted| wanted == scope.accelerator());
        let arg = |(name, values): &(Located<ArgName>, Vec<String>)| {
            scope.value(name.as_str()).is_some_and(|value| values.iter().any(|one| one == value))
        };
        platform && accelerator && self.args.iter().all(arg)
    }

    /// Whether there is any condition.
    #[must_use]
    pub fn is_always(&self) -> bool {
        self.platforms.is_empty() && self.accelerator.is_none() && self.args.is_empty()
    }
}
