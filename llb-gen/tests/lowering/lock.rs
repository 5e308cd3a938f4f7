//! What a lock does to the graph, and what is said where it does not belong to the files any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use llb_gen::diagnostic::{Diagnostic, Diagnostics};
use llb_gen::draft::Draft;
use llb_gen::llb::OpDigest;
use llb_gen::lock::{Difference, Lock, LockInput, LockMode, path_of};
use llb_gen::lower::Lowered;
use llb_gen::model::Product;
use llb_gen::request::Request;
use llb_gen::text::SourceFile;
use serde_json::{Value, json};

use crate::{Documents, amd64, answer, env, execs, mount, only_exec, ops, request};

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

const APT: &str = r#""steps": [{"apt": {"install": ["curl", "vim/backports"]}}]"#;
const PIP: &str = r#""steps": [{"pip": {"requirements": "r.txt", "packages": ["idna"]}}]"#;

/// A lock of the manifest `p` on amd64 with the base, and these fragments: their steps as JSON.
fn lock(fragments: &[(&str, &[&str], Value)]) -> Value {
    let config = json!({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/locked"]}});
    let fragment = |(id, below, steps): &(&str, &[&str], Value)| {
        let built_on: Vec<&str> = ["debian:bookworm-slim"].iter().chain(below.iter()).copied().collect();
        ((*id).to_owned(), json!({"linux/amd64": {"built_on": built_on, "steps": steps}}))
    };
    let fragments: serde_json::Map<String, Value> = fragments.iter().map(fragment).collect();
    json!({
        "schema_version": 1,
        "manifest": "p",
        "images": {"docker.io/library/debian:bookworm-slim": {"digest": DIGEST, "platforms": {"linux/amd64": config}}},
        "fragments": fragments
    })
}

fn apt_entry() -> Value {
    json!({"steps/0": {"asked": ["curl", "vim/backports"], "apt": {"curl": "7.88-1", "libcurl4": "7.88-1", "vim": "2:9-1"}}})
}

fn pip_entry() -> Value {
    json!({"steps/0": {
        "asked": ["idna", "-r r.txt", "(pip, python3, venv /opt/venv)"],
        "pip": {
            "files": {"r.txt": DIGEST},
            "options": ["--extra-index-url https://x.org/simple"],
            "packages": {"idna": {"version": "3.7", "hashes": [DIGEST]}}
        }
    }})
}

fn parsed(lock: &Value) -> Lock {
    let text = serde_json::to_string_pretty(lock).unwrap();
    Lock::parse(&SourceFile::new("manifests/p.lock.json", text.into_bytes()))
        .unwrap_or_else(|faults| panic!("{}", faults.excerpts()))
}

fn locked(lock: &Value, mode: LockMode) -> Request {
    let files = BTreeMap::from([("fragments/app/1.0.0/r.txt".to_owned(), DIGEST.to_owned())]);
    let lock = LockInput { lock: Some(Arc::new(parsed(lock))), mode, files, ..LockInput::default() };
    Request { lock, ..amd64() }
}

/// The plan as the frontend makes it: what is locked is answered for by the lock.
fn lowered(product: &Product, request: &Request) -> Result<(Lowered, Vec<Diagnostic>), Diagnostics> {
    let draft = Draft::new(product, request)?;
    let answers = draft.lookups().map(|lookup| {
        let mut answer = answer(lookup);
        if let Some(locked) = draft.locked(lookup) {
            answer.config = Some(locked.config());
        }
        (lookup.clone(), answer)
    });
    let answers = answers.collect();
    let plan = draft.pin(answers)?;
    let warnings = plan.warnings().clone();
    Ok((plan.lower().unwrap(), warnings))
}

fn script(exec: &bollard_buildkit_proto::pb::ExecOp) -> String {
    exec.meta.as_ref().unwrap().args.last().unwrap().clone()
}

/// The content of the file that a mount of an exec shows.
fn text(lowered: &Lowered, name: &str) -> String {
    let files = ops(&lowered.graph).into_iter().filter_map(|(_, op)| match op.op {
        Some(bollard_buildkit_proto::pb::op::Op::File(file)) => Some(file),
        _ => None,
    });
    let made = files.flat_map(|file| file.actions).filter_map(|action| match action.action {
        Some(bollard_buildkit_proto::pb::file_action::Action::Mkfile(file)) => {
            Some(String::from_utf8(file.data).unwrap())
        }
        _ => None,
    });
    made.into_iter().find(|text| text.contains(name)).unwrap_or_else(|| panic!("no file with {name}"))
}

fn messages(found: &[Diagnostic]) -> Vec<String> {
    found.iter().map(|one| format!("{}: {}", one.place(), one.message())).collect()
}

#[test]
fn a_lock_lies_beside_its_manifest() {
    assert_eq!(path_of("manifests/app.json"), "manifests/app.lock.json");
    assert_eq!(path_of("Dockerfile"), "Dockerfile.lock.json");
}

#[test]
fn what_is_written_is_read_again_to_the_same_bytes() {
    let fragments: [(&str, &[&str], Value); 2] =
        [("app 1.0.0", &[], pip_entry()), ("low 1.0.0", &["app 1.0.0"], apt_entry())];
    let written = parsed(&lock(&fragments)).to_json();
    let again = Lock::parse(&SourceFile::new("manifests/p.lock.json", written.clone())).unwrap();
    assert_eq!(again.to_json(), written);
    assert!(Difference::between(Some(&again), &parsed(&lock(&fragments))).is_empty());
    let text = String::from_utf8(written).unwrap();
    assert!(text.ends_with("}\n") && text.contains("\n              \"curl\": \"7.88-1\",\n"), "{text}");
}

#[test]
fn packages_are_pinned_and_nothing_else_can_be_chosen() {
    let product = crate::one(APT).product();
    let request = locked(&lock(&[("app 1.0.0", &[], apt_entry())]), LockMode::Enforce);
    let (lowered, warnings) = lowered(&product, &request).unwrap();
    assert_eq!(warnings, []);
    let exec = only_exec(&lowered.graph);
    let script = script(&exec);
    assert!(
        script.contains("install 'curl' 'vim=2:9-1'\n") || script.ends_with("install 'curl' 'vim=2:9-1'"),
        "{script}"
    );
    assert!(script.contains("Dir::Etc::Preferences=/.factory/lock/preferences"), "{script}");
    assert!(script.contains("factory lock p --update"), "{script}");
    mount(&exec, "/.factory/lock/preferences");
    let pins = text(&lowered, "Pin-Priority");
    assert!(
        pins.starts_with("Package: curl\nPin: version 7.88-1\nPin-Priority: 1002\n\nPackage: libcurl4\n"),
        "{pins}"
    );
    assert!(pins.ends_with(
        "Pin: release a=now\nPin-Priority: 1001\n\nPackage: *\nPin: release a=*\nPin-Priority: -1\n\n"
    ));
    assert!(config_env(&lowered).contains(&"PATH=/locked".to_owned()), "the config is the lock's");
}

fn config_env(lowered: &Lowered) -> Vec<String> {
    let env = crate::config(lowered)["config"]["Env"].clone();
    serde_json::from_value(env).unwrap()
}

#[test]
fn python_packages_are_installed_by_their_hashes() {
    let product = crate::one(PIP).product();
    let request = locked(&lock(&[("app 1.0.0", &[], pip_entry())]), LockMode::Enforce);
    let (lowered, warnings) = lowered(&product, &request).unwrap();
    assert_eq!(warnings, []);
    let script = script(&only_exec(&lowered.graph));
    let install = "pip install --no-compile --require-hashes -r /.factory/lock/requirements.txt || {";
    assert!(script.contains(install) && !script.contains(" idna"), "{script}");
    let pinned = format!("--extra-index-url https://x.org/simple\nidna==3.7 --hash={DIGEST}\n");
    assert_eq!(text(&lowered, "idna"), pinned);
}

#[test]
fn another_version_is_another_vertex_and_another_key() {
    let product = crate::one(APT).product();
    let with = |version: &str| {
        let mut entry = apt_entry();
        entry["steps/0"]["apt"]["curl"] = version.into();
        let request = locked(&lock(&[("app 1.0.0", &[], entry)]), LockMode::Enforce);
        let draft = Draft::new(&product, &request).unwrap();
        let inputs = draft.inputs(&llb_gen::explain::Outside::default()).unwrap();
        assert_eq!(inputs.base.as_ref().unwrap().digest.as_deref(), Some(DIGEST));
        let (lowered, _) = lowered(&product, &request).unwrap();
        let key = lowered.selected.resolve(Some(DIGEST), &BTreeMap::new()).key();
        (lowered.graph.digest().unwrap(), key, inputs.keys())
    };
    let (first, other) = (with("1"), with("2"));
    assert_eq!(first, with("1"));
    assert!(first.0 != other.0 && first.1 != other.1 && first.2 != other.2);
}

#[test]
fn drift_is_told_where_it_is_and_as_severely_as_is_asked() {
    let whole = |members: &str| Documents::new(members, &[("app", APT)]).product();
    let product = whole(r#""base": "debian:bookworm-slim""#);
    let good = || lock(&[("app 1.0.0", &[], apt_entry())]);
    let changed = |change: fn(&mut Value)| {
        let mut lock = good();
        change(&mut lock);
        lock
    };
    let step = "fragments/app/1.0.0/fragment.json:2:11: ";
    let version = "manifests/p.json:1:54: ";
    let table: [(Value, String); 8] = [
        (
            changed(|lock| {
                lock["fragments"]["app 1.0.0"]["linux/amd64"]["steps"]["steps/0"]["asked"] = json!(["wget"]);
            }),
            format!(
                "{step}this step is locked for something else: new `curl` and `vim/backports`; gone `wget`"
            ),
        ),
        (
            changed(|lock| {
                let steps = &mut lock["fragments"]["app 1.0.0"]["linux/amd64"]["steps"];
                let step = steps["steps/0"].take();
                *steps = json!({ "steps/1": step });
            }),
            format!("{step}this step of `app 1.0.0` is not in the lock"),
        ),
        (
            changed(|lock| {
                lock["fragments"]["app 1.0.0"]["linux/amd64"]["built_on"] =
                    json!(["debian:bookworm-slim", "x 1.0.0"]);
            }),
            format!(
                "{version}`app 1.0.0` was locked on `debian:bookworm-slim` and `x 1.0.0`, and is built on `debian:bookworm-slim` now"
            ),
        ),
        (
            changed(|lock| lock["fragments"] = json!({"app 0.9.0": lock["fragments"]["app 1.0.0"].clone()})),
            format!("{version}`app 1.0.0` is not in the lock, which has `app 0.9.0`"),
        ),
        (
            changed(
                |lock| lock["fragments"] = json!({"gone 1.0.0": {"linux/amd64": {"built_on": [], "steps": {}}}, "app 1.0.0": lock["fragments"]["app 1.0.0"].clone()}),
            ),
            "the fragment `gone 1.0.0` is locked, and nothing uses it".to_owned(),
        ),
        (
            changed(|lock| {
                let image = lock["images"]["docker.io/library/debian:bookworm-slim"].clone();
                lock["images"]["docker.io/library/other:1"] = image;
            }),
            "the image `other:1` is locked, and nothing uses it".to_owned(),
        ),
        (
            changed(|lock| {
                let image = lock["images"]["docker.io/library/debian:bookworm-slim"].take();
                lock["images"] = json!({"docker.io/library/debian:13": image});
            }),
            "the base `debian:bookworm-slim` is not in the lock".to_owned(),
        ),
        (changed(|lock| lock["manifest"] = "q".into()), String::new()),
    ];
    for (lock, message) in table.into_iter().filter(|(_, message)| !message.is_empty()) {
        let (_, warnings) = lowered(&product, &locked(&lock, LockMode::Warn)).unwrap();
        let told = messages(&warnings);
        assert!(told.iter().any(|one| one.ends_with(&message)), "{message} is not in {told:#?}");
        let advice = warnings[0].advice().unwrap();
        assert!(advice.contains("`factory lock p` brings"), "{advice}");
        let faults = lowered(&product, &locked(&lock, LockMode::Enforce)).unwrap_err();
        assert!(messages(faults.all()).iter().any(|one| one.ends_with(&message)), "{faults}");
        assert_eq!(lowered(&product, &locked(&lock, LockMode::Quiet)).unwrap().1, []);
    }
}

#[test]
fn what_drifts_is_free_and_the_rest_stays_locked() {
    let product = Documents::new(
        r#""base": "debian:bookworm-slim""#,
        &[("low", r#""steps": [{"apt": {"install": "wget"}}]"#), ("app", APT)],
    )
    .product();
    let low = json!({"steps/0": {"asked": ["nano"], "apt": {"nano": "1"}}});
    let lock = lock(&[("low 1.0.0", &[], low), ("app 1.0.0", &["low 1.0.0"], apt_entry())]);
    let (lowered, warnings) = lowered(&product, &locked(&lock, LockMode::Warn)).unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let scripts: Vec<bool> =
        execs(&lowered.graph).iter().map(|(_, exec)| script(exec).contains("Preferences")).collect();
    assert_eq!(scripts, [false, true], "the one that drifted, and the other");
}

#[test]
fn a_requirements_file_that_changed_is_drift() {
    let product = crate::one(PIP).product();
    let mut request = locked(&lock(&[("app 1.0.0", &[], pip_entry())]), LockMode::Warn);
    request.lock.files.insert("fragments/app/1.0.0/r.txt".to_owned(), OpDigest::of(b"x").to_string());
    let (lowered, warnings) = lowered(&product, &request).unwrap();
    assert_eq!(warnings[0].message(), "`r.txt` is not the file that this step is locked for");
    assert_eq!(warnings[0].labels().len(), 1, "where it is locked");
    assert!(!script(&only_exec(&lowered.graph)).contains("/.factory/lock/"));
}

#[test]
fn a_platform_that_the_lock_does_not_have_is_told_once() {
    let members = r#""base": "debian:bookworm-slim", "platforms": ["linux/amd64", "linux/arm64"]"#;
    let product = Documents::new(members, &[("app", APT)]).product();
    let lock = locked(&lock(&[("app 1.0.0", &[], apt_entry())]), LockMode::Warn).lock;
    let request = Request { lock, ..request("linux/arm64") };
    let (_, warnings) = lowered(&product, &request).unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].message(), "the lock has nothing for `linux/arm64`");
    assert!(warnings[0].place().to_string().starts_with("manifests/p.json:1:1"), "{}", warnings[0].place());
}

#[test]
fn without_a_lock_nothing_is_said_unless_there_must_be_one() {
    let product = crate::one(APT).product();
    assert_eq!(lowered(&product, &amd64()).unwrap().1, []);
    let lock = LockInput { mode: LockMode::Enforce, ..LockInput::default() };
    let faults = lowered(&product, &Request { lock, ..amd64() }).unwrap_err();
    assert_eq!(faults.all()[0].message(), "`p` has no lock");
}

#[test]
fn something_that_stands_in_for_the_base_frees_what_is_built_on_it() {
    let product = crate::one(APT).product();
    let mut request = locked(&lock(&[("app 1.0.0", &[], apt_entry())]), LockMode::Warn);
    request.lock.replaced.insert("debian:bookworm-slim".to_owned());
    let (lowered, warnings) = lowered(&product, &request).unwrap();
    let told = messages(&warnings);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with(
        "a named context stands in for the base `debian:bookworm-slim`, so its lock does not count"
    ));
    assert!(!script(&only_exec(&lowered.graph)).contains("Preferences"));
}

#[test]
fn steps_are_resolved_in_rounds_from_the_base_upwards() {
    let product = Documents::new(
        r#""base": "debian:bookworm-slim""#,
        &[
            (
                "low",
                r#""steps": [{"apt": {"install": "wget"}}, {"apt": {"install": "nano", "upgrade": true}}]"#,
            ),
            ("app", PIP),
            ("beside", r#""builds_on": [], "steps": [{"apt": {"install": "vim"}}]"#),
        ],
    )
    .product();
    let mut lock = Lock::empty("p");
    let mut rounds: Vec<Vec<String>> = Vec::new();
    loop {
        let input = LockInput {
            lock: Some(Arc::new(lock.clone())),
            mode: LockMode::Quiet,
            resolve: true,
            ..LockInput::default()
        };
        let request = Request { lock: input, ..amd64() };
        let (lowered, warnings) = lowered(&product, &request).unwrap();
        assert_eq!(warnings, []);
        if lowered.resolutions.is_empty() {
            break;
        }
        let mut round = Vec::new();
        for one in lowered.resolutions {
            one.answer.verify().unwrap();
            let definition = one.answer.marshal();
            let last = definition.metadata.values().filter(|meta| meta.ignore_cache).count();
            assert_eq!(last, 1, "what is asked is never from the cache, and what it stands on is");
            let exec = execs(&one.answer).pop().unwrap().1;
            mount(&exec, "/.factory/resolved");
            assert!(env(&exec, "FACTORY_STEP").is_some());
            round.push(format!("{} {} {}", one.fragment, one.path, one.title));
            let found = match one.installer {
                llb_gen::lock::Installer::Apt => llb_gen::lock::Resolved::Apt(BTreeMap::new()),
                _ => llb_gen::lock::Resolved::Pip(llb_gen::lock::LockedPip::default()),
            };
            lock.add_step((one.fragment, one.target, one.built_on), one.path, one.asked, found);
        }
        rounds.push(round);
        assert!(rounds.len() < 5, "{rounds:?}");
    }
    let expected: [&[&str]; 3] = [
        &[
            "low 1.0.0 steps/0 [low 1.0.0 1/2] lock apt install wget",
            "beside 1.0.0 steps/0 [beside 1.0.0 1/1] lock apt install vim",
        ],
        &["low 1.0.0 steps/1 [low 1.0.0 2/2] lock apt upgrade, install nano"],
        &["app 1.0.0 steps/0 [app 1.0.0 1/1] lock pip install -r r.txt idna → /opt/venv"],
    ];
    assert_eq!(rounds, expected);
}

#[test]
fn faults_of_a_lock_are_told_all_at_once() {
    let faults = |text: &str| {
        let file = SourceFile::new("manifests/p.lock.json", text.as_bytes());
        messages(Lock::parse(&file).unwrap_err().all())
    };
    let text = "{\"schema_version\": 1, \"manifest\": \"q\",\n\"images\": {\"debian:12\": {\"digest\": \"x\", \"platforms\": {}}},\n\
                \"fragments\": {\"core\": {}, \"app 1.0.0\": {\"linux/amd64\": {\"built_on\": [], \"steps\": {\"steps/0\": {\"asked\": []}}}}}}";
    let found = faults(text);
    assert!(found[0].starts_with("manifests/p.lock.json:2:"), "{found:?}");
    assert!(
        found
            .iter()
            .any(|one| one.contains(":3:15: ") && one.contains("`core` is not a fragment in a version")),
        "{found:?}"
    );
    let step = "{\"schema_version\": 1, \"manifest\": \"q\", \"images\": {}, \"fragments\": {\"app 1.0.0\": {\"linux/amd64\": \
                {\"built_on\": [], \"steps\": {\"steps/0\": {\"asked\": []}, \"steps/1\": {\"asked\": [], \"pip\": {\"files\": {}, \
                \"options\": [], \"packages\": {\"a\": {\"version\": \"1\", \"hashes\": []}}}}}}}}}";
    let found = faults(step);
    let told = ["this is the lock of `q`", "the step does not say what it resolved to", "`a` has no hash"];
    assert!(told.iter().all(|message| found.iter().any(|one| one.ends_with(message))), "{found:?}");
    assert_eq!(faults("{\"schema_version\": 2}"), ["manifests/p.lock.json:1:1: this lock is of version 2"]);
}

#[test]
fn what_changes_is_told_by_names_and_versions() {
    let before = parsed(&lock(&[("app 1.0.0", &[], apt_entry())]));
    let mut entry = apt_entry();
    entry["steps/0"]["apt"] = json!({"curl": "7.88-2", "libnew": "1", "vim": "2:9-1"});
    let mut now = lock(&[("app 1.0.0", &[], entry)]);
    now["images"]["docker.io/library/debian:bookworm-slim"]["digest"] = DIGEST.replace('0', "f").into();
    let difference = Difference::between(Some(&before), &parsed(&now));
    let expected = format!(
        "~ image debian:bookworm-slim {DIGEST} -> {}\n~ apt curl 7.88-1 -> 7.88-2 (app, linux/amd64)\n\
         - apt libcurl4 7.88-1 (app, linux/amd64)\n+ apt libnew 1 (app, linux/amd64)\n",
        DIGEST.replace('0', "f")
    );
    assert_eq!(difference.text(), expected);
    assert!(Difference::between(None, &before).text().starts_with("+ image debian:bookworm-slim"));
}

#[test]
fn what_is_locked_is_not_asked_to_be_pinned_again() {
    let found = |members: &str, request: &Request| -> Vec<String> {
        let product = crate::one(members).product();
        let draft = Draft::new(&product, request).unwrap();
        llb_gen::lint::lint(&product, &[draft], None).iter().map(|one| one.rule().to_owned()).collect()
    };
    let whole = |entry: Value| locked(&lock(&[("app 1.0.0", &[], entry)]), LockMode::Warn);
    assert_eq!(found(APT, &amd64()), ["unpinned-apt", "unpinned-image"]);
    assert_eq!(found(APT, &whole(apt_entry())), [""; 0]);
    let mut other = apt_entry();
    other["steps/0"]["apt"] = json!({"curl:amd64": "7.88-1"});
    assert_eq!(found(APT, &whole(other)), ["unpinned-apt"], "`vim` is not");
    assert_eq!(found(PIP, &amd64()), ["unpinned-pip", "unpinned-image"]);
    assert_eq!(found(PIP, &whole(pip_entry())), [""; 0]);
}
