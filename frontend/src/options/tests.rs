//! Every row of the option table that is acted on here.

use super::*;

fn read(options: &[(&str, &str)]) -> Result<Options, OptionErrors> {
    let options = options.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Options::read("session".to_owned(), options)
}

fn read_well(options: &[(&str, &str)]) -> Options {
    read(options).unwrap_or_else(|errors| panic!("{options:?}: {errors}"))
}

fn platform_of(text: &str) -> Platform {
    text.parse().unwrap()
}

#[test]
fn environment_is_split_at_the_first_equals_sign() {
    let vars = [
        ("BUILDKIT_FRONTEND_OPT_3", "build-arg:A=b=c"),
        ("BUILDKIT_FRONTEND_OPT_0", "target=report"),
        ("BUILDKIT_FRONTEND_OPT_1", "no-cache"),
        ("BUILDKIT_SESSION_ID", "s1"),
        ("PATH", "/bin"),
    ];
    let options = Options::from_env(vars.map(|(name, text)| (name.into(), text.into()))).unwrap();
    assert_eq!(options.build_args["A"], "b=c");
    assert_eq!(options.target.as_deref(), Some("report"));
    assert_eq!(options.no_cache, NoCache::Everything);
    assert_eq!(options.session, "s1");
}

#[test]
fn nothing_given_means_the_defaults() {
    let options = read_well(&[]);
    assert_eq!(options.filename, "Dockerfile");
    assert_eq!(options.contexts.definition_name(), "dockerfile");
    assert_eq!(options.contexts.main, MainContext::Local);
    assert_eq!((options.target, options.request, options.epoch), (None, None, None));
    assert_eq!((options.no_cache, options.resolve_mode), (NoCache::Nothing, ResolveMode::Default));
    assert!(options.platforms.is_empty() && options.unknown.is_empty());
}

#[test]
fn platforms_are_normalised_and_named_once() {
    let options = read_well(&[("platform", "linux/arm64/v8, linux/amd64,linux/aarch64,arm")]);
    assert_eq!(options.platforms, ["linux/arm64", "linux/amd64", "linux/arm/v7"].map(platform_of));
}

#[test]
fn multi_platform_can_be_forced_by_option_or_argument() {
    assert_eq!(read_well(&[("multi-platform", "true")]).multi_platform, Some(true));
    let both = [("multi-platform", "true"), ("build-arg:BUILDKIT_MULTI_PLATFORM", "0")];
    assert_eq!(read_well(&both).multi_platform, Some(false));
}

#[test]
fn cache_options() {
    let import = r#"[{"Type":"local","Attrs":{"src":"x"}},{"Type":"gha","Attrs":null}]"#;
    let options = read_well(&[("cache-imports", import), ("cache-from", "a/b,c")]);
    let kinds: Vec<&str> = options.cache_imports.iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(kinds, ["local", "gha", "registry", "registry"]);
    assert_eq!(options.cache_imports[0].attrs["src"], "x");
    assert_eq!(options.cache_imports[3].attrs["ref"], "c");
    assert_eq!(
        read_well(&[("no-cache", "core,light")]).no_cache,
        NoCache::Of(vec!["core".into(), "light".into()])
    );
    assert_eq!(read_well(&[("image-resolve-mode", "pull")]).resolve_mode, ResolveMode::ForcePull);
}

#[test]
fn sandbox_options() {
    let options = read_well(&[
        ("add-hosts", "a=1.2.3.4"),
        ("force-network-mode", "none"),
        ("hostname", "h"),
        ("build-arg:BUILDKIT_SANDBOX_HOSTNAME", "i"),
        ("cgroup-parent", "/x"),
        ("shm-size", "65536"),
        ("ulimit", "nofile=10:20"),
        ("build-arg:http_proxy", "http://low"),
        ("build-arg:HTTP_PROXY", "http://up"),
        ("build-arg:No_Proxy", "x"),
        ("build-arg:BUILDKIT_CACHE_MOUNT_NS", "ns"),
    ]);
    let sandbox = options.sandbox;
    assert_eq!(sandbox.extra_hosts.len(), 1);
    assert_eq!(sandbox.network, Network::None);
    assert_eq!(sandbox.hostname.as_deref(), Some("i"));
    assert_eq!(sandbox.cgroup_parent.as_deref(), Some("/x"));
    assert_eq!(sandbox.shm_size, Some(65536));
    assert_eq!(sandbox.ulimits.len(), 1);
    assert_eq!(sandbox.proxies.http, "http://up");
    assert_eq!(sandbox.proxies.no, "x");
    assert_eq!(options.cache_namespace, "ns");
}

