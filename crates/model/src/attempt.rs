//! One HTTP exchange with a receiver, and how it ended.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::limits;
use crate::mask::Masks;
use crate::method::HttpMethod;
use crate::request::{CapturedResponse, Header, PreparedRequest};
use crate::time::Timestamp;
use crate::url_secrets::mask_url;

/// How an attempt ended. A failed attempt is data, never an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A 2xx answer.
    Success,
    /// Another answer.
    HttpStatus,
    /// No answer in time.
    Timeout,
    /// The host has no address.
    Dns,
    /// No connection, or it broke.
    Connection,
    /// No trust in the receiver's certificate, or another TLS failure.
    Tls,
    /// The address is one that the server does not send to.
    Blocked,
    /// A template failed.
    Render,
    /// The server stopped before the answer came; it is tried again.
    Interrupted,
    /// No access token was to be had, or the receiver answered 401 to a fresh one.
    Authentication,
    /// The proxy could not be used.
    Proxy,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 11] = [
        Self::Success,
        Self::HttpStatus,
        Self::Timeout,
        Self::Dns,
        Self::Connection,
        Self::Tls,
        Self::Blocked,
        Self::Render,
        Self::Interrupted,
        Self::Authentication,
        Self::Proxy,
    ];

    /// Its name in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::HttpStatus => "http_status",
            Self::Timeout => "timeout",
            Self::Dns => "dns",
            Self::Connection => "connection",
            Self::Tls => "tls",
            Self::Blocked => "blocked",
            Self::Render => "render",
            Self::Interrupted => "interrupted",
            Self::Authentication => "authentication",
            Self::Proxy => "proxy",
        }
    }
}

/// Where the time of an attempt went; `None` for a phase that was not reached, or not
/// needed on a kept connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// From the time it was due to its start.
    pub queued: Option<Duration>,
    /// Rendering and signing.
    pub render: Option<Duration>,
    /// The name look-up.
    pub dns: Option<Duration>,
    /// The TCP connection.
    pub connect: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// From the request's start to the answer's first byte.
    pub first_byte: Option<Duration>,
}

/// Why a failed exchange says nothing of its receiver: it uses up no attempt, and the delivery
/// is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Excuse {
    /// This machine could not send: it lacked file descriptors, ports, memory or render workers.
    Local,
    /// The receiver has not processed the request: it says so (RFC 9113 section 8.7), or the
    /// connection was closed before the request could reach it.
    Unprocessed,
    /// The proxy could not be used.
    Proxy,
}

impl Excuse {
    /// Every excuse.
    pub const ALL: [Self; 3] = [Self::Local, Self::Unprocessed, Self::Proxy];

    /// Its name in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Unprocessed => "unprocessed",
            Self::Proxy => "proxy",
        }
    }
}

/// What one HTTP exchange gave: what `deliver` answers to a [`PreparedRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong, in words without secrets; empty on success.
    pub error: String,
    /// Why a failure says nothing of the receiver, if it does not.
    pub excuse: Option<Excuse>,
    /// What came back, if anything did.
    pub response: Option<CapturedResponse>,
    /// Whether the request went over HTTP/2.
    pub http2: bool,
    /// Where the time went (`queued` and `render` are the caller's to set).
    pub timings: Timings,
    /// The address that was dialled, if one was.
    pub remote_address: Option<SocketAddr>,
    /// Every address that was dialled, in order; empty on a kept connection.
    pub tried_addresses: Vec<TriedAddress>,
    /// The proxy by which it went, as `scheme://host:port`; empty when it went directly.
    pub proxy: String,
}

/// An address to which a connection was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriedAddress {
    /// The address.
    pub address: SocketAddr,
    /// What became of it.
    pub result: TriedResult,
    /// Why it failed, in words; empty unless it did.
    pub error: String,
}

/// What became of a connection that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriedResult {
    /// It was used.
    Connected,
    /// It was refused, or led elsewhere.
    Failed,
    /// Nothing came back in time.
    TimedOut,
    /// Another was there first.
    Dropped,
}

impl TriedResult {
    /// Every result.
    pub const ALL: [Self; 4] = [Self::Connected, Self::Failed, Self::TimedOut, Self::Dropped];
}

