//! The examples of the documentation: what is shown is accepted, and what is a whole fragment is built.
//!
//! A fenced block that begins with ```` ```json ```` is an example. Comments directly before it, which a reader does not see,
//! say what it needs:
//!
//! ```text
//! <!-- files: requirements.txt="idna==3.7\n", /VERSION="1\n" -->   files of the fragment; with a slash, of the context
//! <!-- secrets: token="s3cret" -->                               build secrets
//! <!-- build: base=scratch -->                                   another base than debian:bookworm-slim
//! <!-- build: no — needs a GPU -->                               not built, and why
//! ```

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use factory_tests::{BuildOptions, Lab, Project};
use llb_gen::check::FileState;
use llb_gen::matrix::Plan;
use llb_gen::model::{Fragment, Manifest, Product, Template};
use llb_gen::parse::{RawFragment, RawManifest, RawPlan, RawPolicy, RawTemplate};
use llb_gen::policy::Policy;
use llb_gen::text::SourceFile;
use serde_json::{Value, json};

/// What a fragment is built on where the example does not say.
const BASE: &str = "debian:bookworm-slim";
/// The actions that a step can have.
const ACTIONS: [&str; 10] =
    ["run", "apt", "pip", "copy", "add", "file", "mkdir", "symlink", "remove", "user"];

/// One block, with what its comments say.
#[derive(Debug)]
struct Example {
    /// `docs/fragments.md:17`, the line on which the block begins.
    place: String,
    text: String,
    json: Value,
    files: Vec<(String, String)>,
    secrets: Vec<(String, String)>,
    base: String,
    /// Why it is not built.
    unbuilt: Option<String>,
}

/// What a block shows.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Fragment,
    Manifest,
    Template,
    Plan,
    Policy,
    Step,
    /// Something of another format, such as a file of the step wrapper.
    Other,
}

impl Example {
    fn kind(&self) -> Kind {
        let has = |member: &str| self.json.get(member).is_some();
        match () {
            () if self.json["$schema"].as_str().is_some_and(|path| path.ends_with("/policy.schema.json")) => {
                Kind::Policy
            }
            () if has("slots") => Kind::Template,
            () if has("matrix") => Kind::Plan,
            () if has("base") && has("id") => Kind::Manifest,
            () if has("name") && has("version") => Kind::Fragment,
            () if !has("version") && ACTIONS.into_iter().any(has) => Kind::Step,
            () => Kind::Other,
        }
    }

    fn word(&self, member: &str) -> &str {
        self.json[member].as_str().unwrap_or_else(|| panic!("{}: `{member}` is a text", self.place))
    }

    /// Where the file would lie: its name has to fit what it says.
    fn path(&self) -> String {
        match self.kind() {
            Kind::Manifest => format!("manifests/{}.json", self.word("id")),
            Kind::Plan => format!("manifests/plans/{}.json", self.word("id")),
            Kind::Template => {
                format!("manifests/templates/{}/{}.json", self.word("id"), self.word("version"))
            }
            Kind::Fragment => format!("{}/fragment.json", self.folder()),
            Kind::Policy | Kind::Step | Kind::Other => self.place.clone(),
        }
    }

    /// Where the fragment lies in its catalogue.
    fn folder(&self) -> String {
        format!("fragments/{}/{}", self.word("name"), self.word("version"))
    }

