//! One connection from its accept to its end.

use std::error::Error as _;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tenterhook_api::access::names_of_certificate;
use tenterhook_api::{Budgets, Connection, PeerNames};
use tenterhook_fleet::Joining;
use tenterhook_model::OsEntropy;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, interval_at, sleep, sleep_until, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::cut::Cut;
use super::greeting::{Greeting, Protocol};
use super::http::{Requests, http1, http2};
use super::places::{Place, Places};
use super::plain;
use super::times::Times;
use super::wire::{Signs, Wire};
use crate::app::certificates::Tls;
use crate::app::relay::proof::{Caller, believe, binding_of_server};
use crate::app::relay::{Client, Company, Desk};

/// Parts of the age by which connections differ.
const AGE_PARTS: u64 = 100;

/// What all connections of a door share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Makes the server's side of TLS, if it speaks TLS.
    pub(super) tls: Option<Tls>,
    /// Where calls are answered.
    pub(super) desk: Desk,
    /// What is needed to believe other nodes, if there are any.
    pub(super) nodes: Option<Nodes>,
    /// How long a connection has for each thing.
    pub(super) times: Times,
    /// The tasks of calls.
    pub(super) calls: TaskTracker,
    /// Cancelled when the server begins to stop.
    pub(super) draining: CancellationToken,
}

/// What it takes to let in clients that other nodes speak for.
#[derive(Debug)]
pub(super) struct Nodes {
    /// What a node proves, and those that have joined.
    pub(super) company: Company,
    /// Where their clients are counted.
    pub(super) places: Places,
    /// What their clients share with the others.
    pub(super) budgets: Budgets,
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
            return Box::pin(open.serve(stream, Vec::new(), &[])).await;
        };
        let opening = async {
            if plain::is_plain(&stream).await {
                plain::refuse(stream, shared.times.linger).await;
                return Err(Cut::Plaintext);
            }
            TlsAcceptor::from(tls.current()).accept(stream).await.map_err(|_| Cut::Handshake)
        };
        // Room for others comes first, then the end of the server.
        let stream = tokio::select! { biased;
            () = place.evicted.cancelled() => return Some(Cut::Evicted),
            () = shared.draining.cancelled() => return None,
            stream = timeout_at(open_by, opening) => stream,
        };
        let stream = match stream {
            Err(_) => return Some(Cut::Late),
            Ok(Err(why)) => return Some(why),
            Ok(Ok(stream)) => stream,
        };
        let session = stream.get_ref().1;
        let certificates = session.peer_certificates().unwrap_or_default();
        let names = certificates.first().map(|first| names_of_certificate(first)).unwrap_or_default();
        let binding = shared.nodes.as_ref().map(|_| binding_of_server(session)).unwrap_or_default();
        Box::pin(open.serve(stream, names, &binding)).await
    }
}

/// Who is at the other end.
enum Known {
    /// A client, and the first bytes of its HTTP.
    Client(Greeting, Client),
    /// A node that offers to make attempts.
    Node(Joining, Connection),
}

/// A connection that speaks HTTP, or is about to.
struct Open<'a> {
    place: &'a Place,
    connection: Connection,
    shared: &'a Shared,
    open_by: Instant,
}

