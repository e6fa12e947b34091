//! A request ready to be sent, and the answer to it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::authentication::{AUTHORIZATION, ClientCredentials};
use crate::mask::Masks;
use crate::method::HttpMethod;
use crate::sensitive::is_sensitive_header;
use crate::target::TargetUrl;
use crate::webhook::TransportPolicy;

/// Schemes of Authorization that are shown with the header (RFC 9110 section 11.1).
const SCHEMES: [(&str, &str); 2] = [("Basic ", "Basic ***"), ("Bearer ", "Bearer ***")];

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

    /// The header that authenticates by a user name and its password (RFC 7617 section 2, with UTF-8).
    pub fn basic(username: &str, password: &str) -> Self {
        Self::new(AUTHORIZATION, format!("Basic {}", BASE64.encode(format!("{username}:{password}"))))
    }

    /// The header that authenticates by an access token (RFC 6750 section 2.1).
    pub fn bearer(token: &str) -> Self {
        Self::new(AUTHORIZATION, format!("Bearer {token}"))
    }

    /// The value as it may be shown: of credentials, their scheme.
    pub fn shown_value(&self) -> &str {
        if !self.sensitive {
            return &self.value;
        }
        let is_scheme = |scheme: &str| {
            let start = self.value.get(..scheme.len());
            self.name.eq_ignore_ascii_case(AUTHORIZATION)
                && start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        SCHEMES.iter().find(|(scheme, _)| is_scheme(scheme)).map_or("***", |(_, shown)| shown)
    }

    /// The header as it may be shown.
    pub fn shown(&self) -> Self {
        match self.sensitive {
            true => Self { value: self.shown_value().into(), ..self.clone() },
            false => self.clone(),
        }
    }

    /// Masks secrets in the value.
    pub fn mask(&mut self, masks: &Masks) {
        if masks.has_part_of(&self.value) {
            let mut value = self.value.to_string();
            masks.mask_text(&mut value);
            self.value = value.into();
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
    /// What gets the access token that the request needs, if it needs one: it is the sender's to fetch
    /// and to add.
    pub credentials: Option<Arc<ClientCredentials>>,
    /// Secrets that may be in it, or in its answer, outside of sensitive headers.
    pub masks: Masks,
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
    fn basic_is_as_rfc_7617_has_it() {
        let header = Header::basic("Aladdin", "open sesame");
        assert_eq!((&*header.name, &*header.value), ("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        assert_eq!(&*Header::basic("test", "123\u{a3}").value, "Basic dGVzdDoxMjPCow==");
    }

    #[test]
    fn only_the_scheme_of_credentials_is_shown() {
        assert_eq!(Header::basic("Aladdin", "open sesame").shown_value(), "Basic ***");
        let bearer = Header::bearer("hunter2");
        assert_eq!((bearer.shown_value(), bearer.shown().shown_value()), ("Bearer ***", "Bearer ***"));
        assert_eq!(Header::new("authorization", "bearer hunter2").shown_value(), "Bearer ***");
        for (name, value) in [("Authorization", "Bearer"), ("Authorization", "Token hunter2"), ("Cookie", "Basic x")] {
            assert_eq!(Header::new(name, value).shown_value(), "***", "{name}: {value}");
        }
    }

    #[test]
    fn a_sensitive_value_is_not_printed() {
        let header = Header { sensitive: true, ..Header::new("Authorization", "Token hunter2") };
        assert_eq!(format!("{header:?} {}", header.shown_value()), "\"Authorization\": \"***\" ***");
        assert_eq!(format!("{:?}", Header::new("X-A", "1")), "\"X-A\": \"1\"");
        assert!(Header::new("set-cookie", "session=1").sensitive, "its name says so");
    }
}
