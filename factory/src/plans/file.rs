//! The plan that a command is about, and what it expands to.

use std::path::{Path, PathBuf};

use llb_gen::matrix::{Combination, Listing, ListingRow, Plan};
use llb_gen::model::{Platform, Product};
use llb_gen::parse::{RawManifest, RawPlan};
use llb_gen::text::SourceFile;
use serde::Deserialize;

use crate::exit::{Error, Result};
use crate::project::{self, Kind, refused};

/// A plan of the project, checked with everything that any of its combinations selects.
#[derive(Debug, Clone)]
pub struct PlanFile {
    /// The project's root.
    pub root: PathBuf,
    /// The plan's path from there.
    pub path: PathBuf,
    /// What it says.
    pub plan: Plan,
    /// The frontend image that it asks for, in a member or in a comment before the JSON.
    pub syntax: Option<String>,
    /// The manifest that it varies.
    pub manifest: SourceFile,
    /// The products of its combinations, in their order.
    pub products: Vec<Product>,
}

#[derive(Deserialize)]
struct Head {
    syntax: Option<String>,
}

impl PlanFile {
    /// The plan that `wanted` names: its id, or the path of its file, seen from the folder `from`.
    ///
    /// # Errors
    /// There is no such plan, no such manifest, or anything is wrong with a file that a combination needs: all of it at once.
    pub fn find(wanted: &str, from: &Path) -> Result<Self> {
        let (root, file) = project::find(Kind::Plan, wanted, from)?;
        let (path, source) = project::read(&root, &file)?;
        let syntax = project::syntax_line(source.bytes()).or_else(|| member(&source));
        let raw = RawPlan::parse(&source).map_err(|faults| refused(&faults))?;
        let (plan, _) = Plan::check(raw).map_err(|faults| refused(&faults))?;
        let (_, manifest) = project::find(Kind::Manifest, plan.manifest.value().as_str(), &root)
            .map_err(|fault| Error::Usage(format!("{}: {fault}", plan.manifest.place())))?;
        let (_, manifest) = project::read(&root, &manifest)?;
        let raw = RawManifest::parse(&manifest).map_err(|faults| refused(&faults))?;
        let files = project::catalogue(&root, plan.catalogue(&raw));
        let (products, _) = plan.products(&raw, &files).map_err(|faults| refused(&faults))?;
        Ok(Self { root, path, plan, syntax, manifest, products })
    }

    /// The combinations with their products.
    pub fn combinations(&self) -> impl Iterator<Item = (&Combination, &Product)> {
        self.plan.combinations().iter().zip(&self.products)
    }

    /// The platforms that a combination is tried on: its own, else the plan's; where neither says any, the engine's own if the
    /// product supports it, else the product's first.
    #[must_use]
    pub fn platforms(
        &self,
        combination: &Combination,
        product: &Product,
        native: &Platform,
    ) -> Vec<Platform> {
        if let Some(platform) = combination.platform() {
            return vec![platform.clone()];
        }
        if !self.plan.platforms.is_empty() {
            return self.plan.platforms.iter().map(|one| one.value().clone()).collect();
        }
        let mut supported = product.manifest.platforms.iter().map(|one| one.value());
        let own = supported.clone().next().is_none() || supported.clone().any(|one| one == native);
        match supported.next().filter(|_| !own) {
            Some(first) => vec![first.clone()],
            None => vec![native.clone()],
        }
    }

    /// What would be tried where `native` is the engine's own platform.
    #[must_use]
    pub fn listing(&self, native: &Platform) -> Listing {
        let rows = self.combinations().flat_map(|(combination, product)| {
            let row = |platform: Platform| {
                let expected = self.plan.expected(combination, &platform);
                ListingRow::of(product, &platform.to_string()).of_combination(combination, expected)
            };
            self.platforms(combination, product, native).into_iter().map(row).collect::<Vec<_>>()
        });
        Listing {
            plan_id: Some(self.plan.id.to_string()),
            manifest_id: self.plan.manifest.to_string(),
            strategy: Some(self.plan.strategy.as_str().to_owned()),
            rows: rows.collect(),
        }
    }
}

