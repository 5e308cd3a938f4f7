//! What is known of a product, from the project to a registry without the referrers API and back.

use std::collections::BTreeMap;
use std::path::Path;

use factory_tests::{Finished, Lab, Project, Repository, run, unique};
use serde_json::{Value, json};

use crate::products::{says_no, says_yes, tested, with_tests};
use crate::reported::collect;

pub(crate) fn factory(project: &Project, words: &[&str]) -> Finished {
    let _slot = Lab::get().slot();
    run(&mut project.factory(words))
}

#[track_caller]
pub(crate) fn ended(project: &Project, code: i32, words: &[&str]) -> String {
    let finished = factory(project, words);
    assert_eq!(finished.status.code(), Some(code), "{words:?}\n{}\n{}", finished.stdout, finished.stderr);
    finished.stdout
}

#[track_caller]
fn build(project: &Project, code: i32, name: &str) {
    let output = format!("type=image,oci-mediatypes=true,push=true,name={name}");
    let words =
        ["build", "product", "--frontend", Lab::get().frontend(), "--progress", "plain", "--output", &output];
    ended(project, code, &words);
}

pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    collect(folder, "", &mut files);
    files
}

#[test]
fn what_is_known_of_a_product_goes_to_the_registry_and_comes_back() {
    let project = tested(json!([says_yes()]));
    let repository = Repository::fresh();
    let (first, second) = (repository.tag("1"), repository.tag("2"));
    let registry = |name: &str| format!("registry:{name}");
    build(&project, 0, &first);
    // What the frontend attests is the record of the build, but for the log, which says less there.
    ended(&project, 0, &["export", &registry(&first), "--to", "attested"]);
    let reports = files(&project.path(".factory"));
    let (name, written) = reports.iter().find(|(path, _)| path.starts_with("records/")).unwrap();
    let mut written: Value = serde_json::from_slice(written).unwrap();
    let mut attested: Value =
        serde_json::from_slice(&std::fs::read(project.path("attested").join(name)).unwrap()).unwrap();
    for record in [&mut written, &mut attested] {
        assert!(record["evidence"]["digest"].is_string(), "{record:#}");
        record["evidence"]["digest"] = Value::Null;
    }
    assert_eq!(attested, written);
    // What was pushed comes back byte for byte.
    let published = ended(&project, 0, &["publish", &first]);
    assert_eq!(published.lines().count(), 4, "record and evidence, of index and image:\n{published}");
    assert!(!published.contains("was there"), "{published}");
    let again = ended(&project, 0, &["publish", &first]);
    assert!(again.lines().all(|line| line.ends_with("was there")), "{again}");
    ended(&project, 0, &["export", &registry(&first), "--to", "whole", "--jsonl", "whole/data.jsonl"]);
    let exported = files(&project.path("whole"));
    let kept =
        |path: &&String| ["records/", "evidence/", "errors/"].iter().any(|folder| path.starts_with(folder));
    let paths: Vec<&String> = reports.keys().filter(kept).collect();
    assert_eq!(exported.keys().filter(kept).collect::<Vec<_>>(), paths);
    for path in paths {
        assert_eq!(exported[path], reports[path], "{path}");
    }
    // A second version, and one that fails.
    with_tests(&project, &unique(), json!([says_yes(), {"name": "more", "run": "true"}]));
    build(&project, 0, &second);
    with_tests(&project, &unique(), json!([says_yes(), says_no()]));
    build(&project, 6, &repository.tag("3"));
    let published = ended(&project, 0, &["publish", &second]);
    assert!(published.contains("-> selection"), "{published}");
    let (repository, _) = first.rsplit_once(':').unwrap();
    let found = ended(&project, 0, &["query", repository, "--product", "product", "--format", "json"]);
    let found: Vec<Value> = serde_json::from_str(&found).unwrap();
    let mut verdicts: Vec<(&str, usize)> = found
        .iter()
        .map(|hit| {
            (hit["record"]["result"]["status"].as_str().unwrap(), hit["tags"].as_array().unwrap().len())
        })
        .collect();
    verdicts.sort_unstable();
    assert_eq!(verdicts, [("fail", 0), ("pass", 1), ("pass", 1)]);
    ended(&project, 7, &["query", repository, "--verdict", "fail", "--max-age", "0s"]);
    let diff = ended(&project, 0, &["diff", &registry(&first), &registry(&second)]);
    for line in [
        "verdict   pass -> pass (by other tests)",
        "test      + only/more pass",
        "fragment  ~ only",
        "shared    2 layers,",
    ] {
        assert!(diff.contains(line), "{line} in\n{diff}");
    }
    let layers = ended(&project, 0, &["layers", &registry(&second)]);
    assert!(layers.contains("[only 0.1.0]"), "{layers}");
}
