//! The operations listener: `/metrics`, `/livez` and `/readyz` over plain HTTP.

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

/// Content type of Prometheus' text format, version 0.0.4.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// What the operations listener tells of.
#[derive(Debug)]
pub(crate) struct Ops {
    /// The figures.
    pub(crate) telemetry: Arc<Telemetry>,
    /// Cancelled when the server begins to drain: it is not ready from then on.
    pub(crate) draining: CancellationToken,
    /// The intake: a server is ready once its webhooks are compiled.
    pub(crate) intake: Arc<Intake>,
    /// The store: a server is ready only while it takes writes.
    pub(crate) store: Arc<dyn Observing>,
}

impl Ops {
    /// Answers on `listener` until `cancel`.
    pub(crate) async fn run(self, listener: TcpListener, cancel: CancellationToken) {
        let ops = Arc::new(self);
        http::serve(listener, http::Bounds::OPERATIONS, cancel, move |request, _peer| {
            let ops = ops.clone();
            async move { ops.answer(&request).await }
        })
        .await;
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, PLAIN_TEXT, "only GET and HEAD are answered here\n");
        }
        match request.uri().path() {
            "/metrics" => text(StatusCode::OK, PROMETHEUS_TEXT, self.telemetry.prometheus_text()),
            "/livez" => text(StatusCode::OK, PLAIN_TEXT, "ok\n"),
            "/readyz" if self.draining.is_cancelled() => {
                text(StatusCode::SERVICE_UNAVAILABLE, PLAIN_TEXT, "draining: the server is about to stop\n")
            }
            "/readyz" if !self.intake.is_ready() => {
                text(StatusCode::SERVICE_UNAVAILABLE, PLAIN_TEXT, "starting: the webhooks are being compiled\n")
            }
            "/readyz" => match self.store.readiness().await {
                Ok(()) => text(StatusCode::OK, PLAIN_TEXT, "ok\n"),
                Err(error) => text(StatusCode::SERVICE_UNAVAILABLE, PLAIN_TEXT, format!("{error}\n")),
            },
            _ => text(StatusCode::NOT_FOUND, PLAIN_TEXT, "there are /metrics, /livez and /readyz here\n"),
        }
    }
}

fn text(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
