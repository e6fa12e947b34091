//! The life of a running server: its tasks, and the order in which they end.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use tenterhook_api::{Api, Descriptions};
use tenterhook_deliver::CertificateCheck;
use tenterhook_dispatch::{Deadlines, Drained};
use tenterhook_intake::{Announcer, Intake};
use tenterhook_model::SystemClock;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::App;
use super::door::{Door, Parts};
use super::expiring::Expiring;
use super::ops::Ops;
use super::relay::Desk;
use super::reload::Reload;
use super::retention::Retention;
use super::standby::Entrance;
use super::supervisor::Supervisor;
use super::tasks::Tasks;
use super::watches::{Watches, end_expired};
use crate::failure::InWords;
use crate::telemetry::audit::Audit;

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
    /// Serves until `shutdown`, then drains: no new calls, requests in flight go on for the
    /// grace, everything that was acknowledged is on disk. All tasks have ended when it returns.
    ///
    /// # Errors
    /// When the store, the API, the dispatcher or another task ends before `shutdown`. The server
    /// is not ready from then on, drains as far as it can, and the error says what ended.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<Ending> {
        let background_end = CancellationToken::new();
        let background = self.background(&background_end);
        self.run_with(background, background_end, shutdown).await
    }

    /// Runs with these tasks in the background, which end at `background_end`.
    async fn run_with(
        self,
        mut background: Tasks,
        background_end: CancellationToken,
        shutdown: CancellationToken,
    ) -> Result<Ending> {
        let Self { entrance, company, tls, mut storage, deliverer, dispatcher, api, front, intake, draining, .. } =
            self;
        let (metrics, grace, supervisor) = (self.metrics, self.grace, self.supervisor);
        let mut dispatching = JoinSet::new();
        dispatching.spawn(dispatcher.run(draining.clone()));
        let mut warming_up = pin!(warm_up(&intake, &api, &supervisor));
        // Most stores are compiled at once, and then no call ever meets a server that is not ready.
        let mut is_ready = timeout(WARM_UP_FIRST, &mut warming_up).await.is_ok();
        let mut lost = pin!(storage.lost());
        let mut serving = match entrance {
            Entrance::Bound(listeners) => {
                let (desk, draining) = (Desk::Here(Arc::new(front)), draining.clone());
                let company = company.clone();
                let door = Door::new(Parts { listeners, tls, desk, company, metrics, draining, grace });
                JoinSet::from_iter([door.run()])
            }
            Entrance::Open { serving, relay } => {
                relay.serve(front);
                serving
            }
        };

        // What has broken comes before the wish to stop, so that it is reported; both before what goes on.
        let broken = loop {
            tokio::select! { biased;
                () = &mut lost => break Some("another node has taken over the database".to_owned()),
                () = storage.failed() => break Some("the store's writer ended by itself".to_owned()),
                ended = dispatching.join_next() => break Some(how_ended("the dispatcher", ended)),
                ended = serving.join_next() => break Some(how_ended("the API", ended)),
                ended = background.ended() => break Some(ended.to_string()),
                () = shutdown.cancelled() => break None,
                () = &mut warming_up, if !is_ready => is_ready = true,
            }
        };
        if let Some(broken) = &broken {
            tracing::error!(broken, "a part of the server has ended; stopping");
        }
        supervisor.stopping();
        draining.cancel();
        api.drain().await;
        let end = Instant::now() + grace + SETTLE;
        let drained = drain_dispatcher(&mut dispatching, end).await;
        if let Some(company) = &company {
            company.fleet.close();
        }
        // The door ends within the grace by itself: this is for calls that nothing can end.
        if timeout_at(end, serving.join_next()).await.is_err() {
            serving.shutdown().await;
        }
        deliverer.close().await;
        background_end.cancel();
        let panicked = background.join().await;
        storage.close().await?;
        match broken.or_else(|| panicked.first().map(ToString::to_string)) {
            Some(broken) => {
                bail!("{broken}; the log says why. What was acknowledged is delivered after the next start")
            }
            None => Ok(Ending { drained: drained? }),
        }
    }

    /// Starts what goes on besides the main job until `end`: probes, keys, retention,
    /// deadlines, metrics.
    fn background(&mut self, end: &CancellationToken) -> Tasks {
        let store = &self.storage.store;
        let mut tasks = Tasks::default();
        let listeners = std::mem::take(&mut self.ops);
        if !listeners.is_empty() {
            let (telemetry, draining) = (self.telemetry.clone(), self.draining.clone());
            let metrics = self.metrics.clone();
            let ops = Ops { metrics, telemetry, draining, intake: self.intake.clone(), store: store.clone() };
            tasks.spawn("the operations listener", ops.run(listeners, end.clone()));
        }
        let Watches { keys, certificates, access, reload } = &mut self.watches;
        tasks.spawn("the end of what has expired", end_expired(access.clone(), end.clone()));
        if let Some(keys) = keys.take() {
            tasks.spawn("the watch of the API keys", keys.run(reload.clone(), end.clone()));
        }
        if let Some(certificates) = certificates.take() {
            let watched = certificates.run(reload.clone(), end.clone());
            tasks.spawn("the watch of certificates", async { drop(watched.await) });
        }
        let reopening = reopen_audit(self.telemetry.audit(), reload.clone(), end.clone());
        tasks.spawn("the reopening of the audit log", reopening);
        let (clock, metrics) = (Arc::new(SystemClock), self.metrics.clone());
        let retention = Retention { store: store.clone(), clock, keep: self.retention, metrics };
        tasks.spawn("retention", retention.run(end.clone()));
        let describe = Arc::new(Descriptions::new(self.public_url.clone()));
        let (of_store, intake, clock) = (store.clone(), self.intake.clone(), Arc::new(SystemClock));
        let announcer = Announcer { store: of_store, intake, describe, clock };
        tasks.spawn("the publishing of operational events", announcer.run(end.clone()));
        let (of_store, clock) = (store.clone(), Arc::new(SystemClock));
        let check = Arc::new(CertificateCheck::new(clock.clone(), true));
        let expiring = Expiring { store: of_store, check, clock };
        tasks.spawn("the watch of webhooks' certificates", expiring.run(end.clone()));
        let deadlines = Deadlines::new(store.clone(), Arc::new(SystemClock));
        tasks.spawn("the watch of deadlines", deadlines.run(end.clone()));
        if let Some(sampler) = self.sampler.take() {
            tasks.spawn("the sampling of metrics", sampler.run(end.clone()));
        }
        tasks
    }
}

