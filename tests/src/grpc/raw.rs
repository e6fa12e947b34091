//! Calls made of bytes, for requests that no generated client would send.

use http::header::AUTHORIZATION;
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Full};
use tenterhook_api::PeerNames;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::ServiceExt as _;

/// Calls `path` with one message and reads the answer to its end; gives its status.
pub(crate) async fn call(routes: &Routes, path: &str, authorization: Option<&str>, message: &[u8]) -> Status {
    call_over(routes, path, authorization, &PeerNames::default(), message).await
}

/// The same over a connection whose client showed a certificate with these names.
pub(crate) async fn call_over(
    routes: &Routes,
    path: &str,
    authorization: Option<&str>,
    names: &PeerNames,
    message: &[u8],
) -> Status {
    let mut frame = vec![0];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    let uri = Uri::builder().scheme("http").authority("localhost").path_and_query(path).build().unwrap();
    let mut request = Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    let mut request = request.body(Full::new(bytes::Bytes::from(frame))).unwrap();
    request.extensions_mut().insert(names.clone());
    let response = routes.clone().oneshot(request).await.unwrap();
    if let Some(status) = Status::from_header_map(response.headers()) {
        return status;
    }
    let body = response.into_body().collect().await.unwrap();
    let status = body.trailers().and_then(Status::from_header_map);
    status.unwrap_or_else(|| Status::new(Code::Unknown, "no status"))
}
