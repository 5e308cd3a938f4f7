//! Tests of what an image needs for a GPU.
//!
//! Without a device there is still something to be seen: the driver's libraries come from the machine that runs the image, so
//! they must not be in it, and all that CUDA's libraries need besides must be.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rustix::fs::CWD;
use serde::Deserialize;

use super::config::Run;
use super::run::{self, Surroundings};
use super::verdict::{Kind, Trial, readable};
use super::{elf, tree};
use crate::fault::Fault;
use crate::gpu_probe::{self, Found};
use crate::sys::file;

/// What the driver brings.
const DRIVER: [&[u8]; 6] =
    [b"libcuda.so", b"libcudadebugger.so", b"libnvcuvid.so", b"libnvoptix.so", b"libnvidia-", b"libnvrm"];
/// CUDA's own libraries, which an image has to bring.
const CUDA: [&[u8]; 16] = [
    b"libcublas",
    b"libcudart",
    b"libcudnn",
    b"libcudss",
    b"libcufft",
    b"libcufile",
    b"libcupti",
    b"libcurand",
    b"libcusolver",
    b"libcusparse",
    b"libcutensor",
    b"libnccl",
    b"libnvJitLink",
    b"libnvToolsExt",
    b"libnvrtc",
    b"libnvshmem",
];
/// Folders in which something of the driver's name is right: to link with, and for older drivers.
const EXCEPTIONS: [&[u8]; 2] = [b"/stubs/", b"/compat/"];
/// How many findings are named.
const NAMED: usize = 5;

/// What is to be tested.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gpu {
    #[serde(default)]
    driverless: bool,
    /// The devices that the engine was asked for.
    devices: Option<Vec<String>>,
    run: Option<Run>,
}

impl Gpu {
    /// Whether it is about a device.
    pub(super) fn has_device(&self) -> bool {
        self.run.is_some()
    }

    /// What makes no sense.
    pub(super) fn mistake(&self) -> Option<String> {
        match (self.driverless, &self.devices, &self.run) {
            (true, None, None) => None,
            (false, Some(_), Some(run)) => run.mistake(),
            _ => Some("expected either driverless or devices and run".into()),
        }
    }
}

/// Runs a program if the probe has found a device, or looks at the libraries.
///
/// # Errors
/// A signal that ends the helper.
pub(super) fn test(gpu: &Gpu, surroundings: &Surroundings<'_>, trial: &mut Trial) -> Result<(), Fault> {
    let Some(run) = &gpu.run else {
        check_libraries(surroundings, trial);
        return Ok(());
    };
    match Found::read() {
        Err(fault) => trial.give_up(Kind::Error, format!("{fault}")),
        Ok(found) if !found.present => trial.give_up(Kind::Skipped, found.reason()),
        Ok(_) if !gpu_probe::is_here() => {
            trial.give_up(Kind::Error, "the probe was given a device, and the test was not".into());
        }
        Ok(_) => run::test(run, surroundings, trial)?,
    }
    Ok(())
}

fn check_libraries(surroundings: &Surroundings<'_>, trial: &mut Trial) {
    let mut libraries = Libraries::default();
    if let Err(why) = tree::walk(b"/", surroundings, &mut |path, meta| {
        if !meta.kind.is_dir() {
            libraries.note(path);
        }
    }) {
        trial.timed_out |= surroundings.is_late();
        return trial.fail(why);
    }
    let listed = |what: &str, found: Vec<String>| match found.len() {
        0 => Ok(()),
        count if count > NAMED => {
            Err(format!("{what}: {} and {} more", found[..NAMED].join(", "), count - NAMED))
        }
        _ => Err(format!("{what}: {}", found.join(", "))),
    };
    let baked_in = libraries.of_driver.iter().map(|path| readable(path)).collect();
    let what = "the image has libraries of the driver, which the machine has to bring";
    trial.check("no library of the driver is in the image".into(), listed(what, baked_in));
    let what = "libraries of CUDA are needed and not there";
    trial
        .check("all of CUDA's libraries that are needed are there".into(), listed(what, libraries.missing()));
}

/// The shared libraries of an image.
#[derive(Default)]
struct Libraries {
    names: BTreeSet<Vec<u8>>,
    of_driver: Vec<Vec<u8>>,
    paths: Vec<Vec<u8>>,
}

impl Libraries {
    fn note(&mut self, path: &[u8]) {
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        if !is_library(name) {
            return;
        }
        self.names.insert(name.to_vec());
        let is_exception =
            EXCEPTIONS.iter().any(|folder| path.windows(folder.len()).any(|part| part == *folder));
        let is_of_driver = DRIVER.iter().any(|start| name.starts_with(start)) && !is_container_tool(name);
        if is_of_driver && !is_exception {
            self.of_driver.push(path.to_vec());
        } else if !is_exception {
            self.paths.push(path.to_vec());
        }
    }

    /// What some library needs of CUDA and no library of the image is.
    fn missing(&self) -> Vec<String> {
        let mut missing = BTreeMap::new();
        for path in &self.paths {
            let needed = file::open_file(CWD, path).ok().and_then(|fd| elf::needed(&fd));
            for name in needed.unwrap_or_default() {
                if CUDA.iter().any(|start| name.starts_with(start)) && !self.names.contains(&name) {
                    missing.entry(name).or_insert(path);
                }
            }
        }
        let say = |(name, path): (Vec<u8>, &Vec<u8>)| format!("{} (by {})", readable(&name), readable(path));
        missing.into_iter().map(say).collect()
    }
}

/// The container toolkit's libraries have the driver's name and are not its.
fn is_container_tool(name: &[u8]) -> bool {
    name.starts_with(b"libnvidia-container")
}

/// `libx.so`, `libx.so.1.2`.
fn is_library(name: &[u8]) -> bool {
    let Some(at) = name.windows(3).position(|part| part == b".so") else { return false };
    let rest = &name[at + 3..];
    rest.is_empty() || (rest[0] == b'.' && rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_the_driver_are_told_from_others() {
        let mut libraries = Libraries::default();
        for path in [
            "/usr/lib/libcuda.so.1",
            "/usr/lib/libnvidia-ml.so.535.1",
            "/usr/local/cuda/lib64/stubs/libcuda.so",
            "/usr/local/cuda-12/compat/libcuda.so.550.1",
            "/usr/lib/libnvidia-container.so.1",
            "/usr/lib/libcudart.so.12",
            "/usr/lib/libcuda.sources",
        ] {
            libraries.note(path.as_bytes());
        }
        let shown: Vec<_> = libraries.of_driver.iter().map(|path| readable(path)).collect();
        assert_eq!(shown, ["/usr/lib/libcuda.so.1", "/usr/lib/libnvidia-ml.so.535.1"]);
        assert_eq!(libraries.paths.len(), 2);
    }
}
