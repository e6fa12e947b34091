//! Attempts through proxies of the tests' own: well, hostile and absent.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tenterhook_model::webhook::{ProxyUse, TransportPolicy};
use tenterhook_model::{
    AddressPolicy, Egress, Exchange, Excuse, Host, HostList, HostName, Outcome, Proxy, Resolve, ResolveError, Secret,
    limits,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::identity::{Authority, server};
use super::support::{Receiver, answer, body, post_over, seconds};
use crate::{Deliverer, Dial, Dialled, Outbound, Roots, TcpDialer};

/// A public name, and its address; the proxies of these tests lead both to the receiver.
pub(super) const NAME: &str = "hooks.example.com";
pub(super) const ADDRESS: [u8; 4] = [93, 184, 216, 34];

/// Names of receivers: public, private, and unknown here. The proxy is on loopback.
#[derive(Debug)]
struct Names;

#[async_trait::async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &HostName) -> Result<Vec<std::net::IpAddr>, ResolveError> {
        match host.as_str() {
            NAME => Ok(vec![ADDRESS.into()]),
            "inside.example.com" => Ok(vec![[10, 0, 0, 7].into()]),
            "proxy.example.com" => Ok(vec![[127, 0, 0, 1].into()]),
            _ => Err(ResolveError::not_found(host)),
        }
    }
}

/// What proxies were asked for, in order.
type Asked = Arc<Mutex<Vec<String>>>;

/// The head of a request.
async fn head<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// Connects everything that it is asked for to `receiver`.
async fn connect<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, receiver: SocketAddr, asked: Asked) {
    let head = head(&mut stream).await;
    asked.lock().unwrap().push(head.clone());
    let mut onward = TcpStream::connect(receiver).await.unwrap();
    match head.starts_with("CONNECT ") {
        true => stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap(),
        false => onward.write_all(head.as_bytes()).await.unwrap(),
    }
    let _ = copy_bidirectional(&mut stream, &mut onward).await;
}

/// An HTTP proxy that leads everything to `receiver`.
async fn http_proxy(receiver: SocketAddr) -> (Receiver, Asked) {
    let asked = Asked::default();
    let log = Arc::clone(&asked);
    (Receiver::script(move |stream| connect(stream, receiver, Arc::clone(&log))).await, asked)
}

/// A proxy that answers every CONNECT with these bytes.
async fn answering(bytes: &'static [u8]) -> Receiver {
    Receiver::script(move |mut stream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(bytes).await;
    })
    .await
}

/// A SOCKS proxy with a password, which leads everything to `receiver` or gives `reply`.
async fn socks_proxy(receiver: SocketAddr, reply: u8) -> (Receiver, Asked) {
    let asked = Asked::default();
    let log = Arc::clone(&asked);
    let script = move |mut stream: TcpStream| {
        let log = Arc::clone(&log);
        async move {
            let mut greeting = [0; 4];
            stream.read_exact(&mut greeting).await.unwrap();
            assert_eq!(greeting, [5, 2, 0, 2]);
            stream.write_all(&[5, 2]).await.unwrap();
            let mut credentials = [0; 9];
            stream.read_exact(&mut credentials).await.unwrap();
            assert_eq!(&credentials, b"\x01\x03usr\x03p:w");
            stream.write_all(&[1, 0]).await.unwrap();
            let mut request = [0; 4];
            stream.read_exact(&mut request).await.unwrap();
            let host = match request {
                [5, 1, 0, 1] => {
                    let mut address = [0; 4];
                    stream.read_exact(&mut address).await.unwrap();
                    std::net::Ipv4Addr::from(address).to_string()
                }
                [5, 1, 0, 3] => {
                    let mut name = vec![0; stream.read_u8().await.unwrap().into()];
                    stream.read_exact(&mut name).await.unwrap();
                    String::from_utf8(name).unwrap()
                }
                other => panic!("{other:?}"),
            };
            let port = stream.read_u16().await.unwrap();
            log.lock().unwrap().push(format!("{host}:{port}"));
            stream.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
            if reply == 0 {
                let mut onward = TcpStream::connect(receiver).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut onward).await;
            }
        }
    };
    (Receiver::script(script).await, asked)
}

pub(super) fn through(proxy: &str) -> Egress {
    let proxy = Proxy::parse(proxy).unwrap();
    Egress { https: Some(proxy.clone()), http: Some(proxy), ..Egress::default() }
}

pub(super) fn remote(egress: Egress, hosts: &str) -> Egress {
    Egress { resolved_by_proxy: HostList::parse(hosts).unwrap(), ..egress }
}

