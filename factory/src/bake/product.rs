//! The targets of a product.

use std::collections::BTreeMap;

use serde_json::json;

use super::document::{BakeFile, Target, Texts, literal, name};
use super::prewarm::warm_cache;
use crate::build::{Product, names};
use crate::exit::Result;

/// Where caches of builds are kept: one reference for each product and platform, so that one never takes another's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caches(pub(super) Option<String>);

/// The platform that a build without `platforms` is for, as an expression of bake's.
const LOCAL: &str = "${replace(BAKE_LOCAL_PLATFORM, \"/\", \"-\")}";

impl Caches {
    /// `type=registry,ref=REPOSITORY:app-linux-amd64`.
    /// `platform` is a name as [`name`] makes it, or an expression that gives one.
    fn reference(&self, product: &str, platform: &str) -> Option<String> {
        let repository = literal(self.0.as_ref()?);
        Some(format!("type=registry,ref={repository}:{product}-{platform}"))
    }

    /// What a build for these platforms reads.
    pub(super) fn from(&self, product: &str, platforms: &[String]) -> Vec<String> {
        match platforms {
            [] => self.reference(product, LOCAL).into_iter().collect(),
            _ => platforms.iter().filter_map(|platform| self.reference(product, &name(platform))).collect(),
        }
    }

    /// What a build for one platform reads.
    pub(super) fn from_one(&self, product: &str, platform: &str) -> Vec<String> {
        self.reference(product, platform).into_iter().collect()
    }

    /// The platform of a build that says none.
    pub(super) fn local() -> String {
        LOCAL.to_owned()
    }

    /// What a build for one platform writes.
    pub(super) fn to(&self, product: &str, platform: &str) -> Vec<String> {
        self.reference(product, platform)
            .map(|reference| format!("{reference},mode=max"))
            .into_iter()
            .collect()
    }
}

/// A product's platforms; none where it takes what it is built on.
pub(super) fn platforms(product: &Product) -> Vec<String> {
    product.document.platforms.iter().map(|platform| platform.value().to_string()).collect()
}

/// The product's names in an image for these platforms. Where the product does not say which, names of one platform have no
/// meaning in a file that is for any machine.
pub(super) fn tags(product: &Product, platforms: &[String]) -> Result<Vec<String>> {
    let any = ["linux/amd64".to_owned(), "linux/arm64".to_owned()];
    let platforms = if platforms.is_empty() { &any[..] } else { platforms };
    names(&product.document, platforms, &BTreeMap::new())
}

/// Adds a product's target: the image for all its platforms. Of a product with several there is a matrix besides, with a target
/// for each, for machines that build only their own platform: it writes the caches and has the names that one platform has.
/// Gives the names of both. A product with volatile slots reads the caches of its warm part, too.
pub(super) fn add(
    file: &mut BakeFile,
    product: &Product,
    volatile: bool,
    caches: &Caches,
) -> Result<(String, Option<String>)> {
    let id = product.document.id.as_str();
    let target = name(id);
    let platforms = platforms(product);
    let cache_to = match &platforms[..] {
        [] => caches.to(id, LOCAL),
        [one] => caches.to(id, &name(one)),
        _ => Vec::new(),
    };
    let all = tags(product, &platforms)?;
    let mut cache_from = caches.from(id, &platforms);
    if volatile {
        cache_from.extend(caches.from(&warm_cache(id), &platforms));
    }
    file.add(
        &target,
        Target {
            context: Some(".".into()),
            dockerfile: Some(literal(&product.manifest.to_string_lossy())),
            tags: Texts::List(all.iter().map(|tag| literal(tag)).collect()),
            cache_from,
            cache_to,
            platforms: platforms.clone(),
            ..Target::default()
        },
    )?;
    if platforms.len() < 2 {
        return Ok((target, None));
    }
    let matrix = format!("{target}-platform");
    let mut each = per_platform(product, &target, &platforms, &all, caches)?;
    if volatile {
        each.cache_from.extend(caches.from_one(&warm_cache(id), "${item.name}"));
    }
    file.add(&matrix, each)?;
    Ok((target, Some(matrix)))
}

