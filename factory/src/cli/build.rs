//! `factory build …`.

use std::path::{Path, PathBuf};

use super::answer;
use super::args::Build;
use super::buildx::in_one_word_each;
use crate::build::{self, BuildRequest, Compression, Product, shell_line};
use crate::engine::{Engine, EngineSpec};
use crate::exit::{Error, Result};
use crate::frontend_image::{DEV_IMAGE, Platform};
use crate::progress::for_terminal;
use crate::reports;

pub(crate) fn run(arguments: Build) -> Result<()> {
    let here = std::env::current_dir().map_err(|e| Error::Usage(format!("the current folder: {e}")))?;
    let product = Product::find(&arguments.manifest, &here)?;
    let (spec, print) = (arguments.buildx.spec(), arguments.buildx.print);
    let replaces_catalogue = arguments.buildx.replaces_catalogue();
    let request = request(arguments, &here)?;
    // Faults of the tags are found before anything starts.
    let words = request.words(&product, Platform::host().as_str())?;
    // With another catalogue the fragments are not ours to look at.
    if !replaces_catalogue {
        product.check()?;
    }
    if request.follows_lock() {
        product.check_lock()?;
    }
    if print {
        return print_command(&product, &request, &spec, &words);
    }
    let mut progress = for_terminal();
    let built = build::run(&product, &request, &spec, progress.as_mut())?;
    drop(progress);
    built.notes.iter().for_each(|note| eprintln!("factory: {note}"));
    if let Some(summary) = &built.summary {
        answer(&summary.text());
    }
    if let Some(report) = &built.report {
        answer(&report.text(&seen_from(&reports::folder(&product.root), &here)));
    }
    built.failure.map_or(Ok(()), Err)
}

/// A path as the user would write it in the folder `here`.
pub(super) fn seen_from(path: &Path, here: &Path) -> PathBuf {
    let here = here.canonicalize().unwrap_or_else(|_| here.to_owned());
    path.strip_prefix(here).unwrap_or(path).to_owned()
}

fn print_command(
    product: &Product,
    request: &BuildRequest,
    spec: &EngineSpec,
    words: &[String],
) -> Result<()> {
    let env = Engine::find(spec)?.map(|handle| handle.env).unwrap_or_default();
    let mut text = shell_line(&product.root.to_string_lossy(), &env, words);
    if request.frontend.is_none() && product.syntax.as_deref() == Some(DEV_IMAGE) {
        text = format!("# {DEV_IMAGE} comes from: factory frontend build\n{text}");
    }
    answer(&text);
    Ok(())
}

fn request(mut arguments: Build, here: &Path) -> Result<BuildRequest> {
    let no_names = arguments.tag.is_empty() && makes_no_product(&arguments);
    if let Some(kind) = arguments.compression {
        let level = arguments.compression_level;
        let compression = Compression::new(kind, level, arguments.force_compression)?;
        arguments.output = compression.outputs(&arguments.output)?;
    }
    Ok(BuildRequest {
        no_names,
        options: options(&arguments),
        site_ca: arguments.buildx.site_ca(),
        frontend: arguments.buildx.frontend,
        image_names: arguments.tag,
        platforms: arguments.platform,
        // buildx runs in the project's root, the user may stand elsewhere.
        metadata_file: arguments.metadata_file.map(|file| here.join(file)),
        no_report: arguments.no_report,
    })
}

/// Whether the result is something else than the product's image: a target of its own, a folder, an archive with its
/// own name. Then it does not get the product's names.
fn makes_no_product(arguments: &Build) -> bool {
    let is_image = |output: &String| {
        let has = |part: &str| output.split(',').any(|p| p == part);
        let named = output.split(',').any(|p| p.starts_with("name="));
        !named && ["type=image", "type=docker", "type=registry", "type=oci"].into_iter().any(has)
    };
    arguments.target.is_some() || (!arguments.output.is_empty() && !arguments.output.iter().any(is_image))
}

/// The options that go to buildx as they are.
fn options(arguments: &Build) -> Vec<String> {
    let one = |option: &Option<String>| option.iter().cloned().collect::<Vec<_>>();
    let mut words = in_one_word_each(&[
        ("--target", &one(&arguments.target)),
        ("--output", &arguments.output),
        ("--no-cache-filter", &arguments.no_cache_filter),
    ]);
    words.extend(arguments.buildx.words());
    words.extend(in_one_word_each(&[
        ("--label", &arguments.label),
        ("--cache-to", &arguments.cache_to),
        ("--provenance", &one(&arguments.provenance)),
        ("--sbom", &one(&arguments.sbom)),
    ]));
    let flags = [("--push", arguments.push), ("--no-cache", arguments.no_cache)];
    words.extend(flags.into_iter().filter(|(_, on)| *on).map(|(name, _)| name.to_owned()));
    words.extend(arguments.buildx.rest.iter().cloned());
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Action, Arguments};
    use clap::Parser;

    fn parse(words: &[&str]) -> Build {
        let words = ["factory", "build"].iter().chain(words);
        match Arguments::try_parse_from(words).unwrap().action {
            Action::Build(build) => *build,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_pass_through_and_the_rest_comes_last() {
        let build = parse(&[
            "a",
            "--push",
            "--no-cache",
            "--build-arg",
            "A=-1",
            "--progress",
            "plain",
            "-o",
            "type=local,dest=out",
            "--",
            "--call",
            "targets",
        ]);
        assert_eq!(
            options(&build),
            [
                "--output=type=local,dest=out",
                "--build-arg=A=-1",
                "--progress=plain",
                "--push",
                "--no-cache",
                "--call",
                "targets",
            ]
        );
    }

    #[test]
    fn only_a_products_image_gets_the_products_names() {
        for (words, named) in [
            (&["a"][..], true),
            (&["a", "--push"], true),
            (&["a", "-o", "type=oci,dest=a.tar"], true),
            (&["a", "-o", "type=local,dest=out"], false),
            (&["a", "-o", "out"], false),
            (&["a", "-o", "type=image,name=x"], false),
            (&["a", "--target", "fragment/core"], false),
            (&["a", "--target", "fragment/core", "-t", "x"], true),
        ] {
            let request = request(parse(words), Path::new("/")).unwrap();
            assert_eq!(!request.no_names, named, "{words:?}");
        }
    }

    #[test]
    fn a_compression_goes_into_the_outputs_and_leaves_the_names() {
        let of = |words: &[&str]| request(parse(words), Path::new("/"));
        let plain = of(&["a", "--compression", "zstd", "--push"]).unwrap();
        let zstd = "--output=type=image,compression=zstd,oci-mediatypes=true";
        assert_eq!((&plain.options[..], plain.no_names), (&[zstd.to_owned(), "--push".into()][..], false));
        let fault = of(&["a", "--compression=gzip", "-o", "type=local,dest=out"]).unwrap_err();
        assert_eq!(fault.exit(), crate::exit::Exit::Usage);
        let alone = Arguments::try_parse_from(["factory", "build", "a", "--compression-level", "3"]);
        assert!(alone.is_err(), "a level of nothing");
    }
}
