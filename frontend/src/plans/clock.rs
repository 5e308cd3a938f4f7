//! When a plan's build began: only to tell verdicts of this build from those of the cache. Nothing else depends on it.

use std::time::{SystemTime, UNIX_EPOCH};

use llb_gen::lower::rfc3339;

/// The time now in the form that records have: RFC 3339, UTC, whole seconds.
pub(super) fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    rfc3339(since.as_secs())
}
