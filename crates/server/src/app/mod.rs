//! The server: `build` binds ports and opens the store, `run` serves until it has drained.
//!
//! `serve` runs it as a process of its own; `demo` and tests run it inside theirs.

pub(crate) mod banner;
mod calls;
pub(crate) mod certificates;
mod console;
pub(crate) mod door;
mod drain;
mod expiring;
#[cfg(test)]
mod hand_tests;
/// The file of API keys.
pub mod keys;
pub(crate) mod ops;
mod ports;
mod relay;
mod reload;
mod retention;
mod sampler;
/// The key that seals secrets in the store.
pub mod sealing;
/// SIGINT and SIGTERM.
pub mod signals;
mod standby;
mod steady;
mod storage;
mod supervisor;
mod tasks;
mod tls;
mod tools;
mod trial;
mod watches;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tenterhook_api::access::Access;
use tenterhook_api::{About, Api, ApiState, Refusals, router};
use tenterhook_attempt::{Elsewhere, Nowhere};
use tenterhook_console::Console;
use tenterhook_deliver::{CertificateCheck, Deliverer};
use tenterhook_dispatch::{Dispatcher, Parts, Settings};
use tenterhook_engine::{Compilations, Contexts};
use tenterhook_fleet::Granting;
use tenterhook_http::Front;
use tenterhook_intake::Intake;
use tenterhook_model::{Clock, OsEntropy, SystemClock, Timestamp};
use tenterhook_store::{Publishing, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::util::BoxCloneSyncService;

use crate::config::{Config, NodeAddress};
use crate::failure::InWords;
use crate::telemetry::Telemetry;
use crate::telemetry::metrics::Metrics;
use banner::Banner;
use certificates::{CertificateWatch, Tls};
use relay::Company;
use sampler::Sampler;
use signals::Signals;
use standby::{Entrance, Ports, Standby, Start};
use storage::Storage;
use supervisor::Supervisor;
use tenterhook_terminal::Terminal;
use tools::{deliverer, render, trace};
use watches::Watches;

pub use drain::Ending;
pub use ports::{Addresses, listen_on};
pub use reload::Reload;
pub use tenterhook_store::remove_trial;
pub use tools::cage;
pub use trial::check;

/// How long another node may send is one of this many parts of a lease: the part that its holder leaves unused.
const GRANTS_A_LEASE: u32 = 5;

/// A server that is ready to run: its ports are bound and its store is open.
#[derive(Debug)]
pub struct App {
    addresses: Addresses,
    entrance: Entrance,
    ops: Vec<TcpListener>,
    /// The other nodes, if this one has an address for them.
    company: Option<Company>,
    tls: Option<Tls>,
    storage: Storage,
    deliverer: Deliverer,
    dispatcher: Dispatcher<Deliverer>,
    api: Api,
    front: Front,
    intake: Arc<Intake>,
    /// Cancelled when the server begins to drain.
    draining: CancellationToken,
    watches: Watches,
    telemetry: Arc<Telemetry>,
    metrics: Arc<Metrics>,
    retention: Duration,
    public_url: Option<String>,
    grace: Duration,
    sampler: Option<Sampler>,
    /// Learns when the server is ready and when it stops.
    supervisor: Supervisor,
}

/// What a server is put together on.
struct Basis {
    clock: Arc<dyn Clock>,
    started: Timestamp,
    metrics: Arc<Metrics>,
    telemetry: Arc<Telemetry>,
    tls: Option<Tls>,
    certificates: Option<CertificateWatch>,
    addresses: Addresses,
    draining: CancellationToken,
    start: Start,
}

impl App {
    /// Binds the ports of `config` and opens its store. Call it inside the runtime that runs it.
    ///
    /// # Errors
    /// When a port is taken, the store cannot be opened or a certificate cannot be used.
    pub async fn build(config: &Config, telemetry: Arc<Telemetry>) -> Result<Self> {
        let (never, reload) = (CancellationToken::new(), Reload::default());
        let built = Self::build_unless(config, telemetry, &never, &reload).await?;
        Ok(built.expect("nobody has asked it to stop"))
    }

    /// As [`App::build`]; `None` when `shutdown` is cancelled while another node has the database. What is
    /// watched then is read again at once when `reload` asks for it.
    async fn build_unless(
        config: &Config,
        telemetry: Arc<Telemetry>,
        shutdown: &CancellationToken,
        reload: &Reload,
    ) -> Result<Option<Self>> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let started = clock.now();
        let metrics = Arc::new(Metrics::new(&telemetry, clock.clone()));
        let (tls, mut certificates) = watches::certificates(config, &metrics)?;
        let ports = Ports { api: ports::bind_api(config).await?, ops: ports::bind_ops(config).await? };
        let addresses = Addresses::of(&ports.api, &ports.ops).context("the listener has no address")?;
        let config = &reached_at(config, addresses);
        let draining = CancellationToken::new();
        let standby = Standby {
            config,
            clock: clock.clone(),
            metrics: &metrics,
            telemetry: &telemetry,
            tls: &tls,
            draining: &draining,
            shutdown,
            reload,
        };
        let Some(start) = standby.open(ports, &mut certificates).await? else { return Ok(None) };
        let basis = Basis { clock, started, metrics, telemetry, tls, certificates, addresses, draining, start };
        Self::assemble(config, basis).await.map(Some)
    }

    /// Puts the server together on an open store.
    async fn assemble(config: &Config, basis: Basis) -> Result<Self> {
        let Basis { clock, started, metrics, telemetry, tls, certificates, addresses, draining, start } = basis;
        let Start { storage, entrance, ops, company } = start;
        let sampler = sampled(config, &storage, &metrics).await;
        let (resolver, deliverer) = deliverer(config);
        let render = render(config)?;
        let (compilations, trace) = (Arc::new(Compilations::new()), trace(&telemetry));
        let parts = Parts {
            store: storage.store.clone(),
            render: render.clone(),
            compilations: compilations.clone(),
            contexts: Arc::new(Contexts::new()),
            clock: clock.clone(),
            entropy: Arc::new(OsEntropy),
            meter: metrics.clone(),
            trace: trace.clone(),
            elsewhere: elsewhere(config, &storage, company.as_ref()),
        };
        metrics.attempts(config.max_in_flight, parts.elsewhere.room());
        let intake = Arc::new(intake(storage.store.clone(), &parts, metrics.clone()));
        let (access, keys) = watches::access(config, &metrics)?;
        let console = console::console(config, access.clone(), clock.clone())?;
        let api = router(ApiState {
            store: storage.store.clone(),
            intake: intake.clone(),
            render,
            entropy: Arc::new(OsEntropy),
            compilations,
            resolver,
            addresses: Arc::new(config.addresses.clone()),
            egress: Arc::new(config.egress.clone()),
            transport_check: Arc::new(CertificateCheck::new(clock.clone(), config.addresses.allow_insecure_tls)),
            sender: BoxCloneSyncService::new(deliverer.clone()),
            trace,
            clock,
            access: access.clone(),
            token_key: storage.tokens.clone(),
            meter: metrics.clone(),
            shutdown: draining.clone(),
            reflection: config.reflection,
            about: about(config, started),
        })
        .await;
        Ok(Self {
            addresses,
            entrance,
            ops,
            company,
            tls,
            storage,
            dispatcher: Dispatcher::new(parts, deliverer.clone(), settings(config)),
            deliverer,
            front: front(config, &api, access.clone(), &metrics, console),
            api,
            intake,
            draining,
            watches: Watches { keys, certificates, access, reload: Reload::default() },
            telemetry,
            metrics,
            retention: config.retention,
            public_url: config.public_url.clone(),
            grace: config.drain_grace,
            sampler: Some(sampler),
            supervisor: Supervisor::default(),
        })
    }

    /// Where the server listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Its store.
    pub fn store(&self) -> Arc<dyn Store> {
        self.storage.store.clone()
    }
}

