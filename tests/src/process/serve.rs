//! `tenterhook serve` as a process: start-up lines, the operations listener, the end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tonic::transport::Endpoint;

use super::running::Running;
use super::{command, run, stderr};
use crate::canary::channel::Overheard;
use crate::canary::lookout::{hear, look};

/// The way to a server, whose answers are searched for secrets.
pub(crate) type Channel = Overheard<tonic::transport::Channel>;

/// A server that is up, and what its start-up lines say.
pub(crate) struct Server {
    pub(crate) running: Running,
    /// Where the API listens.
    pub(crate) api: String,
    /// Where the operations listener is.
    pub(crate) ops: String,
}

/// The forms of logs: for people, and for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    Text,
    Json,
}

/// Starts a server on free ports with its store in `folder`; every other logs for programs.
pub(crate) fn start(folder: &Path, flags: &[&str]) -> Server {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    let log = if STARTED.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) { Log::Text } else { Log::Json };
    start_logging(log, folder, flags)
}

/// Starts a server with this form of log.
pub(crate) fn start_logging(log: Log, folder: &Path, flags: &[&str]) -> Server {
    start_in(log, folder, flags, &[])
}

/// Starts a server with this form of log and these variables in its environment.
pub(crate) fn start_in(log: Log, folder: &Path, flags: &[&str], environment: &[(&str, &str)]) -> Server {
    let data = folder.join("data");
    let store = format!("redb:{}", data.display());
    let mut all = vec!["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--store", &store];
    all.extend(["--log-format", if log == Log::Text { "text" } else { "json" }]);
    all.extend(flags);
    let mut command = command(&all);
    command.envs(environment.iter().copied());
    let mut running = Running::start(command);
    running.stores_in(&data);
    let (api, ops) = addresses(log, &mut running);
    Server { running, api, ops }
}

/// Where the API and the operations listener are, as the first lines tell.
fn addresses(log: Log, running: &mut Running) -> (String, String) {
    if log == Log::Json {
        let line: serde_json::Value = serde_json::from_str(&running.line_of_start()).unwrap();
        let address = |name: &str| line[name].as_str().unwrap().to_owned();
        return (address("listen"), address("ops_listen"));
    }
    let api = running.line_with("listens on").split_whitespace().nth(2).unwrap().to_owned();
    let metrics = running.line_with("metrics at");
    (api, metrics.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned())
}

#[test]
fn who_starts_a_server_learns_where_it_listens_whatever_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    for level in ["off", "error", "tenterhook_store=debug"] {
        let server = start_logging(Log::Json, folder.path(), &["--dev", "--log-level", level]);
        assert!(TcpStream::connect(&server.api).is_ok(), "{level}");
        server.running.signal("TERM");
        assert_eq!(server.running.wait().status.code(), Some(0), "{level}");
    }
}

/// Connects to a server.
pub(crate) async fn connect(endpoint: Endpoint) -> Channel {
    Overheard { inner: endpoint.connect().await.expect("the server listens"), hear: Arc::new(hear) }
}

/// Status line and body of a GET.
pub(crate) fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    look("an answer of the operations listener", answer.as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[test]
fn it_tells_where_it_is_answers_probes_and_ends_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_logging(Log::Text, folder.path(), &["--dev"]);
    for part in ["stores in", "open to     anyone on this machine", "sends to", "try next"] {
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
    assert_eq!(server.running.wait().status.code(), Some(0));
}

#[test]
fn an_interrupt_ends_it_in_order_too() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &["--dev"]);
    server.running.signal("INT");
    assert_eq!(server.running.wait().status.code(), Some(0));
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
    let arguments = ["serve", "--dev", "--listen", &address, "--ops-listen", "off", "--store", "memory:"];
    let output = super::command(&arguments).env("TENTERHOOK_LOG_LEVEL", "info").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains(&address) && text.contains("--listen"), "{text}");
    assert!(text.starts_with("error:"), "the error is the first line: {text}");
}

#[test]
fn the_password_of_a_url_is_not_shown_and_the_url_makes_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens at this port: it is for TCP's own use (RFC 6335 section 6).
    let flags = ["serve", "--dev", "--listen", "127.0.0.1:0", "--ops-listen", "off", "--sealing-key-file", "key"];
    let mut command = super::command(&[flags.as_slice(), &["--store", "postgres://th:s3cret@127.0.0.1:1/th"]].concat());
    let output = command.current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("cannot open the store postgres://***@127.0.0.1:1/th: the database cannot be used now"),
        "{text}"
    );
    assert!(!text.contains("s3cret"), "{text}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
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
fn a_demo_that_is_kept_goes_on_until_it_is_interrupted() {
    let mut demo = Running::start(command(&["demo", "--keep"]));
    let console = demo.line_with("/console/");
    let address = console.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let (status, page) = get(&address, "/console/");
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(page.contains("<title>Tenterhook"), "{page}");
    for part in ["+ ipam.ipaddress created", "+ dcim.site updated", "SUCCEEDED"] {
        demo.line_with(part);
    }
    demo.signal("INT");
    let ended = demo.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    assert!(ended.printed.contains("more events were published; nothing is left behind."), "{}", ended.printed);
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
        " demo --keep\n",
        " listen --server\n",
        " serve --dev\n",
        " status\n",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(!text.contains(" bench\n"), "a build that is made to compile soon says nothing of the speed");
    let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
    // Folders for temporary files can have long names.
    assert!(wide.iter().all(|line| line.contains("store redb:")), "over 80 columns: {wide:#?}");
}
