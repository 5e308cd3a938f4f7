//! `run`, `apt`, `pip`, `user`: processes under the step wrapper.

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use llb_gen::llb::{Cap, HostIp, Network, Resources, Ulimit};
use llb_gen::request::{NoCache, Sandbox};
use serde_json::json;

use crate::{amd64, env, execs, mount, one, only_exec, request, spec};

fn args(exec: &pb::ExecOp) -> Vec<&str> {
    exec.meta.as_ref().unwrap().args.iter().map(String::as_str).collect()
}

fn run(members: &str) -> pb::ExecOp {
    only_exec(&one(&format!(r#""steps": [{{{members}}}]"#)).lower(&amd64()).graph)
}

#[test]
fn text_goes_to_the_shell_under_the_wrapper() {
    let exec = run(r#""run": "echo $HOME ${X}""#);
    assert_eq!(
        args(&exec),
        ["/.factory/run", "/bin/sh", "-c", "echo $HOME ${X}"],
        "the shell expands, we do not"
    );
    let wrapper = mount(&exec, "/.factory/run");
    assert!(wrapper.readonly);
    assert_eq!(wrapper.selector, "/helper", "the wrapper is a file of its own");
    assert_eq!(spec(&exec), json!({"epoch": 315_532_800, "cwd": "/", "lower": "/.factory/lower"}));
    assert_eq!(mount(&exec, "/").output, 0);
    assert_eq!(mount(&exec, "/.factory/out").output, 1, "evidence is an output of its own");
    assert_eq!(mount(&exec, "/.factory/lower").content_cache, pb::MountContentCache::Off as i32);
    assert_eq!(exec.meta.as_ref().unwrap().user, "", "the wrapper is root; it drops to the user itself");
}

#[test]
fn lines_are_one_script_that_stops_at_the_first_failure() {
    assert_eq!(args(&run(r#""run": ["a", "b"]"#))[3], "set -e\na\nb");
    assert_eq!(args(&run(r#""run": ["a"]"#))[3], "a");
}

#[test]
fn argv_goes_without_a_shell() {
    assert_eq!(args(&run(r#""run": {"exec": ["/bin/x", "a b"]}"#)), ["/.factory/run", "/bin/x", "a b"]);
}

#[test]
fn a_script_is_mounted_with_a_mode_that_runs() {
    let lowered = one(r#""steps": [{"run": {"script": "bin/go.sh", "args": ["x"]}}]"#).lower(&amd64());
    let exec = only_exec(&lowered.graph);
    assert_eq!(args(&exec), ["/.factory/run", "/.factory/fragment/scripts/go.sh", "x"]);
    assert!(mount(&exec, "/.factory/fragment/scripts").readonly);
    let (_, collected) = &crate::file_ops(&lowered.graph)[0];
    match &collected.actions[0].action {
        Some(pb::file_action::Action::Copy(copy)) => {
            assert_eq!((copy.src.as_str(), copy.mode), ("/fragments/app/1.0.0/bin/go.sh", 0o755));
            assert!(!copy.allow_empty_wildcard);
        }
        other => panic!("unexpected action {other:?}"),
    }
}

#[test]
fn who_where_and_what_counts_as_success_are_the_wrapper_s() {
    let exec = run(r#""run": "x", "user": "app:7", "workdir": "sub", "valid_exit_codes": [0, 3]"#);
    let spec = spec(&exec);
    assert_eq!((&spec["user"], &spec["cwd"]), (&json!("app:7"), &json!("/sub")));
    assert_eq!(spec["valid_exit_codes"], json!([0, 3]));
    assert!(exec.meta.as_ref().unwrap().valid_exit_codes.is_empty(), "older engines ignore the field");
}

#[test]
fn a_step_that_must_be_process_1_goes_without_the_wrapper() {
    let exec = run(r#""run": "x", "pid1": true, "user": "app""#);
    assert_eq!(args(&exec), ["/bin/sh", "-c", "x"]);
    assert_eq!(exec.meta.as_ref().unwrap().user, "app");
    assert!(exec.mounts.iter().all(|mount| mount.dest != "/.factory/out"));
}

#[test]
fn network_and_security_are_the_step_s_own_else_the_build_s() {
    let none = run(r#""run": "x", "network": "none""#);
    assert_eq!(none.network, pb::NetMode::None as i32);
    assert!(none.mounts.iter().all(|mount| mount.dest != "/.factory/ca.crt"), "no network, no certificates");
    let request = llb_gen::request::Request {
        sandbox: Sandbox { network: Network::Host, ..Sandbox::default() },
        ..amd64()
    };
    let exec = only_exec(&one(r#""steps": [{"run": "x"}]"#).lower(&request).graph);
    assert_eq!(exec.network, pb::NetMode::Host as i32);
    assert_eq!(run(r#""run": "x", "security": "insecure""#).security, pb::SecurityMode::Insecure as i32);
}

#[test]
fn the_build_s_options_reach_every_step() {
    let sandbox = Sandbox {
        extra_hosts: vec![HostIp { host: "a".into(), ip: "10.0.0.1".into() }],
        ulimits: vec![
            Ulimit { name: "nofile".into(), soft: 1, hard: 2 },
            Ulimit { name: "core".into(), soft: 0, hard: 0 },
        ],
        shm_size: Some(1 << 20),
        cgroup_parent: Some("c".into()),
        hostname: Some("h".into()),
        ..Sandbox::default()
    };
    let request = llb_gen::request::Request { sandbox, ..amd64() };
    let documents =
        one(r#""steps": [{"run": "x", "ulimits": {"nofile": "5"}, "extra_hosts": {"b": "10.0.0.2"}}]"#);
    let exec = only_exec(&documents.lower(&request).graph);
    let meta = exec.meta.as_ref().unwrap();
    let limits: Vec<(&str, i64)> =
        meta.ulimit.iter().map(|limit| (limit.name.as_str(), limit.soft)).collect();
    assert_eq!(limits, [("core", 0), ("nofile", 5)], "the step's own word stands");
    let hosts: Vec<&str> = meta.extra_hosts.iter().map(|host| host.host.as_str()).collect();
    assert_eq!(hosts, ["a", "b"]);
    assert_eq!(mount(&exec, "/dev/shm").tmpfs_opt.as_ref().unwrap().size, 1 << 20);
    assert_eq!((meta.cgroup_parent.as_str(), meta.hostname.as_str()), ("c", "h"));
}

#[test]
fn secrets_agents_and_caches_are_mounts() {
    let exec = run(
        r#""run": "x", "secrets": [{"id": "token"}, {"id": "key", "env": "KEY", "required": false}], "ssh": [{}],
            "cache": ["/root/.cache/x", {"path": "/c", "id": "mine", "sharing": "locked", "chown": "7", "chmod": "0700"}]"#,
    );
    let secret = mount(&exec, "/run/secrets/token").secret_opt.as_ref().unwrap();
    assert_eq!((secret.id.as_str(), secret.mode, secret.optional), ("token", 0o400, false));
    assert_eq!((exec.secretenv[0].name.as_str(), exec.secretenv[0].optional), ("KEY", true));
    assert_eq!(env(&exec, "SSH_AUTH_SOCK"), Some("/run/buildkit/ssh_agent.0"));
    assert_eq!(mount(&exec, "/run/buildkit/ssh_agent.0").ssh_opt.as_ref().unwrap().id, "default");
    let cache = mount(&exec, "/root/.cache/x").cache_opt.as_ref().unwrap();
    assert_eq!(cache.id, "//root/.cache/x", "the id that the Dockerfile frontend gives");
    let owned = mount(&exec, "/c");
    assert_eq!((owned.selector.as_str(), owned.cache_opt.as_ref().unwrap().id.as_str()), ("/cache", "/mine"));
    assert!(owned.input >= 0, "owner and mode come from a folder that has them");
}

#[test]
fn apt_keeps_archives_and_lists_in_locked_caches_of_the_platform() {
    let documents =
        one(r#""steps": [{"apt": {"upgrade": true, "install": ["curl", "git=1:2.39"], "hold": ["git"]}}]"#);
    let exec = only_exec(&documents.lower(&request("linux/arm64")).graph);
    let script = *args(&exec).last().unwrap();
    let lines: Vec<&str> = script.lines().collect();
    assert_eq!(lines[0], "set -e");
    assert!(
        lines[1].starts_with("apt-get ") && lines[1].ends_with("--no-install-recommends update"),
        "{script}"
    );
    assert!(lines[2].ends_with("--with-new-pkgs upgrade"), "{script}");
    assert!(lines[3].ends_with("install 'curl' 'git=1:2.39'"), "{script}");
    assert_eq!(lines[4], "apt-mark hold 'git'");
    for (dest, id) in [
        ("/var/cache/apt", "/factory-apt-archives-linux/arm64"),
        ("/var/lib/apt/lists", "/factory-apt-lists-linux/arm64"),
    ] {
        let cache = mount(&exec, dest).cache_opt.as_ref().unwrap();
        assert_eq!((cache.id.as_str(), cache.sharing), (id, pb::CacheSharingOpt::Locked as i32));
    }
    assert_eq!(spec(&exec)["clean"], json!(["apt", "tmp"]));
    assert_eq!(spec(&exec)["docker_clean"], true);
    assert_eq!(env(&exec, "DEBIAN_FRONTEND"), Some("noninteractive"));
    assert_eq!((env(&exec, "PYTHONDONTWRITEBYTECODE"), env(&exec, "PYTHONHASHSEED")), (Some("1"), Some("0")));
}

#[test]
fn caches_of_apt_and_pip_are_kept_when_the_step_runs_without_cache() {
    let request = llb_gen::request::Request { no_cache: NoCache::Everything, ..amd64() };
    let steps =
        r#""steps": [{"apt": {"install": "x"}}, {"pip": {"packages": "y"}}, {"run": "z", "cache": ["/c"]}]"#;
    let lowered = one(steps).lower(&request);
    let execs = execs(&lowered.graph);
    for (at, kept) in [(0, 2), (1, 1), (2, 0)] {
        // What the daemon would empty: the ids whose last mount does not start from a filesystem.
        let exec = &execs[at].1;
        let caches = exec.mounts.iter().filter_map(|mount| Some((mount.cache_opt.as_ref()?, mount.input)));
        let last: BTreeMap<&str, bool> =
            caches.map(|(cache, input)| (cache.id.as_str(), input >= 0)).collect();
        assert_eq!(last.values().filter(|kept| **kept).count(), kept, "{}: {last:?}", execs[at].0);
        assert_eq!(last.len(), kept.max(1));
    }
    let metadata = lowered.definition().unwrap().metadata;
    let is_keeper =
        |meta: &&pb::OpMetadata| meta.description.values().any(|name| name == "[internal] keep caches");
    let keepers: Vec<bool> = metadata.values().filter(is_keeper).map(|meta| meta.ignore_cache).collect();
    assert_eq!(keepers, [false], "one filesystem for all of them, build after build");
}

#[test]
fn apt_sources_are_files_before_the_step() {
    let checksum = "a".repeat(64);
    let documents = one(&format!(
        r#""steps": [{{"apt": {{"install": "x", "sources": [{{"name": "extra", "uris": "https://example.org/deb",
            "suites": "stable", "components": "main", "key": {{"url": "https://example.org/k.gpg", "checksum": "sha256:{checksum}"}}}}]}}}}]"#
    ));
    let lowered = documents.lower(&amd64());
    let files = crate::file_ops(&lowered.graph);
    let written: Vec<String> = files
        .iter()
        .flat_map(|(_, file)| &file.actions)
        .filter_map(|action| match &action.action {
            Some(pb::file_action::Action::Mkfile(file)) => {
                Some(String::from_utf8(file.data.clone()).unwrap())
            }
            _ => None,
        })
        .filter(|content| !content.is_empty())
        .collect();
    let expected = "Types: deb\nURIs: https://example.org/deb\nSuites: stable\nComponents: main\n\
                    Signed-By: /etc/apt/keyrings/extra.gpg\n";
    assert_eq!(written, [expected]);
}

#[test]
fn a_snapshot_replaces_the_archive_and_has_lists_of_its_own() {
    let exec = only_exec(
        &one(r#""steps": [{"apt": {"install": "x", "snapshot": "20240601T000000Z"}}]"#).lower(&amd64()).graph,
    );
    let script = *args(&exec).last().unwrap();
    assert!(script.contains("http://snapshot.debian.org/archive/debian/20240601T000000Z"), "{script}");
    assert!(script.contains("Acquire::Check-Valid-Until=false"), "{script}");
    let lists = mount(&exec, "/var/lib/apt/lists").cache_opt.as_ref().unwrap();
    assert_eq!(lists.id, "/factory-apt-lists-20240601T000000Z-linux/amd64");
}

#[test]
fn pip_installs_into_a_venv_with_a_cache_that_nothing_defeats() {
    let documents = one(
        r#""env": {"PIP_NO_CACHE_DIR": "1"}, "steps": [{"pip": {"requirements": "requirements.txt",
            "packages": ["flask[async]>=1; python_version > '3'"], "venv": "/opt/v", "index_secret": "idx"}}]"#,
    );
    let exec = only_exec(&documents.lower(&amd64()).graph);
    let script = *args(&exec).last().unwrap();
    assert!(script.contains("[ -x /opt/v/bin/python ] || python3 -m venv /opt/v\n"), "{script}");
    assert!(script.contains(
        "/opt/v/bin/python -m pip install --no-compile -r /.factory/fragment/requirements/requirements.txt"
    ));
    assert!(script.ends_with(r"'flask[async]>=1; python_version > '\''3'\'''"), "{script}");
    assert_eq!(env(&exec, "PIP_NO_CACHE_DIR"), None);
    assert_eq!(env(&exec, "PIP_CACHE_DIR"), Some("/.factory/cache"));
    assert_eq!(mount(&exec, "/.factory/cache").cache_opt.as_ref().unwrap().id, "/factory-pip-linux/amd64");
    assert_eq!(exec.secretenv[0].name, "PIP_INDEX_URL");
}

#[test]
fn uv_installs_into_the_same_places() {
    let documents = one(r#""steps": [{"pip": {"packages": "numpy", "installer": "uv", "venv": "/v"}}]"#);
    let exec = only_exec(&documents.lower(&amd64()).graph);
    let script = *args(&exec).last().unwrap();
    let last: Vec<&str> = script.lines().rev().take(2).collect();
    assert!(last[1].starts_with("/.factory/uv/bin/uv pip install --python /v/bin/python"), "{script}");
    assert_eq!(last[0], "rm -f /v/.lock");
    assert_eq!(env(&exec, "PYTHONDONTWRITEBYTECODE"), Some("1"));
    assert_eq!(env(&exec, "UV_CACHE_DIR"), Some("/.factory/cache"));
    assert_eq!(
        mount(&exec, "/.factory/uv").cache_opt.as_ref().unwrap().sharing,
        pb::CacheSharingOpt::Locked as i32
    );
}

#[test]
fn accounts_are_the_wrapper_s_own_work() {
    let exec = run(r#""user": {"name": "app", "uid": 1000, "home": "/srv/app"}"#);
    assert_eq!(args(&exec), ["/.factory/run", "/.factory/run", "account", "app"]);
    assert_eq!(env(&exec, "FACTORY_MODE"), None, "the wrapper round it keeps times and evidence");
    let spec = spec(&exec);
    assert_eq!((&spec["env"]["FACTORY_MODE"], &spec["epoch"]), (&json!("account"), &json!(315_532_800)));
    let account: serde_json::Value =
        serde_json::from_str(spec["env"]["FACTORY_ACCOUNT"].as_str().unwrap()).unwrap();
    assert_eq!(account, json!({"name": "app", "uid": 1000, "home": "/srv/app"}));
    assert_eq!(exec.network, pb::NetMode::None as i32);
    let group = run(r#""user": {"group": "data", "gid": 70}"#);
    assert_eq!(*args(&group).last().unwrap(), "data");
}

#[test]
fn names_say_fragment_step_and_what() {
    let lowered = one(r#""steps": [{"run": "true"}, {"name": "second", "run": "x"}]"#).lower(&amd64());
    let names: Vec<String> = execs(&lowered.graph).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["[app 1.0.0 1/2] run true", "[app 1.0.0 2/2] second"]);
    let several = llb_gen::request::Request { naming: llb_gen::request::Naming::WithPlatform, ..amd64() };
    let lowered = one(r#""steps": [{"run": "true"}]"#).lower(&several);
    assert_eq!(execs(&lowered.graph)[0].0, "[linux/amd64 app 1.0.0 1/1] run true");
}

fn limits(members: &str, request: &llb_gen::request::Request) -> Vec<Resources> {
    one(&format!(r#""steps": [{{{members}}}]"#)).lower(request).graph.resources().into_values().collect()
}

#[test]
fn limits_are_what_the_daemon_takes() {
    let all = r#""run": "x", "limits": {"memory": "512m", "swap": "1g", "cpus": 1.5, "cpu_shares": 512,
        "cpuset_cpus": "0-3", "cpuset_mems": "0"}"#;
    let expected = Resources {
        memory: 512 << 20,
        memory_swap: 1536 << 20,
        cpu_shares: 512,
        cpu_period: 100_000,
        cpu_quota: 150_000,
        cpuset_cpus: "0-3".into(),
        cpuset_mems: "0".into(),
    };
    assert_eq!(limits(all, &amd64()), [expected]);
}

#[test]
fn the_build_s_limits_hold_for_steps_without_their_own() {
    let resources = Resources { memory: 5, memory_swap: 6, cpu_shares: 7, ..Resources::default() };
    let request = llb_gen::request::Request {
        sandbox: Sandbox { resources: resources.clone(), ..Sandbox::default() },
        ..amd64()
    };
    assert_eq!(limits(r#""run": "x""#, &request), std::slice::from_ref(&resources));
    assert_eq!(limits(r#""apt": {"install": ["jq"]}"#, &request), std::slice::from_ref(&resources));
    let own = limits(r#""run": "x", "limits": {"memory": "9b"}"#, &request);
    assert_eq!(own, [Resources { memory: 9, memory_swap: 0, ..resources }]);
}

/// A request to a daemon without these capabilities.
fn without(caps: &[Cap]) -> llb_gen::request::Request {
    let mut request = amd64();
    request.caps.retain(|known| caps.iter().all(|cap| cap.id() != known));
    request
}

#[test]
fn an_engine_that_does_not_enforce_limits_gets_none_and_the_step_a_warning() {
    let documents = one("\"steps\": [\n{\"run\": \"x\", \"limits\": {\"memory\": \"1g\"}}]");
    let mut request = without(&[Cap::EXEC_LINUX_RESOURCES]);
    request.sandbox.resources.cpu_shares = 7;
    let product = documents.product();
    let plan = crate::plan(&product, &request).unwrap();
    let warnings: Vec<String> = plan.warnings().iter().map(ToString::to_string).collect();
    let said = "this engine does not enforce limits of steps (BuildKit 0.31 or later does)";
    assert_eq!(
        warnings,
        [format!("fragments/app/1.0.0/fragment.json:3:1: {said}"), format!("manifests/p.json:1:8: {said}")]
    );
    let (without, with) = (plan.lower().unwrap(), documents.lower(&amd64()));
    assert!(without.graph.resources().is_empty());
    assert_eq!(without.graph.digest(), with.graph.digest(), "limits are in no cache key");
}

#[test]
fn all_that_an_engine_is_too_old_for_is_said_at_once_at_the_steps() {
    let documents = one(
        "\"steps\": [\n{\"symlink\": {\"path\": \"/a\", \"target\": \"b\"}},\n{\"run\": \"x\", \"devices\": [\"v.com/d\"]},\n\
         {\"run\": \"x\", \"pid1\": true, \"valid_exit_codes\": [3]},\n{\"run\": \"x\", \"valid_exit_codes\": [3]}]",
    );
    let product = documents.product();
    assert!(crate::plan(&product, &amd64()).unwrap().warnings().is_empty());
    let request = without(&[Cap::FILE_SYMLINK, Cap::EXEC_CDI, Cap::EXEC_VALID_EXIT_CODES]);
    let faults = crate::plan(&product, &request).unwrap_err();
    let shown: Vec<String> = faults.all().iter().map(ToString::to_string).collect();
    let file = "fragments/app/1.0.0/fragment.json";
    assert_eq!(shown.len(), 3, "under the wrapper exit codes need nothing: {shown:?}");
    let symlink =
        format!("{file}:3:1: this engine cannot make symbolic links (expected BuildKit 0.19 or later)");
    assert_eq!(shown[0], symlink);
    assert!(
        shown[1].starts_with(&format!("{file}:4:1: this engine cannot give devices to steps")),
        "{shown:?}"
    );
    assert!(shown[2].starts_with(&format!("{file}:5:1: ")), "{shown:?}");
}