#[test]
fn special_arguments_are_not_arguments_of_the_manifest() {
    let options = read_well(&[
        ("build-arg:BUILDKIT_SYNTAX", "x"),
        ("build-arg:BUILDKIT_INLINE_CACHE", "1"),
        ("build-arg:SOURCE_DATE_EPOCH", "7"),
        ("build-arg:BUILDKIT_ATTEST_SBOM", "generator=x"),
        ("build-arg:APP_PORT", "8080"),
        ("label:org.x", "y"),
        ("vcs:revision", "abc"),
        ("cmdline", "x y"),
        ("source", "x"),
    ]);
    assert_eq!(options.build_args, BTreeMap::from([("APP_PORT".into(), "8080".into())]));
    assert_eq!(options.labels["org.x"], "y");
    assert_eq!(options.epoch, Some(7));
    assert_eq!(options.unknown, []);
}

#[test]
fn sessions_and_shared_keys_are_kept_by_local_source() {
    let options = read_well(&[("local-sessionid:context", "s2"), ("sharedkey:localdir:fragments", "k")]);
    assert_eq!((options.session_of("context"), options.session_of("dockerfile")), ("s2", "session"));
    assert_eq!(options.contexts.shared_keys["fragments"], "k");
}

#[test]
fn a_named_context_for_one_platform_goes_before_the_general_one() {
    let options = read_well(&[
        ("context:debian:bookworm", "docker-image://a"),
        ("context:debian:bookworm::linux/arm64", "docker-image://b"),
    ]);
    let found = |platform| options.contexts.lookup("debian:bookworm", platform).cloned();
    assert_eq!(found("linux/amd64"), Some(NamedContext::Image("a".parse().unwrap())));
    assert_eq!(found("linux/arm64"), Some(NamedContext::Image("b".parse().unwrap())));
}

#[test]
fn the_main_context_may_be_elsewhere() {
    let main = |text| {
        read_well(&[("context", text), ("build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR", "1")]).contexts.main
    };
    let MainContext::Git(git) = main("https://x.org/a.git#v1:sub") else { panic!("a repository") };
    assert!(git.keep_git_dir && git.reference.as_deref() == Some("v1"));
    assert_eq!(main("http://buildkit-session/x"), MainContext::Http("http://buildkit-session/x".into()));
    assert_eq!(main("a name"), MainContext::Local);
    let renamed = read_well(&[("contextkey", "other"), ("other", "https://x.org/a.tar")]);
    assert_eq!(renamed.contexts.main, MainContext::Http("https://x.org/a.tar".into()));
}

#[test]
fn unknown_options_are_reported_not_dropped() {
    let unknown = |option: &str, near: Option<&str>| Unknown {
        option: option.to_owned(),
        near: near.map(str::to_owned),
    };
    assert_eq!(read_well(&[("frobnicate", "1")]).unknown, [unknown("frobnicate", None)]);
    assert_eq!(read_well(&[("shmsize", "1")]).unknown, [unknown("shmsize", Some("shm-size"))]);
}

#[test]
fn arguments_that_look_like_buildkits_are_known_or_reported() {
    let options = read_well(&[
        ("build-arg:BUILDKIT_CACHE_MOUNT_N", "x"),
        ("build-arg:FACTORY_GAET", "off"),
        ("build-arg:BUILDKIT_CACHE_MOUNT_NS", "ns"),
        ("build-arg:OWN", "1"),
    ]);
    let near: Vec<_> =
        options.unknown_args.iter().map(|one| (one.option.as_str(), one.near.as_deref())).collect();
    assert_eq!(
        near,
        [("BUILDKIT_CACHE_MOUNT_N", Some("BUILDKIT_CACHE_MOUNT_NS")), ("FACTORY_GAET", Some("FACTORY_GATE"))]
    );
    assert!(options.build_args.contains_key("FACTORY_GAET"), "a product may declare it");
}

