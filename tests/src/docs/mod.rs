//! The commands of README.md and docs/ADMINISTRATION.md, run as they stand, the outline of the clients' pages,
//! the commands that the console shows, and whether docs/ERRORS.md is complete.

mod blocks;
mod console;
mod errors;
mod links;
mod outline;
mod shell;

use shell::run_page;

/// The signing secret that README.md gives.
const README_SECRET: &str = "LOOKATMEIMASECRETSTRING";
/// What the secrets begin with that the server makes.
const MADE_SECRET: &str = "whsec_";

#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    let printed = run_page("README.md");
    for expected in [
        "STANDARD_WEBHOOKS verified",
        "IP address 192.0.2.1/24 was created by jstretch!",
        "DELIVERY_STATE_SUCCEEDED",
        "U0lURSAx",
    ] {
        assert!(printed.contains(expected), "`{expected}` was printed:\n{printed}");
    }
    assert_traced(&printed);
    assert_told_once(&printed, README_SECRET);
}

#[test]
fn the_commands_of_the_first_ten_minutes_do_what_the_page_says() {
    let printed = run_page("docs/FIRST_DELIVERY.md");
    assert!(printed.contains("POST /") && printed.contains("\"model\": \"site\""), "{printed}");
}

#[test]
fn the_commands_of_the_deployment_guide_administer_a_server_with_keys_and_tls() {
    let printed = run_page("docs/DEPLOYING.md");
    assert_eq!(printed.matches("\"displayName\": \"orders\"").count(), 2, "created and listed:\n{printed}");
}

#[test]
fn the_commands_of_the_administration_page_do_what_it_says() {
    let printed = run_page("docs/ADMINISTRATION.md");
    for expected in ["whsec_", "DELIVERY_STATE_FAILED", "\"deliveryCount\": \"1\"", "bookmark"] {
        assert!(printed.contains(expected), "`{expected}` was printed:\n{printed}");
    }
    assert_traced(&printed);
    for (at, _) in printed.match_indices(MADE_SECRET) {
        let secret: String = printed[at..].chars().take_while(|c| !matches!(c, '"' | '\\' | ' ' | '\n')).collect();
        assert_told_once(&printed, &secret);
    }
}

#[test]
fn the_commands_of_the_http_page_do_what_it_says() {
    let printed = run_page("docs/HTTP.md");
    for expected in [
        "\"eventId\": \"site-1-created\"",
        "{\"sequence\":\"2\",\"error\":{\"code\":3,\"reason\":\"ERROR_REASON_INVALID_FIELD\"",
        "\"eventId\":\"A234-1235:",
        "\"reason\": \"INVALID_FIELD\"",
        "\"keys\": []",
        "openapi: 3.1.0",
    ] {
        assert!(printed.contains(expected), "`{expected}` was printed:\n{printed}");
    }
    assert_traced(&printed);
}

#[test]
fn the_commands_of_the_netbox_page_move_webhooks_over_both_ways() {
    let printed = run_page("docs/NETBOX.md");
    for expected in [
        "no event rule uses it: it is created disabled",
        "2 webhooks: 2 new, 0 unchanged, 0 changed in NetBox, 0 refused; 0 rules skipped. Nothing was changed.",
        "1 of 1 request from NetBox would be sent the same.",
        "\"duplicate\":false,\"deliveryCount\":1",
        "\"duplicate\":true",
        "POST /chat",
        "Amsterdam was created by jstretch",
    ] {
        assert!(printed.contains(expected), "`{expected}` was printed:\n{printed}");
    }
    assert!(!printed.contains("POST /unused"), "a webhook without a rule sends nothing:\n{printed}");
    assert_traced(&printed);
}

#[test]
fn the_commands_of_the_page_of_svix_and_convoy_move_endpoints_over() {
    let printed = run_page("docs/MOVING.md");
    for expected in [
        "Authorization: Svix does not show the value: it is created disabled",
        "2 webhooks: 2 new, 0 unchanged, 0 changed in Svix, 0 refused; 0 rules skipped. Nothing was changed.",
        "POST /orders",
        "1 webhook: 1 new, 0 unchanged, 0 changed in Convoy, 0 refused; 0 rules skipped.",
        "POST /stock",
    ] {
        assert!(printed.contains(expected), "`{expected}` was printed:\n{printed}");
    }
    assert!(!printed.contains("POST /billing"), "a webhook that is disabled sends nothing:\n{printed}");
    assert_traced(&printed);
}

#[test]
fn the_five_commands_of_the_runbook_bring_every_delivery_to_a_receiver_that_was_fixed() {
    let (page, alerts) = (read("docs/RUNBOOK.md"), read("deploy/prometheus/alerts.yaml"));
    for number in 1..=5 {
        let (_, section) = page.split_once(&format!("\n## {number}. ")).expect("five sections have a number");
        let section = section.split("\n## ").next().unwrap();
        assert_eq!(section.matches("<!-- run -->").count(), 1, "one command in\n{section}");
    }
    let printed = run_page("docs/RUNBOOK.md");
    for expected in [
        "tenterhook_webhooks{state=\"suspended\"} 1",
        "every attempt failed for",
        "\"responseStatus\": 503",
        "\"waiting\": \"10\"",
        "ATTEMPT_OUTCOME_SUCCESS",
        "WEBHOOK_STATE_ACTIVE",
        "{\"succeeded\":\"10\",\"failed\":null}",
        "\"failed\": \"6\"",
        "its rule does not match",
    ] {
        assert!(printed.contains(expected), "`{expected}` was printed:\n{printed}");
    }
    let fires = "- alert: TenterhookWebhookSuspended\n        expr: tenterhook_webhooks{state=\"suspended\"} > 0\n";
    assert!(alerts.contains(fires), "the alert goes by the metric that the page shows");
    // The log alone tells the same story, in this order.
    let mut rest = printed.as_str();
    for line in ["circuit breaker opened", "webhook suspended", "TestWebhook", "ResumeWebhook", "BatchRetryDeliveries"]
    {
        let found = rest.lines().position(|found| found.contains(line) && is_of(found, "orders"));
        let at = found.unwrap_or_else(|| panic!("no line `{line}` about the webhook in\n{rest}"));
        let skipped: usize = rest.lines().take(at + 1).map(|line| line.len() + 1).sum();
        rest = &rest[skipped.min(rest.len())..];
    }
    assert_traced(&printed);
}

/// Whether a line of the log, without its colours, is about the webhook with this name.
fn is_of(line: &str, webhook: &str) -> bool {
    line.contains("tenterhook_") && line.contains(webhook) || line.contains("tenterhook::audit")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)).unwrap()
}

/// The log of the server was at its most talkative.
fn assert_traced(printed: &str) {
    assert!(printed.contains("TRACE"), "nothing was traced:\n{printed}");
}

/// The answer of the call that sets a secret tells it, and nothing else does.
fn assert_told_once(printed: &str, secret: &str) {
    assert_eq!(printed.matches(secret).count(), 1, "{secret} was told again, or never:\n{printed}");
}
