//! Listening to answers: every byte of each, by the path of its call.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Body as HttpBody;
use tonic::body::Body;
use tower::{BoxError, Service};

/// What the server has answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Answers {
    fn keep(&self, path: &str, bytes: &[u8]) {
        self.0.lock().unwrap().entry(path.to_owned()).or_default().extend_from_slice(bytes);
    }

    /// What hears them.
    pub(super) fn ear(&self) -> Ear {
        let answers = self.clone();
        Arc::new(move |path, bytes| answers.keep(path, bytes))
    }

    /// Every answer, by the path of its call.
    pub(super) fn all(&self) -> BTreeMap<String, Vec<u8>> {
        self.0.lock().unwrap().clone()
    }
}

/// Hears every byte of every answer: the path of the call, and a part of its answer.
pub(crate) type Ear = Arc<dyn Fn(&str, &[u8]) + Send + Sync>;

/// A server, or the way to one, to whose answers somebody listens.
#[derive(Clone)]
pub(crate) struct Overheard<S> {
    pub(crate) inner: S,
    pub(crate) hear: Ear,
}

impl<S, Sent, Got> Service<Request<Sent>> for Overheard<S>
where
    S: Service<Request<Sent>, Response = Response<Got>, Future: Send + 'static>,
    Got: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Sent>) -> Self::Future {
        let (path, hear) = (request.uri().path().to_owned(), Arc::clone(&self.hear));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let (parts, body) = answer.await?.into_parts();
            hear_headers(&hear, &path, &parts.headers);
            let body = body.map_frame(move |frame| {
                match (frame.data_ref(), frame.trailers_ref()) {
                    (Some(data), _) => hear(&path, data),
                    (_, Some(trailers)) => hear_headers(&hear, &path, trailers),
                    _ => {}
                }
                frame
            });
            Ok(Response::from_parts(parts, Body::new(body)))
        })
    }
}

/// No call may tell a secret in its headers. Binary ones are heard as what they stand for, too.
fn hear_headers(hear: &Ear, path: &str, headers: &HeaderMap) {
    let path = &format!("{path}, headers");
    let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let base64 = GeneralPurpose::new(&base64::alphabet::STANDARD, padding);
    for (name, value) in headers {
        hear(path, value.as_bytes());
        if name.as_str().ends_with("-bin") {
            hear(path, &base64.decode(value.as_bytes()).expect("binary headers are base64"));
        }
    }
}
