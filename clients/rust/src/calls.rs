//! What every call goes through: headers, the deadline, retries.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tonic::body::Body;
use tonic::codegen::StdError;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tower::{Service, ServiceExt as _, service_fn};

use crate::error::Error;
use crate::layers::{Layers, Transport, with_causes};
use crate::life::{Life, broken, closed_status};
use crate::methods::{METHODS, Method, identify_request};
use crate::retry::RetryPolicy;

/// Time for one call, its retries included, unless the call or the client says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The same for TestWebhook, which returns when an attempt has ended: 60 seconds at most.
const TEST_TIMEOUT: Duration = Duration::from_secs(70);

/// Gives the authorization of a call; `None` when the key cannot be sent as a header.
type Key = dyn Fn() -> Option<HeaderValue> + Send + Sync;
type Headers = dyn Fn() -> Vec<(HeaderName, HeaderValue)> + Send + Sync;

/// What a client does with each call.
pub(crate) struct Options {
    /// What the client was given.
    pub(crate) timeout: Option<Duration>,
    pub(crate) retry: RetryPolicy,
    pub(crate) key: Option<Box<Key>>,
    pub(crate) headers: Option<Arc<Headers>>,
    pub(crate) layers: Layers,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("timeout", &self.timeout).field("retry", &self.retry).finish_non_exhaustive()
    }
}

/// Marks a request whose events have their ids already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identified;

impl Identified {
    pub(crate) fn mark<M>(message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        request.extensions_mut().insert(Self);
        request
    }
}

/// When a try is given up; for the layer that traces it.
#[cfg(feature = "otel")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(pub(crate) Instant);

/// Marks a request that is tried once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Once;

/// The connection to the server as the generated clients use it: with headers, and for calls that
/// are no streams with a deadline and retries.
#[derive(Clone, Debug)]
pub struct Calls {
    endpoint: Endpoint,
    /// Made at the first call, for that is in a runtime; none again once the client is closed.
    channel: Arc<Mutex<Option<Channel>>>,
    options: Arc<Options>,
    life: Life,
}

impl Calls {
    pub(crate) fn new(endpoint: Endpoint, options: Options) -> Self {
        Self { endpoint, channel: Arc::default(), options: Arc::new(options), life: Life::new() }
    }

    /// The same over another connection.
    pub(crate) fn reconnected(&self) -> Self {
        Self { channel: Arc::default(), ..self.clone() }
    }

    /// Ends the calls of all clones, and the connection.
    pub(crate) fn close(&self) {
        self.life.close();
        self.disconnect();
    }

    /// Lets go of the connection, which ends with its last call.
    pub(crate) fn disconnect(&self) {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Waits, unless the client is closed.
    pub(crate) async fn pause_until(&self, moment: Instant) -> Result<(), Status> {
        tokio::select! {
            // Closed first: nothing is done after it.
            biased;
            () = self.life.closed() => Err(closed_status()),
            () = sleep_until(moment) => Ok(()),
        }
    }

    fn channel(&self) -> Channel {
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        channel.get_or_insert_with(|| self.endpoint.connect_lazy()).clone()
    }

    /// The wait after so many failures in a row.
    pub(crate) fn wait(&self, failures: u32) -> Duration {
        self.options.retry.wait(failures)
    }

    fn add_headers(&self, headers: &mut HeaderMap) -> Result<(), Status> {
        if let Some(key) = &self.options.key {
            let value = key().ok_or_else(|| Status::unauthenticated("the api key cannot be sent as a header"))?;
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(further) = &self.options.headers {
            headers.extend(further());
        }
        Ok(())
    }

    /// Sends one try through the layers.
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        if self.options.layers.is_empty() {
            return self.transmit(request).await;
        }
        let calls = self.clone();
        let innermost = service_fn(move |request| {
            let calls = calls.clone();
            async move { calls.transmit(request).await }
        });
        self.options.layers.around(Transport::new(innermost)).oneshot(request).await
    }

    /// Sends a request over the channel, with the key and the program's headers.
    async fn transmit(&self, mut request: Request<Body>) -> Result<Response<Body>, Status> {
        self.add_headers(request.headers_mut())?;
        let mut channel = self.channel();
        channel.ready().await.map_err(unavailable)?.call(request).await.map_err(unavailable)
    }

    /// Sends a request and reads the answer to its end; the status is that of the answer.
    async fn exchange(&self, request: Request<Body>) -> Result<(Option<Status>, Response<Body>), Status> {
        let (parts, body) = self.send(request).await?.into_parts();
        let body = body.collect().await.map_err(broken)?;
        let status =
            Status::from_header_map(&parts.headers).or_else(|| body.trailers().and_then(Status::from_header_map));
        Ok((status, Response::from_parts(parts, Body::new(body))))
    }

    /// Makes one call, and makes it again while that may help and the deadline allows it.
    async fn unary(self, method: Method, request: Request<Body>) -> Result<Response<Body>, StdError> {
        let (mut parts, body) = request.into_parts();
        let asked = grpc_timeout(&parts.headers).or(self.options.timeout);
        let timeout = asked.unwrap_or_else(|| default_timeout(parts.uri.path()));
        let deadline = Instant::now() + timeout;
        let mut frame = body.collect().await?.to_bytes();
        if parts.extensions.remove::<Identified>().is_none() {
            frame = identify_request(parts.uri.path(), frame);
        }
        let once = parts.extensions.remove::<Once>().is_some();
        let mut failures = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut one = Request::from_parts(parts.clone(), Body::new(Full::new(frame.clone())));
            one.headers_mut().insert("grpc-timeout", milliseconds(left));
            #[cfg(feature = "otel")]
            one.extensions_mut().insert(Deadline(deadline));
            let tried = timeout_at(deadline, self.exchange(one)).await;
            let (status, answer) = match tried {
                // The channel has a timer of its own, which may be first to see the deadline.
                Err(_) => (Some(late()), None),
                Ok(Err(_)) if Instant::now() >= deadline => (Some(late()), None),
                Ok(Err(status)) => (Some(status), None),
                Ok(Ok((status, response))) => (status, Some(response)),
            };
            let tried = status.as_ref().filter(|_| !once);
            let wait = tried.and_then(|status| self.next_wait(method, status, failures));
            match (wait, answer, status) {
                (Some(wait), _, Some(status)) if Instant::now() + wait < deadline => {
                    let (path, error) = (parts.uri.path(), Error::from(status));
                    tracing::debug!(method = path, %error, retry_in = ?wait, "a call is tried again");
                    sleep(wait).await;
                }
                (_, Some(response), _) => return Ok(response),
                (_, None, status) => {
                    return Err(status.unwrap_or_else(|| Status::unknown("no answer")).into());
                }
            }
            failures += 1;
        }
    }

