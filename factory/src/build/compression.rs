//! How layers are compressed: attributes of buildx's outputs.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::exit::{Error, Result};

/// A compression that BuildKit's exporters know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionKind {
    /// What every engine and registry takes; BuildKit's default.
    Gzip,
    /// Smaller and faster to unpack; engines since 2021 take it.
    Zstd,
    /// gzip with an index, for snapshotters that fetch files when they are read.
    Estargz,
    /// None.
    Uncompressed,
}

impl CompressionKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gzip, Self::Zstd, Self::Estargz, Self::Uncompressed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Estargz => "estargz",
            Self::Uncompressed => "uncompressed",
        }
    }

    /// The levels that it has, as BuildKit counts them.
    fn levels(self) -> Option<RangeInclusive<u8>> {
        match self {
            Self::Gzip | Self::Estargz => Some(0..=9),
            Self::Zstd => Some(0..=22),
            Self::Uncompressed => None,
        }
    }

    /// Whether Docker's own media types have no name for it.
    fn needs_oci(self) -> bool {
        matches!(self, Self::Zstd | Self::Estargz)
    }
}

impl fmt::Display for CompressionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CompressionKind {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| "expected gzip, zstd, estargz or uncompressed".to_owned())
    }
}

/// How layers are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    kind: CompressionKind,
    level: Option<u8>,
    force: bool,
}

/// Outputs whose layers can be compressed.
const WITH_LAYERS: [&str; 4] = ["image", "registry", "oci", "docker"];

impl Compression {
    /// A compression with its level. `force` is whether layers that are there already, the base's above all, are compressed
    /// anew.
    ///
    /// # Errors
    /// A level that this compression does not have.
    pub fn new(kind: CompressionKind, level: Option<u8>, force: bool) -> Result<Self> {
        match (level, kind.levels()) {
            (Some(level), None) => {
                Err(Error::Usage(format!("--compression-level {level}: {kind} layers have no level")))
            }
            (Some(level), Some(levels)) if !levels.contains(&level) => {
                let (least, most) = (levels.start(), levels.end());
                Err(Error::Usage(format!("--compression-level {level}: {kind} has levels {least} to {most}")))
            }
            _ => Ok(Self { kind, level, force }),
        }
    }

    /// The outputs with the compression in their attributes; one to the engine's own store where none is given.
    ///
    /// # Errors
    /// An output that has no layers, or says itself how they are compressed.
    pub fn outputs(self, outputs: &[String]) -> Result<Vec<String>> {
        if outputs.is_empty() {
            return Ok(vec![format!("type=image{}", self.attributes())]);
        }
        outputs.iter().map(|output| self.output(output)).collect()
    }

    fn output(self, output: &str) -> Result<String> {
        let fields = || output.split(',').map(|field| field.trim().trim_matches('"'));
        let kind = fields().find_map(|field| field.strip_prefix("type="));
        if !kind.is_some_and(|kind| WITH_LAYERS.contains(&kind)) {
            let why = "it has no layers to compress; outputs of type image, registry, oci and docker have";
            return Err(Error::Usage(format!("--compression does not go with --output {output}: {why}")));
        }
        let own = ["compression=", "compression-level=", "force-compression="];
        if let Some(said) = fields().find(|field| own.iter().any(|attribute| field.starts_with(attribute))) {
            return Err(Error::Usage(format!(
                "--compression and the attribute {said} of --output {output}: one of them"
            )));
        }
        Ok(format!("{output}{}", self.attributes()))
    }

    fn attributes(self) -> String {
        let level = self.level.map(|level| format!(",compression-level={level}")).unwrap_or_default();
        let force = if self.force { ",force-compression=true" } else { "" };
        let oci = if self.kind.needs_oci() { ",oci-mediatypes=true" } else { "" };
        format!(",compression={}{level}{force}{oci}", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(kind: CompressionKind, given: &[&str]) -> Result<Vec<String>> {
        let given: Vec<String> = given.iter().map(|one| (*one).to_owned()).collect();
        Compression::new(kind, None, false).unwrap().outputs(&given)
    }

    #[test]
    fn outputs_with_layers_get_the_attributes() {
        let zstd = Compression::new(CompressionKind::Zstd, Some(3), true).unwrap();
        let all = ",compression=zstd,compression-level=3,force-compression=true,oci-mediatypes=true";
        assert_eq!(zstd.outputs(&[]).unwrap(), [format!("type=image{all}")]);
        for output in ["type=image,name=x", "type=registry", "type=oci,dest=a.tar", "type=docker"] {
            let given = [output.to_owned()];
            assert_eq!(zstd.outputs(&given).unwrap(), [format!("{output}{all}")]);
        }
        assert_eq!(
            outputs(CompressionKind::Gzip, &["type=image"]).unwrap(),
            ["type=image,compression=gzip"],
            "nothing that was not asked for"
        );
    }

    #[test]
    fn other_outputs_and_attributes_of_their_own_are_refused() {
        for output in ["type=local,dest=out", "type=tar,dest=a.tar", "type=cacheonly", "out", "-"] {
            let fault = outputs(CompressionKind::Gzip, &["type=image", output]).unwrap_err().to_string();
            assert!(fault.contains("has no layers to compress") && fault.contains(output), "{fault}");
        }
        let fault = outputs(CompressionKind::Gzip, &["type=image,compression=zstd"]).unwrap_err().to_string();
        assert!(fault.contains("one of them"), "{fault}");
    }

    #[test]
    fn levels_are_those_of_the_compression() {
        let level = |kind, level| Compression::new(kind, Some(level), false).is_ok();
        assert!(level(CompressionKind::Gzip, 9) && !level(CompressionKind::Gzip, 10));
        assert!(level(CompressionKind::Zstd, 22) && !level(CompressionKind::Zstd, 23));
        assert!(!level(CompressionKind::Uncompressed, 0));
        assert!("lz4".parse::<CompressionKind>().unwrap_err().contains("zstd"));
    }
}
