//! Whole requests, for receivers: their events, each of which is handled once. A [`WebhookLayer`] puts
//! that before a handler of axum, or before any service of tower.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::SystemTime;

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use prost::bytes::Bytes;
use prost_types::Timestamp;
use serde_json::Value;
use tower::{Layer, Service};

use crate::verify::{InvalidSignature, Scheme, Verifier};

/// The largest body that the server sends: 1 MiB.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Events that are remembered in memory.
const RECENT: usize = 10_000;

/// An event as it was delivered by a webhook without a body template.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookEvent {
    /// The event's id, the same at each delivery of it; empty for the schemes that send none.
    pub id: String,
    /// What happened, such as `created`.
    pub event_type: String,
    /// When it happened.
    pub time: SystemTime,
    /// The last part of the object type, such as `site`.
    pub model: Option<String>,
    /// Who did it.
    pub username: Option<String>,
    /// Joins events of one request.
    pub request_id: Option<String>,
    /// The object as it was when the event was published.
    pub data: Value,
    /// The object before the change; null when it was created.
    pub prechange: Value,
    /// The object after the change; null when it was deleted.
    pub postchange: Value,
    /// The body as it arrived.
    pub raw: Bytes,
}

impl Verifier {
    /// Verifies a request, as [`Verifier::verify`] does, and gives its event.
    ///
    /// # Errors
    /// [`InvalidSignature`] if none of `secrets` signed it, and [`InvalidSignature::Body`] if the webhook
    /// has a body template: such a body only its receiver can read, after `verify`.
    pub fn parse<S: AsRef<str>>(
        &self,
        headers: &HeaderMap,
        body: Bytes,
        secrets: &[S],
    ) -> Result<WebhookEvent, InvalidSignature> {
        self.verify(headers, &body, secrets)?;
        let id = headers.get("webhook-id").filter(|_| self.scheme == Scheme::StandardWebhooks);
        let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
        read(id, body).ok_or(InvalidSignature::Body)
    }
}

/// Verifies a request with the defaults and gives its event; see [`Verifier::parse`].
///
/// # Errors
/// [`InvalidSignature`], as [`Verifier::parse`].
pub fn parse<S: AsRef<str>>(headers: &HeaderMap, body: Bytes, secrets: &[S]) -> Result<WebhookEvent, InvalidSignature> {
    Verifier::default().parse(headers, body, secrets)
}

fn read(id: &str, raw: Bytes) -> Option<WebhookEvent> {
    let mut fields: Value = serde_json::from_slice(&raw).ok()?;
    let time: Timestamp = fields["timestamp"].as_str()?.parse().ok()?;
    let text = |name: &str| fields[name].as_str().map(str::to_owned);
    Some(WebhookEvent {
        id: id.to_owned(),
        event_type: text("event")?,
        time: time.try_into().ok()?,
        model: text("model"),
        username: text("username"),
        request_id: text("request_id"),
        prechange: fields["snapshots"]["prechange"].clone(),
        postchange: fields["snapshots"]["postchange"].clone(),
        data: fields["data"].take(),
        raw,
    })
}

/// What an asynchronous method of [`Seen`] gives.
pub type SeenFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Remembers which deliveries were handled. A shared one, in a database, is for several processes.
pub trait Seen: Send + Sync {
    /// Whether the event with this id was handled.
    fn has<'a>(&'a self, id: &'a str) -> SeenFuture<'a, bool>;
    /// Notes that it was.
    fn add<'a>(&'a self, id: &'a str) -> SeenFuture<'a, ()>;
}

/// The ids of the last events, in memory.
#[derive(Debug)]
pub struct RecentIds {
    limit: usize,
    ids: Mutex<(HashSet<String>, VecDeque<String>)>,
}

impl RecentIds {
    /// Remembers so many.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, ids: Mutex::default() }
    }
}

impl Seen for RecentIds {
    fn has<'a>(&'a self, id: &'a str) -> SeenFuture<'a, bool> {
        let known = self.ids.lock().unwrap_or_else(PoisonError::into_inner).0.contains(id);
        Box::pin(std::future::ready(known))
    }

    fn add<'a>(&'a self, id: &'a str) -> SeenFuture<'a, ()> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.0.insert(id.to_owned()) {
            ids.1.push_back(id.to_owned());
        }
        if ids.1.len() > self.limit
            && let Some(oldest) = ids.1.pop_front()
        {
            ids.0.remove(&oldest);
        }
        assert_eq!(ids.0.len(), ids.1.len(), "an id that is known and in no queue would be kept for ever");
        Box::pin(std::future::ready(()))
    }
}