#[test]
fn the_time_of_a_build_is_a_number_or_taken_from_somewhere() {
    let epoch = |text: &str| {
        let options = read_well(&[("build-arg:SOURCE_DATE_EPOCH", text)]);
        (options.epoch, options.epoch_source)
    };
    assert_eq!(epoch("7"), (Some(7), None));
    assert_eq!(epoch(""), (None, None));
    assert_eq!(epoch("context"), (None, Some(EpochSource::Context)));
    assert_eq!(epoch("src"), (None, Some(EpochSource::Named("src".into()))));
}

#[test]
fn what_cannot_be_followed_is_refused_by_name() {
    let table = [
        ("platform", "linus/amd64"),
        ("multi-platform", "maybe"),
        ("image-resolve-mode", "never"),
        ("cache-imports", "{}"),
        ("add-hosts", "a"),
        ("force-network-mode", "bridge"),
        ("shm-size", "64m"),
        ("ulimit", "nofile=2:1"),
        ("filename", "../m.json"),
        ("filename", "/m.json"),
        ("build-arg:SOURCE_DATE_EPOCH", "12x"),
        ("build-arg:BUILDKIT_ATTEST_OTHER", "x"),
        ("memory", "512m"),
        ("memory", "0"),
        ("memswap", "-2"),
        ("cpuquota", "-1"),
        ("cpusetcpus", "3-1"),
        ("override-copy-image", "x"),
        ("build-arg:BUILDKIT_DISABLE_FILEOP", "1"),
        ("build-arg:BUILDKIT_SBOM_SCAN_CONTEXT", "perhaps"),
        ("attest:sbom", "generator"),
        ("build-arg:BUILDKIT_DOCKERFILE_CHECK", "skpi=all"),
        ("build-arg:FACTORY_FORMAT", "svg"),
        ("attest:other", "x"),
        ("frontend.caps", "moby.buildkit.frontend.telepathy"),
        ("context", "https://github.com/a/b.git?nope=1"),
        ("contextsubdir", "../x"),
        ("context:x", "oci-layout://y"),
        ("build-arg:FACTORY_GATE", "ajar"),
        ("build-arg:FACTORY_STEP_LOGS", "maybe"),
        ("build-arg:FACTORY_ATTESTATIONS", "no"),
    ];
    for (option, text) in table {
        let error = read(&[(option, text)]).expect_err(option).to_string();
        assert!(error.starts_with(&format!("option `{option}`: ")), "{error}");
    }
}

#[test]
fn limits_are_those_of_every_step() {
    let options = read_well(&[("memory", "1"), ("memswap", "-1"), ("cpushares", "2"), ("cpusetmems", "0-1")]);
    let limits = options.sandbox.resources;
    assert_eq!((limits.memory, limits.memory_swap, limits.cpu_shares), (1, -1, 2));
    assert_eq!((limits.cpuset_mems.as_str(), limits.cpuset_cpus.as_str()), ("0-1", ""));
}

#[test]
fn the_gate_and_attestations_are_no_arguments_of_the_product() {
    let options = read_well(&[("build-arg:FACTORY_GATE", "off"), ("build-arg:FACTORY_ATTESTATIONS", "all")]);
    assert_eq!((options.gate, options.attest), (Gate::Open, Attest::Everywhere));
    assert!(options.build_args.is_empty() && options.unknown.is_empty());
    let options = read_well(&[("build-arg:FACTORY_GATE", "on"), ("build-arg:FACTORY_ATTESTATIONS", "off")]);
    assert_eq!((options.gate, options.attest), (Gate::Shut, Attest::Nothing));
    assert_eq!((read_well(&[]).gate, read_well(&[]).attest), (Gate::Shut, Attest::Images));
}

#[test]
fn all_wrong_options_are_reported_together() {
    let error = read(&[("platform", "x"), ("shm-size", "y")]).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 2, "{error}");
}

#[test]
fn logs_of_steps_are_fetched_unless_steps_might_run_again_for_them() {
    let imports = ("cache-imports", r#"[{"Type":"registry","Attrs":{"ref":"r.example/cache"}}]"#);
    let table: [(&[(&str, &str)], StepLogs); 4] = [
        (&[], StepLogs::Fetched),
        (&[imports], StepLogs::LeftOut),
        (&[imports, ("build-arg:FACTORY_STEP_LOGS", "on")], StepLogs::Fetched),
        (&[("build-arg:FACTORY_STEP_LOGS", "off")], StepLogs::LeftOut),
    ];
    for (options, expected) in table {
        assert_eq!(read_well(options).step_logs(), expected, "{options:?}");
    }
}
