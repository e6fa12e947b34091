//! A receiver that answers with the request as it came, as those do that people try things out with.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::secrets::plain;

/// A receiver at work; it ends when dropped.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    pub(super) arrived: Arc<Mutex<Vec<(String, HeaderMap)>>>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&arrived)));
        Self { address, arrived, _tasks: tasks }
    }
}

async fn accept(listener: TcpListener, arrived: Arc<Mutex<Vec<(String, HeaderMap)>>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let arrived = Arc::clone(&arrived);
        let service = service_fn(move |request| answer(request, Arc::clone(&arrived)));
        connections.spawn(async move {
            // A TLS handshake on this plain port, which the test makes too, is no request.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    arrived: Arc<Mutex<Vec<(String, HeaderMap)>>>,
) -> hyper::Result<Response<Full<Bytes>>> {
    let (path, headers) = (request.uri().path().to_owned(), request.headers().clone());
    let body = request.into_body().collect().await?.to_bytes();
    arrived.lock().unwrap().push((path.clone(), headers.clone()));
    let echo = format!("{headers:?}\n{}", String::from_utf8_lossy(&body));
    if path == "/token" {
        let token = format!("{{\"access_token\": \"{}\", \"expires_in\": \"3600\"}}", plain("access token"));
        return Ok(Response::new(Full::new(token.into())));
    }
    let mut response = Response::new(Full::new(echo.into()));
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with("x-")) {
        response.headers_mut().insert(name, value.clone());
    }
    if path == "/fails" {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    Ok(response)
}
