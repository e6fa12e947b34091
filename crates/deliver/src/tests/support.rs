//! Receivers, resolvers and dialers for the tests.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tenterhook_model::webhook::TransportPolicy;
use tenterhook_model::{
    AddressPolicy, Egress, Exchange, Header, HostName, HttpMethod, Masks, PreparedRequest, Resolve, ResolveError,
    TargetUrl,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::{Deliverer, Dial, Dialled, Outbound, Prompt, Roots, TcpDialer};

/// A request as a receiver saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) parts: Arc<http::request::Parts>,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// An answer of a receiver.
pub(crate) type Answer = http::Response<Full<Bytes>>;

/// An answer with a body.
pub(crate) fn answer(status: u16, body: &'static str) -> Answer {
    http::Response::builder().status(status).body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
}

/// An answer with one header and no body.
pub(crate) fn answer_with(status: u16, name: &str, value: &str) -> Answer {
    http::Response::builder().status(status).header(name, value).body(Full::default()).unwrap()
}

/// A receiver on a loopback socket; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    /// One that speaks plain HTTP and answers by a function of the request.
    pub(crate) async fn http(respond: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::serve(None, respond).await
    }

    /// One that speaks TLS.
    pub(crate) async fn tls(config: ServerConfig, respond: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::serve(Some(TlsAcceptor::from(Arc::new(config))), respond).await
    }

    async fn serve(tls: Option<TlsAcceptor>, respond: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (log, respond) = (Arc::clone(&seen), Arc::new(respond));
        let mut receiver = Self::script(move |stream| {
            let (tls, log, respond) = (tls.clone(), Arc::clone(&log), Arc::clone(&respond));
            async move {
                match tls {
                    None => speak(stream, log, respond).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            speak(stream, log, respond).await;
                        }
                    }
                }
            }
        })
        .await;
        receiver.seen = seen;
        receiver
    }

    /// One that does with each connection what the script says.
    pub(crate) async fn script<F, T>(script: F) -> Self
    where
        F: Fn(TcpStream) -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, mut tasks) = (Arc::clone(&connections), JoinSet::new());
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                open.spawn(script(stream));
            }
        });
        Self { address, connections, seen: Arc::default(), _tasks: tasks }
    }

    /// Connections that were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Requests that came in, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// A URL on it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn speak<S, R>(stream: S, log: Arc<Mutex<Vec<Seen>>>, respond: Arc<R>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    R: Fn(&Seen) -> Answer + Send + Sync + 'static,
{
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (log, respond) = (Arc::clone(&log), Arc::clone(&respond));
        async move {
            let (parts, body) = request.into_parts();
            let seen = Seen { parts: Arc::new(parts), body: body.collect().await.unwrap().to_bytes() };
            log.lock().unwrap().push(seen.clone());
            Ok::<_, Infallible>(respond(&seen))
        }
    });
    // A client that goes away is no failure of the test.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

/// A resolver with a table; each look-up takes the next answer of its name, the last repeats.
#[derive(Debug, Default)]
pub(crate) struct Table {
    names: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    pub(crate) look_ups: AtomicUsize,
}

impl Table {
    pub(crate) fn with(name: &str, answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        let names = Mutex::new(HashMap::from([(name.to_owned(), answers.iter().map(parse).collect())]));
        Arc::new(Self { names, ..Self::default() })
    }
}

#[async_trait]
impl Resolve for Table {
    async fn resolve(&self, host: &HostName) -> Result<Vec<IpAddr>, ResolveError> {
        self.look_ups.fetch_add(1, Ordering::SeqCst);
        let mut names = self.names.lock().unwrap();
        let answers = names.get_mut(host.as_str()).ok_or_else(|| ResolveError::not_found(host))?;
        Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
    }
}

/// A dialer that notes what is dialled, refuses some of it and leads the rest to one receiver.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    pub(crate) dialled: Arc<Mutex<Vec<SocketAddr>>>,
    pub(crate) refused: Vec<SocketAddr>,
    /// Where connections really go, while they claim to go where they should.
    pub(crate) receiver: SocketAddr,
    /// What they claim instead, if anything.
    pub(crate) peer: Option<SocketAddr>,
}

impl Recorder {
    pub(crate) fn to(receiver: SocketAddr) -> Self {
        Self { dialled: Arc::default(), refused: Vec::new(), receiver, peer: None }
    }

    pub(crate) fn dialled(&self) -> Vec<String> {
        self.dialled.lock().unwrap().iter().map(ToString::to_string).collect()
    }
}

impl Dial for Recorder {
    type Stream = Prompt;

    async fn dial(&self, address: SocketAddr) -> io::Result<Dialled<Prompt>> {
        self.dialled.lock().unwrap().push(address);
        if self.refused.contains(&address) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let Dialled { stream, .. } = TcpDialer::default().dial(self.receiver).await?;
        Ok(Dialled { stream, peer: self.peer.unwrap_or(address) })
    }
}

/// The policy of a server that is started with `--allow-network 127.0.0.0/8`.
pub(crate) fn loopback() -> AddressPolicy {
    AddressPolicy { allow: vec!["127.0.0.0/8".parse().unwrap()], ..AddressPolicy::public() }
}

/// A deliverer that sends to loopback.
pub(crate) fn deliverer() -> Deliverer {
    deliverer_with(loopback(), Arc::new(Table::default()), TcpDialer::default())
}

pub(crate) fn deliverer_with<D: Dial>(addresses: AddressPolicy, resolver: Arc<dyn Resolve>, dialer: D) -> Deliverer<D> {
    let egress = Egress::default();
    Deliverer::new(Outbound { addresses, egress, resolver, roots: Roots::none(), dialer })
}

/// A POST of a small body.
pub(crate) fn post(url: &str) -> PreparedRequest {
    post_over(url, TransportPolicy::default())
}

pub(crate) fn post_over(url: &str, transport: TransportPolicy) -> PreparedRequest {
    PreparedRequest {
        method: HttpMethod::Post,
        url: TargetUrl::parse(url).unwrap(),
        headers: vec![Header::new("Content-Type", "application/json")],
        body: Bytes::from_static(b"{}"),
        transport: Arc::new(transport),
        credentials: None,
        masks: Masks::default(),
    }
}

/// A transport whose attempts have so many seconds.
pub(crate) fn seconds(seconds: u64) -> TransportPolicy {
    TransportPolicy { attempt_timeout: Some(Duration::from_secs(seconds)), ..TransportPolicy::default() }
}

/// The text of the kept body.
pub(crate) fn body(exchange: &Exchange) -> &str {
    std::str::from_utf8(&exchange.response.as_ref().unwrap().body).unwrap()
}
