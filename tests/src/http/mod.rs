//! The ways in besides gRPC, in this process: gRPC-Web, plain HTTP, and what pages may do.

mod bad_requests;
mod cloud_events;
mod description;
mod events;
mod key_set;
mod lines;
mod netbox;
mod operational;
mod pages;
mod web;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tenterhook_api::{Refusals, Unmetered};
use tenterhook_http::Front;
use tonic::body::Body;

use crate::grpc::bench::Bench;

/// The page that may call.
const PAGE: &str = "https://app.example.com";

/// The front over an API.
fn front(bench: &Bench) -> Front {
    let allowed = vec![PAGE.parse().unwrap()];
    let front = Front::new(bench.routes.clone(), Refusals::new(Arc::new(Unmetered)), allowed, None);
    front.with_public_keys(bench.public_keys.clone().expect("the API has been made")).with_access(bench.access.clone())
}

/// A request with the key of `who`.
fn request(bench: &Bench, who: &str, method: Method, path: &str) -> http::request::Builder {
    let request = Request::builder().method(method).uri(path).header(HOST, "localhost");
    match bench.keys.get(who) {
        Some(key) => request.header(AUTHORIZATION, format!("Bearer {key}")),
        None => request,
    }
}

/// An answer that was read to its end.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self { status: parts.status, headers: parts.headers, body }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The lines of JSON in it.
    fn lines(&self) -> Vec<Value> {
        let lines = std::str::from_utf8(&self.body).unwrap().lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Sends a request made elsewhere.
async fn send(bench: &Bench, request: Request<Full<Bytes>>) -> Answer {
    let Ok(response) = front(bench).call(request).await;
    Answer::read(response).await
}

/// Posts `body` as the administrator.
async fn post(bench: &Bench, path: &str, content_type: &str, body: impl Into<Bytes>) -> Answer {
    let request = request(bench, "admin", Method::POST, path).header(CONTENT_TYPE, content_type);
    send(bench, request.body(Full::new(body.into())).unwrap()).await
}
