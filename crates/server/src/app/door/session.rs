//! One connection from its accept to its end.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tenterhook_api::access::names_of_certificate;
use tenterhook_api::server::{HEADER_LIST_BYTES, KEEPALIVE, LOCAL_RESETS, STREAMS_PER_CONNECTION};
use tenterhook_api::{Connection, PeerNames};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, interval_at, sleep, sleep_until, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tower::Service as _;

use super::cut::Cut;
use super::places::Place;
use super::times::Times;
use super::wire::{Signs, Wire};

/// Bytes of one answer that wait in HTTP/2 for the client's flow control.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Parts of the age by which connections differ.
const AGE_PARTS: u64 = 100;

/// What all connections of a door share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Makes the server's side of TLS, if it speaks TLS.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// The API.
    pub(super) routes: Routes,
    /// How long a connection has for each thing.
    pub(super) times: Times,
    /// The tasks of calls.
    pub(super) calls: TaskTracker,
    /// Cancelled when the server begins to stop.
    pub(super) draining: CancellationToken,
}

/// A connection that has a place.
#[derive(Debug)]
pub(super) struct Session {
    /// Its bytes.
    pub(super) stream: TcpStream,
    /// Its place.
    pub(super) place: Place,
    /// What the API knows of it.
    pub(super) connection: Connection,
    /// What it shares with the others.
    pub(super) shared: Arc<Shared>,
}

impl Session {
    /// Serves the connection to its end; why it was cut, if it was.
    pub(super) async fn run(self) -> Option<Cut> {
        let Self { stream, place, connection, shared } = self;
        // Small answers must not wait for more to send; a socket that refuses the option still works.
        let _ = stream.set_nodelay(true);
        let open_by = Instant::now() + shared.times.opening;
        let open = Open { place: &place, connection, shared: &shared, open_by };
        let Some(tls) = &shared.tls else {
            return Box::pin(open.serve(stream, PeerNames::default())).await;
        };
        // Room for others comes first, then the end of the server.
        let stream = tokio::select! { biased;
            () = place.evicted.cancelled() => return Some(Cut::Evicted),
            () = shared.draining.cancelled() => return None,
            stream = timeout_at(open_by, TlsAcceptor::from(tls.clone()).accept(stream)) => stream,
        };
        let stream = match stream {
            Err(_) => return Some(Cut::Late),
            Ok(Err(_)) => return Some(Cut::Handshake),
            Ok(Ok(stream)) => stream,
        };
        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let names = PeerNames(certificates.first().map(|first| names_of_certificate(first)).unwrap_or_default().into());
        Box::pin(open.serve(stream, names)).await
    }
}

/// A connection that speaks HTTP/2, or is about to.
struct Open<'a> {
    place: &'a Place,
    connection: Connection,
    shared: &'a Shared,
    open_by: Instant,
}

impl Open<'_> {
    async fn serve<S>(self, stream: S, names: PeerNames) -> Option<Cut>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Times { stuck, round, age, .. } = self.shared.times;
        let signs = Arc::new(Signs::default());
        let io = TokioIo::new(Wire::new(stream, stuck, signs.clone()));
        let service = service_fn(answers(self.shared.routes.clone(), self.connection.clone(), names));
        let mut http = pin!(http2(self.shared.calls.clone()).serve_connection(io, service));
        let old_at = Instant::now() + age.0.mul_f64(1.0 - self.youth());
        let mut rounds = interval_at(Instant::now() + round, round);
        let mut is_open = false;
        // Room for others comes first, then the end of the server; the connection's own work goes
        // before its times, so that what has come in time counts.
        loop {
            tokio::select! { biased;
                () = self.place.evicted.cancelled() => return Some(Cut::Evicted),
                () = self.shared.draining.cancelled() => {
                    http.as_mut().graceful_shutdown();
                    return self.close(http, &signs, Cut::Lingered, None).await;
                }
                _ = http.as_mut() => return signs.cut(),
                () = signs.opened(), if !is_open => is_open = true,
                () = sleep_until(self.open_by), if !is_open => return Some(Cut::Late),
                () = self.connection.expelled() => {
                    http.as_mut().graceful_shutdown();
                    return self.close(http, &signs, Cut::Refused, Some(self.shared.times.linger)).await;
                }
                () = sleep_until(old_at) => {
                    http.as_mut().graceful_shutdown();
                    self.connection.retire();
                    return self.close(http, &signs, Cut::Lingered, Some(age.1)).await;
                }
                _ = rounds.tick() => if self.connection.next_round() {
                    return Some(Cut::Untaken);
                },
            }
        }
    }

    /// Waits for the end of a connection that was asked to go: for `patience`, and once the server
    /// stops until its calls are answered and a little longer.
    async fn close(
        &self,
        http: Pin<&mut impl Future>,
        signs: &Signs,
        why: Cut,
        patience: Option<Duration>,
    ) -> Option<Cut> {
        let Times { grace, linger, .. } = self.shared.times;
        let patience = async {
            match patience {
                Some(patience) => sleep(patience).await,
                None => std::future::pending().await,
            }
        };
        let stop = async {
            self.shared.draining.cancelled().await;
            // What is not answered within the grace is cut.
            let _ = tokio::time::timeout(grace, self.connection.rested()).await;
            sleep(linger).await;
        };
        // The connection's own end comes first.
        tokio::select! { biased;
            _ = http => signs.cut(),
            () = self.place.evicted.cancelled() => Some(Cut::Evicted),
            () = stop => Some(why),
            () = patience => Some(why),
        }
    }

    /// The part of the age by which this connection goes earlier than others, up to a tenth.
    fn youth(&self) -> f64 {
        (self.place.id % AGE_PARTS) as f64 / AGE_PARTS as f64 / 10.0
    }
}

/// HTTP/2 with every limit set.
fn http2(calls: TaskTracker) -> http2::Builder<Calls> {
    let mut builder = http2::Builder::new(Calls(calls));
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .max_header_list_size(HEADER_LIST_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(KEEPALIVE.0)
        .keep_alive_timeout(KEEPALIVE.1);
    builder
}

/// The API at work on a request.
type Answering = <Routes as tower::Service<Request<Incoming>>>::Future;

/// Hands a connection's requests to the API.
fn answers(routes: Routes, connection: Connection, names: PeerNames) -> impl Fn(Request<Incoming>) -> Answering {
    move |mut request| {
        request.extensions_mut().insert(connection.clone());
        request.extensions_mut().insert(names.clone());
        // The routes are always ready.
        routes.clone().call(request)
    }
}

/// Runs the calls of a connection as tasks that the door waits for.
#[derive(Debug, Clone)]
struct Calls(TaskTracker);

impl<F> hyper::rt::Executor<F> for Calls
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, call: F) {
        self.0.spawn(call);
    }
}
