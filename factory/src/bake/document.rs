//! The bake file itself: JSON whose texts are HCL templates.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::exit::{Error, Result};

/// A bake file. Its bytes follow from what is in it alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BakeFile {
    /// Groups by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub group: BTreeMap<String, Group>,
    /// Targets by their names.
    pub target: BTreeMap<String, Target>,
}

/// Targets that are built together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Names of targets and groups.
    pub targets: Vec<String>,
}

/// A list of texts: written out, or an expression that gives one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Texts {
    /// Written out.
    List(Vec<String>),
    /// `${item.tags}`.
    Expression(String),
}

impl Default for Texts {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Texts {
    fn is_empty(&self) -> bool {
        matches!(self, Self::List(texts) if texts.is_empty())
    }
}

/// One build. Members are those of Docker's bake file reference; texts are templates ([`literal`] makes one of a plain text).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Target {
    /// The name of each target of the matrix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// One target for every value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub matrix: BTreeMap<String, Vec<Value>>,
    /// The build context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The manifest's or plan's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<String>,
    /// A manifest that has no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dockerfile_inline: Option<String>,
    /// What to build of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Arguments.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, String>,
    /// Names of the image.
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub tags: Texts,
    /// Platforms.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// Caches to read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cache_from: Vec<String>,
    /// Caches to write.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cache_to: Vec<String>,
    /// Where the result goes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<String>,
}

impl BakeFile {
    /// Adds a target.
    ///
    /// # Errors
    /// There is a target or a group of that name.
    pub(super) fn add(&mut self, name: &str, target: Target) -> Result<()> {
        self.is_free(name)?;
        self.target.insert(name.to_owned(), target);
        Ok(())
    }

    /// Adds a group; one without targets is none.
    ///
    /// # Errors
    /// There is a target or a group of that name.
    pub(super) fn add_group(&mut self, name: &str, targets: Vec<String>) -> Result<()> {
        if targets.is_empty() {
            return Ok(());
        }
        self.is_free(name)?;
        self.group.insert(name.to_owned(), Group { targets });
        Ok(())
    }

    fn is_free(&self, name: &str) -> Result<()> {
        if self.target.contains_key(name) || self.group.contains_key(name) {
            let what =
                format!("two targets of the bake file would be called `{name}`: leave one of them out");
            return Err(Error::Usage(what));
        }
        Ok(())
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// None that can be caused from outside.
    pub fn json(&self) -> Result<String> {
        let json = serde_json::to_string_pretty(self);
        json.map(|json| json + "\n")
            .map_err(|fault| Error::Internal(format!("the bake file as JSON: {fault}")))
    }
}

/// A text that no template begins in.
pub(super) fn literal(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// A name of a target, for which bake takes no dots.
pub(super) fn name(text: &str) -> String {
    let taken = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    text.chars().map(taken).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_what_bake_takes() {
        assert_eq!(name("core-0.1.0_light-1.0.0+a"), "core-0-1-0_light-1-0-0-a");
        assert_eq!(literal("${PATH}:%{x} $HOME 5%"), "$${PATH}:%%{x} $HOME 5%");
    }

    #[test]
    fn a_name_is_taken_once() {
        let mut file = BakeFile::default();
        file.add("a", Target::default()).unwrap();
        assert!(file.add("a", Target::default()).unwrap_err().to_string().contains("`a`"));
        assert!(file.add_group("a", vec!["b".into()]).is_err());
        file.add_group("empty", vec![]).unwrap();
        assert_eq!(file.json().unwrap(), "{\n  \"target\": {\n    \"a\": {}\n  }\n}\n");
    }
}
