//! `factory sbom …`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use llb_gen::model::Platform;
use llb_gen::policy::SbomFormat;
use serde::Serialize;

use super::answer;
use super::args::FrontendBuild;
use super::frontend;
use super::layers::{as_json, places};
use crate::atomic;
use crate::attested::{About, Bill, Interest, Item, Said, gather};
use crate::engine::{EngineName, EngineSpec};
use crate::exit::{Error, Result};
use crate::frontend_image::SCANNER;
use crate::images::{Platforms, Source};
use crate::layers::named;
use crate::progress::counted;
use crate::registry::Fault;

/// Ends with 7 where the image has no SBOM. An image is named as for `factory layers`; nothing of it is pulled.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Sbom {
    #[command(subcommand)]
    action: Option<SbomAction>,
    /// An image
    #[arg(required = true)]
    image: Option<Source>,
    /// One platform of the image; all of them by default
    #[arg(long)]
    platform: Option<Platform>,
    /// How packages are put together
    #[arg(long, value_enum, default_value_t = By::Kind)]
    by: By,
    /// Only what this fragment brought: core, core@0.1.0
    #[arg(long, value_name = "NAME[@VERSION]")]
    fragment: Option<String>,
    /// How to print the answer; spdx and cyclonedx are of one platform
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The file to write to, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Name of the engine of ours to ask
    #[arg(long, env = EngineSpec::VARIABLE, default_value_t, value_name = "NAME")]
    engine: EngineName,
}

#[derive(Debug, Subcommand)]
enum SbomAction {
    /// Compile the generator and load its image into the engine, where it is not there yet
    Build(FrontendBuild),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// By package manager
    Kind,
    /// By the fragment that brought them
    Fragment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for people
    Text,
    /// A list for programs
    Json,
    /// The document, as it was attested
    Spdx,
    /// The same as CycloneDX 1.6, or the document of that form that was attested
    Cyclonedx,
}

/// The SBOM of one platform's image.
struct Found {
    platform: String,
    digest: String,
    document: Vec<u8>,
    bill: Bill,
}

#[derive(Serialize)]
struct AnswerJson<'a> {
    image: &'a str,
    platforms: Vec<PlatformJson<'a>>,
}

#[derive(Serialize)]
struct PlatformJson<'a> {
    platform: &'a str,
    digest: &'a str,
    packages: Vec<&'a Item>,
}

pub(crate) fn run(arguments: &Sbom) -> Result<()> {
    if let Some(SbomAction::Build(build)) = &arguments.action {
        return frontend::build(&SCANNER, build);
    }
    let image = arguments.image.as_ref().ok_or_else(|| Error::Usage("an image is missing".to_owned()))?;
    let name = image.to_string();
    let found = found(arguments, image, &name)?;
    let wants_fragments = arguments.by == By::Fragment || arguments.fragment.is_some();
    if let Some(one) = found.iter().find(|one| wants_fragments && !one.bill.knows_fragments()) {
        return Err(Error::NotFound(format!(
            "the SBOM of {name} for {} does not say which fragment brought what: build it with \
             --sbom=generator={}",
            one.platform, SCANNER.reference
        )));
    }
    let text = match arguments.format {
        Format::Text => text(arguments, &name, &found),
        Format::Json => as_json(&AnswerJson {
            image: &name,
            platforms: found
                .iter()
                .map(|one| PlatformJson {
                    platform: &one.platform,
                    digest: &one.digest,
                    packages: chosen(arguments, &one.bill),
                })
                .collect(),
        })?,
        Format::Spdx | Format::Cyclonedx => {
            let one = single(&found)?;
            match (arguments.format, one.bill.format) {
                (Format::Cyclonedx, SbomFormat::Spdx) => as_json(&one.bill.cyclonedx(&name, &one.digest))?,
                _ => String::from_utf8_lossy(&one.document).into_owned() + "\n",
            }
        }
    };
    match &arguments.output {
        None => answer(&text),
        Some(path) => atomic::put(path, |file| file.write_all(text.as_bytes()))
            .map_err(|fault| Error::Usage(format!("cannot write {}: {fault}", path.display())))?,
    }
    Ok(())
}

