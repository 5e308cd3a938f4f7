//! Small products, each built by the real client: what is in the image is what the fragments say.

use factory_tests::tree::{Kind, Tree};
use factory_tests::{BuildOptions, Project, on_debian, on_scratch, sha256};
use serde_json::{Value, json};

/// The time that files get where no `SOURCE_DATE_EPOCH` is given, in nanoseconds: the start of 1980.
const DEFAULT_TIME: i64 = 315_532_800 * 1_000_000_000;

#[track_caller]
fn assert_content(tree: &Tree, path: &str, expected: &str) {
    let digest = sha256(expected.as_bytes());
    assert_eq!(tree.at(path).sha256(), Some(digest.as_str()), "{path}: expected {expected:?}");
}

#[test]
fn file_steps_on_scratch_make_exactly_what_they_say() {
    let project = on_scratch(json!([
        {"mkdir": {"path": ["/srv/a", "/srv/b"], "chmod": "0750", "chown": "7:8"}},
        {"file": {"path": "/srv/a/f.txt", "content": "one\ntwo", "chmod": "0640", "chown": "1000:1001"}},
        {"copy": {"src": "own.txt", "dest": "/srv/own.txt"}},
        {"copy": {"src": "tree/", "dest": "/srv/tree/", "chown": "5:6"}},
        {"copy": {"from": "context", "src": "app/main.txt", "dest": "/srv/main.txt", "chmod": "0600"}},
        {"symlink": {"path": "/srv/link", "target": "a/f.txt"}},
        {"remove": {"path": "/srv/b"}}
    ]));
    project.fragment_file("only", "own.txt", "own").chmod("fragments/only/0.1.0/own.txt", 0o755);
    project.fragment_file("only", "tree/x/y", "deep").write("app/main.txt", "main");
    let image = project.build(&BuildOptions::oci()).succeeded().image();
    let tree = image.filesystem();
    let paths: Vec<String> = tree.paths().collect();
    let expected = [
        "srv",
        "srv/a",
        "srv/a/f.txt",
        "srv/link",
        "srv/main.txt",
        "srv/own.txt",
        "srv/tree",
        "srv/tree/x",
        "srv/tree/x/y",
    ];
    assert_eq!(paths, expected);
    assert_eq!((tree.at("srv/a").mode, tree.at("srv/a").owner()), (0o750, (7, 8)));
    assert_eq!(tree.at("srv/a/f.txt").mtime, DEFAULT_TIME);
    assert_content(&tree, "srv/a/f.txt", "one\ntwo");
    assert_eq!((tree.at("srv/a/f.txt").mode, tree.at("srv/a/f.txt").owner()), (0o640, (1000, 1001)));
    assert_content(&tree, "srv/own.txt", "own");
    assert_eq!((tree.at("srv/own.txt").mode, tree.at("srv/own.txt").owner()), (0o755, (0, 0)));
    assert_content(&tree, "srv/tree/x/y", "deep");
    assert_eq!(tree.at("srv/tree/x").owner(), (5, 6));
    assert_content(&tree, "srv/main.txt", "main");
    assert_eq!(tree.at("srv/main.txt").mode, 0o600);
    assert_eq!(tree.at("srv/link").kind, Kind::Symlink("a/f.txt".into()));
    assert_eq!(image.history_with_layers(), image.layer_digests().len());
}

/// The new entries of a product on Debian, and what the image says about itself.
fn debian(fragment: Value, prepare: impl Fn(&Project)) -> (Tree, factory_tests::oci::OciImage) {
    let project = Project::new("debian:bookworm-slim", &[("only", fragment)]);
    prepare(&project);
    let image = project.build(&BuildOptions::oci()).succeeded().image();
    let mut tree = Tree::default();
    (1..image.layer_digests().len()).for_each(|index| tree.apply(image.layer(index)));
    (tree, image)
}

