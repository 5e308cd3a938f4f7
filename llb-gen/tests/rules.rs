//! The rules, held against their pages: every rule has one, every page has a rule, and what a page calls wrong and right is found
//! and is not.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod catalogue;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use llb_gen::check::FileState;
use llb_gen::diagnostic::Diagnostic;
use llb_gen::draft::Draft;
use llb_gen::lint::{Asked, OwnTexts, RULES, Rule, Settings, lint, texts_of};
use llb_gen::model::{Platform, Product};
use llb_gen::parse::RawManifest;
use llb_gen::text::SourceFile;
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn page(name: &str) -> String {
    let path = root().join(format!("docs/rules/{name}.md"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text below a heading, up to the next one.
fn section<'p>(page: &'p str, heading: &str) -> &'p str {
    let start = page.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no `{heading}` in {page}"));
    let rest = &page[start + heading.len() + 5..];
    rest.find("\n## ").map_or(rest, |end| &rest[..end])
}

/// The fenced blocks of a section: the name of the file that the comment before it gives, or nothing, and the text.
fn blocks(section: &str) -> Vec<(Option<String>, String)> {
    let mut found = Vec::new();
    let mut name = None;
    let mut lines = section.lines();
    while let Some(line) = lines.next() {
        if let Some(file) = line.strip_prefix("<!-- file: ") {
            name = Some(file.trim_end_matches(" -->").to_owned());
        }
        if line.starts_with("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if line == "```json" || name.is_some() {
                found.push((name.take(), text.join("\n") + "\n"));
            }
        }
    }
    found
}

/// A product as an example shows it, filled up to a whole one.
struct Example {
    manifest: SourceFile,
    files: BTreeMap<String, FileState>,
    own: Vec<(String, String)>,
}

const PINNED: &str = "debian@sha256:1111111111111111111111111111111111111111111111111111111111111111";

impl Example {
    fn of(section: &str) -> Self {
        let (mut manifest, mut fragments, mut own) = (None, Vec::new(), Vec::new());
        for (name, text) in blocks(section) {
            if let Some(name) = name {
                own.push((name, text));
                continue;
            }
            let document: Value =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            if document.get("base").is_some() {
                manifest = Some(document);
            } else if document.get("version").is_some() {
                fragments.push(document);
            } else {
                fragments.push(json!({"name": "core", "version": "0.1.0", "steps": [document]}));
            }
        }
        if fragments.is_empty() {
            fragments.push(json!({"name": "core", "version": "0.1.0"}));
        }
        let selected: Vec<Value> =
            fragments.iter().map(|one| json!({"name": one["name"], "version": one["version"]})).collect();
        let manifest =
            manifest.unwrap_or_else(|| json!({"id": "app", "base": PINNED, "fragments": selected}));
        let folder = |one: &Value| {
            format!("fragments/{}/{}", one["name"].as_str().unwrap(), one["version"].as_str().unwrap())
        };
        let file = |path: String, one: &Value| {
            (path.clone(), FileState::Present(SourceFile::new(path, one.to_string().into_bytes())))
        };
        let own =
            own.into_iter().map(|(name, text)| (format!("{}/{name}", folder(&fragments[0])), text)).collect();
        let files = fragments.iter().map(|one| file(format!("{}/fragment.json", folder(one)), one)).collect();
        let manifest = SourceFile::new("manifests/app.json", manifest.to_string().into_bytes());
        Self { manifest, files, own }
    }

    fn found(&self, asked: &Asked) -> Vec<Diagnostic> {
        let raw = RawManifest::parse(&self.manifest).unwrap();
        let (product, warnings) =
            Product::check(raw, &self.files).unwrap_or_else(|faults| panic!("{faults}"));
        let texts = self
            .own
            .iter()
            .map(|(path, text)| (path.clone(), SourceFile::new(path.as_str(), text.as_bytes())));
        found(&product, warnings, &texts.collect(), asked)
    }
}

/// What a check says of a product that can be built.
fn found(
    product: &Product,
    mut warnings: Vec<Diagnostic>,
    texts: &OwnTexts,
    asked: &Asked,
) -> Vec<Diagnostic> {
    let mut platforms: Vec<Platform> =
        product.manifest.platforms.iter().map(|one| one.value().clone()).collect();
    if platforms.is_empty() {
        platforms.push("linux/amd64".parse().unwrap());
    }
    let requests: Vec<_> =
        platforms.iter().map(|platform| catalogue::request(&platform.to_string())).collect();
    let drafts: Vec<Draft<'_>> =
        requests.iter().map(|request| Draft::new(product, request).unwrap()).collect();
    warnings.extend(lint(product, &drafts, Some(texts)));
    Settings::of([product], asked).judge(warnings)
}

fn skip(rule: &str) -> Asked {
    Asked { skip: vec![rule.to_owned()], ..Asked::default() }
}

#[test]
fn what_a_page_calls_wrong_is_found_and_what_it_calls_right_is_not() {
    for rule in RULES {
        let page = page(rule.name);
        let (wrong, right) = (section(&page, "Wrong"), section(&page, "Right"));
        if wrong.contains("<!-- example: no: ") {
            continue;
        }
        let of = |found: Vec<Diagnostic>| -> Vec<Diagnostic> {
            found.into_iter().filter(|one| one.rule() == rule.name).collect()
        };
        let example = Example::of(wrong);
        let found = of(example.found(&Asked::default()));
        assert!(!found.is_empty(), "{}: nothing is found in what is wrong", rule.name);
        assert!(found.iter().all(|one| one.severity() == rule.severity), "{}", rule.name);
        assert_eq!(of(example.found(&skip(rule.name))), [], "{} is skipped", rule.name);
        assert_eq!(of(example.found(&skip("all"))), [], "{} is skipped with all", rule.name);
        assert_eq!(of(Example::of(right).found(&Asked::default())), [], "{}: what is right", rule.name);
    }
}

#[test]
fn every_rule_has_a_page_and_a_line_in_the_list_and_no_page_is_left_over() {
    let list = page("README");
    for Rule { name, severity, about } in RULES {
        let line = format!("| [`{name}`]({name}.md) | {} | {about} |\n", severity.as_str());
        assert!(list.contains(&line), "docs/rules/README.md has no line\n{line}");
        let page = page(name);
        assert!(page.starts_with(&format!("# `{name}`\n")), "the title of {name}.md");
        let kind = format!("A **{}**", severity.as_str());
        assert!(page.contains(&kind), "{name}.md does not say `{kind}`");
        for heading in ["What it finds", "Why", "Wrong", "Right", "To ignore it"] {
            assert!(!section(&page, heading).trim().is_empty(), "{name}.md: {heading}");
        }
        assert!(section(&page, "To ignore it").contains("skip"), "{name}.md");
    }
    let pages = std::fs::read_dir(root().join("docs/rules")).unwrap();
    let pages: BTreeSet<String> =
        pages.map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    let rules = RULES.iter().map(|rule| format!("{}.md", rule.name));
    assert_eq!(pages, rules.chain(["README.md".to_owned()]).collect::<BTreeSet<_>>());
}

#[test]
fn the_examples_of_the_list_are_accepted() {
    let list = page("README");
    let blocks = blocks(&list);
    assert_eq!(blocks.len(), 2);
    for (_, text) in blocks {
        let document: Value = serde_json::from_str(&text).unwrap();
        let product = Example::of(&format!("```json\n{text}```\n"));
        let found = product.found(&Asked::default());
        assert!(!found.iter().any(|one| one.rule() == "unknown-rule"), "{found:?}");
        let skipped = document["check"]["skip"].clone();
        let names = skipped.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>());
        for name in names.unwrap_or_else(|| serde_json::from_value(skipped).unwrap()) {
            assert!(Rule::named(&name).is_some() && !found.iter().any(|one| one.rule() == name), "{name}");
        }
    }
}

#[test]
fn every_warning_of_the_code_is_a_rule() {
    let mut pending = vec![root().join("llb-gen/src"), root().join("frontend/src")];
    let mut seen = 0;
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let product_code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let (warning, note) = ("Diagnostic::warning(", "Diagnostic::note(");
        for call in product_code.split(warning).skip(1).chain(product_code.split(note).skip(1)) {
            let Some(name) = call.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next())
            else {
                continue;
            };
            assert!(Rule::named(name).is_some(), "{}: `{name}` is not in the list of rules", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 5, "only {seen} warnings: has their form changed?");
}

#[test]
fn the_catalogue_of_the_project_is_clean() {
    let manifests = ["llm_factory", "llm_factory_cuda", "llm_serve"];
    for id in manifests {
        let path = format!("manifests/{id}.json");
        let file = SourceFile::new(path.as_str(), std::fs::read(root().join(&path)).unwrap());
        let raw = RawManifest::parse(&file).unwrap();
        let read =
            |path: &str| std::fs::read(root().join(path)).ok().map(|bytes| SourceFile::new(path, bytes));
        let files = raw.catalogue().into_iter().map(|entry| {
            let state = FileState::Present(read(&entry.path).unwrap());
            (entry.path, state)
        });
        let files = files.collect();
        let (product, warnings) = Product::check(raw, &files).unwrap();
        let texts =
            texts_of(&product).into_iter().filter_map(|path| Some((path.clone(), read(&path)?))).collect();
        let found = found(&product, warnings, &texts, &Asked::default());
        let shown: Vec<String> = found.iter().map(|one| format!("{one} [{}]", one.rule())).collect();
        assert!(shown.is_empty(), "{id}:\n{}", shown.join("\n"));
    }
}

#[test]
fn a_fragment_skips_for_itself_and_its_files_alone() {
    let section = r#"
```json
{"name": "a", "version": "0.1.0", "steps": [{"run": {"script": "x.sh"}}], "check": {"skip": {"sudo": "so it is"}}}
```

```json
{"name": "b", "version": "0.1.0", "steps": [{"run": "sudo x"}]}
```

<!-- file: x.sh -->
```text
#!/usr/bin/env bash
sudo x | y
```
"#;
    let found = Example::of(section).found(&Asked::default());
    let shown: Vec<String> = found.iter().map(|one| format!("{} {}", one.rule(), one.place())).collect();
    assert_eq!(
        shown,
        ["pipe-without-pipefail fragments/a/0.1.0/x.sh:2:1", "sudo fragments/b/0.1.0/fragment.json:1:29"]
    );
}
