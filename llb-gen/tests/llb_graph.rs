//! The graph: order, identity, metadata, source maps, capabilities, splicing.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use bollard_buildkit_proto::pb;
use llb_gen::llb::source::{Git, Http, Image, Local, OciLayout};
use llb_gen::llb::{
    Access, CachePolicy, Cap, ContentCache, Copy, Exec, ExecResult, FileOp, Graph, Id, LineRange, Loading,
    Location, Meta, Mkdir, Mkfile, Mount, Network, Owner, Platform, ProgressGroup, Remove, Resources,
    Sharing, SourceInfo, SpliceError, State, Symlink, Timestamp, diff, encode_definition, merge, source,
};
use proptest::prelude::*;
use prost::Message as _;

fn base() -> State {
    Image::new("docker.io/library/debian:bookworm-slim").platform(Platform::new("linux", "amd64")).state()
}

fn file(name: &str, lines: usize) -> Arc<SourceInfo> {
    let data = "line\n".repeat(lines).into_bytes();
    let (filename, language) = (name.to_owned(), "JSON".to_owned());
    Arc::new(SourceInfo { filename, data: data.into(), language, loading: None })
}

fn at(name: &str, line: u32) -> Location {
    Location { file: file(name, 9), lines: LineRange::new(line, line) }
}

fn marshal(state: &State) -> pb::Definition {
    let graph = Graph::of(state);
    graph.verify().unwrap();
    graph.marshal()
}

fn op(state: &State) -> pb::Op {
    pb::Op::decode(state.vertex().unwrap().bytes()).unwrap()
}

fn exec(result: &ExecResult) -> pb::ExecOp {
    match pb::Op::decode(result.vertex().bytes()).unwrap().op {
        Some(pb::op::Op::Exec(exec)) => exec,
        other => panic!("expected an exec, found {other:?}"),
    }
}

fn actions(state: &State) -> Vec<pb::FileAction> {
    match op(state).op {
        Some(pb::op::Op::File(file)) => file.actions,
        other => panic!("expected a file op, found {other:?}"),
    }
}

fn metadata<'a>(definition: &'a pb::Definition, state: &State) -> &'a pb::OpMetadata {
    &definition.metadata[state.vertex().unwrap().digest().as_str()]
}

#[test]
fn scratch_marshals_to_nothing() {
    assert_eq!(marshal(&State::scratch()), pb::Definition::default());
    assert!(merge(&[], Meta::default()).is_scratch());
    assert_eq!(merge([&State::scratch(), &base()], Meta::default()), base());
    assert!(diff(&base(), &base(), Meta::default()).is_scratch());
}

#[test]
fn one_op_made_twice_is_one_vertex_with_both_sayings() {
    let one =
        FileOp::on(&base()).mkdir(Mkdir::new("/a", 0o755)).meta(Meta::named("b").location(at("x.json", 2)));
    let two = FileOp::on(&base()).mkdir(Mkdir::new("/a", 0o755));
    let two = two.meta(Meta::named("a").location(at("y.json", 3)).cache(CachePolicy::Ignore));
    let (one, two) = (one.state(), two.state());
    let both = Exec::new(["/x"]).root(&one).mount(Mount::read_only("/m", &two)).run().root();

    let definition = marshal(&both);
    assert_eq!(definition.def.len(), 4, "image, mkdir, exec, terminal");
    let said = metadata(&definition, &one);
    assert_eq!(said.description["llb.customname"], "a");
    assert!(said.ignore_cache);
    let map = definition.source.as_ref().unwrap();
    let names: Vec<&str> = map.infos.iter().map(|info| info.filename.as_str()).collect();
    assert_eq!(names, ["x.json", "y.json"]);
    let locations = &map.locations[one.vertex().unwrap().digest().as_str()].locations;
    let lines: Vec<i32> = locations.iter().map(|l| l.ranges[0].start.as_ref().unwrap().line).collect();
    assert_eq!(lines, [3, 2], "a client prints the last one first, which is that of the first mention");
}

#[test]
fn an_op_of_very_many_mentions_comes_from_the_places_of_the_first() {
    let mention = |at: u32| {
        let location = Location { file: file(&format!("{at:02}.json"), 9), lines: LineRange::new(1, 1) };
        FileOp::on(&base()).mkdir(Mkdir::new("/a", 0o755)).meta(Meta::default().location(location)).state()
    };
    let mentions: Vec<State> = (0..40).map(mention).collect();
    let mounts = (0..).zip(&mentions).map(|(at, state)| Mount::read_only(format!("/m{at:02}"), state));
    let all = mounts.fold(Exec::new(["/x"]).root(&base()), Exec::mount).run().root();
    let map = marshal(&all).source.unwrap();
    assert_eq!(map.locations[mentions[0].vertex().unwrap().digest().as_str()].locations.len(), 16);
    let names: Vec<&str> = map.infos.iter().map(|info| info.filename.as_str()).collect();
    assert_eq!((names.first(), names.last()), (Some(&"00.json"), Some(&"15.json")));
}

