//! A whole move from NetBox: thirty event rules in one command, and what NetBox sent compared with what would be sent.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::Desk;
use crate::canary::mark;
use crate::process::command;
use crate::process::running::Running;

/// Webhooks, and the members of each that differ here or cannot be as they were.
fn webhooks() -> Vec<Value> {
    let traps = [
        ("login", json!({"payload_url": format!("https://jo:{}@login.example.com/", mark::hidden("password"))})),
        ("token", json!({"additional_headers": format!("Authorization: Token {}", mark::hidden("token"))})),
        ("slow", json!({"timeout": 120})),
        ("unused", json!({})),
        ("env", json!({"body_template": "{{ 'HOOK_TOKEN' | env }}"})),
        ("many", json!({})),
        ("jobs", json!({"custom_fields": {"team": "net"}})),
        ("plain", json!({"secret": mark::hidden("secret")})),
    ];
    let webhook = |(index, (name, more)): (usize, (&str, Value))| {
        let mut webhook =
            json!({"id": index, "name": name, "payload_url": format!("https://{name}.example.com/"), "timeout": null});
        webhook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        webhook
    };
    traps.into_iter().enumerate().map(webhook).collect()
}

/// Thirty event rules: three that only NetBox can carry out, one for an end of a job, and the rest for changes.
fn rules() -> Vec<Value> {
    let used = [0, 1, 2, 4, 5, 5, 7];
    let rule = |number: usize| {
        let (kind, action, event) = match number {
            27 => ("script", 1, "object_created"),
            28 => ("notification", 1, "object_created"),
            29 => ("my_plugin.ticket", 1, "object_created"),
            26 => ("webhook", 6, "job_failed"),
            other => ("webhook", used[other % used.len()], "object_updated"),
        };
        json!({"id": number, "name": format!("rule {number}"), "object_types": ["dcim.site"], "event_types": [event], "enabled": true,
            "conditions": {"attr": "name", "value": number}, "action_type": {"value": kind, "label": kind}, "action_object_id": action})
    };
    (0..30).map(rule).collect()
}

/// A token that NetBox sends; `listen` shows it, as it shows all that it gets.
const TOKEN: &str = "b3f1c0ffee";
/// What the table says of what differs.
const DIFFERENCES: [&str; 12] = [
    "! login  user and password of the URL: now the header Authorization, kept secret",
    "! token  header Authorization: kept secret here",
    "! slow  timeout 120 s: an attempt takes 60 s at most here",
    "! unused  no event rule uses it: it is created disabled",
    "! env  its templates read the environment: start the server with --template-env HOOK_TOKEN",
    "! many  an event that several of its rules match is sent once",
    "! jobs  custom fields are not taken over: team",
    "! jobs  rule rule 26: NetBox sends `job_ended` however a job ended",
    "- rule rule 27: its action is script",
    "- rule rule 28: its action is notification",
    "- rule rule 29: its action is my_plugin.ticket",
    "* a redirect (3xx) counts as a failure; NetBox follows it",
];

#[test]
fn thirty_event_rules_move_in_one_command_with_what_differs() {
    let desk = Desk::new();
    let files = [desk.file("webhooks.json", &json!(webhooks()).to_string())];
    let files = [&files[0], &desk.file("event-rules.json", &json!({"count": 30, "results": rules()}).to_string())];
    let import = ["import", "netbox", files[0], files[1], "--retry", "none"];
    let shown = desk.people(200, &import).code(0).has(&DIFFERENCES);
    let shown = shown.has(&["8 webhooks: 8 new, 0 unchanged, 0 changed in NetBox, 0 refused; 3 rules skipped."]);
    assert!(!shown.out.contains(&mark::hidden("")), "a secret is shown");
    let list = desk.run(&["webhook", "list", "-o", "json"]).code(0).json();
    let mut moved: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|webhook| webhook["rules"].as_array().unwrap())
        .map(|rule| rule["display_name"].as_str().unwrap())
        .collect();
    moved.sort_unstable();
    let mut expected: Vec<String> = (0..27).map(|number| format!("rule {number}")).collect();
    expected.sort_unstable();
    assert_eq!(moved, expected);
    let narrow = desk.people(80, &import[..4]).code(0).has(&["8 webhooks: 0 new, 8 unchanged"]);
    assert!(narrow.out.lines().all(|line| line.chars().count() <= 80), "{narrow:?}");
    let names = desk.run(&[&import[..4], &["-o", "name"]].concat()).code(0).out;
    assert_eq!(names, "login\ntoken\nslow\nunused\nenv\nmany\njobs\nplain\n");
}

