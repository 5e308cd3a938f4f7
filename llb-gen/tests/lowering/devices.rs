//! Tests of devices: the probe, what the test sees of it, and engines and machines that have none to give.

use bollard_buildkit_proto::pb;
use llb_gen::llb::Cap;
use llb_gen::lower::{Lowered, TestGroup};
use serde_json::{Value, json};

use crate::tests::STEPS;
use crate::{amd64, env, execs, mount, one, ops, request};

const GPU: &str = r#"{"name": "a", "run": "true"},
    {"name": "gpu", "gpu": {"devices": ["nvidia.com/gpu=all"], "run": "nvidia-smi", "expect": {"stdout": "GPU"}}}"#;

fn documents() -> crate::Documents {
    one(&format!(r#"{STEPS}, "tests": [{GPU}]"#))
}

fn names(lowered: &Lowered) -> Vec<&str> {
    lowered.tests.iter().flat_map(|group| &group.tests).map(|test| test.name.as_str()).collect()
}

/// The probe and the test.
fn pair(group: &TestGroup) -> (pb::ExecOp, pb::ExecOp) {
    group.evidence.verify().unwrap();
    let mut found = execs(&group.evidence);
    let test = found.pop().unwrap().1;
    let (_, probe) =
        found.into_iter().find(|(_, exec)| env(exec, "FACTORY_MODE") == Some("gpu-probe")).unwrap();
    (probe, test)
}

fn devices(exec: &pb::ExecOp) -> Vec<(&str, bool)> {
    exec.cdi_devices.iter().map(|device| (device.name.as_str(), device.optional)).collect()
}

#[test]
fn a_test_of_a_device_reads_what_the_probe_found() {
    let lowered = documents().lower(&amd64());
    assert_eq!((names(&lowered), lowered.skipped.len()), (vec!["app/a", "app/gpu"], 0));
    assert_eq!(lowered.tests.len(), 2, "it shares no root");
    let (probe, test) = pair(&lowered.tests[1]);
    for exec in [&probe, &test] {
        assert_eq!(devices(exec), [("nvidia.com/gpu=all", true)]);
        assert_eq!(exec.network, pb::NetMode::None as i32);
    }
    let told: Value = serde_json::from_str(env(&probe, "FACTORY_GPU_PROBE").unwrap()).unwrap();
    assert_eq!(told, json!({"devices": ["nvidia.com/gpu=all"]}));
    let seen = mount(&test, "/.factory/gpu.json");
    assert_eq!((seen.selector.as_str(), seen.readonly), ("/gpu.json", true));
    let told: Value = serde_json::from_str(env(&test, "FACTORY_TESTS").unwrap()).unwrap();
    assert_eq!(
        told["tests"][0]["gpu"],
        json!({"devices": ["nvidia.com/gpu=all"],
               "run": {"argv": ["/bin/sh", "-c", "nvidia-smi"], "exit_codes": [0], "stdout": [{"contains": "GPU"}]}})
    );
}

/// What is found depends on the machine alone, and is found anew.
#[test]
fn the_probe_runs_on_the_frontend_s_own_image_and_never_comes_from_the_cache() {
    let lowered = documents().lower(&amd64());
    let group = &lowered.tests[1];
    let graph = ops(&group.evidence);
    let (_, op) = graph.iter().find(|(name, _)| name == "[internal] look for nvidia.com/gpu=all").unwrap();
    let (probe, test) = pair(group);
    let inputs: Vec<&str> = op.inputs.iter().map(|input| input.digest.as_str()).collect();
    let own = amd64().own_image.unwrap();
    assert_eq!(inputs, [own.vertex().unwrap().digest().as_str()], "nothing of the product");
    assert_eq!(mount(&probe, "/").output, 0);
    let output = mount(&probe, "/.factory/out").output;
    let (_, last) = graph.last().unwrap();
    let read = &last.inputs[usize::try_from(mount(&test, "/.factory/gpu.json").input).unwrap()];
    assert_eq!(read.index, output);
    let ignored: Vec<bool> =
        group.evidence.marshal().metadata.values().map(|meta| meta.ignore_cache).collect();
    assert_eq!(ignored.iter().filter(|ignored| **ignored).count(), 1, "the test itself is cached");
}

#[test]
fn an_engine_without_devices_is_not_asked_for_any() {
    let mut old = amd64();
    old.caps.remove(Cap::EXEC_CDI.id());
    let lowered = documents().lower(&old);
    assert_eq!(names(&lowered), ["app/a", "app/gpu"]);
    let (probe, test) = pair(&lowered.tests[1]);
    assert_eq!((devices(&probe).len(), devices(&test).len()), (0, 0));
    let told: Value = serde_json::from_str(env(&probe, "FACTORY_GPU_PROBE").unwrap()).unwrap();
    assert!(told["withheld"].as_str().unwrap().starts_with("this engine cannot give devices"), "{told}");
    let caps =
        lowered.tests[1].evidence.marshal().metadata.into_values().flat_map(|meta| meta.caps.into_keys());
    assert!(caps.into_iter().all(|cap| cap != Cap::EXEC_CDI.id()));
}

#[test]
fn an_emulated_program_has_no_use_for_a_device() {
    let lowered = documents().lower(&request("linux/arm64"));
    assert_eq!(names(&lowered), ["app/a"]);
    let skipped: Vec<(&str, &str)> =
        lowered.skipped.iter().map(|one| (one.test.name.as_str(), one.reason.as_str())).collect();
    assert_eq!(
        skipped,
        [("app/gpu", "the machine's driver is one for linux/amd64, and this is linux/arm64")]
    );
}

#[test]
fn what_needs_no_device_shares_a_root() {
    let driverless = r#"{"name": "a", "run": "true"}, {"name": "fits", "gpu": {"driverless": true}}"#;
    let lowered = one(&format!(r#"{STEPS}, "tests": [{driverless}]"#)).lower(&request("linux/arm64"));
    assert_eq!(lowered.tests.len(), 1);
    assert_eq!(names(&lowered), ["app/a", "app/fits"]);
}