#[test]
fn limits_are_said_about_an_exec_and_are_not_part_of_it() {
    let limits = Resources { memory: 64 << 20, ..Resources::default() };
    let exec = |meta: Meta| Exec::new(["/x"]).root(&base()).meta(meta).run().root();
    let (free, limited) = (exec(Meta::default()), exec(Meta::default().resources(limits.clone())));
    assert_eq!(free, limited, "the digests are the same");
    let digest = limited.vertex().unwrap().digest().to_string();
    let graph = Graph::of(&limited);
    assert_eq!(graph.resources(), BTreeMap::from([(digest.clone(), limits)]));
    assert!(graph.marshal().metadata[&digest].caps[Cap::EXEC_LINUX_RESOURCES.id()]);
    assert!(Graph::of(&free).resources().is_empty());
    assert!(!marshal(&free).metadata[&digest].caps.contains_key(Cap::EXEC_LINUX_RESOURCES.id()));
    let bytes = encode_definition(&graph.marshal(), &graph.resources());
    assert_eq!(pb::Definition::decode(bytes.as_slice()).unwrap(), graph.marshal());
}

#[test]
fn every_op_has_metadata_and_only_caps_that_daemons_know() {
    let state = FileOp::on(&base()).remove(Remove::new("/x*").wildcard().allow_not_found()).state();
    let definition = marshal(&state);
    assert_eq!(definition.metadata.len(), definition.def.len());
    assert!(metadata(&definition, &state).caps[Cap::FILE_RM_WILDCARD.id()]);
    for cap in Cap::ALL {
        assert!(!["file.copy.modestring", "exec.meta.removemountstubs.recursive"].contains(&cap.id()));
    }
}

#[test]
fn the_terminal_op_repeats_the_graph_s_own_needs() {
    let named =
        FileOp::on(&base()).mkdir(Mkdir::new("/a", 0o755)).meta(Meta::named("n").export_cache(false)).state();
    let definition = marshal(&named);
    let graph = Graph::of(&named);
    let terminal = &definition.metadata[graph.digest().unwrap().as_str()];
    let caps: Vec<&str> = terminal.caps.keys().map(String::as_str).collect();
    assert_eq!(caps, ["constraints", "meta.description", "meta.exportcache", "platform"]);
}

#[test]
fn exec_outputs_are_numbered_along_the_sorted_mounts() {
    let result = Exec::new(["/x"])
        .root(&base())
        .mount(Mount::bind("/z", &State::scratch(), Access::Output))
        .mount(Mount::read_only("/m", &base()).select("/etc").content(ContentCache::Off))
        .mount(Mount::bind("/a", &State::scratch(), Access::Output))
        .mount(Mount::bind("/d", &base(), Access::Discard))
        .run();
    let exec = exec(&result);
    let mounts: Vec<(&str, i64, i64)> =
        exec.mounts.iter().map(|m| (m.dest.as_str(), m.input, m.output)).collect();
    assert_eq!(mounts, [("/", 0, 0), ("/a", -1, 1), ("/d", 0, -1), ("/m", 0, -1), ("/z", -1, 2)]);
    assert_eq!(result.mount("/z").output().unwrap().get(), 2);
    assert!(result.mount("/m").is_scratch(), "a read-only mount has no output");
    marshal(&result.mount("/z"));
}

#[test]
fn a_read_only_root_has_no_output_and_leaves_0_to_the_next() {
    let result = Exec::new(["/x"]).root(&base()).root_access(Access::ReadOnly);
    let result = result.mount(Mount::bind("/out", &State::scratch(), Access::Output)).run();
    let mounts: Vec<i64> = exec(&result).mounts.iter().map(|mount| mount.output).collect();
    assert_eq!(mounts, [-1, 0]);
    assert!(result.root().is_scratch());
    marshal(&result.mount("/out"));
}