impl Exchange {
    /// An exchange that never got an answer.
    pub fn failed(outcome: Outcome, error: impl Into<String>) -> Self {
        Self {
            outcome,
            error: error.into(),
            excuse: None,
            response: None,
            http2: false,
            timings: Timings::default(),
            remote_address: None,
            tried_addresses: Vec::new(),
            proxy: String::new(),
        }
    }

    /// The same exchange with an excuse.
    #[must_use]
    pub fn excused(self, excuse: Excuse) -> Self {
        Self { excuse: Some(excuse), ..self }
    }
}

/// A request as it was sent and may be shown: secrets as `***`, the body cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRequest {
    /// The method.
    pub method: HttpMethod,
    /// The URL, its secrets as `***`.
    pub url: String,
    /// The headers in order, sensitive values as `***`.
    pub headers: Vec<Header>,
    /// The body; at most [`limits::BODY_KEPT_BYTES`].
    pub body: Bytes,
    /// Whether the body was longer.
    pub body_truncated: bool,
}

impl From<&PreparedRequest> for SentRequest {
    fn from(request: &PreparedRequest) -> Self {
        let mut sent = Self::of(request.method, request.url.to_string(), &request.headers, &request.body);
        if request.credentials.is_some() {
            // The token is fetched by the one who sends; it would not be shown anyway.
            sent.headers.push(Header::bearer("").shown());
        }
        sent.mask(&request.masks);
        sent
    }
}

impl SentRequest {
    /// What is kept and shown of a request with these parts.
    pub fn of(method: HttpMethod, url: String, headers: &[Header], body: &Bytes) -> Self {
        let masked = match mask_url(&url) {
            Cow::Owned(masked) => Some(masked),
            Cow::Borrowed(_) => None,
        };
        Self {
            method,
            url: masked.unwrap_or(url),
            headers: headers.iter().map(Header::shown).collect(),
            body: kept_part(body),
            body_truncated: body.len() > limits::BODY_KEPT_BYTES,
        }
    }

    /// Masks secrets in all its parts.
    pub fn mask(&mut self, masks: &Masks) {
        masks.mask_text(&mut self.url);
        for header in &mut self.headers {
            header.mask(masks);
        }
        masks.mask_bytes(&mut self.body, self.body_truncated);
    }

    /// The request as it went over HTTP/2, which has header names in lower case (RFC 9113 section 8.2).
    pub fn over_http2(mut self) -> Self {
        for header in &mut self.headers {
            header.name = header.name.to_ascii_lowercase().into();
        }
        self
    }
}

/// The first [`limits::BODY_KEPT_BYTES`] of `body`; a copy when it is longer, so that the rest is not kept alive.
fn kept_part(body: &Bytes) -> Bytes {
    body.get(..limits::BODY_KEPT_BYTES).map_or_else(|| body.clone(), Bytes::copy_from_slice)
}

/// One try of a delivery, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// When it began.
    pub start_time: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong, in words; empty on success.
    pub error: String,
    /// What was sent; `None` when rendering failed.
    pub request: Option<SentRequest>,
    /// What came back; `None` when nothing did.
    pub response: Option<CapturedResponse>,
    /// Where the time went.
    pub timings: Timings,
    /// The address that was dialled, if one was.
    pub remote_address: Option<SocketAddr>,
    /// Every address that was dialled, in order; empty on a kept connection.
    pub tried_addresses: Vec<TriedAddress>,
    /// The proxy by which it went, as `scheme://host:port`; empty when it went directly.
    pub proxy: String,
    /// Trace id of the attempt's span, 32 hex digits; empty when it was not traced.
    pub trace_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeliveryState, HttpMethod};

    /// What counts by place in these lists, metrics first of all, counts by the variant.
    #[test]
    fn every_list_of_variants_is_in_the_order_of_their_declaration() {
        let in_order = |places: Vec<usize>| assert!(places.iter().copied().eq(0..places.len()), "{places:?}");
        in_order(Outcome::ALL.map(|outcome| outcome as usize).to_vec());
        in_order(Excuse::ALL.map(|excuse| excuse as usize).to_vec());
        in_order(TriedResult::ALL.map(|result| result as usize).to_vec());
        in_order(DeliveryState::ALL.map(|state| state as usize).to_vec());
        in_order(HttpMethod::ALL.map(|method| method as usize).to_vec());
    }
}