/// The configuration with the address at which other nodes reach this one, if it has one.
fn reached_at(config: &Config, addresses: Addresses) -> Config {
    let mut config = config.clone();
    let url = |address: &NodeAddress| address.url(config.tls.is_some(), addresses.api.port());
    config.node.address = config.node_address.as_ref().map(url);
    config
}

/// The ways in to the API: gRPC, gRPC-Web, plain HTTP and the console.
fn front(config: &Config, api: &Api, access: Access, metrics: &Arc<Metrics>, console: Option<Console>) -> Front {
    Front::new(api.routes.clone(), Refusals::new(metrics.clone()), config.allow_origins.clone(), console)
        .with_public_keys(api.public_keys.clone())
        .with_access(access)
}

/// What GetServerInfo returns of the configuration.
fn about(config: &Config, start_time: Timestamp) -> About {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    About {
        store_engine: match config.store.split(':').next().unwrap_or_default() {
            "postgresql" => "postgres".to_owned(),
            engine => engine.to_owned(),
        },
        start_time,
        settings: BTreeMap::from([
            ("drain-grace", millis(config.drain_grace)),
            ("lease", millis(config.node.lease)),
            ("max-in-flight", config.max_in_flight as u64),
            ("retention", millis(config.retention)),
            ("webhook-metrics", config.telemetry.webhook_metrics as u64),
        ]),
    }
}

