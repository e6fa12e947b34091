//! Two doors: that of a node that serves, and that of one that stands by and forwards what it gets. Over real
//! connections.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as HttpBody, Frame, Incoming};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tenterhook_api::{Connection, PeerNames};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tower::Service;

use super::tests::{GET, GRACE, Running, asked, end_of, front, made_tls, start_desk};
use super::{BOUNDS, Times};
use crate::app::certificates::Tls;
use crate::app::relay::proof::NodeKey;
use crate::app::relay::{Desk, Holder, Relay, readiness};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// A method that there is, so that gRPC-Web reaches it too.
const PUBLISH: &str = "/tenterhook.v1.EventService/PublishEvent";

fn key(byte: u8) -> NodeKey {
    NodeKey::of_sealing(&[byte; 32])
}

/// What became of the bodies of a [`Node`].
#[derive(Debug, Clone, Default)]
struct Seen {
    /// Bytes that it has made.
    made: Arc<AtomicUsize>,
    /// Rung when nobody wants more of them.
    dropped: Arc<Notify>,
}

/// The service of a node: it sends back what it gets, or without a body an endless stream, and says who called.
#[derive(Debug, Clone, Default)]
struct Node(Seen);

impl NamedService for Node {
    const NAME: &'static str = "tenterhook.v1.EventService";
}

impl Service<Request<Body>> for Node {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let connection = request.extensions().get::<Connection>().expect("the door has put it there");
        let names = request.extensions().get::<PeerNames>().expect("and these").0.join(" ");
        let peer = connection.peer().expect("a connection comes from somewhere").to_string();
        let host = request.headers().get("host").map_or("", |host| host.to_str().unwrap()).to_owned();
        let is_endless = request.headers().contains_key("x-endless");
        let body = if is_endless { Body::new(Endless(self.0.clone())) } else { Body::new(request.into_body()) };
        Box::pin(async move {
            let response = Response::builder().header("content-type", "application/grpc");
            Ok(response.header("x-peer", peer).header("x-names", names).header("x-host", host).body(body).unwrap())
        })
    }
}

/// A body without an end.
struct Endless(Seen);

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.made.fetch_add(16 * 1024, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[7; 16 * 1024])))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.dropped.notify_one();
    }
}

/// Starts a node that serves.
async fn serving(node: Node, key: NodeKey, tls: Option<Tls>) -> Running {
    let desk = Desk::Here(Arc::new(front(Routes::new(node))));
    start_desk(desk, Some(key), tls, (BOUNDS, Times::new(GRACE)), CancellationToken::new()).await
}

/// Starts a node that stands by, with what it forwards to.
async fn standing_by(key: NodeKey) -> (Running, Relay) {
    let draining = CancellationToken::new();
    let relay = Relay::new(key.clone(), draining.clone());
    let desk = Desk::Relay(relay.clone());
    (start_desk(desk, Some(key), None, (BOUNDS, Times::new(GRACE)), draining).await, relay)
}

/// The node at this address, as the database names it.
fn holder(address: &str, epoch: u64) -> Option<Holder> {
    Some(Holder { node: "first".to_owned(), epoch, address: Some(address.parse().unwrap()) })
}

/// A client of HTTP/2, as long as the tasks are held.
async fn client(door: &Running) -> (SendRequest<Body>, JoinSet<()>) {
    let stream = TokioIo::new(TcpStream::connect(door.address).await.unwrap());
    let (client, connection) = handshake(TokioExecutor::new(), stream).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(connection.await) });
    (client, tasks)
}

fn call() -> hyper::http::request::Builder {
    Request::post(format!("http://hooks.example{PUBLISH}")).header("content-type", "application/grpc")
}

async fn send(client: &mut SendRequest<Body>, request: Request<Body>) -> Response<Incoming> {
    timeout(PATIENCE, client.send_request(request)).await.expect("it is answered in time").unwrap()
}

fn whole(text: &'static str) -> Body {
    Body::new(Full::new(Bytes::from_static(text.as_bytes())))
}

fn status(response: &Response<Incoming>) -> &str {
    response.headers().get("grpc-status").map_or("", |status| status.to_str().unwrap())
}

/// Both nodes, over which a client calls.
struct Pair {
    node: Node,
    first: Running,
    second: Running,
    relay: Relay,
}

impl Pair {
    async fn start() -> Self {
        let node = Node::default();
        let first = serving(node.clone(), key(1), None).await;
        let (second, relay) = standing_by(key(1)).await;
        relay.forward_to(holder(&format!("http://{}", first.address), 1));
        Self { node, first, second, relay }
    }
}

#[tokio::test]
async fn a_call_and_its_answer_go_through_with_who_calls() {
    let pair = Pair::start().await;
    let stream = TcpStream::connect(pair.second.address).await.unwrap();
    let own = stream.local_addr().unwrap().to_string();
    let (mut client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(connection.await) });
    for _ in 0..3 {
        let response = send(&mut client, call().body(whole("one")).unwrap()).await;
        assert_eq!(response.headers()["x-peer"], own.as_str());
        assert_eq!(response.headers()["x-names"], "");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "one");
    }
    let words = readiness(&pair.relay).await.unwrap();
    assert_eq!(words, "ok: calls are forwarded to the node `first`, which has the database");
}