fn per_platform(
    product: &Product,
    target: &str,
    platforms: &[String],
    common: &[String],
    caches: &Caches,
) -> Result<Target> {
    let mut items = Vec::new();
    for platform in platforms {
        let mut own = tags(product, std::slice::from_ref(platform))?;
        // The other platform's build would take the name for itself.
        own.retain(|tag| !common.contains(tag));
        let own: Vec<String> = own.iter().map(|tag| literal(tag)).collect();
        items.push(json!({"name": name(platform), "platform": platform, "tags": own}));
    }
    let id = product.document.id.as_str();
    Ok(Target {
        context: Some(".".into()),
        dockerfile: Some(literal(&product.manifest.to_string_lossy())),
        name: Some(format!("{target}-${{item.name}}")),
        matrix: BTreeMap::from([("item".to_owned(), items)]),
        platforms: vec!["${item.platform}".into()],
        tags: Texts::Expression("${item.tags}".into()),
        cache_from: caches.reference(id, "${item.name}").into_iter().collect(),
        cache_to: caches.to(id, "${item.name}"),
        ..Target::default()
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn product(members: &str) -> (tempfile::TempDir, Product) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("manifests")).unwrap();
        let text = format!(
            r#"{{"id": "my.app", "version": "0.2.0", "base": "scratch",
                "fragments": [{{"name": "core", "version": "0.1.0"}}],
                "product": {{"image": "r.io/app", "tags": ["dev", "{{version}}-{{arch}}"]}}{members}}}"#
        );
        fs::write(dir.path().join("manifests/my.app.json"), text).unwrap();
        let product = Product::find("my.app", dir.path()).unwrap();
        (dir, product)
    }

    fn file(members: &str, cache: Option<&str>) -> serde_json::Value {
        let (_dir, product) = product(members);
        let mut file = BakeFile::default();
        add(&mut file, &product, false, &Caches(cache.map(str::to_owned))).unwrap();
        serde_json::from_str(&file.json().unwrap()).unwrap()
    }

    fn with_prewarm(members: &str) -> serde_json::Value {
        let (_dir, product) = product(members);
        let (mut file, caches) = (BakeFile::default(), Caches(Some("r.io/cache".to_owned())));
        add(&mut file, &product, true, &caches).unwrap();
        assert_eq!(super::super::prewarm::add(&mut file, &product, &caches).unwrap(), "my-app-prewarm");
        serde_json::from_str(&file.json().unwrap()).unwrap()
    }

    #[test]
    fn what_is_kept_warm_has_caches_of_its_own_which_the_product_reads() {
        let file = with_prewarm(r#", "platforms": ["linux/arm64"]"#);
        let warm = "type=registry,ref=r.io/cache:my.app-prewarm-linux-arm64";
        let expected = json!({
            "context": ".", "dockerfile": "manifests/my.app.json", "target": "prewarm",
            "platforms": ["linux/arm64"], "output": ["type=cacheonly"],
            "cache-from": [warm], "cache-to": [format!("{warm},mode=max")],
        });
        assert_eq!(file["target"]["my-app-prewarm"], expected);
        assert_eq!(file["target"]["my-app"]["cache-from"][1], warm);
        let file = with_prewarm(r#", "platforms": ["linux/amd64", "linux/arm64"]"#);
        let each = &file["target"]["my-app-prewarm"];
        let warm = "type=registry,ref=r.io/cache:my.app-prewarm-${item.name}";
        assert_eq!(
            (&each["name"], &each["cache-from"][0]),
            (&json!("my-app-prewarm-${item.name}"), &json!(warm))
        );
        assert_eq!(file["target"]["my-app-platform"]["cache-from"][1], warm);
        assert_eq!(file["target"]["my-app"]["cache-from"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn one_platform_is_one_target() {
        let file = file(r#", "platforms": ["linux/arm64"]"#, Some("r.io/cache"));
        let expected = json!({"target": {"my-app": {
            "context": ".", "dockerfile": "manifests/my.app.json",
            "tags": ["r.io/app:dev", "r.io/app:0.2.0-arm64"], "platforms": ["linux/arm64"],
            "cache-from": ["type=registry,ref=r.io/cache:my.app-linux-arm64"],
            "cache-to": ["type=registry,ref=r.io/cache:my.app-linux-arm64,mode=max"],
        }}});
        assert_eq!(file, expected);
    }

    #[test]
    fn several_platforms_share_no_cache_and_no_name() {
        let file = file(r#", "platforms": ["linux/amd64", "linux/arm64"]"#, Some("r.io/cache"));
        let all = &file["target"]["my-app"];
        assert_eq!(all["tags"], json!(["r.io/app:dev"]));
        assert_eq!(all["cache-from"].as_array().unwrap().len(), 2);
        assert!(all.get("cache-to").is_none(), "one reference would hold both platforms");
        let each = &file["target"]["my-app-platform"];
        assert_eq!(
            *each,
            json!({
                "context": ".", "dockerfile": "manifests/my.app.json",
                "name": "my-app-${item.name}", "platforms": ["${item.platform}"],
                "tags": "${item.tags}", "cache-from": ["type=registry,ref=r.io/cache:my.app-${item.name}"],
                "cache-to": ["type=registry,ref=r.io/cache:my.app-${item.name},mode=max"],
                "matrix": {"item": [
                    {"name": "linux-amd64", "platform": "linux/amd64", "tags": ["r.io/app:0.2.0-amd64"]},
                    {"name": "linux-arm64", "platform": "linux/arm64", "tags": ["r.io/app:0.2.0-arm64"]},
                ]},
            })
        );
    }

    #[test]
    fn a_product_for_any_platform_names_none() {
        let file = file("", Some("r.io/cache"));
        let target = &file["target"]["my-app"];
        assert!(target.get("platforms").is_none());
        assert_eq!(target["tags"], json!(["r.io/app:dev"]));
        let local = "type=registry,ref=r.io/cache:my.app-${replace(BAKE_LOCAL_PLATFORM, \"/\", \"-\")}";
        assert_eq!(target["cache-from"], json!([local]));
    }
}
