//! Which pages may call from a browser: cross-origin resource sharing (Fetch standard, "CORS protocol").
//!
//! Browsers name the origin of a page in every POST, so a request with an origin that is not
//! allowed is refused whatever it asks for. This also stops a page that reaches a loopback server
//! through a host name of its own (DNS rebinding). No cookie is ever looked at, so none is allowed.

use std::str::FromStr;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue};
use thiserror::Error;
use url::Url;

/// How long a browser may remember a preflight, in seconds: two hours, the most that Chromium keeps it.
const REMEMBERED_SECS: &str = "7200";
/// Headers of answers that scripts may read: the status of a call that has no body, and when to come back.
const EXPOSED: &str = "grpc-status, grpc-message, grpc-status-details-bin, retry-after";
/// What an answer to a preflight depends on, for caches.
const VARIES: &str = "origin, access-control-request-method, access-control-request-headers";

/// Why a text is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("is not an origin; write scheme, host and port as browsers do, like https://app.example.com")]
pub struct OriginError;

/// The origin of a page, in the form in which browsers send it (RFC 6454 section 6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let url = Url::parse(text).map_err(|_| OriginError)?;
        let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
        let serialized = url.origin().ascii_serialization();
        // A path, a user or a port that goes without saying would never be sent, and a star stands for nothing.
        if !is_web || serialized != text || text.contains('*') {
            return Err(OriginError);
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| OriginError)
    }
}

/// The origins whose pages may call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins(Vec<Origin>);

/// The origin of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum From {
    /// No browser sent it, or a browser that follows a link.
    NoPage,
    /// A page that may call.
    Allowed(Origin),
    /// A page that may not.
    Forbidden,
}

impl Origins {
    /// Lets the pages of these origins call.
    pub(crate) fn new(allowed: Vec<Origin>) -> Self {
        Self(allowed)
    }

    /// Where a request comes from.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> From {
        let mut sent = headers.get_all(ORIGIN).iter();
        match (sent.next(), sent.next()) {
            (None, _) => From::NoPage,
            (Some(origin), None) => {
                let allowed = self.0.iter().find(|allowed| allowed.0 == origin);
                allowed.cloned().map_or(From::Forbidden, From::Allowed)
            }
            (Some(_), Some(_)) => From::Forbidden,
        }
    }
}

/// Completes the answer to OPTIONS for a page of `origin`: it may use the methods of the path and
/// any header that it `asked` for.
pub(crate) fn allow(origin: &Origin, asked: &HeaderMap, answer: &mut HeaderMap) {
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.0.clone());
    if let Some(methods) = answer.get(ALLOW).cloned() {
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    if let Some(headers) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
    }
    answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(REMEMBERED_SECS));
    answer.insert(VARY, HeaderValue::from_static(VARIES));
}

/// Lets a page of `origin` read an answer.
pub(crate) fn share(origin: &Origin, answer: &mut HeaderMap) {
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.0.clone());
    answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    answer.insert(VARY, HeaderValue::from_static("origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_browsers_send_and_nothing_else() {
        for good in ["https://app.example.com", "http://localhost:3000", "http://[::1]:8080", "https://xn--tda.example"]
        {
            assert!(good.parse::<Origin>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "*",
            "null",
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com/path",
            "https://App.example.com",
            "https://app.example.com:443",
            "https://user@app.example.com",
            "https://\u{fc}.example",
            "file:///tmp",
            "https://*.example.com",
            " https://app.example.com",
        ] {
            assert_eq!(bad.parse::<Origin>(), Err(OriginError), "{bad}");
        }
    }

    #[test]
    fn only_exactly_one_allowed_origin_may_call() {
        let allowed: Origin = "https://app.example.com".parse().unwrap();
        let origins = Origins::new(vec![allowed.clone()]);
        let from = |sent: &[&str]| {
            let mut headers = HeaderMap::new();
            sent.iter().for_each(|origin| assert!(!headers.append(ORIGIN, origin.parse().unwrap()) || sent.len() > 1));
            origins.origin(&headers)
        };
        assert_eq!(from(&[]), From::NoPage);
        assert_eq!(from(&["https://app.example.com"]), From::Allowed(allowed));
        for forbidden in
            ["https://app.example.com.evil.com", "http://app.example.com", "null", "", "https://app.example.com:8443"]
        {
            assert_eq!(from(&[forbidden]), From::Forbidden, "{forbidden}");
        }
        assert_eq!(from(&["https://app.example.com", "https://app.example.com"]), From::Forbidden);
    }
}
