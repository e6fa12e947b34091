//! Fuzzes keys and rows of the store; the body is `tenterhook_store::fuzz::keys_and_rows`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tenterhook_store::fuzz::keys_and_rows(data));
