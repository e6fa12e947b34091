//! Addresses that swallow packets, on real sockets: in a network namespace of its own, which
//! the superuser can make with iproute2. Elsewhere the test says that it was skipped.

use std::process::Command;
use std::time::Duration;

use tenterhook_model::{AddressPolicy, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::support::{Table, deliverer_with, post};
use crate::TcpDialer;

/// The test that runs inside, as the test runner calls it.
const INSIDE: &str = "tests::namespace::inside_a_namespace_dead_addresses_cost_little";
/// Set inside.
const MARK: &str = "TENTERHOOK_TEST_NAMESPACE";
/// What the sequential dialler took 2.5 s and 4.7 s for; the race takes 0.4 s on an idle machine.
const CONNECT_MAX: Duration = Duration::from_millis(1_500);

/// Two addresses that work and two networks that swallow what is sent there.
const DEAD_NETWORKS: [&str; 10] = [
    "link set lo up",
    "link add dead0 type veth peer name dead1",
    "link set dead0 up",
    "link set dead1 up",
    "address add 198.18.2.1/32 dev dead0",
    "route add 198.18.0.0/24 dev dead0",
    "-6 route add 2001:db8:dead::/64 dev dead0",
    "address add 198.18.1.1/32 dev lo",
    "-6 address add 2001:db8::1/128 dev lo",
    // What DNS64 makes of 198.18.1.1.
    "-6 address add 64:ff9b::c612:101/128 dev lo",
];

/// A namespace; it is removed when it is dropped.
pub(super) struct Namespace(String);

impl Namespace {
    /// One for the test `inside`, set up by these commands of iproute2. `None`, and a word, where none can be made.
    fn new(inside: &str, commands: &[&str]) -> Option<Self> {
        let last = inside.rsplit("::").next().unwrap_or(inside);
        let namespace = Self(format!("tenterhook-{}-{last}", std::process::id()));
        let made = ip(&["netns", "add", &namespace.0]);
        let all = |command: &&str| {
            let mut words = vec!["-n", &namespace.0];
            words.extend(command.split(' '));
            ip(&words)
        };
        if made && commands.iter().all(all) {
            return Some(namespace);
        }
        eprintln!("SKIPPED: no network namespace can be made here (it needs the superuser and iproute2)");
        None
    }

    /// Runs the test `inside`, as the test runner calls it, in a namespace set up by these commands; it must pass.
    pub(super) fn run(inside: &str, commands: &[&str]) {
        let Some(namespace) = Self::new(inside, commands) else { return };
        let this = std::env::current_exe().unwrap();
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &namespace.0]).arg(this).args(["--exact", inside, "--nocapture"]).env(MARK, "1");
        let output = command.output().unwrap();
        let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && text.contains("1 passed"), "{text}{errors}");
    }

    /// Whether this test runs inside of one.
    pub(super) fn is_here() -> bool {
        std::env::var_os(MARK).is_some()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        ip(&["netns", "delete", &self.0]);
    }
}

fn ip(words: &[&str]) -> bool {
    Command::new("ip").args(words).output().is_ok_and(|output| output.status.success())
}

#[test]
fn dead_addresses_cost_little_on_real_sockets() {
    Namespace::run(INSIDE, &DEAD_NETWORKS);
}

#[tokio::test]
async fn inside_a_namespace_dead_addresses_cost_little() {
    if !Namespace::is_here() {
        return;
    }
    let listener = TcpListener::bind("[::]:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut receiver = JoinSet::new();
    receiver.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1_024]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        }
    });
    let (dead4, dead6, live4, live6) = ("198.18.0.5", "2001:db8:dead::5", "198.18.1.1", "2001:db8::1");
    let many: Vec<String> = (10..25).map(|last| format!("198.18.0.{last}")).collect();
    let sixteen: Vec<&str> = many.iter().map(String::as_str).chain([live4]).collect();
    for addresses in
        [&["64:ff9b::c612:101"][..], &[dead6, live4], &[dead4, live6], &[dead4, live4], &[dead6, live6], &sixteen]
    {
        let policy = AddressPolicy {
            allow: vec!["198.18.0.0/15".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            ..AddressPolicy::public()
        };
        let deliverer = deliverer_with(policy, Table::with("a.example", &[addresses]), TcpDialer::default());
        let exchange = deliverer.attempt(post(&format!("http://a.example:{port}/"))).await;
        let took = exchange.timings.connect.unwrap();
        println!("{addresses:?}: {took:?}");
        assert_eq!(exchange.outcome, Outcome::Success, "{addresses:?}: {}", exchange.error);
        assert!(took < CONNECT_MAX, "{addresses:?}: {took:?}");
        deliverer.close().await;
    }
}