impl Open<'_> {
    /// Serves a client whose certificate has these `names`, or another node that proves itself with `binding`.
    async fn serve<S>(mut self, mut stream: S, names: Vec<String>, binding: &[u8]) -> Option<Cut>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (place, draining) = (self.place, self.shared.draining.clone());
        let known = self.know(&mut stream, names, binding);
        // Room for others comes first, then the end of the server.
        let known = tokio::select! { biased;
            () = place.evicted.cancelled() => return Some(Cut::Evicted),
            () = draining.cancelled() => return None,
            known = timeout_at(self.open_by, known) => known,
        };
        let (greeting, client) = match known {
            Err(_) => return Some(Cut::Late),
            Ok(Err(why)) => return why,
            Ok(Ok(Known::Client(greeting, client))) => (greeting, client),
            Ok(Ok(Known::Node(joining, connection))) => {
                let nodes = self.shared.nodes.as_ref()?;
                let _used = connection.occupy();
                nodes.company.fleet.work_with(joining, stream, &place.evicted).await;
                return place.evicted.is_cancelled().then_some(Cut::Evicted);
            }
        };
        self.connection = client.connection.clone();
        let signs = Arc::new(Signs::default());
        let io = TokioIo::new(Wire::new(stream, greeting, self.shared.times.stuck, signs.clone()));
        let (connection, names) = (self.connection.clone(), PeerNames(client.caller.names.clone().into()));
        let clerk = self.shared.desk.clerk(client, &self.shared.calls);
        let requests = Requests { clerk, connection, names };
        match greeting.protocol() {
            Protocol::Http2 => {
                let service = service_fn(requests.over_http2());
                let connection = http2(self.shared.calls.clone()).serve_connection(io, service);
                self.drive(pin!(connection), |http| http.graceful_shutdown(), &signs).await
            }
            Protocol::Http1 | Protocol::Node => {
                let service = service_fn(requests.over_http1(signs.clone()));
                let connection = http1(&self.shared.times).serve_connection(io, service);
                self.drive(pin!(connection), |http| http.graceful_shutdown(), &signs).await
            }
        }
    }

    /// Who is at the other end of `stream`, and the first bytes of its HTTP.
    async fn know<S>(&self, stream: &mut S, names: Vec<String>, binding: &[u8]) -> Result<Known, Option<Cut>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let greeting = Greeting::read(stream).await.map_err(|_| None)?;
        let peer = self.connection.peer().ok_or(None)?;
        let Some(nodes) = self.shared.nodes.as_ref().filter(|_| greeting.protocol() == Protocol::Node) else {
            let caller = Caller { peer, names, is_http1: greeting.protocol() != Protocol::Http2, joining: None };
            let client = Client { connection: self.connection.clone(), caller, is_forwarded: false };
            return Ok(Known::Client(greeting, client));
        };
        let believed = believe(stream, &nodes.company.key, binding, greeting.bytes(), &OsEntropy).await;
        let caller = believed.map_err(|why| {
            tracing::debug!(%peer, %why, "a connection that began as another node's was cut");
            Some(Cut::Unproved)
        })?;
        let connection = nodes.budgets.connection().from_peer(caller.peer);
        nodes.places.give_to(self.place, caller.peer.ip(), connection.clone()).map_err(Some)?;
        if let Some(joining) = caller.joining {
            return Ok(Known::Node(joining, connection));
        }
        // A node that only looks whether this one is there goes now.
        let greeting = Greeting::read(stream).await.map_err(|_| None)?;
        if greeting.protocol() != Protocol::Http2 {
            return Err(Some(Cut::Unproved));
        }
        Ok(Known::Client(greeting, Client { connection, caller, is_forwarded: true }))
    }

    /// Waits for the end of the connection `http`, which `finish` asks to end after its calls, and
    /// for every reason to end it.
    async fn drive<F>(self, mut http: Pin<&mut F>, finish: impl Fn(Pin<&mut F>), signs: &Signs) -> Option<Cut>
    where
        F: Future<Output = hyper::Result<()>>,
    {
        let Times { round, age, .. } = self.shared.times;
        let old_at = Instant::now() + age.0.mul_f64(1.0 - self.youth());
        let old = async {
            sleep_until(old_at).await;
            self.connection.unkept().await;
        };
        let mut old = pin!(old);
        let mut rounds = interval_at(Instant::now() + round, round);
        let mut is_open = false;
        // Room for others comes first, then the end of the server; the connection's own work goes
        // before its times, so that what has come in time counts.
        loop {
            tokio::select! { biased;
                () = self.place.evicted.cancelled() => return Some(Cut::Evicted),
                () = self.shared.draining.cancelled() => {
                    finish(http.as_mut());
                    return self.close(http, signs, Cut::Lingered, None).await;
                }
                ended = http.as_mut() => return why(ended, signs),
                () = signs.opened(), if !is_open => is_open = true,
                () = sleep_until(self.open_by), if !is_open => return Some(Cut::Late),
                () = self.connection.expelled() => {
                    finish(http.as_mut());
                    return self.close(http, signs, Cut::Refused, Some(self.shared.times.linger)).await;
                }
                () = old.as_mut() => {
                    finish(http.as_mut());
                    self.connection.retire();
                    return self.close(http, signs, Cut::Lingered, Some(age.1)).await;
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
        http: Pin<&mut impl Future<Output = hyper::Result<()>>>,
        signs: &Signs,
        lingered: Cut,
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
            ended = http => why(ended, signs),
            () = self.place.evicted.cancelled() => Some(Cut::Evicted),
            () = stop => Some(lingered),
            () = patience => Some(lingered),
        }
    }

    /// The part of the age by which this connection goes earlier than others, up to a tenth.
    fn youth(&self) -> f64 {
        (self.place.id % AGE_PARTS) as f64 / AGE_PARTS as f64 / 10.0
    }
}

/// Why a connection `ended`, if the door or the client's own doing ended it.
fn why(ended: hyper::Result<()>, signs: &Signs) -> Option<Cut> {
    signs.cut().or_else(|| ended.is_err_and(|error| breaks_rules(&error)).then_some(Cut::Protocol))
}

/// Whether a connection failed because of what the client sent, not because it broke or the client gave up.
fn breaks_rules(error: &hyper::Error) -> bool {
    let of_http2 = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    error.is_parse() || of_http2.is_some_and(|error| error.is_library() && !error.is_io())
}
