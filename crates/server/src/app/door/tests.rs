//! The door over real connections. Time is stopped once nothing more is to be sent, so that
//! deadlines come at once.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use hyper::client::conn::http2::handshake;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tenterhook_api::{Connection, Refusals};
use tenterhook_http::Front;
use tenterhook_model::SystemClock;
use tenterhook_store::SealingKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tower::Service;

use super::*;
use crate::app::relay::proof::NodeKey;
use crate::app::tls;
use crate::config::TlsMaterial;
use crate::telemetry::Telemetry;

/// What opens HTTP/2: the preface and empty SETTINGS (RFC 9113 sections 3.4 and 6.5).
const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// Its acknowledgement of the server's settings.
const SETTINGS_ACK: &[u8] = b"\0\0\0\x04\x01\0\0\0\0";

pub(super) struct Running {
    pub(super) address: SocketAddr,
    telemetry: Telemetry,
    pub(super) draining: CancellationToken,
    pub(super) tasks: JoinSet<()>,
}

/// Longest time for calls in flight when the server stops.
pub(super) const GRACE: Duration = Duration::from_secs(20);

async fn start(bounds: Bounds) -> Running {
    start_with(bounds, Times::new(GRACE)).await
}

async fn start_with(bounds: Bounds, times: Times) -> Running {
    start_serving(Routes::default(), bounds, times).await
}

async fn start_serving(routes: Routes, bounds: Bounds, times: Times) -> Running {
    start_desk(Desk::Here(Arc::new(front(routes))), None, None, (bounds, times), CancellationToken::new()).await
}

/// The ways in to these routes.
pub(super) fn front(routes: Routes) -> Front {
    let metrics = Metrics::new(&Telemetry::quiet().unwrap(), Arc::new(SystemClock));
    Front::new(routes, Refusals::new(Arc::new(metrics)), Vec::new(), None)
}

/// A door before `desk`, which believes `nodes`.
pub(super) async fn start_desk(
    desk: Desk,
    nodes: Option<NodeKey>,
    tls: Option<Tls>,
    (bounds, times): (Bounds, Times),
    draining: CancellationToken,
) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let telemetry = Telemetry::quiet().unwrap();
    let metrics = Arc::new(Metrics::new(&telemetry, Arc::new(SystemClock)));
    let company = nodes.map(|key| Company::new(key, &SealingKey::new([1; 32])));
    let (listeners, grace) = (vec![listener], GRACE);
    let parts = Parts { listeners, tls, desk, company, metrics, draining: draining.clone(), grace };
    let mut tasks = JoinSet::new();
    tasks.spawn(Door::with(parts, bounds, times).run());
    Running { address, telemetry, draining, tasks }
}

/// TLS of a server with a certificate for a name that nobody connects to.
pub(super) fn made_tls() -> Tls {
    let made = rcgen::generate_simple_self_signed(vec!["hooks.example.com".to_owned()]).unwrap();
    let material = TlsMaterial {
        certificate_path: "tls.crt".into(),
        certificate_pem: made.cert.pem(),
        key_path: "tls.key".into(),
        key_pem: tenterhook_model::Secret::new(made.signing_key.serialize_pem()),
        client_ca_path: None,
        client_ca_pem: None,
    };
    Tls::new(tls::server_config(&material).unwrap())
}

impl Running {
    pub(super) async fn connect(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    /// A connection that has opened HTTP/2 and taken the server's settings.
    async fn opened(&self) -> TcpStream {
        let mut stream = self.connect(OPENING).await;
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        stream.read_exact(&mut vec![0; usize::from(head[2])]).await.unwrap();
        stream.write_all(SETTINGS_ACK).await.unwrap();
        stream
    }

    /// Waits until a connection is counted as cut for `reason`, which follows the end of its task.
    pub(super) async fn has_cut(&self, reason: &str) {
        let line = format!("tenterhook_connections_cut_total{{reason=\"{reason}\"}}");
        let counted = async {
            while !self.telemetry.prometheus_text().contains(&line) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), counted).await.expect(reason);
    }
}

