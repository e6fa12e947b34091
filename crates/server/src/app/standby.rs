//! A node that stands by: another one has the database. It says so to probes, and tries again until the
//! database is free. With `--node-address` it takes calls meanwhile, for the node that has it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use tenterhook_engine::Compilations;
use tenterhook_fleet::{Duty, Joining, Outfit};
use tenterhook_model::Clock;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::certificates::{CertificateWatch, Tls};
use super::door::{Door, Parts};
use super::ops::{PLAIN_TEXT, PROMETHEUS_TEXT, text};
use super::ports;
use super::relay::{Company, Desk, Holder, Relay, SendingFor, readiness};
use super::reload::Reload;
use super::sealing;
use super::storage::{Opened, Storage};
use super::supervisor::Supervisor;
use super::tools;
use crate::config::Config;
use crate::failure::InWords;
use crate::http;
use crate::telemetry::Telemetry;
use crate::telemetry::metrics::Metrics;

/// How long a node waits for the database at a time; it is asked to stop in between.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it waits after it could not reach the database.
const AGAIN: Duration = Duration::from_millis(500);
/// Time beyond the grace for the last answers to be taken.
const LINGER: Duration = Duration::from_secs(5);

/// The ports of a server.
pub(super) struct Ports {
    pub(super) api: Vec<TcpListener>,
    pub(super) ops: Vec<TcpListener>,
}

/// What a node opens its store with.
pub(super) struct Standby<'a> {
    pub(super) config: &'a Config,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: &'a Arc<Metrics>,
    pub(super) telemetry: &'a Arc<Telemetry>,
    pub(super) tls: &'a Option<Tls>,
    /// Cancelled when the server begins to drain.
    pub(super) draining: &'a CancellationToken,
    /// Cancelled when the server is asked to stop.
    pub(super) shutdown: &'a CancellationToken,
    pub(super) reload: &'a Reload,
}

/// The way in to the API.
#[derive(Debug)]
pub(super) enum Entrance {
    /// Its ports are bound, and nobody is let in yet.
    Bound(Vec<TcpListener>),
    /// The door is open: calls go to the node that serves, until this one does.
    Open {
        /// The task of the door.
        serving: JoinSet<()>,
        /// Where it is told who answers.
        relay: Relay,
    },
}

/// A store that this node has, and its ports.
pub(super) struct Start {
    pub(super) storage: Storage,
    pub(super) entrance: Entrance,
    pub(super) ops: Vec<TcpListener>,
    /// The other nodes, if this one has an address for them.
    pub(super) company: Option<Company>,
}

