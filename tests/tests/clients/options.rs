//! Options of `docker buildx build`, each by what it changes in the result.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

use factory_tests::{
    BuildOptions, Lab, Output, Project, Repository, on_debian, on_scratch, run, sha256, unique,
};
use serde_json::json;

use crate::bases::{local, on_tiny, text, tiny};

#[test]
fn what_every_step_is_surrounded_with() {
    let project = on_tiny(json!([{"run": [
        "grep special /etc/hosts > /hosts",
        "grep /dev/shm /proc/mounts > /shm",
        "ulimit -Sn > /soft; ulimit -Hn > /hard",
        "hostname > /hostname",
        "ls /sys/class/net > /network",
        "cat /proc/self/cgroup > /cgroup",
        "echo $HTTPS_PROXY $no_proxy > /proxies"
    ]}]));
    let options = local().words(&[
        "--add-host",
        "special.example:10.1.2.3",
        "--shm-size",
        "32m",
        "--ulimit",
        "nofile=1234:2345",
        "--network",
        "none",
        "--cgroup-parent",
        "factory-clients",
        "--build-arg",
        "BUILDKIT_SANDBOX_HOSTNAME=a-box",
        "--build-arg",
        "HTTPS_PROXY=http://proxy.example:1",
        "--build-arg",
        "no_proxy=all.example",
    ]);
    let outcome = project.build(&options).succeeded();
    let said = |name: &str| text(&outcome, name);
    assert_eq!(said("hosts").split_whitespace().collect::<Vec<_>>(), ["10.1.2.3", "special.example"]);
    assert!(said("shm").contains("size=32768k"), "{}", said("shm"));
    assert_eq!((said("soft"), said("hard")), ("1234".to_owned(), "2345".to_owned()));
    assert_eq!(said("hostname"), "a-box");
    assert_eq!(said("network"), "lo");
    assert!(said("cgroup").contains("factory-clients") || said("cgroup") == "0::/", "{}", said("cgroup"));
    assert_eq!(said("proxies"), "http://proxy.example:1 all.example");
}

#[test]
fn arguments_labels_and_annotations() {
    let only = json!({"args": {"GREETING": "hello"}, "steps": [{"run": "echo $GREETING > /said"}]});
    let project = Project::new(tiny(), &[("only", only)]);
    project.amend_manifest(json!({"config": {
        "labels": {"of": "the manifest", "kept": "yes"}, "annotations": {"org.example.of": "the manifest"}
    }}));
    let options = BuildOptions::oci().words(&[
        "--build-arg",
        "GREETING=good day",
        "--build-arg",
        "GRETING=typo",
        "--label",
        "of=the client",
        "--annotation",
        "org.example.by=the client",
        "--annotation",
        "index:org.example.index=1",
    ]);
    let outcome = project.build(&options.words(&["--provenance=mode=min"])).succeeded();
    let image = outcome.image();
    assert_eq!(image.filesystem().at("said").sha256(), Some(sha256(b"good day\n").as_str()));
    assert_eq!((image.label("of"), image.label("kept")), (Some("the client"), Some("yes")));
    let annotations = image.manifest().annotations().clone().unwrap();
    assert_eq!(annotations["org.example.of"], "the manifest");
    assert_eq!(annotations["org.example.by"], "the client");
    let warned: Vec<&String> =
        outcome.progress.warnings.iter().filter(|one| one.contains("GRETING")).collect();
    assert_eq!(warned.len(), 1, "{:?}", outcome.progress.warnings);
}

#[test]
fn a_metadata_file_and_the_history_say_what_was_built() {
    let project = on_tiny(json!([{"run": format!("echo {} > /f", unique())}]));
    let outcome = project.build(&BuildOptions::oci().words(&["--provenance=mode=max"])).succeeded();
    let reference = outcome.metadata["buildx.build.ref"].as_str().unwrap();
    let identifier = reference.rsplit('/').next().unwrap();
    assert!(outcome.metadata["buildx.build.provenance"].is_object(), "{}", outcome.metadata);
    let mut inspect = Lab::get().buildx();
    let inspected = run(inspect.args(["history", "inspect", "--format", "json", identifier]));
    let history: serde_json::Value =
        serde_json::from_str(inspected.expect("buildx history inspect")).unwrap();
    assert_eq!(history["Status"], "completed", "{history:#}");
    assert!(history.to_string().contains("product.json"), "{history:#}");
    let materials = history["Materials"].as_array().unwrap();
    let base = materials.iter().find(|one| one["URI"].as_str().unwrap_or_default().contains("tiny"));
    assert!(base.is_some_and(|base| base["Digests"].to_string().contains("sha256:")), "{history:#}");
}

/// A product of two fragments that stand on one another.
fn two() -> Project {
    let fragment =
        |name: &str| json!({"steps": [{"run": format!("date +%s%N > /{name}; echo {}", unique())}]});
    Project::new(tiny(), &[("one", fragment("one")), ("two", fragment("two"))])
}

#[test]
fn a_target_is_a_part_of_the_product() {
    let options = BuildOptions { target: Some("fragment/one".to_owned()), ..local() };
    let outcome = two().build(&options).succeeded();
    assert!(outcome.folder().join("one").exists() && !outcome.folder().join("two").exists());
}

