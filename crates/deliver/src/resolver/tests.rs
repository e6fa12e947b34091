//! Look-ups against name servers on loopback, in paused time: what is sent there has arrived
//! before the clock moves.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tenterhook_model::{HostName, Resolve, ResolveError, limits};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::SystemResolver;

/// Types of records (RFC 1035 section 3.2.2, RFC 3596 section 2.1).
const A: u16 = 1;
const AAAA: u16 = 28;
/// Codes of answers (RFC 1035 section 4.1.1).
const FORMERR: u8 = 1;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;
/// No code: the answer is cut short.
const CUT: u8 = 16;
/// The bit of an answer that is cut short.
const TRUNCATED: u8 = 2;

/// What a name server says to a question.
#[derive(Debug, Clone)]
enum Reply {
    Addresses(Vec<IpAddr>),
    Code(u8),
    Silence,
    Late(Duration, Vec<IpAddr>),
    /// No address, and the bit that says that the answer is cut short.
    Cut,
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn found(texts: &[&str]) -> Reply {
    Reply::Addresses(addresses(texts))
}

/// A name server on loopback, which notes what it is asked.
struct NameServer {
    port: u16,
    questions: Arc<Mutex<Vec<(String, u16)>>>,
    _task: JoinSet<()>,
}

impl NameServer {
    async fn new(reply: impl Fn(&str, u16) -> Reply + Send + 'static) -> Self {
        Self::at(Ipv4Addr::LOCALHOST, 0, reply).await
    }

    async fn at(ip: Ipv4Addr, port: u16, reply: impl Fn(&str, u16) -> Reply + Send + 'static) -> Self {
        Self::that_sees_edns(ip, port, move |name, kind, _| reply(name, kind)).await
    }

    /// One whose answers depend on whether the question has the extension EDNS.
    async fn that_sees_edns(
        ip: Ipv4Addr,
        port: u16,
        reply: impl Fn(&str, u16, bool) -> Reply + Send + 'static,
    ) -> Self {
        let socket = Arc::new(UdpSocket::bind((ip, port)).await.unwrap());
        let (port, questions) = (socket.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
        let (seen, mut task) = (Arc::clone(&questions), JoinSet::new());
        task.spawn(async move {
            let (mut packet, mut late) = ([0; 1_500], JoinSet::new());
            loop {
                let (length, from) = socket.recv_from(&mut packet).await.unwrap();
                let (name, kind, question) = read(&packet[..length]);
                let said = reply(&name, kind, has_edns(&packet));
                seen.lock().unwrap().push((name, kind));
                let (wait, code, addresses) = match said {
                    Reply::Silence => continue,
                    Reply::Code(code) => (Duration::ZERO, code, Vec::new()),
                    Reply::Addresses(addresses) => (Duration::ZERO, 0, addresses),
                    Reply::Late(wait, addresses) => (wait, 0, addresses),
                    Reply::Cut => (Duration::ZERO, CUT, Vec::new()),
                };
                let (socket, mut written) =
                    (Arc::clone(&socket), write(&packet[..2], question, code % CUT, &addresses));
                written[2] |= if code == CUT { TRUNCATED } else { 0 };
                late.spawn(async move {
                    sleep(wait).await;
                    socket.send_to(&written, from).await.unwrap();
                });
            }
        });
        Self { port, questions, _task: task }
    }

    fn questions(&self) -> Vec<(String, u16)> {
        self.questions.lock().unwrap().clone()
    }

    fn count(&self, kind: u16) -> usize {
        self.questions().iter().filter(|(_, asked)| *asked == kind).count()
    }
}

/// Name, type and bytes of the question (RFC 1035 section 4.1.2).
fn read(packet: &[u8]) -> (String, u16, &[u8]) {
    let (mut at, mut labels) = (12, Vec::new());
    while packet[at] > 0 {
        let end = at + 1 + usize::from(packet[at]);
        labels.push(String::from_utf8(packet[at + 1..end].to_vec()).unwrap().to_lowercase());
        at = end;
    }
    let kind = u16::from_be_bytes([packet[at + 1], packet[at + 2]]);
    (labels.join("."), kind, &packet[12..at + 5])
}

/// Whether a question has a record behind it, which is EDNS (RFC 6891 section 6.1.1).
fn has_edns(packet: &[u8]) -> bool {
    packet[11] > 0
}

/// An answer (RFC 1035 sections 4.1.1 and 4.1.3), good for an hour.
fn write(id: &[u8], question: &[u8], code: u8, addresses: &[IpAddr]) -> Vec<u8> {
    let mut reply = [id, &[0x81, 0x80 | code, 0, 1, 0, addresses.len() as u8, 0, 0, 0, 0], question].concat();
    for address in addresses {
        let (kind, bytes) = match address {
            IpAddr::V4(address) => (A, address.octets().to_vec()),
            IpAddr::V6(address) => (AAAA, address.octets().to_vec()),
        };
        reply.extend([0xc0, 12, 0, kind as u8, 0, 1, 0, 0, 0x0e, 0x10, 0, bytes.len() as u8]);
        reply.extend(bytes);
    }
    reply
}

/// A resolver with files of its own.
struct System {
    folder: TempDir,
    resolver: SystemResolver,
}

impl System {
    fn new(conf: Option<&str>, hosts: Option<&str>, port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (conf_path, hosts_path) = (folder.path().join("resolv.conf"), folder.path().join("hosts"));
        let write = |path: &PathBuf, text: Option<&str>| text.map(|text| fs::write(path, text).unwrap());
        write(&conf_path, conf);
        write(&hosts_path, hosts);
        Self { resolver: SystemResolver::of_files(hosts_path, conf_path, port), folder }
    }

