//! The names under which a product's image is known: `product.image` with each of `product.tags`.

use std::collections::BTreeMap;

use llb_gen::model::{self, Given, Manifest, Platform, Scope, TagPattern};

use crate::exit::{Error, Result};

/// Placeholders that mean one platform: tags with them are left out of an image for several.
const OF_ONE_PLATFORM: [&str; 4] = ["{os}", "{arch}", "{variant}", "{platform}"];

/// The image's names for these platforms, with the arguments that the build is given.
///
/// # Errors
/// A platform that is none, an argument that the manifest does not allow, a placeholder that has no value here.
pub fn names(
    manifest: &Manifest,
    platforms: &[String],
    given: &BTreeMap<String, String>,
) -> Result<Vec<String>> {
    let platforms = platforms.iter().map(|text| platform(text)).collect::<Result<Vec<_>>>()?;
    let Some(first) = platforms.first() else { return Ok(Vec::new()) };
    let scope = scope(manifest, first, given)?;
    let image = manifest.product.image.given(&scope).map_err(|fault| said(&fault))?;
    let image = image.map_or_else(|| manifest.id.as_str().replace('_', "-"), |image| image.to_string());
    let tags = manifest.product.tags.get(&scope).map_err(|fault| said(&fault))?;
    if tags.is_empty() {
        return Ok(vec![format!("{image}:dev")]);
    }
    let wanted = tags.iter().filter(|tag| platforms.len() == 1 || !is_of_one_platform(tag));
    wanted.map(|tag| Ok(format!("{image}:{}", filled(tag, manifest, first)?))).collect()
}

fn platform(text: &str) -> Result<Platform> {
    text.parse().map_err(|fault| Error::Usage(format!("--platform {text}: {fault}")))
}

/// What the manifest's own members may name. Arguments of fragments are no business of names.
fn scope(manifest: &Manifest, platform: &Platform, given: &BTreeMap<String, String>) -> Result<Scope> {
    let alone = model::Product {
        manifest: manifest.clone(),
        template: None,
        fragments: Vec::new(),
        composition: model::Composition::default(),
    };
    let decided = alone.arguments(platform, platform, given);
    let (arguments, _) = decided.map_err(|faults| Error::Usage(faults.excerpts()))?;
    Ok(arguments.manifest().clone())
}

fn is_of_one_platform(tag: &TagPattern) -> bool {
    OF_ONE_PLATFORM.iter().any(|placeholder| tag.as_str().contains(placeholder))
}

fn filled(tag: &TagPattern, manifest: &Manifest, platform: &Platform) -> Result<String> {
    let template = || manifest.template.as_ref().map(|template| template.version.to_string());
    let value = |name: &str| match name {
        "id" => Some(manifest.id.to_string()),
        "version" => manifest.version.as_ref().map(|version| version.to_string()).or_else(template),
        "os" => Some(platform.os().to_owned()),
        "arch" => Some(platform.arch().to_owned()),
        "variant" => platform.variant().map(str::to_owned),
        "platform" => Some(platform.to_string()),
        "accelerator" => manifest.accelerator.map(|accelerator| accelerator.to_string()),
        _ => None,
    };
    tag.fill(&value).map_err(|fault| Error::Usage(format!("product.tags: {tag}: {fault}")))
}

fn said(fault: &llb_gen::diagnostic::Diagnostic) -> Error {
    Error::Usage(fault.to_string())
}

#[cfg(test)]
mod tests {
    use llb_gen::parse::RawManifest;
    use llb_gen::text::SourceFile;

    use super::*;

    fn manifest(members: &str) -> Manifest {
        let text = format!(
            r#"{{"id": "my_app", "base": "scratch", "fragments": [{{"name": "a", "version": "1.0.0"}}], {members}}}"#
        );
        let raw = RawManifest::parse(&SourceFile::new("manifests/my_app.json", text.into_bytes())).unwrap();
        Manifest::check(raw).unwrap().0
    }

    fn of(members: &str, platforms: &[&str]) -> Result<Vec<String>> {
        let platforms: Vec<String> = platforms.iter().map(|one| (*one).to_owned()).collect();
        names(&manifest(members), &platforms, &BTreeMap::from([("TAG".to_owned(), "given".to_owned())]))
    }

    #[test]
    fn placeholders_and_arguments_are_filled() {
        let members = r#""version": "0.1.0", "args": {"TAG": "t"},
            "product": {"image": "r.io/app", "tags": ["dev", "{id}-{version}-{arch}", "{platform}", "${TAG}"]}"#;
        let one = of(members, &["linux/amd64"]).unwrap();
        assert_eq!(
            one,
            ["r.io/app:dev", "r.io/app:my_app-0.1.0-amd64", "r.io/app:linux-amd64", "r.io/app:given"]
        );
        let both = of(members, &["linux/amd64", "linux/arm64"]).unwrap();
        assert_eq!(both, ["r.io/app:dev", "r.io/app:given"], "no one platform, no tag that names one");
    }

    #[test]
    fn a_product_without_names_is_called_by_its_id() {
        assert_eq!(of(r#""description": "x""#, &["linux/amd64"]).unwrap(), ["my-app:dev"]);
    }

    #[test]
    fn what_cannot_be_filled_is_said() {
        let fault = of(r#""product": {"tags": "{version}"}"#, &["linux/amd64"]).unwrap_err().to_string();
        assert!(fault.contains("`{version}` names no value"), "{fault}");
        let fault = of(r#""product": {"tags": "{variant}"}"#, &["linux/amd64"]).unwrap_err().to_string();
        assert!(fault.contains("names no value"), "{fault}");
        assert!(of(r#""description": "x""#, &["linux/"]).is_err());
    }
}
