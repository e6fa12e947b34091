//! The gate: every call passes it before it reaches a service, and its answer on the way back.
//!
//! In: the method must be in the table, the server must not be stopping, the caller must be
//! known and its role must allow the method somewhere. Around: a deadline, a span, a bound on
//! calls under way, and a panic becomes INTERNAL. Out: a message over its limit gets a reason.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use tenterhook_model::limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span};

use super::peer::PeerNames;
use crate::access::{Access, Method, Pace, Permission, lookup};
use crate::check::grouped;
use crate::meter::{CallLabel, CallSpan, Meter, legal_traceparent};
use crate::refusal::Refusal;
use crate::server::{BATCH_TIMEOUT, CALL_TIMEOUT, CALLS};

/// What a status of tonic's decoder begins with when a message is over its limit.
const TOO_LARGE: &str = "Error, decoded message length too large";
/// When to come back to a server with too many calls under way.
const CROWDED: Duration = Duration::from_secs(1);

/// What the gate needs to know.
#[derive(Debug)]
pub(crate) struct GateState {
    access: Access,
    meter: Arc<dyn Meter>,
    shutdown: CancellationToken,
    calls: Arc<Semaphore>,
}

impl GateState {
    /// A gate that asks `access`, counts with `meter` and closes at `shutdown`.
    pub(crate) fn new(access: Access, meter: Arc<dyn Meter>, shutdown: CancellationToken) -> Self {
        Self { access, meter, shutdown, calls: Arc::new(Semaphore::new(CALLS)) }
    }

    /// Lets a call in: its caller and traceparent go into its extensions.
    fn admit<B>(&self, request: &mut Request<B>) -> Result<Admitted, Box<Status>> {
        let path = request.uri().path();
        let method = lookup(path).ok_or_else(|| Status::unimplemented(format!("there is no method {path}")))?;
        if method.permission == Permission::Open {
            return Ok(Admitted { method, span: Span::none(), _permit: None });
        }
        if self.shutdown.is_cancelled() {
            return Err(boxed(Refusal::ShuttingDown));
        }
        let names = PeerNames::of(request.extensions());
        let authorization = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes());
        let caller = self.access.caller(authorization, &names.0).and_then(|caller| caller.of(method.permission));
        let caller = caller.map_err(boxed)?;
        let parent = request.headers().get("traceparent").and_then(|value| legal_traceparent(value.as_bytes()));
        let label = CallLabel { method: method.path, caller: caller.name(), parent };
        let CallSpan { span, traceparent } = self.meter.begin(&label);
        let permit = match method.pace {
            Pace::Stream => None,
            Pace::Call | Pace::Batch => {
                let permit = Arc::clone(&self.calls).try_acquire_owned();
                Some(permit.map_err(|_| boxed(Refusal::RateLimited { retry_after: CROWDED }))?)
            }
        };
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(TraceParent(traceparent));
        Ok(Admitted { method, span, _permit: permit })
    }
}

fn boxed(refusal: Refusal) -> Box<Status> {
    Box::new(refusal.into())
}

/// The `traceparent` that events published by the call keep.
#[derive(Debug, Clone, Default)]
pub(crate) struct TraceParent(pub(crate) Option<String>);

/// A call that may go on.
struct Admitted {
    method: &'static Method,
    span: Span,
    _permit: Option<OwnedSemaphorePermit>,
}

/// Puts a [`Gate`] before a service.
#[derive(Debug, Clone)]
pub(crate) struct GateLayer(pub(crate) Arc<GateState>);

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, service: S) -> Gate<S> {
        Gate { service, state: Arc::clone(&self.0) }
    }
}

/// A service behind the gate.
#[derive(Debug, Clone)]
pub(crate) struct Gate<S> {
    service: S,
    state: Arc<GateState>,
}

impl<S, B, R> Service<Request<B>> for Gate<S>
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible>,
    S::Future: Send + 'static,
    R: Default + Send + 'static,
{
    type Response = Response<R>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.state.admit(&mut request) {
            Err(status) => Box::pin(ready(Ok(status.into_http()))),
            Ok(admitted) => {
                let span = admitted.span.clone();
                let answer = self.service.call(request);
                Box::pin(run(answer, admitted, Arc::clone(&self.state)).instrument(span))
            }
        }
    }
}

/// Runs an admitted call to its answer.
async fn run<F, R>(answer: F, admitted: Admitted, state: Arc<GateState>) -> Result<Response<R>, Infallible>
where
    F: Future<Output = Result<Response<R>, Infallible>>,
    R: Default,
{
    let method = admitted.method;
    let answer = AssertUnwindSafe(answer).catch_unwind();
    let outcome = match method.pace {
        Pace::Stream => Ok(answer.await),
        Pace::Call => tokio::time::timeout(CALL_TIMEOUT, answer).await,
        Pace::Batch => tokio::time::timeout(BATCH_TIMEOUT, answer).await,
    };
    Ok(match outcome {
        Err(_) => Status::deadline_exceeded("the call took too long").into_http(),
        Ok(Err(_panic)) => {
            state.meter.panicked(method.path);
            tracing::error!(method = method.path, "a call panicked");
            Status::from(Refusal::Internal).into_http()
        }
        Ok(Ok(Ok(response))) => explained(response),
        Ok(Ok(Err(never))) => match never {},
    })
}

/// The response, with a reason if tonic refused its request's message for its length.
fn explained<R: Default>(response: Response<R>) -> Response<R> {
    let refused = response.headers().contains_key(Status::GRPC_STATUS)
        && Status::from_header_map(response.headers()).is_some_and(|status| is_too_large(&status));
    if refused { too_large().into_http() } else { response }
}

/// Whether tonic refused a message for its length.
pub(crate) fn is_too_large(status: &Status) -> bool {
    status.code() == Code::OutOfRange && status.message().starts_with(TOO_LARGE)
}

/// The status of a call whose message is over its limit.
pub(crate) fn too_large() -> Status {
    let limit = format!("at most {} bytes", grouped(limits::GRPC_MESSAGE_BYTES));
    Refusal::Limit { subject: "message", limit }.into()
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