#[tokio::test]
async fn plain_http_is_answered_as_on_the_node_that_serves() {
    let pair = Pair::start().await;
    for door in [&pair.first, &pair.second] {
        let mut stream = door.connect(b"").await;
        for _ in 0..2 {
            assert_eq!(asked(&mut stream, GET).await, "HTTP/1.1 404 Not Found");
        }
        let web = format!(
            "POST {PUBLISH} HTTP/1.1\r\nhost: hooks.example\r\ncontent-type: application/grpc-web+proto\r\n\
             connection: close\r\ncontent-length: 3\r\n\r\none"
        );
        stream.write_all(web.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("x-host: hooks.example\r\n") && answer.contains("one"), "{answer}");
        let early = b"POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n{}\n";
        assert_eq!(asked(&mut door.connect(b"").await, early).await, "HTTP/1.1 415 Unsupported Media Type");
    }
}

#[tokio::test]
async fn a_body_goes_piece_by_piece_in_both_directions() {
    let pair = Pair::start().await;
    let (mut client, _tasks) = client(&pair.second).await;
    let (pieces, body) = channel();
    let mut response = send(&mut client, call().body(body).unwrap()).await;
    for piece in ["one", "two", "three"] {
        pieces.send(Ok(Frame::data(Bytes::from_static(piece.as_bytes())))).await.unwrap();
        let frame = timeout(PATIENCE, response.frame()).await.expect("it comes back before the next is sent");
        assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), piece);
    }
    let mut trailers = hyper::HeaderMap::new();
    trailers.insert("x-last", "word".parse().unwrap());
    pieces.send(Ok(Frame::trailers(trailers))).await.unwrap();
    drop(pieces);
    assert_eq!(response.frame().await.unwrap().unwrap().into_trailers().unwrap()["x-last"], "word");
}

/// A body of what is sent.
fn channel() -> (tokio::sync::mpsc::Sender<Result<Frame<Bytes>, std::io::Error>>, Body) {
    struct Pieces(tokio::sync::mpsc::Receiver<Result<Frame<Bytes>, std::io::Error>>);

    impl HttpBody for Pieces {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            self.0.poll_recv(context)
        }
    }

    let (pieces, receiver) = tokio::sync::mpsc::channel(1);
    (pieces, Body::new(Pieces(receiver)))
}

#[tokio::test]
async fn what_a_client_does_not_take_is_not_made_and_what_it_gives_up_ends() {
    let pair = Pair::start().await;
    let (mut client, _tasks) = client(&pair.second).await;
    let response = send(&mut client, call().header("x-endless", "1").body(Body::empty()).unwrap()).await;
    let made = || pair.node.0.made.load(Ordering::Relaxed);
    // Until nothing more is made, however often everybody has had a turn.
    let mut before = 0;
    let mut still = 0;
    while still < 200 {
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        still = if made() == before { still + 1 } else { 0 };
        before = made();
        assert!(before < 4 << 20, "{before} bytes wait for a client that takes none");
    }
    drop(response);
    timeout(PATIENCE, pair.node.0.dropped.notified()).await.expect("the node learns that nobody wants more");
}

#[tokio::test]
async fn a_call_waits_for_the_next_node_and_goes_to_it_once() {
    let pair = Pair::start().await;
    pair.relay.forward_to(None);
    let (mut client, _tasks) = client(&pair.second).await;
    let mut waiting = Box::pin(client.send_request(call().body(whole("one")).unwrap()));
    assert!(timeout(Duration::from_millis(50), &mut waiting).await.is_err());
    pair.relay.forward_to(holder(&format!("http://{}", pair.first.address), 2));
    let response = timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "one");

    // The connection stays when this node takes over, and so does a call that waits.
    pair.relay.forward_to(None);
    let mut waiting = Box::pin(client.send_request(call().body(whole("two")).unwrap()));
    assert!(timeout(Duration::from_millis(50), &mut waiting).await.is_err());
    pair.relay.serve(front(Routes::new(Node::default())));
    let response = timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "two");
    assert_eq!(readiness(&pair.relay).await.unwrap(), "ok");
}

