//! The console, as plain HTTP: pages, and the small body of a sign-in.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt as _, Full, Limited};
use tenterhook_console::{Console, SIGN_IN_BYTES_MAX};
use tenterhook_model::limits;
use tonic::body::Body;
use tonic::codegen::StdError;

/// Time for the body of a sign-in.
const BODY_TIME: Duration = limits::SIGN_IN_TIMEOUT;

/// Whether the console answers at a path; `/` leads to it.
pub(crate) fn owns(path: &str) -> bool {
    path == "/" || tenterhook_console::owns(path)
}

/// Answers a request for a path of the console.
pub(crate) async fn answer<B>(console: &Console, request: Request<B>) -> Response<Body>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError>,
{
    let (parts, body) = request.into_parts();
    let sent = if parts.method == Method::POST { read(body).await } else { Bytes::new() };
    console.answer(&parts, &sent).map(|page| Body::new(Full::new(page)))
}

/// The body of a sign-in; what is too long or too slow is no sign-in, and counts as empty.
async fn read<B>(body: B) -> Bytes
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError>,
{
    let body = Box::pin(Limited::new(body, SIGN_IN_BYTES_MAX));
    match tokio::time::timeout(BODY_TIME, body.collect()).await {
        Ok(Ok(whole)) => whole.to_bytes(),
        Ok(Err(_)) | Err(_) => Bytes::new(),
    }
}
