//! A base of one megabyte with a shell, for two platforms: what most products of these tests are built on.

use std::process::Command;
use std::sync::OnceLock;

use factory_tests::{BuildOptions, BuildOutcome, Lab, Output, Project, run};
use serde_json::{Value, json};

/// Debian's BusyBox, which needs no library. Both platforms come out of one step on the machine's own, so nothing is
/// emulated for it.
const DOCKERFILE: &str = r#"FROM --platform=$BUILDPLATFORM debian:bookworm-slim AS fetch
RUN <<SCRIPT
set -eu
dpkg --add-architecture amd64
dpkg --add-architecture arm64
apt-get update -qq
cd /tmp
for arch in amd64 arm64; do
    apt-get download -qq "busybox-static:$arch"
    mkdir -p "/out/$arch/bin" "/out/$arch/etc" "/out/$arch/tmp"
    dpkg-deb --fsys-tarfile busybox-static_*_"$arch".deb | tar -x -C "/out/$arch" ./bin/busybox
    for name in sh cat cp date echo grep hostname id ls mkdir mount rm sleep test touch uname wget; do
        ln -s busybox "/out/$arch/bin/$name"
    done
    echo "root:x:0:0:root:/:/bin/sh" > "/out/$arch/etc/passwd"
done
SCRIPT
FROM scratch
ARG TARGETARCH
COPY --from=fetch /out/$TARGETARCH/ /
ENV PATH=/bin
"#;

/// The base in the lab's registry.
pub(crate) fn tiny() -> &'static str {
    static TINY: OnceLock<String> = OnceLock::new();
    TINY.get_or_init(|| {
        let lab = Lab::get();
        let _slot = lab.slot();
        push(lab.buildx(), lab.registry().expect("these tests push: name a registry in FACTORY_REGISTRY"))
    })
}

/// Makes the base on an engine and pushes it to its registry.
pub(crate) fn push(mut buildx: Command, registry: &str) -> String {
    let name = format!("{registry}/factory-tests/tiny:1");
    let folder = Project::empty();
    folder.write("Dockerfile", DOCKERFILE);
    let output = format!("type=image,push=true,store=false,oci-mediatypes=true,name={name}");
    buildx.args([
        "build",
        "--provenance=false",
        "--platform",
        "linux/amd64,linux/arm64",
        "--output",
        &output,
    ]);
    let _ = run(buildx.arg(".").current_dir(folder.path(""))).expect("the base of these tests");
    name
}

/// A product on it with one fragment that has these steps.
#[expect(clippy::needless_pass_by_value, reason = "steps are written in place")]
pub(crate) fn on_tiny(steps: Value) -> Project {
    Project::new(tiny(), &[("only", json!({"steps": steps}))])
}

/// Options whose result can be read as files.
pub(crate) fn local() -> BuildOptions {
    BuildOptions { output: Output::Local, ..BuildOptions::default() }
}

/// The text of a file of the result.
#[track_caller]
pub(crate) fn text(outcome: &BuildOutcome, path: &str) -> String {
    let file = outcome.folder().join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}")).trim().to_owned()
}