type OnRefused = dyn Fn(InvalidSignature) + Send + Sync;

struct Receiver {
    verifier: Verifier,
    secrets: Vec<String>,
    bytes_max: usize,
    seen: Box<dyn Seen>,
    on_refused: Box<OnRefused>,
}

/// Puts the [`WebhookEvent`] of each request into its extensions; in axum `Extension<WebhookEvent>` gives it to
/// the handler. A request that must not be trusted is answered with 401, too large a body with 413, a
/// misconfigured receiver with 500, and an event that was handled before with 204. An event counts as
/// handled when the response is a success; the server sends any other again.
#[derive(Clone)]
pub struct WebhookLayer(Arc<Receiver>);

impl fmt::Debug for WebhookLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WebhookLayer").field(&self.0.verifier).finish()
    }
}

impl WebhookLayer {
    /// With the defaults. `secrets` are all that are live while keys are rotated.
    pub fn new(secrets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(Arc::new(Receiver {
            verifier: Verifier::default(),
            secrets: secrets.into_iter().map(Into::into).collect(),
            bytes_max: BODY_BYTES_MAX,
            seen: Box::new(RecentIds::new(RECENT)),
            on_refused: Box::new(|_| ()),
        }))
    }

    /// How requests are checked.
    #[must_use]
    pub fn verifier(self, verifier: Verifier) -> Self {
        self.with(|receiver| receiver.verifier = verifier)
    }

    /// The largest body to take, in bytes; 1 MiB unless set.
    #[must_use]
    pub fn bytes_max(self, bytes_max: usize) -> Self {
        self.with(|receiver| receiver.bytes_max = bytes_max)
    }

    /// Which deliveries were handled; the last 10,000 in memory unless set.
    #[must_use]
    pub fn seen(self, seen: impl Seen + 'static) -> Self {
        self.with(|receiver| receiver.seen = Box::new(seen))
    }

    /// Is given why a request was refused: the place to log it, above all where the receiver is
    /// [misconfigured](InvalidSignature::is_misconfiguration).
    #[must_use]
    pub fn on_refused(self, hook: impl Fn(InvalidSignature) + Send + Sync + 'static) -> Self {
        self.with(|receiver| receiver.on_refused = Box::new(hook))
    }

    fn with(self, change: impl FnOnce(&mut Receiver)) -> Self {
        let mut receiver = Arc::into_inner(self.0).expect("nobody has a clone of a layer that is being made");
        change(&mut receiver);
        Self(Arc::new(receiver))
    }
}

impl<S> Layer<S> for WebhookLayer {
    type Service = WebhookService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WebhookService { receiver: Arc::clone(&self.0), inner }
    }
}

/// What [`WebhookLayer`] makes of a service.
#[derive(Clone)]
pub struct WebhookService<S> {
    receiver: Arc<Receiver>,
    inner: S,
}

impl<S> fmt::Debug for WebhookService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookService").finish_non_exhaustive()
    }
}

impl<S, B, R> Service<Request<B>> for WebhookService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body + From<Bytes> + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    R: Default + Send,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that is ready is the one to call; its clone need not be.
        let fresh = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, fresh);
        let receiver = Arc::clone(&self.receiver);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let event = match receiver.accept(&parts.headers, body).await {
                Ok(event) => event,
                Err(status) => {
                    let mut refused = Response::new(R::default());
                    *refused.status_mut() = status;
                    return Ok(refused);
                }
            };
            let (id, raw) = (event.id.clone(), event.raw.clone());
            parts.extensions.insert(event);
            let response = inner.call(Request::from_parts(parts, B::from(raw))).await?;
            if response.status().is_success() && !id.is_empty() {
                receiver.seen.add(&id).await;
            }
            Ok(response)
        })
    }
}

impl Receiver {
    /// The event to handle, or the status that a request without one gets.
    async fn accept<B>(&self, headers: &HeaderMap, body: B) -> Result<WebhookEvent, StatusCode>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let body = Limited::new(body, self.bytes_max).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST }
        })?;
        let event = self.verifier.parse(headers, body.to_bytes(), &self.secrets).map_err(|refused| {
            let is_ours = refused.is_misconfiguration();
            (self.on_refused)(refused);
            if is_ours { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::UNAUTHORIZED }
        })?;
        if !event.id.is_empty() && self.seen.has(&event.id).await {
            return Err(StatusCode::NO_CONTENT);
        }
        Ok(event)
    }
}