pub(super) fn deliverer(egress: Egress, roots: Roots) -> Deliverer {
    let (addresses, resolver, dialer) = (AddressPolicy::public(), Arc::new(Names), TcpDialer::default());
    Deliverer::new(Outbound { addresses, egress, resolver, roots, dialer })
}

pub(super) async fn attempt(egress: Egress, url: &str) -> Exchange {
    deliverer(egress, Roots::none()).attempt(post_over(url, TransportPolicy::default())).await
}

async fn receiver() -> Receiver {
    Receiver::http(|_| answer(200, "reached")).await
}

#[tokio::test]
async fn a_tunnel_names_the_address_that_was_checked_and_tls_is_the_receivers() {
    let authority = Authority::new();
    for protocols in [&["http/1.1"][..], &["h2"]] {
        let receiver = Receiver::tls(server(&authority.sign(NAME), protocols), |_| answer(200, "reached")).await;
        let (proxy, asked) = http_proxy(receiver.address).await;
        let transport = TransportPolicy { ca_certificates_pem: authority.pem.clone(), ..TransportPolicy::default() };
        let deliverer = deliverer(through(&format!("http://u:p@{}", proxy.address)), Roots::none());
        for _ in 0..2 {
            let exchange = deliverer.attempt(post_over(&format!("https://{NAME}/"), transport.clone())).await;
            assert_eq!((exchange.outcome, body(&exchange)), (Outcome::Success, "reached"), "{}", exchange.error);
            assert_eq!(exchange.proxy, format!("http://{}", proxy.address), "also of a kept connection");
            assert_eq!(exchange.remote_address, Some((ADDRESS, 443).into()));
        }
        let head =
            "CONNECT 93.184.216.34:443 HTTP/1.1\r\nHost: 93.184.216.34:443\r\nProxy-Authorization: Basic dTpw\r\n\r\n";
        assert_eq!(*asked.lock().unwrap(), [head], "the connection is kept");
    }
}

#[tokio::test]
async fn a_proxy_may_speak_tls_itself() {
    let authority = Authority::new();
    let receiver = receiver().await;
    let config = Arc::new(server(&authority.sign("proxy.example.com"), &["http/1.1"]));
    let asked = Asked::default();
    let (log, address) = (Arc::clone(&asked), receiver.address);
    let proxy = Receiver::script(move |stream| {
        let (acceptor, log) = (TlsAcceptor::from(Arc::clone(&config)), Arc::clone(&log));
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                connect(stream, address, log).await;
            }
        }
    })
    .await;
    let egress = through(&format!("https://proxy.example.com:{}", proxy.address.port()));
    let post = || post_over(&format!("http://{NAME}/"), TransportPolicy::default());
    let exchange = deliverer(egress.clone(), Roots::of(&authority.pem)).attempt(post()).await;
    assert_eq!((exchange.outcome, body(&exchange)), (Outcome::Success, "reached"), "{}", exchange.error);
    let untrusted = deliverer(egress, Roots::none()).attempt(post()).await;
    assert_eq!((untrusted.outcome, untrusted.excuse), (Outcome::Proxy, Some(Excuse::Proxy)), "{}", untrusted.error);
}

#[tokio::test]
async fn a_name_is_looked_up_here_or_by_the_proxy_as_the_server_is_set_up() {
    let receiver = receiver().await;
    let (proxy, asked) = http_proxy(receiver.address).await;
    let local = through(&format!("http://{}", proxy.address));
    let cases = [
        (local.clone(), NAME, "CONNECT 93.184.216.34:80 ", Some(80)),
        // Plain HTTP goes in absolute form where the proxy's own look-up is wanted.
        (remote(local.clone(), "*"), "unknown.example.com", "POST http://unknown.example.com/ ", None),
        (remote(local.clone(), ".corp.example"), NAME, "CONNECT 93.184.216.34:80 ", Some(80)),
        (local, "93.184.216.34", "POST http://93.184.216.34/ ", Some(80)),
    ];
    for (egress, host, start, port) in cases {
        let exchange = attempt(egress, &format!("http://{host}/")).await;
        assert_eq!((exchange.outcome, body(&exchange)), (Outcome::Success, "reached"), "{}", exchange.error);
        let asked = asked.lock().unwrap().pop().unwrap();
        assert!(asked.starts_with(start), "{asked}");
        assert_eq!(exchange.remote_address, port.map(|port| (ADDRESS, port).into()));
    }
}

