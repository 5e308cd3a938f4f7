//! A case: files, a fragment, and the Dockerfile to compare it with.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use factory_tests::oci::OciImage;
use factory_tests::tree::Ignore;
use factory_tests::{BuildOptions, BuildOutcome, Project};
use serde_json::{Value, json};

use crate::bases::Base;
use crate::differences::Known;

/// The fragment that a case is about.
const FRAGMENT: &str = "only";
/// Its folder.
const FOLDER: &str = "fragments/only/0.1.0";

/// One comparison, not yet made.
#[derive(Debug)]
pub(crate) struct Case {
    base: Base,
    files: Vec<(String, Node)>,
    fragment: Value,
    above: Option<Value>,
    manifest: Value,
    options: BuildOptions,
    their_words: Vec<String>,
    targets: Option<(String, String)>,
    named_context: bool,
}

/// What lies at a path of the source.
#[derive(Debug)]
enum Node {
    File(Vec<u8>),
    Link(String),
    HardLink(String),
    Folder,
    Mode(u32),
}

/// A case with a fragment on `base`.
pub(crate) fn on(base: Base) -> Case {
    Case {
        base,
        files: Vec::new(),
        fragment: json!({}),
        above: None,
        manifest: json!({}),
        options: BuildOptions::oci(),
        their_words: Vec::new(),
        targets: None,
        named_context: false,
    }
}

impl Case {
    /// A file of the fragment, and of the Dockerfile's context.
    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.node(path, Node::File(content.as_ref().to_owned()))
    }

    /// Several files, each with its own path as content.
    pub(crate) fn files(self, paths: &[&str]) -> Self {
        paths.iter().fold(self, |case, path| case.file(path, format!("this is {path}\n")))
    }

    /// A symbolic link.
    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        self.node(path, Node::Link(target.to_owned()))
    }

    /// A second name of an earlier file.
    pub(crate) fn hard_link(self, path: &str, of: &str) -> Self {
        self.node(path, Node::HardLink(of.to_owned()))
    }

    /// An empty folder.
    pub(crate) fn folder(self, path: &str) -> Self {
        self.node(path, Node::Folder)
    }

    /// The mode of an earlier file or folder.
    pub(crate) fn mode(self, path: &str, mode: u32) -> Self {
        self.node(path, Node::Mode(mode))
    }

    fn node(mut self, path: &str, node: Node) -> Self {
        self.files.push((path.to_owned(), node));
        self
    }

    /// The files are not the fragment's but those of the named context `files`.
    pub(crate) fn named_context(mut self) -> Self {
        self.named_context = true;
        self
    }

    /// One step.
    pub(crate) fn step(self, step: Value) -> Self {
        self.steps(json!([step]))
    }

    /// The fragment's steps.
    pub(crate) fn steps(self, steps: Value) -> Self {
        self.fragment(json!({"steps": steps}))
    }

    /// Members of the fragment, over those that were said before.
    pub(crate) fn fragment(mut self, members: Value) -> Self {
        let (Value::Object(own), Value::Object(more)) = (&mut self.fragment, members) else { unreachable!() };
        own.extend(more);
        self
    }

    /// The fragment's config.
    pub(crate) fn config(self, config: Value) -> Self {
        self.fragment(json!({"config": config}))
    }

    /// A second fragment, built on the first.
    pub(crate) fn above(mut self, members: Value) -> Self {
        self.above = Some(members);
        self
    }

    /// Members of the manifest.
    pub(crate) fn manifest(mut self, members: Value) -> Self {
        self.manifest = members;
        self
    }

    /// A build argument of both builds.
    pub(crate) fn build_arg(mut self, name: &str, value: &str) -> Self {
        self.options = self.options.build_arg(name, value);
        self
    }

    /// Words for the client in both builds.
    pub(crate) fn words(mut self, words: &[&str]) -> Self {
        self.options = self.options.words(words);
        self
    }

    /// Words for the client in the Dockerfile's build, where only the fragment language has a member for something.
    pub(crate) fn their_words(mut self, words: &[&str]) -> Self {
        self.their_words.extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// The target of each build.
    pub(crate) fn targets(mut self, ours: &str, theirs: &str) -> Self {
        self.targets = Some((ours.to_owned(), theirs.to_owned()));
        self
    }

    /// Builds both and checks that they come out the same. A Dockerfile without `FROM` begins on the case's base.
    #[track_caller]
    pub(crate) fn like(self, dockerfile: &str) {
        self.compare(dockerfile, &[]);
    }

    /// As [`Case::like`], with a documented difference that shows in exactly these lines.
    #[track_caller]
    pub(crate) fn unlike(self, _why: Known, dockerfile: &str, differences: &[&str]) {
        assert!(!differences.is_empty(), "a difference that does not show is none");
        self.compare(dockerfile, differences);
    }

    #[track_caller]
    fn compare(self, dockerfile: &str, expected: &[&str]) {
        let (ours, theirs) = self.build(dockerfile);
        let (ours, theirs) = (ours.succeeded().image(), theirs.succeeded().image());
        assert_eq!(
            ours.history_with_layers(),
            ours.layer_digests().len(),
            "the history has an entry for each layer"
        );
        let found = differences(&ours, &theirs);
        assert_eq!(found, expected, "differences (the fragment's | the Dockerfile's)");
    }

    /// Both builds fail, each with its own phrase.
    #[track_caller]
    pub(crate) fn both_fail(mut self, dockerfile: &str, ours: &str, theirs: &str) {
        self.options.output = factory_tests::Output::CacheOnly;
        let (own, their) = self.build(dockerfile);
        assert_says(&own.failed(), ours, "the fragment");
        assert_says(&their.failed(), theirs, "the Dockerfile");
    }

    /// A documented difference: the Dockerfile builds, the fragment is refused with this phrase.
    #[track_caller]
    pub(crate) fn refused(mut self, _why: Known, dockerfile: &str, phrase: &str) {
        self.options.output = factory_tests::Output::CacheOnly;
        let (ours, theirs) = self.build(dockerfile);
        let _ = theirs.succeeded();
        assert_says(&ours.failed(), phrase, "the fragment");
    }

    /// A documented difference: the fragment builds, and is what the second Dockerfile makes; the first one fails.
    #[track_caller]
    pub(crate) fn accepted(self, _why: Known, failing: &str, phrase: &str, instead: &str) {
        let (_, theirs) = self.build(failing);
        assert_says(&theirs.failed(), phrase, "the Dockerfile");
        self.compare(instead, &[]);
    }

    fn build(&self, dockerfile: &str) -> (BuildOutcome, BuildOutcome) {
        let own = self.own_project();
        let mut options = self.options.clone();
        options.target = self.targets.as_ref().map(|(own, _)| own.clone());
        if self.named_context {
            options = options.words(&["--build-context", "files=files"]);
        }
        let ours = own.build(&options);
        let their = self.their_project(dockerfile);
        let mut options = self.options.clone();
        options.words.extend(self.their_words.iter().cloned());
        options.target = self.targets.as_ref().map(|(_, their)| their.clone());
        (ours, their.dockerfile_build("Dockerfile", &options))
    }

    fn own_project(&self) -> Project {
        let written = |value: &Value| -> Value {
            serde_json::from_str(&Base::written_out(&value.to_string())).unwrap()
        };
        let mut fragments = vec![(FRAGMENT, written(&self.fragment))];
        fragments.extend(self.above.as_ref().map(|members| ("above", written(members))));
        let project = Project::new(self.base.reference(), &fragments);
        project.amend_manifest(written(&self.manifest));
        self.write_files(&project, if self.named_context { "files" } else { FOLDER });
        project
    }

    fn their_project(&self, dockerfile: &str) -> Project {
        let project = Project::empty();
        let starts_itself = dockerfile.lines().any(|line| line.starts_with("FROM "));
        let from = if starts_itself { String::new() } else { format!("FROM {}\n", self.base.reference()) };
        self.write_files(&project, ".");
        project.write("Dockerfile", from + &Base::written_out(dockerfile) + "\n");
        project.write(".dockerignore", "Dockerfile\n.dockerignore\n");
        project
    }

    fn write_files(&self, project: &Project, folder: &str) {
        fs::create_dir_all(project.path(folder)).unwrap();
        for (path, node) in &self.files {
            let place = format!("{folder}/{path}");
            match node {
                Node::File(content) => {
                    project.write(&place, content).chmod(&place, 0o644);
                }
                Node::Link(target) => {
                    project.link(&place, target);
                }
                Node::HardLink(of) => {
                    fs::hard_link(project.path(&format!("{folder}/{of}")), project.path(&place)).unwrap();
                }
                Node::Folder => fs::create_dir_all(project.path(&place)).unwrap(),
                Node::Mode(mode) => {
                    fs::set_permissions(project.path(&place), fs::Permissions::from_mode(*mode)).unwrap();
                }
            }
        }
    }
}