impl Standby<'_> {
    /// Opens the store, once no other node has it; `None` when the server is asked to stop before. `certificates`
    /// are watched meanwhile.
    ///
    /// # Errors
    /// When the store cannot be opened, or somebody has taken the ports meanwhile.
    pub(super) async fn open(self, ports: Ports, certificates: &mut Option<CertificateWatch>) -> Result<Option<Start>> {
        // The end comes first.
        let first = tokio::select! { biased;
            () = self.shutdown.cancelled() => return Ok(None),
            first = self.try_open(Duration::ZERO) => first?,
        };
        let company = self.company()?;
        let holder = match first {
            Opened::Store(storage) => {
                return Ok(Some(Start { storage, entrance: Entrance::Bound(ports.api), ops: ports.ops, company }));
            }
            Opened::Held { holder, left } => {
                self.say(&holder, left, company.is_some());
                holder
            }
        };
        let end = CancellationToken::new();
        let watched = watch_certificates(certificates.take(), self.reload.clone(), end.clone());
        let opening = async {
            let opened = match company {
                Some(company) => self.forward(ports, holder, company).await,
                None => self.stay_closed(ports, holder).await,
            };
            end.cancel();
            opened
        };
        let (watched, opened) = tokio::join!(watched, opening);
        *certificates = watched;
        opened
    }

    async fn try_open(&self, patience: Duration) -> Result<Opened> {
        Storage::open(self.config, patience, self.clock.clone(), self.metrics.clone()).await
    }

    /// The other nodes, if this one has an address. They know each other by the sealing key; opening the store has made
    /// sure of the file.
    fn company(&self) -> Result<Option<Company>> {
        let Some(path) = self.config.sealing_key_file.as_ref().filter(|_| self.config.node_address.is_some()) else {
            return Ok(None);
        };
        let keys = sealing::try_load(path)?;
        let keys = keys.ok_or_else(|| anyhow!("the sealing key {} is missing", path.display()))?;
        Ok(Some(Company::new(keys.nodes, &keys.sealing)))
    }

    /// Waits for the database while nobody can connect to the API, so that clients go elsewhere.
    async fn stay_closed(&self, ports: Ports, holder: Holder) -> Result<Option<Start>> {
        let addresses = ports::Addresses::of(&ports.api, &ports.ops).context("the listener has no address")?;
        drop(ports.api);
        let holder = watch::Sender::new(holder);
        let (ops, probed) = twice(ports.ops)?;
        let opening = self.open_in_turn(false, |now| drop(holder.send_replace(now)));
        let Some(opened) = self.with_probes(probed, Readiness::Closed(holder.subscribe()), opening).await else {
            return Ok(None);
        };
        let bound = Config { listen: addresses.api, ..self.config.clone() };
        let entrance = Entrance::Bound(ports::bind_api(&bound).await?);
        Ok(Some(Start { storage: opened, entrance, ops, company: None }))
    }

    /// Waits for the database while calls go to the node that has it, and makes attempts for that node.
    async fn forward(&self, ports: Ports, holder: Holder, company: Company) -> Result<Option<Start>> {
        let relay = Relay::new(company.key.clone(), self.draining.clone());
        relay.forward_to(Some(holder));
        let (metrics, draining, grace) = (self.metrics.clone(), self.draining.clone(), self.config.drain_grace);
        let (tls, desk) = (self.tls.clone(), Desk::Relay(relay.clone()));
        let known = Some(company.clone());
        let door = Door::new(Parts { listeners: ports.api, tls, desk, company: known, metrics, draining, grace });
        let (mut serving, mut sending) = (JoinSet::new(), JoinSet::new());
        serving.spawn(door.run());
        sending.spawn(self.sending_for(&company, &relay)?.run());
        let (ops, probed) = twice(ports.ops)?;
        let opening = self.open_in_turn(true, |now| relay.forward_to(Some(now).filter(|now| now.epoch > 0)));
        let opened = tokio::select! { biased;
            _ = serving.join_next() => bail!("the API ended by itself; the log says why"),
            _ = sending.join_next() => bail!("the sending for another node ended by itself; the log says why"),
            opened = self.with_probes(probed, Readiness::Relay(relay.clone()), opening) => opened,
        };
        if let Some(storage) = opened {
            // This node decides from now on.
            sending.shutdown().await;
            let entrance = Entrance::Open { serving, relay };
            return Ok(Some(Start { storage, entrance, ops, company: Some(company) }));
        }
        Supervisor::from_environment().stopping();
        self.draining.cancel();
        let ended = async { tokio::join!(timeout(grace, sending.join_next()), serving.join_next()) };
        // The door ends within the grace by itself: this is for calls that nothing can end.
        if timeout(grace + LINGER, ended).await.is_err() {
            serving.shutdown().await;
        }
        Ok(None)
    }

    /// The part that makes attempts for the node that serves.
    fn sending_for(&self, company: &Company, relay: &Relay) -> Result<SendingFor> {
        let (_, deliverer) = tools::deliverer(self.config);
        let outfit = Outfit {
            render: tools::render(self.config)?,
            compilations: Arc::new(Compilations::new()),
            trace: tools::trace(self.telemetry),
            carrier: company.carrier.clone(),
        };
        Ok(SendingFor {
            joining: Joining::new(self.config.node.name.clone(), self.config.max_in_flight),
            duty: Duty { outfit, deliverer, room: self.config.max_in_flight },
            relay: relay.clone(),
            leave: self.draining.clone(),
        })
    }

    /// Tries to open the store until it is free, and hands on who has it.
    async fn open_in_turn(&self, forwards: bool, held: impl Fn(Holder)) -> Storage {
        let mut before = None;
        loop {
            match self.try_open(PATIENCE).await {
                Ok(Opened::Store(storage)) => {
                    tracing::info!(node = self.config.node.name, "the database is free: taking over");
                    return storage;
                }
                Ok(Opened::Held { holder, left }) => {
                    if before.replace(holder.epoch).is_some_and(|before| before != holder.epoch) {
                        self.say(&holder, left, forwards);
                    }
                    held(holder);
                }
                // It may be what the other node has ended of: the one that stands by must not.
                Err(error) => {
                    tracing::warn!(%error, "the database cannot be opened; trying again");
                    sleep(AGAIN).await;
                }
            }
        }
    }

    fn say(&self, holder: &Holder, left: Duration, forwards: bool) {
        let (node, own_name) = (&holder.node, &self.config.node.name);
        tracing::info!(node, lease_ends_in = ?left, own_name, forwards, "standing by: another node has the database");
        Supervisor::from_environment().standing_by();
    }

    /// Answers on the operations listener until `opening` is done, or the server is asked to stop.
    async fn with_probes<T>(
        &self,
        ops: Vec<TcpListener>,
        readiness: Readiness,
        opening: impl Future<Output = T>,
    ) -> Option<T> {
        let end = CancellationToken::new();
        let probes = self.answer_probes(ops, readiness, end.clone());
        let opening = async {
            // The end comes first.
            let opened = tokio::select! { biased;
                () = self.shutdown.cancelled() => None,
                opened = opening => Some(opened),
            };
            end.cancel();
            opened
        };
        tokio::join!(probes, opening).1
    }

    async fn answer_probes(&self, ops: Vec<TcpListener>, readiness: Readiness, end: CancellationToken) {
        let telemetry = self.telemetry.clone();
        let handle = move |request: Request<Incoming>, _peer: SocketAddr| {
            let (telemetry, readiness) = (telemetry.clone(), readiness.clone());
            async move { answer(&request, &telemetry, &readiness).await }
        };
        http::serve_all(ops, http::Bounds::OPERATIONS, end, handle).await;
    }
}

