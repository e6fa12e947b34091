//! The door of the API's listener: it owns each connection from its accept to its end.
//!
//! ```text
//! accept ─▶ places (room? who goes?) ─▶ session: TLS ─▶ greeting (which HTTP?) ─▶ wire (frames, standstill)
//!                                                               the desk ◀─ HTTP/2, or HTTP/1.1 in slices ◀┘
//! ```
//! Each step has a deadline, each connection a share of what may be held, and each that is refused
//! or cut is counted by its reason. Decision 18 says why the loop is our own.

mod cut;
mod frames;
mod greeting;
mod http;
mod places;
mod plain;
mod rest;
mod session;
mod slices;
mod times;
mod wire;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tenterhook_api::Budgets;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::certificates::Tls;
use crate::app::relay::{Company, Desk};
use crate::telemetry::metrics::Metrics;
pub(crate) use cut::Cut;
use places::{Bounds, Places};
use session::{Nodes, Session, Shared};
use times::Times;

/// Connections at once, in all and from one IPv4 address or IPv6 /64.
const BOUNDS: Bounds = Bounds { connections: 10_000, a_network: 256 };
/// Pause after a failed accept (out of sockets), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Time between two lines of the log about connections that were refused or cut.
const NOTICE: Duration = Duration::from_secs(60);

/// What a door is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Where connections come from.
    pub(crate) listeners: Vec<TcpListener>,
    /// The server's side of TLS, if it speaks TLS.
    pub(crate) tls: Option<Tls>,
    /// Where calls are answered.
    pub(crate) desk: Desk,
    /// The other nodes, if there may be any.
    pub(crate) company: Option<Company>,
    /// Where connections are counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Cancelled when the server begins to stop.
    pub(crate) draining: CancellationToken,
    /// Longest time for calls in flight after that.
    pub(crate) grace: Duration,
}

/// The door of a listener.
#[derive(Debug)]
pub(crate) struct Door {
    listeners: Vec<TcpListener>,
    places: Places,
    budgets: Budgets,
    shared: Arc<Shared>,
    metrics: Arc<Metrics>,
    notices: Notices,
}

impl Door {
    /// A door made of `parts`.
    pub(crate) fn new(parts: Parts) -> Self {
        let times = Times::new(parts.grace);
        Self::with(parts, BOUNDS, times)
    }

    fn with(parts: Parts, bounds: Bounds, times: Times) -> Self {
        let Parts { listeners, tls, desk, company, metrics, draining, .. } = parts;
        let (places, budgets, notices) = (Places::new(bounds), Budgets::default(), Notices::default());
        let nodes = company.map(|company| Nodes { company, places: places.clone(), budgets: budgets.clone() });
        let shared = Arc::new(Shared { tls, desk, nodes, times, calls: TaskTracker::new(), draining });
        Self { listeners, places, budgets, shared, metrics, notices }
    }

    /// Serves until the server begins to stop, then until calls in flight are answered, for the
    /// grace at most. All connections have ended when it returns.
    pub(crate) async fn run(mut self) {
        let draining = self.shared.draining.clone();
        let mut sessions = JoinSet::new();
        loop {
            // The end comes first; then the ends of connections, which make room for new ones.
            tokio::select! { biased;
                () = draining.cancelled() => break,
                Some(ended) = sessions.join_next() => self.ended(ended),
                accepted = accept(&self.listeners) => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer, &mut sessions),
                    Err(error) => {
                        tracing::warn!(%error, "a connection was not accepted");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        // Clients must see at once that nobody listens any more.
        self.listeners.clear();
        while let Some(ended) = sessions.join_next().await {
            self.ended(ended);
        }
        self.shared.calls.close();
        self.shared.calls.wait().await;
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr, sessions: &mut JoinSet<Option<Cut>>) {
        let connection = self.budgets.connection().from_peer(peer);
        match self.places.take(peer.ip(), connection.clone()) {
            Ok(place) => {
                sessions.spawn(Session { stream, place, connection, shared: self.shared.clone() }.run());
                self.metrics.connections(self.places.count());
            }
            Err(why) => self.count(why),
        }
    }

    fn ended(&mut self, ended: Result<Option<Cut>, JoinError>) {
        self.metrics.connections(self.places.count());
        match ended {
            Ok(None) => {}
            Ok(Some(why)) => self.count(why),
            Err(error) => tracing::error!(%error, "a connection's task panicked"),
        }
    }

    fn count(&mut self, why: Cut) {
        self.metrics.connection_cut(why);
        self.notices.note(why);
    }
}

/// The next connection of any of the listeners.
async fn accept(listeners: &[TcpListener]) -> io::Result<(TcpStream, SocketAddr)> {
    poll_fn(|context| {
        for listener in listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

/// Says in the log that connections were refused or cut: one line a minute, whatever happens.
#[derive(Debug, Default)]
struct Notices {
    counts: BTreeMap<Cut, u64>,
    next_at: Option<Instant>,
}

impl Notices {
    fn note(&mut self, why: Cut) {
        *self.counts.entry(why).or_default() += 1;
        let now = Instant::now();
        if self.next_at.is_some_and(|at| now < at) {
            return;
        }
        self.next_at = Some(now + NOTICE);
        let counts = std::mem::take(&mut self.counts);
        let reasons: Vec<_> = counts.iter().map(|(why, count)| format!("{}={count}", why.as_str())).collect();
        tracing::warn!(
            reasons = reasons.join(" "),
            "connections were refused or cut; OPERATIONS.md explains the reasons"
        );
    }
}

#[cfg(test)]
mod node_tests;
#[cfg(test)]
mod tests;
