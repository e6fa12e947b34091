//! Fuzzes URLs, hosts, addresses and ids; the body is `tenterhook_model::fuzz::url_and_address`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tenterhook_model::fuzz::url_and_address(data));
