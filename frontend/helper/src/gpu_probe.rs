//! The mode `gpu-probe`: whether there is a graphics processor here, which one, and with which driver.
//!
//! It runs anew in every build. What it writes is the same as long as the machine is, so that what was tested with it need
//! not be tested again, and is not when the driver changes.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::config;
use crate::environment::Environment;
use crate::evidence::Evidence;
use crate::fault::Fault;
use crate::sys::{self, file};

/// The variable that says what the engine was asked for.
const VARIABLE: &str = "FACTORY_GPU_PROBE";
/// The result, in the evidence directory.
const RESULT: &str = "gpu.json";
/// Where tests find it.
const FOUND: &[u8] = b"/.factory/gpu.json";
/// What the driver says about itself and about each device.
const DRIVER: &[u8] = b"/proc/driver/nvidia/version";
const DEVICES: &[u8] = b"/proc/driver/nvidia/gpus";

/// What the engine was asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// Devices by CDI name.
    devices: Vec<String>,
    /// Why it was not asked for them.
    withheld: Option<String>,
}

/// `gpu.json`.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Found {
    /// Whether there is a device.
    pub(crate) present: bool,
    /// The version of its driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    driver: Option<String>,
    /// Its model; several with commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The driver and the model of what tests ran with, as far as they are known: for records.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Accelerator {
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
}

/// Looks for a device.
///
/// # Errors
/// No wish, and no place for the result. That there is no device is none.
pub(crate) fn run(mut env: Environment) -> Result<i32, Fault> {
    sys::occupy_standard_descriptors();
    let wish: Wish = config::object(&mut env, VARIABLE)?;
    let evidence = Evidence::required(0)?;
    let found = look(wish);
    sys::write_all(sys::stdout(), found.line().as_bytes());
    evidence.write_json(RESULT, &found)?;
    evidence.close()?;
    Ok(0)
}

fn look(wish: Wish) -> Found {
    if let Some(why) = wish.withheld {
        return Found { reason: Some(why), ..Found::default() };
    }
    let nodes = nodes();
    if nodes.is_empty() {
        let devices = wish.devices.join(", ");
        let reason = format!("the engine gave no NVIDIA device (/dev/nvidia*) for {devices}");
        return Found { reason: Some(reason), ..Found::default() };
    }
    let read = |path: &[u8]| file::read(path).unwrap_or_default();
    let described = file::names_at(DEVICES);
    let described = described.iter().map(|name| read(&[DEVICES, name, b"information"].join(&b'/')));
    let models = models(&nodes, &described.collect::<Vec<_>>());
    Found {
        present: true,
        driver: driver(&read(DRIVER)),
        model: (!models.is_empty()).then(|| models.join(", ")),
        reason: None,
    }
}

/// The device nodes of graphics processors, by name: `nvidia0`, and `dxg`, as WSL has it.
fn nodes() -> Vec<Vec<u8>> {
    let is_device = |name: &Vec<u8>| {
        let number = name.strip_prefix(b"nvidia");
        number.is_some_and(|number| number.first().is_some_and(u8::is_ascii_digit))
            || matches!(&name[..], b"nvidiactl" | b"dxg")
    };
    file::names_at(b"/dev").into_iter().filter(is_device).collect()
}

/// Whether the engine has given a device to this container.
pub(crate) fn is_here() -> bool {
    !nodes().is_empty()
}

/// The version in what the driver says: the first word of the module's line that is numbers with dots.
fn driver(text: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(text).ok()?;
    let line = text.lines().find(|line| line.starts_with("NVRM version:"))?;
    let is_version =
        |word: &&str| word.contains('.') && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    line.split_whitespace().find(is_version).map(Into::into)
}

/// The models of the devices that are here. The driver tells of all that the machine has, a container may have fewer.
fn models(nodes: &[Vec<u8>], described: &[Vec<u8>]) -> Vec<String> {
    let value = |text: &[u8], key: &str| {
        let text = core::str::from_utf8(text).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        Some(String::from(line.trim())).filter(|value| !value.is_empty())
    };
    let is_given = |text: &&Vec<u8>| {
        let minor = value(text, "Device Minor");
        minor.is_some_and(|minor| nodes.contains(&[b"nvidia", minor.as_bytes()].concat()))
    };
    let given: Vec<&Vec<u8>> = described.iter().filter(is_given).collect();
    let chosen = if given.is_empty() { described.iter().collect() } else { given };
    let models: BTreeSet<String> = chosen.into_iter().filter_map(|text| value(text, "Model")).collect();
    models.into_iter().collect()
}

impl Found {
    /// What the probe of this test has found.
    ///
    /// # Errors
    /// There is no such file, or it is none that the probe has written.
    pub(crate) fn read() -> Result<Self, Fault> {
        let text = file::read(FOUND).map_err(|errno| Fault::path("read", FOUND, errno))?;
        serde_json::from_slice(&text).map_err(|err| Fault::own(format!("{}: {err}", FOUND.escape_ascii())))
    }

    /// Why there is no device.
    pub(crate) fn reason(&self) -> String {
        self.reason.clone().unwrap_or_else(|| "there is no device".into())
    }

    /// What is there.
    pub(crate) fn accelerator(self) -> Option<Accelerator> {
        self.present.then_some(Accelerator { driver: self.driver, model: self.model })
    }

    fn line(&self) -> String {
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
        match self.present {
            true => format!("{}, driver {}\n", known(&self.model), known(&self.driver)),
            false => format!("{}\n", self.reason()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_say_their_version_in_several_ways() {
        for (text, version) in [
            (
                "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n\
                 GCC version:  gcc version 12.3.0 (Ubuntu 12.3.0-1ubuntu1~22.04)\n",
                Some("535.104.05"),
            ),
            (
                "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  550.54.15  Release Build  (x@y)\n",
                Some("550.54.15"),
            ),
            ("GCC version:  gcc version 12.3.0\n", None),
            ("NVRM version: unknown\n", None),
            ("\u{fffd}", None),
            ("", None),
        ] {
            assert_eq!(driver(text.as_bytes()).as_deref(), version, "{text}");
        }
    }

    #[test]
    fn only_devices_that_are_given_count() {
        let device = |model: &str, minor: &str| {
            format!("Model: \t\t {model}\nIRQ:   \t\t 35\nDevice Minor: \t {minor}\n").into_bytes()
        };
        let machine = [device("NVIDIA H200", "0"), device("NVIDIA L4", "1"), device("NVIDIA L4", "2")];
        let of = |nodes: &[&str]| {
            let nodes: Vec<Vec<u8>> = nodes.iter().map(|node| node.as_bytes().to_vec()).collect();
            models(&nodes, &machine).join(", ")
        };
        assert_eq!(of(&["nvidia1", "nvidia2", "nvidiactl"]), "NVIDIA L4");
        assert_eq!(of(&["nvidia0", "nvidia2"]), "NVIDIA H200, NVIDIA L4");
        // Not to be told apart: all.
        assert_eq!(of(&["dxg"]), "NVIDIA H200, NVIDIA L4");
        assert_eq!(models(&[b"nvidia0".to_vec()], &[b"Model:\n".to_vec()]), Vec::<String>::new());
    }

    #[test]
    fn what_was_withheld_is_not_looked_for() {
        let wish = Wish { devices: Vec::new(), withheld: Some("the engine is too old".into()) };
        let found = look(wish);
        assert_eq!((found.present, found.reason().as_str()), (false, "the engine is too old"));
        assert_eq!(found.line(), "the engine is too old\n");
        assert_eq!(found.accelerator(), None);
    }
}
