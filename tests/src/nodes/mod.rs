//! Several servers on one PostgreSQL, each with an address for the others: every call works on each of them.

mod database;
mod demo;
mod everywhere;
mod identity;
mod killed;
mod sending;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use tenterhook_fixtures::postgres::schema;
use tonic::transport::Endpoint;

use crate::process::command;
use crate::process::running::Running;

/// Time for anything that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The lease of the nodes; the shortest that there is.
const LEASE: &str = "3s";
/// The key that all nodes seal with.
const SEALING_KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// What a node that serves says.
const SERVES: &str = "ok\n";

/// The place of a node: what it is called and where it listens, however often it is started.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) api: String,
    pub(crate) ops: String,
}

impl Place {
    /// A place with ports that nobody has.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        // Taken for a moment: what starts there must come back to the same ports.
        let taken: Vec<TcpListener> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let [api, ops] = [0, 1].map(|at| taken[at].local_addr().unwrap().to_string());
        Self { name: name.into(), api, ops }
    }

    /// Starts a node here.
    pub(crate) fn start(&self, url: &str, folder: &Path, flags: &[&str]) -> Running {
        self.start_as(url, folder, &[&["--node-address", "127.0.0.1"], flags].concat())
    }

    /// Starts a node here that has no address for the others.
    fn start_as(&self, url: &str, folder: &Path, flags: &[&str]) -> Running {
        let key = folder.join("sealing.key");
        if !key.exists() {
            std::fs::write(&key, SEALING_KEY).unwrap();
        }
        let key = key.display().to_string();
        let own = ["--node-name", &self.name, "--lease", LEASE];
        let ports = ["--listen", &self.api, "--ops-listen", &self.ops, "--log-format", "json"];
        let store = ["serve", "--store", url, "--sealing-key-file", &key];
        let mut command = command(&[store.as_slice(), &own, &ports, flags].concat());
        command.env("TENTERHOOK_LOG_LEVEL", "info");
        Running::start(command)
    }

    /// What it says of its readiness; nothing while nobody answers there.
    pub(crate) fn says(&self) -> Option<(String, String)> {
        let mut stream = TcpStream::connect(&self.ops).ok()?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.lines().next()?.to_owned(), body.to_owned()))
    }

    /// Whether it has the database and serves.
    pub(crate) fn serves(&self) -> bool {
        self.says().is_some_and(|(_, words)| words == SERVES)
    }

    /// Whether it forwards calls to the node with this name.
    pub(crate) fn forwards_to(&self, name: &str) -> bool {
        let words = format!("ok: calls are forwarded to the node `{name}`, which has the database\n");
        self.says().is_some_and(|said| said == ("HTTP/1.1 200 OK".to_owned(), words))
    }

    /// The way to it.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::from_shared(format!("http://{}", self.api)).expect("it is an address")
    }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = tokio::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

/// Three places, with a node at each that was started in their order: the first serves.
pub(crate) fn start_three(url: &str, folder: &Path, flags: &[&str]) -> (Vec<Place>, Vec<Running>) {
    let places: Vec<Place> = (0..3).map(|number| Place::new(format!("node-{number}"))).collect();
    let mut nodes = Vec::new();
    for place in &places {
        nodes.push(place.start(url, folder, flags));
        until("a node stands by or serves", || place.serves() || place.forwards_to(&places[0].name));
    }
    assert!(places[0].serves());
    (places, nodes)
}

#[test]
fn without_an_address_a_node_that_stands_by_takes_no_calls() {
    let Some(url) = schema() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Place::new("first"), Place::new("second"));
    let serving = first.start_as(&url, folder.path(), &["--dev"]);
    until("the first serves", || first.serves());
    let standing_by = second.start_as(&url, folder.path(), &["--dev"]);
    let words = "standing by: the node `first` has the database\n".to_owned();
    let told = ("HTTP/1.1 503 Service Unavailable".to_owned(), words);
    until("the second stands by", || second.says().as_ref() == Some(&told));
    assert!(TcpStream::connect(&second.api).is_err(), "clients go elsewhere");
    serving.signal("TERM");
    assert_eq!(serving.wait().status.code(), Some(0));
    until("the second serves", || second.serves());
    TcpStream::connect(&second.api).expect("its port is the same");
    standing_by.signal("TERM");
    assert_eq!(standing_by.wait().status.code(), Some(0));
}

#[test]
fn a_node_that_forwards_to_one_without_an_address_says_so() {
    let Some(url) = schema() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Place::new("first"), Place::new("second"));
    let _serving = first.start_as(&url, folder.path(), &["--dev"]);
    until("the first serves", || first.serves());
    let standing_by = second.start(&url, folder.path(), &["--dev"]);
    until("the second stands by", || {
        second.says().is_some_and(|(_, words)| words.contains("has given no --node-address"))
    });
    standing_by.signal("TERM");
    assert_eq!(standing_by.wait().status.code(), Some(0), "a node that stands by ends in order, too");
}
