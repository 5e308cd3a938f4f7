//! Bake files: products and plans as targets of `docker buildx bake`.

mod document;
mod inline;
mod plan;
mod prewarm;
mod product;

pub use document::{BakeFile, Group, Target, Texts};
pub use inline::Change;

use std::collections::BTreeSet;

use crate::build::Product;
use crate::exit::Result;
use crate::plans::PlanFile;
use product::Caches;

/// The bake file of these products and plans. Its groups: `default`, every product for all its platforms (or, where there are only
/// plans, their combinations); `platforms`, every product for each of its platforms apart; `prewarm`, what seldom changes of those
/// products whose ids are among `volatile`; one for each plan.
///
/// `cache` is the repository that caches are kept in.
///
/// # Errors
/// A tag that cannot be expanded, two targets of one name.
pub fn file(
    products: &[Product],
    volatile: &BTreeSet<String>,
    plans: &[PlanFile],
    cache: Option<&str>,
) -> Result<BakeFile> {
    let caches = Caches(cache.map(str::to_owned));
    let mut file = BakeFile::default();
    let (mut all, mut apart, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    for product in products {
        let volatile = volatile.contains(product.document.id.as_str());
        let (target, matrix) = product::add(&mut file, product, volatile, &caches)?;
        if volatile {
            warm.push(prewarm::add(&mut file, product, &caches)?);
        }
        apart.push(matrix.unwrap_or_else(|| target.clone()));
        all.push(target);
    }
    let mut combinations = Vec::new();
    for plan in plans {
        combinations.extend(plan::add(&mut file, plan, &caches)?);
    }
    if apart != all {
        file.add_group("platforms", apart)?;
    }
    file.add_group("prewarm", warm)?;
    file.add_group("default", if all.is_empty() { combinations } else { all })?;
    Ok(file)
}
