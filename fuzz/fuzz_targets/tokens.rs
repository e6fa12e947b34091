//! Fuzzes page and resume tokens; the body is `tenterhook_api::fuzz::tokens`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tenterhook_api::fuzz::tokens(data));