/// Reads to the end, with the clock stopped; how long it took.
pub(super) async fn end_of(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    // The end may be a reset.
    let _ = stream.read_to_end(&mut Vec::new()).await;
    begun.elapsed()
}

#[tokio::test]
async fn a_connection_that_does_not_open_is_cut_in_ten_seconds() {
    for sent in [b"".as_slice(), b"PRI", &OPENING[..24], &OPENING[..32]] {
        let door = start(BOUNDS).await;
        let mut stream = door.connect(sent).await;
        tokio::time::pause();
        let took = end_of(&mut stream).await;
        assert!((9..=11).contains(&took.as_secs()), "{took:?} after {} bytes", sent.len());
        door.has_cut("late").await;
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_full_door_opens_for_a_new_connection_and_the_oldest_idle_one_goes() {
    let door = start(Bounds { connections: 2, a_network: 100 }).await;
    let mut oldest = door.opened().await;
    let _younger = door.opened().await;
    let _new = door.opened().await;
    end_of(&mut oldest).await;
    door.has_cut("evicted").await;
}

#[tokio::test]
async fn a_client_that_does_not_react_holds_the_end_up_for_seconds_only() {
    let mut door = start(BOUNDS).await;
    let _silent = door.opened().await;
    let _not_open = door.connect(b"").await;
    door.draining.cancel();
    let begun = Instant::now();
    tokio::time::pause();
    door.tasks.join_next().await.unwrap().unwrap();
    assert!(begun.elapsed() <= Duration::from_secs(6), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_connection_that_is_old_is_asked_to_go_and_then_cut() {
    // Before the first ping that would ask whether the client is alive.
    let (age, grace) = (Duration::from_secs(20), Duration::from_secs(5));
    let door = start_with(BOUNDS, Times { age: (age, grace), ..Times::new(GRACE) }).await;
    let mut stream = door.opened().await;
    let begun = Instant::now();
    tokio::time::pause();
    let mut seen = Vec::new();
    // The end may be a reset.
    let _ = stream.read_to_end(&mut seen).await;
    let second = Duration::from_secs(1);
    assert!((age * 9 / 10..=age + grace + second).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    // The acknowledgement of the client's settings comes first; then GOAWAY (RFC 9113 section 6.8).
    let kinds: Vec<u8> = kinds(&seen);
    assert!(kinds.contains(&7), "{kinds:?}");
    door.has_cut("lingered").await;
}

/// A service whose calls keep their connection until they may end.
#[derive(Debug, Clone, Default)]
struct Keeper {
    begun: Arc<Notify>,
    may_end: Arc<Notify>,
}

impl NamedService for Keeper {
    const NAME: &'static str = "test.Keeper";
}

impl Service<Request<Body>> for Keeper {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (begun, may_end) = (self.begun.clone(), self.may_end.clone());
        let kept = request.extensions().get::<Connection>().expect("the door has put it there").keep();
        Box::pin(async move {
            begun.notify_one();
            may_end.notified().await;
            drop(kept);
            Ok(Response::new(Body::empty()))
        })
    }
}

#[tokio::test]
async fn a_connection_that_a_call_keeps_grows_old_only_after_it() {
    let (age, grace) = (Duration::from_secs(4), Duration::from_secs(2));
    let (keeper, times) = (Keeper::default(), Times { age: (age, grace), ..Times::new(GRACE) });
    let door = start_serving(Routes::new(keeper.clone()), BOUNDS, times).await;
    let stream = TokioIo::new(TcpStream::connect(door.address).await.unwrap());
    let (mut client, connection) = handshake(TokioExecutor::new(), stream).await.unwrap();
    let mut connection = pin!(connection);
    let request = Request::post(format!("http://{}/test.Keeper/Keep", door.address));
    let request = request.header("content-type", "application/grpc").body(Body::empty()).unwrap();
    let mut answer = pin!(client.send_request(request));
    tokio::select! {
        () = keeper.begun.notified() => {}
        _ = connection.as_mut() => panic!("the connection ended"),
        _ = answer.as_mut() => panic!("the call ended"),
    }
    tokio::time::pause();
    let past = async {
        // Step by step, so that what the age would begin can go on to the end.
        for _ in 0..12 {
            tokio::time::advance(Duration::from_secs(1)).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = past => {}
        _ = connection.as_mut() => panic!("the connection ended"),
    }
    // The answer takes its time on the way, and the connection is now as old as any other.
    tokio::time::resume();
    keeper.may_end.notify_one();
    let (answered, ended) = tokio::join!(answer, connection);
    assert!(answered.unwrap().status().is_success() && ended.is_ok());
}

/// The types of the frames in `bytes`.
fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let [high, middle, low, kind, ..] = *bytes {
        kinds.push(kind);
        let length = 9 + u32::from_be_bytes([0, high, middle, low]) as usize;
        bytes = &bytes[length.min(bytes.len())..];
    }
    kinds
}

#[tokio::test]
async fn a_flood_is_cut_and_counted() {
    let door = start(BOUNDS).await;
    let mut stream = door.opened().await;
    let pings = b"\0\0\x08\x06\0\0\0\0\0........".repeat(1_000);
    let mut sink = [0; 64 * 1024];
    let cut = async {
        loop {
            if stream.write_all(&pings).await.is_err() || stream.read(&mut sink).await.unwrap_or(0) == 0 {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), cut).await.expect("a flood ends");
    door.has_cut("flood").await;
}

#[test]
fn the_log_has_one_line_a_minute_however_many_are_cut() {
    let mut notices = Notices::default();
    notices.note(Cut::Full);
    assert!(notices.counts.is_empty(), "the first is said at once");
    notices.note(Cut::Full);
    notices.note(Cut::Flood);
    assert_eq!(notices.counts.values().sum::<u64>(), 2, "the others are gathered");
}

/// A whole request of HTTP/1.1.
pub(super) const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// The first line of the answer to `request`, which is read to its end.
pub(super) async fn asked(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let (head, mut body) = loop {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "it ends early: {answer:?}");
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            break (head.to_owned(), body.len());
        }
    };
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    while body < length.parse().unwrap() {
        body += stream.read(&mut [0; 1_024]).await.unwrap();
    }
    String::from_utf8_lossy(&answer).lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_head_of_http_1_that_does_not_come_whole_is_cut_in_ten_seconds() {
    for sent in [b"G".as_slice(), b"GET / HTTP/1.1\r\nhost:", &GET[..GET.len() - 1]] {
        let door = start(BOUNDS).await;
        let mut stream = door.connect(sent).await;
        tokio::time::pause();
        let took = end_of(&mut stream).await;
        assert!((9..=11).contains(&took.as_secs()), "{took:?} after {} bytes", sent.len());
        door.has_cut("late").await;
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_connection_of_http_1_is_kept_between_requests_and_not_for_ever() {
    let door = start(BOUNDS).await;
    let mut stream = door.connect(b"").await;
    for _ in 0..3 {
        assert_eq!(asked(&mut stream, GET).await, "HTTP/1.1 404 Not Found");
    }
    tokio::time::pause();
    let took = end_of(&mut stream).await;
    assert!((29..=31).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test]
async fn a_head_of_http_1_over_its_limit_is_refused() {
    let door = start(BOUNDS).await;
    let mut stream = door.connect(b"").await;
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(asked(&mut stream, head.as_bytes()).await, "HTTP/1.1 431 Request Header Fields Too Large");
    end_of(&mut stream).await;
}

#[tokio::test]
async fn an_early_answer_of_http_1_arrives_although_the_body_is_still_sent() {
    let door = start(BOUNDS).await;
    let mut stream = door.connect(b"").await;
    let body = vec![b'x'; 6 << 20];
    let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    let request = [head.as_bytes(), &body].concat();
    assert_eq!(asked(&mut stream, &request).await, "HTTP/1.1 404 Not Found");
}

#[tokio::test]
async fn a_body_of_http_1_that_nobody_wants_is_not_waited_for() {
    let door = start(BOUNDS).await;
    let mut stream = door.connect(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nx").await;
    tokio::time::pause();
    let took = end_of(&mut stream).await;
    assert!((1..=3).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test]
async fn an_idle_connection_of_http_1_makes_room_too() {
    let door = start(Bounds { connections: 1, a_network: 100 }).await;
    let mut idle = door.connect(b"").await;
    asked(&mut idle, GET).await;
    let mut new = door.connect(b"").await;
    assert_eq!(asked(&mut new, GET).await, "HTTP/1.1 404 Not Found");
    end_of(&mut idle).await;
    door.has_cut("evicted").await;
}

#[tokio::test]
async fn a_client_of_http_1_that_asks_only_to_be_refused_is_asked_to_go() {
    let door = start(BOUNDS).await;
    let (mut read, mut write) = door.connect(b"").await.into_split();
    let requests = GET.repeat(100);
    let send = async { while write.write_all(&requests).await.is_ok() {} };
    let take = async {
        let mut sink = vec![0; 64 * 1024];
        while read.read(&mut sink).await.is_ok_and(|bytes| bytes > 0) {}
    };
    let both = async { tokio::join!(send, take) };
    tokio::time::timeout(Duration::from_secs(20), both).await.expect("it ends");
}

#[tokio::test]
async fn requests_of_http_1_in_a_row_leave_others_their_turn() {
    const REQUESTS: usize = 200;
    let door = start(BOUNDS).await;
    let (mut read, mut write) = door.connect(b"").await.into_split();
    let last = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let all = [GET.repeat(REQUESTS - 1), last.to_vec()].concat();
    let mut turns = 0;
    let others = async {
        loop {
            turns += 1;
            tokio::task::yield_now().await;
        }
    };
    let mut answers = Vec::new();
    let asks = async { tokio::join!(write.write_all(&all), read.read_to_end(&mut answers)) };
    tokio::select! {
        () = others => {}
        _ = asks => {}
    }
    assert_eq!(String::from_utf8_lossy(&answers).matches("HTTP/1.1 404").count(), REQUESTS);
    assert!(turns >= REQUESTS, "{turns} turns for {REQUESTS} requests");
}

#[tokio::test]
async fn the_end_of_the_server_ends_idle_connections_of_http_1_at_once() {
    let mut door = start(BOUNDS).await;
    let mut stream = door.connect(b"").await;
    asked(&mut stream, GET).await;
    door.draining.cancel();
    let begun = Instant::now();
    door.tasks.join_next().await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn who_speaks_no_tls_to_a_port_with_tls_is_told_so() {
    for sent in [OPENING, GET] {
        let desk = Desk::Here(Arc::new(front(Routes::default())));
        let bounds = (BOUNDS, Times::new(GRACE));
        let door = start_desk(desk, None, Some(made_tls()), bounds, CancellationToken::new()).await;
        let mut stream = door.connect(sent).await;
        let mut answer = String::new();
        // A body that still comes does not cut the answer off.
        stream.write_all(&[b'x'; 64 * 1024]).await.unwrap();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 ") && body.contains("https://"), "{answer}");
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{answer}");
        drop(stream);
        door.has_cut("plaintext").await;
    }
}

#[tokio::test]
async fn what_is_neither_tls_nor_http_fails_the_handshake() {
    let desk = Desk::Here(Arc::new(front(Routes::default())));
    let bounds = (BOUNDS, Times::new(GRACE));
    let door = start_desk(desk, None, Some(made_tls()), bounds, CancellationToken::new()).await;
    let mut stream = door.connect(b"\x01\x02\x03\x04\x05").await;
    end_of(&mut stream).await;
    door.has_cut("handshake").await;
}
