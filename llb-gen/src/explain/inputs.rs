//! The inputs of a product on one platform, and the file that they are kept in.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::llb::OpDigest;

/// Version of the form that [`ProductInputs`] has as JSON. A file of another version is one that cannot be compared.
pub const SCHEMA_VERSION: u32 = 1;

/// What a product on one platform is made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductInputs {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The manifest's id.
    pub product: String,
    /// `os/arch[/variant]`.
    pub platform: String,
    /// The base; nothing for a product on scratch.
    pub base: Option<ImageInput>,
    /// `SOURCE_DATE_EPOCH` in seconds, where it was given.
    pub epoch: Option<u64>,
    /// Digest of the frontend's own image, where it is known: the step wrapper lies in it.
    pub frontend: Option<String>,
    /// The fragments that take part, from the base upwards.
    pub fragments: Vec<FragmentInputs>,
}

/// An image that something is made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageInput {
    /// Its reference as the files have it, in full form.
    pub reference: String,
    /// What the reference stood for; nothing where that is not known, as of an image that only the engine's store has.
    pub digest: Option<String>,
}

/// What one fragment is made from, beside the base and the platform. There are no secrets in it: those have no values here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FragmentInputs {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest of its `fragment.json`.
    pub definition: String,
    /// The files of its folder that steps name, by their paths there: `sha256:…`, `size:…` where too large to be hashed,
    /// `link:…` for a symbolic link.
    pub files: BTreeMap<String, String>,
    /// The arguments that it sees, as far as they have a value.
    pub arguments: BTreeMap<String, String>,
    /// The variables that the template and the fragments below set for it. What is the base's own stays `${NAME}`.
    pub environment: BTreeMap<String, String>,
    /// The shell that the template or a fragment below sets for it; empty where neither does.
    pub shell: Vec<String>,
    /// Images that it takes files from or builds on.
    pub images: Vec<ImageInput>,
    /// What else it takes files from, whose contents are not listed here: `context`, `context:NAME`, and `fragment` where the
    /// paths of own files depend on the environment.
    pub elsewhere: BTreeSet<String>,
    /// The fragments that it is built on, lowest first.
    pub built_on: Vec<String>,
    /// The digest of what is locked for it; nothing where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<String>,
    /// Whether this build asks for it to run whatever is known. No part of its key.
    pub no_cache: bool,
}

/// Why a file of inputs cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InputsError {
    /// Not JSON, or of another form.
    #[error("it is no list of inputs: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Written by another version of the factory.
    #[error("its version is {0}, not {SCHEMA_VERSION}")]
    Version(u32),
}

impl ProductInputs {
    /// Where the inputs of a product on a platform are kept, relative to the project's root:
    /// `.factory/inputs/<manifest id>/<os>-<arch>[-<variant>].json`.
    #[must_use]
    pub fn path(product: &str, platform: &str) -> String {
        format!(".factory/inputs/{product}/{}.json", platform.replace('/', "-"))
    }

    /// The document. Same inputs, same bytes.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("strings, numbers and lists always serialise");
        json.push(b'\n');
        json
    }

    /// Reads the document.
    ///
    /// # Errors
    /// What is no list of inputs, or one of another version.
    pub fn from_json(json: &[u8]) -> Result<Self, InputsError> {
        #[derive(Deserialize)]
        struct Header {
            schema_version: u32,
        }
        match serde_json::from_slice::<Header>(json)?.schema_version {
            SCHEMA_VERSION => Ok(serde_json::from_slice(json)?),
            other => Err(InputsError::Version(other)),
        }
    }

    /// The inputs of a fragment.
    #[must_use]
    pub fn fragment(&self, name: &str) -> Option<&FragmentInputs> {
        self.fragments.iter().find(|one| one.name == name)
    }

    /// For every fragment the digest of its inputs, with those of everything that it is built on.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let mut keys: BTreeMap<&str, String> = BTreeMap::new();
        for fragment in &self.fragments {
            let below = fragment.built_on.iter().filter_map(|name| keys.get(name.as_str()).cloned());
            let key = self.key(fragment, below.collect());
            keys.insert(&fragment.name, key);
        }
        let in_order = self.fragments.iter().map(|fragment| keys.get(fragment.name.as_str()).cloned());
        in_order.flatten().collect()
    }

    fn key(&self, fragment: &FragmentInputs, below: Vec<String>) -> String {
        #[derive(Serialize)]
        struct Key<'k> {
            platform: &'k str,
            base: &'k Option<ImageInput>,
            epoch: Option<u64>,
            fragment: FragmentInputs,
            below: Vec<String>,
        }
        let fragment = FragmentInputs { no_cache: false, ..fragment.clone() };
        let key = Key { platform: &self.platform, base: &self.base, epoch: self.epoch, fragment, below };
        let json = serde_json::to_vec(&key).expect("strings, numbers and lists always serialise");
        OpDigest::of(&json).to_string()
    }
}