/// Bounds of the dispatcher.
fn settings(config: &Config) -> Settings {
    Settings { max_in_flight: config.max_in_flight, grace: config.drain_grace }
}

/// The other nodes that make attempts for this one, which serves.
fn elsewhere(config: &Config, storage: &Storage, company: Option<&Company>) -> Arc<dyn Elsewhere> {
    let Some(Company { carrier, fleet, .. }) = company else { return Arc::new(Nowhere::default()) };
    let (carrier, ownership, clock) = (carrier.clone(), storage.store.ownership(), Arc::new(SystemClock));
    fleet.serve(Granting { carrier, clock, ownership, grant: config.node.lease / GRANTS_A_LEASE });
    Arc::new(fleet.clone())
}

/// What takes events in, with what it shares with the dispatcher.
fn intake(store: Arc<dyn Publishing>, shared: &Parts, meter: Arc<Metrics>) -> Intake {
    let Parts { render, compilations, contexts, .. } = shared.clone();
    Intake::new(tenterhook_intake::Parts { store, render, compilations, contexts, meter })
}

/// What reads from the store what the metrics show. It has read once, so that the first scrape is right.
async fn sampled(config: &Config, storage: &Storage, metrics: &Arc<Metrics>) -> Sampler {
    let (store, metrics) = (storage.store.clone(), metrics.clone());
    let named = config.telemetry.webhook_metrics;
    let sampler = Sampler { store, clock: Arc::new(SystemClock), metrics, named };
    sampler.sample().await;
    sampler
}

/// `tenterhook serve`: builds the server, tells where it is, and runs it until a signal.
///
/// # Errors
/// When it cannot start, or ends by itself.
pub async fn serve(config: Config, terminal: Terminal) -> Result<()> {
    let telemetry = Arc::new(Telemetry::start(&config.telemetry, terminal.colours_the_log())?);
    let (mut app, config, signals) = match started(config, &telemetry, terminal).await {
        Ok(Some(started)) => started,
        // It stood by all the time.
        Ok(None) => return Ok(()),
        Err(error) => {
            // Nothing was measured yet, and the error is the first thing that is printed.
            telemetry.discard();
            return Err(error);
        }
    };
    let open = app.storage.gauges().await;
    let Addresses { api, ops } = app.addresses;
    let webhooks = app.storage.store.webhooks().by_id.len();
    Banner { config: &config, api, ops, webhooks, open: open.pending + open.in_flight + open.retrying }.show(terminal);
    app.supervisor = Supervisor::from_environment();
    app.watches.reload = signals.reload.clone();
    let ended = app.run(signals.shutdown.clone()).await;
    if let Ok(ending) = &ended {
        tracing::info!(%ending, "ended");
    }
    // It blocks, and the exporters need the runtime meanwhile.
    tokio::task::spawn_blocking(move || telemetry.flush()).await.context("the telemetry was not flushed")?;
    ended.map(|_| ())
}

/// The server of `config`, with its first key if it needs one; `None` when a signal asks for the end before.
async fn started(
    config: Config,
    telemetry: &Arc<Telemetry>,
    terminal: Terminal,
) -> Result<Option<(App, Config, Signals)>> {
    let signals = Signals::install().context("cannot watch for signals")?;
    let config = watches::with_first_key(config, terminal)?;
    let app = App::build_unless(&config, telemetry.clone(), &signals.shutdown, &signals.reload).await?;
    Ok(app.map(|app| (app, config, signals)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_model::limits;

    #[test]
    fn every_limit_that_a_flag_changes_is_returned_as_it_is_set() {
        let config = Config { retention: Duration::from_secs(90), ..Config::trial("redb:/var/lib/tenterhook") };
        let about = about(&config, Timestamp::default());
        let flags: Vec<&str> = limits::TABLE.iter().filter_map(|limit| limit.flag).collect();
        assert!(flags.iter().all(|flag| about.settings.contains_key(flag)) && flags.len() == about.settings.len());
        assert_eq!((about.settings["retention"], about.store_engine.as_str()), (90_000, "redb"));
    }
}
