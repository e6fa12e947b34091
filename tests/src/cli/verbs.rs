//! Every verb does what it says, and prints it in every form.

use super::{Desk, NOWHERE, finish, receiver};

#[test]
fn webhooks_are_created_changed_and_deleted() {
    let desk = Desk::new();
    let create =
        ["webhook", "create", "orders", "--url", "http://127.0.0.1:1/", "--type", "created", "--sign", "netbox"];
    desk.run(&[&create[..], &["--label", "team=a", "--dry-run"]].concat()).code(3);
    assert_eq!(desk.run(&["webhook", "list", "-o", "name"]).code(0).out, "");
    let made = desk.run(&[&create[..], &["--label", "team=a"]].concat()).code(0).json();
    assert!(made["signing_secret"].as_str().is_some_and(|secret| !secret.is_empty()), "{made}");
    let id = made["webhook"]["id"].as_str().unwrap();
    for name in ["orders", id, &id[..20]] {
        let shown = desk.run(&["webhook", "show", name]).code(0).json();
        assert_eq!((shown["id"].as_str(), &shown["disabled"]), (Some(id), &false.into()), "{name}");
    }
    let labelled = |label: &str| desk.run(&["webhook", "list", "--label", label, "-o", "name"]).code(0).out;
    assert_eq!((labelled("team=a").as_str(), labelled("team=b").as_str()), ("orders\n", ""));
    let pause = ["webhook", "pause", "orders", "--reason", "moving"];
    let would = |arguments: &[&str], code| {
        let shown = desk.people(80, &[arguments, &["--dry-run"]].concat()).code(code);
        shown.out.trim_end().to_owned()
    };
    assert_eq!(would(&["webhook", "resume", "orders"], 0), "Would change nothing: orders is active.");
    assert_eq!(would(&pause, 3), "Would pause orders; 0 deliveries wait.");
    assert_eq!(desk.run(&pause).code(0).json()["state"], "PAUSED");
    assert_eq!(would(&pause, 0), "Would change nothing: orders is paused.");
    assert_eq!(would(&["webhook", "resume", "orders"], 3), "Would resume orders; 0 deliveries wait.");
    assert_eq!(desk.run(&["webhook", "resume", "orders"]).code(0).json()["state"], "ACTIVE");
    let rotated = desk.run(&["webhook", "rotate-key", "orders", "--grace", "1h"]).code(0).json();
    let old = rotated["webhook"]["signing_keys"][1]["id"].as_str().unwrap();
    let revoked = desk.run(&["webhook", "revoke-key", "orders", old]).code(0).json();
    assert_eq!(revoked["signing_keys"].as_array().unwrap().len(), 1, "{revoked}");
    desk.run(&["webhook", "delete", "orders"]).code(2).warns(&["Delete 1 webhook and cancel 0 deliveries?", "--yes"]);
    desk.run(&["webhook", "delete", "orders", "--dry-run"]).code(3);
    assert_eq!(desk.run(&["webhook", "delete", "orders", "--yes"]).code(0).json()["webhook_count"], 1);
    desk.run(&["webhook", "show", "orders"]).code(1);
}

#[test]
fn a_webhook_is_edited_and_nobodys_change_is_lost() {
    let desk = Desk::new();
    desk.create("orders", NOWHERE);
    let edit = |editor: &str| {
        let mut command = desk.command(&["webhook", "edit", "orders"]);
        command.env("EDITOR", editor).env("TMPDIR", desk.path());
        finish(command)
    };
    edit("true").code(0);
    let changed = edit("sed -i 's/^description:.*/description: shop/'").code(0).json();
    assert_eq!(changed["description"], "shop");
    edit("false").code(2).warns(&["nothing was changed"]);
    let wrong = edit("sed -i s/^description/descriptoin/").code(2);
    let wrong = wrong.warns(&["descriptoin: is not a field", "your text is kept in"]);
    let kept = wrong.err.split("kept in ").nth(1).unwrap().split(';').next().unwrap();
    assert!(std::fs::read_to_string(kept).unwrap().contains("descriptoin: shop"));
    // Someone else is faster while the editor is open.
    let binary = crate::binary::tenterhook().display();
    let script = format!("#!/bin/sh\n{binary} webhook pause orders >/dev/null && sed -i s/shop/mine/ \"$1\"\n");
    let script = desk.file("editor", &script);
    edit(&format!("sh {script}")).code(1).warns(&["someone else changed it"]);
    assert_eq!(desk.run(&["webhook", "show", "orders"]).json()["description"], "shop");
}