/// The SBOM of each platform's image: the first that is attested is that of the whole image.
fn found(arguments: &Sbom, image: &Source, name: &str) -> Result<Vec<Found>> {
    let store = places(&arguments.engine).open(image)?;
    let failed = |fault: Fault| named(name, fault.into());
    let platforms = Platforms::read(&*store, arguments.platform.as_ref()).map_err(failed)?;
    let said = gather(&*store, &platforms, Interest::All).map_err(failed)?;
    let mut found = Vec::new();
    let (mut without, mut in_another_form) = (Vec::new(), false);
    for one in &said {
        let About::Image { platform, digest } = &one.about else { continue };
        let platform = platform.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        match chosen_list(one, arguments.format) {
            None => {
                in_another_form |= one.lists().next().is_some();
                without.push(platform);
            }
            Some(document) => {
                let bill = Bill::parse(document, &format!("the SBOM of {digest}")).map_err(failed)?;
                found.push(Found { platform, digest: digest.clone(), document: document.to_owned(), bill });
            }
        }
    }
    if !found.is_empty() {
        return Ok(found);
    }
    let platforms = without.join(", ");
    Err(Error::NotFound(match in_another_form {
        true => {
            format!("{name} has no SPDX document for {platforms}, but one of CycloneDX: --format cyclonedx")
        }
        false => format!(
            "{name} has no SBOM for {platforms}: build it with --sbom=generator={}",
            SCANNER.reference
        ),
    }))
}

/// The list that an answer is made of: one of SPDX, which ours are, unless there is none or the other form is asked for.
fn chosen_list(said: &Said, format: Format) -> Option<&[u8]> {
    let of = |wanted| said.lists().find(|(format, _)| *format == wanted).map(|(_, bytes)| bytes);
    match format {
        Format::Spdx => of(SbomFormat::Spdx),
        Format::Cyclonedx => of(SbomFormat::Cyclonedx).or_else(|| of(SbomFormat::Spdx)),
        Format::Text | Format::Json => of(SbomFormat::Spdx).or_else(|| of(SbomFormat::Cyclonedx)),
    }
}

fn single(found: &[Found]) -> Result<&Found> {
    match found {
        [one] => Ok(one),
        several => Err(Error::Usage(format!(
            "a document is of one platform: --platform {}",
            several.iter().map(|one| one.platform.as_str()).collect::<Vec<_>>().join(" or ")
        ))),
    }
}

fn chosen<'b>(arguments: &Sbom, bill: &'b Bill) -> Vec<&'b Item> {
    let Some(wanted) = &arguments.fragment else { return bill.items.iter().collect() };
    let is_it = |one: &String| one == wanted || one.split('@').next() == Some(wanted.as_str());
    bill.items.iter().filter(|item| item.fragments.iter().any(is_it)).collect()
}

fn text(arguments: &Sbom, name: &str, found: &[Found]) -> String {
    let mut text = format!("image     {name}\n");
    // Writing to a String cannot fail, here and below.
    for one in found {
        let items = chosen(arguments, &one.bill);
        let _ = writeln!(text, "\n{}  {}  {}", one.platform, one.digest, counted(items.len(), "package"));
        let mut groups: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
        for item in items {
            let keys: Vec<&str> = match arguments.by {
                By::Kind if item.kind.is_empty() => vec!["other"],
                By::Kind => vec![&item.kind],
                By::Fragment if item.fragments.is_empty() => vec!["base"],
                By::Fragment => item.fragments.iter().map(String::as_str).collect(),
            };
            keys.into_iter().for_each(|key| groups.entry(key).or_default().push(item));
        }
        for (group, mut items) in groups {
            items.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
            let _ = writeln!(text, "  {group}, {}", counted(items.len(), "package"));
            for item in items {
                let licence = item.licence.as_deref().unwrap_or("-");
                let kind = if arguments.by == By::Fragment { item.kind.as_str() } else { "" };
                let line = format!("    {:<32} {:<28} {kind:<6} {licence}", item.name, item.version);
                let _ = writeln!(text, "{}", line.trim_end());
            }
        }
    }
    text
}
