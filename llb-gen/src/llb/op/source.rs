//! Source ops: filesystems from outside the graph.
//!
//! Identifier schemes and attribute names: `source/types` and `solver/pb/attr.go` of BuildKit.

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;

use super::inputs::Inputs;
use crate::llb::vertex::{Edge, OutputIndex, Vertex};
use crate::llb::{Cap, Meta, Platform, State};

/// The parts that all sources share.
#[derive(Clone, Debug)]
struct Source {
    identifier: String,
    attrs: BTreeMap<String, String>,
    platform: Option<Platform>,
    caps: Vec<Cap>,
    meta: Meta,
}

impl Source {
    fn new(identifier: String, caps: impl IntoIterator<Item = Cap>) -> Self {
        let caps = caps.into_iter().collect();
        Self { identifier, attrs: BTreeMap::new(), platform: None, caps, meta: Meta::default() }
    }

    fn attr(&mut self, key: &str, value: impl Into<String>, cap: Option<Cap>) {
        self.attrs.insert(key.to_owned(), value.into());
        self.caps.extend(cap);
    }

    fn op(&self) -> pb::SourceOp {
        pb::SourceOp { identifier: self.identifier.clone(), attrs: self.attrs.clone() }
    }

    fn state(self) -> State {
        let op = pb::Op {
            op: Some(pb::op::Op::Source(self.op())),
            platform: self.platform.as_ref().map(Platform::to_pb),
            ..pb::Op::default()
        };
        let platform_cap = self.platform.is_some().then_some(Cap::PLATFORM);
        let meta = self.meta.with_caps(self.caps.into_iter().chain(platform_cap));
        State::of(Edge { vertex: Vertex::new(Inputs::default(), op, meta), output: OutputIndex::ROOT })
    }
}

/// A source that the daemon itself answered with, after a source policy has put it in the place of another.
pub fn rewritten(op: &pb::SourceOp, platform: Option<Platform>, meta: Meta) -> State {
    let scheme = op.identifier.split("://").next().unwrap_or_default();
    let cap = match scheme {
        "oci-layout" => Cap::SOURCE_OCI_LAYOUT,
        "git" => Cap::SOURCE_GIT,
        "http" | "https" => Cap::SOURCE_HTTP,
        "local" => Cap::SOURCE_LOCAL,
        _ => Cap::SOURCE_IMAGE,
    };
    let mut source = Source::new(op.identifier.clone(), [cap]);
    source.attrs.clone_from(&op.attrs);
    // Of which platform a source is only these ask.
    source.platform = platform.filter(|_| matches!(scheme, "docker-image" | "oci-layout"));
    source.meta = meta;
    source.state()
}

/// How the daemon looks an image up (`image.resolvemode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResolveMode {
    /// The registry first, the local store where it cannot answer.
    #[default]
    Default,
    /// Always the registry.
    ForcePull,
    /// The local store first.
    PreferLocal,
}

impl ResolveMode {
    /// The value on the wire and in the option `image-resolve-mode`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::ForcePull => "pull",
            Self::PreferLocal => "local",
        }
    }
}

/// An image of a registry or of the daemon's store, `docker-image://`.
#[derive(Clone, Debug)]
pub struct Image(Source);

impl Image {
    /// An image by its normalised reference: `docker.io/library/debian:bookworm-slim@sha256:…`.
    pub fn new(reference: &str) -> Self {
        Self(Source::new(format!("docker-image://{reference}"), [Cap::SOURCE_IMAGE]))
    }

    /// Which platform of a multi-platform image; the daemon's own if not said.
    #[must_use]
    pub fn platform(mut self, platform: Platform) -> Self {
        self.0.platform = Some(platform);
        self
    }

    /// How the image is looked up.
    #[must_use]
    pub fn resolve_mode(mut self, mode: ResolveMode) -> Self {
        if mode != ResolveMode::Default {
            self.0.attr("image.resolvemode", mode.as_str(), Some(Cap::SOURCE_IMAGE_RESOLVE_MODE));
        }
        self
    }

    /// Only the first `layers` layers of the image.
    #[must_use]
    pub fn layer_limit(mut self, layers: u32) -> Self {
        self.0.attr("image.layerlimit", layers.to_string(), Some(Cap::SOURCE_IMAGE_LAYER_LIMIT));
        self
    }

    /// What is said about the op.
    #[must_use]
    pub fn meta(mut self, meta: Meta) -> Self {
        self.0.meta = meta;
        self
    }

    /// The op alone, as `ResolveSourceMeta` takes it.
    pub fn to_pb(&self) -> pb::SourceOp {
        self.0.op()
    }

    /// The image's filesystem.
    pub fn state(self) -> State {
        self.0.state()
    }
}

/// An image in an OCI layout of the client, `oci-layout://`.
#[derive(Clone, Debug)]
pub struct OciLayout(Source);

impl OciLayout {
    /// An image of a content store of the client's session. `name` is what errors show; `digest` picks the manifest.
    pub fn new(name: &str, digest: &str, session: &str, store: &str) -> Self {
        let mut source = Source::new(format!("oci-layout://{name}@{digest}"), [Cap::SOURCE_OCI_LAYOUT]);
        source.attr("oci.session", session, None);
        source.attr("oci.store", store, None);
        Self(source)
    }

