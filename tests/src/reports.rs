//! Cases from public bug reports of people who run webhooks (`fixtures/reports.jsonl`): each says
//! what was done, what came of it and what should have. They have no form in common, so each is a
//! test where its kind belongs; this table says which.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::architecture::tree;

/// The tests of each case.
const TESTS: [(&str, &[&str]); 28] = [
    ("report-014", &["a_clock_that_is_set_back_puts_no_retry_off"]),
    ("report-015", &["a_rate_is_kept_whatever_restarts", "kill_9_keeps_the_rate_of_a_webhook"]),
    ("report-018", &["no_prefix_that_is_allowed_opens_an_address_that_is_not"]),
    ("report-019", &["what_was_removed_is_erased_from_the_files_of_an_open_store"]),
    (
        "report-023",
        &["of_a_mixed_answer_only_the_permitted_addresses_are_dialled", "where_a_url_leads_is_checked_at_save"],
    ),
    ("report-029", &["every_sdk_runs_the_shared_signatures"]),
    ("report-030", &["names_with_underscores_are_looked_up"]),
    ("report-031", &["names_of_the_hosts_file_ask_nobody"]),
    ("report-032", &["a_wildcard_certificate_holds_every_host_that_can_be_saved"]),
    ("report-033", &["hosts_that_nobody_can_look_up_or_certify_are_refused_at_save"]),
    ("report-036", &["what_is_wrong_with_a_receivers_certificate_is_told"]),
    ("report-037", &["a_key_among_certificates_is_refused_and_not_repeated"]),
    ("report-038", &["every_error_is_in_our_own_words_short_and_without_secrets", "pem_is_taken_as_people_paste_it"]),
    ("report-046", &["a_webhook_whose_authority_has_expired_can_be_updated_in_all_that_does_not_touch_it"]),
    ("report-047", &["an_update_that_leaves_the_url_alone_does_not_ask_where_it_leads"]),
    ("report-054", &["a_receiver_that_closes_tls_without_saying_so_has_answered"]),
    ("report-056", &["odd_lines_are_left_out_or_read_and_noted"]),
    ("report-057", &["an_odd_answer_that_accepts_the_event_is_a_success_with_a_note"]),
    ("report-067", &["names_go_out_as_they_were_written_and_in_their_order"]),
    ("report-069", &["fractions_of_a_second_count_in_full"]),
    ("report-070", &["a_wait_that_the_receiver_asks_for_is_kept_and_is_no_failure_for_the_breaker"]),
    ("report-075", &["a_kind_that_is_never_answered_costs_one_short_wait"]),
    ("report-077", &["a_configuration_that_is_missing_empty_or_odd_stops_nothing"]),
    ("report-080", &["dead_addresses_cost_little_on_real_sockets", "inside_a_namespace_dead_addresses_cost_little"]),
    ("report-082", &["errors_name_what_is_undefined"]),
    ("report-086", &["however_many_fields_are_wrong_the_refusal_passes_a_proxy_and_counts_them"]),
    ("report-088", &["a_watch_on_a_connection_that_closes_ends_with_the_place_to_resume_from"]),
    ("report-091", &["a_secret_that_only_begins_like_a_standard_one_signs_as_netbox_does"]),
];

/// Folders with tests, and how their languages begin one.
const SOURCES: [&str; 2] = ["crates", "tests"];

#[test]
fn every_report_has_its_test() {
    let sources: Vec<_> = SOURCES.into_iter().flat_map(tree::all_sources).collect();
    let exists = |name: &str| sources.iter().any(|source| source.text.contains(&format!("fn {name}(")));
    let tests: BTreeMap<&str, &[&str]> = TESTS.into_iter().collect();
    let mut complaints = Vec::new();
    for line in include_str!("../fixtures/reports.jsonl").lines() {
        let report: Value = serde_json::from_str(line).unwrap();
        let id = report["id"].as_str().unwrap();
        let named = tests.get(id).copied().unwrap_or_default();
        if named.is_empty() {
            complaints.push(format!("{id} has no test"));
        }
        complaints.extend(named.iter().filter(|name| !exists(name)).map(|name| format!("{id}: no test {name}")));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The tests of the SDKs that verify signatures, by their file.
const VERIFYING: [&str; 6] = [
    "clients/go/webhook/verify_test.go",
    "clients/java/src/test/java/io/tenterhook/VerifierTest.java",
    "clients/python/tests/test_verification.py",
    "clients/ruby/test/test_webhooks.rb",
    "clients/rust/tests/it/verify.rs",
    "clients/typescript/test/verify.test.ts",
];

/// The tests of the SDKs that write JSON of a language's own values; Kotlin writes by Java's.
const WRITING: [&str; 6] = [
    "clients/go/json_test.go",
    "clients/java/src/test/java/io/tenterhook/JsonTest.java",
    "clients/python/tests/test_json.py",
    "clients/ruby/test/test_json.rb",
    "clients/rust/tests/it/json.rs",
    "clients/typescript/test/json.test.ts",
];

/// Rust wrote `null` for NaN, Java sent `?` for half of a surrogate pair, and TypeScript made `{}` of a promise: one
/// file of values is written, or refused, by all.
#[test]
fn every_sdk_writes_the_shared_values() {
    for file in WRITING {
        assert!(tree::read(file).contains("json_values.json"), "{file}");
    }
}

/// A secret without the padding of its base64 was taken by the server and refused by three SDKs:
/// one file of cases is run by all.
#[test]
fn every_sdk_runs_the_shared_signatures() {
    for file in VERIFYING {
        assert!(tree::read(file).contains("signatures.jsonl"), "{file}");
    }
    let cases = include_str!("../fixtures/signatures.jsonl");
    let is_bare = |line: &&str| line.contains("\"whsec_") && line.contains("padding");
    assert!(cases.lines().filter(is_bare).count() > 0, "a secret without padding is among the cases");
}