    /// A manifest for the fragment alone.
    fn manifest(&self) -> Value {
        let fragment = json!({"name": self.word("name"), "version": self.word("version")});
        json!({"base": self.base, "fragments": [fragment]})
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every block of the README and of the pages in `docs/`.
fn examples() -> Vec<Example> {
    let pages = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> =
        pages.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages.iter().flat_map(|page| examples_of(page)).collect()
}

fn examples_of(page: &Path) -> Vec<Example> {
    let text = std::fs::read_to_string(page).unwrap();
    let shown = page.strip_prefix(root()).unwrap().display().to_string();
    let lines: Vec<&str> = text.lines().collect();
    let starts = (0..lines.len()).filter(|at| lines[*at] == "```json");
    starts.map(|at| example(&format!("{shown}:{}", at + 1), &lines[..at], &lines[at + 1..])).collect()
}

fn example(place: &str, before: &[&str], after: &[&str]) -> Example {
    let end = after
        .iter()
        .position(|line| *line == "```")
        .unwrap_or_else(|| panic!("{place}: the block has no end"));
    let text = after[..end].join("\n") + "\n";
    let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{place}: no JSON: {error}"));
    let (files, secrets) = (Vec::new(), Vec::new());
    let mut example =
        Example { place: place.to_owned(), text, json, files, secrets, base: BASE.to_owned(), unbuilt: None };
    for line in before.iter().rev().take_while(|line| line.starts_with("<!-- ")) {
        example.take(line);
    }
    example
}

impl Example {
    fn take(&mut self, comment: &str) {
        let inner = comment.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
        let (what, rest) =
            inner.and_then(|inner| inner.split_once(": ")).unwrap_or_else(|| self.malformed(comment));
        match (what, rest) {
            ("files", files) => self.files = self.texts(files),
            ("secrets", secrets) => self.secrets = self.texts(secrets),
            ("build", build) => match (build.strip_prefix("base="), build.strip_prefix("no — ")) {
                (Some(base), _) => base.clone_into(&mut self.base),
                (_, Some(why)) => self.unbuilt = Some(why.to_owned()),
                _ => self.malformed(comment),
            },
            _ => self.malformed(comment),
        }
    }

    /// `name="text", other="text"`: each text as JSON writes it.
    fn texts(&self, list: &str) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        let mut rest = list;
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=').unwrap_or_else(|| self.malformed(list));
            let mut values = serde_json::Deserializer::from_str(after).into_iter::<String>();
            let value = values.next().and_then(Result::ok).unwrap_or_else(|| self.malformed(list));
            rest = &after[values.byte_offset()..];
            rest = rest.strip_prefix(", ").unwrap_or(rest);
            texts.push((name.to_owned(), value));
        }
        texts
    }

    fn malformed(&self, comment: &str) -> ! {
        panic!("{}: a comment that says nothing: {comment}", self.place)
    }
}

/// Everything that is wrong with an example, warnings included.
fn faults(example: &Example) -> String {
    let file = SourceFile::new(example.path(), example.text.clone().into_bytes());
    let said = match example.kind() {
        Kind::Fragment => return product_faults(example),
        Kind::Manifest => RawManifest::parse(&file).and_then(Manifest::check).map(|(_, warnings)| warnings),
        Kind::Plan => RawPlan::parse(&file).and_then(Plan::check).map(|(_, warnings)| warnings),
        Kind::Policy => RawPolicy::parse(&file).and_then(Policy::check).map(|(_, warnings)| warnings),
        Kind::Template => RawTemplate::parse(&file).and_then(Template::check).map(|(_, warnings)| warnings),
        Kind::Step => {
            let text = json!({"name": "a", "version": "1.0.0", "steps": [example.json]}).to_string();
            let file = SourceFile::new(example.place.clone(), text.into_bytes());
            RawFragment::parse(&file).and_then(Fragment::check).map(|(_, warnings)| warnings)
        }
        Kind::Other => return String::new(),
    };
    shown(
        said.map(|warnings| warnings.iter().map(ToString::to_string).collect())
            .map_err(|faults| faults.to_string()),
    )
}

/// A fragment is checked as a product has it, so that its variables are looked at too.
fn product_faults(example: &Example) -> String {
    let mut manifest = example.manifest();
    manifest["id"] = json!("product");
    manifest["platforms"] = json!(["linux/amd64", "linux/arm64"]);
    let manifest = SourceFile::new("manifests/product.json", manifest.to_string().into_bytes());
    let path = example.path();
    let fragment = FileState::Present(SourceFile::new(path.clone(), example.text.clone().into_bytes()));
    let files = BTreeMap::from([(path, fragment)]);
    let checked = RawManifest::parse(&manifest).and_then(|raw| Product::check(raw, &files));
    let checked = checked.map(|(_, warnings)| warnings.iter().map(ToString::to_string).collect());
    shown(checked.map_err(|faults| faults.to_string()))
}

fn shown(checked: Result<Vec<String>, String>) -> String {
    checked.map_or_else(|faults| faults, |warnings| warnings.join("\n"))
}

