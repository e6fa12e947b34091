//! gRPC-Web, in its binary form, as a call of gRPC (grpc/doc/PROTOCOL-WEB.md).
//!
//! The messages of both have the same frames. What differs is the content type, and the end of an
//! answer: browsers show no trailers to scripts, so they are the last frame of the body.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// Content type of gRPC-Web in its binary form, alone or before `+FORMAT` and `;PARAMETERS`.
const GRPC_WEB: &[u8] = b"application/grpc-web";
/// Content type of answers.
const GRPC_WEB_PROTO: HeaderValue = HeaderValue::from_static("application/grpc-web+proto");
/// Content type of the call.
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
/// The flag of the frame that holds the trailers.
const TRAILERS: u8 = 0x80;

/// Whether these are the headers of gRPC-Web with messages of protobuf, in binary form. A content type
/// has no case (RFC 9110 section 8.3.1).
pub(crate) fn is_grpc_web(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(|value| value.as_bytes().to_ascii_lowercase());
    let Some(rest) = content_type.as_ref().and_then(|value| value.strip_prefix(GRPC_WEB)) else { return false };
    let rest = rest.strip_prefix(b"+proto").unwrap_or(rest);
    matches!(rest.first(), None | Some(b';' | b' ' | b'\t'))
}

/// The call of gRPC that a request stands for.
pub(crate) fn call<B>(mut request: Request<B>) -> Request<B> {
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, GRPC);
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.remove(CONTENT_LENGTH);
    *request.version_mut() = Version::HTTP_2;
    request
}

/// The answer of a call in the form of gRPC-Web. A status that comes without messages stays in
/// the headers, where gRPC-Web allows it.
pub(crate) fn answer(response: Response<Body>) -> Response<Body> {
    let is_status_alone = response.headers().contains_key(Status::GRPC_STATUS);
    let mut response = if is_status_alone { response } else { response.map(|body| Body::new(Answer { body })) };
    response.headers_mut().insert(CONTENT_TYPE, GRPC_WEB_PROTO);
    response
}

/// The body of an answer: its trailers are a frame of data.
#[derive(Debug)]
struct Answer {
    body: Body,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        frame.map_ok(|frame| match frame.into_trailers() {
            Ok(trailers) => Frame::data(in_band(&trailers)),
            Err(data) => data,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Trailers as the last frame of a body: a flag, a length, and lines as HTTP/1 has them.
pub(crate) fn in_band(trailers: &HeaderMap) -> Bytes {
    let mut lines = BytesMut::new();
    for (name, value) in trailers {
        lines.put_slice(name.as_str().as_bytes());
        lines.put_slice(b": ");
        lines.put_slice(value.as_bytes());
        lines.put_slice(b"\r\n");
    }
    let length = u32::try_from(lines.len()).expect("trailers are far smaller than 4 GiB");
    let mut frame = BytesMut::with_capacity(lines.len() + 5);
    frame.put_u8(TRAILERS);
    frame.put_u32(length);
    frame.put(lines);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt as _, Full, StreamBody};

    #[test]
    fn only_the_binary_form_with_protobuf_is_taken() {
        let is_grpc_web =
            |content_type| is_grpc_web(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]));
        for good in [
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/grpc-web+proto;charset=utf-8",
            "Application/gRPC-Web+Proto ; charset=utf-8",
        ] {
            assert!(is_grpc_web(good), "{good}");
        }
        for bad in [
            "application/grpc-web-text",
            "application/grpc-web-text+proto",
            "application/grpc-web+json",
            "application/grpc",
        ] {
            assert!(!is_grpc_web(bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn trailers_are_the_last_frame_of_the_body() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        trailers.insert("grpc-message", HeaderValue::from_static("ok"));
        let frames = [Frame::data(Bytes::from_static(b"\0\0\0\0\x01x")), Frame::trailers(trailers)];
        let body = StreamBody::new(futures_util::stream::iter(frames.map(Ok::<_, Status>)));
        let response = answer(Response::new(Body::new(body)));
        assert_eq!(response.headers()[CONTENT_TYPE], GRPC_WEB_PROTO);
        let whole = response.into_body().collect().await.unwrap();
        assert!(whole.trailers().is_none());
        assert_eq!(&*whole.to_bytes(), b"\0\0\0\0\x01x\x80\0\0\0\x22grpc-status: 0\r\ngrpc-message: ok\r\n".as_slice());
    }

    #[tokio::test]
    async fn a_status_without_messages_stays_in_the_headers() {
        let response = answer(Status::not_found("gone").into_http());
        assert_eq!(response.headers()["grpc-status"], "5");
        assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
    }

    #[test]
    fn a_call_has_the_content_type_of_grpc_and_keeps_its_headers() {
        let request = Request::post("/a.B/C").header(CONTENT_TYPE, "application/grpc-web+proto").header("x-a", "b");
        let call = call(request.header(CONTENT_LENGTH, 5).body(Full::new(Bytes::new())).unwrap());
        assert_eq!(call.headers()[CONTENT_TYPE], GRPC);
        assert_eq!(call.headers()["x-a"], "b");
        assert!(!call.headers().contains_key(CONTENT_LENGTH));
    }
}