#[test]
fn every_kind_of_mount_says_what_it_is() {
    let result = Exec::new(["/x"])
        .root(&base())
        .mount(Mount::Ssh {
            dest: "/agent".into(),
            id: "default".into(),
            uid: 0,
            gid: 0,
            mode: 0o600,
            optional: true,
        })
        .mount(Mount::Secret {
            dest: "/s".into(),
            id: "t".into(),
            uid: 1,
            gid: 2,
            mode: 0o400,
            optional: false,
        })
        .mount(Mount::Tmpfs { dest: "/tmp".into(), size: Some(1024) })
        .mount(Mount::Cache {
            dest: "/c".into(),
            id: "c1".into(),
            sharing: Sharing::Locked,
            source: State::scratch(),
            selector: None,
        })
        .run();
    let exec = exec(&result);
    let kinds: Vec<i32> = exec.mounts.iter().map(|mount| mount.mount_type).collect();
    assert_eq!(kinds, [0, 3, 4, 1, 2], "bind, cache, tmpfs by place; then secret; then ssh");
    assert_eq!(exec.mounts[1].cache_opt.as_ref().unwrap().sharing, pb::CacheSharingOpt::Locked as i32);
    assert_eq!(exec.mounts[2].tmpfs_opt.as_ref().unwrap().size, 1024);
    assert_eq!(exec.mounts[3].secret_opt.as_ref().unwrap().mode, 0o400);
    assert!(exec.mounts[4].ssh_opt.as_ref().unwrap().optional);
    marshal(&result.root());
}

#[test]
fn exec_members_reach_the_wire() {
    let result = Exec::new(["/bin/sh", "-c", "true"])
        .root(&base())
        .env("B", "2")
        .env("A", "1")
        .cwd("/w")
        .user("1000:1000")
        .network(Network::None)
        .valid_exit_codes([3, 0, 3])
        .device("vendor.com/gpu=0", true)
        .run();
    let exec = exec(&result);
    let meta = exec.meta.as_ref().unwrap();
    assert_eq!(meta.env, ["B=2", "A=1"], "order is the caller's");
    assert_eq!((meta.cwd.as_str(), meta.user.as_str()), ("/w", "1000:1000"));
    assert_eq!(meta.valid_exit_codes, [0, 3]);
    assert!(meta.remove_mount_stubs_recursive);
    assert_eq!(exec.network, pb::NetMode::None as i32);
    assert!(exec.cdi_devices[0].optional);
}

#[test]
fn file_actions_chain_and_only_the_last_is_the_output() {
    let other = Local::new("context", "s").state();
    let owner = Owner { user: Some(Id::Name("app".into())), group: Some(Id::Number(7)) };
    let state = FileOp::on(&base())
        .mkdir(Mkdir::new("/a", 0o755).with_parents().timestamp(Timestamp::Seconds(5)))
        .copy(Copy::new(&other, "/s", "/a/").like_dockerfile().mode(0o640).owner(owner))
        .symlink(Symlink::new("a", "/b"))
        .state();
    let actions = actions(&state);
    let wiring: Vec<(i64, i64, i64)> =
        actions.iter().map(|a| (a.input, a.secondary_input, a.output)).collect();
    assert_eq!(wiring, [(0, -1, -1), (2, 1, -1), (3, -1, 0)]);
    match (&actions[0].action, &actions[1].action) {
        (Some(pb::file_action::Action::Mkdir(dir)), Some(pb::file_action::Action::Copy(copy))) => {
            assert_eq!(dir.timestamp, 5_000_000_000);
            assert_eq!((copy.mode, copy.timestamp), (0o640, -1));
            let user = copy.owner.as_ref().unwrap().user.as_ref().unwrap();
            let expected = pb::NamedUserOpt { name: "app".into(), input: 2 };
            assert_eq!(
                user.user,
                Some(pb::user_opt::User::ByName(expected)),
                "looked up where the action works"
            );
        }
        other => panic!("unexpected actions {other:?}"),
    }
    marshal(&state);
}

