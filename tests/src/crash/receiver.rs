//! A receiver that remembers every request, and refuses some of them the first time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// One of so many deliveries is refused at its first attempt.
const REFUSED_ONE_IN: usize = 5;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) delivery: String,
    pub(super) attempt: String,
    /// The value of `webhook-id`.
    pub(super) event: String,
    pub(super) accepted: bool,
    /// When it came.
    pub(super) at: Instant,
}

/// Requests that have come and are not answered.
#[derive(Debug, Default)]
pub(super) struct AtOnce {
    by_delivery: BTreeMap<String, usize>,
    now: usize,
    /// The most there ever were.
    pub(super) most: usize,
    /// Deliveries that came while they were there already.
    pub(super) twice: BTreeSet<String>,
}

/// One of them, until it is answered or its sender has closed the connection.
struct Open {
    delivery: String,
    all: Arc<Mutex<AtOnce>>,
}

impl Open {
    fn begin(delivery: &str, all: &Arc<Mutex<AtOnce>>) -> Self {
        let mut open = all.lock().unwrap();
        open.now += 1;
        open.most = open.most.max(open.now);
        let same = open.by_delivery.entry(delivery.to_owned()).or_default();
        *same += 1;
        if *same > 1 {
            open.twice.insert(delivery.to_owned());
        }
        drop(open);
        Self { delivery: delivery.to_owned(), all: Arc::clone(all) }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.all.lock().unwrap();
        open.now -= 1;
        *open.by_delivery.get_mut(&self.delivery).expect("it was counted") -= 1;
    }
}

/// A receiver at work; it ends when dropped.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    pub(super) arrived: Arc<Mutex<Vec<Arrived>>>,
    pub(super) at_once: Arc<Mutex<AtOnce>>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        Self::answering_after(Duration::ZERO).await
    }

    /// One that takes so long for each request.
    pub(super) async fn answering_after(delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let (arrived, at_once) = (Arc::new(Mutex::new(Vec::new())), Arc::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, delay, Arc::clone(&arrived), Arc::clone(&at_once)));
        Self { address, arrived, at_once, _tasks: tasks }
    }
}

async fn accept(
    listener: TcpListener,
    delay: Duration,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    at_once: Arc<Mutex<AtOnce>>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("connections are accepted");
        let (arrived, at_once) = (Arc::clone(&arrived), Arc::clone(&at_once));
        let service = service_fn(move |request| answer(request, delay, Arc::clone(&arrived), Arc::clone(&at_once)));
        connections.spawn(async move {
            // A connection of a server that was killed breaks; that is what this is for.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    request: Request<Incoming>,
    delay: Duration,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    at_once: Arc<Mutex<AtOnce>>,
) -> hyper::Result<Response<Empty<Bytes>>> {
    let header =
        |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let (delivery, attempt, event) =
        (header("x-tenterhook-delivery"), header("x-tenterhook-attempt"), header("webhook-id"));
    let _open = Open::begin(&delivery, &at_once);
    request.into_body().collect().await?;
    let sum: usize = delivery.bytes().map(usize::from).sum();
    let accepted = attempt != "1" || !sum.is_multiple_of(REFUSED_ONE_IN);
    arrived.lock().unwrap().push(Arrived { delivery, attempt, event, accepted, at: Instant::now() });
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let mut response = Response::new(Empty::new());
    if !accepted {
        *response.status_mut() = hyper::StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}