/// Whether a node that stands by is ready.
#[derive(Clone)]
enum Readiness {
    /// It is not: it takes no calls while this node has the database.
    Closed(watch::Receiver<Holder>),
    /// It is while calls can be forwarded.
    Relay(Relay),
}

impl Readiness {
    async fn tell(&self) -> Result<String, String> {
        match self {
            Self::Closed(holder) => Err(format!("standing by: the node `{}` has the database", holder.borrow().node)),
            Self::Relay(relay) => readiness(relay).await,
        }
    }
}

async fn answer(request: &Request<Incoming>, telemetry: &Telemetry, readiness: &Readiness) -> Response<Full<Bytes>> {
    match request.uri().path() {
        "/livez" => text(StatusCode::OK, PLAIN_TEXT, "ok\n"),
        "/metrics" => text(StatusCode::OK, PROMETHEUS_TEXT, telemetry.prometheus_text()),
        "/readyz" => match readiness.tell().await {
            Ok(words) => text(StatusCode::OK, PLAIN_TEXT, format!("{words}\n")),
            Err(words) => text(StatusCode::SERVICE_UNAVAILABLE, PLAIN_TEXT, format!("{words}\n")),
        },
        _ => text(StatusCode::NOT_FOUND, PLAIN_TEXT, "there are /metrics, /livez and /readyz here\n"),
    }
}

/// Listeners twice, so that some can be served and given up while nobody who connects is refused.
fn twice(listeners: Vec<TcpListener>) -> Result<(Vec<TcpListener>, Vec<TcpListener>)> {
    let duplicated = |listener: TcpListener| -> io::Result<_> {
        let one = listener.into_std()?;
        let other = one.try_clone()?;
        Ok((TcpListener::from_std(one)?, TcpListener::from_std(other)?))
    };
    let all: io::Result<_> = listeners.into_iter().map(duplicated).collect();
    all.context("the operations listener cannot be kept open")
}

/// Watches over certificates until `end`.
async fn watch_certificates(
    certificates: Option<CertificateWatch>,
    reload: Reload,
    end: CancellationToken,
) -> Option<CertificateWatch> {
    match certificates {
        Some(certificates) => Some(certificates.run(reload, end).await),
        None => None,
    }
}
