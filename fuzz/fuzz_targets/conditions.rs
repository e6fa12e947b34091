//! Fuzzes condition sets; the body is `tenterhook_engine::fuzz::conditions`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tenterhook_engine::fuzz::conditions(data));