/// Compiles the stored webhooks while calls are served, and then reports the server ready.
async fn warm_up(intake: &Intake, api: &Api, supervisor: &Supervisor) {
    let began = Instant::now();
    intake.warm_up().await;
    api.ready().await;
    supervisor.ready();
    tracing::debug!(took = ?began.elapsed(), "the webhooks are compiled");
}

/// Waits for the dispatcher, unless it has ended already.
async fn drain_dispatcher(dispatching: &mut JoinSet<Drained>, end: Instant) -> Result<Drained> {
    match timeout_at(end, dispatching.join_next()).await {
        Ok(None) => Ok(Drained::default()),
        Ok(Some(drained)) => drained.context("the dispatcher panicked while it drained"),
        Err(_) => bail!("the dispatcher did not drain within its grace"),
    }
}

/// In words, how a task ended that should have run on.
fn how_ended<T>(name: &str, ended: Option<Result<T, JoinError>>) -> String {
    match ended {
        Some(Err(error)) if error.is_panic() => format!("{name} panicked"),
        _ => format!("{name} ended by itself"),
    }
}

/// Opens the file of the audit trail again whenever `reload` asks for it, until `end`.
async fn reopen_audit(audit: Arc<Audit>, mut reload: Reload, end: CancellationToken) {
    loop {
        // The end comes first.
        tokio::select! { biased;
            () = end.cancelled() => return,
            () = reload.asked() => audit.reopen(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{BodyExt as _, Full};
    use sha2::{Digest as _, Sha256};
    use tenterhook_model::{AccessToken, Clock as _, Namespace, Role, TokenId};
    use tenterhook_store::{Store, StoreError};
    use tower::ServiceExt as _;

    use super::*;
    use crate::config::Config;
    use crate::telemetry::Telemetry;

    /// Runs a server with one more task in the background. Returns how it ended, and its store.
    async fn run_with(name: &'static str, task: impl Future<Output = ()> + Send + 'static) -> (String, Arc<dyn Store>) {
        let telemetry = Arc::new(Telemetry::quiet().unwrap());
        let mut app = App::build(&Config::trial("memory:"), telemetry).await.unwrap();
        let (store, end) = (app.store(), CancellationToken::new());
        let mut background = app.background(&end);
        background.spawn(name, task);
        // Nobody asks it to stop.
        let running = app.run_with(background, end, CancellationToken::new());
        let ended = timeout(Duration::from_secs(30), running).await.expect("a server without one of its tasks ends");
        (ended.unwrap_err().to_string(), store)
    }

    #[tokio::test]
    async fn a_background_task_that_ends_ends_the_server_with_its_name() {
        let (error, store) = run_with("the sweeper", async {}).await;
        assert!(error.starts_with("the sweeper ended by itself"), "{error}");
        let ready = store.readiness().await;
        assert!(matches!(ready, Err(StoreError::Closed)), "its store is closed: {ready:?}");
    }

    #[tokio::test]
    async fn a_background_task_that_panics_ends_the_server_with_its_name() {
        let (error, _) = run_with("the reader", async { panic!("a broken invariant") }).await;
        assert!(error.starts_with("the reader panicked"), "{error}");
    }

    #[tokio::test]
    async fn the_stream_of_an_expired_token_ends_on_a_server_without_a_key_file() {
        let telemetry = Arc::new(Telemetry::quiet().unwrap());
        let mut app = App::build(&Config::trial("memory:"), telemetry).await.unwrap();
        let end = CancellationToken::new();
        let _background = app.background(&end);
        let (secret, now) = (format!("tht_{}", "0".repeat(64)), SystemClock.now());
        let token = AccessToken {
            id: TokenId::from_bytes([1; 16]),
            hash: Sha256::digest(&secret).into(),
            namespace: Namespace::default(),
            role: Role::Viewer,
            webhook: None,
            display_name: "portal".to_owned(),
            creator: String::new(),
            create_time: now,
            expire_time: now.after(Duration::from_millis(500)),
        };
        app.store().add_token(token).await.unwrap();
        // An empty request in one frame: flags, and a length of four bytes.
        let request = hyper::Request::post("http://localhost/tenterhook.v1.DeliveryService/WatchDeliveries")
            .header("content-type", "application/grpc")
            .header("authorization", format!("Bearer {secret}"))
            .body(Full::new(Bytes::from_static(&[0; 5])))
            .unwrap();
        let response = app.api.routes.clone().oneshot(request).await.unwrap();
        assert!(response.headers().get("grpc-status").is_none(), "the watch begins: {:?}", response.headers());
        let watched = timeout(Duration::from_secs(30), response.into_body().collect()).await.expect("the watch ends");
        // UNAUTHENTICATED (https://grpc.io/docs/guides/status-codes/).
        assert_eq!(watched.unwrap().trailers().unwrap()["grpc-status"], "16");
    }
}
