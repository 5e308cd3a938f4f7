//! Where the files of a build come from: the main context and the named ones.

use std::collections::BTreeMap;

use llb_gen::model::{Digest, ImageRef};

use super::git::GitContext;
use super::reader::Reader;
use super::value::boolean;

/// Where the main context comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MainContext {
    /// A directory of the client, unless the client hands the context in as an input.
    Local,
    /// A git repository.
    Git(GitContext),
    /// A file of the web: an archive, or the manifest itself.
    Http(String),
}

/// A context that the client gave a name, by `--build-context NAME=…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedContext {
    /// An image, which replaces the one that is called so.
    Image(ImageRef),
    /// The empty filesystem.
    Scratch,
    /// An image in an OCI layout of the client.
    OciLayout {
        /// The client's name for the layout.
        store: String,
        /// The image in it.
        digest: Digest,
    },
    /// A directory of the client, by the name under which it is sent.
    Local(String),
    /// A git repository.
    Git(GitContext),
    /// A file of the web, as it is.
    Http(String),
    /// What another build made, by the name under which it is handed in.
    Input(String),
}

/// Everything about contexts that options say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contexts {
    /// The main context.
    pub main: MainContext,
    /// The folder of a main context that is not local, of which alone the context consists.
    pub subdir: Option<String>,
    /// The local source that holds the definition, where the client insists on one.
    pub definition: Option<String>,
    /// Named contexts, by their name (with `::platform` where it is for one platform only).
    pub named: BTreeMap<String, NamedContext>,
    /// Metadata of inputs, by their name.
    pub input_metadata: BTreeMap<String, String>,
    /// Suffixes of transfer keys, by the local source's name.
    pub shared_keys: BTreeMap<String, String>,
    /// Sessions that hold a local source, by its name, where it is not the build's own.
    pub sessions: BTreeMap<String, String>,
}

impl Contexts {
    pub(super) fn read(options: &mut Reader) -> Self {
        let key = options.filled("contextkey").unwrap_or_else(|| "context".to_owned());
        Self {
            main: main_context(options, &key),
            subdir: options.value("contextsubdir", subdir),
            definition: options.filled("dockerfilekey"),
            named: named_contexts(options),
            input_metadata: options.group("input-metadata:"),
            shared_keys: options.group("sharedkey:localdir:"),
            sessions: options.group("local-sessionid:"),
        }
    }

    /// The local source, or the input, that holds the definition.
    pub fn definition_name(&self) -> &str {
        self.definition.as_deref().unwrap_or("dockerfile")
    }

    /// The named context that stands for `name` on `platform` (in its normalised form).
    pub fn lookup(&self, name: &str, platform: &str) -> Option<&NamedContext> {
        self.named.get(&format!("{name}::{platform}")).or_else(|| self.named.get(name))
    }
}

fn main_context(options: &mut Reader, key: &str) -> MainContext {
    const KEEP: &str = "build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR";
    let keep = options.value(KEEP, boolean).unwrap_or(false);
    let Some(text) = options.filled(key) else { return MainContext::Local };
    match GitContext::parse(&text) {
        Some(parsed) => match options.keep(key, parsed) {
            Some(git) => MainContext::Git(GitContext { keep_git_dir: git.keep_git_dir || keep, ..git }),
            None => MainContext::Local,
        },
        None if is_web(&text) => MainContext::Http(text),
        None => MainContext::Local,
    }
}

fn is_web(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

fn subdir(text: &str) -> Result<String, String> {
    match text.split('/').any(|part| part == "..") {
        true => Err(format!("`{text}` leads out of the context")),
        false => Ok(text.trim_matches('/').to_owned()),
    }
}

fn named_contexts(options: &mut Reader) -> BTreeMap<String, NamedContext> {
    let mut named = BTreeMap::new();
    for (name, uri) in options.group("context:") {
        let parsed = named_context(&uri);
        if let Some(context) = options.keep(&format!("context:{name}"), parsed) {
            named.insert(name, context);
        }
    }
    named
}

fn named_context(uri: &str) -> Result<NamedContext, String> {
    if let Some(git) = GitContext::parse(uri).filter(|_| !uri.starts_with("github.com/")) {
        return git.map(NamedContext::Git);
    }
    if is_web(uri) {
        return Ok(NamedContext::Http(uri.to_owned()));
    }
    let (scheme, rest) =
        uri.split_once(':').ok_or_else(|| format!("`{uri}` has no scheme such as `docker-image://`"))?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    match scheme {
        "docker-image" if rest == "scratch" => Ok(NamedContext::Scratch),
        "docker-image" => rest.parse().map(NamedContext::Image).map_err(|fault| format!("{fault}")),
        "oci-layout" => oci_layout(rest),
        "local" | "input" if rest.is_empty() => Err(format!("`{scheme}:` needs a name")),
        "local" => Ok(NamedContext::Local(rest.to_owned())),
        "input" => Ok(NamedContext::Input(rest.to_owned())),
        other => Err(format!("contexts of the kind `{other}:` are unknown")),
    }
}

/// `STORE[:tag]@sha256:…`.
fn oci_layout(rest: &str) -> Result<NamedContext, String> {
    let (name, digest) =
        rest.split_once('@').ok_or("an OCI layout needs a digest, `oci-layout://NAME@sha256:…`")?;
    let digest = digest.parse().map_err(|fault| format!("{fault}"))?;
    let store = name.rsplit_once(':').map_or(name, |(store, _)| store).to_owned();
    Ok(NamedContext::OciLayout { store, digest })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn named_contexts_are_told_apart_by_scheme() {
        let image = |text: &str| NamedContext::Image(text.parse().unwrap());
        let layout = NamedContext::OciLayout { store: "st".into(), digest: DIGEST.parse().unwrap() };
        let git = NamedContext::Git(GitContext { url: "https://x.org/y.git".into(), ..Default::default() });
        let table = [
            ("docker-image://alpine:3.20", image("alpine:3.20")),
            ("docker-image:alpine", image("alpine:latest")),
            ("docker-image://scratch", NamedContext::Scratch),
            ("local:fragments", NamedContext::Local("fragments".into())),
            ("input:x::linux/amd64", NamedContext::Input("x::linux/amd64".into())),
            ("https://x.org/y.git", git),
            ("https://x.org/y.tar", NamedContext::Http("https://x.org/y.tar".into())),
            (&format!("oci-layout://st:tag@{DIGEST}"), layout),
        ];
        for (uri, expected) in table {
            assert_eq!(named_context(uri), Ok(expected), "{uri}");
        }
        for wrong in
            ["alpine", "local:", "oci-layout://x", "ftp://x", "docker-image://A b", "oci-layout://x@sha256:1"]
        {
            assert!(named_context(wrong).is_err(), "{wrong}");
        }
    }
}
