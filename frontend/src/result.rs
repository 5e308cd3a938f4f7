//! The result as BuildKit's exporters read it: one filesystem, or one per platform, each with its image config.

use std::collections::BTreeMap;

use llb_gen::model::Platform;
use serde::Serialize;

use crate::gateway::{Attestation, BuildResult, Ref, ResultRefs};

/// What one platform's build gave.
#[derive(Debug)]
pub struct PlatformResult {
    /// The platform, normalised.
    pub platform: Platform,
    /// The filesystem; `None` is the empty one.
    pub reference: Option<Ref>,
    /// The image config.
    pub config: Vec<u8>,
    /// The base image's own config, unchanged; it lets exporters keep what they know of the base's layers.
    pub base_config: Option<Vec<u8>>,
    /// Annotations of the image's manifest.
    pub annotations: BTreeMap<String, String>,
    /// What is attested of the image.
    pub attestations: Vec<Attestation>,
}

/// One filesystem, or a map of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// For one platform that nobody asked to be in a map.
    Single,
    /// For several, or where the client insists.
    PerPlatform,
}

impl Shape {
    /// The shape for `count` platforms when the client said `wanted`.
    pub fn of(count: usize, wanted: Option<bool>) -> Self {
        match wanted.unwrap_or(count > 1) || count > 1 {
            true => Self::PerPlatform,
            false => Self::Single,
        }
    }
}

/// Puts the result together; the order of `platforms` is the order of manifests in an image index.
pub fn assemble(shape: Shape, platforms: Vec<PlatformResult>, epoch: Option<u64>) -> BuildResult {
    let mut metadata = BTreeMap::new();
    metadata
        .insert("refs.platforms".to_owned(), refs_platforms(platforms.iter().map(|result| &result.platform)));
    let mut refs = BTreeMap::new();
    let mut attestations = BTreeMap::new();
    for result in platforms {
        let id = result.platform.to_string();
        let suffix = if shape == Shape::PerPlatform { format!("/{id}") } else { String::new() };
        metadata.insert(format!("containerimage.config{suffix}"), result.config);
        if let Some(config) = result.base_config {
            metadata.insert(format!("containerimage.base.config{suffix}"), config);
        }
        for (key, value) in result.annotations {
            metadata.insert(annotation(shape, &id, &key), value.into_bytes());
        }
        if !result.attestations.is_empty() {
            attestations.insert(id.clone(), result.attestations);
        }
        refs.insert(id, result.reference);
    }
    if let Some(epoch) = epoch {
        metadata.insert("source.date.epoch".to_owned(), epoch.to_string().into_bytes());
    }
    let refs = match shape {
        Shape::PerPlatform => ResultRefs::PerPlatform(refs),
        Shape::Single => ResultRefs::Single(refs.into_values().next().flatten()),
    };
    BuildResult { refs, metadata, attestations }
}

/// The metadata key of an annotation of an image's manifest.
fn annotation(shape: Shape, id: &str, key: &str) -> String {
    match shape {
        Shape::Single => format!("annotation.{key}"),
        Shape::PerPlatform => format!("annotation[{id}].{key}"),
    }
}

#[derive(Serialize)]
struct PlatformsJson {
    #[serde(rename = "Platforms")]
    platforms: Vec<EntryJson>,
}

#[derive(Serialize)]
struct EntryJson {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Platform")]
    platform: PlatformJson,
}

#[derive(Serialize)]
struct PlatformJson {
    architecture: String,
    os: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
}

/// The value of `refs.platforms`: which platforms a result is for, in this order.
pub(crate) fn refs_platforms<'p>(platforms: impl Iterator<Item = &'p Platform>) -> Vec<u8> {
    let entry = |platform: &Platform| EntryJson {
        id: platform.to_string(),
        platform: PlatformJson {
            architecture: platform.arch().to_owned(),
            os: platform.os().to_owned(),
            variant: platform.variant().map(str::to_owned),
        },
    };
    let platforms = platforms.map(entry).collect();
    serde_json::to_vec(&PlatformsJson { platforms }).expect("platforms are plain strings")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(platform: &str, id: &str) -> PlatformResult {
        PlatformResult {
            platform: platform.parse().unwrap(),
            reference: Ref::from_id(id),
            config: format!("config of {platform}").into_bytes(),
            base_config: None,
            annotations: BTreeMap::from([("a.b".to_owned(), platform.to_owned())]),
            attestations: Vec::new(),
        }
    }

    #[test]
    fn platforms_are_written_as_exporters_parse_them() {
        let json = refs_platforms(["linux/arm/v7".parse().unwrap()].iter());
        let expected = r#"{"Platforms":[{"ID":"linux/arm/v7","Platform":{"architecture":"arm","os":"linux","variant":"v7"}}]}"#;
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }

    #[test]
    fn one_platform_has_plain_keys() {
        let built = assemble(Shape::Single, vec![result("linux/amd64", "r1")], Some(7));
        assert_eq!(built.refs, ResultRefs::Single(Ref::from_id("r1")));
        let keys: Vec<&str> = built.metadata.keys().map(String::as_str).collect();
        assert_eq!(keys, ["annotation.a.b", "containerimage.config", "refs.platforms", "source.date.epoch"]);
        assert_eq!(built.metadata["source.date.epoch"], b"7");
    }

    #[test]
    fn attestations_have_the_key_of_their_platform_in_either_shape() {
        for shape in [Shape::Single, Shape::PerPlatform] {
            let mut one = result("linux/arm/v7", "r1");
            one.attestations.push(Attestation {
                kind: crate::gateway::AttestationKind::Predicate,
                reference: Ref::from_id("a").unwrap(),
                path: "/x".into(),
                predicate_type: "https://example.org/x".into(),
                metadata: BTreeMap::new(),
            });
            let built = assemble(shape, vec![one], None);
            assert_eq!(built.attestations.keys().collect::<Vec<_>>(), ["linux/arm/v7"], "{shape:?}");
        }
        assert!(assemble(Shape::Single, vec![result("linux/amd64", "r")], None).attestations.is_empty());
    }

    #[test]
    fn several_platforms_have_keys_with_their_ids_in_the_requested_order() {
        let built =
            assemble(Shape::PerPlatform, vec![result("linux/arm64", "r2"), result("linux/amd64", "")], None);
        let ResultRefs::PerPlatform(refs) = &built.refs else { panic!("{:?}", built.refs) };
        assert_eq!(refs["linux/amd64"], None, "the empty filesystem has no handle");
        assert_eq!(built.metadata["containerimage.config/linux/arm64"], b"config of linux/arm64");
        assert_eq!(built.metadata["annotation[linux/arm64].a.b"], b"linux/arm64");
        let platforms = String::from_utf8(built.metadata["refs.platforms"].clone()).unwrap();
        assert!(platforms.find("arm64") < platforms.find("amd64"), "{platforms}");
    }

    #[test]
    fn the_shape_follows_the_count_unless_the_client_says() {
        let table =
            [(1, None, Shape::Single), (2, None, Shape::PerPlatform), (1, Some(true), Shape::PerPlatform)];
        for (count, wanted, shape) in table {
            assert_eq!(Shape::of(count, wanted), shape, "{count} {wanted:?}");
        }
    }
}
