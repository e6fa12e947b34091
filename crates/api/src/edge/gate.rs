//! The gate: every call passes it before it reaches a service, and its answer on the way back.
//!
//! In: the method must be in the table, the server must not be stopping, the caller must be
//! known and its role must allow the method somewhere. Around: a deadline, a span, a bound on
//! calls in flight, a bound on what its messages hold, and a panic becomes INTERNAL. Out: a message
//! over its limit gets a reason, every refusal is counted, and the answer is held until it is taken.

use std::convert::Infallible;
use std::future::{Future, poll_fn, ready};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span};

use super::answer::{Answer, Ending};
use super::connection::{Budgets, Connection, OpenCall};
use super::intake::Intake;
use super::peer::PeerNames;
use super::trail::Trail;
use super::transport::in_own_words;
use crate::access::{Access, Method, Pace, Permission, lookup};
use crate::meter::{CallLabel, CallSpan, Meter, Refused, legal_traceparent};
use crate::refusal::Refusal;
use crate::server::{BATCH_TIMEOUT, CALL_TIMEOUT, CALLS, OPEN_CALL_TIMEOUT};

/// When to come back to a server with too many calls under way.
const CROWDED: Duration = Duration::from_secs(1);
/// Content type of gRPC, alone or before `+FORMAT` and `;PARAMETERS` (gRPC over HTTP/2, "Content-Type").
const GRPC: &[u8] = b"application/grpc";
/// Bytes of an answer that is sent even if too much is held: it may confirm something done.
const SMALL_ANSWER_BYTES: usize = 128 * 1024;

/// What the gate needs to know.
#[derive(Debug)]
pub(crate) struct GateState {
    access: Access,
    meter: Arc<dyn Meter>,
    shutdown: CancellationToken,
    calls: Arc<Semaphore>,
    /// For calls that come without a connection.
    budgets: Budgets,
}

impl GateState {
    /// A gate that asks `access`, counts with `meter` and closes at `shutdown`.
    pub(crate) fn new(access: Access, meter: Arc<dyn Meter>, shutdown: CancellationToken) -> Self {
        Self { access, meter, shutdown, calls: Arc::new(Semaphore::new(CALLS)), budgets: Budgets::default() }
    }

    /// The connection that a request came on.
    fn connection<B>(&self, request: &Request<B>) -> Connection {
        request.extensions().get::<Connection>().cloned().unwrap_or_else(|| self.budgets.connection())
    }

