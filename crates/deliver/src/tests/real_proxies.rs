//! Attempts through squid and microsocks, as Debian packages them: in a network namespace, since receivers on loopback are
//! always reached directly. The superuser runs it; elsewhere it says that it was skipped.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tenterhook_model::webhook::TransportPolicy;
use tenterhook_model::{Exchange, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::identity::{Authority, server};
use super::namespace::Namespace;
use super::proxy::{ADDRESS, NAME, attempt, deliverer, remote, through};
use super::support::{body, post_over};
use crate::Roots;

/// The test that runs inside, as the test runner calls it.
const INSIDE: &str = "tests::real_proxies::inside_a_namespace_real_proxies_lead_to_receivers";
/// The receiver's address is on this machine, but not on loopback.
const PUBLIC: [&str; 2] = ["link set lo up", "address add 93.184.216.34/32 dev lo"];
/// `usr:p:w`, as `openssl passwd -apr1` writes it.
const PASSWORD: &str = "usr:$apr1$saltsalt$UN3HtJNalTCBfQQQEMvxF/\n";
/// Their ports. The namespace is the test's own; and a port that no connection starts from cannot connect to itself.
const SQUID: u16 = 3128;
const MICROSOCKS: u16 = 1080;
/// A port to which squid refuses to connect.
const REFUSED: u16 = 81;

#[test]
fn real_proxies_lead_to_receivers() {
    for program in ["squid", "microsocks"] {
        // Whether it can be started at all; what it says of the argument does not matter.
        if Command::new(program).arg("-h").output().is_err() {
            eprintln!("SKIPPED: {program} is not installed (apt-get install squid microsocks)");
            return;
        }
    }
    Namespace::run(INSIDE, &PUBLIC);
}

/// A proxy; it ends when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until somebody accepts at the port.
async fn accepted_at(port: u16) {
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        tokio::task::yield_now().await;
    }
}

/// squid with a password, which knows `remote.example.com` by a file of its own.
async fn squid(home: &Path) -> Process {
    let (passwords, hosts, config) = (home.join("passwords"), home.join("hosts"), home.join("squid.conf"));
    std::fs::write(&passwords, PASSWORD).unwrap();
    std::fs::write(&hosts, "93.184.216.34 remote.example.com\n").unwrap();
    let settings = format!(
        "http_port 127.0.0.1:{SQUID}\n\
         auth_param basic program /usr/lib/squid/basic_ncsa_auth {}\n\
         acl known proxy_auth REQUIRED\n\
         acl refused port {REFUSED}\n\
         http_access deny refused\n\
         http_access allow known\n\
         http_access deny all\n\
         hosts_file {}\n\
         dns_nameservers 127.0.0.1\n\
         cache deny all\n\
         access_log none\n\
         cache_log /dev/null\n\
         coredump_dir none\n\
         pid_filename none\n\
         pinger_enable off\n\
         shutdown_lifetime 0 seconds\n\
         visible_hostname squid.test\n",
        passwords.display(),
        hosts.display()
    );
    std::fs::write(&config, settings).unwrap();
    let mut command = Command::new("squid");
    command.args(["-N", "-d", "1", "-f"]).arg(&config).stderr(Stdio::piped());
    let mut squid = Process(command.spawn().unwrap());
    let mut log = BufReader::new(squid.0.stderr.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("Accepting HTTP") {
        assert!(log.read_line(&mut seen).unwrap() > 0, "squid ended:\n{seen}");
    }
    // What it says later is read too, so that it never waits for a reader.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    // It says so a moment before it listens.
    accepted_at(SQUID).await;
    squid
}

async fn microsocks() -> Process {
    let mut command = Command::new("microsocks");
    command.args(["-i", "127.0.0.1", "-p", &MICROSOCKS.to_string(), "-u", "usr", "-P", "p:w"]).stderr(Stdio::null());
    let process = Process(command.spawn().unwrap());
    accepted_at(MICROSOCKS).await;
    process
}

/// A receiver at the public address, over TLS if there is an acceptor. It shows the `Via` of a request.
async fn receiver(tls: Option<TlsAcceptor>, tasks: &mut JoinSet<()>) -> u16 {
    let listener = TcpListener::bind(SocketAddr::from((ADDRESS, 0))).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tasks.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            match &tls {
                Some(acceptor) => serve(acceptor.accept(stream).await.unwrap()).await,
                None => serve(stream).await,
            }
        }
    });
    port
}