    /// Which platform of a multi-platform image.
    #[must_use]
    pub fn platform(mut self, platform: Platform) -> Self {
        self.0.platform = Some(platform);
        self
    }

    /// What is said about the op.
    #[must_use]
    pub fn meta(mut self, meta: Meta) -> Self {
        self.0.meta = meta;
        self
    }

    /// The op alone, as `ResolveSourceMeta` takes it.
    pub fn to_pb(&self) -> pb::SourceOp {
        self.0.op()
    }

    /// The image's filesystem.
    pub fn state(self) -> State {
        self.0.state()
    }
}

/// How the receiver of a local transfer decides that a file is unchanged (`local.differ`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Differ {
    /// By size, time, mode, owner and link target: cheap, the default.
    #[default]
    Metadata,
    /// Never: everything is sent again. For small control files, which change within a second and a size.
    None,
}

/// A folder of the client, `local://`.
///
/// Its cache key is random: a local source must only ever be copied from or mounted read-only, never be the root of an
/// exec or what a file op, a merge or a diff works on.
#[derive(Clone, Debug)]
pub struct Local(Source);

impl Local {
    /// The folder that the client gave this name, taken from one session.
    pub fn new(name: &str, session: &str) -> Self {
        let mut source = Source::new(format!("local://{name}"), [Cap::SOURCE_LOCAL]);
        source.attr("local.session", session, Some(Cap::SOURCE_LOCAL_SESSION));
        Self(source)
    }

    /// Transfers these paths alone, following symlinks along them; missing ones are not an error. None, or one that is the
    /// root, means everything.
    #[must_use]
    pub fn follow_paths<S: AsRef<str>>(self, paths: impl IntoIterator<Item = S>) -> Self {
        self.list("local.followpaths", paths, Cap::SOURCE_LOCAL_FOLLOW)
    }

    /// Transfers what matches these patterns (`.dockerignore` syntax).
    #[must_use]
    pub fn include<S: AsRef<str>>(self, patterns: impl IntoIterator<Item = S>) -> Self {
        self.list("local.includepattern", patterns, Cap::SOURCE_LOCAL_INCLUDE)
    }

    /// Leaves out what matches these patterns (`.dockerignore` syntax, order matters).
    #[must_use]
    pub fn exclude<S: AsRef<str>>(self, patterns: impl IntoIterator<Item = S>) -> Self {
        self.list("local.excludepatterns", patterns, Cap::SOURCE_LOCAL_EXCLUDE)
    }

    /// Part of the key under which the daemon keeps the transferred files for the next build. Sources of one name with
    /// different filters need different hints, or they evict one another's files.
    #[must_use]
    pub fn shared_key_hint(mut self, hint: &str) -> Self {
        self.0.attr("local.sharedkeyhint", hint, Some(Cap::SOURCE_LOCAL_SHARED_KEY_HINT));
        self
    }

    /// How unchanged files are recognised.
    #[must_use]
    pub fn differ(mut self, differ: Differ) -> Self {
        if differ == Differ::None {
            self.0.attr("local.differ", "none", Some(Cap::SOURCE_LOCAL_DIFFER));
        }
        self
    }

    /// What is said about the op.
    #[must_use]
    pub fn meta(mut self, meta: Meta) -> Self {
        self.0.meta = meta;
        self
    }

    /// The folder's filesystem.
    pub fn state(self) -> State {
        self.0.state()
    }

    fn list<S: AsRef<str>>(mut self, key: &str, items: impl IntoIterator<Item = S>, cap: Cap) -> Self {
        let items: Vec<S> = items.into_iter().collect();
        if !items.is_empty() {
            self.0.attr(key, json_array(&items), Some(cap));
        }
        self
    }
}

/// A JSON array of strings exactly as Go's encoder writes it: equal attributes make equal vertices, so a transfer that the
/// built-in frontend has made in the same build is not made again.
fn json_array<S: AsRef<str>>(items: &[S]) -> String {
    let mut text = String::from("[");
    for (at, item) in items.iter().enumerate() {
        text.push_str(if at == 0 { "\"" } else { ",\"" });
        item.as_ref().chars().for_each(|c| push_go_json_char(c, &mut text));
        text.push('"');
    }
    text.push(']');
    text
}

fn push_go_json_char(c: char, text: &mut String) {
    match c {
        '"' => text.push_str("\\\""),
        '\\' => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        '\u{8}' => text.push_str("\\b"),
        '\u{c}' => text.push_str("\\f"),
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        }
        other => text.push(other),
    }
}

/// A git repository, `git://`.
#[derive(Clone, Debug)]
pub struct Git(Source);