    /// Lets a call in: its caller and traceparent go into its extensions.
    fn admit<B>(&self, request: &mut Request<B>, connection: &Connection) -> Result<Admitted, Box<Status>> {
        let Some(method) = lookup(request.uri().path()) else {
            // The path is not repeated: a refusal must not be larger than what caused it.
            return Err(Box::new(Status::unimplemented(
                "there is no such method; is the client newer than the server?",
            )));
        };
        let mut call = connection.begin(method.pace != Pace::Stream);
        let time = timeout(request.headers(), method);
        if method.permission == Permission::Open {
            if method.pace == Pace::Stream && !call.open_stream() {
                return Err(boxed(Refusal::RateLimited { retry_after: CROWDED }));
            }
            return Ok(Admitted { method, span: Span::none(), call, time, permit: None, trail: None });
        }
        if self.shutdown.is_cancelled() {
            return Err(boxed(Refusal::ShuttingDown));
        }
        let names = PeerNames::of(request.extensions());
        let authorization = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes());
        let caller = self.access.caller(authorization, &names.0).and_then(|caller| caller.of(method.permission));
        let caller = caller.map_err(boxed)?;
        connection.admit();
        let parent = request.headers().get("traceparent").and_then(|value| legal_traceparent(value.as_bytes()));
        let label = CallLabel { method: method.path, caller: caller.name(), peer: connection.peer(), parent };
        let CallSpan { span, traceparent } = self.meter.begin(&label);
        let permit = match method.pace {
            Pace::Stream => None,
            Pace::Call | Pace::Batch => {
                let permit = Arc::clone(&self.calls).try_acquire_owned();
                Some(permit.map_err(|_| boxed(Refusal::RateLimited { retry_after: CROWDED }))?)
            }
        };
        let trail = Trail::of(method, &caller, connection.peer(), traceparent.as_deref());
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(TraceParent(traceparent));
        Ok(Admitted { method, span, call, time, permit, trail })
    }

    /// Counts and makes the answer to a call that is not let in.
    fn refuse<R: Default>(&self, status: Status, connection: &Connection) -> Response<Answer<R>> {
        self.meter.refused(Refused::Status(status.code()));
        if matches!(status.code(), Code::Unimplemented | Code::Unauthenticated | Code::PermissionDenied) {
            connection.refused();
        }
        refusal(status)
    }

    /// Counts and makes the answer to a request that is no gRPC.
    fn refuse_other<R: Default>(&self, connection: &Connection) -> Response<Answer<R>> {
        self.meter.refused(Refused::NotGrpc);
        connection.refused();
        let mut response = Response::new(Answer::plain(R::default()));
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        response
    }

    /// Becomes ready when the streams that anybody may open should end.
    fn ending(&self, connection: &Connection) -> Ending {
        let (shutdown, retiring) = (self.shutdown.clone(), connection.retiring().clone());
        Box::pin(async move {
            // A stop comes first: it is the reason for the other.
            tokio::select! { biased;
                () = shutdown.cancelled() => Refusal::ShuttingDown.into(),
                () = retiring.cancelled() => Refusal::ConnectionAged.into(),
            }
        })
    }
}

fn boxed(refusal: Refusal) -> Box<Status> {
    Box::new(refusal.into())
}

/// Whether a request is gRPC, and not gRPC-Web or something else. A content type has no case (RFC
/// 9110 section 8.3.1).
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let Some((start, rest)) = content_type.split_at_checked(GRPC.len()) else { return false };
    start.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';' | b' ' | b'\t'))
}

/// The time for a call: that of its method, or less if the caller has less.
fn timeout(headers: &HeaderMap, method: &Method) -> Option<Duration> {
    let own = match method.pace {
        Pace::Stream => None,
        _ if method.permission == Permission::Open => Some(OPEN_CALL_TIMEOUT),
        Pace::Call => Some(CALL_TIMEOUT),
        Pace::Batch => Some(BATCH_TIMEOUT),
    };
    let callers = headers.get("grpc-timeout").and_then(|value| read_timeout(value.as_bytes()));
    own.into_iter().chain(callers).min()
}