/// The member `syntax`; what is wrong with the file is told by those who read all of it.
fn member(source: &SourceFile) -> Option<String> {
    let text = std::str::from_utf8(source.bytes()).ok()?;
    let head: Head = serde_json::from_str(&text[text.find('{')?..]).ok()?;
    head.syntax
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;

    /// A project with a manifest, two versions of each of its fragments, and this plan, called `p`.
    pub(crate) fn project(plan: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "manifests/app.json",
            r#"{"syntax": "f:1", "id": "app", "base": "debian:12", "platforms": ["linux/amd64", "linux/arm64"],
                "fragments": [{"name": "core", "version": "0.1.0"}, {"name": "light", "version": "0.1.0"}],
                "product": {"image": "r.io/app", "tags": ["dev", "{arch}"]}}"#,
        );
        for (name, version) in [("core", "0.1.0"), ("core", "0.3.0"), ("light", "0.1.0"), ("light", "0.2.0")]
        {
            let text = format!(
                r#"{{"name": "{name}", "version": "{version}", "args": {{"PORT": "80"}}, "steps": [{{"run": "true"}}]}}"#
            );
            write(&format!("fragments/{name}/{version}/fragment.json"), &text);
        }
        write("manifests/plans/p.json", plan);
        dir
    }

    pub(crate) const PLAN: &str = r#"{"syntax": "f:1", "id": "p", "manifest": "app",
        "matrix": {"core": ["0.1.0", "0.3.0"], "light": ["0.1.0", "0.2.0"]},
        "expect": [{"when": {"light": "0.2.0"}, "verdict": "fail"}]}"#;

    fn native() -> Platform {
        "linux/arm64".parse().unwrap()
    }

    #[test]
    fn a_plan_expands_without_an_engine() {
        let dir = project(PLAN);
        let plan = PlanFile::find("p", &dir.path().join("fragments")).unwrap();
        assert_eq!(plan.syntax.as_deref(), Some("f:1"));
        let listing = plan.listing(&native());
        let rows: Vec<_> = listing.rows.iter().map(|row| (row.slug.as_str(), row.expect.as_str())).collect();
        assert_eq!(
            rows,
            [
                ("core-0.1.0_light-0.1.0", "pass"),
                ("core-0.1.0_light-0.2.0", "fail"),
                ("core-0.3.0_light-0.1.0", "pass"),
                ("core-0.3.0_light-0.2.0", "fail"),
            ]
        );
        assert!(listing.rows.iter().all(|row| row.platform == "linux/arm64"));
        assert_eq!(listing.rows[1].fragments, ["core@0.1.0", "light@0.2.0"]);
        let by_path = PlanFile::find("manifests/plans/p.json", dir.path()).unwrap();
        assert_eq!(by_path.path, plan.path);
    }

    #[test]
    fn platforms_are_the_combinations_the_plans_or_the_engines() {
        let of = |members: &str, native: &str| {
            let matrix = r#""core": ["0.1.0"]"#;
            let plan = format!(r#"{{"id": "p", "manifest": "app", {}}}"#, members.replace("MATRIX", matrix));
            let dir = project(&plan);
            let listing = PlanFile::find("p", dir.path()).unwrap().listing(&native.parse().unwrap());
            listing.rows.into_iter().map(|row| row.platform).collect::<Vec<_>>()
        };
        assert_eq!(of(r#""matrix": {MATRIX}"#, "linux/arm64"), ["linux/arm64"]);
        assert_eq!(of(r#""matrix": {MATRIX}"#, "linux/s390x"), ["linux/amd64"]);
        let both = r#""matrix": {MATRIX}, "platforms": ["linux/amd64", "linux/arm64"]"#;
        assert_eq!(of(both, "linux/arm64"), ["linux/amd64", "linux/arm64"]);
        let axis = r#""matrix": {MATRIX, "platform": ["linux/amd64"]}"#;
        assert_eq!(of(axis, "linux/arm64"), ["linux/amd64"]);
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_starts() {
        let fault = |plan: &str| {
            let dir = project(plan);
            PlanFile::find("p", dir.path()).unwrap_err().to_string()
        };
        let plan = |members: &str| format!(r#"{{"id": "p", {members}}}"#);
        let table = [
            (plan(r#""manifest": "ap", "matrix": {"core": ["0.1.0"]}"#), "there is no manifest \"ap\""),
            (plan(r#""manifest": "app", "matrix": {"cor": ["0.1.0"]}"#), "`cor`"),
            (plan(r#""manifest": "app", "matrix": {"core": ["0.2.0"]}"#), "0.3.0"),
            (plan(r#""manifest": "app", "matrx": {}"#), "matrx"),
        ];
        for (plan, said) in table {
            let fault = fault(&plan);
            assert!(fault.contains(said) && fault.contains("manifests/plans/p.json:1:"), "{fault}");
        }
        let dir = project(PLAN);
        let unknown = PlanFile::find("pp", dir.path()).unwrap_err().to_string();
        assert_eq!(unknown, "there is no plan \"pp\"; did you mean \"p\"? (there is: p)");
    }
}
