//! Fuzzes messages of the API; the body is `tenterhook_api::fuzz::wire_to_model`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tenterhook_api::fuzz::wire_to_model(data));
