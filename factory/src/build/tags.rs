//! Tags of a product: `{version}` and `{arch}` in `product.tags`.

use crate::exit::{Error, Result};

/// Expands the tags of a product for the platforms that are built.
///
/// `{version}` is the template's version, `{arch}` the platform's architecture with its variant (`arm64`, `armv7`).
/// An image for several platforms has no one architecture: tags with `{arch}` are left out of it.
///
/// # Errors
/// An unknown placeholder, a `{version}` of a manifest that has none, or a tag that the registries' rules forbid.
pub fn expand(tags: &[String], version: Option<&str>, platforms: &[String]) -> Result<Vec<String>> {
    let arch = match platforms {
        [one] => Some(arch(one)),
        _ => None,
    };
    let wanted = tags.iter().filter(|tag| arch.is_some() || !tag.contains("{arch}"));
    wanted.map(|tag| expand_one(tag, version, arch.as_deref())).collect()
}

/// The architecture of `os/arch[/variant]` as tags write it.
fn arch(platform: &str) -> String {
    let mut parts = platform.split('/').skip(1);
    let arch = parts.next().unwrap_or(platform);
    format!("{arch}{}", parts.next().unwrap_or_default())
}

fn expand_one(tag: &str, version: Option<&str>, arch: Option<&str>) -> Result<String> {
    let problem = |what: &str| Error::Usage(format!("product.tags: {tag:?}: {what}"));
    let mut text = String::new();
    let mut rest = tag;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').ok_or_else(|| problem("a { without its }"))?;
        let value = match name {
            "version" => version.ok_or_else(|| problem("the manifest has no template version"))?,
            "arch" => arch.ok_or_else(|| problem("several platforms have no one {arch}"))?,
            _ => {
                return Err(problem(&format!(
                    "unknown placeholder {{{name}}}: expected {{version}} or {{arch}}"
                )));
            }
        };
        text.push_str(before);
        text.push_str(value);
        rest = behind;
    }
    text.push_str(rest);
    if is_tag(&text) {
        Ok(text)
    } else {
        Err(problem("not a tag: letters, digits, `_`, `.`, `-`, at most 128"))
    }
}

/// The rule of the distribution specification for tags.
fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|w| (*w).to_owned()).collect()
    }

    #[test]
    fn placeholders_are_filled() {
        let tags = owned(&["dev", "{version}-{arch}", "{arch}"]);
        let one = |platform: &str| expand(&tags, Some("0.1.0"), &owned(&[platform])).unwrap();
        assert_eq!(one("linux/amd64"), ["dev", "0.1.0-amd64", "amd64"]);
        assert_eq!(one("linux/arm/v7"), ["dev", "0.1.0-armv7", "armv7"]);
        let both = owned(&["linux/amd64", "linux/arm64"]);
        assert_eq!(expand(&tags, Some("0.1.0"), &both).unwrap(), ["dev"]);
    }

    #[test]
    fn what_cannot_be_filled_is_said() {
        let platform = owned(&["linux/amd64"]);
        for (tag, version, part) in [
            ("{vers}", Some("1"), "unknown placeholder {vers}"),
            ("{version", Some("1"), "a { without its }"),
            ("{version}", None, "no template version"),
            ("a b", Some("1"), "not a tag"),
            ("", Some("1"), "not a tag"),
        ] {
            let error = expand(&owned(&[tag]), version, &platform).unwrap_err().to_string();
            assert!(error.contains(part), "{tag}: {error}");
        }
    }
}
