//! File steps as written.

use jsonc_parser::ast::Value as Json;

use crate::diagnostic::{Diagnostic, Sink};
use crate::model::step::Origin;
use crate::model::{
    AccountName, Commit, Digest, FileMode, FragmentPath, GitUrl, HttpUrl, ImagePath, List, Owner,
    PathPattern, PerPlatform, SourcePath, Text, Value,
};
use crate::parse::decode::Decode;
use crate::parse::node::{Context, Found, Node};
use crate::parse::object::object;
use crate::parse::varying::read_text;
use crate::text::Place;

object! {
    /// Copies files into the image.
    RawCopy {
        /// Where from: `fragment` (its own folder, the default), `context`, `image:REF`, `stage:NAME` or `context:NAME`.
        "from" from: Option<Value<Origin>>,
        /// Which files and folders, with wildcards. Of a folder its contents are copied, as in a Dockerfile.
        "src" src: List<SourcePath>,
        /// Where to. A slash at its end, or several files, make it a folder; folders above are made.
        "dest" dest: Value<ImagePath>,
        /// Owner, by name or number as the image knows it; root by default.
        "chown" chown: Option<Value<Owner>>,
        /// Mode as an octal string; that of the source by default.
        "chmod" chmod: Option<Value<FileMode>>,
        /// Only files that match, for example `**/*.py`.
        "include" include: List<PathPattern>,
        /// No files that match.
        "exclude" exclude: List<PathPattern>,
        /// Keep the folders of `src` below `dest`.
        "parents" parents: Option<PerPlatform<bool>>,
        /// Unpack tar archives (also gzip, bzip2, xz and zstd) among the files.
        "unpack" unpack: Option<PerPlatform<bool>>,
    }
}

object! {
    /// Fetches a file by `url` and `checksum`, or a repository by `git` and `commit`.
    RawAdd {
        /// The address of a download.
        "url" url: Option<Value<HttpUrl>>,
        /// What the download must be; needed with `url`.
        "checksum" checksum: Option<Value<Digest>>,
        /// The address of a git repository.
        "git" git: Option<Value<GitUrl>>,
        /// The full commit; needed with `git`.
        "commit" commit: Option<Value<Commit>>,
        /// A folder of the repository instead of all of it.
        "subdir" subdir: Option<Value<FragmentPath>>,
        /// Keep the repository's `.git` folder.
        "keep_git_dir" keep_git_dir: Option<PerPlatform<bool>>,
        /// Where to. With a slash at its end a folder, in which a download keeps its own name.
        "dest" dest: Value<ImagePath>,
        /// Owner, by name or number as the image knows it; root by default.
        "chown" chown: Option<Value<Owner>>,
        /// Mode as an octal string; 0600 for a download by default, that of the repository for git.
        "chmod" chmod: Option<Value<FileMode>>,
        /// Unpack the downloaded archive.
        "unpack" unpack: Option<PerPlatform<bool>>,
        /// Only files of the repository that match.
        "include" include: List<PathPattern>,
        /// No files of the repository that match.
        "exclude" exclude: List<PathPattern>,
    }
}

object! {
    /// Writes a small file.
    RawFile {
        /// Where; folders above are made.
        "path" path: Value<ImagePath>,
        /// The content, as a text or as a list of lines. Taken as it is unless `expand` is set.
        "content" content: PerPlatform<Content>,
        /// Replace `${NAME}` in the content.
        "expand" expand: Option<bool>,
        /// Owner, by name or number as the image knows it; root by default.
        "chown" chown: Option<Value<Owner>>,
        /// Mode as an octal string; 0644 by default.
        "chmod" chmod: Option<Value<FileMode>>,
    }
}

/// The content of a file: as it is, and (where that can be read) with its `${…}`.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) plain: String,
    pub(crate) expanding: Result<Text, Diagnostic>,
    pub(crate) place: Place,
}