#[test]
fn every_example_is_accepted_without_a_word() {
    let examples = examples();
    let fragments = examples.iter().filter(|example| example.kind() == Kind::Fragment).count();
    assert!(fragments >= 25, "only {fragments} fragments were found");
    let mut report = String::new();
    for example in &examples {
        let faults = faults(example);
        if !faults.is_empty() {
            writeln!(report, "{}: {faults}", example.place).unwrap();
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn the_product_of_the_readme_is_in_the_checkout() {
    let examples = examples();
    let shown =
        examples.iter().filter(|one| one.place.starts_with("README.md") && one.kind() == Kind::Manifest);
    let mut files = 0;
    for example in shown {
        let file = SourceFile::new(example.path(), example.text.clone().into_bytes());
        for entry in RawManifest::parse(&file).unwrap().catalogue() {
            assert!(root().join(&entry.path).is_file(), "{}: {} is not there", example.place, entry.path);
            files += 1;
        }
    }
    assert!(files > 1, "the README shows no product with fragments");
}

#[test]
fn every_action_and_member_has_its_row() {
    let page = |name: &str| std::fs::read_to_string(root().join("docs").join(name)).unwrap();
    let page = page("fragments.md") + &page("composition.md") + &page("tests.md");
    let schema = std::fs::read_to_string(root().join("schemas/fragment.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let missing: Vec<String> =
        members(&schema).into_iter().filter(|member| !page.contains(&format!("`{member}`"))).collect();
    assert!(missing.is_empty(), "docs/fragments.md, composition.md and tests.md do not name {missing:?}");
}

/// The names of all members that a fragment can have.
fn members(schema: &Value) -> Vec<String> {
    let mut found = std::collections::BTreeSet::new();
    let mut pending = vec![schema];
    while let Some(value) = pending.pop() {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            found.extend(properties.keys().cloned());
        }
        match value {
            Value::Object(object) => pending.extend(object.values()),
            Value::Array(array) => pending.extend(array),
            _ => {}
        }
    }
    assert!(found.len() > 60, "only {} members were found", found.len());
    found.into_iter().collect()
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    let pages = ["README.md", "ARCHITECTURE.md"].into_iter().map(|page| root().join(page));
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut broken = Vec::new();
    for page in pages.chain(docs).filter(|page| page.is_file()) {
        let text = std::fs::read_to_string(&page).unwrap();
        let targets =
            text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
        let dead = targets.filter(|target| !target.contains("://") && !leads_somewhere(&page, target));
        broken.extend(dead.map(|target| format!("{}: {target}", page.display())));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

fn leads_somewhere(page: &Path, target: &str) -> bool {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { page.to_owned() } else { page.parent().unwrap().join(file) };
    if anchor.is_empty() {
        return path.exists();
    }
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter(|line| line.starts_with('#')).any(|line| anchor_of(line) == anchor)
}

/// The anchor of a heading, as code hosting sites make it.
fn anchor_of(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[test]
fn every_whole_fragment_is_built() {
    let _ = Lab::get();
    let examples = examples();
    let built: Vec<&Example> =
        examples.iter().filter(|one| one.kind() == Kind::Fragment && one.unbuilt.is_none()).collect();
    assert!(built.len() >= 20, "only {} fragments are built", built.len());
    let failures: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = built.iter().map(|example| scope.spawn(|| failure(example))).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Builds an example; what the client and the failed steps said where that does not work.
fn failure(example: &Example) -> Option<String> {
    let project = Project::empty();
    project.manifest(example.manifest());
    project.write(&example.path(), &example.text);
    for (path, content) in &example.files {
        match path.strip_prefix('/') {
            Some(path) => project.write(path, content),
            None => project.write(&format!("{}/{path}", example.folder()), content),
        };
    }
    let mut words: Vec<String> = Lab::get().site_ca_secret().into_iter().collect();
    for (id, content) in &example.secrets {
        let path = format!(".secrets/{id}");
        project.write(&path, content);
        words.push(format!("id={id},src={path}"));
    }
    let words: Vec<&str> = words.iter().flat_map(|secret| ["--secret", secret.as_str()]).collect();
    let outcome = project.build(&BuildOptions::default().words(&words));
    (!outcome.finished.status.success()).then(|| {
        let failed = outcome.progress.vertices.iter().filter(|vertex| vertex.error.is_some());
        let logs: Vec<&str> = failed.map(|vertex| vertex.log.as_str()).collect();
        format!("{} does not build:\n{}\n{}", example.place, outcome.message, logs.join("\n"))
    })
}
