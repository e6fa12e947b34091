//! A request as the bytes of HTTP/1.1 (RFC 9112 section 3).
//!
//! Header names go out as they were written: names are case-insensitive (RFC 9110 section
//! 5.1), but receivers exist that look them up as NetBox spells them.

use bytes::Bytes;
use tenterhook_model::{Header, HttpMethod, PreparedRequest};

use crate::error::AttemptError;

/// Bodies up to this size are copied behind the head, so that a small request is one write and
/// one TLS record (at most 16 KiB, RFC 8446 section 5.1).
const COPIED_BYTES: usize = 8 * 1_024;

/// A request as it goes out: its head, and the body unless the head holds it already.
#[derive(Debug)]
pub(super) struct Written {
    /// The head, and a short body.
    pub(super) head: Bytes,
    /// A long body.
    pub(super) body: Bytes,
}

/// A proxy that passes requests on, rather than bytes.
#[derive(Debug, Clone)]
pub(crate) struct Forwarder {
    /// `Proxy-Authorization`.
    pub(crate) authorization: Option<Header>,
}

/// Writes `request`, in absolute form for a `forwarder` (RFC 9112 section 3.2.2), with the host and the length of its body.
///
/// # Errors
/// When the URL or a header cannot be part of an HTTP request.
pub(super) fn write(request: &PreparedRequest, forwarder: Option<&Forwarder>) -> Result<Written, AttemptError> {
    let (path, authority) = (request.url.path_and_query(), request.url.authority());
    let absolute = forwarder.map(|_| format!("http://{authority}{path}"));
    let target = absolute.as_deref().unwrap_or(path);
    if !is_visible(target) || !is_visible(authority) {
        return Err(AttemptError::Unsendable("its URL has a blank, a control character or one that is not ASCII"));
    }
    let mut head = Vec::with_capacity(size(request));
    push(&mut head, &[request.method.as_str(), " ", target, " HTTP/1.1\r\nHost: ", authority, "\r\n"]);
    for header in request.headers.iter().chain(forwarder.and_then(|forwarder| forwarder.authorization.as_ref())) {
        check_header(&header.name, &header.value)?;
        push(&mut head, &[&header.name, ": ", &header.value, "\r\n"]);
    }
    if !request.body.is_empty() || expects_body(request.method) {
        push(&mut head, &["Content-Length: ", &request.body.len().to_string(), "\r\n"]);
    }
    head.extend_from_slice(b"\r\n");
    let mut body = request.body.clone();
    if body.len() <= COPIED_BYTES {
        head.extend_from_slice(&body);
        body = Bytes::new();
    }
    debug_assert!(
        body.is_empty() || body.len() == request.body.len(),
        "a body goes out once: with its head or after it"
    );
    Ok(Written { head: head.into(), body })
}

/// Whether an empty body is announced too: an origin server may answer 411 otherwise (RFC 9110
/// section 8.6).
fn expects_body(method: HttpMethod) -> bool {
    matches!(method, HttpMethod::Post | HttpMethod::Put | HttpMethod::Patch)
}

/// Bytes of the head and a short body, roughly.
fn size(request: &PreparedRequest) -> usize {
    let headers: usize = request.headers.iter().map(|header| header.name.len() + header.value.len() + 4).sum();
    let body = if request.body.len() <= COPIED_BYTES { request.body.len() } else { 0 };
    128 + request.url.path_and_query().len() + request.url.authority().len() + headers + body
}

fn push(head: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        head.extend_from_slice(part.as_bytes());
    }
}

/// Whether a text is visible ASCII, so that nothing in it ends a line or a part of one.
fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Checks a header once more before it is written: a line break in one would be a request of
/// its own.
fn check_header(name: &str, value: &str) -> Result<(), AttemptError> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(AttemptError::Unsendable("the name of a header has a character that names may not have"));
    }
    if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(AttemptError::Unsendable("the value of a header has a control character"));
    }
    Ok(())
}
