//! A product of eight fragments: what runs and what is pushed after each of them was touched.

use std::collections::BTreeSet;

use factory_tests::{BuildOptions, BuildOutcome, Lab, Project, Pushed, Repository, unique};
use serde_json::{Value, json};

use crate::parts::{Part, merged};
use crate::small::small;

/// Fragments by what touches them: a script that they run, or a file that they copy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Script,
    File,
}

/// Name, what it is built on (everything where nothing is said), and what touches it; in slot order.
const FRAGMENTS: [(&str, Option<&[&str]>, By); 8] = [
    ("tools", Some(&[]), By::Script),
    ("certs", Some(&[]), By::File),
    ("runtime", Some(&[]), By::Script),
    ("libs", Some(&["runtime"]), By::Script),
    ("models", Some(&[]), By::File),
    ("app", Some(&["tools", "libs"]), By::Script),
    ("ui", Some(&["runtime"]), By::File),
    ("top", None, By::Script),
];

/// The product, with content that no other build has.
struct Product {
    project: Project,
    salt: String,
}

impl Product {
    fn new() -> Self {
        let parts: Vec<Part> = FRAGMENTS.iter().map(|(name, on, by)| part(name, *on, *by)).collect();
        let product = Self { project: merged(&small().reference, &parts), salt: unique() };
        for (name, ..) in FRAGMENTS {
            product.write(name, "first", "");
        }
        product
    }

    /// Writes the one file of a fragment. The comment of a script changes nothing in what it makes.
    fn write(&self, name: &str, content: &str, comment: &str) {
        let text = format!("{} {name} {content}", self.salt);
        let script = format!(
            "#!/bin/sh\n# {comment}\nset -e\nmkdir -p /opt/{name}/bin\necho '{text}' > /opt/{name}/made\n"
        );
        match by(name) {
            By::Script => self.project.fragment_file(name, "make.sh", script),
            By::File => self.project.fragment_file(name, "content.txt", text + "\n"),
        };
    }
}

fn part(name: &str, builds_on: Option<&[&str]>, by: By) -> Part {
    let own = match by {
        By::Script => json!({"run": {"script": "make.sh"}}),
        By::File => json!({"copy": {"src": "content.txt", "dest": format!("/opt/{name}/content.txt")}}),
    };
    let steps: Value = json!([
        {"mkdir": {"path": format!("/opt/{name}/etc"), "chmod": "0750"}},
        own,
        {"file": {"path": format!("/opt/{name}/etc/name"), "content": name}}
    ]);
    builds_on.map_or_else(|| Part::on_all(name, steps.clone()), |on| Part::new(name, on, steps.clone()))
}

fn by(name: &str) -> By {
    FRAGMENTS.iter().find(|one| one.0 == name).unwrap().2
}

/// The fragment and everything that is built on it.
fn affected(touched: &str) -> BTreeSet<&str> {
    let mut affected = BTreeSet::from([touched]);
    let below = FRAGMENTS.iter().position(|one| one.0 == touched).unwrap();
    for (name, on, _) in &FRAGMENTS[below + 1..] {
        if on.is_none_or(|on| on.iter().any(|one| affected.contains(one))) {
            affected.insert(name);
        }
    }
    affected
}

/// The fragment that a vertex belongs to; `product` for what belongs to several.
fn owner(vertex: &str) -> &str {
    vertex.trim_start_matches('[').split([' ', ']']).next().unwrap_or_default()
}

#[track_caller]
fn assert_ran(outcome: &BuildOutcome, touched: &str) {
    let ran = outcome.progress.ran();
    let affected = affected(touched);
    let strange: Vec<&&str> =
        ran.iter().filter(|name| owner(name) != "product" && !affected.contains(owner(name))).collect();
    assert!(strange.is_empty(), "a change of `{touched}` ran {strange:#?}");
    assert!(ran.iter().any(|name| owner(name) == touched), "a change of `{touched}` ran only {ran:#?}");
    let runs = |name: &str| ran.iter().any(|one| owner(one) == name && one.contains("make.sh"));
    let scripts = affected.iter().filter(|name| by(name) == By::Script);
    let idle: Vec<&&str> = scripts.filter(|name| !runs(name)).collect();
    assert!(idle.is_empty(), "a change of `{touched}` did not run {idle:?}, only {ran:#?}");
}