#[test]
fn no_cache_is_for_all_or_for_named_fragments() {
    let _alone = Lab::get().alone();
    let project = two();
    let ran = |words: &[&str]| -> Vec<String> {
        let outcome = project.build(&BuildOptions::default().words(words)).succeeded();
        let names = outcome.progress.ran().into_iter().filter(|name| name.contains("date"));
        names.map(|name| name[1..4].to_owned()).collect::<BTreeSet<_>>().into_iter().collect()
    };
    assert_eq!(ran(&[]), ["one", "two"]);
    assert_eq!(ran(&[]), Vec::<String>::new());
    assert_eq!(ran(&["--no-cache-filter", "two"]), ["two"]);
    assert_eq!(ran(&["--no-cache"]), ["one", "two"]);
}

#[test]
fn an_epoch_and_rewritten_times_give_the_same_image_twice() {
    let project = on_tiny(json!([
        {"run": "echo x > /made && mkdir -p /tmp/noise"},
        {"file": {"path": "/f", "content": unique()}}
    ]));
    let folder = tempfile::tempdir().unwrap();
    let built = |name: &str| {
        let into = format!("type=oci,rewrite-timestamp=true,dest={}", folder.path().join(name).display());
        let options = BuildOptions::default().build_arg("SOURCE_DATE_EPOCH", "1700000000");
        let outcome = project.build(&options.words(&["--no-cache", "--output", &into])).succeeded();
        outcome.digest().to_owned()
    };
    assert_eq!(built("first"), built("second"));
    let image = factory_tests::oci::OciLayout::open(&folder.path().join("first")).only_image();
    assert_eq!(image.config_json()["created"], "2023-11-14T22:13:20Z");
    // What the base has keeps the times that it has.
    let tree = image.filesystem();
    assert_eq!(["made", "f"].map(|path| tree.at(path).mtime), [1_700_000_000_000_000_000; 2]);
}

/// An image with one file that says where it is from.
fn saying(word: &str, output: Output) {
    let project = on_scratch(json!([{"file": {"path": "/from", "content": word}}]));
    let _ = project.build(&BuildOptions { output, ..BuildOptions::default() }).succeeded();
}

#[test]
fn pull_asks_the_registry_in_place_of_the_store() {
    let reference = Repository::fresh().tag("moved");
    saying("registry", Output::Push(reference.clone()));
    saying("store", Output::Store(reference.clone()));
    let project = Project::new(&reference, &[("only", json!({"steps": []}))]);
    let from = |words: &[&str]| text(&project.build(&local().words(words)).succeeded(), "from");
    let seen = [from(&[]), from(&["--pull"])];
    let _ = run(Lab::get().docker().args(["image", "rm", "--force", &reference]));
    assert_eq!(seen, ["store", "registry"]);
}

#[test]
fn secrets_of_files_and_variables_reach_their_step_alone() {
    let project = on_tiny(json!([
        {"run": ["cat /run/secrets/token > /file", "echo $TOKEN > /variable"],
         "secrets": [{"id": "token"}, {"id": "other", "env": "TOKEN"}]},
        {"run": "ls /run/secrets > /after 2>&1 || true; echo \"$TOKEN\" >> /after"}
    ]));
    let given = Project::empty();
    given.write("token", "in a file");
    let file = format!("id=token,src={}", given.path("token").display());
    let options = local().env("OTHER_TOKEN", "in a variable");
    let outcome = project
        .build(&options.words(&["--secret", &file, "--secret", "id=other,env=OTHER_TOKEN"]))
        .succeeded();
    assert_eq!(
        (text(&outcome, "file"), text(&outcome, "variable")),
        ("in a file".into(), "in a variable".into())
    );
    let after = text(&outcome, "after");
    assert!(!after.contains("token") && !after.contains("variable"), "{after}");
    let project = on_tiny(json!([{"run": format!("echo {}", unique()), "secrets": [{"id": "token"}]}]));
    let missing = project.build(&local()).failed();
    assert!(missing.message.contains("token"), "{}", missing.message);
    assert!(missing.message.contains(">>>"), "{}", missing.message);
}

/// An agent that holds one key and signs nothing.
fn agent(listener: UnixListener, comment: &str) {
    let string = |text: &[u8]| [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat();
    let key = [string(b"ssh-ed25519"), string(&[7; 32])].concat();
    let answer = [&[12, 0, 0, 0, 1][..], &string(&key), &string(comment.as_bytes())].concat();
    let framed = string(&answer);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let framed = framed.clone();
            std::thread::spawn(move || {
                let mut length = [0; 4];
                while stream.read_exact(&mut length).is_ok() {
                    let mut request = vec![0; u32::from_be_bytes(length) as usize];
                    // The other end may go at any time.
                    if stream.read_exact(&mut request).and_then(|()| stream.write_all(&framed)).is_err() {
                        return;
                    }
                }
            });
        }
    });
}

#[test]
fn an_agent_is_reached_by_the_steps_that_ask_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent");
    let comment = unique();
    agent(UnixListener::bind(&socket).unwrap(), &comment);
    // Asks for the keys; the answer comes in two pieces.
    let ask = "perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un($ENV{SSH_AUTH_SOCK})) or die $!; \
               syswrite(S, pack(\"NC\", 1, 11)); read(S, $n, 4); read(S, $a, unpack(\"N\", $n)); print $a'";
    let given = format!("default={}", socket.display());
    let step = format!("{ask} | grep -aq {comment} && touch /found");
    let outcome = on_debian(json!([{"run": step, "ssh": ["default"]}]))
        .build(&BuildOptions::oci().words(&["--ssh", &given]))
        .succeeded();
    assert!(outcome.image().filesystem().get("found").is_some());
    let project = on_debian(json!([{"run": format!("echo {}", unique()), "ssh": ["default"]}]));
    let missing = project.build(&BuildOptions::default()).failed();
    assert!(missing.message.contains("ssh") || missing.message.contains("default"), "{}", missing.message);
}
