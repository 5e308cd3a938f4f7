//! Readers of evidence, for the fuzzer alone.

/// The files that a test has left, as they lie in a registry.
pub fn outputs(bytes: &[u8]) {
    std::hint::black_box(super::files::unpacked_files(bytes, "the outputs")).ok();
}
