//! An OTLP collector that keeps every byte that it is sent.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::Sink;

/// Where spans arrive.
pub(super) const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// Where figures arrive.
pub(super) const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
/// An answer of gRPC without anything in it: not compressed, no bytes.
const EMPTY_MESSAGE: &[u8] = &[0; 5];

/// A collector at work; it ends when dropped.
#[derive(Debug)]
pub(super) struct Collector {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Sink>>>,
    _tasks: JoinSet<()>,
}

impl Collector {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&received)));
        Self { address, received, _tasks: tasks }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Each call, by its path, with its headers and its message.
    pub(super) fn received(&self) -> Vec<Sink> {
        self.received.lock().unwrap().clone()
    }
}

async fn accept(listener: TcpListener, received: Arc<Mutex<Vec<Sink>>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let received = Arc::clone(&received);
        let service = service_fn(move |request| answer(request, Arc::clone(&received)));
        let connection = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            // It breaks when the exporter ends.
            let _ = connection.await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    received: Arc<Mutex<Vec<Sink>>>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, hyper::Error> {
    let (path, mut bytes) = (request.uri().path().to_owned(), format!("{:?}", request.headers()).into_bytes());
    bytes.extend_from_slice(&request.into_body().collect().await?.to_bytes());
    received.lock().unwrap().push((path, bytes));
    let trailers = async {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().expect("it is legal"));
        Some(Ok(trailers))
    };
    let body = Full::new(Bytes::from_static(EMPTY_MESSAGE)).with_trailers(trailers);
    let mut response = Response::new(body);
    response.headers_mut().insert("content-type", "application/grpc".parse().expect("it is legal"));
    Ok(response)
}
