//! `factory bake …`.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use llb_gen::matrix::Plan;

use super::answer;
use super::args::Bake;
use crate::atomic;
use crate::bake;
use crate::build::Product;
use crate::exit::{Error, Result};
use crate::plans::PlanFile;
use crate::project::{self, Kind, project_root};

pub(crate) fn run(arguments: &Bake) -> Result<()> {
    let here = std::env::current_dir().map_err(|e| Error::Usage(format!("the current folder: {e}")))?;
    let (products, plans) = documents(&arguments.documents, &here)?;
    let mut volatile = BTreeSet::new();
    for product in &products {
        let checked = product.check()?;
        if checked.template.iter().flat_map(|template| &template.slots).any(|slot| slot.volatile) {
            volatile.insert(checked.manifest.id.to_string());
        }
    }
    let json = bake::file(&products, &volatile, &plans, arguments.cache_ref.as_deref())?.json()?;
    let Some(output) = &arguments.output else {
        answer(&json);
        return Ok(());
    };
    atomic::put(&here.join(output), |file| file.write_all(json.as_bytes()))
        .map_err(|e| Error::Usage(format!("{}: {e}", output.display())))
}

/// The products and the plans that are named, or all of them.
fn documents(wanted: &[String], here: &Path) -> Result<(Vec<Product>, Vec<PlanFile>)> {
    let (mut products, mut plans) = (Vec::new(), Vec::new());
    if wanted.is_empty() {
        let root = project_root(here)?;
        for id in project::ids(Kind::Manifest, &root) {
            products.push(Product::find(&id, &root)?);
        }
        for id in project::ids(Kind::Plan, &root) {
            plans.push(PlanFile::find(&id, &root)?);
        }
    }
    for one in wanted {
        match is_plan(one, here)? {
            true => plans.push(PlanFile::find(one, here)?),
            false => products.push(Product::find(one, here)?),
        }
    }
    Ok((products, plans))
}

/// Whether a name means a plan: the file has a matrix, or only a plan is called so.
fn is_plan(wanted: &str, here: &Path) -> Result<bool> {
    if project::is_path(wanted) {
        let (root, file) = project::find(Kind::Manifest, wanted, here)?;
        return Ok(Plan::is_plan(&project::read(&root, &file)?.1));
    }
    let root = project_root(here)?;
    let is = |kind: Kind| root.join(kind.path(wanted)).is_file();
    match (is(Kind::Manifest), is(Kind::Plan)) {
        (true, true) => Err(Error::Usage(format!(
            "a manifest and a plan are called {wanted:?}: name one of {} and {}",
            Kind::Manifest.path(wanted).display(),
            Kind::Plan.path(wanted).display()
        ))),
        (_, plan) => Ok(plan),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::tests::{PLAN, project};

    fn named(wanted: &[&str], here: &Path) -> Result<(usize, usize)> {
        let wanted: Vec<String> = wanted.iter().map(|one| (*one).to_owned()).collect();
        documents(&wanted, here).map(|(products, plans)| (products.len(), plans.len()))
    }

    #[test]
    fn manifests_and_plans_are_told_apart_by_what_they_are() {
        let dir = project(PLAN);
        for (wanted, found) in [
            (&[][..], (1, 1)),
            (&["app"], (1, 0)),
            (&["p"], (0, 1)),
            (&["manifests/plans/p.json", "manifests/app.json"], (1, 1)),
        ] {
            assert_eq!(named(wanted, dir.path()).unwrap(), found, "{wanted:?}");
        }
        let fault = named(&["ap"], dir.path()).unwrap_err().to_string();
        assert!(fault.contains("did you mean \"app\"?"), "{fault}");
        std::fs::copy(dir.path().join("manifests/plans/p.json"), dir.path().join("manifests/p.json"))
            .unwrap();
        assert!(named(&["p"], dir.path()).unwrap_err().to_string().contains("name one of"));
    }
}
