#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sbom_fuzz::entries::gem_specification(bytes));
