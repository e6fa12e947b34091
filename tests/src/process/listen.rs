//! `tenterhook listen` as a receiver: what it prints, answers and verifies.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::command;
use super::running::Running;
use crate::canary::mark;

fn start(arguments: &[&str]) -> (Running, String) {
    let mut all = vec!["listen", "--port", "0"];
    all.extend(arguments);
    let mut running = Running::start(command(&all));
    let line = running.line_with("http://");
    let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    (running, address)
}

fn post(address: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /hook HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}content-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_request_is_printed_and_answered() {
    let (mut running, address) = start(&[]);
    let answer = post(&address, "content-type: application/json\r\n", r#"{"a":1}"#);
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(running.line_with("POST /hook").contains("── 1 ──"));
    running.line_with("  \"a\": 1");
    running.line_with("200 OK");
    running.signal("TERM");
    assert_eq!(running.wait().status.code(), Some(0));
}

#[test]
fn the_first_requests_fail_if_wanted() {
    let (_running, address) = start(&["--fail-first", "2", "--status", "204"]);
    let statuses: Vec<String> = (0..3).map(|_| post(&address, "", "")[9..12].to_owned()).collect();
    assert_eq!(statuses, ["503", "503", "204"]);
}

#[test]
fn signatures_are_judged() {
    let (mut running, address) = start(&["--secret", &mark::hidden("listen")]);
    // printf '{}' | openssl dgst -sha512 -hmac NeverToBeSeen7Zx-listen
    let good = include_str!("netbox_signature.txt").trim();
    post(&address, &format!("x-hook-signature: {good}\r\n"), "{}");
    running.line_with("NETBOX verified");
    post(&address, &format!("x-hook-signature: {good}\r\n"), "{ }");
    running.line_with("NETBOX NOT verified");
    post(&address, "", "{}");
    running.line_with("no signature header");
}

#[test]
fn json_lines_are_for_programs() {
    let (mut running, address) = start(&["--json"]);
    post(&address, "x-a: b\r\n", "text");
    let line: serde_json::Value = serde_json::from_str(&running.line_with("\"method\"")).unwrap();
    assert_eq!((line["method"].as_str(), line["body"].as_str()), (Some("POST"), Some("text")));
    assert_eq!(line["path"], "/hook");
}
