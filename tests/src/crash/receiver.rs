//! A receiver that remembers every request, and refuses some of them the first time.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

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

/// A receiver at work; it ends when dropped.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    pub(super) arrived: Arc<Mutex<Vec<Arrived>>>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&arrived)));
        Self { address, arrived, _tasks: tasks }
    }
}

async fn accept(listener: TcpListener, arrived: Arc<Mutex<Vec<Arrived>>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("connections are accepted");
        let arrived = Arc::clone(&arrived);
        let service = service_fn(move |request| answer(request, Arc::clone(&arrived)));
        connections.spawn(async move {
            // A connection of a server that was killed breaks; that is what this is for.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    request: Request<Incoming>,
    arrived: Arc<Mutex<Vec<Arrived>>>,
) -> hyper::Result<Response<Empty<Bytes>>> {
    let header =
        |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let (delivery, attempt, event) =
        (header("x-tenterhook-delivery"), header("x-tenterhook-attempt"), header("webhook-id"));
    request.into_body().collect().await?;
    let sum: usize = delivery.bytes().map(usize::from).sum();
    let accepted = attempt != "1" || !sum.is_multiple_of(REFUSED_ONE_IN);
    arrived.lock().unwrap().push(Arrived { delivery, attempt, event, accepted, at: Instant::now() });
    let mut response = Response::new(Empty::new());
    if !accepted {
        *response.status_mut() = hyper::StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}
