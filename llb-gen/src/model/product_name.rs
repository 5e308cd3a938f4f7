//! The names under which products are published.

use super::image_ref::ImageRef;
use super::text_value::{Invalid, TextValue, checked_text, quoted};

checked_text!(
    /// An image name without tag and digest: `llm-factory`, `ghcr.io/org/llm-factory`.
    ImageName
);
checked_text!(
    /// A tag with placeholders: `{version}-{arch}`.
    TagPattern
);

impl TextValue for ImageName {
    const WHAT: &'static str = "an image name";
    const FORM: &'static str = "a reference without tag and digest, such as \"ghcr.io/org/name\"";
    const EXAMPLES: &'static [&'static str] = &["llm-factory"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let reference = ImageRef::from_text(text)?;
        let last = text.rsplit('/').next().unwrap_or_default();
        match last.contains(':') || reference.digest().is_some() {
            true => Err(Invalid::new(format!("{} has a tag or digest; tags stand in `tags`", quoted(text)))),
            false => Ok(Self(text.to_owned())),
        }
    }
}

/// What a tag may name.
const PLACEHOLDERS: [&str; 7] = ["id", "version", "os", "arch", "variant", "platform", "accelerator"];

impl TextValue for TagPattern {
    const WHAT: &'static str = "a tag";
    const FORM: &'static str = "letters, digits, `_`, `.` and `-`, with {id}, {version}, {os}, {arch}, {variant}, {platform} or {accelerator}";
    const EXAMPLES: &'static [&'static str] = &["dev", "{version}-{arch}"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let pattern = Self(text.to_owned());
        let filled = pattern.fill(&|name| PLACEHOLDERS.contains(&name).then(|| "0".to_owned()))?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        match !filled.starts_with(['.', '-'])
            && !filled.is_empty()
            && filled.chars().all(fits)
            && filled.len() <= 128
        {
            true => Ok(pattern),
            false => Err(Invalid::new(format!("{} is not a tag", quoted(text)))),
        }
    }
}

impl TagPattern {
    /// The tag with every placeholder replaced by what `lookup` says. A platform's slashes become dashes.
    ///
    /// # Errors
    /// A brace that is not closed, or a placeholder for which `lookup` has no value.
    pub fn fill(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, Invalid> {
        let mut out = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(Invalid::new(format!("{} has an open `{{`", quoted(&self.0))));
            };
            let value = lookup(name).ok_or_else(|| unknown_placeholder(name))?;
            out.push_str(before);
            out.push_str(&value.replace('/', "-"));
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

fn unknown_placeholder(name: &str) -> Invalid {
    let near =
        crate::diagnostic::nearest(name, PLACEHOLDERS).map(|near| format!("; did you mean `{{{near}}}`?"));
    Invalid::new(format!("{} names no value{}", quoted(&format!("{{{name}}}")), near.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_fill_their_placeholders() {
        let tag = TagPattern::from_text("{version}-{platform}").unwrap();
        let filled =
            tag.fill(&|name| Some(if name == "version" { "1.0.0".into() } else { "linux/amd64".into() }));
        assert_eq!(filled, Ok("1.0.0-linux-amd64".to_owned()));
        for wrong in ["", "{vers}", "{version", "-x", ".x", "a b", "a:b"] {
            assert!(TagPattern::from_text(wrong).is_err(), "{wrong}");
        }
        assert!(ImageName::from_text("a:tag").is_err() && ImageName::from_text("localhost:5000/a").is_ok());
    }
}