impl Git {
    /// A repository by its full URL. The identifier leaves the protocol out, so that the same repository over https and ssh
    /// is one source; `reference` is a branch, tag or commit, `subdir` a folder in it.
    pub fn new(url: &str, reference: Option<&str>, subdir: Option<&str>) -> Self {
        let host_and_path = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host_and_path = host_and_path.rsplit_once('@').map_or(host_and_path, |(_, rest)| rest);
        let mut identifier = format!("git://{host_and_path}");
        if reference.is_some() || subdir.is_some() {
            identifier.push('#');
            identifier.push_str(reference.unwrap_or_default());
        }
        let mut caps = vec![Cap::SOURCE_GIT];
        if let Some(subdir) = subdir {
            identifier.push(':');
            identifier.push_str(subdir);
            caps.push(Cap::SOURCE_GIT_SUBDIR);
        }
        let mut source = Source::new(identifier, caps);
        source.attr("git.fullurl", url, Some(Cap::SOURCE_GIT_FULL_URL));
        source.attr("git.authtokensecret", "GIT_AUTH_TOKEN", Some(Cap::SOURCE_GIT_HTTP_AUTH));
        source.attr("git.authheadersecret", "GIT_AUTH_HEADER", Some(Cap::SOURCE_GIT_HTTP_AUTH));
        Self(source)
    }

    /// The commit that the reference must resolve to, or a prefix of it.
    #[must_use]
    pub fn checksum(mut self, commit: &str) -> Self {
        self.0.attr("git.checksum", commit, Some(Cap::SOURCE_GIT_CHECKSUM));
        self
    }

    /// Keeps the `.git` folder.
    #[must_use]
    pub fn keep_git_dir(mut self) -> Self {
        self.0.attr("git.keepgitdir", "true", Some(Cap::SOURCE_GIT_KEEP_DIR));
        self
    }

    /// Leaves the submodules out.
    #[must_use]
    pub fn skip_submodules(mut self) -> Self {
        self.0.attr("git.skipsubmodules", "true", Some(Cap::SOURCE_GIT_SKIP_SUBMODULES));
        self
    }

    /// The time that files get: `commit`, or `checkout`, the daemon's own way.
    #[must_use]
    pub fn mtime(mut self, policy: &str) -> Self {
        self.0.attr("git.mtime", policy, Some(Cap::SOURCE_GIT_MTIME));
        self
    }

    /// Fetches the commit of [`Git::checksum`] whatever the reference leads to.
    #[must_use]
    pub fn fetch_by_commit(mut self) -> Self {
        self.0.attr("git.fetchbycommit", "true", Some(Cap::SOURCE_GIT_FETCH_BY_COMMIT));
        self
    }

    /// Fetches over ssh through the client's agent of this id.
    #[must_use]
    pub fn ssh(mut self, id: &str) -> Self {
        self.0.attr("git.mountsshsock", id, Some(Cap::SOURCE_GIT_MOUNT_SSH_SOCK));
        self
    }

    /// Host keys to trust, in `known_hosts` form.
    #[must_use]
    pub fn known_ssh_hosts(mut self, hosts: &str) -> Self {
        self.0.attr("git.knownsshhosts", hosts, Some(Cap::SOURCE_GIT_KNOWN_SSH_HOSTS));
        self
    }

    /// What is said about the op.
    #[must_use]
    pub fn meta(mut self, meta: Meta) -> Self {
        self.0.meta = meta;
        self
    }

    /// The op alone, as `ResolveSourceMeta` takes it.
    pub fn to_pb(&self) -> pb::SourceOp {
        self.0.op()
    }

    /// The working tree.
    pub fn state(self) -> State {
        self.0.state()
    }
}

/// A file of the web, `http://` or `https://`.
#[derive(Clone, Debug)]
pub struct Http(Source);

impl Http {
    /// What a URL answers, as one file in an otherwise empty filesystem.
    pub fn new(url: &str) -> Self {
        Self(Source::new(url.to_owned(), [Cap::SOURCE_HTTP]))
    }

    /// The digest that the content must have, `sha256:…`.
    #[must_use]
    pub fn checksum(mut self, digest: &str) -> Self {
        self.0.attr("http.checksum", digest, Some(Cap::SOURCE_HTTP_CHECKSUM));
        self
    }

    /// The file's name; by default the server's or the URL's last part.
    #[must_use]
    pub fn filename(mut self, name: &str) -> Self {
        self.0.attr("http.filename", name, None);
        self
    }

    /// The file's permission bits; 0600 if not said.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.0.attr("http.perm", format!("0{mode:o}"), Some(Cap::SOURCE_HTTP_PERM));
        self
    }

    /// The file's owner; root if not said.
    #[must_use]
    pub fn owner(mut self, uid: u32, gid: u32) -> Self {
        self.0.attr("http.uid", uid.to_string(), Some(Cap::SOURCE_HTTP_UIDGID));
        self.0.attr("http.gid", gid.to_string(), Some(Cap::SOURCE_HTTP_UIDGID));
        self
    }

    /// What is said about the op.
    #[must_use]
    pub fn meta(mut self, meta: Meta) -> Self {
        self.0.meta = meta;
        self
    }

    /// The op alone, as `ResolveSourceMeta` takes it.
    pub fn to_pb(&self) -> pb::SourceOp {
        self.0.op()
    }

    /// The filesystem with the file.
    pub fn state(self) -> State {
        self.0.state()
    }
}