#[tokio::test]
async fn socks_is_asked_for_addresses_or_names() {
    let receiver = receiver().await;
    let (proxy, asked) = socks_proxy(receiver.address, 0).await;
    let local = through(&format!("socks5h://usr:p%3Aw@{}", proxy.address));
    for (egress, host) in [(local.clone(), NAME), (remote(local, "*"), "unknown.example.com")] {
        let exchange = attempt(egress, &format!("http://{host}/")).await;
        assert_eq!((exchange.outcome, body(&exchange)), (Outcome::Success, "reached"), "{}", exchange.error);
    }
    assert_eq!(*asked.lock().unwrap(), ["93.184.216.34:80", "unknown.example.com:80"]);
}

#[tokio::test]
async fn no_private_address_is_reached_through_a_proxy() {
    let receiver = receiver().await;
    let (proxy, asked) = http_proxy(receiver.address).await;
    let local = through(&format!("http://{}", proxy.address));
    for (egress, host) in [
        (local.clone(), "inside.example.com"),
        (local.clone(), "10.0.0.7"),
        (remote(local.clone(), "*"), "10.0.0.7"),
        (remote(local.clone(), "*"), "[::ffff:169.254.169.254]"),
        (remote(local.clone(), "*"), "2130706433"),
        (remote(local, ".corp.example"), "inside.example.com"),
    ] {
        let exchange = attempt(egress, &format!("http://{host}/")).await;
        assert_eq!((exchange.outcome, exchange.excuse), (Outcome::Blocked, None), "{host}: {}", exchange.error);
    }
    assert_eq!((asked.lock().unwrap().len(), proxy.connections()), (0, 0));
}

#[tokio::test]
async fn no_request_goes_round_the_proxy() {
    let receiver = receiver().await;
    let closed = "http://127.0.0.1:1";
    let exchange = attempt(through(closed), &format!("http://{NAME}/")).await;
    assert_eq!((exchange.outcome, exchange.excuse), (Outcome::Proxy, Some(Excuse::Proxy)));
    assert!(exchange.error.contains("the proxy http://127.0.0.1:1 cannot be reached"), "{}", exchange.error);
    assert_eq!(exchange.tried_addresses, [], "the receiver was not tried");
    let direct = TransportPolicy { proxy: ProxyUse::Direct, ..seconds(1) };
    let refused = deliverer(through(closed), Roots::none()).attempt(post_over(&receiver.url("/"), direct)).await;
    assert_eq!(refused.outcome, Outcome::Blocked);
    assert!(refused.error.contains("--allow-direct"), "{}", refused.error);
    assert!(receiver.seen().is_empty());
}

/// What a proxy answers, what becomes of the attempt, and what it says.
type Answered = (&'static [u8], Outcome, &'static str);

