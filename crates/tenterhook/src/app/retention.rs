//! Forgets what is older than `--retention`, in small batches, so that publishing never waits long.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::Clock;
use tenterhook_store::{Store, StoreError};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Records that one batch removes at most.
const BATCH: usize = 256;
/// Pause between two batches while more is left: the commits of publishers go in between.
const BETWEEN: Duration = Duration::from_millis(20);
/// Pause when nothing is left, at most; a short retention is looked after ten times as often.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// What is forgotten, and when.
#[derive(Debug, Clone)]
pub(crate) struct Retention {
    /// Where.
    pub(crate) store: Arc<dyn Store>,
    /// The time of day.
    pub(crate) clock: Arc<dyn Clock>,
    /// How long things are kept.
    pub(crate) keep: Duration,
}

impl Retention {
    /// Forgets until `cancel`.
    pub(crate) async fn run(self, cancel: CancellationToken) {
        let idle = (self.keep / 10).clamp(Duration::from_secs(1), IDLE_MAX);
        loop {
            let pause = match self.store.expire(self.clock.now().before(self.keep), BATCH).await {
                Ok(removed) if removed >= BATCH => BETWEEN,
                Ok(_) => idle,
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "old records could not be removed; trying again later");
                    idle
                }
            };
            // The end comes first.
            tokio::select! { biased;
                () = cancel.cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }
}
