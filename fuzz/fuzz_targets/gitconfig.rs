//! See `claudebox_fuzz::gitconfig`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claudebox_fuzz::gitconfig(data));
