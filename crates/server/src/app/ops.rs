//! The operations listener: `/metrics`, `/livez` and `/readyz` over plain HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tenterhook_intake::Intake;
use tenterhook_store::Observing;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::http;
use crate::telemetry::Telemetry;
use crate::telemetry::metrics::Metrics;

/// Content type of Prometheus' text format, version 0.0.4.
pub(super) const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
pub(super) const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// What the operations listener tells of.
#[derive(Debug)]
pub(crate) struct Ops {
    /// What is known of watched files.
    pub(crate) metrics: Arc<Metrics>,
    /// The metrics as text.
    pub(crate) telemetry: Arc<Telemetry>,
    /// Cancelled when the server begins to drain: it is not ready from then on.
    pub(crate) draining: CancellationToken,
    /// The intake: a server is ready once its webhooks are compiled.
    pub(crate) intake: Arc<Intake>,
    /// The store: a server is ready only while it takes writes.
    pub(crate) store: Arc<dyn Observing>,
}

impl Ops {
    /// Answers on `listeners` until `cancel`.
    pub(crate) async fn run(self, listeners: Vec<TcpListener>, cancel: CancellationToken) {
        let ops = Arc::new(self);
        let handle = move |request: Request<Incoming>, _peer: SocketAddr| {
            let ops = ops.clone();
            async move { ops.answer(&request).await }
        };
        http::serve_all(listeners, http::Bounds::OPERATIONS, cancel, handle).await;
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, PLAIN_TEXT, "only GET and HEAD are answered here\n");
        }
        match request.uri().path() {
            "/metrics" => text(StatusCode::OK, PROMETHEUS_TEXT, self.telemetry.prometheus_text()),
            "/livez" => text(StatusCode::OK, PLAIN_TEXT, "ok\n"),
            "/readyz" => {
                let (status, mut body) = self.readiness().await;
                if request.uri().query() == Some("verbose") {
                    body.push_str(&self.files());
                }
                text(status, PLAIN_TEXT, body)
            }
            _ => text(StatusCode::NOT_FOUND, PLAIN_TEXT, "there are /metrics, /livez and /readyz here\n"),
        }
    }
}

impl Ops {
    /// Whether the server takes calls, and why not.
    async fn readiness(&self) -> (StatusCode, String) {
        let why = if self.draining.is_cancelled() {
            "draining: the server is about to stop".to_owned()
        } else if !self.intake.is_ready() {
            "starting: the webhooks are being compiled".to_owned()
        } else {
            match self.store.readiness().await {
                Ok(()) => return (StatusCode::OK, "ok\n".to_owned()),
                Err(error) => error.to_string(),
            }
        };
        (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"))
    }

    /// A line for each file that the server watches. A file with errors does not make it unready: what
    /// was read before is in force.
    fn files(&self) -> String {
        let files = self.metrics.watched_files().into_iter();
        files.map(|(setting, problem)| format!("{setting}: {}\n", problem.as_deref().unwrap_or("ok"))).collect()
    }
}

/// An answer with this text.
pub(super) fn text(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
