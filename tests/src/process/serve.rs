//! `tenterhook serve` as a process: start-up lines, the operations listener, the end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use super::running::Running;
use super::{command, run, stderr};

/// A server that is up, and what its start-up lines say.
pub(crate) struct Server {
    pub(crate) running: Running,
    /// Where the API listens.
    pub(crate) api: String,
    /// Where the operations listener is.
    pub(crate) ops: String,
}

/// Starts a server on free ports with its store in `folder`.
pub(crate) fn start(folder: &Path, flags: &[&str]) -> Server {
    let store = format!("redb:{}", folder.join("data").display());
    let mut all = vec!["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--store", &store];
    all.extend(flags);
    let mut running = Running::start(command(&all));
    let api = running.line_with("listens on").split_whitespace().nth(2).unwrap().to_owned();
    let metrics = running.line_with("metrics at");
    let ops = metrics.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    Server { running, api, ops }
}

/// Status line and body of a GET.
pub(crate) fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[test]
fn it_tells_where_it_is_answers_probes_and_ends_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(folder.path(), &["--dev"]);
    for part in ["stores in", "open to     everybody on this machine", "sends to", "try next"] {
        server.running.line_with(part);
    }
    assert_eq!(get(&server.ops, "/livez").0, "HTTP/1.1 200 OK");
    assert_eq!(get(&server.ops, "/readyz").0, "HTTP/1.1 200 OK");
    assert_eq!(get(&server.ops, "/nowhere").0, "HTTP/1.1 404 Not Found");
    let (status, metrics) = get(&server.ops, "/metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    for name in ["tenterhook_deliveries_open", "tenterhook_store_size_bytes", "tenterhook_watchers"] {
        assert!(metrics.contains(name), "{name} in\n{metrics}");
    }
    server.running.signal("TERM");
    let (status, _) = server.running.wait();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn an_interrupt_ends_it_in_order_too() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &["--dev"]);
    server.running.signal("INT");
    assert_eq!(server.running.wait().0.code(), Some(0));
}

#[test]
fn the_sealing_key_is_made_beside_the_store_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &["--dev"]);
    let key = folder.path().join("data").join("sealing.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    server.running.signal("TERM");
    server.running.wait();
    std::fs::write(&key, "ab".repeat(32)).unwrap();
    let store = format!("redb:{}", folder.path().join("data").display());
    let output = run(&["serve", "--dev", "--listen", "127.0.0.1:0", "--ops-listen", "off", "--store", &store]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("key"), "a wrong key is told: {}", stderr(&output));
}

#[test]
fn a_taken_port_is_told_with_the_flag() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["serve", "--dev", "--listen", &address, "--ops-listen", "off", "--store", "memory:"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains(&address) && text.contains("--listen"), "{text}");
}

#[test]
fn two_servers_cannot_have_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let _first = start(folder.path(), &["--dev"]);
    let store = format!("redb:{}", folder.path().join("data").display());
    let output = run(&["serve", "--dev", "--listen", "127.0.0.1:0", "--ops-listen", "off", "--store", &store]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot open the store"), "{}", stderr(&output));
}

#[test]
fn the_demo_succeeds() {
    let output = run(&["demo"]);
    let text = super::stdout(&output);
    assert!(output.status.success(), "{text}\n{}", stderr(&output));
    for part in [
        "IP address 192.0.2.10/24 was created by jstretch!",
        "NETBOX verified",
        "STANDARD_WEBHOOKS verified",
        "RETRYING",
        "7 of 7 deliveries arrived",
        "listen --port 9000",
        "serve --dev",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}
