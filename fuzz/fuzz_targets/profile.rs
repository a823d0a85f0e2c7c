//! See `claudebox_fuzz::profile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claudebox_fuzz::profile(data));
