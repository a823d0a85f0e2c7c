//! See `claudebox_fuzz::fence`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claudebox_fuzz::fence(data));
