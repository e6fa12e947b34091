//! NetBox, this server in between, and three receivers: a body of each version of NetBox goes in by `/v1/netbox`, and
//! comes out in the form that each receiver wants, signed, and tried again where it failed.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;
use serde_json::value::RawValue;

use super::Desk;
use crate::canary::mark;
use crate::process::command;
use crate::process::running::Running;

/// What each receiver wants, and the members of its body in their order.
const WANTED: [(&str, &[&str]); 3] = [
    ("NETBOX_3_2", &["event", "timestamp", "model", "username", "request_id", "data", "snapshots"]),
    (
        "NETBOX_4_6",
        &["event", "timestamp", "object_type", "username", "request_id", "data", "request", "snapshots", "context"],
    ),
    ("NETBOX_4_7", &["event", "timestamp", "object_type", "request", "data", "snapshots", "context"]),
];
/// Requests that each receiver answers with 503 first.
const FAILS: usize = 2;

/// The body that each version of NetBox sends for one change, as Python's `json.dumps` wrote it.
fn bodies() -> Vec<(String, String)> {
    let lines = include_str!("../../fixtures/netbox_versions.jsonl").lines();
    let cases = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let cases = cases.filter(|case| case["id"].as_str().unwrap().ends_with("-full"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    cases.map(|case| (text(&case["body_format"]), text(&case["expected_body"]))).collect()
}

/// The body of these members that `sent` becomes: its own text wherever it has a member.
fn expected(sent: &str, members: &[&str]) -> String {
    let all: BTreeMap<String, &RawValue> = serde_json::from_str(sent).unwrap();
    let request: BTreeMap<String, &RawValue> =
        all.get("request").map(|request| serde_json::from_str(request.get()).unwrap()).unwrap_or_default();
    let own = |name: &str| all.get(name).map(|value| value.get().to_owned());
    let within = |name: &str| request.get(name).map(|value| value.get().to_owned());
    let member = |name: &str| match name {
        "model" => own(name).or_else(|| own("object_type").map(|text| text.replace("dcim.", ""))),
        // Up to 4.3 a body does not say which app the object is of, and the data has no address here.
        "object_type" => own(name).or_else(|| own("model")),
        "username" => own(name).or_else(|| within("user")),
        "request_id" => own(name).or_else(|| within("id")),
        "request" => {
            own(name).or_else(|| Some(format!(r#"{{"id": {}, "user": {}}}"#, own("request_id")?, own("username")?)))
        }
        _ => own(name),
    };
    let members = members.iter().filter_map(|name| Some(format!(r#""{name}": {}"#, member(name)?)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
}

/// Sends a body as NetBox does; returns the result.
fn post(desk: &Desk, body: &str) -> Value {
    let api = &desk.server.api;
    let mut stream = TcpStream::connect(api).unwrap();
    let length = body.len();
    let head = format!(
        "POST /v1/netbox HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}"
    );
    write!(stream, "{head}\r\n\r\n{body}").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    let json = response.split_once("\r\n\r\n").unwrap().1;
    serde_json::from_str::<Value>(json).unwrap()["result"].clone()
}

/// A receiver that fails first, and the webhook that sends to it.
fn subscribe(desk: &Desk, format: &str) -> Running {
    let secret = mark::hidden(format);
    let fails = FAILS.to_string();
    let listen = ["listen", "--port", "0", "--json", "--secret", &secret, "--fail-first", &fails];
    let mut receiver = Running::start(command(&listen));
    let line: Value = serde_json::from_str(&receiver.line_with("listening")).unwrap();
    let url = line["listening"].as_str().unwrap();
    let webhook = format!(
        "request: {{url: \"{url}\", body_format: {format}}}\nretry: {{schedule: {{waits: [1s]}}, jitter: 0}}\n"
    );
    let (file, secret) = (desk.file(&format!("{format}.yaml"), &webhook), desk.file(&format!("{format}.key"), &secret));
    desk.run(&["webhook", "create", format, "--file", &file, "--sign", "netbox", "--secret-file", &secret]).code(0);
    receiver
}

#[test]
fn a_body_of_each_version_comes_out_for_three_receivers_signed_and_tried_again() {
    let desk = Desk::new();
    // They live to the end: a response that is lost with its receiver is a failed attempt.
    let mut receivers = WANTED.map(|(format, _)| subscribe(&desk, format));
    let bodies = bodies();
    let versions: Vec<&str> = bodies.iter().map(|(version, _)| version.as_str()).collect();
    assert_eq!(versions, ["NETBOX_3_2", "NETBOX_4_4", "NETBOX_4_5", "NETBOX_4_6", "NETBOX_4_7"]);
    for duplicate in [false, true] {
        for (version, body) in &bodies {
            assert_eq!(post(&desk, body)["duplicate"], duplicate, "{version}");
        }
    }
    for ((format, members), receiver) in WANTED.into_iter().zip(&mut receivers) {
        let (mut accepted, mut failed) = (Vec::new(), Vec::new());
        for _ in 0..bodies.len() + FAILS {
            let request: Value = serde_json::from_str(&receiver.line_with("\"method\"")).unwrap();
            assert_eq!(request["signatures"][0]["scheme"], "NETBOX", "{request}");
            assert_eq!(request["signatures"][0]["verified"], true, "{request}");
            let list = if request["status"] == 200 { &mut accepted } else { &mut failed };
            list.push(request["body"].as_str().unwrap().to_owned());
        }
        let mut wanted: Vec<String> = bodies.iter().map(|(_, body)| expected(body, members)).collect();
        assert!(failed.len() == FAILS && failed.iter().all(|body| wanted.contains(body)), "{failed:#?}");
        // What comes from its own version and goes out to it is as NetBox wrote it.
        assert!(bodies.iter().any(|(version, body)| version == format && wanted.contains(body)), "{format}");
        accepted.sort();
        wanted.sort();
        assert_eq!(accepted, wanted, "{format}");
    }
    let ended = |list: &Value| {
        let list = list.as_array().unwrap();
        list.len() == WANTED.len() * bodies.len() && list.iter().all(|delivery| delivery["state"] == "SUCCEEDED")
    };
    let list = desk.until(&["delivery", "list", "-o", "json"], ended);
    let again = list.as_array().unwrap().iter().filter(|delivery| delivery["attempt_count"] == 2);
    assert_eq!(again.count(), WANTED.len() * FAILS);
}
