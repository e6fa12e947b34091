//! A prepared request as HTTP: the head that belongs to the version, the body as it is.

use bytes::Bytes;
use http::header::{HOST, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Uri, Version};
use http_body_util::Full;
use tenterhook_model::{HttpMethod, PreparedRequest};

use crate::error::AttemptError;

/// The body of a request: there at once, of known length.
pub(crate) type Body = Full<Bytes>;
/// A request as hyper sends it.
pub(crate) type Request = http::Request<Body>;

/// Writes `request` down for `version`: HTTP/1.1 names the host in a header (RFC 9112
/// section 3.2), HTTP/2 in its pseudo-headers (RFC 9113 section 8.3.1).
///
/// # Errors
/// When the URL or a header cannot stand in HTTP.
pub(crate) fn write(request: &PreparedRequest, version: Version) -> Result<Request, AttemptError> {
    let mut written = http::Request::new(Full::new(request.body.clone()));
    *written.method_mut() = method(request.method);
    *written.version_mut() = version;
    fill_headers(request, version, written.headers_mut()).map_err(AttemptError::Unsendable)?;
    *written.uri_mut() = uri(request, version).map_err(AttemptError::Unsendable)?;
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

fn uri(request: &PreparedRequest, version: Version) -> Result<Uri, http::Error> {
    let path = PathAndQuery::try_from(request.url.path_and_query())?;
    if version == Version::HTTP_2 {
        let scheme = if request.url.is_https() { "https" } else { "http" };
        return Uri::builder().scheme(scheme).authority(request.url.authority()).path_and_query(path).build();
    }
    Ok(Uri::from(path))
}

fn fill_headers(request: &PreparedRequest, version: Version, headers: &mut HeaderMap) -> Result<(), http::Error> {
    headers.reserve(request.headers.len() + 1);
    if version != Version::HTTP_2 {
        headers.insert(HOST, HeaderValue::from_str(request.url.authority())?);
    }
    for header in &request.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes())?;
        headers.append(name, HeaderValue::from_str(&header.value)?);
    }
    Ok(())
}