/// Sends what NetBox or a receiver gets.
fn post(address: &str, path: &str, headers: &str, body: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
}

/// What NetBox sends for a change of a site, as its default body.
fn change(site: &str) -> String {
    json!({"event": "updated", "timestamp": "2026-03-06T15:11:23.503186+00:00", "object_type": "dcim.site", "username": "ann",
        "request_id": "17af", "data": {"id": 4, "name": site, "status": {"value": "active"}}})
    .to_string()
}

#[test]
fn what_netbox_sent_is_compared_with_what_would_be_sent_here() {
    let desk = Desk::new();
    let kept = desk.path().join("sent").display().to_string();
    let mut listen = Running::start(command(&["listen", "--port", "0", "--json", "--save", &kept]));
    let line: Value = serde_json::from_str(&listen.line_with("listening")).unwrap();
    let between = line["listening"].as_str().unwrap().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let webhooks = json!([
        {"id": 1, "name": "chat", "payload_url": "http://127.0.0.1:1/chat?room=net", "http_method": "POST", "http_content_type": "application/json",
         "additional_headers": format!("X-Site: {{{{ data.name }}}}\r\nAuthorization: Token {}", TOKEN),
         "body_template": "{\"text\": \"{{ data.name }} was {{ event }} by {{ username }}\"}", "secret": mark::hidden("secret")},
        {"id": 1, "name": "r", "action_type": "webhook", "action_object_id": 1, "event_types": ["object_updated"], "object_types": ["dcim.site"]},
    ]);
    let file = desk.file("netbox.json", &webhooks.to_string());
    desk.run(&["import", "netbox", &file, "--retry", "none", "--paused"]).code(0);
    let verify = ["import", "netbox", "--verify", &format!("chat={kept}")];
    desk.people(80, &verify).code(2).warns(&["has no requests", "tenterhook listen --save"]);
    // NetBox sends the event here, and to its receiver.
    let sent = |site: &str, verb: &str| {
        let headers = format!(
            "User-Agent: python-requests/2.32.3\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\nContent-Type: application/json\r\nX-Site: {site}\r\nAuthorization: Token {}\r\nX-Hook-Signature: 0123\r\n",
            TOKEN
        );
        post(&between, "/chat?room=net", &headers, &format!("{{\"text\": \"{site} was {verb} by ann\"}}"));
    };
    for site in ["AMS", "BER"] {
        post(&desk.server.api, "/v1/netbox", "Content-Type: application/json\r\n", &change(site));
    }
    sent("BER", "updated");
    sent("AMS", "updated");
    let same = desk.people(80, &verify).code(0);
    same.has(&[
        "WEBHOOK  SAME  DIFFERENT  ONLY NETBOX  ONLY HERE",
        "2 of 2 requests from NetBox would be sent the same.",
    ]);
    // One differs, one is not here, and one was not sent.
    for site in ["CPH", "DUB"] {
        post(&desk.server.api, "/v1/netbox", "Content-Type: application/json\r\n", &change(site));
    }
    sent("CPH", "changed");
    post(&between, "/chat?room=net", "", "something else");
    let shown = desk.people(200, &verify).code(4);
    let shown = shown.has(&[
        "body.text  CPH was changed by ann -> CPH was updated by ann",
        "- chat  0004.http: no event here would send it",
    ]);
    let shown =
        shown.has(&["+ chat  nb_", "NetBox did not send it", "2 of 4 requests from NetBox would be sent the same."]);
    assert!(
        ![TOKEN, &mark::hidden("")].iter().any(|secret| format!("{shown:?}").contains(secret)),
        "a secret is shown"
    );
    let report = desk.run(&verify).code(4).json();
    assert_eq!((&report[0]["same"], &report[0]["different"][0]["request"]), (&json!(2), &json!("0003.http")));
    assert_eq!(desk.run(&[&verify[..], &["-o", "name"]].concat()).code(4).out, "chat\n");
    desk.run(&[&verify[..], &["--since", "2999-01-01T00:00:00Z"]].concat()).code(4);
}
