//! Fuzzes logs of the store; the body is `tenterhook_store::fuzz::log_records`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tenterhook_store::fuzz::log_records(data));
