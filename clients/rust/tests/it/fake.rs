//! A server that does what a test tells it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use http::HeaderMap;
use http_body_util::{BodyExt as _, StreamBody};
use prost::Message;
use prost::bytes::{BufMut as _, Bytes, BytesMut};
use tenterhook_client::{Builder, Client, RetryPolicy};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// One thing that the server does in an answer.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send(Bytes),
    Silent(Duration),
    End(Status),
}

pub(crate) fn send(message: impl Message) -> Step {
    Step::Send(Bytes::from(message.encode_to_vec()))
}

pub(crate) fn refuse(code: Code) -> Vec<Step> {
    vec![Step::End(Status::new(code, "refused"))]
}

pub(crate) fn refuse_with(code: Code, details: ErrorDetails) -> Vec<Step> {
    vec![Step::End(Status::with_error_details(code, "refused", details))]
}

pub(crate) fn answer(message: impl Message) -> Vec<Step> {
    vec![send(message)]
}

/// A call as it arrived: its headers and the messages of its request.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) headers: HeaderMap,
    messages: Vec<Bytes>,
}

impl Seen {
    pub(crate) fn message<M: Message + Default>(&self) -> M {
        self.nth(0)
    }

    pub(crate) fn nth<M: Message + Default>(&self, index: usize) -> M {
        M::decode(self.messages[index].clone()).unwrap()
    }
}

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<Vec<Step>>,
    seen: Vec<Seen>,
}

/// The server; it stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) target: String,
    script: Arc<Mutex<Script>>,
    task: JoinHandle<()>,
}

impl Fake {
    pub(crate) async fn new(answers: impl IntoIterator<Item = Vec<Step>>) -> Self {
        Self::at("127.0.0.1:0", answers).await
    }

    pub(crate) async fn at(address: &str, answers: impl IntoIterator<Item = Vec<Step>>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let target = listener.local_addr().unwrap().to_string();
        let script = Arc::new(Mutex::new(Script { answers: answers.into_iter().collect(), seen: Vec::new() }));
        let router = Router::new().fallback(handle).with_state(Arc::clone(&script));
        let server = Server::builder().add_routes(router.into());
        let task = tokio::spawn(async move {
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { target, script, task }
    }

    /// A builder for a client of this server that retries fast.
    pub(crate) fn builder(&self) -> Builder {
        Client::builder(&self.target).retry(RetryPolicy { initial: Duration::from_millis(10), ..Default::default() })
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.script.lock().unwrap().seen)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn handle(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let messages = unframe(body.collect().await.unwrap().to_bytes());
    let steps = {
        let mut script = script.lock().unwrap();
        script.seen.push(Seen { headers: parts.headers, messages });
        script.answers.pop_front().unwrap_or_else(|| refuse(Code::Internal))
    };
    let body = Body::new(StreamBody::new(frames(steps)));
    Response::builder().header("content-type", "application/grpc").body(body).unwrap()
}

type Frames = BoxStream<'static, Result<http_body::Frame<Bytes>, std::io::Error>>;

fn frames(mut steps: Vec<Step>) -> Frames {
    if !steps.iter().any(|step| matches!(step, Step::End(_))) {
        steps.push(Step::End(Status::ok("")));
    }
    stream::iter(steps)
        .filter_map(|step| async {
            match step {
                Step::Send(message) => Some(Ok(http_body::Frame::data(frame(&message)))),
                Step::Silent(time) => {
                    tokio::time::sleep(time).await;
                    None
                }
                Step::End(status) => {
                    let mut trailers = HeaderMap::new();
                    status.add_header(&mut trailers).unwrap();
                    Some(Ok(http_body::Frame::trailers(trailers)))
                }
            }
        })
        .boxed()
}

fn frame(message: &Bytes) -> Bytes {
    let mut made = BytesMut::new();
    made.put_u8(0);
    made.put_u32(message.len() as u32);
    made.put_slice(message);
    made.freeze()
}

fn unframe(mut bytes: Bytes) -> Vec<Bytes> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let head = bytes.split_to(5);
        let length = u32::from_be_bytes(head[1..5].try_into().unwrap());
        messages.push(bytes.split_to(length as usize));
    }
    messages
}
