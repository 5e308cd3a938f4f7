//! Bytes and digests that BuildKit's own Go client produces for the same ops: the encoding must be that one, byte for byte.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fmt::Write as _;

use llb_gen::llb::source::{Differ, Image, Local, ResolveMode};
use llb_gen::llb::{Copy, Exec, FileOp, Graph, Meta, Mkfile, OpDigest, Platform, State, merge};

fn amd64() -> Platform {
    Platform::new("linux", "amd64")
}

fn alpine() -> State {
    Image::new("docker.io/library/alpine:3.20").platform(amd64()).state()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn vertex_hex(state: &State) -> String {
    hex(state.vertex().unwrap().bytes())
}

fn digest(state: &State) -> String {
    state.vertex().unwrap().digest().as_str().strip_prefix("sha256:").unwrap().to_owned()
}

fn terminal(state: &State) -> String {
    let graph = Graph::of(state);
    graph.verify().unwrap();
    let definition = graph.marshal();
    let last = definition.def.last().unwrap();
    let digest = OpDigest::of(last);
    assert_eq!(graph.digest().unwrap(), digest);
    assert!(definition.metadata.contains_key(digest.as_str()), "the terminal op has metadata too");
    digest.as_str().strip_prefix("sha256:").unwrap().to_owned()
}

/// The bytes after the `inputs` fields.
fn tail(state: &State, inputs: usize) -> String {
    hex(&state.vertex().unwrap().bytes()[inputs * 75..])
}

fn local_context() -> State {
    Local::new("context", "s1").follow_paths(["a", "b"]).exclude(["x"]).shared_key_hint("context").state()
}

fn mkfile_x() -> State {
    FileOp::on(&State::scratch()).mkfile(Mkfile::new("/x", 0o644, "x")).state()
}

#[test]
fn image_with_platform() {
    assert_eq!(
        vertex_hex(&alpine()),
        "520e0a05616d64363412056c696e75785a001a2e0a2c646f636b65722d696d6167653a2f2f646f636b65722e696f2f6c6962726172792f\
         616c70696e653a332e3230"
    );
    assert_eq!(digest(&alpine()), "52ad980af60eade03cf05fce2206c19483941c8d9a53f43a293199ac3344a235");
    assert_eq!(terminal(&alpine()), "04ac19a61120327364019e848986c47f183e52ecfbbebd38ceaffc072e8d0a30");
}

#[test]
fn payload_follows_platform_and_constraints() {
    let image =
        Image::new("docker.io/library/alpine:3.20").platform(amd64()).resolve_mode(ResolveMode::PreferLocal);
    assert!(vertex_hex(&image.state()).starts_with("520e0a05616d64363412056c696e75785a001a"));
}

#[test]
fn definition_source_of_the_built_in_frontend() {
    let source = Local::new("dockerfile", "SESSION")
        .follow_paths(["build.json", "build.json.dockerignore"])
        .shared_key_hint("dockerfile")
        .differ(Differ::None)
        .state();
    assert_eq!(
        vertex_hex(&source),
        "5a001aa6010a126c6f63616c3a2f2f646f636b657266696c6512140a0c6c6f63616c2e64696666657212046e6f6e65123d0a116c6f6361\
         6c2e666f6c6c6f77706174687312285b226275696c642e6a736f6e222c226275696c642e6a736f6e2e646f636b657269676e6f7265225d\
         12180a0d6c6f63616c2e73657373696f6e120753455353494f4e12210a136c6f63616c2e7368617265646b657968696e74120a646f636b\
         657266696c65"
    );
    assert_eq!(digest(&source), "572788da8e4fd8ec3731ad68ea395ef3c90ad21e0dd81bc371fc9a94d8696aee");
}

#[test]
fn local_context_with_filters() {
    assert_eq!(
        vertex_hex(&local_context()),
        "5a001a86010a0f6c6f63616c3a2f2f636f6e74657874121e0a156c6f63616c2e6578636c7564657061747465726e7312055b2278225d12\
         1e0a116c6f63616c2e666f6c6c6f77706174687312095b2261222c2262225d12130a0d6c6f63616c2e73657373696f6e12027331121e0a\
         136c6f63616c2e7368617265646b657968696e741207636f6e74657874"
    );
    assert_eq!(digest(&local_context()), "eced4c8f74f9b56655aea0054a8590d4b5edfc6f8eb3a8dfe9e2436b3fa24500");
}

#[test]
fn copy_into_scratch() {
    let copied = FileOp::on(&State::scratch())
        .copy(Copy::new(&local_context(), "/a", "/app/").create_dest_path())
        .state();
    assert_eq!(
        tail(&copied, 1),
        "5a002232123008ffffffffffffffffff0122230a022f6112052f6170702f20ffffffffffffffffff01400158ffffffffffffffffff01"
    );
    assert_eq!(digest(&copied), "c74da8e83fe779d85dd6ad1208ec951e89e309703972dc7b151bce9a74d02767");
}

#[test]
fn mkfile_on_scratch() {
    assert_eq!(
        vertex_hex(&mkfile_x()),
        "5a00222f122d08ffffffffffffffffff0110ffffffffffffffffff012a150a022f7810a4031a017828ffffffffffffffffff01"
    );
    assert_eq!(digest(&mkfile_x()), "e5383ab1b7de704a14331df0fdba8a98d2b2c5e2c82ee485a40cf296d736d5d3");
}

#[test]
fn merge_of_two() {
    let merged = merge([&alpine(), &mkfile_x()], Meta::default());
    assert_eq!(tail(&merged, 2), "5a0032060a000a020801");
    assert_eq!(digest(&merged), "64a0aeddfcbec47548be9bae42bf8d12ef631326a0e5ba50a97c572b95409899");
}

#[test]
fn exec_on_an_image() {
    let result = Exec::new(["true"]).platform(amd64()).root(&alpine()).run().root();
    assert_eq!(
        tail(&result, 1),
        "520e0a05616d64363412056c696e75785a0012120a0b0a04747275651a012f580112031a012f"
    );
    assert_eq!(digest(&result), "63a486de233741483cbbc5e103c824d73e4008a635f327d36759aee551231119");
    assert_eq!(terminal(&result), "f3d78fddd37e1edb7873a4390a8519b5336c53ce2b32b6925a0ac8cbbfcde1c1");
}

#[test]
fn empty_map_values_are_written() {
    let source = Local::new("c", "").state();
    let bytes = vertex_hex(&source);
    // The attribute `local.session` is there with a value of length 0.
    assert!(bytes.ends_with("12110a0d6c6f63616c2e73657373696f6e1200"), "{bytes}");
    Graph::of(&source).verify().unwrap();
}