/// Reads a `grpc-timeout`: up to eight digits and a unit (gRPC over HTTP/2, "Timeout").
fn read_timeout(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match unit {
        b'H' => Some(Duration::from_secs(number * 3_600)),
        b'M' => Some(Duration::from_secs(number * 60)),
        b'S' => Some(Duration::from_secs(number)),
        b'm' => Some(Duration::from_millis(number)),
        b'u' => Some(Duration::from_micros(number)),
        b'n' => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// The `traceparent` that events published by the call keep.
#[derive(Debug, Clone, Default)]
pub(crate) struct TraceParent(pub(crate) Option<String>);

/// A call that may go on.
#[derive(Debug)]
struct Admitted {
    method: &'static Method,
    span: Span,
    call: OpenCall,
    /// Time to the beginning of the answer.
    time: Option<Duration>,
    permit: Option<OwnedSemaphorePermit>,
    trail: Option<Trail>,
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
    S: Service<Request<Intake<B>>, Response = Response<R>, Error = Infallible>,
    S::Future: Send + 'static,
    R: Body<Data = Bytes> + Default + Unpin + Send + 'static,
    R::Error: Send,
{
    type Response = Response<Answer<R>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answer<R>>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let connection = self.state.connection(&request);
        if !is_grpc(request.headers()) {
            return Box::pin(ready(Ok(self.state.refuse_other(&connection))));
        }
        match self.state.admit(&mut request, &connection) {
            Err(status) => Box::pin(ready(Ok(self.state.refuse(*status, &connection)))),
            Ok(mut admitted) => {
                let (span, trail) = (admitted.span.clone(), admitted.trail.take());
                let (meter, called) = (Arc::clone(&self.state.meter), span.clone());
                let method = admitted.method;
                let mut request = request.map(|body| Intake::new(body, method, connection.clone()));
                // The call holds its message until it is answered, wherever the body has gone.
                let charge = request.body().charge();
                request.extensions_mut().insert(charge.clone());
                let answer = self.service.call(request);
                let run = run(answer, admitted, Arc::clone(&self.state), connection);
                let run = async move {
                    let Ok(response) = run.await;
                    drop(charge);
                    let code = status_of(&response).unwrap_or(Code::Ok);
                    meter.ended(&called, code);
                    if let Some(trail) = trail {
                        trail.end(&*meter, code);
                    }
                    Ok(response)
                };
                Box::pin(run.instrument(span))
            }
        }
    }
}

/// Runs an admitted call to its answer.
async fn run<F, R>(
    answer: F,
    admitted: Admitted,
    state: Arc<GateState>,
    connection: Connection,
) -> Result<Response<Answer<R>>, Infallible>
where
    F: Future<Output = Result<Response<R>, Infallible>>,
    R: Body<Data = Bytes> + Default + Unpin,
{
    let Admitted { method, mut call, time, permit, .. } = admitted;
    let answer = AssertUnwindSafe(answer).catch_unwind();
    let outcome = match time {
        None => Ok(answer.await),
        Some(time) => tokio::time::timeout(time, answer).await,
    };
    call.answered();
    drop(permit);
    let status = match outcome {
        Err(_) => Status::deadline_exceeded("the call took too long"),
        Ok(Err(_panic)) => {
            state.meter.panicked(method.path);
            tracing::error!(method = method.path, "a call panicked");
            Refusal::Internal.into()
        }
        Ok(Ok(Ok(response))) => match status_of(&response) {
            Some(code) if code != Code::Ok => {
                state.meter.refused(Refused::Status(code));
                return Ok(in_own_words(response).map(Answer::plain));
            }
            _ if method.pace == Pace::Stream => {
                let ending = (method.permission == Permission::Open).then(|| state.ending(&connection));
                return Ok(response.map(|body| Answer::of_stream(body, call, ending)));
            }
            _ => match held(response, call).await {
                Ok(response) => return Ok(response),
                Err(status) => *status,
            },
        },
        Ok(Ok(Err(never))) => match never {},
    };
    state.meter.refused(Refused::Status(status.code()));
    Ok(refusal(status))
}

/// The response of a call with one answer, counted in bytes until it is taken.
async fn held<R>(response: Response<R>, mut call: OpenCall) -> Result<Response<Answer<R>>, Box<Status>>
where
    R: Body<Data = Bytes> + Unpin,
{
    let (parts, mut body) = response.into_parts();
    let first = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
    let first = match first {
        Some(Ok(frame)) => Some(frame),
        Some(Err(_)) => return Err(boxed(Refusal::Internal)),
        None => None,
    };
    let bytes = first.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len);
    if !call.hold_answer(bytes, bytes <= SMALL_ANSWER_BYTES) {
        return Err(boxed(Refusal::RateLimited { retry_after: CROWDED }));
    }
    Ok(Response::from_parts(parts, Answer::of_call(first, body, call)))
}

fn refusal<R: Default>(status: Status) -> Response<Answer<R>> {
    status.into_http().map(Answer::plain)
}

/// The code of a response that is a status alone.
fn status_of<R>(response: &Response<R>) -> Option<Code> {
    response.headers().get(Status::GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
