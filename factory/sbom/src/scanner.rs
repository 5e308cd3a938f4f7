//! BuildKit's scanner protocol: where the roots lie and where the statements go is said by the environment.
//!
//! A failure here fails a build, so only what makes a statement impossible is one; everything else is a warning in the
//! statement.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::files::{Files, Listing};
use crate::limits;
use crate::model::Warning;
use crate::root::Root;
use crate::scan::{Options, scan};
use crate::write::{About, Document, statement};

/// `_type` of the statements that BuildKit's protocol knows; BuildKit writes its own in their place.
const STATEMENT: &str = "https://in-toto.io/Statement/v0.1";
/// All that a `BUILDKIT_SCAN_…` variable's name begins with.
const PREFIX: &str = "BUILDKIT_SCAN_";

/// What the environment asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Where statements go.
    pub destination: PathBuf,
    /// The root of the image.
    pub source: PathBuf,
    /// A folder of other roots.
    pub extras: Option<PathBuf>,
    /// What every document is asked for.
    pub options: Options,
    /// A document with warnings is a failure.
    pub strict: bool,
}

impl Request {
    /// Reads `BUILDKIT_SCAN_…` and `SOURCE_DATE_EPOCH`. Unknown parameters are not looked at: BuildKit adds some of its own.
    ///
    /// # Errors
    /// A parameter of ours has a value that it cannot have, or where the root lies is not said; all faults at once.
    pub fn read(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, String> {
        let mut request = Self::default();
        let mut faults: Vec<String> = Vec::new();
        for (name, value) in variables {
            let Some(name) = name.to_str() else { continue };
            if name == "SOURCE_DATE_EPOCH" && request.options.epoch.is_some() {
                continue;
            }
            let key = match name {
                "SOURCE_DATE_EPOCH" => name,
                _ => match name.strip_prefix(PREFIX) {
                    Some(key) => key,
                    None => continue,
                },
            };
            let text = value.to_string_lossy();
            // Parameters are written in lower case by those who type them.
            match key.to_ascii_uppercase().as_str() {
                "DESTINATION" => request.destination = PathBuf::from(&value),
                "SOURCE" => request.source = PathBuf::from(&value),
                "SOURCE_EXTRAS" => request.extras = Some(PathBuf::from(&value)),
                "FILES" => match Listing::parse(&text) {
                    Some(listing) => request.options.files = listing,
                    None => faults.push(format!("files={text}: expected none, owned or all")),
                },
                "FRAGMENT" => match text.rsplit_once('@') {
                    Some((name, version)) if !name.is_empty() && !version.is_empty() => {
                        request.options.fragment.get_or_insert_default().name = text.into_owned();
                    }
                    _ => faults.push(format!("fragment={text}: expected NAME@VERSION")),
                },
                "BELOW" => {
                    let below = PathBuf::from(&value);
                    request.options.fragment.get_or_insert_default().below.push(below);
                }
                "FRAGMENTS" => request.options.fragments = Some(PathBuf::from(&value)),
                "NAME" => request.options.about.name = text.into_owned(),
                "VERSION" => request.options.about.version = Some(text.into_owned()),
                "SUPPLIER" => request.options.about.supplier = Some(text.into_owned()),
                "STRICT" => match text.as_ref() {
                    "true" | "1" => request.strict = true,
                    "false" | "0" => request.strict = false,
                    _ => faults.push(format!("strict={text}: expected true or false")),
                },
                "SOURCE_DATE_EPOCH" => match text.parse() {
                    Ok(epoch) => request.options.epoch = Some(epoch),
                    Err(_) if text.is_empty() => {}
                    Err(_) => faults.push(format!("SOURCE_DATE_EPOCH={text}: expected seconds since 1970")),
                },
                _ => {}
            }
        }
        for (path, name) in [(&request.destination, "DESTINATION"), (&request.source, "SOURCE")] {
            if path.as_os_str().is_empty() {
                faults.push(format!("{PREFIX}{name} is not set: this is how BuildKit calls a scanner"));
            }
        }
        if let Some(fragment) = &request.options.fragment
            && (fragment.name.is_empty() || fragment.below.is_empty())
        {
            faults.push(format!("{PREFIX}FRAGMENT and {PREFIX}BELOW go together: one of them is not set"));
        }
        if faults.is_empty() { Ok(request) } else { Err(faults.join("\n")) }
    }
}

/// Scans the image's root and every other, and writes one statement for each. Returns how many warnings there are in all.
///
/// # Errors
/// A root is not there, or a statement cannot be written, or would be larger than BuildKit takes.
pub fn run(request: &Request) -> Result<usize, String> {
    let mut roots = vec![request.source.clone()];
    if let Some(extras) = &request.extras {
        let entries = fs::read_dir(extras).map_err(|e| format!("cannot read {}: {e}", extras.display()))?;
        let mut found = Vec::new();
        for entry in entries {
            found.push(entry.map_err(|e| format!("cannot read {}: {e}", extras.display()))?.path());
        }
        found.sort();
        roots.extend(found);
    }
    let mut warnings = 0;
    for path in roots {
        let root = Root::open(&path).map_err(|e| format!("cannot open the root {}: {e}", path.display()))?;
        let target =
            path.file_name().map_or_else(|| "sbom".to_owned(), |name| name.to_string_lossy().into_owned());
        let mut options = request.options.clone();
        if path != request.source {
            // An extra is nobody's product and no fragment's.
            options.about = About { supplier: options.about.supplier, ..About::default() };
            (options.fragment, options.fragments) = (None, None);
        }
        if options.about.name.is_empty() {
            options.about.name.clone_from(&target);
        }
        let (bytes, said) = fitting(scan(&root, &options)?)?;
        warnings += said;
        place(&request.destination.join(format!("{target}.spdx.json")), &bytes)?;
    }
    Ok(warnings)
}

/// The statement, and how many warnings are in it. What is too large loses its files, then its texts, and says so.
fn fitting(mut document: Document) -> Result<(Vec<u8>, usize), String> {
    loop {
        let bytes =
            statement(&document, STATEMENT).map_err(|e| format!("cannot write the statement: {e}"))?;
        let added = document.files.records.len() * limits::LAYER_LINE;
        if bytes.len() + added <= limits::STATEMENT {
            let said = document.settled.warnings.len() + document.files.warnings.len();
            return Ok((bytes, said));
        }
        let what = if !document.files.records.is_empty() {
            let count = document.files.records.len();
            document.files = Files { incomplete: true, ..Files::default() };
            format!("its {count} files are not listed")
        } else if document.texts {
            document.texts = false;
            "it holds no texts of licences and no notices of copyright".to_owned()
        } else {
            return Err(format!(
                "the statement has {} bytes even without files and texts; BuildKit takes {} at most",
                bytes.len(),
                limits::STATEMENT
            ));
        };
        let message = format!(
            "the document would be larger than BuildKit takes ({} bytes), so {what}",
            limits::STATEMENT
        );
        document.settled.warnings.push(Warning { path: String::new(), cataloger: "sbom", message });
    }
}

/// Writes a file whole or not at all: BuildKit takes every file that lies in the folder.
pub(crate) fn place(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let say = |e: std::io::Error| format!("cannot write {}: {e}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}", std::process::id()));
    let written = fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|e| {
        // It may not even be there.
        let _ = fs::remove_file(&temporary);
        say(e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Request, String> {
        Request::read(variables.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn parameters() {
        let request = read(&[
            ("BUILDKIT_SCAN_DESTINATION", "/run/out/"),
            ("BUILDKIT_SCAN_SOURCE", "/run/src/core/sbom"),
            ("BUILDKIT_SCAN_type", "sbom"),
            ("BUILDKIT_SCAN_files", "owned"),
            ("BUILDKIT_SCAN_SUPPLIER", "Us"),
            ("SOURCE_DATE_EPOCH", "7"),
        ])
        .unwrap();
        assert_eq!(request.options.files, Listing::Owned);
        assert_eq!(request.options.epoch, Some(7));
        let faults = read(&[("BUILDKIT_SCAN_FILES", "some"), ("BUILDKIT_SCAN_STRICT", "x")]).unwrap_err();
        let faults_of = |name: &str, value: &str| read(&[(name, value)]).unwrap_err();
        assert!(faults_of("BUILDKIT_SCAN_FRAGMENT", "core").contains("NAME@VERSION"));
        assert!(faults_of("BUILDKIT_SCAN_BELOW", "/x").contains("go together"));
        for word in ["files=some", "strict=x", "BUILDKIT_SCAN_DESTINATION", "BUILDKIT_SCAN_SOURCE is"] {
            assert!(faults.contains(word), "{faults}");
        }
    }

    #[test]
    fn one_statement_a_target_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["core/sbom", "extras/sbom-context", "extras/sbom-stage", "out"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let request = Request {
            destination: dir.path().join("out"),
            source: dir.path().join("core/sbom"),
            extras: Some(dir.path().join("extras")),
            ..Request::default()
        };
        assert_eq!(run(&request), Ok(0));
        let mut names: Vec<_> =
            fs::read_dir(dir.path().join("out")).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["sbom-context.spdx.json", "sbom-stage.spdx.json", "sbom.spdx.json"]);
        let text = fs::read(dir.path().join("out/sbom-stage.spdx.json")).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["predicateType"], "https://spdx.dev/Document");
        assert_eq!(value["predicate"]["name"], "sbom-stage");
        assert!(run(&Request { source: dir.path().join("gone"), ..request }).unwrap_err().contains("gone"));
    }

    #[test]
    fn what_is_too_large_says_what_it_leaves_out() {
        use crate::licence::Reference;
        use crate::settle::Settled;
        let text = "x".repeat(limits::STATEMENT);
        let mut settled = Settled::default();
        settled.references.insert("LicenseRef-x".into(), Reference { name: "x".into(), text: Some(text) });
        let document = Document {
            about: About::default(),
            settled,
            files: Files::default(),
            created: "t".into(),
            texts: true,
        };
        let (bytes, said) = fitting(document).unwrap();
        assert!(bytes.len() < 10_000 && said == 1);
        assert!(String::from_utf8(bytes).unwrap().contains("no texts of licences"));
    }
}