#[tokio::test]
async fn a_call_that_no_node_takes_is_told_to_come_back() {
    let (door, relay) = standing_by(key(1)).await;
    // Nobody listens there any more.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for holder in [None, holder(&format!("http://{gone}"), 1)] {
        relay.forward_to(holder);
        let (mut client, _tasks) = client(&door).await;
        let begun = Instant::now();
        let response = send(&mut client, call().body(Body::empty()).unwrap()).await;
        assert_eq!(status(&response), "14");
        assert!(response.headers().contains_key("grpc-status-details-bin"), "with ErrorInfo and RetryInfo");
        assert!(begun.elapsed() >= tenterhook_model::limits::NODE_WAIT, "{:?}", begun.elapsed());
        let answered = asked(&mut door.connect(b"").await, GET).await;
        assert_eq!(answered, "HTTP/1.1 503 Service Unavailable");
        readiness(&relay).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_call_that_was_forwarded_is_not_forwarded_again() {
    let pair = Pair::start().await;
    let (third, relay) = standing_by(key(1)).await;
    relay.forward_to(holder(&format!("http://{}", pair.second.address), 1));
    let (mut client, _tasks) = client(&third).await;
    let response = send(&mut client, call().body(Body::empty()).unwrap()).await;
    assert_eq!(status(&response), "14", "the second node does not serve");
}

#[tokio::test]
async fn the_streams_of_a_node_that_is_lost_or_stopped_end_with_a_status() {
    let mut pair = Pair::start().await;
    let (mut client, _tasks) = client(&pair.second).await;
    for change in ["ends", "is stopped"] {
        let (pieces, body) = channel();
        let mut response = send(&mut client, call().body(body).unwrap()).await;
        pieces.send(Ok(Frame::data(Bytes::from_static(b"one")))).await.unwrap();
        assert!(response.frame().await.unwrap().unwrap().is_data());
        match change {
            // Its connections stay open: only the database says that another has it now.
            "is stopped" => pair.relay.forward_to(holder("http://127.0.0.1:1", 2)),
            _ => {
                pair.first.tasks.shutdown().await;
                pair.first = serving(pair.node.clone(), key(1), None).await;
                pair.relay.forward_to(holder(&format!("http://{}", pair.first.address), 3));
            }
        }
        let ended = timeout(PATIENCE, response.frame()).await.expect("the stream ends");
        let trailers = ended.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers["grpc-status"], "14", "{change}");
        assert!(trailers.contains_key("grpc-status-details-bin"));
    }
}

#[tokio::test]
async fn a_node_that_drains_ends_its_streams_and_finishes_its_calls() {
    let mut pair = Pair::start().await;
    let (mut client, _tasks) = client(&pair.second).await;
    let (pieces, body) = channel();
    let mut response = send(&mut client, call().body(body).unwrap()).await;
    pair.second.draining.cancel();
    pieces.send(Ok(Frame::data(Bytes::from_static(b"one")))).await.unwrap();
    assert_eq!(response.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
    drop(pieces);
    drop(response);
    drop(client);
    timeout(PATIENCE, pair.second.tasks.join_next()).await.expect("the door ends").unwrap().unwrap();
}

#[tokio::test]
async fn who_has_not_the_key_is_cut() {
    let pair = Pair::start().await;
    let hello = [b"\0tenterhook node 1\n".as_slice(), &[1; 32]].concat();
    let said = br#"{"peer":"192.0.2.1:1","names":["admin"],"http1":false}"#;
    let forged = [&(said.len() as u32).to_be_bytes(), said.as_slice(), &[0; 32]].concat();
    let mut stream = pair.first.connect(&[hello, forged].concat()).await;
    end_of(&mut stream).await;
    pair.first.has_cut("unproved").await;

    let (door, relay) = standing_by(key(2)).await;
    relay.forward_to(holder(&format!("http://{}", pair.first.address), 1));
    let words = readiness(&relay).await.unwrap_err();
    assert!(words.contains("it has another sealing key"), "{words}");
    let (mut client, _tasks) = client(&door).await;
    let response = send(&mut client, call().body(Body::empty()).unwrap()).await;
    assert_eq!(status(&response), "14");
}

#[tokio::test]
async fn nodes_need_no_names_in_certificates_and_nobody_may_stand_between_them() {
    let first = serving(Node::default(), key(1), Some(made_tls())).await;
    let (second, relay) = standing_by(key(1)).await;
    relay.forward_to(holder(&format!("https://{}", first.address), 1));
    let (mut client, _tasks) = client(&second).await;
    let response = send(&mut client, call().body(whole("one")).unwrap()).await;
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "one");

    // It speaks TLS with each of the two, and passes on what they say: also the proofs.
    let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = between.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    let (own, behind) = (made_tls(), first.address);
    tasks.spawn(async move {
        while let Ok((stream, _)) = between.accept().await {
            let near = tokio_rustls::TlsAcceptor::from(own.current()).accept(stream).await;
            let far = TcpStream::connect(behind).await.unwrap();
            let far = crate::app::relay::encrypted(far).await;
            if let (Ok(mut near), Some(mut far)) = (near, far) {
                let _ends = copy_bidirectional(&mut near, &mut far).await;
            }
        }
    });
    relay.forward_to(holder(&format!("https://{address}"), 2));
    let words = readiness(&relay).await.unwrap_err();
    assert!(words.contains("a proxy between the nodes ends TLS"), "{words}");
}
