//! At three in the morning: a receiver is down, and five commands lead from the alarm to the last delivery.

use super::{Desk, receiver};
use crate::process::command;
use crate::process::running::Running;

#[test]
fn five_commands_lead_from_the_alarm_to_the_last_delivery() {
    let desk = Desk::new();
    let (gone, port) = receiver(0, "410");
    desk.create("orders", port);
    let event = desk.publish("created");
    desk.until(&["webhook", "show", "orders"], |webhook| webhook["state"] == "SUSPENDED");
    for _ in 0..3 {
        desk.publish("created");
    }
    desk.people(80, &["status"]).code(0).has(&["x suspended", "410", "tenterhook webhook show orders"]);
    let shown = desk.people(80, &["webhook", "show", "orders"]).code(0);
    let shown = shown.has(&["x suspended", "410 Gone", "tenterhook webhook resume orders --wait"]);
    let test = format!("tenterhook webhook test orders --event {event}");
    shown.has(&[&test, "tenterhook delivery retry --webhook orders --failed --wait"]);
    let failed = desk.run(&["delivery", "list", "--failed", "-o", "name"]).code(0).out;
    let failed = desk.people(80, &["delivery", "show", failed.trim()]).code(0);
    failed.has(&["which suspends the webhook:\n  tenterhook webhook show orders\n", "tenterhook delivery retry dlv_"]);
    let watched = desk.people(80, &["watch", "--from", "earliest", "--limit", "4"]).code(0);
    assert_eq!(watched.out.matches("orders is suspended: tenterhook webhook show orders\n").count(), 1, "{watched:?}");
    desk.people(80, &["webhook", "test", "orders", "--event", &event]).code(4).has(&[
        "x The receiver",
        "410",
        &format!("{test} --watch"),
    ]);
    gone.signal("TERM");
    gone.wait();
    let (_well, _) = receiver(port, "200");
    desk.people(80, &["webhook", "test", "orders", "--event", &event]).code(0).has(&["* The receiver accepted it"]);
    let resumed = desk.people(80, &["webhook", "resume", "orders", "--wait"]).code(0);
    resumed.has(&["Resumed orders; sending ", " delivered, 0 failed"]);
    desk.people(80, &["status"]).code(0).has(&["* active"]);
    let open = desk.run(&["delivery", "list", "--state", "pending", "--state", "retrying", "-o", "name"]).code(0);
    assert_eq!(open.out, "", "nothing waits any more");
}

#[test]
fn a_retry_that_fails_again_is_a_no() {
    let desk = Desk::new();
    let (_gone, port) = receiver(0, "400");
    let file =
        format!("display_name: orders\nrequest: {{url: \"http://127.0.0.1:{port}/\"}}\nretry: {{max_attempts: 1}}\n");
    let file = desk.file("orders.yaml", &file);
    desk.run(&["webhook", "create", "--file", &file]).code(0);
    desk.publish("created");
    let failed = |deliveries: &serde_json::Value| deliveries[0]["state"] == "FAILED";
    let list = desk.until(&["delivery", "list", "-o", "json"], failed);
    let id = list[0]["id"].as_str().unwrap();
    let retry = desk.people(80, &["delivery", "retry", id, "--wait"]).code(4);
    retry.has(&["Retried 1 delivery.", "0 delivered, 1 failed"]);
    let all = ["delivery", "retry", "--failed", "--status", "4xx", "--since", "1h"];
    desk.people(80, &[&all[..], &["--dry-run"]].concat()).code(3).has(&["Would retry 1 delivery."]);
    desk.run(&all).code(2).warns(&["Retry 1 delivery?", "nothing was changed", "--yes"]);
    desk.run(&[&all[..], &["--yes", "--wait"]].concat()).code(4);
    let shown = desk.run(&["delivery", "show", id]).code(0).json();
    assert_eq!(shown["attempts"].as_array().unwrap().len(), 3, "{shown}");
}

#[test]
fn a_test_is_repeated_until_the_receiver_is_well() {
    let desk = Desk::new();
    let mut listen = Running::start(command(&["listen", "--port", "0", "--json", "--fail-first", "2"]));
    let line: serde_json::Value = serde_json::from_str(&listen.line_with("listening")).unwrap();
    let file = format!("request: {{url: \"{}\"}}\n", line["listening"].as_str().unwrap());
    desk.run(&["webhook", "create", "orders", "--file", &desk.file("orders.yaml", &file)]).code(0);
    let shown = desk.people(80, &["webhook", "test", "orders", "--watch", "--every", "0s"]).code(0);
    let shown = shown.has(&["* The receiver accepted it.\n"]);
    assert_eq!(shown.out.matches("  ->  HTTP 503 in ").count(), 2, "{shown:?}");
    let attempts = desk.run(&["webhook", "test", "orders", "--watch", "--every", "0s"]).code(0);
    assert_eq!(attempts.json()["attempt"]["outcome"], "SUCCESS");
    desk.run(&["webhook", "test", "orders", "--watch", "--every", "2h"]).code(2).warns(&["must be 0s to 1h"]);
    desk.run(&["webhook", "test", "orders", "--every", "1s"]).code(2).warns(&["--watch"]);
}

#[test]
fn waiting_ends_when_its_time_has_passed() {
    let desk = Desk::new();
    desk.create("orders", super::NOWHERE);
    desk.publish("created");
    desk.until(&["webhook", "show", "orders"], |webhook| webhook["health"]["waiting"] == 1);
    let shown = desk.run(&["webhook", "resume", "orders", "--wait", "--timeout", "0s"]).code(4);
    shown.warns(&["1 delivery has not ended", "tenterhook delivery list"]);
}