#[tokio::test]
async fn what_is_wrong_with_the_proxy_is_not_the_receivers_failure() {
    let cases: [Answered; 14] = [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Outcome::Proxy, "wants a user name and a password"),
        (b"HTTP/1.1 200 OK\r\n\r\ngarbage", Outcome::Proxy, "sent something before the receiver could"),
        (b"garbage", Outcome::Proxy, "does not speak HTTP/1.1"),
        (b"", Outcome::Proxy, "closed the connection"),
        (b"HTTP/1.1 200 OK\r\n", Outcome::Proxy, "closed the connection"),
        (b"HTTP/1.1 500 Oops\r\n\r\n", Outcome::Proxy, "answered CONNECT with 500"),
        (b"HTTP/1.1 500\r\n\r\n", Outcome::Proxy, "answered CONNECT with 500"),
        (b"HTTP/1.1 500 \xff\x1b[2J\0\r\nX: \xfe\r\n\r\n", Outcome::Proxy, "answered CONNECT with 500"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", Outcome::Proxy, "does not speak HTTP/1.1"),
        (b"HTTP/1.1 +20 OK\r\n\r\n", Outcome::Proxy, "does not speak HTTP/1.1"),
        (b"HTTP/1.1 \xff\xfe\xfd\r\n\r\n", Outcome::Proxy, "does not speak HTTP/1.1"),
        (b"HTTP/1.1\r\n\r\n", Outcome::Proxy, "does not speak HTTP/1.1"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", Outcome::Blocked, "refuses to connect to 93.184.216.34:80 (403)"),
        (b"HTTP/1.1 503 Unavailable\r\n\r\n", Outcome::Connection, "has no connection to 93.184.216.34:80 (503)"),
    ];
    for (bytes, outcome, words) in cases {
        let proxy = answering(bytes).await;
        let exchange = attempt(through(&format!("http://{}", proxy.address)), &format!("http://{NAME}/")).await;
        assert_eq!(exchange.outcome, outcome, "{}", exchange.error);
        assert_eq!(exchange.excuse, (outcome == Outcome::Proxy).then_some(Excuse::Proxy));
        assert!(exchange.error.contains(words), "{}", exchange.error);
        let is_plain = exchange.error.chars().all(|c| c == ' ' || c.is_ascii_graphic());
        assert!(is_plain && exchange.error.len() <= 300, "{:?}", exchange.error);
    }
    // The longest name that there is.
    let name = [&*"a".repeat(63), &"b".repeat(63), &"c".repeat(63), &"d".repeat(61)].join(".");
    for bytes in [&b"HTTP/1.1 403 Forbidden\r\n\r\n"[..], b"HTTP/1.1 503 Unavailable\r\n\r\n"] {
        let proxy = answering(bytes).await;
        let egress = remote(through(&format!("http://{}", proxy.address)), "*");
        let exchange = attempt(egress, &format!("https://{name}/")).await;
        assert!(exchange.error.contains(" connect") && exchange.error.len() <= 300, "{}", exchange.error);
    }
    let receiver = receiver().await;
    for (reply, outcome) in
        [(1, Outcome::Connection), (2, Outcome::Blocked), (5, Outcome::Connection), (7, Outcome::Proxy)]
    {
        let (proxy, _) = socks_proxy(receiver.address, reply).await;
        let egress = through(&format!("socks5h://usr:p%3Aw@{}", proxy.address));
        assert_eq!(attempt(egress, &format!("http://{NAME}/")).await.outcome, outcome, "reply {reply}");
    }
}

#[tokio::test]
async fn a_proxy_that_passes_requests_on_may_want_a_password_too() {
    let proxy = answering(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n").await;
    let egress = remote(through(&format!("http://{}", proxy.address)), "*");
    let exchange = attempt(egress, "http://unknown.example.com/").await;
    assert_eq!((exchange.outcome, exchange.excuse), (Outcome::Proxy, Some(Excuse::Proxy)), "{}", exchange.error);
}

/// A proxy that takes connections, and says nothing but that there is no way to port 81.
#[derive(Debug, Default)]
struct Mute(Mutex<JoinSet<()>>);

impl Dial for Mute {
    type Stream = DuplexStream;

    async fn dial(&self, address: SocketAddr) -> io::Result<Dialled<DuplexStream>> {
        let (stream, mut proxy) = tokio::io::duplex(1_024);
        self.0.lock().unwrap().spawn(async move {
            if head(&mut proxy).await.starts_with("CONNECT 93.184.216.34:81 ") {
                proxy.write_all(b"HTTP/1.1 503 Unavailable\r\n\r\n").await.unwrap();
            }
            pending::<()>().await;
        });
        Ok(Dialled { stream, peer: address })
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_proxy_is_blamed_unless_it_answers_others() {
    let (addresses, egress, resolver) = (AddressPolicy::public(), through("http://192.0.2.1:3128"), Arc::new(Names));
    let deliverer =
        Deliverer::new(Outbound { addresses, egress, resolver, roots: Roots::none(), dialer: Mute::default() });
    let (start, to) = (Instant::now(), |port: u16| post_over(&format!("http://{NAME}:{port}/"), seconds(9)));
    let alone = deliverer.attempt(to(80)).await;
    assert_eq!((alone.outcome, alone.excuse), (Outcome::Proxy, Some(Excuse::Proxy)));
    assert_eq!(alone.error, "the proxy http://192.0.2.1:3128 did not answer CONNECT within 5 s");
    assert_eq!(start.elapsed(), limits::CONNECT_TIMEOUT);
    let (silent, other) = tokio::join!(deliverer.attempt(to(80)), deliverer.attempt(to(81)));
    assert_eq!((silent.outcome, silent.excuse), (Outcome::Timeout, None));
    assert_eq!(silent.error, "the proxy has no connection to 93.184.216.34:80 within 5 s");
    assert_eq!((other.outcome, other.excuse), (Outcome::Connection, None), "{}", other.error);
}

#[tokio::test]
async fn a_password_of_a_proxy_is_in_no_text() {
    let mut proxy = Proxy::parse("http://127.0.0.1:1").unwrap();
    proxy.credentials = Some(("usr".into(), Secret::new("hunter22")));
    assert_eq!(proxy.host, Host::Address([127, 0, 0, 1].into()));
    let egress = Egress { http: Some(proxy), ..Egress::default() };
    assert!(!format!("{egress:?}").contains("hunter22"));
    let exchange = attempt(egress, &format!("http://{NAME}/")).await;
    assert!(!format!("{exchange:?}").contains("hunter22"));
}
