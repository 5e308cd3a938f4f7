//! `factory export …`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use llb_gen::model::Platform;

use super::answer;
use super::layers::{as_json, places};
use crate::engine::{EngineName, EngineSpec};
use crate::exit::Result;
use crate::export::{self, Export as Exported};
use crate::images::Source;
use crate::layers::{named, short};
use crate::progress::{self, counted};

/// An image is named as for `factory layers`. Nothing of it is pulled.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// An image
    image: Source,
    /// The folder to write to
    #[arg(long, value_name = "DIR", default_value = "export")]
    to: PathBuf,
    /// One platform of the image; all of them by default
    #[arg(long)]
    platform: Option<Platform>,
    /// A dataset to add a line for each record to
    #[arg(long, value_name = "FILE")]
    jsonl: Option<PathBuf>,
    /// For programs
    #[arg(long)]
    json: bool,
    /// Name of the engine of ours to ask
    #[arg(long, env = EngineSpec::VARIABLE, default_value_t, value_name = "NAME")]
    engine: EngineName,
}

pub(crate) fn run(arguments: &Export) -> Result<()> {
    let name = arguments.image.to_string();
    let store = places(&arguments.engine).open(&arguments.image)?;
    let mut progress = progress::for_terminal();
    let exported = export::export(
        &name,
        &*store,
        arguments.platform.as_ref(),
        &arguments.to,
        arguments.jsonl.as_deref(),
        &mut *progress,
    );
    drop(progress);
    let exported = exported.map_err(|fault| named(&name, fault))?;
    answer(&if arguments.json { as_json(&exported)? } else { text(&exported) });
    Ok(())
}

fn text(exported: &Exported) -> String {
    let mut text = format!("image     {}\ndigest    {}\n", exported.image, exported.digest);
    // Writing to a String cannot fail, here and below.
    for one in &exported.found {
        let platform = one.platform.as_deref().unwrap_or("index");
        let _ = writeln!(text, "\n{platform}  {}", short(&one.digest));
        for record in &one.records {
            let attested = if record.as_written { "" } else { "  as the frontend has attested it" };
            let _ = writeln!(text, "  record      {} {}{attested}", record.verdict, record.build_id);
        }
        let paths = [("sbom", &one.sbom), ("provenance", &one.provenance), ("tests", &one.test_results)];
        let unchecked = |path| match one.enveloped.contains(path) {
            true => "  signed; the signature was not looked at",
            false => "",
        };
        for (label, paths) in paths {
            for path in paths {
                let _ = writeln!(text, "  {label:<10}  {}{}", path.display(), unchecked(path));
            }
        }
        for (path, kind) in &one.statements {
            let _ = writeln!(text, "  statement   {} ({kind}){}", path.display(), unchecked(path));
        }
    }
    let new = counted(exported.written, "new file");
    let _ = writeln!(text, "\nfolder    {}, {new}", exported.folder.display());
    text
}