    /// The wait before the next try; `None` when there is to be none. UNAVAILABLE is tried
    /// again unless it is permanent; another error that carries RetryInfo where the method is marked idempotent.
    /// RetryInfo is the least wait.
    fn next_wait(&self, method: Method, status: &Status, failures: u32) -> Option<Duration> {
        if !self.options.retry.enabled || status.code() == Code::Ok {
            return None;
        }
        let error = Error::from(status.clone());
        let told = error.retry_after;
        let again = (status.code() == Code::Unavailable && !error.permanent) || (method.idempotent && told.is_some());
        again.then(|| self.wait(failures).max(told.unwrap_or_default()))
    }
}

impl Service<Request<Body>> for Calls {
    type Response = Response<Body>;
    type Error = StdError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, StdError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        // Each call waits for the channel itself.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let calls = self.clone();
        let closed = calls.life.closed();
        let made = async move {
            match METHODS.get(request.uri().path()) {
                Some(&method) if !method.streaming => calls.unary(method, request).await,
                _ => {
                    let response = calls.send(request).await?;
                    Ok(response.map(|body| calls.life.bound(body)))
                }
            }
        };
        Box::pin(async move {
            tokio::select! {
                // Closed first: nothing is done after it.
                biased;
                () = closed => Err(closed_status().into()),
                response = made => response,
            }
        })
    }
}

fn late() -> Status {
    Status::deadline_exceeded("the deadline has passed")
}

/// No answer came: whatever tonic calls it, the server could not be reached. The message tells the
/// causes too, for tonic's own says no more than that the transport failed.
fn unavailable(error: tonic::transport::Error) -> Status {
    let mut status = Status::unavailable(with_causes(&error));
    status.set_source(Arc::new(error));
    status
}

/// Time for a call where neither the call nor the client says one.
fn default_timeout(path: &str) -> Duration {
    if path.ends_with("/TestWebhook") { TEST_TIMEOUT } else { DEFAULT_TIMEOUT }
}

/// The timeout that the caller set on the request.
fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// As the header has it: at most eight digits (gRPC over HTTP/2). It is rounded up, so that the
/// deadline is found here, and not by the channel, which would call it a cancellation.
fn milliseconds(left: Duration) -> HeaderValue {
    let number = (left.as_millis() + 1).min(99_999_999);
    HeaderValue::try_from(format!("{number}m")).expect("digits and a letter are a header")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_in_every_unit() {
        for (text, want) in [
            ("2H", Some(Duration::from_secs(7200))),
            ("3M", Some(Duration::from_secs(180))),
            ("4S", Some(Duration::from_secs(4))),
            ("5m", Some(Duration::from_millis(5))),
            ("6u", Some(Duration::from_micros(6))),
            ("7n", Some(Duration::from_nanos(7))),
            ("8x", None),
            ("", None),
            ("S", None),
        ] {
            let headers =
                HeaderMap::from_iter([(HeaderName::from_static("grpc-timeout"), HeaderValue::from_static(text))]);
            assert_eq!(grpc_timeout(&headers), want, "{text}");
        }
    }

    #[test]
    fn a_test_of_a_webhook_may_take_as_long_as_an_attempt() {
        assert_eq!(default_timeout("/tenterhook.v1.WebhookService/TestWebhook"), TEST_TIMEOUT);
        assert_eq!(default_timeout("/tenterhook.v1.WebhookService/GetWebhook"), DEFAULT_TIMEOUT);
    }

    #[test]
    fn a_timeout_has_at_most_eight_digits_and_is_never_zero() {
        assert_eq!(milliseconds(Duration::MAX), "99999999m");
        assert_eq!(milliseconds(Duration::ZERO), "1m");
    }
}
