//! `attest:sbom` and what belongs to it: which scanner looks at what.

use std::collections::BTreeMap;

use llb_gen::model::ImageRef;

use super::reader::Reader;
use super::value::{boolean, csv, list};

/// The scanner where the client names none (BuildKit's `DefaultSBOMGenerator`).
const DEFAULT_GENERATOR: &str = "docker.io/docker/buildkit-syft-scanner:stable-1";
const OPTION: &str = "attest:sbom";
/// The same as a build argument, for clients without the option.
const ARGUMENT: &str = "build-arg:BUILDKIT_ATTEST_SBOM";
const CONTEXT: &str = "build-arg:BUILDKIT_SBOM_SCAN_CONTEXT";
const STAGE: &str = "build-arg:BUILDKIT_SBOM_SCAN_STAGE";

/// A request for an SBOM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sbom {
    /// The image of the scanner.
    pub generator: ImageRef,
    /// What the scanner is told, as `BUILDKIT_SCAN_<name>`.
    pub parameters: BTreeMap<String, String>,
    /// Whether the build context is scanned, too.
    pub context: bool,
    /// Which build-only stages are scanned, too.
    pub stages: ScannedStages,
}

/// Which build-only stages are scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScannedStages {
    /// None.
    Nothing,
    /// All that the product takes something from.
    All,
    /// Those of these names: `core/build`, or `build` for the stage of whichever fragment.
    Of(Vec<String>),
}

impl ScannedStages {
    /// Whether the stage `fragment/stage` is among them.
    pub fn holds(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Of(names) => names.iter().any(|one| Self::means(one, name)),
        }
    }

    /// Names that no stage has.
    pub fn unknown<'s>(&'s self, known: &[&str]) -> Vec<&'s str> {
        let Self::Of(names) = self else { return Vec::new() };
        let unknown = |one: &&String| !known.iter().any(|name| Self::means(one, name));
        names.iter().filter(unknown).map(String::as_str).collect()
    }

    fn means(wanted: &str, name: &str) -> bool {
        let stage = name.rsplit('/').next().unwrap_or_default();
        wanted.eq_ignore_ascii_case(name) || wanted.eq_ignore_ascii_case(stage)
    }
}

/// The request, where there is one; the options of extras are taken in any case.
pub(super) fn read(options: &mut Reader) -> Option<Sbom> {
    let context = options.value(CONTEXT, boolean).unwrap_or_default();
    let stages = options.filled(STAGE).map_or(ScannedStages::Nothing, |text| match boolean(&text) {
        Ok(true) => ScannedStages::All,
        Ok(false) => ScannedStages::Nothing,
        Err(_) => ScannedStages::Of(list(&text)),
    });
    let argument = options.text(ARGUMENT);
    let (option, text) = match options.text(OPTION) {
        Some(text) => (OPTION, text),
        None => (ARGUMENT, argument?),
    };
    let (generator, parameters) = options.keep(option, attributes(&text))?;
    Some(Sbom { generator, parameters, context, stages })
}

fn attributes(text: &str) -> Result<(ImageRef, BTreeMap<String, String>), String> {
    let mut parameters = BTreeMap::new();
    for field in csv(text)?.iter().filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once('=').ok_or_else(|| format!("`{field}` is not `key=value`"))?;
        parameters.insert(name.to_owned(), value.to_owned());
    }
    let generator = parameters.remove("generator");
    let generator = generator.as_deref().unwrap_or(DEFAULT_GENERATOR);
    let reference = generator.parse().map_err(|fault| format!("the generator `{generator}`: {fault}"))?;
    Ok((reference, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sbom(options: &[(&str, &str)]) -> Result<Option<Sbom>, String> {
        let given = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut reader = Reader::new(given.collect());
        let read = read(&mut reader);
        let (read, left) = reader.finish(read).map_err(|errors| errors.to_string())?;
        assert_eq!(left, []);
        Ok(read)
    }

    #[test]
    fn the_generator_and_its_parameters_are_one_csv_record() {
        let read = sbom(&[("attest:sbom", "generator=127.0.0.1:5000/scan:1,\"list=a,b\",files=true")]);
        let read = read.unwrap().unwrap();
        assert_eq!(read.generator.to_string(), "127.0.0.1:5000/scan:1");
        let expected = [("files", "true"), ("list", "a,b")];
        assert!(read.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected));
        let other = sbom(&[("build-arg:BUILDKIT_ATTEST_SBOM", "")]).unwrap().unwrap();
        assert_eq!(other.generator.to_string(), DEFAULT_GENERATOR);
        assert_eq!(sbom(&[("build-arg:BUILDKIT_SBOM_SCAN_STAGE", "true")]), Ok(None), "asked for nothing");
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for (value, reason) in
            [("generator", "`generator` is not `key=value`"), ("generator=", "the generator ``")]
        {
            let error = sbom(&[("attest:sbom", value)]).unwrap_err();
            assert!(error.starts_with("option `attest:sbom`") && error.contains(reason), "{error}");
        }
        let error = sbom(&[("build-arg:BUILDKIT_SBOM_SCAN_CONTEXT", "core")]).unwrap_err();
        assert!(error.contains("neither true nor false"), "{error}");
    }

    #[test]
    fn stages_are_named_with_or_without_their_fragment() {
        let of = ScannedStages::Of(vec!["core/build".into(), "WHEELS".into(), "gone".into()]);
        assert!(of.holds("core/build") && of.holds("light/wheels") && !of.holds("light/build"));
        assert_eq!(of.unknown(&["core/build", "light/wheels"]), ["gone"]);
        assert!(ScannedStages::All.holds("x/y") && !ScannedStages::Nothing.holds("x/y"));
    }
}
