//! Whether a product may leave: not with a test that said no, nor with one of which nothing is known.

use llb_gen::record::Verdict;

use super::{Judged, JudgedTest};
use crate::failure::{Failure, TestFault};
use crate::planning::PlannedPlatform;

/// Lines of a failing test's output in the message.
const TAIL: usize = 20;

/// Lets products pass whose tests have all passed or were skipped, within the manifest's `limits`. `several` platforms are
/// named in the message.
///
/// # Errors
/// [`Failure::Tests`] with every test that failed and every limit that was broken; without any, [`Failure::Untested`] with the
/// tests that could not be run.
pub fn gate(platforms: &[(&PlannedPlatform, &Judged)], several: bool) -> Result<(), Failure> {
    let mut failed = Vec::new();
    let mut unknown = Vec::new();
    for (planned, judged) in platforms {
        let on = if several { format!(" on {}", planned.platform) } else { String::new() };
        failed.extend(judged.saying(Verdict::Fail).map(|test| fault(test, &format!("failed{on}"))));
        failed.extend(broken(planned, judged, &on));
        unknown
            .extend(judged.saying(Verdict::Error).map(|test| fault(test, &format!("could not be run{on}"))));
    }
    match (failed.is_empty(), unknown.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => Err(Failure::Untested(unknown)),
        (false, _) => Err(Failure::Tests(failed.into_iter().chain(unknown).collect())),
    }
}

fn fault(test: &JudgedTest, what: &str) -> TestFault {
    let reason = test.reason.as_deref().unwrap_or("no reason was given");
    TestFault {
        message: format!("test {} {what} ({}): {reason}", test.identity.name, test.location()),
        place: test.identity.place.clone(),
        tail: test.tail(TAIL),
    }
}

/// A broken budget, at the manifest's `limits`.
fn broken(planned: &PlannedPlatform, judged: &Judged, on: &str) -> Option<TestFault> {
    let (budget, place) = planned.lowered.budget.as_ref().zip(planned.limits.as_ref())?;
    let reasons = judged.over(budget);
    let at = format!("{}:{}", place.file().path(), place.lines().first);
    let message = format!("limits of the tests are exceeded{on} ({at}): {}", reasons.join("; "));
    (!reasons.is_empty()).then(|| TestFault { message, place: place.clone(), tail: Vec::new() })
}
