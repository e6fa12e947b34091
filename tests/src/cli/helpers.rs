//! The commands around the work: doctor, open, token, columns, and the difference of two previews.

use serde_json::{Value, json};

use super::{Desk, NOWHERE, finish, receiver};
use crate::process::{run, stdout};

#[test]
fn doctor_finds_nothing_where_nothing_is_wrong() {
    let desk = Desk::new();
    desk.create("orders", NOWHERE);
    let shown = desk.people(80, &["doctor"]).code(0);
    shown.has(&[
        "* setup     no context, server 127.0.0.1:",
        "* server    version ",
        "* clock ",
        "1 webhook, none failing",
    ]);
    let checks = desk.run(&["doctor", "-o", "json"]).code(0).json();
    assert!(checks.as_array().unwrap().iter().all(|check| check["verdict"] == "ok"), "{checks}");
}

#[test]
fn doctor_says_what_is_at_fault_and_what_helps() {
    let desk = Desk::new();
    let (_gone, port) = receiver(0, "410");
    desk.create("orders", port);
    desk.publish("created");
    desk.until(&["webhook", "show", "orders"], |webhook| webhook["state"] == "SUSPENDED");
    let shown = desk.people(80, &["doctor"]).code(4);
    shown.has(&["x webhooks  orders is suspended and sends nothing", "tenterhook webhook show orders"]);
    let away = desk.people(80, &["doctor", "--address", "127.0.0.1:1"]).code(4);
    away.has(&["* setup", "x server    no server responds at 127.0.0.1:1", "tenterhook serve --dev"]);
    let nobody = desk.people(80, &["doctor", "--context", "nobody"]).code(4);
    nobody.has(&["x setup     there is no context nobody", "tenterhook context list"]);
    let mut plain = desk.command(&["doctor", "-o", "table"]);
    plain.env("TENTERHOOK_ADDRESS", format!("https://{}", desk.server.api));
    finish(plain).code(4).has(&["x server    no connection to ", "the server does not speak TLS"]);
}

#[test]
fn a_page_of_the_console_is_found_by_name_and_id() {
    let desk = Desk::new();
    desk.create("orders", NOWHERE);
    let id = desk.run(&["webhook", "show", "orders"]).json()["id"].as_str().unwrap().to_owned();
    let event = desk.run(&["event", "publish", "--type", "created", "--id", "site-1", "-o", "name"]).code(0).out;
    let api = &desk.server.api;
    for (thing, page) in [
        (None, String::new()),
        (Some("orders"), format!("webhooks/{id}")),
        (Some(&id[..16]), format!("webhooks/{id}")),
        (Some(event.trim()), "events/site-1".to_owned()),
    ] {
        let arguments: Vec<&str> = ["open", "--print"].into_iter().chain(thing).collect();
        let shown = desk.run(&arguments).code(0).json();
        assert_eq!(shown["url"], format!("http://{api}/console/{page}?namespace=default"));
    }
    desk.run(&["open", "nothing", "--print"]).code(1).warns(&["there is no webhook nothing"]);
}

#[test]
fn a_token_is_issued_used_and_revoked() {
    let keys = tempfile::tempdir().unwrap();
    let path = keys.path().join("keys");
    let made = run(&["key", "new", "--name", "boss", "--role", "admin", "--append", path.to_str().unwrap()]);
    let key = stdout(&made).trim().to_owned();
    let desk = Desk::with(&["--api-keys", path.to_str().unwrap()]);
    let as_boss = |arguments: &[&str]| {
        let mut command = desk.command(arguments);
        command.env("TENTERHOOK_API_KEY", &key);
        finish(command)
    };
    let made = as_boss(&["token", "create", "Shop Ltd", "--role", "viewer", "--for", "2h"]).code(0).json();
    let secret = made["secret"].as_str().unwrap();
    let with_token = |arguments: &[&str]| {
        let mut command = desk.command(arguments);
        command.env("TENTERHOOK_API_KEY", secret);
        finish(command)
    };
    with_token(&["webhook", "list"]).code(0);
    with_token(&["token", "list"]).code(1).warns(&["another role"]);
    let soon = with_token(&["doctor", "-o", "json"]).code(0).json();
    assert!(soon.as_array().unwrap().iter().any(|check| check["verdict"] == "warning"), "it ends in 2 hours: {soon}");
    let listed = as_boss(&["token", "list", "-o", "table", "--columns", "name,role"]).code(0);
    assert_eq!(listed.out, "NAME      ROLE\nShop Ltd  viewer\n");
    assert!(!as_boss(&["token", "list", "-o", "json"]).out.contains(secret));
    as_boss(&["token", "revoke", "Nobody"]).code(1).warns(&["there is no token Nobody", "tenterhook token list"]);
    as_boss(&["token", "revoke", "Shop Ltd"]).code(0);
    with_token(&["webhook", "list"]).code(1).warns(&["TENTERHOOK_API_KEY"]);
}

