//! Errors in the form of plain HTTP: `application/problem+json` (RFC 9457).

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The content type of a problem (RFC 9457 section 3).
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
/// The reason of what is over a limit: to send it again does not help.
const LIMIT_EXCEEDED: &str = "LIMIT_EXCEEDED";

/// What is wrong with a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    status: StatusCode,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this `status`, explained by `detail`: what is wrong and what to do.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let mut members = Map::new();
        members.insert("title".to_owned(), json!(status.canonical_reason().unwrap_or_default()));
        members.insert("status".to_owned(), json!(status.as_u16()));
        members.insert("detail".to_owned(), json!(detail.into()));
        Self { status, members, headers: Vec::new() }
    }

    /// A method that the path does not take; it takes those of `allow`.
    pub(crate) fn method(allow: &'static str) -> Self {
        let mut problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, format!("this path takes {allow}"));
        problem.headers.push((ALLOW, HeaderValue::from_static(allow)));
        problem
    }

    /// The same problem, after which the connection is closed: where the next request begins is not certain.
    pub(crate) fn closing(mut self) -> Self {
        self.headers.push((CONNECTION, HeaderValue::from_static("close")));
        self
    }

    /// The problem of a call that ended with `status`: with its reason, what it violates, and when
    /// to come back.
    pub(crate) fn of(status: &Status) -> Self {
        let info = status.get_details_error_info();
        let reason = info.as_ref().map(|info| info.reason.as_str());
        let mut problem = Self::new(status_code(status.code(), reason), status.message());
        if let Some(info) = &info {
            problem.members.insert("reason".to_owned(), json!(info.reason));
        }
        if let Some(info) = info.filter(|info| !info.metadata.is_empty()) {
            let metadata = info.metadata.into_iter().map(|(name, value)| (name, json!(value)));
            problem.members.insert("metadata".to_owned(), Value::Object(metadata.collect()));
        }
        if let Some(bad) = status.get_details_bad_request() {
            let of = bad.field_violations.into_iter();
            let violations: Value = of.map(|of| json!({ "field": of.field, "description": of.description })).collect();
            problem.members.insert("violations".to_owned(), violations);
        }
        match problem.status {
            StatusCode::UNAUTHORIZED => {
                problem.headers.push((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                let wait = status.get_details_retry_info().and_then(|info| info.retry_delay).unwrap_or_default();
                let seconds = wait.as_millis().div_ceil(1_000).max(1);
                let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
                problem.headers.push((RETRY_AFTER, HeaderValue::from(seconds)));
            }
            _ => {}
        }
        problem
    }

    /// The response.
    pub(crate) fn response(self) -> Response<Body> {
        let body = Bytes::from(Value::Object(self.members).to_string());
        let mut response = Response::new(Body::new(Full::new(body)));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response.headers_mut().insert(CONTENT_TYPE, PROBLEM_JSON);
        response
    }
}

/// The status of HTTP for a code (`google/rpc/code.proto`, "HTTP Mapping"). What is over a limit is
/// 413, and not 429, which asks the client to come back.
fn status_code(code: Code, reason: Option<&str>) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted if reason == Some(LIMIT_EXCEEDED) => StatusCode::PAYLOAD_TOO_LARGE,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Cancelled | Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use http_body_util::BodyExt as _;
    use std::time::Duration;
    use tonic_types::ErrorDetails;

    async fn shown(problem: Problem) -> (StatusCode, HeaderMap, Value) {
        let (parts, body) = problem.response().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_status_keeps_its_reason_metadata_and_violations() {
        let mut details = ErrorDetails::with_error_info("INVALID_FIELD", "tenterhook", [("a".into(), "b".into())]);
        details.add_bad_request_violation("event.type", "must not be empty");
        let status = Status::with_error_details(Code::InvalidArgument, "event.type: must not be empty", details);
        let (code, headers, body) = shown(Problem::of(&status)).await;
        assert_eq!((code, &headers[CONTENT_TYPE]), (StatusCode::BAD_REQUEST, &PROBLEM_JSON));
        let expected = json!({
            "title": "Bad Request", "status": 400, "detail": "event.type: must not be empty", "reason": "INVALID_FIELD",
            "metadata": { "a": "b" }, "violations": [{ "field": "event.type", "description": "must not be empty" }],
        });
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn who_is_to_come_back_is_told_when() {
        let with = |code, reason: &str, wait| {
            let mut details = ErrorDetails::with_error_info(reason, "tenterhook", []);
            details.set_retry_info(wait);
            Status::with_error_details(code, "", details)
        };
        let cases = [
            (with(Code::ResourceExhausted, "RATE_LIMITED", Some(Duration::from_millis(500))), 429, Some("1")),
            (with(Code::ResourceExhausted, "STORAGE_FULL", Some(Duration::from_millis(5_001))), 429, Some("6")),
            (with(Code::Unavailable, "SHUTTING_DOWN", None), 503, Some("1")),
            (with(Code::ResourceExhausted, LIMIT_EXCEEDED, None), 413, None),
            (Status::not_found(""), 404, None),
        ];
        for (status, code, after) in cases {
            let (shown, headers, _) = shown(Problem::of(&status)).await;
            let told = headers.get(RETRY_AFTER).map(|value| value.to_str().unwrap());
            assert_eq!((shown.as_u16(), told), (code, after), "{status:?}");
        }
    }
}
