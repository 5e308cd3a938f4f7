//! The `docker buildx build` command of a product: what `--print` shows and what runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use llb_gen::request::NoCache;

use super::inputs::{Asked, is_off};
use super::manifest::Product;
use super::names::names;
use crate::exit::Result;
use crate::site_ca;

/// What the user asked for beside the product.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildRequest {
    /// Another frontend image than the manifest's.
    pub frontend: Option<String>,
    /// Names for the image instead of the product's own.
    pub image_names: Vec<String>,
    /// Platforms to build for; none means what a plain build takes.
    pub platforms: Vec<String>,
    /// The result goes somewhere that needs no image name (`--output type=local`, …).
    pub no_names: bool,
    /// Options for buildx, in order, as words.
    pub options: Vec<String>,
    /// The site's certificates for build steps.
    pub site_ca: Option<PathBuf>,
    /// Where the user wants buildx's metadata.
    pub metadata_file: Option<PathBuf>,
    /// No report is wanted.
    pub no_report: bool,
}

impl BuildRequest {
    /// The words after `docker`, to be run in the product's root. `native` is the engine's own platform.
    ///
    /// # Errors
    /// A tag of the product cannot be expanded.
    pub fn words(&self, product: &Product, native: &str) -> Result<Vec<String>> {
        let mut words: Vec<String> = vec!["buildx".into(), "build".into(), "--file".into()];
        words.push(product.manifest.to_string_lossy().into_owned());
        for name in self.names(product, native)? {
            words.extend(["--tag".to_owned(), name]);
        }
        if !self.platforms.is_empty() {
            words.extend(["--platform".to_owned(), self.platforms.join(",")]);
        }
        if let Some(frontend) = &self.frontend {
            words.extend(["--build-arg".to_owned(), format!("BUILDKIT_SYNTAX={frontend}")]);
        }
        if let Some(bundle) = &self.site_ca {
            let secret = format!("id={},src={}", site_ca::SECRET_ID, bundle.display());
            words.extend(["--secret".to_owned(), secret]);
        }
        if let Some(file) = &self.metadata_file {
            words.extend(["--metadata-file".to_owned(), file.to_string_lossy().into_owned()]);
        }
        words.extend(self.options.iter().cloned());
        words.push(".".to_owned());
        Ok(words)
    }

    /// Names of the image: the user's, else the product's with its tags.
    fn names(&self, product: &Product, native: &str) -> Result<Vec<String>> {
        if self.no_names || !self.image_names.is_empty() {
            return Ok(self.image_names.clone());
        }
        let native = [native.to_owned()];
        let platforms = if self.platforms.is_empty() { &native[..] } else { &self.platforms };
        names(&product.document, platforms, &self.build_args())
    }

    /// The arguments among the options: names of the product may depend on them. One without a value is the variable of that
    /// name, as buildx takes it.
    fn build_args(&self) -> BTreeMap<String, String> {
        let pair = |given: &str| match given.split_once('=') {
            Some((name, value)) => Some((name.to_owned(), value.to_owned())),
            None => Some((given.to_owned(), std::env::var(given).ok()?)),
        };
        self.values("--build-arg").filter_map(pair).collect()
    }

    /// The values of an option, in one word with it or in the next.
    fn values<'s>(&'s self, option: &'static str) -> impl Iterator<Item = &'s str> {
        let after = self.options.iter().zip(self.options.iter().skip(1));
        let separate = after.filter(move |(word, _)| *word == option).map(|(_, value)| value.as_str());
        let joined = self.options.iter().filter_map(move |word| word.strip_prefix(option)?.strip_prefix('='));
        separate.chain(joined)
    }

    /// What decides what is built, where that is a whole product of the project's own catalogue: not a target of it, and no
    /// question about it.
    pub(crate) fn asked(&self) -> Option<Asked> {
        let catalogue = self.values("--build-context").any(|context| context.starts_with("fragments="));
        if !self.is_product() || catalogue {
            return None;
        }
        let build_args = self.build_args();
        let epoch = || build_args.get(EPOCH).cloned().or_else(|| std::env::var(EPOCH).ok());
        Some(Asked {
            platforms: self.platforms.clone(),
            no_cache: self.no_cache(),
            epoch: epoch().and_then(|seconds| seconds.parse().ok()),
            build_args,
        })
    }

    /// Whether the lock beside the manifest counts.
    #[must_use]
    pub fn follows_lock(&self) -> bool {
        !self.build_args().get("FACTORY_LOCKED").is_some_and(|text| is_off(text))
    }

    /// Whether a whole product is built: not a target of it, and no question about it.
    pub(crate) fn is_product(&self) -> bool {
        const OTHER: [&str; 4] = ["--target", "--call", "--check", "--print"];
        let is = |word: &str, option: &str| {
            word.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        };
        !self.options.iter().any(|word| OTHER.iter().any(|option| is(word, option)))
    }