impl Decode for Content {
    const FORM: &'static str = "a string, or an array of lines";

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let place = cx.place(node);
        let (plain, expanding) = match node {
            Json::StringLit(string) => (string.value.clone().into_owned(), quietly(node, &string.value, cx)),
            Json::Array(array) => lines(&array.elements, cx)?,
            _ => return cx.wrong_type(node, Self::FORM),
        };
        Some(Self { plain, expanding, place })
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        crate::schema::one_or_list(crate::schema::plain_text::<String>(generator))
    }
}

/// A text for each line, with a line feed after every one.
fn lines(items: &[Json<'_>], cx: &mut Context<'_>) -> Option<(String, Result<Text, Diagnostic>)> {
    let (mut plain, mut texts, mut failed) = (String::new(), Vec::new(), None);
    for item in items {
        let Json::StringLit(line) = item else { return cx.wrong_type(item, "a line of text") };
        plain.push_str(&line.value);
        plain.push('\n');
        match quietly(item, &line.value, cx) {
            Ok(text) => texts.push(text),
            Err(fault) => failed = failed.or(Some(fault)),
        }
    }
    Some((plain, failed.map_or_else(|| Ok(Text::lines(texts)), Err)))
}

/// Reads `${…}`, keeping a fault for later: it only matters where the content is expanded.
fn quietly(node: Node<'_, '_>, decoded: &str, cx: &mut Context<'_>) -> Result<Text, Diagnostic> {
    let mut sink = Sink::default();
    let mut found = Found::default();
    let mut own =
        Context { file: cx.file, text: cx.text, member: cx.member, sink: &mut sink, found: &mut found };
    let text = read_text(node, decoded, &mut own);
    text.ok_or_else(|| {
        sink.first().unwrap_or_else(|| Diagnostic::error("invalid-expansion", &cx.place(node), "malformed"))
    })
}

object! {
    /// Makes folders, with those above them.
    RawMkdir {
        /// One folder or a list.
        "path" path: List<ImagePath>,
        /// Owner of the folders, by name or number as the image knows it; root by default.
        "chown" chown: Option<Value<Owner>>,
        /// Mode as an octal string; 0755 by default.
        "chmod" chmod: Option<Value<FileMode>>,
    }
}

object! {
    /// Makes a symbolic link.
    RawSymlink {
        /// Where the link is made; folders above are made.
        "path" path: Value<ImagePath>,
        /// Where it points: absolute, or relative to the link's folder.
        "target" target: Value<String>,
        /// Owner of the link itself; root by default.
        "chown" chown: Option<Value<Owner>>,
    }
}

object! {
    /// Removes files and folders.
    RawRemove {
        /// One path or a list, with wildcards.
        "path" path: List<ImagePath>,
        /// Whether it is fine that nothing is there; an error by default.
        "missing_ok" missing_ok: Option<PerPlatform<bool>>,
    }
}

object! {
    /// Creates a user, a group or both, without a shell or a program of the image.
    RawUser {
        /// The user. Without it only the `group` is created.
        "name" name: Option<Value<AccountName>>,
        /// The user's number; the next free one by default.
        "uid" uid: Option<PerPlatform<u32>>,
        /// The user's primary group, created if it does not exist; one with the user's name by default.
        "group" group: Option<Value<AccountName>>,
        /// The number of a group that is created; the user's number by default.
        "gid" gid: Option<PerPlatform<u32>>,
        /// Further groups of the user, which must exist.
        "groups" groups: List<AccountName>,
        /// The home folder; `/home/NAME` by default.
        "home" home: Option<Value<ImagePath>>,
        /// Whether the home folder is made; yes by default, no for a system account.
        "create_home" create_home: Option<PerPlatform<bool>>,
        /// The login shell; `/bin/sh` by default, `/usr/sbin/nologin` for a system account.
        "shell" shell: Option<Value<ImagePath>>,
        /// A system account, with a number from the system range.
        "system" system: Option<PerPlatform<bool>>,
    }
}