#[test]
fn run_takes_text_lines_programs_and_scripts() {
    let steps = json!([
        {"run": "echo $((1 + 1)) > /text"},
        {"run": ["cd /tmp", "greeting=hello", "echo \"$greeting from $PWD\" > /lines"]},
        {"run": {"exec": ["/bin/sh", "-c", "echo \"$0 $1\" > /exec", "a b", "$HOME"]}},
        {"run": {"script": "make.sh", "args": ["x y"]}},
        {"run": "echo \"$(id -u):$(id -g) $PWD $OWN $LEVEL\" > where", "user": "33", "workdir": "/var/tmp",
         "env": {"OWN": "step"}}
    ]);
    let fragment = json!({"env": {"LEVEL": "fragment"}, "steps": steps});
    let (tree, image) = debian(fragment, |project| {
        project.fragment_file("only", "make.sh", "#!/bin/sh\necho \"script $1 $LEVEL\" > /script\n");
        project.chmod("fragments/only/0.1.0/make.sh", 0o755);
    });
    assert_content(&tree, "text", "2\n");
    assert_content(&tree, "lines", "hello from /tmp\n");
    assert_content(&tree, "exec", "a b $HOME\n");
    assert_content(&tree, "script", "script x y fragment\n");
    assert_content(&tree, "var/tmp/where", "33:33 /var/tmp step fragment\n");
    assert_eq!(image.env("LEVEL"), Some("fragment"));
    assert_eq!(image.env("OWN"), None, "a step's own variable is not the image's");
}

#[test]
fn a_script_of_lines_stops_at_the_first_failure() {
    let project = on_debian(json!([{"run": ["false", "echo went on > /went-on"]}]));
    let outcome = project.build(&BuildOptions::default()).failed();
    assert!(outcome.message.contains("exit code: 1"), "{}", outcome.message);
}

#[test]
fn what_a_step_leaves_behind_has_one_time() {
    let steps = json!([
        {"run": "mkdir /d && echo 1 > /d/f"},
        {"file": {"path": "/e/f", "content": "1"}}
    ]);
    let (tree, _) = debian(json!({"steps": steps}), |_| {});
    for path in ["d", "d/f", "e/f"] {
        assert_eq!(tree.at(path).mtime, DEFAULT_TIME, "{path}");
    }
}

#[test]
fn files_that_steps_mount_are_not_in_the_image() {
    let step = json!({"run": {"script": "look.sh"}});
    let (tree, _) = debian(json!({"steps": [step]}), |project| {
        let script = "#!/bin/sh\ncp \"$0\" /copy\nls -d /helper /frontend /.factory* /run/factory* 2>/dev/null > /seen || true\n";
        project.fragment_file("only", "look.sh", script).chmod("fragments/only/0.1.0/look.sh", 0o755);
    });
    let left: Vec<String> = tree.paths().filter(|path| !["copy", "seen"].contains(&path.as_str())).collect();
    let allowed = |path: &String| ["proc", "sys", "dev", "etc", "run"].contains(&path.as_str());
    let strange: Vec<&String> = left.iter().filter(|path| !allowed(path)).collect();
    assert!(strange.is_empty(), "a step left {strange:?}");
}

#[test]
fn arguments_and_variables_expand_from_below() {
    let project = Project::new(
        "debian:bookworm-slim",
        &[
            (
                "lower",
                json!({
                    "args": {"PORT": {"type": "int", "default": 1}},
                    "env": {"PATH": "/opt/lower/bin:${PATH}", "LOWER": "port ${PORT}"},
                    "steps": [{"run": "echo \"$PATH $PORT\" > /lower"}]
                }),
            ),
            (
                "upper",
                json!({
                    "env": {"PATH": "/opt/upper/bin:${PATH}", "UPPER": "${LOWER}!"},
                    "steps": [{"file": {"path": "/upper/${UPPER}", "content": "x"}}]
                }),
            ),
        ],
    );
    project.amend_manifest(json!({"args": {"PORT": "2"}}));
    let image = project.build(&BuildOptions::oci().build_arg("PORT", "8081")).succeeded().image();
    let path = image.env("PATH").unwrap();
    assert!(path.starts_with("/opt/upper/bin:/opt/lower/bin:/usr/local/sbin"), "{path}");
    assert_eq!((image.env("LOWER"), image.env("UPPER")), (Some("port 8081"), Some("port 8081!")));
    assert_eq!(image.env("PORT"), None, "arguments are not the image's");
    let tree = image.filesystem();
    assert_eq!(tree.at("upper/port 8081!").mode, 0o644);
    let expected = format!("{} 8081\n", path.strip_prefix("/opt/upper/bin:").unwrap());
    assert_content(&tree, "lower", &expected);
    let manifest_value = project.build(&BuildOptions::oci()).succeeded().image();
    assert_eq!(manifest_value.env("LOWER"), Some("port 2"), "the manifest's value goes before the default");
}

