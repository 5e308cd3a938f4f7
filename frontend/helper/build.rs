//! Decides whether the program is linked without a C library.
//!
//! The program of the frontend image is (`--profile image` with the target feature `crt-static`): it starts at its own
//! `_start` and uses system calls alone, which saves some 400 kB. Every other build, `cargo test` among them, is an
//! ordinary program with the same library under an ordinary `main`, because a crate without std cannot be linked with
//! unwinding panics on a stable toolchain.

use std::env;
use std::path::PathBuf;

/// Arguments that keep the start files and libraries of C out, and the tables that only unwinding needs.
const LINK_ARGS: [&str; 7] = [
    "-nostartfiles",
    "-nostdlib",
    "-static",
    "-no-pie",
    "-Wl,--build-id=none",
    "-Wl,-z,norelro",
    "-Wl,--no-eh-frame-hdr",
];

/// The frontend's linker script: leaves out the unwind tables that the precompiled core and alloc bring all the same, a tenth
/// of the program.
const LINKER_SCRIPT: &str = "no-unwinding.ld";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(freestanding)");
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let is_static = features.split(',').any(|feature| feature == "crt-static");
    let is_image_profile = env::var("OPT_LEVEL").as_deref() == Ok("z");
    if is_static && is_image_profile {
        println!("cargo:rustc-cfg=freestanding");
        for arg in LINK_ARGS {
            println!("cargo:rustc-link-arg-bins={arg}");
        }
        let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
        let script = package.with_file_name(LINKER_SCRIPT);
        println!("cargo:rerun-if-changed={}", script.display());
        println!("cargo:rustc-link-arg-bins=-Wl,-T,{}", script.display());
    }
}
