//! The helper of the frontend image, as a program; what it does is in the library.
#![cfg_attr(freestanding, no_std, no_main)]

#[cfg(all(freestanding, panic = "unwind"))]
compile_error!("the program without a C library needs panic = \"abort\": build it with --profile image");

#[cfg(freestanding)]
mod start;

#[cfg(not(freestanding))]
fn main() {
    use std::os::unix::ffi::OsStringExt;

    let args = std::env::args_os().map(OsStringExt::into_vec).collect();
    let env =
        std::env::vars_os().map(|(name, value)| [name.into_vec(), value.into_vec()].join(&b'=')).collect();
    std::process::exit(factory_helper::run(args, env));
}
