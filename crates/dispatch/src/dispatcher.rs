//! The dispatcher as the command sees it: settings, a run, and what its drain came to.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_attempt::Deliver;
use tenterhook_model::limits;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::drained::Drained;
use crate::parts::Parts;
use crate::run::Run;

/// The part of the grace that is kept for recording what was cut, at most a quarter of it.
const RECORDING_TIME: Duration = Duration::from_secs(2);

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
        assert!(settings.max_in_flight > 0, "a dispatcher may have at least one attempt in flight");
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
