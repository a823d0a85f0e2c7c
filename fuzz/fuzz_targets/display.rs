//! See `claudebox_fuzz::display`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claudebox_fuzz::display(data));