/// Every layer of every other fragment is the same and in its place.
#[track_caller]
fn assert_pushed(before: &Pushed, after: &Pushed, touched: &str) {
    assert_eq!(before.layers.len(), after.layers.len());
    let affected = affected(touched);
    for (old, new) in before.layers.iter().zip(&after.layers) {
        assert_eq!(old.made_by, new.made_by, "the order of layers");
        let may = affected.contains(owner(&new.made_by)) || owner(&new.made_by) == "product";
        assert!(may || old.blob == new.blob, "a change of `{touched}` made the layer `{}` anew", new.made_by);
    }
    let own = |image: &Pushed| image.of_fragment(touched).into_iter().cloned().collect::<Vec<_>>();
    assert_ne!(own(before), own(after), "the layer of `{touched}`");
    let new = after.new_since(before);
    assert!(new.len() <= affected.len() + 3, "a change of `{touched}` pushed {new:#?}");
}

#[test]
fn a_change_runs_and_pushes_its_fragment_and_what_is_built_on_it() {
    let product = Product::new();
    let repository = Repository::fresh();
    let push = |tag: &str| repository.push(tag, &product.project, &BuildOptions::default());
    let (_, mut before) = push("0");
    let _alone = Lab::get().alone();
    let made: Vec<&str> =
        before.layers[small().layers.len()..].iter().map(|one| owner(&one.made_by)).collect();
    let mut slots: Vec<&str> = FRAGMENTS.iter().map(|one| one.0).collect();
    slots.push("product");
    assert_eq!(made, slots, "one layer for each fragment, and one of what they share");
    assert!(before.stands_on(small()));
    for (name, ..) in FRAGMENTS {
        product.write(name, "second", "");
        let (outcome, after) = push(name);
        assert_ran(&outcome, name);
        assert_pushed(&before, &after, name);
        before = after;
    }
}

#[test]
fn a_change_back_runs_nothing() {
    let product = Product::new();
    let build = || product.project.build(&BuildOptions::default()).succeeded();
    let _ = build();
    let _alone = Lab::get().alone();
    product.write("runtime", "second", "");
    let _ = build();
    product.write("runtime", "first", "");
    assert_eq!(build().progress.ran(), Vec::<&str>::new());
}

#[test]
fn a_change_that_makes_the_same_bytes_goes_no_further() {
    let product = Product::new();
    let repository = Repository::fresh();
    let push = |tag: &str| repository.push(tag, &product.project, &BuildOptions::default());
    let (_, before) = push("before");
    let _alone = Lab::get().alone();
    product.write("runtime", "first", "another comment");
    let (outcome, after) = push("after");
    let ran = outcome.progress.ran();
    assert!(ran.iter().any(|name| owner(name) == "runtime" && name.contains("make.sh")), "{ran:#?}");
    let further: Vec<&&str> =
        ran.iter().filter(|name| owner(name) != "runtime" && name.contains("make.sh")).collect();
    assert!(further.is_empty(), "what is built on the same bytes ran again: {further:#?}");
    assert_eq!(before.layers, after.layers);
}

#[test]
fn a_change_of_times_alone_goes_no_further() {
    let steps = |time: u32| {
        let touch = format!("touch -d @{time} /opt/old /opt/old/file");
        json!([{"run": ["mkdir -p /opt/old", &format!("echo {} > /opt/old/file", "same"), &touch]}])
    };
    let salt = unique();
    let upper = || Part::new("upper", &["lower"], json!([{"run": format!("echo {salt} > /upper")}]));
    let beside = || Part::new("beside", &[], json!([{"file": {"path": "/beside", "content": salt}}]));
    let product =
        |time| merged(&small().reference, &[Part::new("lower", &[], steps(time)), beside(), upper()]);
    let repository = Repository::fresh();
    let (_, before) = repository.push("before", &product(1_000_000_000), &BuildOptions::default());
    let _alone = Lab::get().alone();
    let (outcome, after) = repository.push("after", &product(1_100_000_000), &BuildOptions::default());
    let ran = outcome.progress.ran();
    assert!(!ran.iter().any(|name| name.contains("/upper")), "{ran:#?}");
    // Times that a step sets into the past are its own, and part of its layer.
    let others = |image: &Pushed| -> Vec<String> {
        let layers = image.layers.iter().filter(|layer| owner(&layer.made_by) != "lower");
        layers.map(|layer| format!("{} {}", layer.made_by, layer.blob.digest)).collect()
    };
    assert_eq!(others(&before), others(&after), "`upper` must not carry the files of `lower`");
}