    fn no_cache(&self) -> NoCache {
        let names = self.values("--no-cache-filter").flat_map(|names| names.split(','));
        let names: Vec<String> = names.map(str::to_owned).collect();
        match self.options.iter().any(|word| word == "--no-cache" || word == "--no-cache=true") {
            true => NoCache::Everything,
            false if names.is_empty() => NoCache::Nothing,
            false => NoCache::Of(names),
        }
    }
}

/// buildx hands this variable on as a build argument by itself.
const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// A command as one line for a POSIX shell, with the variables it needs in front as comments.
#[must_use]
pub fn shell_line(root: &str, env: &BTreeMap<String, String>, words: &[String]) -> String {
    let mut text = format!("# in {root}\n");
    for (name, value) in env.iter().filter(|(name, _)| *name != "PATH") {
        text.push_str(&format!("# with {name}={}\n", quoted(value)));
    }
    let words: Vec<_> = std::iter::once("docker".to_owned()).chain(words.iter().map(|w| quoted(w))).collect();
    text.push_str(&words.join(" "));
    text.push('\n');
    text
}

fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product() -> Product {
        let text = r#"{"id": "a", "version": "0.1.0", "base": "scratch", "args": {"T": "t"},
            "fragments": [{"name": "f", "version": "1.0.0"}], "product": {"tags": ["dev", "{version}-{arch}"]}}"#;
        let file = llb_gen::text::SourceFile::new("manifests/a.json", text.as_bytes());
        let raw = llb_gen::parse::RawManifest::parse(&file).unwrap();
        let (document, _) = llb_gen::model::Manifest::check(raw).unwrap();
        Product { root: "/p".into(), manifest: "manifests/a.json".into(), document, syntax: None }
    }

    fn line(request: &BuildRequest) -> String {
        request.words(&product(), "linux/amd64").unwrap().join(" ")
    }

    #[test]
    fn a_plain_build_names_file_tags_and_context() {
        let plain = "buildx build --file manifests/a.json --tag a:dev --tag a:0.1.0-amd64 .";
        assert_eq!(line(&BuildRequest::default()), plain);
    }

    #[test]
    fn options_stand_before_the_context_in_their_order() {
        let request = BuildRequest {
            platforms: vec!["linux/amd64".into(), "linux/arm64".into()],
            frontend: Some("r/f:1".into()),
            site_ca: Some("/ca.pem".into()),
            metadata_file: Some("/m.json".into()),
            options: vec!["--no-cache".into(), "--build-arg".into(), "A=b".into()],
            ..BuildRequest::default()
        };
        assert_eq!(
            line(&request),
            "buildx build --file manifests/a.json --tag a:dev --platform linux/amd64,linux/arm64 \
             --build-arg BUILDKIT_SYNTAX=r/f:1 --secret id=factory_ca,src=/ca.pem --metadata-file /m.json \
             --no-cache --build-arg A=b ."
        );
    }

    #[test]
    fn names_of_the_user_replace_the_products() {
        let named = BuildRequest { image_names: vec!["x:1".into()], ..BuildRequest::default() };
        assert_eq!(line(&named), "buildx build --file manifests/a.json --tag x:1 .");
        let local = BuildRequest { no_names: true, ..BuildRequest::default() };
        assert_eq!(line(&local), "buildx build --file manifests/a.json .");
    }

    #[test]
    fn what_decides_what_is_built_is_read_from_the_options() {
        let with = |options: &[&str]| {
            let options = options.iter().map(|one| (*one).to_owned()).collect();
            BuildRequest { options, ..BuildRequest::default() }.asked()
        };
        let asked = with(&["--build-arg=A=b", "--build-arg", "SOURCE_DATE_EPOCH=7", "--no-cache-filter=a,b"])
            .unwrap();
        assert_eq!((asked.build_args["A"].as_str(), asked.epoch), ("b", Some(7)));
        assert_eq!(asked.no_cache, NoCache::Of(vec!["a".into(), "b".into()]));
        assert_eq!(with(&["--no-cache"]).unwrap().no_cache, NoCache::Everything);
        for other in ["--target=x", "--call", "--call=targets", "--check", "--build-context=fragments=x"] {
            assert_eq!(with(&[other]), None, "{other}");
        }
        assert!(with(&["--build-context=files=x"]).is_some());
    }

    #[test]
    fn the_printed_line_survives_a_shell() {
        let env =
            BTreeMap::from([("DOCKER_HOST".to_owned(), "unix:///s".to_owned()), ("PATH".into(), "x".into())]);
        let text = shell_line("/p", &env, &["buildx".into(), "A=it's $HOME".into(), String::new()]);
        assert_eq!(text, "# in /p\n# with DOCKER_HOST=unix:///s\ndocker buildx 'A=it'\\''s $HOME' ''\n");
    }
}
