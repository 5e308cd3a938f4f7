//! What a manifest says at first sight, before its fragments are there to check it against.

use llb_gen::model::{ImageRef, Platform};
use llb_gen::text::SourceFile;
use serde::Deserialize;
use serde_json::Value;

/// Guesses that save waiting: the base's metadata is looked up while the catalogue is read. What they miss is
/// looked up later, and what is wrong with them the check says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hints {
    /// The base, where it is one image for every platform.
    pub base: Option<ImageRef>,
    /// The platforms that the product supports.
    pub platforms: Vec<Platform>,
}

#[derive(Deserialize)]
struct HintsJson {
    base: Option<Value>,
    platforms: Option<Value>,
}

impl Hints {
    /// Reads the hints of a manifest; none of one that is not the JSON that it should be.
    pub fn of(manifest: &SourceFile) -> Self {
        let json: Option<HintsJson> = serde_json::from_slice(json_part(manifest.bytes())).ok();
        let Some(HintsJson { base, platforms }) = json else { return Self::default() };
        let image =
            |base: &str| (base != "scratch" && !base.contains('$')).then(|| base.parse().ok()).flatten();
        let platform = |one: &Value| one.as_str().and_then(|text| text.parse().ok());
        Self {
            base: base.as_ref().and_then(Value::as_str).and_then(image),
            platforms: platforms
                .as_ref()
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(platform)
                .collect(),
        }
    }
}

/// The text after a first line that only names the frontend.
fn json_part(bytes: &[u8]) -> &[u8] {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) if bytes.starts_with(b"#") || bytes.starts_with(b"//") => &bytes[end..],
        _ => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(text: &str) -> Hints {
        Hints::of(&SourceFile::new("m.json", text.as_bytes()))
    }

    #[test]
    fn only_a_plain_base_is_a_hint() {
        let base = |text: &str| hints(text).base.map(|base| base.familiar());
        assert_eq!(base(r#"{"base":"debian:12"}"#).as_deref(), Some("debian:12"));
        assert_eq!(base("# syntax=x\n{\"base\":\"debian:12\"}").as_deref(), Some("debian:12"));
        for text in
            ["", "{", r#"{"base":"scratch"}"#, r#"{"base":"a:${B}"}"#, r#"{"base":{"linux/amd64":"a"}}"#]
        {
            assert_eq!(base(text), None, "{text}");
        }
    }

    #[test]
    fn platforms_that_cannot_be_read_are_left_to_the_check() {
        assert_eq!(hints(r#"{"platforms":["linux/amd64","nope",1]}"#).platforms.len(), 1);
    }
}