#[test]
fn sources_name_what_they_fetch() {
    let identifier = |state: &State| match op(state).op {
        Some(pb::op::Op::Source(source)) => (source.identifier, source.attrs),
        other => panic!("expected a source, found {other:?}"),
    };
    let git = Git::new("https://user@example.com/a/b.git", Some("main"), Some("sub")).checksum("abc").state();
    let (name, attrs) = identifier(&git);
    assert_eq!(name, "git://example.com/a/b.git#main:sub");
    assert_eq!(attrs["git.fullurl"], "https://user@example.com/a/b.git");
    assert_eq!(attrs["git.checksum"], "abc");
    let (name, attrs) =
        identifier(&Http::new("https://example.com/f").mode(0o755).checksum("sha256:00").state());
    assert_eq!((name.as_str(), attrs["http.perm"].as_str()), ("https://example.com/f", "0755"));
    let (name, attrs) = identifier(&OciLayout::new("app", "sha256:11", "sess", "store").state());
    assert_eq!((name.as_str(), attrs["oci.store"].as_str()), ("oci-layout://app@sha256:11", "store"));
    let (_, attrs) = identifier(&Local::new("c", "s").follow_paths(["a<b", "\"q\"", "é\u{1}"]).state());
    assert_eq!(attrs["local.followpaths"], "[\"a\\u003cb\",\"\\\"q\\\"\",\"é\\u0001\"]");
    let (_, attrs) =
        identifier(&Image::new("x").resolve_mode(source::ResolveMode::ForcePull).layer_limit(2).state());
    assert_eq!((attrs["image.resolvemode"].as_str(), attrs["image.layerlimit"].as_str()), ("pull", "2"));
}

#[test]
fn a_definition_spliced_in_keeps_its_bytes_and_what_it_says() {
    let group = ProgressGroup { id: "g".into(), name: "G".into(), weak: true };
    let inner = FileOp::on(&base()).mkfile(Mkfile::new("/f", 0o600, "x"));
    let loading = Loading::by(&marshal(&base()));
    assert!(loading.is_some());
    let loaded = Arc::new(SourceInfo { loading, ..SourceInfo::clone(&file("a.json", 9)) });
    let outer = Location { file: loaded, lines: LineRange::new(2, 3) };
    let about = Meta::named("inner").group(group).location(at("inner.json", 4)).location(outer);
    let inner = inner.meta(about).state();
    let definition = marshal(&inner);
    let spliced = State::decode(&definition.encode_to_vec()).unwrap();
    assert_eq!(spliced, inner);
    assert_eq!(marshal(&spliced), definition);
    let used =
        Exec::new(["/f"]).root(&base()).mount(Mount::read_only("/f", &spliced).select("/f")).run().root();
    assert_eq!(marshal(&used).source.unwrap().infos.len(), 2);
}

#[test]
fn a_broken_definition_is_refused() {
    let mut definition = marshal(&FileOp::on(&base()).mkdir(Mkdir::new("/a", 0o755)).state());
    assert!(State::splice(&pb::Definition::default()).unwrap().is_scratch());
    definition.def.remove(0);
    assert!(matches!(State::splice(&definition), Err(SpliceError::MissingInput { .. })));
    definition.def.pop();
    assert!(matches!(State::splice(&definition), Err(SpliceError::Terminal(1))));
    assert!(matches!(State::decode(b"\xff\xff"), Err(SpliceError::Decode(_))));
}

#[test]
fn a_graph_deeper_than_a_stack_is_collected_and_dropped() {
    let mut state = base();
    for step in 0..20_000 {
        state = FileOp::on(&state).mkdir(Mkdir::new(format!("/{step}"), 0o755)).state();
    }
    let graph = Graph::of(&state);
    assert_eq!(graph.len(), 20_001);
    graph.verify().unwrap();
    drop(state);
    drop(graph);
}

/// A small product: branches that are built, merged and run, put together in an order that `seed` decides.
fn product(order: &[usize]) -> pb::Definition {
    let branch = |n: usize| {
        let made = FileOp::on(&base())
            .mkdir(Mkdir::new(format!("/{n}"), 0o755))
            .meta(Meta::named(format!("dir {n}")));
        diff(&base(), &made.state(), Meta::default())
    };
    let mut branches: Vec<Option<State>> = vec![None; 4];
    for &n in order {
        branches[n] = Some(branch(n));
    }
    let branches: Vec<State> = branches.into_iter().flatten().collect();
    let merged = merge(branches.iter().chain([&base()]), Meta::default());
    let mut exec = Exec::new(["/x"]).root(&merged);
    let mut meta = Meta::named("run");
    for &n in order {
        exec = exec.mount(Mount::bind(format!("/out{n}"), &branches[n], Access::Output));
        meta = meta.description(format!("k{n}"), "v");
    }
    // Of places the order is meant: it is that in which they are shown.
    meta = (0..4).fold(meta, |meta, n| meta.location(at(&format!("{n}.json"), n + 1)));
    marshal(&exec.meta(meta).run().mount("/out2"))
}

proptest! {
    #[test]
    fn the_order_of_construction_does_not_reach_the_bytes(order in Just((0..4usize).collect::<Vec<_>>()).prop_shuffle()) {
        prop_assert_eq!(product(&order).encode_to_vec(), product(&[0, 1, 2, 3]).encode_to_vec());
    }
}
