//! Options that do nothing in this build: each is said, with what it was most likely meant to be.

use std::collections::BTreeSet;

use llb_gen::diagnostic::{Diagnostic, listed, nearest};
use llb_gen::model::{ImageRef, Platform, Product};
use llb_gen::ordered::ordered;
use llb_gen::request::NoCache;
use llb_gen::text::{Place, SourceFile, Span};

use crate::catalogue;
use crate::folder::Folder;
use crate::named::Demand;
use crate::options::Options;

/// What the tests of a product are called together (`--no-cache-filter tests`).
const TESTS: &str = "tests";

/// Warnings about options that mean nothing to any of these products.
pub fn warnings<'p>(
    manifest: &SourceFile,
    options: &Options,
    context: &Folder,
    products: impl IntoIterator<Item = &'p Product>,
) -> Vec<Diagnostic> {
    let products: Vec<&Product> = products.into_iter().collect();
    let place = start(manifest);
    let mut found: Vec<Diagnostic> = Vec::new();
    for one in &options.unknown {
        let message = format!("option `{}` is unknown to this frontend", one.option);
        found.push(
            Diagnostic::warning("unknown-option", &place, message).help(no_effect(one.near.as_deref())),
        );
    }
    let declared: BTreeSet<&str> = ordered(products.iter().flat_map(|product| product.declared_arguments()));
    for one in options.unknown_args.iter().filter(|one| !declared.contains(one.option.as_str())) {
        let message = format!("build argument `{}` is unknown to this frontend", one.option);
        found.push(
            Diagnostic::warning("unknown-build-argument", &place, message)
                .help(no_effect(one.near.as_deref())),
        );
    }
    if let (Some(subdir), Folder::Client(_)) = (&options.contexts.subdir, context) {
        let message = format!("option `contextsubdir` (`{subdir}`) means nothing for a folder of the client");
        let help = "it has no effect; name the folder itself as the context";
        found.push(Diagnostic::warning("unused-option", &place, message).help(help));
    }
    found.extend(no_cache(&place, options, &products));
    found
}

/// Names of `--no-cache-filter` that no fragment, stage or test has.
fn no_cache(place: &Place, options: &Options, products: &[&Product]) -> Vec<Diagnostic> {
    let NoCache::Of(names) = &options.no_cache else { return Vec::new() };
    let known: BTreeSet<String> = ordered(products.iter().flat_map(|product| filters(product)));
    let is_known = |name: &&String| known.iter().any(|one| one.eq_ignore_ascii_case(name));
    let unknown = names.iter().filter(|name| !is_known(name));
    let warning = |name: &String| {
        let help = match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", listed(known.iter().map(String::as_str))),
        };
        let message = format!("`--no-cache-filter {name}` names no fragment, stage or test of this product");
        Diagnostic::warning("unknown-no-cache", place, message).help(help)
    };
    unknown.map(warning).collect()
}

/// What `--no-cache-filter` may name.
fn filters(product: &Product) -> Vec<String> {
    let mut names = vec![TESTS.to_owned()];
    for fragment in &product.fragments {
        let name = fragment.name.value();
        names.push(name.to_string());
        names.extend(fragment.stages.iter().map(|stage| format!("{name}/{}", stage.name.value())));
        names.extend(fragment.tests.iter().map(|test| format!("{name}/{}", test.name.value())));
    }
    let template = product.template.iter().flat_map(|template| &template.tests);
    names.extend(template.map(|test| format!("template/{}", test.name.value())));
    names.extend(product.manifest.tests.iter().map(|test| format!("manifest/{}", test.name.value())));
    names
}

/// Named contexts that nothing in these builds asks for, and those for platforms that are not built.
pub fn contexts(
    manifest: &SourceFile,
    options: &Options,
    demands: &[Demand],
    platforms: &[Platform],
) -> Vec<Diagnostic> {
    let place = start(manifest);
    let asked: BTreeSet<&str> = ordered(demands.iter().flat_map(Demand::names));
    // The daemon itself looks there for the frontend's image, and the scanner's may be there, too.
    let frontend = options.source.as_deref().and_then(|source| source.parse().ok());
    let generator = options.sbom.as_ref().map(|sbom| sbom.generator.clone());
    let elsewhere: Vec<String> =
        frontend.into_iter().chain(generator).map(|image: ImageRef| image.familiar()).collect();
    let mut found = Vec::new();
    for name in options.contexts.named.keys() {
        let (bare, of) = name.split_once("::").map_or((name.as_str(), None), |(bare, of)| (bare, Some(of)));
        if bare == catalogue::CONTEXT_NAME || elsewhere.iter().any(|one| one == bare) {
            continue;
        }
        if !asked.contains(bare) {
            let help = match nearest(bare, asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if asked.is_empty() => "it takes none".to_owned(),
                None => format!("it takes {}", listed(asked.iter().copied())),
            };
            let message = format!("`--build-context {bare}=…` is used by nothing in this build");
            found.push(Diagnostic::warning("unused-context", &place, message).help(help));
        } else if let Some(of) = of.filter(|of| !platforms.iter().any(|one| one.to_string() == *of)) {
            let message =
                format!("the context `{bare}` for `{of}` is used by nothing: that platform is not built");
            found.push(Diagnostic::warning("unused-context", &place, message));
        }
    }
    found
}

fn no_effect(near: Option<&str>) -> String {
    match near {
        Some(near) => format!("it has no effect on this build; did you mean `{near}`?"),
        None => "it has no effect on this build".to_owned(),
    }
}

fn start(manifest: &SourceFile) -> Place {
    Place::new(manifest, Span::new(0, 1))
}
