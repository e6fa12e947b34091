//! Responses of the console, each with the headers that keep a page of it safe.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LOCATION, REFERRER_POLICY,
    SET_COOKIE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use tenterhook_model::Secret;

use crate::PATH;
use crate::pages::{Page, SOURCES};
use crate::sessions::LIFE;

/// What a page may load and do: its own script, style and calls. No script can make markup of text
/// (Trusted Types), so what strangers wrote stays text even if the page has an error.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";
/// The cookie of a session. The prefix binds it to this host, to TLS and to every path (RFC 6265bis section 4.1.3.2).
pub(crate) const COOKIE: &str = "__Host-tenterhook";

/// A file of the console, or nothing when the client has this version.
pub(crate) fn file(page: &Page, asked: &HeaderMap) -> Response<Bytes> {
    let version =
        HeaderValue::from_str(&format!("\"{}\"", SOURCES.trim())).expect("a hash in hexadecimal is a header value");
    if asked.get(http::header::IF_NONE_MATCH) == Some(&version) {
        return response(StatusCode::NOT_MODIFIED, Bytes::new());
    }
    let takes_gzip = accepts_gzip(asked);
    let body = if takes_gzip { Bytes::from_static(page.gzip) } else { page.plain() };
    let mut response = response(StatusCode::OK, body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ETAG, version);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if takes_gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// To the console's first page.
pub(crate) fn to_console() -> Response<Bytes> {
    let mut response = response(StatusCode::FOUND, Bytes::new());
    let place = HeaderValue::from_str(&format!("{PATH}/")).expect("a path of letters is a header value");
    response.headers_mut().insert(LOCATION, place);
    response
}

/// A session was opened.
pub(crate) fn signed_in(token: &Secret) -> Response<Bytes> {
    with_cookie(token.expose(), LIFE.as_secs())
}

/// A session was closed, or there was none.
pub(crate) fn signed_out() -> Response<Bytes> {
    with_cookie("", 0)
}

/// A refusal, in a few words.
pub(crate) fn refused(status: StatusCode, why: &'static str) -> Response<Bytes> {
    let mut response = response(status, Bytes::from_static(why.as_bytes()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn with_cookie(token: &str, seconds: u64) -> Response<Bytes> {
    let mut response = response(StatusCode::NO_CONTENT, Bytes::new());
    let cookie = format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; Secure; SameSite=Strict");
    let mut cookie = HeaderValue::from_str(&cookie).expect("a token is of letters, digits, `-` and `_`");
    cookie.set_sensitive(true);
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}

fn response(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    response
}

/// Whether a client takes gzip (RFC 9110 section 12.5.3).
fn accepts_gzip(asked: &HeaderMap) -> bool {
    let accepted = asked.get_all(http::header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
        named && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}
