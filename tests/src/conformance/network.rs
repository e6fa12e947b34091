//! A network in memory: names with the answers of a case, and a dialer that notes every
//! address and leads it to a receiver at the other end of a pipe.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tenterhook_deliver::{Dial, Dialled};
use tenterhook_model::{HostName, Resolve, ResolveError};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// The answer for every name that a case does not name.
const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(93, 184, 216, 34));
/// Bytes that a pipe holds.
const PIPE: usize = 64 * 1024;

/// A resolver with the answers of one case; of several answers each look-up takes the next.
#[derive(Debug, Default)]
pub(crate) struct Names {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
}

impl Names {
    pub(crate) fn new(answers: HashMap<String, Vec<Vec<IpAddr>>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers) })
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &HostName) -> Result<Vec<IpAddr>, ResolveError> {
        let mut answers = self.answers.lock().expect("no test panics while it holds the names");
        match answers.get_mut(host.without_dot()) {
            None => Ok(vec![ELSEWHERE]),
            Some(answers) if answers.len() > 1 => Ok(answers.remove(0)),
            Some(answers) => Ok(answers[0].clone()),
        }
    }
}

/// What the receiver answers.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
}

/// A request as the receiver saw it.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) host: String,
    pub(crate) path_and_query: String,
}

/// The dialer.
#[derive(Debug, Clone)]
pub(crate) struct Wires {
    inner: Arc<Inner>,
}

struct Inner {
    answer: Answer,
    tls: Option<TlsAcceptor>,
    dialled: Mutex<Vec<SocketAddr>>,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    receivers: Mutex<JoinSet<()>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("dialled", &self.dialled).finish_non_exhaustive()
    }
}

impl Wires {
    /// Receivers that give this answer, over TLS or not.
    pub(crate) fn new(answer: Answer, tls: Option<Arc<ServerConfig>>) -> Self {
        let tls = tls.map(TlsAcceptor::from);
        let inner =
            Inner { answer, tls, dialled: Mutex::default(), arrived: Arc::default(), receivers: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Every address that was dialled, in order.
    pub(crate) fn dialled(&self) -> Vec<SocketAddr> {
        self.inner.dialled.lock().expect("no test panics while it holds the list").clone()
    }

    /// Every request that arrived, in order.
    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.inner.arrived.lock().expect("no test panics while it holds the list").clone()
    }
}

impl Dial for Wires {
    type Stream = DuplexStream;

    async fn dial(&self, address: SocketAddr) -> io::Result<Dialled<DuplexStream>> {
        self.inner.dialled.lock().expect("no test panics while it holds the list").push(address);
        let (stream, other_end) = tokio::io::duplex(PIPE);
        let inner = Arc::clone(&self.inner);
        let receive = async move {
            let (answer, arrived) = (inner.answer.clone(), Arc::clone(&inner.arrived));
            match &inner.tls {
                None => serve(other_end, answer, arrived).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(other_end).await {
                        serve(stream, answer, arrived).await;
                    }
                }
            }
        };
        self.inner.receivers.lock().expect("no test panics while it holds the tasks").spawn(receive);
        Ok(Dialled { stream, peer: address })
    }
}

async fn serve<S>(stream: S, answer: Answer, arrived: Arc<Mutex<Vec<Arrived>>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: http::Request<Incoming>| {
        let host = request.headers().get("host").map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
        let seen = Arrived { host: host.unwrap_or_default(), path_and_query: request.uri().to_string() };
        arrived.lock().expect("no test panics while it holds the list").push(seen);
        let mut response = http::Response::builder().status(answer.status);
        for (name, value) in &answer.headers {
            response = response.header(name, value);
        }
        let response = response.body(Full::<Bytes>::default()).expect("the answers of the cases are legal");
        async move { Ok::<_, Infallible>(response) }
    });
    // A deliverer that hangs up is what some cases are about.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