#[test]
fn columns_are_chosen_by_their_headings() {
    let desk = Desk::new();
    desk.create("orders", NOWHERE);
    let chosen = desk.people(80, &["webhook", "list", "--columns", "State,webhook"]).code(0);
    assert_eq!(chosen.out, "STATE     WEBHOOK\n* active  orders\n");
    let wrong = desk.people(80, &["webhook", "list", "--columns", "name,state,age"]).code(2);
    wrong.warns(&["there is no column name, age", "choose among webhook, state, waiting, url, why, id, labels"]);
    desk.people(80, &["status", "--columns", "webhook,id"]).code(0).has(&["WEBHOOK", "wh_"]);
}

#[test]
fn two_previews_are_compared_field_by_field() {
    let desk = Desk::new();
    desk.create("orders", NOWHERE);
    for (id, name) in [("one", "Z\u{fc}rich"), ("two", "Bern"), ("three", "Bern")] {
        let data = desk.file(id, &format!("{{\"site\": {{\"name\": \"{name}\"}}}}"));
        desk.run(&["event", "publish", "--type", "created", "--id", id, &data]).code(0);
    }
    let compare = |other: &str| desk.people(80, &["webhook", "preview", "orders", "--event", "one", "--diff", other]);
    let shown = compare("two").code(3);
    shown.has(&["~ body.data.site.name  Z\u{fc}rich -> Bern\n"]);
    let same = desk.people(80, &["webhook", "preview", "orders", "--event", "one", "--diff", "one"]).code(0);
    same.has(&["Both events make the same request."]);
}

#[test]
fn previews_are_compared_without_what_no_two_requests_share() {
    let desk = Desk::new();
    let hook = |name: &str, signing: &Value| {
        let request = json!({"url": "http://127.0.0.1:1/", "body": "{}"});
        format!("---\n{}\n", json!({"display_name": name, "request": request, "signing": signing}))
    };
    let schemes = json!({"schemes": ["NETBOX", "STANDARD_WEBHOOKS", "GITHUB"]});
    let custom = json!({"custom": [
        {"header": "X-Slack-Signature", "content": "v0:{{timestamp}}:{{id}}:{{body}}", "value": "v0={{signature}}"},
        {"header": "x-message", "value": "{{id}}"},
    ]});
    let file = desk.file("hooks.yaml", &[hook("schemes", &schemes), hook("custom", &custom)].concat());
    desk.run(&["apply", "-f", &file]).code(0);
    for id in ["one", "two"] {
        desk.run(&["event", "publish", "--type", "created", "--id", id]).code(0);
    }
    for name in ["schemes", "custom"] {
        let preview = |event: &str| desk.people(200, &["webhook", "preview", name, "--event", event]).code(0).out;
        assert_ne!(preview("one"), preview("two"), "the test compares what is the same anyway");
        let compared = desk.people(80, &["webhook", "preview", name, "--event", "one", "--diff", "two"]);
        compared.code(0).has(&["Both events make the same request."]);
    }
}

#[test]
fn flags_may_stand_before_the_command() {
    let desk = Desk::new();
    desk.create("orders", NOWHERE);
    let behind = desk.run(&["webhook", "list", "-o", "json"]).code(0);
    let before = desk.run(&["-o", "json", "webhook", "list"]).code(0);
    assert_eq!(before.out, behind.out);
    let mut elsewhere = desk.command(&["--address", &desk.server.api, "-oname", "--no-color", "webhook", "list"]);
    elsewhere.env_remove("TENTERHOOK_ADDRESS");
    assert_eq!(finish(elsewhere).code(0).out, "orders\n");
    desk.run(&["--address", "127.0.0.1:1", "status"]).code(1).warns(&["no server responds at 127.0.0.1:1"]);
    for wrong in [&["--address", "127.0.0.1:1", "serve", "--dev"][..], &["-o", "json", "bench"], &["-o", "json"]] {
        desk.run(wrong).code(2).warns(&["unexpected argument '-"]);
    }
    let help = stdout(&run(&["--help"]));
    assert!(help.contains("may also come before the command") && !help.contains("--namespace"), "{help}");
}

#[test]
fn times_are_of_this_machine_when_asked_for() {
    let desk = Desk::new();
    desk.publish("created");
    let at = |zone: &str, form: &str| {
        let mut command = desk.command(&["event", "list", "-o", "table", "--columns", "published", "--time", form]);
        command.env("TZ", zone);
        let shown = finish(command).code(0).out;
        shown.lines().nth(1).unwrap().trim().to_owned()
    };
    let utc = at("EST5", "utc");
    assert!(utc.ends_with('Z'), "{utc}");
    assert_eq!(at("EST5", "utc"), utc);
    for (zone, offset) in
        [("EST5", "-05:00"), ("<+0545>-5:45", "+05:45"), ("UTC0", "+00:00"), ("Nowhere/AtAll", "+00:00")]
    {
        let local = at(zone, "local");
        let moment =
            |text: &str| time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap();
        assert!(local.ends_with(offset), "{zone}: {local}");
        assert_eq!(moment(&local), moment(&utc), "{zone}");
    }
}
