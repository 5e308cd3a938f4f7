//! `frontend.subrequests.describe`: what can be asked.

use serde::Serialize;

use super::table::table;
use super::{Answer, Subrequest, VERSION};

#[derive(Serialize)]
struct RequestJson {
    name: &'static str,
    version: &'static str,
    r#type: &'static str,
    description: &'static str,
    opts: Vec<NamedJson>,
    inputs: Vec<NamedJson>,
    metadata: Vec<NamedJson>,
    refs: Vec<NamedJson>,
}

#[derive(Serialize)]
struct NamedJson {
    name: &'static str,
    description: &'static str,
}

const TARGET: NamedJson = NamedJson { name: "target", description: "target to describe" };
const JSON: NamedJson = NamedJson { name: "result.json", description: "the answer for programs" };
const TEXT: NamedJson = NamedJson { name: "result.txt", description: "the answer for people" };
const STATUS: NamedJson = NamedJson { name: "result.statuscode", description: "1 when something was found" };

/// The list of subrequests.
pub fn describe() -> Answer {
    let requests: Vec<RequestJson> = Subrequest::ALL.into_iter().map(request).collect();
    let header = ["NAME", "VERSION", "DESCRIPTION"].map(str::to_owned);
    let row = |request: &RequestJson| {
        let name = request.name.strip_prefix("frontend.").unwrap_or(request.name);
        [name, request.version, request.description].map(str::to_owned)
    };
    let rows: Vec<[String; 3]> = std::iter::once(header).chain(requests.iter().map(row)).collect();
    Answer::new(&requests, table(&rows))
}

fn request(one: Subrequest) -> RequestJson {
    let (opts, status) = match one {
        Subrequest::Outline
        | Subrequest::Lint
        | Subrequest::Explain
        | Subrequest::Graph
        | Subrequest::Key => (vec![TARGET], one == Subrequest::Lint),
        Subrequest::Targets | Subrequest::Plan | Subrequest::Describe => (vec![], false),
        Subrequest::Lock => (vec![], true),
    };
    let metadata = [JSON, TEXT].into_iter().chain(status.then_some(STATUS)).collect();
    RequestJson {
        name: one.id(),
        version: VERSION,
        r#type: "rpc",
        description: description(one),
        opts,
        inputs: vec![],
        metadata,
        refs: vec![],
    }
}

fn description(one: Subrequest) -> &'static str {
    match one {
        Subrequest::Outline => "List all arguments, secrets and other inputs of a target",
        Subrequest::Targets => "List all targets that the manifest can build",
        Subrequest::Lint => "Check the manifest, its template and its fragments",
        Subrequest::Explain => "Say what each fragment is made from, and which would be built again and why",
        Subrequest::Graph => "Show the graph that a build would ask BuildKit for, as text, DOT or Mermaid",
        Subrequest::Key => "Give the keys of the product and of its tests, by which records are found",
        Subrequest::Plan => "List the combinations of a plan, with what is expected of each",
        Subrequest::Lock => "Resolve every name of the product, and compare that with its lock",
        Subrequest::Describe => "List available subrequest types",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lists_every_subrequest_itself_included() {
        let answer = describe();
        let json: serde_json::Value = serde_json::from_slice(answer.json()).unwrap();
        let names: Vec<&str> =
            json.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, Subrequest::ALL.map(Subrequest::id));
        assert!(answer.text().starts_with("NAME"));
        assert!(answer.text().contains("\nsubrequests.describe   1.0.0"), "{}", answer.text());
    }
}