#[test]
fn events_are_published_listed_explained_and_replayed() {
    let desk = Desk::new();
    let (_receiver, port) = receiver(0, "200");
    desk.create("all", port);
    desk.run(&["webhook", "create", "few", "--url", "http://127.0.0.1:1/", "--type", "deleted"]).code(0);
    let data = desk.file("data.json", r#"{"id": 12345678901234567890123, "name": "Zürich"}"#);
    let publish = ["event", "publish", "--type", "created", "--object-type", "dcim.site", "--id", "site-1", &data];
    let dry = [&publish[..], &["--dry-run"]].concat();
    desk.people(80, &dry).code(3).has(&["all      * yes", "few      - no", "1 of 2 webhooks would receive it."]);
    assert_eq!(desk.run(&dry).code(3).json()["webhooks"][0]["matched"], true);
    let refused = ["event", "publish", "--type", "tenterhook.webhook.created"];
    for flags in [&[][..], &["--dry-run"]] {
        desk.run(&[&refused[..], flags].concat()).code(1).warns(&["event.type", "must not begin with `tenterhook.`"]);
    }
    desk.run(&["event", "publish", "--type", "", "--dry-run"]).code(1).warns(&["event.type", "must not be empty"]);
    desk.run(&["event", "show", "site-1"]).code(1);
    let published = desk.run(&publish).code(0).json();
    assert_eq!((&published["event_id"], &published["delivery_count"]), (&"site-1".into(), &1.into()));
    assert_eq!(desk.run(&publish).code(0).json()["duplicate"], true);
    let event = desk.run(&["event", "show", "site-"]).code(0);
    assert!(event.out.contains(r#""data":{"structured":{"id":12345678901234567890123,"#), "{event:?}");
    let explained = desk.run(&["event", "explain", "site-1"]).code(0).json();
    assert_eq!(
        (&explained["webhooks"][0]["matched"], &explained["webhooks"][1]["matched"]),
        (&true.into(), &false.into())
    );
    desk.people(80, &["event", "explain", "site-1"]).code(0).has(&[
        "site-1  created dcim.site  published ",
        "* yes",
        "- no",
        "1 of 2 webhooks receive it.",
    ]);
    let mut lines = desk.command(&["event", "publish", "--type", "updated", "--lines"]);
    lines.stdin(std::fs::File::open(desk.file("lines", "{\"n\": 1}\n\n{\"n\": 2}\n")).unwrap());
    assert_eq!(finish(lines).code(0).json()["published"], 2);
    desk.until(&["delivery", "list", "-o", "json"], |list| {
        list.as_array().unwrap().iter().filter(|delivery| delivery["state"] == "SUCCEEDED").count() == 3
    });
    let replay = ["event", "replay", "all", "--since", "1h", "--include-delivered"];
    assert_eq!(desk.run(&[&replay[..], &["--dry-run"]].concat()).code(3).json()["delivery_count"], 3);
    desk.run(&replay).code(2).warns(&["Deliver 3 events to all again?"]);
    assert_eq!(desk.run(&[&replay[..], &["--yes"]].concat()).code(0).json()["delivery_count"], 3);
    assert_eq!(desk.run(&["event", "list", "--type", "updated", "-o", "name"]).code(0).out.lines().count(), 2);
}

#[test]
fn deliveries_are_shown_sent_by_curl_and_cancelled() {
    let desk = Desk::new();
    let (mut receiver, port) = receiver(0, "503");
    desk.create("orders", port);
    desk.publish("created");
    let retrying = |list: &serde_json::Value| list[0]["state"] == "RETRYING";
    let list = desk.until(&["delivery", "list", "--failed", "--webhook", "orders", "-o", "json"], retrying);
    let id = list[0]["id"].as_str().unwrap();
    desk.people(120, &["delivery", "show", id]).code(0).has(&[
        "! retrying",
        "attempt 1",
        "HTTP 503",
        "> Content-Type:",
        "< Service",
    ]);
    desk.run(&["delivery", "show", id, "--attempt", "7"]).code(1).warns(&["no attempt 7"]);
    receiver.line_with("503");
    let curl = desk.run(&["delivery", "show", id, "--curl"]).code(0).out;
    assert!(curl.starts_with("curl -i -X POST http://127.0.0.1:") && curl.contains("--data-raw '{\"event\""), "{curl}");
    desk.run(&["delivery", "cancel", "--webhook", "orders", "--dry-run"]).code(3);
    // Cancelled deliveries have ended: there is nothing to wait for.
    desk.run(&["delivery", "cancel", id, "--wait"]).code(2);
    assert_eq!(desk.run(&["delivery", "cancel", id]).code(0).json()["delivery_count"], 1);
    assert_eq!(desk.run(&["delivery", "show", id]).json()["state"], "CANCELLED");
}

#[test]
fn a_preview_shows_the_request_and_says_whether_the_event_matches() {
    let desk = Desk::new();
    desk.run(&["webhook", "create", "orders", "--url", "http://127.0.0.1:1/{{ data.id }}", "--type", "created"])
        .code(0);
    let data = desk.file("data.json", "{\"id\": 7}");
    let preview = ["webhook", "preview", "orders", "--file", &data, "--type"];
    let shown = desk.run(&[&preview[..], &["created"]].concat()).code(0).json();
    assert_eq!(shown["request"]["url"], "http://127.0.0.1:1/7");
    assert!(shown["request"]["body"].as_str().unwrap().starts_with("{\"event\""), "{shown}");
    desk.people(80, &[&preview[..], &["deleted"]].concat()).code(4).has(&["does not match", "rule 1"]);
}

#[test]
fn a_watch_shows_each_change_from_anywhere() {
    let desk = Desk::new();
    let (_receiver, port) = receiver(0, "200");
    desk.create("orders", port);
    desk.publish("created");
    let watched = desk.run(&["watch", "--from", "earliest", "--limit", "2", "--webhook", "orders"]).code(0);
    let changes: Vec<serde_json::Value> = watched.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(changes[0]["delivery"]["state"], "PENDING", "{changes:?}");
    let token = changes[0]["resume_token"].as_str().unwrap();
    let resumed = desk.run(&["watch", "--from", token, "--limit", "1"]).code(0);
    assert_eq!(resumed.out.lines().next(), watched.out.lines().nth(1));
    desk.people(80, &["watch", "--from", "1h", "--limit", "1"]).code(0).has(&["orders", "created"]);
    desk.run(&["watch", "--from", "nonsense", "--limit", "1"]).code(1).warns(&["--from earliest"]);
}

#[test]
fn every_form_holds_the_same() {
    let desk = Desk::new();
    desk.create("orders", NOWHERE);
    let form = |form: &str| desk.run(&["webhook", "list", "-o", form]).code(0);
    let listed = form("json").json();
    assert_eq!(listed[0], form("jsonl").json());
    assert_eq!(form("name").out, "orders\n");
    form("yaml").has(&["display_name: orders\n", "state: ACTIVE\n", "rules: []\n"]);
    form("wide").has(&["WEBHOOK", "LABELS", listed[0]["id"].as_str().unwrap()]);
    form("table").has(&["WEBHOOK", "* active"]);
    assert_eq!(desk.run(&["webhook", "list"]).out, form("jsonl").out, "a pipe gets a line each");
    assert_eq!(desk.run(&["status", "-o", "json"]).code(0).json()["webhooks"][0]["webhook"]["display_name"], "orders");
}
