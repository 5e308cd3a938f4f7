//! What provenance says: who built an image, and what from. SLSA 0.2 and 1 as BuildKit writes them.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Predicate types of provenance.
pub(crate) const V02: &str = "https://slsa.dev/provenance/v0.2";
/// The current one.
pub(crate) const V1: &str = "https://slsa.dev/provenance/v1";
/// Where BuildKit keeps what it alone has, in version 0.2.
const BUILDKIT: &str = "https://mobyproject.org/buildkit@v1#metadata";

/// What policies ask about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Provenance {
    /// The builder's id; empty where it has none.
    pub(crate) builder: String,
    /// The repository that the builder has fetched.
    pub(crate) fetched: String,
    /// The repository that the client says its folder is of.
    pub(crate) folder: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Old {
    builder: Option<Builder>,
    invocation: Option<Invocation>,
    metadata: Option<BTreeMap<String, serde_json::Value>>,
}

#[derive(Deserialize)]
struct Builder {
    #[serde(default)]
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    config_source: Option<ConfigSource>,
}

#[derive(Deserialize)]
struct ConfigSource {
    #[serde(default)]
    uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct New {
    build_definition: Option<Definition>,
    run_details: Option<Details>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    external_parameters: Option<Invocation>,
}

#[derive(Deserialize)]
struct Details {
    builder: Option<Builder>,
    metadata: Option<NewMetadata>,
}

#[derive(Deserialize)]
struct NewMetadata {
    buildkit_metadata: Option<serde_json::Value>,
}

/// Reads the predicate of a provenance; nothing where the type is none of provenance.
pub(crate) fn read(predicate_type: &str, predicate: &str) -> Option<Result<Provenance, String>> {
    let malformed = |fault: serde_json::Error| format!("it is no provenance: {fault}");
    match predicate_type {
        V02 => Some(serde_json::from_str(predicate).map(old).map_err(malformed)),
        V1 => Some(serde_json::from_str(predicate).map(new).map_err(malformed)),
        _ => None,
    }
}

fn old(read: Old) -> Provenance {
    let source = read.invocation.and_then(|invocation| invocation.config_source);
    let kept = read.metadata.and_then(|mut metadata| metadata.remove(BUILDKIT));
    Provenance {
        builder: read.builder.map(|builder| builder.id).unwrap_or_default(),
        fetched: source.map(|source| source.uri).unwrap_or_default(),
        folder: folder(kept.as_ref()),
    }
}

fn new(read: New) -> Provenance {
    let source = read.build_definition.and_then(|definition| definition.external_parameters?.config_source);
    let (builder, metadata) =
        read.run_details.map_or((None, None), |details| (details.builder, details.metadata));
    Provenance {
        builder: builder.map(|builder| builder.id).unwrap_or_default(),
        fetched: source.map(|source| source.uri).unwrap_or_default(),
        folder: folder(metadata.and_then(|metadata| metadata.buildkit_metadata).as_ref()),
    }
}

fn folder(buildkit: Option<&serde_json::Value>) -> String {
    let source = buildkit.and_then(|kept| kept.pointer("/vcs/source")).and_then(serde_json::Value::as_str);
    source.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_say_the_same() {
        let old = r#"{"builder": {"id": "https://ci/1"}, "invocation": {"configSource": {"uri": "https://git/x.git#main"}},
            "metadata": {"completeness": {}, "https://mobyproject.org/buildkit@v1#metadata": {"vcs": {"source": "git@x:y"}}}}"#;
        let new = r#"{"buildDefinition": {"buildType": "x", "externalParameters": {"configSource": {"uri": "https://git/x.git#main"}}},
            "runDetails": {"builder": {"id": "https://ci/1"}, "metadata": {"buildkit_metadata": {"vcs": {"source": "git@x:y"}}}}}"#;
        let expected = Provenance {
            builder: "https://ci/1".into(),
            fetched: "https://git/x.git#main".into(),
            folder: "git@x:y".into(),
        };
        assert_eq!(read(V02, old), Some(Ok(expected.clone())));
        assert_eq!(read(V1, new), Some(Ok(expected)));
        assert_eq!(read(V1, "{}"), Some(Ok(Provenance::default())));
        assert!(read(V1, "[]").is_some_and(|read| read.is_err()));
        assert_eq!(read("x", "{}"), None);
    }
}