async fn serve(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin) {
    let mut head = Vec::new();
    while !head.ends_with(b"{}") && stream.read_buf(&mut head).await.unwrap() > 0 {}
    let by =
        if String::from_utf8_lossy(&head).to_lowercase().contains("\r\nvia: ") { "passed on" } else { "tunnelled" };
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{by}", by.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
    let _ = stream.shutdown().await;
}

fn reached(exchange: &Exchange) -> (Outcome, &str) {
    assert!(!exchange.proxy.is_empty(), "an attempt went round the proxy");
    assert!(exchange.response.is_some(), "{}", exchange.error);
    (exchange.outcome, body(exchange))
}

#[tokio::test]
async fn inside_a_namespace_real_proxies_lead_to_receivers() {
    if !Namespace::is_here() {
        return;
    }
    let home = TempDir::new().unwrap();
    let mut tasks = JoinSet::new();
    let authority = Authority::new();
    let acceptor = TlsAcceptor::from(std::sync::Arc::new(server(&authority.sign(NAME), &["http/1.1"])));
    let (plain, tls) = (receiver(None, &mut tasks).await, receiver(Some(acceptor), &mut tasks).await);
    let (http, _socks) = (squid(home.path()).await, microsocks().await);
    let squid = through(&format!("http://usr:p%3Aw@127.0.0.1:{SQUID}"));
    let socks = through(&format!("socks5h://usr:p%3Aw@127.0.0.1:{MICROSOCKS}"));
    let transport = TransportPolicy { ca_certificates_pem: authority.pem.clone(), ..TransportPolicy::default() };

    for egress in [&squid, &socks] {
        let plain = attempt(egress.clone(), &format!("http://{NAME}:{plain}/")).await;
        assert_eq!(reached(&plain), (Outcome::Success, "tunnelled"), "{}", plain.error);
        let post = post_over(&format!("https://{NAME}:{tls}/"), transport.clone());
        let inside = deliverer(egress.clone(), Roots::none()).attempt(post).await;
        assert_eq!(reached(&inside), (Outcome::Success, "tunnelled"), "{}", inside.error);
        let closed = attempt(egress.clone(), &format!("http://{NAME}:1/")).await;
        assert_eq!((closed.outcome, closed.excuse), (Outcome::Connection, None), "{}", closed.error);
        let private = attempt(egress.clone(), "http://inside.example.com/").await;
        assert_eq!(private.outcome, Outcome::Blocked, "{}", private.error);
    }
    let asked = attempt(remote(squid.clone(), "*"), &format!("http://remote.example.com:{plain}/")).await;
    assert_eq!(reached(&asked), (Outcome::Success, "passed on"), "{}", asked.error);
    let refused = attempt(squid.clone(), &format!("http://{NAME}:{REFUSED}/")).await;
    assert_eq!((refused.outcome, refused.excuse), (Outcome::Blocked, None), "{}", refused.error);
    for wrong in [format!("http://usr:x@127.0.0.1:{SQUID}"), format!("socks5h://usr:x@127.0.0.1:{MICROSOCKS}")] {
        let exchange = attempt(through(&wrong), &format!("http://{NAME}:{plain}/")).await;
        assert_eq!(exchange.outcome, Outcome::Proxy, "{}", exchange.error);
    }
    drop(http);
    let gone = attempt(squid, &format!("http://{NAME}:{plain}/")).await;
    assert_eq!(gone.outcome, Outcome::Proxy, "{}", gone.error);
}
