//! What `cargo auditable` leaves in a program: the section `.dep-v0`, JSON under zlib.

use std::io::Read;

use flate2::read::ZlibDecoder;
use serde::Deserialize;

use super::binary::Binary;
use super::{Broken, ReadAt, text};
use crate::limits;

/// Bytes of a name or a version.
const NAME: usize = 256;
/// Bytes of the list, unpacked. A program of a thousand crates has 100 KiB.
pub const UNPACKED: u64 = 8 << 20;

/// Who needs whom, over all crates of a program.
pub const NEEDS: usize = 200_000;

/// A crate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RustCrate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `crates.io`, `git`, `local`, `registry`, or the name of another registry.
    pub source: String,
    /// It ran during the build and is not in the program.
    pub build_only: bool,
    /// It is the program itself.
    pub root: bool,
    /// What it uses, as indices of the list.
    pub dependencies: Vec<usize>,
}

#[derive(Deserialize)]
struct Document {
    packages: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    version: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    dependencies: Vec<usize>,
    #[serde(default)]
    root: bool,
}

/// The crates of a program; none where it does not say them.
///
/// # Errors
/// The section is there and cannot be unpacked or understood.
pub fn crates(file: &(impl ReadAt + ?Sized), binary: &Binary) -> Result<Option<Vec<RustCrate>>, Broken> {
    // Mach-O keeps the name, in 16 bytes; PE in 8.
    let Some(section) = binary.section(".dep-v0") else { return Ok(None) };
    let size = usize::try_from(section.size.min(UNPACKED)).unwrap_or_default();
    let packed = file.range(section.offset, size)?;
    list(&packed).map(Some)
}

/// The crates in the packed bytes.
///
/// # Errors
/// They cannot be unpacked or understood.
pub fn list(packed: &[u8]) -> Result<Vec<RustCrate>, Broken> {
    let mut json = Vec::new();
    let unpacked = ZlibDecoder::new(packed).take(UNPACKED + 1).read_to_end(&mut json);
    unpacked.map_err(|e| Broken::new(format!("the list of crates cannot be unpacked: {e}")))?;
    if json.len() as u64 > UNPACKED {
        return Err(Broken::new(format!("the list of crates has more than {UNPACKED} bytes")));
    }
    let document: Document =
        serde_json::from_slice(&json).map_err(|e| Broken::new(format!("the list of crates: {e}")))?;
    let count = document.packages.len();
    let needs: usize = document.packages.iter().map(|entry| entry.dependencies.len()).sum();
    if needs > NEEDS || count > limits::PACKAGES {
        return Err(Broken::new(format!("a list of {count} crates that need one another {needs} times")));
    }
    let read = |entry: Entry| RustCrate {
        name: text(entry.name.as_bytes(), NAME),
        version: text(entry.version.as_bytes(), NAME),
        source: text(entry.source.as_bytes(), NAME),
        build_only: entry.kind == "build",
        root: entry.root,
        dependencies: entry.dependencies.into_iter().filter(|index| *index < count).collect(),
    };
    Ok(document.packages.into_iter().map(read).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(json: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        out.write_all(json).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn the_section_of_a_program() {
        let bytes = super::super::fixture("rust/demo.o");
        let binary = super::super::binary::read(bytes.as_slice()).unwrap();
        let crates = crates(bytes.as_slice(), &binary).unwrap().unwrap();
        let names: Vec<_> = crates.iter().map(|one| format!("{}@{}", one.name, one.version)).collect();
        assert_eq!(names, ["adler2@2.0.0", "cc@1.2.0", "demo@0.3.0", "patched@0.9.1"]);
        let go = super::super::fixture("go/demo.elf");
        let binary = super::super::binary::read(go.as_slice()).unwrap();
        assert_eq!(super::crates(go.as_slice(), &binary), Ok(None));
    }

    #[test]
    fn crates_with_their_kinds() {
        let json = br#"{"packages":[{"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"},
            {"name":"app","version":"0.1.0","source":"local","root":true,"dependencies":[0, 7]}],"format":3}"#;
        let crates = list(&packed(json)).unwrap();
        assert!(crates[0].build_only && !crates[0].root);
        assert!(crates[1].root && !crates[1].build_only);
        assert_eq!(crates[1].dependencies, [0], "an index of nothing is left out");
    }

    #[test]
    fn a_web_of_needs_is_refused() {
        let needs = vec!["0"; NEEDS + 1].join(",");
        let json = format!(r#"{{"packages":[{{"name":"a","version":"1","dependencies":[{needs}]}}]}}"#);
        let said = list(&packed(json.as_bytes())).unwrap_err().to_string();
        assert_eq!(said, "a list of 1 crates that need one another 200001 times");
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let said = list(&packed(&vec![b' '; 9 << 20])).unwrap_err().to_string();
        assert_eq!(said, "the list of crates has more than 8388608 bytes");
        let said = list(b"nonsense").unwrap_err().to_string();
        assert!(said.starts_with("the list of crates cannot be unpacked"), "{said}");
        let said = list(&packed(b"{}")).unwrap_err().to_string();
        assert!(said.contains("missing field `packages`"), "{said}");
    }
}
