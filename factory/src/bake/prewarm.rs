//! What of products seldom changes, as targets that fill caches: the target `prewarm` of the frontend.

use std::collections::BTreeMap;

use llb_gen::target::PREWARM;
use serde_json::json;

use super::document::{BakeFile, Target, literal, name};
use super::product::{Caches, platforms};
use crate::build::Product;
use crate::exit::Result;

/// Adds the target of a product with volatile slots, and gives its name. Where the product has several platforms it is a matrix
/// with a target for each, so that each writes a cache of its own.
pub(super) fn add(file: &mut BakeFile, product: &Product, caches: &Caches) -> Result<String> {
    let id = product.document.id.as_str();
    let target = format!("{}-{PREWARM}", name(id));
    let platforms = platforms(product);
    let common = Target {
        context: Some(".".into()),
        dockerfile: Some(literal(&product.manifest.to_string_lossy())),
        target: Some(PREWARM.into()),
        output: vec!["type=cacheonly".into()],
        ..Target::default()
    };
    let warm = warm_cache(id);
    let told = match &platforms[..] {
        [] | [_] => Target {
            cache_from: caches.from(&warm, &platforms),
            cache_to: caches.to(&warm, &platforms.first().map_or_else(Caches::local, |one| name(one))),
            platforms,
            ..common
        },
        _ => {
            let item = |platform: &String| json!({"name": name(platform), "platform": platform});
            Target {
                name: Some(format!("{target}-${{item.name}}")),
                matrix: BTreeMap::from([("item".to_owned(), platforms.iter().map(item).collect())]),
                platforms: vec!["${item.platform}".into()],
                cache_from: caches.from_one(&warm, "${item.name}"),
                cache_to: caches.to(&warm, "${item.name}"),
                ..common
            }
        }
    };
    file.add(&target, told)?;
    Ok(target)
}

/// What the cache of a product's warm part is called: the product's own cache never takes its place, nor it that one's.
pub(super) fn warm_cache(id: &str) -> String {
    format!("{id}-{PREWARM}")
}
