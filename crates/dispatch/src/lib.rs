//! The loop: claim, prepare, deliver, decide, record.
//!
//! A [`Dispatcher`] takes what is due from the store, one lane a webhook, and sees each
//! delivery through its next attempt. The command builds one and runs it until shutdown;
//! the simulation runs it on a paused clock.
//!
//! It holds few deliveries: a lane claims only what may be sent right now, so a backlog,
//! and what waits behind a pause, a rate limit or an open breaker, stays in the store.
//!
//! What runs out of time without being claimed is ended by [`Deadlines`], which runs beside it.
//!
//! # Shutdown
//! [`Dispatcher::run`] claims nothing more once its token is cancelled. Attempts under way
//! may go on for the grace, then they are cut and recorded as interrupted, which uses up
//! none of a delivery's retries. What was claimed and not begun is put back. It returns
//! when all its tasks have ended and all outcomes are recorded.

mod attempt;
mod claims;
mod deadlines;
mod decide;
mod ends;
mod lane;
mod lanes;
mod meter;
mod record;
mod run;
mod trace;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tenterhook_engine::{Compilations, Contexts, Render};
use tenterhook_model::{Clock, Entropy, Exchange, PreparedRequest, limits};
use tenterhook_store::Store;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::Service;

pub use deadlines::Deadlines;
pub use meter::{Meter, Unmetered};
pub use trace::{AttemptLabel, AttemptSpan, AttemptTrace, PassThrough};

use run::Run;

/// The part of the grace that is kept for recording what was cut, at most a quarter of it.
const RECORDING_TIME: Duration = Duration::from_secs(2);

/// Makes one HTTP exchange of a prepared request. What goes wrong is an outcome, and it has
/// a deadline of its own.
pub trait Deliver:
    Service<PreparedRequest, Response = Exchange, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<T> Deliver for T where
    T: Service<PreparedRequest, Response = Exchange, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

/// What the dispatcher works with, beside the deliverer.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where deliveries come from and outcomes go.
    pub store: Arc<dyn Store>,
    /// Renders and signs.
    pub render: Arc<dyn Render>,
    /// Compiled webhooks, shared with the API.
    pub compilations: Arc<Compilations>,
    /// The contexts of events in memory, shared with the intake.
    pub contexts: Arc<Contexts>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Chance for the jitter of retries.
    pub entropy: Arc<dyn Entropy>,
    /// Whoever counts.
    pub meter: Arc<dyn Meter>,
    /// Whoever traces.
    pub trace: Arc<dyn AttemptTrace>,
}

/// What an operator sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Attempts under way at once, at least 1.
    pub max_in_flight: usize,
    /// How long attempts under way may go on after the server was told to stop.
    pub grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_in_flight: limits::IN_FLIGHT, grace: limits::DRAIN_GRACE }
    }
}

/// What the drain came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Attempts under way that came to their own end.
    pub finished: usize,
    /// Attempts that were cut at the end of the grace.
    pub interrupted: usize,
    /// Claimed deliveries that were put back without an attempt.
    pub released: usize,
    /// Outcomes that the store did not take; these deliveries are repeated after a restart.
    pub unsettled: usize,
}

/// Sends what is due until it is told to stop.
#[derive(Debug)]
pub struct Dispatcher<D> {
    parts: Arc<Parts>,
    deliverer: D,
    settings: Settings,
}

impl<D: Deliver> Dispatcher<D> {
    /// A dispatcher that has not begun.
    pub fn new(parts: Parts, deliverer: D, settings: Settings) -> Self {
        assert!(settings.max_in_flight > 0, "a dispatcher may have at least one attempt under way");
        Self { parts: Arc::new(parts), deliverer, settings }
    }

    /// Works until `cancel`, then drains; all its tasks have ended when it returns.
    ///
    /// It returns by itself only when the store is closed.
    pub async fn run(self, cancel: CancellationToken) -> Drained {
        let Settings { max_in_flight, grace } = self.settings;
        let mut run = Run::new(self.parts, self.deliverer, max_in_flight);
        run.work(&cancel).await;
        let end = Instant::now() + grace;
        run.wind_down(end - RECORDING_TIME.min(grace / 4), end).await;
        run.close().await
    }
}
