//! `factory publish …`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use llb_gen::model::ImageRef;

use super::answer;
use super::layers::as_json;
use crate::exit::{Error, Result};
use crate::images::{Places, Source};
use crate::layers::short;
use crate::progress;
use crate::project::project_root;
use crate::publish::{self, Choice, Published};
use crate::registry::Access;
use crate::reports;

/// Pushes what `.factory` has of an image to the registry that has the image, where `factory export`, `factory query` and others
/// find it.
#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// An image of a registry
    image: String,
    /// The reports; the project's own by default
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Push records of this product that are of no image; by default those of the product that the image is of
    #[arg(long, value_name = "ID")]
    product: Vec<String>,
    /// Push only what is known of the image
    #[arg(long, conflicts_with = "product")]
    image_only: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Publish) -> Result<()> {
    let name = arguments.image.strip_prefix("registry:").unwrap_or(&arguments.image);
    let image: ImageRef =
        name.parse().map_err(|fault| Error::Usage(format!("{name:?} is no image reference: {fault}")))?;
    let folder = match &arguments.from {
        Some(folder) => folder.clone(),
        None => {
            let here =
                std::env::current_dir().map_err(|e| Error::Usage(format!("the current folder: {e}")))?;
            reports::folder(&project_root(&here)?)
        }
    };
    let access = Access::from_environment();
    let store = Places::without_engine(access.clone()).open(&Source::Registry(image.clone()))?;
    let choice = Choice { products: arguments.product.clone(), images_only: arguments.image_only };
    let mut progress = progress::for_terminal();
    let published = publish::publish(&image, &*store, &access, &folder, &choice, &mut *progress);
    drop(progress);
    let published = published?;
    answer(&if arguments.json { as_json(&published)? } else { text(&published) });
    Ok(())
}

fn text(published: &[Published]) -> String {
    let mut text = String::new();
    for one in published {
        let known = if one.known { "  was there" } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<8}  {}  {} -> {} {}{known}",
            one.kind,
            one.build_id,
            short(&one.digest),
            one.to,
            short(&one.subject)
        );
    }
    text
}
