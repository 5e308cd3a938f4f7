//! The client's own files: which of them are asked for, under which keys.
//!
//! Every filter has a shared-key hint of its own, because two filters under one key evict one another's files.
//! Control files are never compared by size and time (`differ=none`): an edit may keep both.

use llb_gen::llb::Meta;
use llb_gen::llb::source::{Differ, Local};

use crate::folder::Source;
use crate::options::Options;

/// The build context's local source.
pub const CONTEXT: &str = "context";

/// The manifest and its ignore file. The same op as the built-in frontend makes when it looks for the `syntax`
/// member, so that the file is already there and is not sent twice.
pub fn definition(options: &Options) -> Source {
    let (name, file) = (options.contexts.definition_name(), options.filename.as_str());
    let mut paths = vec![file.to_owned(), ignore_file_of(file)];
    paths.extend(lower_case_variant(file));
    let local = control_files(options, name, &paths, name);
    Source::of(&local.meta(Meta::named(format!("[internal] load build definition from {file}"))).state())
}

/// The lock beside the manifest. A transfer of its own at the same time: with it, the manifest's would be another op than the
/// built-in frontend's.
pub fn lock(options: &Options) -> Source {
    let name = options.contexts.definition_name();
    let path = llb_gen::lock::path_of(&options.filename);
    let local = control_files(options, name, std::slice::from_ref(&path), &format!("{name}:lock"));
    Source::of(&local.meta(Meta::named(format!("[internal] load lock {path}"))).state())
}

/// `.dockerignore` of a directory: of the build context, or of a named one.
pub fn ignore_file(options: &Options, name: &str) -> Source {
    let local = control_files(options, name, &[".dockerignore".to_owned()], &format!("{name}-.dockerignore"));
    let title = match name {
        CONTEXT => "[internal] load .dockerignore".to_owned(),
        other => format!("[context {other}] load .dockerignore"),
    };
    Source::of(&local.meta(Meta::named(title)).state())
}

/// The ignore file that belongs to one definition file.
pub fn ignore_file_of(file: &str) -> String {
    format!("{file}.dockerignore")
}

/// `dockerfile` beside `Dockerfile`, which the built-in frontend also takes.
pub fn lower_case_variant(file: &str) -> Option<String> {
    let (folder, base) = file.rsplit_once('/').map_or(("", file), |(folder, base)| (folder, base));
    let separator = if folder.is_empty() { "" } else { "/" };
    (base == "Dockerfile").then(|| format!("{folder}{separator}dockerfile"))
}

/// Small files that say what is built, by their paths.
pub fn control_files(options: &Options, name: &str, paths: &[String], hint: &str) -> Local {
    Local::new(name, options.session_of(name)).follow_paths(paths).shared_key_hint(hint).differ(Differ::None)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bollard_buildkit_proto::pb;

    use super::*;
    use crate::folder::{self, Folder};

    fn options(filename: &str) -> Options {
        let options = BTreeMap::from([("filename".to_owned(), filename.to_owned())]);
        Options::read("SESSION".to_owned(), options).unwrap()
    }

    #[test]
    fn the_definition_is_the_built_in_frontends_own_vertex() {
        let expected = "sha256:572788da8e4fd8ec3731ad68ea395ef3c90ad21e0dd81bc371fc9a94d8696aee";
        assert_eq!(definition(&options("build.json")).vertex(), expected);
    }

    #[test]
    fn only_a_file_called_dockerfile_has_a_lower_case_variant() {
        assert_eq!(lower_case_variant("Dockerfile").as_deref(), Some("dockerfile"));
        assert_eq!(lower_case_variant("a/Dockerfile").as_deref(), Some("a/dockerfile"));
        assert_eq!(lower_case_variant("build.json"), None);
    }

    #[test]
    fn every_filter_has_its_own_key() {
        let options = options("manifests/a.json");
        let hint = |source: &Source| {
            let op: pb::Op = prost::Message::decode(source.definition().def[0].as_slice()).unwrap();
            let Some(pb::op::Op::Source(source)) = op.op else { panic!("no source") };
            source.attrs["local.sharedkeyhint"].clone()
        };
        let context = Folder::Client(CONTEXT.to_owned());
        let files = |purpose| folder::control_files(&options, &context, &["a".into()], purpose, "x");
        let sources =
            [definition(&options), ignore_file(&options, CONTEXT), files("catalogue"), files("siblings")];
        let hints: std::collections::BTreeSet<String> = sources.iter().map(hint).collect();
        assert_eq!(hints.len(), sources.len(), "{hints:?}");
    }
}
