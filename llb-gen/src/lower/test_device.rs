//! Tests of devices: whether there is one is found out in the graph itself, in every build anew.
//!
//! The test reads what was found, as a file whose content is part of what it is cached by: it runs again when the driver or
//! the device is another one, and only then. Whoever has no device has a verdict too: the test was skipped.

use serde::Serialize;

use super::exec::{EVIDENCE, evidence};
use super::helper::json;
use super::{LowerError, Lowering};
use crate::llb::{CachePolicy, Cap, Exec, Meta, Mount, Platform, State};
use crate::plan::test::PlannedTest;

/// Where the helper finds what the probe found, and the file that the probe leaves.
const FOUND: &str = "/.factory/gpu.json";
const RESULT: &str = "/gpu.json";
/// The helper's mode.
const MODE: &str = "gpu-probe";
/// Why devices are not asked for on engines that would refuse the whole graph for it.
const TOO_OLD: &str = "this engine cannot give devices to processes (BuildKit 0.20 and later can)";

/// What the probe is told: `FACTORY_GPU_PROBE`.
#[derive(Serialize)]
struct Wish<'a> {
    devices: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<&'static str>,
}

impl Lowering<'_> {
    /// The devices of a test, and what is known of them.
    pub(super) fn with_devices(&self, exec: Exec, test: &PlannedTest) -> Result<Exec, LowerError> {
        if test.devices.is_empty() {
            return Ok(exec);
        }
        let found = self.device_probe(test)?;
        Ok(self.given_devices(exec, test).mount(Mount::read_only(FOUND, &found).select(RESULT)))
    }

    /// Devices are optional: without one the graph is still solved, and says so.
    fn given_devices(&self, exec: Exec, test: &PlannedTest) -> Exec {
        match self.plan.request.can(Cap::EXEC_CDI) {
            true => test.devices.iter().fold(exec, |exec, device| exec.device(device, true)),
            false => exec,
        }
    }

    /// The helper in its own image, on the machine's own platform: nothing of the product decides what is found.
    fn device_probe(&self, test: &PlannedTest) -> Result<State, LowerError> {
        let withheld = (!self.plan.request.can(Cap::EXEC_CDI)).then_some(TOO_OLD);
        let wish = json(&Wish { devices: &test.devices, withheld });
        let own = self.plan.request.own_image.clone().unwrap_or_default();
        let machine = &self.plan.request.build_platform;
        let platform =
            Platform::new(machine.os(), machine.arch()).variant(machine.variant().unwrap_or_default());
        let exec = self.helper_of_test(MODE, test)?.env("FACTORY_GPU_PROBE", &wish);
        let exec = self.given_devices(exec.root(&own).platform(platform), test).mount(evidence());
        let name = format!("[internal] look for {}", test.devices.join(", "));
        Ok(exec.meta(Meta::named(&name).cache(CachePolicy::Ignore)).run().mount(EVIDENCE))
    }
}