#[test]
fn the_image_says_what_the_fragments_say() {
    let config = json!({
        "user": "33:33", "workdir": "/srv/app", "expose": ["8080/tcp", "53/udp"], "volumes": ["/data"],
        "entrypoint": ["/bin/app", "--flag"], "cmd": ["serve"], "stop_signal": "SIGINT",
        "labels": {"a.b": "fragment", "kept": "yes"}, "shell": ["/bin/bash", "-c"],
        "healthcheck": {"exec": ["/bin/true"], "interval": "5s", "retries": 2}
    });
    let project = Project::new("debian:bookworm-slim", &[("only", json!({"config": config}))]);
    project.amend_manifest(json!({"config": {"labels": {"a.b": "manifest"}}}));
    let image = project.build(&BuildOptions::oci().words(&["--label", "given=here"])).succeeded().image();
    let config = &image.config_json()["config"];
    let members = [
        ("User", json!("33:33")),
        ("WorkingDir", json!("/srv/app")),
        ("ExposedPorts", json!({"8080/tcp": {}, "53/udp": {}})),
        ("Volumes", json!({"/data": {}})),
        ("Entrypoint", json!(["/bin/app", "--flag"])),
        ("Cmd", json!(["serve"])),
        ("StopSignal", json!("SIGINT")),
        ("Labels", json!({"a.b": "manifest", "kept": "yes", "given": "here"})),
        ("Shell", json!(["/bin/bash", "-c"])),
        ("Healthcheck", json!({"Test": ["CMD", "/bin/true"], "Interval": 5_000_000_000_i64, "Retries": 2})),
    ];
    for (member, expected) in members {
        assert_eq!(config[member], expected, "{member}");
    }
    let workdir = image.filesystem().at("srv/app");
    assert_eq!((workdir.owner(), workdir.kind), ((0, 0), Kind::Directory));
    assert_eq!(image.history_with_layers(), image.layer_digests().len());
}

#[test]
fn an_empty_product_is_its_base() {
    let project =
        Project::new("debian:bookworm-slim", &[("only", json!({"config": {"labels": {"x": "y"}}}))]);
    project.write("Dockerfile", "FROM debian:bookworm-slim\nLABEL x=y\n");
    let ours = project.build(&BuildOptions::oci()).succeeded().image();
    let theirs = project.dockerfile_build("Dockerfile", &BuildOptions::oci()).succeeded().image();
    assert_eq!(ours.layer_digests(), theirs.layer_digests());
    assert_eq!(ours.label("x"), Some("y"));
    assert_eq!(ours.config_json()["config"]["Cmd"], theirs.config_json()["config"]["Cmd"]);
}

#[test]
fn conditions_choose_steps_by_platform() {
    let project = on_scratch(json!([
        {"file": {"path": "/here", "content": "1"}, "when": {"platform": ["linux/amd64", "linux/arm64"]}},
        {"file": {"path": "/elsewhere", "content": "1"}, "when": {"platform": "linux/s390x"}}
    ]));
    let paths: Vec<String> =
        project.build(&BuildOptions::oci()).succeeded().image().filesystem().paths().collect();
    assert_eq!(paths, ["here"]);
}

#[test]
fn without_the_cache_and_with_an_epoch_the_same_bytes_come_out_twice() {
    let project = on_debian(json!([
        {"run": "date +%s > /made && mkdir -p /var/cache/x && echo $RANDOM > /tmp/noise"},
        {"file": {"path": "/f", "content": "x"}}
    ]));
    let options = BuildOptions::oci().build_arg("SOURCE_DATE_EPOCH", "1735689600").words(&["--no-cache"]);
    let first = project.build(&options).succeeded();
    assert!(first.progress.ran().iter().any(|name| name.contains("date")), "{:?}", first.progress.ran());
    let image = first.image();
    assert_eq!(image.config_json()["created"], "2025-01-01T00:00:00Z");
    let second = project.build(&options).succeeded();
    let (one, two) = (image.filesystem(), second.image().filesystem());
    let ignored = factory_tests::tree::Ignore::nothing().path("made");
    one.assert_same(&two, &ignored);
    let of_file = |image: &factory_tests::oci::OciImage| image.layer_digests().pop();
    assert_eq!(of_file(&image), of_file(&second.image()));
}