/// The first 12 hexadecimal digits of a digest, for people; anything else as it is.
#[must_use]
pub fn short(digest: &str) -> &str {
    match digest.strip_prefix("sha256:") {
        Some(hex) => hex.get(..12).unwrap_or(hex),
        None => digest,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ordered::ordered;

    pub(in super::super) fn fragment(name: &str, built_on: &[&str]) -> FragmentInputs {
        FragmentInputs {
            name: name.into(),
            version: "1.0.0".into(),
            definition: format!("sha256:{name}"),
            files: ordered([("a.txt".to_owned(), "sha256:a".to_owned())]),
            arguments: ordered([("PORT".to_owned(), "80".to_owned())]),
            environment: ordered([("PATH".to_owned(), "/opt/bin:${PATH}".to_owned())]),
            shell: Vec::new(),
            images: Vec::new(),
            elsewhere: BTreeSet::new(),
            built_on: built_on.iter().map(|one| (*one).to_owned()).collect(),
            locked: None,
            no_cache: false,
        }
    }

    pub(in super::super) fn product(fragments: Vec<FragmentInputs>) -> ProductInputs {
        ProductInputs {
            schema_version: SCHEMA_VERSION,
            product: "p".into(),
            platform: "linux/amd64".into(),
            base: Some(ImageInput {
                reference: "docker.io/library/debian:12".into(),
                digest: Some("sha256:0123456789abcdef".into()),
            }),
            epoch: None,
            frontend: None,
            fragments,
        }
    }

    #[test]
    fn a_document_is_read_as_it_was_written_and_another_version_is_not() {
        let inputs = product(vec![fragment("core", &[]), fragment("web", &["core"])]);
        let json = inputs.to_json();
        assert_eq!(ProductInputs::from_json(&json).unwrap(), inputs);
        let text = String::from_utf8(json).unwrap();
        assert!(text.ends_with("}\n"));
        let other = text.replace("\"schema_version\": 1", "\"schema_version\": 7");
        let error = ProductInputs::from_json(other.as_bytes()).unwrap_err();
        assert!(matches!(error, InputsError::Version(7)), "{error}");
        let error = ProductInputs::from_json(b"{\"schema_version\": 1}").unwrap_err();
        assert!(matches!(error, InputsError::Malformed(_)), "{error}");
    }

    #[test]
    fn a_key_covers_what_is_below_and_nothing_beside() {
        let before = product(vec![fragment("a", &[]), fragment("b", &[]), fragment("c", &["a"])]);
        let mut after = before.clone();
        after.fragments[0].definition = "sha256:other".into();
        let same: Vec<bool> = before.keys().iter().zip(after.keys()).map(|(a, b)| *a == b).collect();
        assert_eq!(same, [false, true, false]);
        after = before.clone();
        after.fragments[1].no_cache = true;
        assert_eq!(after.keys(), before.keys(), "how it is asked for is no input");
        after.base.as_mut().unwrap().digest = None;
        assert!(after.keys().iter().zip(before.keys()).all(|(a, b)| *a != b));
    }

    #[test]
    fn the_file_is_called_after_product_and_platform() {
        assert_eq!(ProductInputs::path("app", "linux/arm/v7"), ".factory/inputs/app/linux-arm-v7.json");
    }
}
