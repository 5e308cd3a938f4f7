//! The frontend's own image: two static programs and what BuildKit has to know, nothing else.

use std::process::Command;

use factory_tests::oci::{OciImage, OciLayout};
use factory_tests::tree::Kind;
use factory_tests::{Lab, run};
use tempfile::TempDir;

/// The compressed size that the image has to stay under, in bytes.
const LARGEST: u64 = 2_250_000;

fn saved() -> (TempDir, OciImage) {
    let lab = Lab::get();
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("frontend.tar");
    let _ =
        run(lab.docker().args(["save", "--output"]).arg(&archive).arg(lab.frontend())).expect("docker save");
    let image = OciLayout::open(&archive).only_image();
    (folder, image)
}

#[test]
fn it_holds_exactly_two_programs() {
    let (_folder, image) = saved();
    let tree = image.filesystem();
    let paths: Vec<String> = tree.paths().collect();
    assert_eq!(paths, ["frontend", "helper"]);
    for path in paths {
        let entry = tree.at(&path);
        assert!(matches!(entry.kind, Kind::File { .. }), "{path} is a {}", entry.kind);
        assert_eq!((entry.mode, entry.owner()), (0o755, (0, 0)), "{path}");
    }
}

#[test]
fn it_says_what_buildkit_has_to_know() {
    let (_folder, image) = saved();
    assert_eq!(image.config_json()["config"]["Entrypoint"], serde_json::json!(["/frontend"]));
    assert_eq!(image.label("moby.buildkit.frontend.network.none"), Some("true"));
    let abilities = image.label("moby.buildkit.frontend.caps").unwrap();
    for ability in ["inputs", "subrequests", "contexts"] {
        assert!(
            abilities.split(',').any(|one| one == format!("moby.buildkit.frontend.{ability}")),
            "{abilities}"
        );
    }
    assert_eq!(image.label("org.opencontainers.image.licenses"), Some("Apache-2.0"));
}

#[test]
fn it_is_small() {
    let (_folder, image) = saved();
    let size: u64 = image.manifest().layers().iter().map(|layer| layer.size()).sum();
    assert!(size < LARGEST, "{size} bytes compressed");
}

#[test]
fn its_programs_need_nothing_else() {
    let lab = Lab::get();
    let folder = tempfile::tempdir().unwrap();
    let container = run(lab.docker().args(["create", lab.frontend()]));
    let id = container.expect("docker create").trim().to_owned();
    for program in ["frontend", "helper"] {
        let path = folder.path().join(program);
        let _ = run(lab.docker().args(["cp", &format!("{id}:/{program}")]).arg(&path)).expect("docker cp");
        assert_eq!(interpreter(&std::fs::read(&path).unwrap()), None, "{program} wants a loader");
    }
    let _ = run(lab.docker().args(["rm", &id])).expect("docker rm");
    let started = run(Command::new(folder.path().join("frontend")).env_clear());
    assert_eq!(started.status.code(), Some(2), "{}", started.stderr);
    assert!(started.stderr.contains("docker buildx build"), "{}", started.stderr);
    assert_eq!(started.stdout, "");
}

/// What `PT_INTERP` of a 64-bit little-endian ELF file names.
fn interpreter(elf: &[u8]) -> Option<String> {
    assert_eq!(&elf[..6], b"\x7fELF\x02\x01");
    let number = |at: usize, bytes: usize| {
        elf[at..at + bytes].iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    let headers = (0..count).map(|index| table + index * size);
    let header = headers.into_iter().find(|header| number(*header, 4) == 3)?;
    let (start, length) = (number(header + 8, 8), number(header + 32, 8));
    Some(String::from_utf8_lossy(&elf[start..start + length]).into_owned())
}
