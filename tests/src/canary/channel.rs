//! A channel that keeps every byte of every answer, by the path of its call.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt;
use tonic::body::Body;
use tonic::transport::{Channel, Error};
use tower::Service;

/// What the server has answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Answers {
    fn keep(&self, path: &str, bytes: &[u8]) {
        self.0.lock().unwrap().entry(path.to_owned()).or_default().extend_from_slice(bytes);
    }

    /// Binary headers are kept as what they stand for, too.
    fn keep_headers(&self, path: &str, headers: &HeaderMap) {
        let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let base64 = GeneralPurpose::new(&base64::alphabet::STANDARD, padding);
        for (name, value) in headers {
            self.keep(path, value.as_bytes());
            if name.as_str().ends_with("-bin") {
                self.keep(path, &base64.decode(value.as_bytes()).expect("binary headers are base64"));
            }
        }
    }

    /// Every answer, by the path of its call.
    pub(super) fn all(&self) -> BTreeMap<String, Vec<u8>> {
        self.0.lock().unwrap().clone()
    }
}

/// A channel for one caller.
#[derive(Debug, Clone)]
pub(super) struct Recording {
    pub(super) inner: Channel,
    pub(super) headers: Vec<(&'static str, HeaderValue)>,
    pub(super) answers: Answers,
}

impl Service<Request<Body>> for Recording {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        for (name, value) in &self.headers {
            request.headers_mut().insert(*name, value.clone());
        }
        let (path, answers) = (request.uri().path().to_owned(), self.answers.clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let (parts, body) = answer.await?.into_parts();
            answers.keep_headers(&path, &parts.headers);
            let body = body.map_frame(move |frame| {
                match (frame.data_ref(), frame.trailers_ref()) {
                    (Some(data), _) => answers.keep(&path, data),
                    (_, Some(trailers)) => answers.keep_headers(&path, trailers),
                    _ => {}
                }
                frame
            });
            Ok(Response::from_parts(parts, Body::new(body)))
        })
    }
}
