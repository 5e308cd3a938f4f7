//! The command line.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::files::Listing;
use crate::fragment::Fragment;
use crate::root::Root;
use crate::scan::{Options, scan};
use crate::scanner::{Request, place, run};
use crate::write::{About, Document, cyclonedx, spdx, statement};

/// Everything went well.
pub const OK: u8 = 0;
/// A root cannot be opened, or a document not be written.
pub const FAILED: u8 = 1;
/// The command line or a parameter is wrong.
pub const USAGE: u8 = 2;
/// `--strict`: the document was written and has warnings.
pub const WARNINGS: u8 = 3;

/// `_type` of statements that no BuildKit rewrites.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// Reads what is installed in a root filesystem and writes it as SPDX 2.3 or CycloneDX 1.6.
///
/// Without a command it is a scanner of BuildKit's: it takes its orders from BUILDKIT_SCAN_… variables.
///
/// Exit codes: 0 the document is written; 1 the root cannot be opened or the document not be written; 2 wrong usage;
/// 3 with --strict, when the document has warnings.
#[derive(Debug, Parser)]
#[command(name = "sbom", version, about)]
struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Scan a folder that holds a root filesystem.
    Scan(ScanArguments),
}

#[derive(Debug, clap::Args)]
struct ScanArguments {
    /// The folder.
    root: PathBuf,
    /// What is written.
    #[arg(long, value_enum, default_value = "spdx")]
    format: Format,
    /// Which files are listed, with their digests. Without a value: all.
    #[arg(long, value_enum, default_value = "none", num_args = 0..=1, default_missing_value = "all", require_equals = true)]
    files: FilesWord,
    /// What the root is called.
    #[arg(long, default_value = "rootfs")]
    name: String,
    /// Its version; without one, a digest of what is in it.
    #[arg(long = "root-version", value_name = "VERSION")]
    version: Option<String>,
    /// Who supplies it.
    #[arg(long)]
    supplier: Option<String>,
    /// Only what this fragment brought to what lies in --below
    #[arg(long, value_name = "NAME@VERSION", requires = "below")]
    fragment: Option<String>,
    /// A root that the fragment was built on; may be given several times
    #[arg(long, value_name = "DIR", requires = "fragment")]
    below: Vec<PathBuf>,
    /// A folder with a folder for each fragment, in it the fragment's document: packages are told who brought them
    #[arg(long, value_name = "DIR", conflicts_with = "fragment")]
    fragments: Option<PathBuf>,
    /// Where the document goes; without it, to standard output.
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Exit with 3 when something could not be read.
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// SPDX 2.3.
    Spdx,
    /// CycloneDX 1.6.
    Cyclonedx,
    /// An in-toto statement of SPDX 2.3.
    Statement,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FilesWord {
    /// Packages only.
    None,
    /// Files that belong to a package.
    Owned,
    /// All regular files.
    All,
}

/// Runs the program and returns its exit code. Faults are said on standard error.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed terminal cannot be helped.
            let _ = error.print();
            return if error.use_stderr() { USAGE } else { OK };
        }
    };
    match arguments.action {
        Some(Action::Scan(arguments)) => scan_folder(&arguments),
        None => buildkit(),
    }
}

fn buildkit() -> u8 {
    let request = match Request::read(std::env::vars_os()) {
        Ok(request) => request,
        Err(faults) => return complain(USAGE, &format!("{faults}\nto scan a folder: sbom scan FOLDER")),
    };
    match run(&request) {
        Ok(0) => OK,
        Ok(_) if !request.strict => OK,
        Ok(count) => complain(WARNINGS, &format!("{count} warnings, which the parameter strict forbids")),
        Err(fault) => complain(FAILED, &fault),
    }
}

fn complain(code: u8, what: &str) -> u8 {
    for line in what.lines() {
        eprintln!("sbom: {line}");
    }
    code
}

fn scan_folder(arguments: &ScanArguments) -> u8 {
    let epoch = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) if text.is_empty() => None,
        Ok(text) => match text.parse() {
            Ok(epoch) => Some(epoch),
            Err(_) => {
                return complain(USAGE, &format!("SOURCE_DATE_EPOCH={text}: expected seconds since 1970"));
            }
        },
        Err(_) => None,
    };
    let options = Options {
        about: About {
            name: arguments.name.clone(),
            version: arguments.version.clone(),
            supplier: arguments.supplier.clone(),
            fragment: None,
        },
        files: match arguments.files {
            FilesWord::None => Listing::None,
            FilesWord::Owned => Listing::Owned,
            FilesWord::All => Listing::All,
        },
        epoch,
        fragment: arguments.fragment.clone().map(|name| Fragment { name, below: arguments.below.clone() }),
        fragments: arguments.fragments.clone(),
    };
    let root = match Root::open(&arguments.root) {
        Ok(root) => root,
        Err(fault) => {
            return complain(FAILED, &format!("cannot open the root {}: {fault}", arguments.root.display()));
        }
    };
    match scan(&root, &options) {
        Ok(document) => finish(&document, arguments.format, arguments.output.as_deref(), arguments.strict),
        Err(fault) => complain(FAILED, &fault),
    }
}

/// Writes a document and says its warnings.
fn finish(document: &Document, format: Format, output: Option<&std::path::Path>, strict: bool) -> u8 {
    let made = match format {
        Format::Spdx => spdx(document),
        Format::Cyclonedx => cyclonedx(document),
        Format::Statement => statement(document, STATEMENT),
    };
    let written =
        made.map_err(|e| format!("cannot write the document: {e}")).and_then(|bytes| match output {
            Some(path) => place(path, &bytes),
            None => {
                let mut out = std::io::stdout().lock();
                out.write_all(&bytes)
                    .and_then(|()| out.flush())
                    .map_err(|e| format!("cannot write the document: {e}"))
            }
        });
    if let Err(fault) = written {
        return complain(FAILED, &fault);
    }
    let warnings = document.warnings();
    for warning in &warnings {
        eprintln!("sbom: warning: {warning}");
    }
    if strict && !warnings.is_empty() { WARNINGS } else { OK }
}
