//! `GET /v1/openapi.yaml`: the description of the paths of plain HTTP.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Response};
use http_body_util::Full;
use tonic::body::Body;

/// The path.
pub(crate) const PATH: &str = "/v1/openapi.yaml";
/// The content type of YAML (RFC 9512).
const YAML: HeaderValue = HeaderValue::from_static("application/yaml");
/// The description.
const DESCRIPTION: &str = include_str!("openapi.yaml");

/// Answers a GET or HEAD.
pub(crate) fn answer(method: &Method) -> Response<Body> {
    let body = if method == Method::HEAD { "" } else { DESCRIPTION };
    let mut response = Response::new(Body::new(Full::new(Bytes::from_static(body.as_bytes()))));
    response.headers_mut().insert(CONTENT_TYPE, YAML);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(DESCRIPTION.len()));
    response
}
