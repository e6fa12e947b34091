//! A request ready to be sent, and the answer to it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::method::HttpMethod;
use crate::sensitive::is_sensitive_header;
use crate::target::TargetUrl;
use crate::webhook::TransportPolicy;

/// One header of a request or answer. Printing it shows `***` in place of a sensitive value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its value, shared by the request as it is sent and as it is kept.
    pub value: Arc<str>,
    /// Whether the value is shown as `***` wherever the request is shown.
    pub sensitive: bool,
}

impl Header {
    /// A header that may be shown, unless its name says that it is [sensitive](is_sensitive_header).
    pub fn new(name: impl Into<Cow<'static, str>>, value: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        Self { sensitive: is_sensitive_header(&name), name, value: value.into() }
    }

    /// The value as it may be shown.
    pub fn shown_value(&self) -> &str {
        if self.sensitive { "***" } else { &self.value }
    }

    /// The header as it may be shown.
    pub fn shown(&self) -> Self {
        match self.sensitive {
            true => Self { value: "***".into(), ..self.clone() },
            false => self.clone(),
        }
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}", self.name, self.shown_value())
    }
}

/// The exact request of one attempt: rendered, signed, checked.
#[derive(Debug, Clone)]
pub struct PreparedRequest {
    /// The method.
    pub method: HttpMethod,
    /// Where it goes.
    pub url: TargetUrl,
    /// All headers but `Host` and `Content-Length`, in order.
    pub headers: Vec<Header>,
    /// The body, over which the signatures were made.
    pub body: Bytes,
    /// How the connection is made, shared by all requests of one webhook revision.
    pub transport: Arc<TransportPolicy>,
}

/// The answer of a receiver, cut at the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedResponse {
    /// The status code: 100 to 999.
    pub status: u16,
    /// The headers in order.
    pub headers: Vec<Header>,
    /// The body as it came, never decompressed; at most [`crate::limits::BODY_KEPT_BYTES`].
    pub body: Bytes,
    /// Whether the body was longer.
    pub body_truncated: bool,
    /// What was odd about it though it counts, in words; empty when nothing was.
    pub note: String,
}

impl CapturedResponse {
    /// The first value of the header `name` (any case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| &*header.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensitive_value_is_not_printed() {
        let header = Header { sensitive: true, ..Header::new("Authorization", "Token hunter2") };
        assert_eq!(format!("{header:?} {}", header.shown_value()), "\"Authorization\": \"***\" ***");
        assert_eq!(format!("{:?}", Header::new("X-A", "1")), "\"X-A\": \"1\"");
        assert!(Header::new("set-cookie", "session=1").sensitive, "its name says so");
    }
}
