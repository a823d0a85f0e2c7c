//! See `claudebox_fuzz::text_escape`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claudebox_fuzz::text_escape(data));
