//! What a product is made of, and the key that says so.

use std::collections::BTreeMap;

use serde::Serialize;

use super::canonical::{canonical, canonical_text, sha256};
use super::document::FragmentEntry;
use crate::draft::Draft;
use crate::model::{Arg, Fragment, Scope};
use crate::target::Target;
use crate::text::SourceFile;

/// What a build on one platform selects, before the shell has said what files hold and which digest the base has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    template: Option<TemplateEntry>,
    fragments: Vec<SelectedFragment>,
    platform: String,
    accelerator: Option<String>,
    target: Option<String>,
    args: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SelectedFragment {
    name: String,
    version: String,
    folder: String,
    /// Its `fragment.json`.
    file: SourceFile,
    /// The digest of what is locked for it.
    locked: Option<String>,
}

/// A template and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TemplateEntry {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
}

/// What a product on one platform is made of, by content. Tests are no part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Selection {
    /// The template, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<TemplateEntry>,
    /// The fragments from the base upwards, with the digests of their contents.
    pub fragments: Vec<FragmentEntry>,
    /// The digest of the base image, or `scratch`.
    pub base: String,
    /// The platform.
    pub platform: String,
    /// The accelerator that the product is made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<String>,
    /// The target, where that is not the product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The arguments that have a value, by document: `manifest`, `template`, `fragment/core`.
    pub args: BTreeMap<String, BTreeMap<String, String>>,
}

impl Selection {
    /// The selection key: the SHA-256, `sha256:…`, of the selection in canonical form.
    #[must_use]
    pub fn key(&self) -> String {
        sha256(&canonical(self))
    }
}

/// The content of a fragment.
#[derive(Serialize)]
struct Content<'a> {
    definition: &'a str,
    files: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locked: Option<&'a str>,
}

impl Selected {
    /// The selection. `base` is the digest of the base image, nothing for a product on scratch; `files` are the digests of own
    /// files that steps name, by their paths from the catalogue's root (`fragments/core/0.1.0/requirements.txt`).
    #[must_use]
    pub fn resolve(&self, base: Option<&str>, files: &BTreeMap<String, String>) -> Selection {
        Selection {
            template: self.template.clone(),
            fragments: self.fragments.iter().map(|fragment| fragment.resolve(files)).collect(),
            base: base.unwrap_or("scratch").to_owned(),
            platform: self.platform.clone(),
            accelerator: self.accelerator.clone(),
            target: self.target.clone(),
            args: self.args.clone(),
        }
    }
}

impl SelectedFragment {
    fn resolve(&self, files: &BTreeMap<String, String>) -> FragmentEntry {
        let own = files.iter().filter_map(|(path, digest)| {
            let inside = path.strip_prefix(&self.folder)?.strip_prefix('/')?;
            Some((inside, digest.as_str()))
        });
        let locked = self.locked.as_deref();
        let content = Content { definition: &definition(&self.file), files: own.collect(), locked };
        FragmentEntry {
            name: self.name.clone(),
            version: self.version.clone(),
            digest: sha256(&canonical(&content)),
        }
    }
}

impl Draft<'_> {
    /// What the build selects.
    pub(crate) fn selected(&self) -> Selected {
        let (product, arguments) = (self.product, &self.arguments);
        let taking_part = self.target.fragments(product);
        let fragment =
            |index: &usize| selected(&product.fragments[*index], self.locking.digest(self, *index));
        let mut args = BTreeMap::new();
        args.insert("manifest".to_owned(), values(&product.manifest.args, arguments.manifest()));
        if let Some(template) = &product.template {
            args.insert("template".to_owned(), values(&template.args, arguments.template()));
        }
        for index in &taking_part {
            let name = format!("fragment/{}", product.fragments[*index].name.value());
            args.insert(name, values(&product.fragments[*index].args, arguments.fragment(*index)));
        }
        args.retain(|_, values| !values.is_empty());
        Selected {
            template: product.template.as_ref().map(|template| TemplateEntry {
                id: template.id.to_string(),
                version: template.version.to_string(),
            }),
            fragments: taking_part.iter().map(fragment).collect(),
            platform: self.request.platform.to_string(),
            accelerator: product.manifest.accelerator.map(|one| one.to_string()),
            target: target_name(self),
            args,
        }
    }
}

fn target_name(draft: &Draft<'_>) -> Option<String> {
    if draft.target == Target::Product {
        return None;
    }
    Target::all(draft.product).into_iter().find(|(_, target)| *target == draft.target).map(|(name, _)| name)
}

fn values(args: &[Arg], scope: &Scope) -> BTreeMap<String, String> {
    let value = |arg: &Arg| Some((arg.name.to_string(), scope.value(arg.name.as_str())?.to_owned()));
    args.iter().filter_map(value).collect()
}

fn selected(fragment: &Fragment, locked: Option<String>) -> SelectedFragment {
    SelectedFragment {
        name: fragment.name.to_string(),
        version: fragment.version.to_string(),
        folder: fragment.folder(),
        file: fragment.file.clone(),
        locked,
    }
}

/// The digest of a fragment's definition in canonical form, without what is for editors and without its tests and checks: another
/// one makes no other image.
fn definition(file: &SourceFile) -> String {
    let text = crate::parse::json::text(file).unwrap_or_default();
    let Ok(serde_json::Value::Object(mut members)) = serde_json::from_str(&text) else {
        // A fragment has been checked, so its file is an object; by its bytes it is known as well.
        return sha256(file.bytes());
    };
    members.remove("tests");
    members.remove("check");
    members.remove("$schema");
    sha256(canonical_text(&serde_json::Value::Object(members)).as_bytes())
}