    /// One that asks `server`, without search domains.
    fn of(server: &NameServer) -> Self {
        Self::new(Some("search .\nnameserver 127.0.0.1"), None, server.port)
    }

    async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let mut found = self.resolver.resolve(&HostName::parse(host).unwrap()).await?;
        found.sort();
        Ok(found)
    }

    /// The addresses of `host`, and how long the look-up took.
    async fn timed(&self, host: &str) -> (Vec<IpAddr>, Duration) {
        let start = Instant::now();
        (self.resolve(host).await.unwrap(), start.elapsed())
    }

    async fn failure(&self, host: &str) -> String {
        self.resolve(host).await.unwrap_err().to_string()
    }
}

const FAST: Duration = Duration::from_millis(20);

#[tokio::test(start_paused = true)]
async fn both_kinds_of_address_are_looked_up_and_believed_for_a_while() {
    let server = NameServer::new(|name, kind| match (name, kind) {
        ("both.example", A) => found(&["192.0.2.1", "192.0.2.2"]),
        ("both.example" | "six.example", AAAA) => found(&["2001:db8::1"]),
        _ => found(&[]),
    })
    .await;
    let system = System::of(&server);
    for _ in 0..5 {
        let both = system.resolve("both.example").await.unwrap();
        assert_eq!(both, addresses(&["192.0.2.1", "192.0.2.2", "2001:db8::1"]));
    }
    assert_eq!(server.questions().len(), 2, "one for each kind of address");
    assert_eq!(system.resolve("six.example.").await.unwrap(), addresses(&["2001:db8::1"]));
}

#[tokio::test(start_paused = true)]
async fn names_with_underscores_are_looked_up() {
    let server = NameServer::new(|name, kind| match (name, kind) {
        ("my_host.example.test" | "_x.y_z.example" | "my_box.example.test", A) => found(&["192.0.2.1"]),
        _ => Reply::Code(NXDOMAIN),
    })
    .await;
    let system = System::new(Some("search example.test\nnameserver 127.0.0.1"), None, server.port);
    for host in ["my_host.example.test", "_X.y_z.Example.", "my_box"] {
        assert_eq!(system.resolve(host).await.unwrap(), addresses(&["192.0.2.1"]), "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_of_the_hosts_file_ask_nobody() {
    let server = NameServer::new(|_, _| Reply::Silence).await;
    let hosts = "127.0.0.1 my_box Hooks.example.TEST\n::1 my_box\n";
    let system = System::new(Some("nameserver 127.0.0.1"), Some(hosts), server.port);
    assert_eq!(system.timed("MY_BOX").await, (addresses(&["127.0.0.1", "::1"]), Duration::ZERO));
    assert_eq!(system.timed("hooks.example.test.").await.0, addresses(&["127.0.0.1"]));
    let hosts = "127.0.0.9 box.localhost\n";
    for (hosts, local) in [(None, "localhost"), (None, "LOCALHOST."), (None, "a.localhost"), (Some(hosts), "localhost")]
    {
        let system = System::new(Some("search example\nnameserver 127.0.0.1"), hosts, server.port);
        assert_eq!(system.timed(local).await, (addresses(&["127.0.0.1", "::1"]), Duration::ZERO), "{local}");
    }
    let system = System::new(None, Some(hosts), server.port);
    assert_eq!(system.timed("box.localhost").await.0, addresses(&["127.0.0.9"]));
    assert!(server.questions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_such_host_and_no_address_differ_from_a_failure() {
    let server = NameServer::new(|name, _| match name {
        "empty.example" => found(&[]),
        "failing.example" => Reply::Code(SERVFAIL),
        "refused.example" => Reply::Code(REFUSED),
        _ => Reply::Code(NXDOMAIN),
    })
    .await;
    let system = System::of(&server);
    for host in ["empty.example", "gone.example"] {
        assert_eq!(system.resolve(host).await, Err(ResolveError::NotFound(host.to_owned())));
    }
    let failed =
        |host: &str, why: &str| format!("the look-up of {host} failed: the name server answered that it {why}");
    assert_eq!(system.failure("failing.example").await, failed("failing.example", "failed (SERVFAIL)"));
    let refused = failed("refused.example", "refuses to look this name up (REFUSED)");
    assert_eq!(system.failure("refused.example").await, refused);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_cut_short_and_not_to_be_had_over_tcp_is_called_that() {
    let server = NameServer::new(|_, _| Reply::Cut).await;
    let system = System::of(&server);
    let refused = system.failure("a.example").await;
    let why = "the name server cut its answer short and did not give the whole of it over TCP; let TCP through to its \
               port 53";
    assert_eq!(refused, format!("the look-up of a.example failed: {why}"));
    // It takes connections and says nothing.
    let _silent = TcpListener::bind((Ipv4Addr::LOCALHOST, server.port)).await.unwrap();
    let start = Instant::now();
    let silent = system.failure("b.example").await;
    let why = "the name server cut its answer short and did not answer over TCP in time";
    assert_eq!(silent, format!("the look-up of b.example failed: {why}"));
    assert!(start.elapsed() < limits::DNS_TIMEOUT, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn one_kind_that_fails_does_not_hide_the_other() {
    let server = NameServer::new(|name, kind| match (name, kind) {
        ("four.example", A) => found(&["192.0.2.1"]),
        ("six.example", AAAA) => found(&["2001:db8::1"]),
        ("neither.example", A) => found(&[]),
        ("broken.example", AAAA) => Reply::Code(NXDOMAIN),
        ("broken.example", A) => Reply::Late(Duration::from_millis(500), addresses(&["192.0.2.1"])),
        _ => Reply::Code(SERVFAIL),
    })
    .await;
    let system = System::of(&server);
    assert_eq!(system.resolve("four.example").await.unwrap(), addresses(&["192.0.2.1"]));
    assert_eq!(system.resolve("six.example").await.unwrap(), addresses(&["2001:db8::1"]));
    assert_eq!(system.resolve("broken.example").await.unwrap(), addresses(&["192.0.2.1"]));
    assert!(system.failure("neither.example").await.contains("SERVFAIL"));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_never_answered_costs_one_short_wait() {
    for (silent, wait) in [(AAAA, 50), (A, 200)] {
        let server = NameServer::new(move |_, kind| match kind {
            kind if kind == silent => Reply::Silence,
            A => found(&["192.0.2.1"]),
            _ => found(&["2001:db8::1"]),
        })
        .await;
        let system = System::of(&server);
        let (first, took) = system.timed("a.example").await;
        assert_eq!(first.len(), 1);
        assert!(took >= Duration::from_millis(wait) && took < Duration::from_millis(wait) + FAST, "{took:?}");
        for _ in 0..3 {
            let (again, took) = system.timed("a.example").await;
            assert_eq!((again, took), (first.clone(), Duration::ZERO), "it is cached");
        }
        let spoken = if silent == A { AAAA } else { A };
        assert_eq!(server.count(spoken), 1);
        assert!(server.count(silent) <= 6, "no look-up but the first asks for it");
    }
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_only_late_is_there_the_next_time() {
    let server = NameServer::new(|_, kind| match kind {
        A => found(&["192.0.2.1"]),
        _ => Reply::Late(Duration::from_millis(120), addresses(&["2001:db8::1"])),
    })
    .await;
    let system = System::of(&server);
    assert_eq!(system.resolve("a.example").await.unwrap(), addresses(&["192.0.2.1"]));
    sleep(Duration::from_millis(200)).await;
    let both = (addresses(&["192.0.2.1", "2001:db8::1"]), Duration::ZERO);
    assert_eq!(system.timed("a.example").await, both, "the late answer was kept");
}

#[tokio::test(start_paused = true)]
async fn a_slow_name_server_is_heard_and_a_silent_one_is_a_failure_in_time() {
    let slow = Duration::from_millis(1_800);
    let server = NameServer::new(move |name, kind| match (name, kind) {
        ("slow.example", A) => Reply::Late(slow, addresses(&["192.0.2.1"])),
        ("slow.example", _) => Reply::Late(slow, Vec::new()),
        _ => Reply::Silence,
    })
    .await;
    let system = System::of(&server);
    let (found, took) = system.timed("slow.example").await;
    assert!(found == addresses(&["192.0.2.1"]) && took >= slow && took < slow + FAST, "{took:?}");
    let start = Instant::now();
    let text = system.failure("silent.example").await;
    assert_eq!(text, "the look-up of silent.example failed: no name server answered in time");
    assert!(start.elapsed() < limits::DNS_TIMEOUT, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_name_server_that_is_dead_or_fails_leaves_the_question_to_the_next() {
    let good = NameServer::new(|_, kind| found(if kind == A { &["192.0.2.1"] } else { &[] })).await;
    let second = Ipv4Addr::new(127, 0, 0, 2);
    let conf = "search .\nnameserver 127.0.0.2\nnameserver 127.0.0.1";
    let system = System::new(Some(conf), None, good.port);
    // Nobody listens at the first, which over UDP is silence.
    let (answer, took) = system.timed("dead.example").await;
    assert!(answer == addresses(&["192.0.2.1"]) && took < Duration::from_millis(500), "{took:?}");
    let first = NameServer::at(second, good.port, |name, _| match name {
        "refused.example" => Reply::Code(REFUSED),
        "inside.example" => found(&["192.0.2.9"]),
        _ => Reply::Silence,
    })
    .await;
    let system = System::new(Some(conf), None, good.port);
    assert_eq!(system.resolve("refused.example").await.unwrap(), addresses(&["192.0.2.1"]));
    let system = System::new(Some(conf), None, good.port);
    assert_eq!(system.resolve("inside.example").await.unwrap(), addresses(&["192.0.2.9"]), "the first knows more");
    let (answer, took) = system.timed("silent.example").await;
    assert!(answer == addresses(&["192.0.2.1"]) && took < Duration::from_millis(500), "{took:?}");
    // From then on the one that answers is asked first.
    assert_eq!(system.timed("next.example").await.1, Duration::ZERO);
    assert!(first.questions().iter().all(|(name, _)| name != "next.example"));
}

#[tokio::test(start_paused = true)]
async fn a_name_server_that_knows_no_edns_is_asked_without() {
    for (odd, longest) in [(Reply::Code(FORMERR), 0), (Reply::Code(SERVFAIL), 0), (Reply::Silence, 400)] {
        let server = NameServer::that_sees_edns(Ipv4Addr::LOCALHOST, 0, move |_, kind, has_edns| match kind {
            _ if has_edns => odd.clone(),
            A => found(&["192.0.2.1"]),
            _ => found(&["2001:db8::1"]),
        })
        .await;
        let system = System::of(&server);
        let (both, took) = system.timed("a.example").await;
        assert_eq!(both, addresses(&["192.0.2.1", "2001:db8::1"]));
        assert!(took <= Duration::from_millis(longest) + FAST, "{took:?}");
        assert_eq!(system.timed("b.example").await.1, Duration::ZERO, "from then on it is asked so at first");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_on_every_address_of_this_machine_is_asked_on_loopback() {
    let server = NameServer::new(|_, kind| found(if kind == A { &["192.0.2.1"] } else { &[] })).await;
    for entry in ["0.0.0.0", "::ffff:127.0.0.1"] {
        let system = System::new(Some(&format!("search .\nnameserver {entry}")), None, server.port);
        assert_eq!(system.timed("a.example").await, (addresses(&["192.0.2.1"]), Duration::ZERO), "{entry}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_read_for_a_while_changes_nothing_until_it_can() {
    let server = NameServer::new(|_, kind| found(if kind == A { &["192.0.2.1"] } else { &[] })).await;
    let system = System::new(Some("search .\nnameserver 127.0.0.1"), Some("192.0.2.7 box"), server.port);
    let path = system.folder.path().join("hosts");
    // A directory is there and cannot be read, as no file can without a free descriptor.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    for _ in 0..2 {
        sleep(Duration::from_secs(2)).await;
        assert_eq!(system.resolve("box").await.unwrap(), addresses(&["192.0.2.7"]));
    }
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "192.0.2.8 box").unwrap();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(system.resolve("box").await.unwrap(), addresses(&["192.0.2.8"]));
    // Nor does one that could not be read at the start stay unread.
    let other = System::new(Some("search .\nnameserver 127.0.0.1"), None, server.port);
    let path = other.folder.path().join("hosts");
    fs::create_dir(&path).unwrap();
    let resolver = SystemResolver::of_files(path.clone(), other.folder.path().join("resolv.conf"), server.port);
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "192.0.2.9 box").unwrap();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(resolver.resolve(&HostName::parse("box").unwrap()).await.unwrap(), addresses(&["192.0.2.9"]));
}

#[tokio::test(start_paused = true)]
async fn files_are_read_again_soon_after_they_change() {
    let old = NameServer::new(|_, kind| found(if kind == A { &["192.0.2.1"] } else { &[] })).await;
    let second = Ipv4Addr::new(127, 0, 0, 2);
    let new = NameServer::at(second, old.port, |_, kind| found(if kind == A { &["192.0.2.2"] } else { &[] })).await;
    let system = System::of(&old);
    assert_eq!(system.resolve("a.example").await.unwrap(), addresses(&["192.0.2.1"]));
    fs::write(system.folder.path().join("resolv.conf"), "search .\nnameserver 127.0.0.2\n").unwrap();
    fs::write(system.folder.path().join("hosts"), "192.0.2.3 b.example\n").unwrap();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(system.resolve("a.example").await.unwrap(), addresses(&["192.0.2.2"]), "nothing old is believed");
    assert_eq!(system.resolve("b.example").await.unwrap(), addresses(&["192.0.2.3"]));
    fs::rename(system.folder.path().join("hosts"), system.folder.path().join("gone")).unwrap();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(system.resolve("b.example").await.unwrap(), addresses(&["192.0.2.2"]));
    assert_eq!(new.count(A), 2);
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_is_missing_empty_or_odd_stops_nothing() {
    let server = NameServer::new(|_, kind| found(if kind == A { &["192.0.2.1"] } else { &[] })).await;
    for conf in [None, Some(""), Some("search -bad.example.test\nnameserver 127.0.0.1"), Some("\u{fffd}\nnameserver x")]
    {
        let system = System::new(conf, None, server.port);
        // What answers without a file is the name server of this machine.
        assert_eq!(system.resolve("a.example").await.unwrap(), addresses(&["192.0.2.1"]), "{conf:?}");
    }
    let nobody = System::new(None, None, 1);
    assert_eq!(nobody.failure("a.example").await, "the look-up of a.example failed: no name server answered in time");
}

#[tokio::test(start_paused = true)]
async fn every_address_is_returned_for_the_caller_to_judge() {
    let many: Vec<IpAddr> = (1..=30).map(|last| Ipv4Addr::new(192, 0, 2, last).into()).collect();
    let server =
        NameServer::new(move |_, kind| Reply::Addresses(if kind == A { many.clone() } else { Vec::new() })).await;
    assert_eq!(System::of(&server).resolve("a.example").await.unwrap().len(), 30);
}
