//! CUDA and its libraries where no package manager brought them: a toolkit's `version.json`, headers that state a version,
//! and driver libraries whose names do. Wheels and Debian packages of NVIDIA's are their package managers'.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Cataloger;
use crate::licence::Licence;
use crate::limits;
use crate::model::{Ecosystem, Inventory, Package, Party};
use crate::purl;
use crate::root::{Entry, Place, Root, Wish, join};

/// Reads `usr/local/cuda*` and finds headers and driver libraries.
#[derive(Debug)]
pub struct Nvidia;

const NAME: &str = "nvidia";

/// Headers that state a version in `#define`s: the file, the component, and the names of the parts.
const HEADERS: [(&[u8], &str, &[&str]); 6] = [
    (b"cudnn_version.h", "cudnn", &["CUDNN_MAJOR", "CUDNN_MINOR", "CUDNN_PATCHLEVEL"]),
    (
        b"NvInferVersion.h",
        "tensorrt",
        &["NV_TENSORRT_MAJOR", "NV_TENSORRT_MINOR", "NV_TENSORRT_PATCH", "NV_TENSORRT_BUILD"],
    ),
    (b"nccl.h", "nccl", &["NCCL_MAJOR", "NCCL_MINOR", "NCCL_PATCH"]),
    (
        b"cusparseLt.h",
        "cusparselt",
        &["CUSPARSELT_VER_MAJOR", "CUSPARSELT_VER_MINOR", "CUSPARSELT_VER_PATCH"],
    ),
    (b"cutensor.h", "cutensor", &["CUTENSOR_MAJOR", "CUTENSOR_MINOR", "CUTENSOR_PATCH"]),
    (
        b"nvshmem_version.h",
        "nvshmem",
        &["NVSHMEM_VENDOR_MAJOR_VERSION", "NVSHMEM_VENDOR_MINOR_VERSION", "NVSHMEM_VENDOR_PATCH_VERSION"],
    ),
];

/// Driver libraries that carry the driver's version in their names.
const DRIVER: [&[u8]; 3] = [b"libcuda.so.", b"libnvidia-ml.so.", b"libnvidia-ptxjitcompiler.so."];

impl Cataloger for Nvidia {
    fn name(&self) -> &'static str {
        NAME
    }

    fn databases(&self, root: &Root, out: &mut Inventory) {
        let mut seen = BTreeSet::new();
        for folder in root.names(b"usr/local").unwrap_or_default() {
            if !folder.starts_with(b"cuda") {
                continue;
            }
            // `cuda` is a link to `cuda-12.4`, by way of two alternatives.
            let Ok(real) = root.canonical(&join(b"usr/local", &folder)) else { continue };
            if seen.insert(real.clone()) {
                toolkit(root, out, &real);
            }
        }
    }

    fn wants(&self, place: Place<'_>) -> Wish {
        let header = || HEADERS.iter().any(|(header, ..)| *header == place.name());
        Wish::yes_if(place.is_file() && (header() || driver_version(place.name()).is_some()))
    }

    fn found(&self, _root: &Root, entry: &Entry<'_>, out: &mut Inventory) {
        if let Some(version) = driver_version(entry.name()) {
            add(out, "nvidia-driver-libraries", version, entry.path(), "Libraries of NVIDIA's driver");
            return;
        }
        let Some((_, component, parts)) = HEADERS.iter().find(|(header, ..)| *header == entry.name()) else {
            return;
        };
        let Ok(bytes) = entry.read(limits::METADATA) else { return };
        if let Some(version) = defined(&String::from_utf8_lossy(&bytes), parts) {
            add(out, component, &version, entry.path(), "A library of NVIDIA's for CUDA");
        }
    }
}

/// The components of one toolkit folder.
fn toolkit(root: &Root, out: &mut Inventory, folder: &[u8]) {
    let path = join(folder, b"version.json");
    if let Some(bytes) = out.read(root, NAME, &path, limits::METADATA) {
        let Ok(Value::Object(components)) = serde_json::from_slice(&bytes) else {
            out.warn(NAME, &path, "is no JSON object, so the toolkit's components are missing");
            return;
        };
        for (key, component) in &components {
            let text = |member: &str| component.get(member).and_then(Value::as_str).unwrap_or_default();
            let name = if key == "cuda" { "cuda-toolkit".to_owned() } else { key.replace('_', "-") };
            if !text("version").is_empty() {
                add(out, &name, text("version"), &path, text("name"));
            }
        }
        return;
    }
    // Toolkits before 11.1 say "CUDA Version 10.2.89".
    let path = join(folder, b"version.txt");
    if let Some(bytes) = out.read(root, NAME, &path, limits::METADATA) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match text.trim().rsplit(' ').next().filter(|word| is_version(word.as_bytes())) {
            Some(version) => add(out, "cuda-toolkit", version, &path, "CUDA SDK"),
            None => out.warn(NAME, &path, "states no version, so the toolkit is missing"),
        }
    }
}

fn add(out: &mut Inventory, name: &str, version: &str, place: &[u8], summary: &str) {
    match purl::build("generic", "nvidia", name, version, &[]) {
        Ok(purl) => {
            let mut package = Package::new(Ecosystem::Generic, NAME, name, version, purl);
            package.evidence.push(place.to_vec());
            package.supplier = Some(Party::organisation("NVIDIA Corporation"));
            package.licence = Licence::reference("NVIDIA-Proprietary-Software", None);
            package.summary = (!summary.is_empty()).then(|| summary.to_owned());
            out.add(package);
        }
        Err(why) => out.warn(NAME, place, format!("a component is left out: {why}")),
    }
}

/// `550.54.15` of `libcuda.so.550.54.15`; nothing of `libcuda.so.1`.
fn driver_version(name: &[u8]) -> Option<&str> {
    let version = DRIVER.iter().find_map(|start| name.strip_prefix(*start))?;
    let version = std::str::from_utf8(version).ok()?;
    (version.contains('.') && is_version(version.as_bytes())).then_some(version)
}

fn is_version(word: &[u8]) -> bool {
    !word.is_empty() && word.len() < 40 && word.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

/// The version that `#define`s of these names make; they must all be numbers.
fn defined(text: &str, parts: &[&str]) -> Option<String> {
    let mut numbers = vec![None; parts.len()];
    for line in text.lines() {
        let mut words = line.trim_start().strip_prefix('#').unwrap_or_default().split_whitespace();
        if words.next() != Some("define") {
            continue;
        }
        let (Some(name), Some(value)) = (words.next(), words.next()) else { continue };
        if let Some(slot) = parts.iter().position(|part| *part == name).and_then(|at| numbers.get_mut(at)) {
            *slot = is_version(value.as_bytes()).then(|| value.to_owned());
        }
    }
    let numbers: Option<Vec<String>> = numbers.into_iter().collect();
    numbers.map(|numbers| numbers.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_names_and_headers() {
        assert_eq!(driver_version(b"libcuda.so.550.54.15"), Some("550.54.15"));
        assert_eq!(driver_version(b"libcuda.so.1"), None);
        assert_eq!(driver_version(b"libcuda.so.\xff.1"), None);
        let header =
            "#define CUDNN_MAJOR 9\n # define CUDNN_MINOR 1\n#define CUDNN_PATCHLEVEL 0 // x\n#define X";
        assert_eq!(defined(header, HEADERS[0].2).as_deref(), Some("9.1.0"));
        assert_eq!(defined("#define CUDNN_MAJOR 9\n", HEADERS[0].2), None);
    }
}