#[track_caller]
fn assert_says(outcome: &BuildOutcome, phrase: &str, who: &str) {
    let vertices = outcome.progress.vertices.iter();
    let vertices: String =
        vertices.map(|one| format!("{}\n{}", one.error.as_deref().unwrap_or(""), one.log)).collect();
    let said = format!("{}\n{vertices}", outcome.message);
    assert!(said.contains(phrase), "{who} does not say `{phrase}`:\n{said}");
}

/// Everything in which two images differ, in lines: files first, then the config.
fn differences(ours: &OciImage, theirs: &OciImage) -> Vec<String> {
    let files = ours.filesystem().diff(&theirs.filesystem(), &Ignore::mtimes());
    let files = files.iter().map(ToString::to_string);
    let (one, two) = (facts(ours), facts(theirs));
    let names = one.keys().chain(two.keys()).collect::<std::collections::BTreeSet<_>>();
    let shown = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), ToString::to_string);
    let config = names.into_iter().filter(|name| one.get(*name) != two.get(*name));
    let config = config.map(|name| format!("{name}: {} | {}", shown(one.get(name)), shown(two.get(name))));
    files.chain(config).collect()
}

/// What an image says about itself. What is empty says as much as what is not there, and what is no longer part of the
/// format is left out.
fn facts(image: &OciImage) -> serde_json::Map<String, Value> {
    let json = image.config_json();
    let mut facts = json["config"].as_object().cloned().unwrap_or_default();
    for name in ["architecture", "os", "variant"] {
        facts.insert(name.to_owned(), json[name].clone());
    }
    facts.remove("ArgsEscaped");
    facts.retain(|_, value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(flag) => *flag,
        Value::Number(_) => true,
    });
    facts
}
