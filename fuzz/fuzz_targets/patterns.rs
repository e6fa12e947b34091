//! Fuzzes patterns and the texts they match; the body is `tenterhook_engine::fuzz::patterns`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tenterhook_engine::fuzz::patterns(data));
