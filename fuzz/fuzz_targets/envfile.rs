//! See `claudebox_fuzz::envfile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claudebox_fuzz::envfile(data));
