//! A small HTTP server for what is not the API: the operations listener and the receivers of
//! `listen`, `demo` and `bench`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use tenterhook_model::limits;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet, yield_now};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Pause after a failed accept (out of sockets), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bounds of a server, and how its connections begin.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Connections at once.
    pub connections: usize,
    /// Whether the oldest connection makes room when there are so many; otherwise new ones wait.
    pub oldest_goes: bool,
    /// Time to send the head of a request, and idle time between two requests.
    pub head: Duration,
    /// Whether HTTP/2 is spoken too.
    pub http2: bool,
    /// Whether the extensions of a request keep how its header names were written, for those who show them.
    pub spelling: bool,
    /// TLS of the connections; without it they are plain.
    pub tls: Option<Arc<ServerConfig>>,
}

impl Bounds {
    /// For receivers, which few and friendly clients call.
    pub const RECEIVER: Self = Self {
        connections: 1_024,
        oldest_goes: false,
        head: Duration::from_secs(60),
        http2: true,
        spelling: false,
        tls: None,
    };
    /// For the operations listener: probes must get through whoever else calls, or an orchestrator
    /// kills a healthy server.
    pub const OPERATIONS: Self = Self {
        connections: limits::OPERATIONS_CONNECTIONS,
        oldest_goes: true,
        head: Duration::from_secs(10),
        http2: false,
        spelling: false,
        tls: None,
    };
}

/// Serves `listener` within `bounds` until `cancel`; answers in flight are finished.
pub async fn serve<H, F>(listener: TcpListener, bounds: Bounds, cancel: CancellationToken, handle: H)
where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    let mut by_age: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let is_full = tasks.len() >= bounds.connections;
        // The end comes first: a busy listener must not delay it.
        let accepted = tokio::select! { biased;
            () = cancel.cancelled() => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept(), if !is_full || bounds.oldest_goes => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                by_age.retain(|task| !task.is_finished());
                if is_full && let Some(oldest) = by_age.pop_front() {
                    oldest.abort();
                }
                let (bounds, cancel, handle) = (bounds.clone(), cancel.clone(), handle.clone());
                by_age.push_back(tasks.spawn(open(stream, peer, bounds, cancel, handle)));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// Serves each of `listeners` as [`serve`] does, within bounds of its own.
pub async fn serve_all<H, F>(listeners: Vec<TcpListener>, bounds: Bounds, cancel: CancellationToken, handle: H)
where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let serving = listeners.into_iter().map(|listener| serve(listener, bounds.clone(), cancel.clone(), handle.clone()));
    JoinSet::from_iter(serving).join_all().await;
}

async fn open<H, F>(stream: TcpStream, peer: SocketAddr, mut bounds: Bounds, cancel: CancellationToken, handle: H)
where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    // Small answers must not wait for more to send; a socket that refuses the option still works.
    let _ = stream.set_nodelay(true);
    let Some(tls) = bounds.tls.take() else { return connection(stream, peer, bounds, cancel, handle).await };
    // The end comes first: a handshake must not delay it.
    let opened = tokio::select! { biased;
        () = cancel.cancelled() => return,
        opened = timeout(bounds.head, TlsAcceptor::from(tls).accept(stream)) => opened,
    };
    match opened {
        Ok(Ok(stream)) => connection(stream, peer, bounds, cancel, handle).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "a connection was not encrypted"),
        Err(_) => tracing::debug!(%peer, "a connection was not encrypted in time"),
    }
}

async fn connection<S, H, F>(stream: S, peer: SocketAddr, bounds: Bounds, cancel: CancellationToken, handle: H)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    if !bounds.http2 {
        builder = builder.http1_only();
    }
    builder.http1().timer(TokioTimer::new()).header_read_timeout(bounds.head).preserve_header_case(bounds.spelling);
    let service = service_fn(move |request| {
        let answer = handle(request, peer);
        async move {
            if bounds.oldest_goes {
                // Anybody may call: requests that wait in a row must not have the turn of what the server is there for.
                yield_now().await;
            }
            Ok::<_, Infallible>(answer.await)
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // The end comes first, and only once: then the connection finishes what is in flight.
    let ended = tokio::select! { biased;
        () = cancel.cancelled() => None,
        ended = connection.as_mut() => Some(ended),
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            // A client that stands still must not hold the end up.
            match tokio::time::timeout(bounds.head, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, error, "a connection broke");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    /// A server with these bounds, as long as the tasks are held.
    async fn start(bounds: Bounds) -> (SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        let handle = |_, _| async { Response::new(Full::new(Bytes::from_static(b"ok"))) };
        tasks.spawn(serve(listener, bounds, CancellationToken::new(), handle));
        (address, tasks)
    }

    async fn get(stream: &mut TcpStream) -> String {
        stream.write_all(GET).await.unwrap();
        let mut answer = [0; 1_024];
        let bytes = stream.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..bytes]).into_owned()
    }

    #[tokio::test]
    async fn the_oldest_connection_makes_room_for_a_probe() {
        let (address, _tasks) = start(Bounds { connections: 2, ..Bounds::OPERATIONS }).await;
        let mut silent = TcpStream::connect(address).await.unwrap();
        let mut younger = TcpStream::connect(address).await.unwrap();
        assert!(get(&mut younger).await.starts_with("HTTP/1.1 200"));
        let mut probe = TcpStream::connect(address).await.unwrap();
        assert!(get(&mut probe).await.starts_with("HTTP/1.1 200"));
        assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0, "the oldest is closed");
        assert!(get(&mut younger).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn the_operations_listener_speaks_no_http_2() {
        let (address, _tasks) = start(Bounds::OPERATIONS).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        // The connection may also be reset: then there is no answer either.
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{answer:?}");
    }

    #[tokio::test]
    async fn requests_in_a_row_leave_others_their_turn() {
        const REQUESTS: usize = 200;
        let (address, _tasks) = start(Bounds::OPERATIONS).await;
        let (mut read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
        let last = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let all = [GET.repeat(REQUESTS - 1), last.to_vec()].concat();
        let mut turns = 0;
        let others = async {
            loop {
                turns += 1;
                yield_now().await;
            }
        };
        let mut answers = Vec::new();
        let asks = async { tokio::join!(write.write_all(&all), read.read_to_end(&mut answers)) };
        tokio::select! {
            () = others => {}
            _ = asks => {}
        }
        assert_eq!(String::from_utf8_lossy(&answers).matches("HTTP/1.1 200").count(), REQUESTS);
        assert!(turns >= REQUESTS, "{turns} turns for {REQUESTS} requests");
    }

    #[tokio::test]
    async fn a_connection_that_does_not_begin_with_tls_is_closed_where_there_is_tls() {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key);
        let tls = Some(Arc::new(config.unwrap()));
        let (address, _tasks) = start(Bounds { tls, ..Bounds::RECEIVER }).await;

        let mut plain = TcpStream::connect(address).await.unwrap();
        plain.write_all(GET).await.unwrap();
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");

        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let client = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let client = client.unwrap().with_root_certificates(roots).with_no_client_auth();
        let stream = TcpStream::connect(address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let mut tls = tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
        tls.write_all(GET).await.unwrap();
        let mut answer = [0; 1_024];
        let bytes = tls.read(&mut answer).await.unwrap();
        assert!(answer[..bytes].starts_with(b"HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_request_that_does_not_come_is_not_waited_for() {
        let (address, _tasks) = start(Bounds::OPERATIONS).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert!(get(&mut stream).await.starts_with("HTTP/1.1 200"));
        stream.write_all(b"GET / HT").await.unwrap();
        tokio::time::pause();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{rest:?}");
    }
}
