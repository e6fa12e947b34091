//! A prepared request as hyper sends it over HTTP/2.

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, Uri, Version};
use http_body_util::Full;
use tenterhook_model::{HttpMethod, PreparedRequest};

use crate::error::AttemptError;

/// The body of a request: there at once, of known length.
pub(crate) type Body = Full<Bytes>;
/// A request as hyper sends it.
pub(crate) type Request = http::Request<Body>;

/// Writes `request` for HTTP/2, which names the host in a pseudo-header (RFC 9113 section
/// 8.3.1) and has header names in lower case (section 8.2).
///
/// # Errors
/// When the URL or a header cannot be part of a request.
pub(crate) fn write(request: &PreparedRequest) -> Result<Request, AttemptError> {
    let mut written = http::Request::new(Full::new(request.body.clone()));
    *written.method_mut() = method(request.method);
    *written.version_mut() = Version::HTTP_2;
    fill_headers(request, written.headers_mut())
        .map_err(|_| AttemptError::Unsendable("a header has a character that headers may not have"))?;
    *written.uri_mut() =
        uri(request).map_err(|_| AttemptError::Unsendable("its URL has a character that a request may not have"))?;
    Ok(written)
}

fn method(method: HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Delete => Method::DELETE,
    }
}

fn uri(request: &PreparedRequest) -> Result<Uri, http::Error> {
    let scheme = if request.url.is_https() { "https" } else { "http" };
    Uri::builder()
        .scheme(scheme)
        .authority(request.url.authority())
        .path_and_query(request.url.path_and_query())
        .build()
}

fn fill_headers(request: &PreparedRequest, headers: &mut HeaderMap) -> Result<(), http::Error> {
    headers.reserve(request.headers.len() + 1);
    for header in &request.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes())?;
        headers.append(name, HeaderValue::from_str(&header.value)?);
    }
    Ok(())
}
