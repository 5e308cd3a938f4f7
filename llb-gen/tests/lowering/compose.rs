//! Fragments that stand apart: what is built on what, what is merged, and what is never asked of the daemon.

use std::collections::{BTreeMap, BTreeSet};

use bollard_buildkit_proto::pb;
use llb_gen::draft::Draft;
use llb_gen::llb::{Cap, Graph};
use llb_gen::lower::Lowered;
use llb_gen::request::Request;
use prost::Message as _;
use serde_json::Value;

use crate::{Documents, amd64, config, env, execs, mount, plan};

const BASE: &str = r#""base": "debian:bookworm-slim""#;

fn product(fragments: &[(&str, &str)]) -> Documents {
    Documents::new(BASE, fragments)
}

/// Two fragments beside each other and one on the first.
fn beside() -> Documents {
    product(&[
        ("security", r#""builds_on": [], "steps": [{"run": "patch"}]"#),
        ("core", r#""builds_on": [], "env": {"VENV": "/opt"}, "steps": [{"run": "one"}, {"run": "two"}]"#),
        ("app", r#""builds_on": ["core"], "steps": [{"run": "app"}], "wins": ["/etc/motd"]"#),
    ])
}

/// Ops by digest, with their names.
struct Ops {
    ops: BTreeMap<String, (String, pb::Op)>,
}

impl Ops {
    fn of(graph: &Graph) -> Self {
        let ops = graph.vertices().map(|(vertex, meta)| {
            let name = meta.name().unwrap_or_default().to_owned();
            (vertex.digest().to_string(), (name, pb::Op::decode(vertex.bytes()).unwrap()))
        });
        Self { ops: ops.collect() }
    }

    fn named(&self, name: &str) -> &pb::Op {
        let mut found = self.ops.values().filter(|(known, _)| known == name);
        let only = found.next().unwrap_or_else(|| panic!("no `{name}` in {:?}", self.names()));
        assert!(found.next().is_none(), "several `{name}`");
        &only.1
    }

    fn names(&self) -> BTreeSet<&str> {
        self.ops.values().map(|(name, _)| name.as_str()).collect()
    }

    fn inputs(&self, op: &pb::Op) -> Vec<&str> {
        op.inputs.iter().map(|input| self.ops[&input.digest].0.as_str()).collect()
    }

    fn diffs(&self) -> impl Iterator<Item = (&pb::Op, &pb::DiffOp)> {
        self.ops.values().filter_map(|(_, op)| match &op.op {
            Some(pb::op::Op::Diff(diff)) => Some((op, diff)),
            _ => None,
        })
    }

    fn merges(&self) -> usize {
        self.ops.values().filter(|(_, op)| matches!(op.op, Some(pb::op::Op::Merge(_)))).count()
    }

    /// The outputs that a filesystem's layers may be taken from: through the first input, and all of a merge's.
    fn ancestors<'o>(&'o self, input: &'o pb::Input, found: &mut BTreeSet<(&'o str, i64)>) {
        if !found.insert((&input.digest, input.index)) || input.index != 0 {
            return;
        }
        let op = &self.ops[&input.digest].1;
        let inputs = match &op.op {
            Some(pb::op::Op::Merge(_)) => op.inputs.len(),
            // A layer of its own.
            Some(pb::op::Op::Diff(_)) => 0,
            _ => 1,
        };
        op.inputs.iter().take(inputs).for_each(|input| self.ancestors(input, found));
    }
}

fn input(op: &pb::Op, at: i64) -> &pb::Input {
    &op.inputs[usize::try_from(at).unwrap()]
}

/// The engine may lose the base of an image whose graph holds a diff against an ancestor of a single layer.
fn assert_no_diff_of_an_ancestor(lowered: &Lowered) {
    let ops = Ops::of(&lowered.graph);
    for (op, diff) in ops.diffs() {
        let (Some(lower), Some(upper)) = (&diff.lower, &diff.upper) else { panic!("half a diff") };
        if lower.input < 0 || upper.input < 0 {
            continue;
        }
        let mut above = BTreeSet::new();
        ops.ancestors(input(op, upper.input), &mut above);
        let lower = input(op, lower.input);
        let name = &ops.ops[&lower.digest].0;
        assert!(
            !above.contains(&(lower.digest.as_str(), lower.index)),
            "`{name}` is below what is compared with it"
        );
    }
}

#[test]
fn without_builds_on_nothing_is_merged() {
    let lowered = product(&[("core", r#""steps": [{"run": "a"}]"#), ("app", r#""steps": [{"run": "b"}]"#)])
        .lower(&amd64());
    let ops = Ops::of(&lowered.graph);
    assert_eq!((ops.merges(), ops.diffs().count(), lowered.layers), (0, 0, 3));
    assert_eq!(ops.inputs(ops.named("[app 1.0.0 1/1] run b"))[0], "[core 1.0.0 1/1] run a");
    // Saying what holds anyway changes nothing.
    let said = product(&[
        ("core", r#""builds_on": [], "steps": [{"run": "a"}]"#),
        ("app", r#""builds_on": ["core"], "steps": [{"run": "b"}]"#),
    ]);
    let said = said.lower(&amd64());
    assert_eq!(Ops::of(&said.graph).merges(), 0);
    assert_eq!(said.layers, 3);
}

#[test]
fn a_fragment_is_built_on_what_it_names_and_nothing_else() {
    let lowered = beside().lower(&amd64());
    let ops = Ops::of(&lowered.graph);
    let root = |name: &str| ops.inputs(ops.named(name))[0].to_owned();
    let base = |name: &str| &ops.ops[&input(ops.named(name), 0).digest].1;
    for name in ["[security 1.0.0 1/1] run patch", "[core 1.0.0 1/2] run one"] {
        assert!(matches!(base(name).op, Some(pb::op::Op::Source(_))), "{name}");
    }
    assert_eq!(root("[app 1.0.0 1/1] run app"), "[app 1.0.0] what it is built on");
    assert_eq!(root("[app 1.0.0] what it is built on"), "[core 1.0.0] settle");
    let merged = ops.inputs(ops.named("[product] merge"));
    assert_eq!(
        merged,
        [
            "",
            "[security 1.0.0] delta",
            "[core 1.0.0] delta",
            "[app 1.0.0] delta",
            "[product] shared files of security, core, app"
        ]
    );
    assert_eq!(lowered.layers, 5, "base, three deltas and what is shared");
    assert_no_diff_of_an_ancestor(&lowered);
}

#[test]
fn a_link_above_fragments_apart_is_built_on_all_of_them() {
    let lowered = product(&[
        ("a", r#""builds_on": [], "steps": [{"run": "a"}]"#),
        ("b", r#""builds_on": [], "steps": [{"run": "b"}]"#),
        ("top", r#""steps": [{"run": "top"}]"#),
    ])
    .lower(&amd64());
    let ops = Ops::of(&lowered.graph);
    assert_eq!(ops.inputs(ops.named("[top 1.0.0] what it is built on"))[0], "[product] merge a, b");
    assert_eq!(ops.inputs(ops.named("[product] merge a, b")).len(), 4, "base, a, b and what is shared");
    assert_no_diff_of_an_ancestor(&lowered);
}

#[test]
fn only_roots_that_save_runs_are_known_by_their_content() {
    let lowered = product(&[
        ("core", r#""builds_on": [], "steps": [{"run": "a"}]"#),
        ("files", r#""builds_on": ["core"], "steps": [{"mkdir": {"path": "/x"}}]"#),
        ("other", r#""builds_on": ["core"], "steps": [{"run": "b"}]"#),
    ])
    .lower(&amd64());
    let gates: Vec<String> = Ops::of(&lowered.graph)
        .names()
        .iter()
        .filter(|name| name.ends_with("built on"))
        .map(|n| n.to_string())
        .collect();
    assert_eq!(gates, ["[other 1.0.0] what it is built on"]);
    let gate = execs(&lowered.graph).into_iter().find(|(name, _)| *name == gates[0]).unwrap().1;
    assert_eq!(mount(&gate, "/").content_cache, i32::from(pb::MountContentCache::On as u8));
    assert_eq!(env(&gate, "FACTORY_MODE"), Some("nothing"));
}

#[test]
fn steps_see_the_environment_of_what_they_are_built_on() {
    let fragments = [
        ("a", r#""builds_on": [], "env": {"A": "1", "PATH": "/a:${PATH}"}"#),
        (
            "b",
            r#""builds_on": [], "env": {"B": "1", "PATH": "/b:${PATH}"}, "steps": [{"run": "b"}],
                 "config": {"workdir": "/srv"}"#,
        ),
        ("c", r#""builds_on": ["a", "b"], "steps": [{"run": "c"}]"#),
        ("d", r#""builds_on": ["a"], "steps": [{"run": "d"}]"#),
    ];
    let lowered = product(&fragments).lower(&amd64());
    let all = execs(&lowered.graph);
    let step = |name: &str| &all.iter().find(|(known, _)| known.ends_with(name)).unwrap().1;
    assert_eq!((env(step("run b"), "A"), env(step("run b"), "PATH")), (None, Some("/b:/usr/bin:/bin")));
    assert_eq!(env(step("run c"), "PATH"), Some("/b:/a:/usr/bin:/bin"));
    assert_eq!((env(step("run d"), "B"), env(step("run d"), "PATH")), (None, Some("/a:/usr/bin:/bin")));
    let spec = |name: &str| crate::spec(step(name));
    assert_eq!(spec("run c")["cwd"], "/srv");
    assert_ne!(spec("run d")["cwd"], "/srv");
    let image = config(&lowered);
    let environment = image["config"]["Env"].to_string();
    assert!(environment.contains("PATH=/b:/a:/usr/bin:/bin"), "{environment}");
    assert!(environment.contains("A=1") && environment.contains("B=1"), "{environment}");
}

#[test]
fn the_join_knows_who_is_built_on_whom() {
    let lowered = beside().lower(&amd64());
    let join =
        execs(&lowered.graph).into_iter().find(|(name, _)| name.starts_with("[product] join")).unwrap();
    let told: Value = serde_json::from_str(env(&join.1, "FACTORY_JOIN").unwrap()).unwrap();
    assert_eq!(told["base"], "/.factory/base");
    assert_eq!(
        told["fragments"],
        serde_json::json!([
            {"label": "security 1.0.0", "side": "/.factory/sides/0", "below": [], "wins": []},
            {"label": "core 1.0.0", "side": "/.factory/sides/1", "below": [], "wins": []},
            {"label": "app 1.0.0", "side": "/.factory/sides/2", "below": [1], "wins": ["/etc/motd"]},
        ])
    );
    // It reads notes, never a root: what is lazy stays lazy.
    for one in &join.1.mounts {
        assert!(one.input < 0 || one.dest.starts_with("/.factory/"), "{one:?}");
    }
}

#[test]
fn a_fragment_that_changes_no_file_has_no_layer() {
    let lowered = product(&[
        ("a", r#""builds_on": [], "steps": [{"run": "a"}]"#),
        ("b", r#""builds_on": [], "config": {"labels": {"x": "y"}}"#),
    ])
    .lower(&amd64());
    let ops = Ops::of(&lowered.graph);
    assert_eq!(ops.inputs(ops.named("[product] merge")).len(), 2, "nothing stands beside anything");
    assert_eq!(lowered.layers, 2);
    assert_eq!(config(&lowered)["config"]["Labels"]["x"], "y");
}

#[test]
fn an_engine_that_cannot_merge_gets_a_chain_and_the_author_a_warning() {
    for missing in [Cap::MERGE, Cap::DIFF] {
        let mut request = amd64();
        request.caps.remove(missing.id());
        let product = beside().product();
        let plan = plan(&product, &request).unwrap();
        let warnings: Vec<String> = plan.warnings().iter().map(ToString::to_string).collect();
        assert!(warnings.iter().any(|text| text.contains("this engine cannot merge")), "{warnings:?}");
        let lowered = plan.lower().unwrap();
        let ops = Ops::of(&lowered.graph);
        assert_eq!((ops.merges(), ops.diffs().count()), (0, 0));
        assert_eq!(ops.inputs(ops.named("[core 1.0.0 1/2] run one"))[0], "[security 1.0.0 1/1] run patch");
    }
}

#[test]
fn one_fragment_can_be_the_target() {
    let target = |name: &str| Request { target: Some(name.into()), ..amd64() };
    let lowered = beside().lower(&target("fragment/core"));
    let names: Vec<String> = execs(&lowered.graph).into_iter().map(|(name, _)| name).collect();
    assert!(names.iter().any(|name| name.contains("run two")), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("patch") || name.contains("app")), "{names:?}");
    let lowered = beside().lower(&target("fragment/app"));
    let ops = Ops::of(&lowered.graph);
    assert_eq!(ops.inputs(ops.named("[product] merge")).len(), 3, "the base, core and app");
}

#[test]
fn contracts_are_looked_up_beside_the_image() {
    let lowered = product(&[
        (
            "core",
            r#""builds_on": [], "requires": ["command:apt-get"],
            "provides": ["command:python3>=3.11,<4", "env:LANG", "port:80/tcp"], "env": {"LANG": "C"},
            "config": {"expose": ["80/tcp"]}, "steps": [{"run": "a"}]"#,
        ),
        ("app", r#""builds_on": ["core"], "requires": ["command:python3"], "steps": [{"run": "b"}]"#),
    ])
    .lower(&amd64());
    let checks = Ops::of(&lowered.checks);
    let probes: Vec<(String, pb::ExecOp)> =
        execs(&lowered.checks).into_iter().filter(|(name, _)| name.contains("check what")).collect();
    let names: Vec<&str> = probes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let of = |name: &str| {
        let probe = &probes.iter().find(|(known, _)| known == name).unwrap().1;
        serde_json::from_str::<Value>(env(probe, "FACTORY_PROBE").unwrap()).unwrap()
    };
    let provided = of("[core 1.0.0] check what it provides");
    assert_eq!(
        provided,
        serde_json::json!({"fragment": "core 1.0.0", "side": "provides", "contracts": [
            {"text": "command:python3>=3.11,<4", "kind": "command", "name": "python3",
             "range": [{"op": ">=", "version": "3.11"}, {"op": "<", "version": "4"}]}]})
    );
    assert_eq!(
        checks.inputs(checks.named("[core 1.0.0] check what it requires"))[0],
        checks.inputs(checks.named("[core 1.0.0 1/1] run a"))[0]
    );
    assert!(!Ops::of(&lowered.graph).names().iter().any(|name| name.contains("check what")));
}

#[test]
fn what_the_config_denies_is_an_error_before_anything_runs() {
    for (members, expected) in [
        (r#""provides": ["port:80/tcp"]"#, "the image exposes no port"),
        (r#""provides": ["port:80/tcp"], "config": {"expose": ["81/tcp"]}"#, "the image exposes `81/tcp`"),
        (r#""provides": ["env:LNAG"], "env": {"LANG": "C"}"#, "the image does not set it"),
        (r#""requires": ["env:LANG=C"]"#, "the image does not set it"),
        (r#""provides": ["env:LANG=C"], "env": {"LANG": "D"}"#, "it is `D`"),
    ] {
        let (request, product) = (amd64(), crate::one(members).product());
        let faults = plan(&product, &request).unwrap_err().to_string();
        assert!(faults.contains(expected), "{members}: {faults}");
    }
}

#[test]
fn a_split_delta_is_several_layers_and_a_folded_one_none_of_its_own() {
    let split = product(&[
        (
            "models",
            r#""builds_on": [], "layout": {"split": ["/opt/a", ["/opt/b", "/opt/c*"]]},
                      "steps": [{"run": "fetch"}]"#,
        ),
        ("app", r#""builds_on": [], "steps": [{"run": "app"}]"#),
    ])
    .lower(&amd64());
    let ops = Ops::of(&split.graph);
    let merged = ops.inputs(ops.named("[product] merge"));
    assert_eq!(
        merged[1..4],
        ["[models 1.0.0] delta", "[models 1.0.0] delta of /opt/a", "[models 1.0.0] delta of /opt/b /opt/c*"]
    );
    assert_no_diff_of_an_ancestor(&split);
    assert_eq!(split.layers, 6);

    let fold =
        |name: &'static str| (name, r#""builds_on": [], "layout": {"fold": true}, "steps": [{"run": "x"}]"#);
    let folded = product(&[fold("a"), fold("b"), ("c", r#""builds_on": ["a"], "steps": [{"run": "c"}]"#)])
        .lower(&amd64());
    let ops = Ops::of(&folded.graph);
    assert_eq!(
        ops.inputs(ops.named("[product] merge"))[1..3],
        ["[product] delta of a + b", "[c 1.0.0] delta"]
    );
    assert_eq!(folded.layers, 4);
    assert_no_diff_of_an_ancestor(&folded);
}

#[test]
fn a_moved_base_leaves_fragments_on_the_old_one() {
    let documents = product(&[("core", r#""steps": [{"run": "a"}]"#), ("app", r#""steps": [{"run": "b"}]"#)]);
    let moved = Request { built_on: Some("debian:bookworm-20240101".parse().unwrap()), ..amd64() };
    let lowered = documents.lower(&moved);
    let ops = Ops::of(&lowered.graph);
    let source = |op: &pb::Op| match &ops.ops[&input(op, 0).digest].1.op {
        Some(pb::op::Op::Source(source)) => source.identifier.clone(),
        other => panic!("{other:?}"),
    };
    let merge = ops.named("[product] merge");
    assert!(source(merge).ends_with("debian:bookworm-slim"), "{}", source(merge));
    let ground = source(ops.named("[core 1.0.0 1/1] run a"));
    assert!(ground.ends_with("debian:bookworm-20240101"), "{ground}");
    assert_eq!(ops.inputs(merge).len(), 4, "the base, two deltas, and what they share with it");
    let lookups = |request: &Request| Draft::new(&documents.product(), request).unwrap().lookups().count();
    assert_eq!((lookups(&moved), lookups(&amd64())), (2, 1));
}

/// Products of every shape that five fragments can be put together in, as far as a fixed sequence gets.
#[test]
fn no_composition_takes_a_diff_of_an_ancestor() {
    let mut state = 7_u32;
    let mut next = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % below
    };
    let names = ["a", "b", "c", "d", "e"];
    for _ in 0..300 {
        let members: Vec<String> = (0..names.len())
            .map(|at| {
                let named: Vec<String> =
                    (0..at).filter(|_| next(3) == 0).map(|one| format!("{:?}", names[one])).collect();
                let on = match next(4) {
                    0 => String::new(),
                    _ => format!(r#""builds_on": [{}], "#, named.join(", ")),
                };
                let layout = match next(6) {
                    0 => r#""layout": {"fold": true}, "#,
                    1 => r#""layout": {"split": ["/x"]}, "#,
                    _ => "",
                };
                let steps = ["[]", r#"[{"run": "x"}]"#, r#"[{"mkdir": {"path": "/x"}}, {"run": "y"}]"#]
                    [next(3) as usize];
                format!(r#"{on}{layout}"steps": {steps}"#)
            })
            .collect();
        let fragments: Vec<(&str, &str)> =
            names.iter().copied().zip(members.iter().map(String::as_str)).collect();
        let lowered = product(&fragments).lower(&amd64());
        assert_no_diff_of_an_ancestor(&lowered);
        let again = product(&fragments).lower(&amd64());
        assert_eq!(lowered.graph.marshal(), again.graph.marshal(), "{fragments:?}");
    }
}
