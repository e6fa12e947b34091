//! A node that stands by: another one has the database. It takes no calls, tells probes so, and tries
//! again until the database is free.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use tenterhook_model::Clock;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::ops::{PLAIN_TEXT, PROMETHEUS_TEXT, text};
use super::ports;
use super::storage::{Opened, Storage};
use super::supervisor::Supervisor;
use crate::config::Config;
use crate::failure::InWords;
use crate::http;
use crate::telemetry::Telemetry;
use crate::telemetry::metrics::Metrics;

/// How long a node waits before it tries again: it takes over within a second.
const AGAIN: Duration = Duration::from_millis(500);

/// The ports of a server.
pub(super) struct Ports {
    pub(super) api: Vec<TcpListener>,
    pub(super) ops: Option<TcpListener>,
}

/// What a node opens its store with.
pub(super) struct Standby<'a> {
    pub(super) config: &'a Config,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: &'a Arc<Metrics>,
    pub(super) telemetry: &'a Arc<Telemetry>,
}

impl Standby<'_> {
    /// Opens the store, once no other node has it. Until then nobody can connect to the API, so that clients
    /// go elsewhere, and `/readyz` says who has it.
    ///
    /// # Errors
    /// When the store cannot be opened, or somebody has taken the ports meanwhile.
    pub(super) async fn open(self, ports: Ports) -> Result<(Storage, Ports)> {
        let holder = match self.try_open().await? {
            Opened::Store(storage) => return Ok((storage, ports)),
            Opened::Held { node, left } => {
                self.say(&node, left);
                node
            }
        };
        let (config, addresses) = (self.config, ports::Addresses::of(&ports.api[0], ports.ops.as_ref()));
        drop(ports.api);
        let (holder, end) = (watch::Sender::new(holder), CancellationToken::new());
        let probes = self.answer_probes(ports.ops, holder.subscribe(), end.clone());
        let opening = async {
            let opened = self.open_in_turn(&holder).await;
            end.cancel();
            opened
        };
        let ((), opened) = tokio::join!(probes, opening);
        let addresses = addresses.context("the listener has no address")?;
        let bound = Config { listen: addresses.api, ops_listen: addresses.ops, ..config.clone() };
        Ok((opened?, Ports { api: ports::bind_api(&bound).await?, ops: ports::bind_ops(&bound).await? }))
    }

    async fn try_open(&self) -> Result<Opened> {
        Storage::open(self.config, self.clock.clone(), self.metrics.clone()).await
    }

    /// Tries to open the store until it is free; `holder` is who has it.
    async fn open_in_turn(&self, holder: &watch::Sender<String>) -> Result<Storage> {
        loop {
            sleep(AGAIN).await;
            match self.try_open().await {
                Ok(Opened::Store(storage)) => {
                    tracing::info!(node = self.config.node.name, "the database is free: taking over");
                    return Ok(storage);
                }
                Ok(Opened::Held { node, left }) => {
                    if holder.send_replace(node.clone()) != node {
                        self.say(&node, left);
                    }
                }
                // It may be what the other node has ended of: the one that stands by must not.
                Err(error) => tracing::warn!(%error, "the database cannot be opened; trying again"),
            }
        }
    }

    fn say(&self, node: &str, left: Duration) {
        tracing::info!(node, lease_ends_in = ?left, own_name = self.config.node.name, "standing by: another node has the database");
        Supervisor::from_environment().standing_by();
    }

    /// Answers on the operations listener until `end`.
    async fn answer_probes(&self, ops: Option<TcpListener>, holder: watch::Receiver<String>, end: CancellationToken) {
        let Some(listener) = ops else { return };
        let telemetry = self.telemetry.clone();
        http::serve(listener, http::Bounds::OPERATIONS, end, move |request, _peer| {
            let answer = answer(&request, &telemetry, &holder.borrow());
            async move { answer }
        })
        .await;
    }
}

fn answer(request: &Request<Incoming>, telemetry: &Telemetry, holder: &str) -> Response<Full<Bytes>> {
    match request.uri().path() {
        "/livez" => text(StatusCode::OK, PLAIN_TEXT, "ok\n"),
        "/metrics" => text(StatusCode::OK, PROMETHEUS_TEXT, telemetry.prometheus_text()),
        "/readyz" => {
            let told = format!("standing by: the node `{holder}` has the database\n");
            text(StatusCode::SERVICE_UNAVAILABLE, PLAIN_TEXT, told)
        }
        _ => text(StatusCode::NOT_FOUND, PLAIN_TEXT, "there are /metrics, /livez and /readyz here\n"),
    }
}
