//! The life of a running server: its tasks, and the order in which they end.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tenterhook_api::Api;
use tenterhook_dispatch::{Deadlines, Drained};
use tenterhook_intake::Intake;
use tenterhook_model::SystemClock;
use tenterhook_store::Store;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::App;
use super::door::{Door, Parts};
use super::ops::Ops;
use super::retention::Retention;
use super::storage::SAMPLE;
use crate::telemetry::metrics::Metrics;

/// Time beyond the grace for the outcomes of what was cut to be recorded.
const SETTLE: Duration = Duration::from_secs(5);

/// How long calls wait at the start for the webhooks to be compiled; later ones are served meanwhile.
const WARM_UP_FIRST: Duration = Duration::from_millis(200);

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// What became of requests under way.
    pub drained: Drained,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Drained { finished, interrupted, released, unsettled } = self.drained;
        write!(f, "{finished} requests finished, {interrupted} interrupted, {released} released")?;
        if unsettled > 0 {
            write!(f, ", {unsettled} not recorded: they are sent again after the next start")?;
        }
        Ok(())
    }
}

impl App {
    /// Serves until `shutdown`, then drains: no new calls, requests under way go on for the
    /// grace, everything that was answered is on disk. All tasks have ended when it returns.
    ///
    /// # Errors
    /// When the API or the store ends by itself.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<Ending> {
        let background_end = CancellationToken::new();
        let mut background = self.background(&background_end);
        let Self { listeners, tls, mut storage, deliverer, dispatcher, api, intake, draining, metrics, grace, .. } =
            self;
        let mut dispatching = JoinSet::new();
        dispatching.spawn(dispatcher.run(draining.clone()));
        let mut warming_up = pin!(warm_up(&intake, &api));
        // Most stores are compiled at once, and then no call ever meets a server that is not ready.
        let mut is_ready = timeout(WARM_UP_FIRST, &mut warming_up).await.is_ok();
        let mut serving = JoinSet::new();
        let routes = api.routes.clone();
        serving.spawn(Door::new(Parts { listeners, tls, routes, metrics, draining: draining.clone(), grace }).run());

        // A fault comes before the wish to end, so that it is told; both before what goes on.
        let fault = loop {
            tokio::select! { biased;
                () = storage.failed() => break Some("the store ended by itself"),
                _ = serving.join_next() => break Some("the API ended by itself"),
                () = shutdown.cancelled() => break None,
                () = &mut warming_up, if !is_ready => is_ready = true,
            }
        };
        api.drain().await;
        draining.cancel();
        let end = Instant::now() + grace + SETTLE;
        let drained = match timeout_at(end, dispatching.join_next()).await {
            Ok(Some(drained)) => drained.context("the dispatcher broke")?,
            _ => bail!("the dispatcher did not end within its grace"),
        };
        // The door ends within the grace by itself: this is for calls that nothing can end.
        if timeout_at(end, serving.join_next()).await.is_err() {
            serving.shutdown().await;
        }
        deliverer.close().await;
        background_end.cancel();
        while background.join_next().await.is_some() {}
        storage.close().await?;
        match fault {
            Some(fault) => bail!("{fault}; the log says why"),
            None => Ok(Ending { drained }),
        }
    }

    /// Starts what goes on beside the main job until `end`: probes, keys, retention,
    /// deadlines, figures.
    fn background(&mut self, end: &CancellationToken) -> JoinSet<()> {
        let store = &self.storage.store;
        let mut tasks = JoinSet::new();
        if let Some(listener) = self.ops.take() {
            let (telemetry, draining) = (self.telemetry.clone(), self.draining.clone());
            let intake = self.intake.clone();
            tasks.spawn(Ops { telemetry, draining, intake, store: store.clone() }.run(listener, end.clone()));
        }
        if let Some(keys) = self.keys.take() {
            tasks.spawn(keys.run(end.clone()));
        }
        let (clock, metrics) = (Arc::new(SystemClock), self.metrics.clone());
        let retention = Retention { store: store.clone(), clock, keep: self.retention, metrics };
        tasks.spawn(retention.run(end.clone()));
        tasks.spawn(Deadlines::new(store.clone(), Arc::new(SystemClock)).run(end.clone()));
        tasks.spawn(sample(store.clone(), self.metrics.clone(), end.clone()));
        tasks
    }
}

/// Compiles the stored webhooks while calls are served, and then reports the server ready.
async fn warm_up(intake: &Intake, api: &Api) {
    let began = Instant::now();
    intake.warm_up().await;
    api.ready().await;
    tracing::debug!(took = ?began.elapsed(), "the webhooks are compiled");
}

/// Reads what is open now for the figures, every few seconds until `end`.
async fn sample(store: Arc<dyn Store>, metrics: Arc<Metrics>, end: CancellationToken) {
    loop {
        if let Ok(gauges) = store.gauges().await {
            metrics.sampled(gauges);
        }
        // The end comes first.
        tokio::select! { biased;
            () = end.cancelled() => return,
            () = sleep(SAMPLE) => {}
        }
    }
}
