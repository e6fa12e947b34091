//! Fuzzes blocks of additional headers; the body is `tenterhook_engine::fuzz::header_block`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tenterhook_engine::fuzz::header_block(data));
