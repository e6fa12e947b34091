//! A receiver of webhooks on this machine, for `listen`, `demo` and `bench`.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::spelling::Spelling;
use tenterhook_server::http;

/// Bytes of a body that the receiver takes; four times what the server sends.
const BODY_BYTES: usize = 4 * 1024 * 1024;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Who sent it.
    pub peer: SocketAddr,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// How their names were written.
    pub spelling: Spelling,
    /// The body.
    pub body: Bytes,
}

impl Received {
    /// The value of a header as text; empty when it is absent or no text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What the receiver answers.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// How long it waits first.
    pub delay: Duration,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// An answer at once, with a short text that names the status.
    pub fn status(status: StatusCode) -> Self {
        let body = Bytes::from_static(status.canonical_reason().unwrap_or_default().as_bytes());
        Self { status, delay: Duration::ZERO, body }
    }
}

/// Who looks at requests and answers them.
pub trait Answers: Debug + Send + Sync + 'static {
    /// The answer to one request.
    fn answer(&self, request: Received) -> impl Future<Output = Answer> + Send;
}

/// Serves `listener` with the answers of `answers` until `cancel`.
pub async fn receive(listener: TcpListener, cancel: CancellationToken, answers: Arc<impl Answers>) {
    receive_within(vec![listener], http::Bounds::RECEIVER, cancel, answers).await;
}

/// As [`receive`], and keeps how the names of headers were written.
pub(crate) async fn receive_spelled(
    listeners: Vec<TcpListener>,
    cancel: CancellationToken,
    answers: Arc<impl Answers>,
) {
    let bounds = http::Bounds { spelling: true, ..http::Bounds::RECEIVER };
    receive_within(listeners, bounds, cancel, answers).await;
}

/// As [`receive`], on several listeners and with bounds of the caller's, such as TLS.
pub async fn receive_within(
    listeners: Vec<TcpListener>,
    bounds: http::Bounds,
    cancel: CancellationToken,
    answers: Arc<impl Answers>,
) {
    http::serve_all(listeners, bounds, cancel, move |request, peer| respond(request, peer, answers.clone())).await;
}

async fn respond(request: Request<Incoming>, peer: SocketAddr, answers: Arc<impl Answers>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else {
        return response(Answer::status(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let path = head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let spelling = Spelling(head.extensions);
    let received = Received { peer, method: head.method, path, headers: head.headers, spelling, body: body.to_bytes() };
    let answer = answers.answer(received).await;
    if !answer.delay.is_zero() {
        tokio::time::sleep(answer.delay).await;
    }
    response(answer)
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    response
}
