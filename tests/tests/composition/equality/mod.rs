//! The merged product has the files of the chain: over generated sets of fragments, and where fragments cannot stand beside
//! each other, that is said.

mod conflicts;
mod generate;
mod model;

use std::fmt::Write as _;
use std::sync::OnceLock;

use factory_tests::tree::{Difference, Ignore, Tree};
use factory_tests::{BuildOptions, Pushed, Repository};
use serde_json::json;

use crate::parts::{Part, chained, differences, merged, tree};
use crate::small::small;
use generate::{FragmentSet, Random};

/// What all sets follow from. Another number is another family.
const SEED: u64 = 2026;
/// Sets that are built in one product, each in a folder of its own: they do not touch one another, and a build of several
/// costs little more than a build of one.
const TOGETHER: usize = 6;
const PRODUCTS: usize = 10;

/// The base of all sets: for each of a product's sets a folder with the same files.
fn field() -> &'static Pushed {
    static FIELD: OnceLock<Pushed> = OnceLock::new();
    FIELD.get_or_init(|| {
        let lines: Vec<String> =
            (0..TOGETHER).flat_map(|at| model::base_script(&format!("/s{at}"))).collect();
        let project =
            factory_tests::Project::new(&small().reference, &[("field", json!({"steps": [{"run": lines}]}))]);
        Repository::named("field").push("latest", &project, &BuildOptions::default()).1
    })
}

fn sets(product: usize) -> Vec<FragmentSet> {
    let set = |at: usize| {
        let seed = SEED + (product * TOGETHER + at) as u64;
        FragmentSet::generate(&mut Random::new(seed), &format!("s{at}"), seed)
    };
    (0..TOGETHER).map(set).collect()
}

/// What went wrong with the sets of one product, as text to reproduce it from.
fn compare(sets: &[FragmentSet], chain: &Tree, merged: &Tree) -> String {
    let differences = differences(chain, merged, &Ignore::nothing());
    let differences: Vec<_> =
        differences.into_iter().filter(|one| !is_link_across(sets, one, chain, merged)).collect();
    let mut report = String::new();
    for set in sets {
        let prefix = format!("{}/", set.folder);
        let own: Vec<_> = differences.iter().filter(|one| one.path.starts_with(&prefix)).collect();
        if !own.is_empty() {
            let _ = writeln!(report, "seed {} (chain | merged):", set.seed);
            own.iter().take(12).for_each(|one| report.push_str(&format!("  {one}\n")));
            let _ = writeln!(report, "{}", set.documents());
        }
    }
    let outside = |path: &str| sets.iter().all(|set| !path.starts_with(&format!("{}/", set.folder)));
    for one in differences.iter().filter(|one| outside(&one.path)) {
        let _ = writeln!(report, "outside of all sets: {one}");
    }
    report
}

/// Whether all that differs is which names are one file, where one of the names lies in a layer below.
///
/// A layer can only tie names together that it holds itself. Of a new name for a file below, the daemon puts the new name alone
/// into the layer of a chain, so that there are two equal files; into a delta it puts both names, so that they are one file, and any
/// third name below is another. Neither is all of what the step made, and no layer could be.
fn is_link_across(sets: &[FragmentSet], one: &Difference, chain: &Tree, merged: &Tree) -> bool {
    let names = [chain, merged].into_iter().flat_map(|tree| tree.at(&one.path).hard_links);
    let is_across = |name: &str| sets.iter().any(|set| set.across.contains(&format!("/{name}")));
    one.what == "hard links" && (is_across(&one.path) || names.into_iter().any(|name| is_across(&name)))
}

fn product(product: usize) -> String {
    let sets = sets(product);
    let parts: Vec<Part> = sets.iter().flat_map(|set| set.parts.clone()).collect();
    let base = &field().reference;
    let options = BuildOptions::default();
    let chain = tree(&chained(base, &parts), &options);
    let outcome = merged(base, &parts).build(&BuildOptions::oci());
    if !outcome.finished.status.success() {
        let documents: String = sets.iter().map(FragmentSet::documents).collect();
        return format!("{}\n{documents}", crate::parts::said(&outcome));
    }
    let image = outcome.image();
    let layers = image.layer_digests().len();
    assert_eq!(layers, field().layers.len() + parts.len() + 1, "a delta each, and what they share");
    compare(&sets, &chain, &image.filesystem())
}

#[test]
fn merged_products_have_the_files_of_the_chain() {
    let _ = field();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let reports = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if at >= PRODUCTS {
                        break;
                    }
                    let report = product(at);
                    if !report.is_empty() {
                        reports.lock().unwrap().push(report);
                    }
                }
            });
        }
    });
    let reports = reports.into_inner().unwrap();
    assert!(reports.is_empty(), "{} of {PRODUCTS} products differ:\n{}", reports.len(), reports.join("\n"));
}

/// What the family is made of: a generator that avoids everything difficult would make the test above worthless.
#[test]
fn the_family_is_varied() {
    let sets: Vec<FragmentSet> = (0..PRODUCTS).flat_map(sets).collect();
    assert!(sets.len() >= 60);
    let count = |part: &str| {
        sets.iter().map(|set| set.kinds.iter().filter(|kind| **kind == part).count()).sum::<usize>()
    };
    for kind in generate::KINDS {
        assert!(count(kind) >= 12, "{} times `{kind}`", count(kind));
    }
    let apart = sets.iter().filter(|set| set.independent_pairs() > 0).count();
    assert!(apart >= 50, "{apart} sets with fragments beside each other");
    let pairs: usize = sets.iter().map(FragmentSet::independent_pairs).sum();
    assert!(pairs >= 120, "{pairs} pairs beside each other");
}
