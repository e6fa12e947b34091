//! Traces of calls by OpenTelemetry, with the feature `otel`.
//!
//! Each try of a call, stream or watch is a span of its own, named and described by the semantic conventions of RPC, and
//! its trace context goes along: the server's span, and the `traceparent` of what it delivers, follow it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Polling, Poll, ready};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::{Frame, SizeHint};
use opentelemetry::propagation::Injector;
use opentelemetry::trace::{SpanKind, Status as Outcome, TraceContextExt as _, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue, global};
use prost::bytes::Bytes;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::calls::Deadline;
use crate::layers::Transport;
use crate::life::broken;

const SCOPE: &str = "tenterhook";

type Start = dyn Fn(String) -> Context + Send + Sync;

/// A [layer](crate::Builder::layer) that makes the spans, below the span of the caller. The propagator is the one that
/// is set for the program.
#[derive(Clone)]
pub struct OtelLayer(Arc<Start>);

impl fmt::Debug for OtelLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtelLayer")
    }
}

impl Default for OtelLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl OtelLayer {
    /// Spans go to the provider that is set for the program.
    #[must_use]
    pub fn new() -> Self {
        // Asked for at each try, for the program may set it later.
        Self(Arc::new(|method| started(&global::tracer(SCOPE), method)))
    }

    /// Spans go to `provider`.
    #[must_use]
    pub fn of<P>(provider: &P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Send + Sync + 'static,
        <P::Tracer as Tracer>::Span: Send + Sync + 'static,
    {
        let tracer = provider.tracer(SCOPE);
        Self(Arc::new(move |method| started(&tracer, method)))
    }
}

fn started<T>(tracer: &T, method: String) -> Context
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
{
    let attributes = [KeyValue::new("rpc.system.name", "grpc"), KeyValue::new("rpc.method", method.clone())];
    let made = tracer.span_builder(method).with_kind(SpanKind::Client).with_attributes(attributes);
    Context::current_with_span(tracer.build(made))
}

impl Layer<Transport> for OtelLayer {
    type Service = OtelTransport;

    fn layer(&self, inner: Transport) -> OtelTransport {
        OtelTransport { inner, start: Arc::clone(&self.0) }
    }
}

/// What an [`OtelLayer`] puts around each try.
#[derive(Clone)]
pub struct OtelTransport {
    inner: Transport,
    start: Arc<Start>,
}

impl fmt::Debug for OtelTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtelTransport")
    }
}

impl Service<Request<Body>> for OtelTransport {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Polling<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let context = (self.start)(request.uri().path().trim_start_matches('/').to_owned());
        let mut headers = Headers(request.headers_mut());
        global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut headers));
        let deadline = request.extensions().get::<Deadline>().map(|deadline| deadline.0);
        let mut open = Open { context: Some(context), deadline };
        let sent = self.inner.call(request);
        Box::pin(async move {
            let response = sent.await.inspect_err(|status| open.end(status.code()))?;
            // An answer without a message has its status here.
            open.read(response.headers());
            Ok(response.map(|inner| Body::new(Traced { inner, open })))
        })
    }
}

struct Headers<'a>(&'a mut HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

/// A span that ends once; one that is dropped was given up, by the caller or at the deadline.
struct Open {
    context: Option<Context>,
    deadline: Option<Instant>,
}

impl Open {
    fn read(&mut self, headers: &HeaderMap) {
        if let Some(status) = Status::from_header_map(headers) {
            self.end(status.code());
        }
    }

    fn end(&mut self, code: Code) {
        let Some(context) = self.context.take() else { return };
        let (span, name) = (context.span(), name(code));
        if code != Code::Ok {
            span.set_attribute(KeyValue::new("error.type", name.clone()));
            span.set_status(Outcome::error(""));
        }
        span.set_attribute(KeyValue::new("rpc.response.status_code", name));
        span.end();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        self.end(if late { Code::DeadlineExceeded } else { Code::Cancelled });
    }
}

/// `NOT_FOUND`, as gRPC writes it.
fn name(code: Code) -> String {
    let mut made = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() && !made.is_empty() {
            made.push('_');
        }
        made.push(letter.to_ascii_uppercase());
    }
    made
}

struct Traced {
    inner: Body,
    open: Open,
}

impl http_body::Body for Traced {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Polling<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => frame.trailers_ref().into_iter().for_each(|trailers| self.open.read(trailers)),
            Some(Err(status)) => self.open.end(broken(status.clone()).code()),
            // The server never ends an answer without a status.
            None => self.open.end(Code::Unknown),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
