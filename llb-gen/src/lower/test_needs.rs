//! What tests need beside the image, as steps on top of the finished root: nothing of it is in the image.

use super::about::About;
use super::{LowerError, Lowering, Stages, StepRun};
use crate::llb::State;
use crate::plan::test::PlannedTest;

impl Lowering<'_> {
    /// The root that a test runs on, and the processes that make it what it is. Tests that need the same have equal roots.
    pub(super) fn root_of(
        &mut self,
        test: &PlannedTest,
        root: &State,
    ) -> Result<(State, Vec<StepRun>), LowerError> {
        let about = About::test(self.plan.request, test);
        let mut state = root.clone();
        for (at, step) in test.needs.steps.iter().enumerate() {
            state = self.step(None, step, &state, &Stages::new(), &about.of_step(at, step))?;
        }
        Ok((state, std::mem::take(&mut self.steps)))
    }
}
