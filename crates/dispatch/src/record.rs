//! Recording outcomes in groups: whatever gathered while the last group was being written.
//!
//! The loop hands each outcome to the [`Recorder`] and asks it for one commit at a time.
//! There is no timer: an idle store writes at once, a busy one writes more at a time. A
//! group that cannot be written is tried again until it can be, for the receivers have
//! seen these requests; meanwhile the backlog fills and the loop claims nothing more.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tenterhook_model::{DeliveryId, WebhookId, limits};
use tenterhook_store::{Dispatching, Settled, Settlement, StoreError};

/// Wait after a commit failed; it doubles up to [`LAST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait between two tries of one commit.
const LAST_WAIT: Duration = Duration::from_secs(10);
/// What an outcome without bodies takes in memory, roughly.
const OUTCOME_BYTES: usize = 1_024;

/// A group of outcomes that the store has answered.
pub(crate) struct Recorded {
    /// Outcomes in the group.
    pub(crate) count: usize,
    /// Webhooks that an outcome of the group asked to stop.
    pub(crate) suspended: Vec<WebhookId>,
    /// Whether the store is closed, so that the group, and all that follows, is lost.
    pub(crate) closed: bool,
}

/// Gathers outcomes and writes them, one commit at a time.
pub(crate) struct Recorder {
    store: Arc<dyn Dispatching>,
    gathered: Vec<Settlement>,
    /// The webhook of each outcome that gathered.
    owners: Vec<WebhookId>,
    gathered_bytes: usize,
    underway_count: usize,
    underway_bytes: usize,
    underway: Option<BoxFuture<'static, Recorded>>,
}

impl Recorder {
    pub(crate) fn new(store: Arc<dyn Dispatching>) -> Self {
        Self {
            store,
            gathered: Vec::new(),
            owners: Vec::new(),
            gathered_bytes: 0,
            underway_count: 0,
            underway_bytes: 0,
            underway: None,
        }
    }

    /// Takes an outcome of a delivery of `webhook`.
    pub(crate) fn push(&mut self, webhook: WebhookId, settlement: Settlement) {
        self.gathered_bytes += size(&settlement);
        self.owners.push(webhook);
        self.gathered.push(settlement);
    }

    /// Whether so much waits to be written that nothing more may be claimed.
    pub(crate) fn is_full(&self) -> bool {
        self.backlog() >= limits::UNSETTLED || self.gathered_bytes + self.underway_bytes >= limits::UNSETTLED_BYTES
    }

    /// Outcomes that are not known to be on stable storage.
    pub(crate) fn backlog(&self) -> usize {
        self.gathered.len() + self.underway_count
    }

    /// Begins to write what has gathered, unless a group is being written.
    pub(crate) fn start(&mut self) {
        if self.underway.is_some() || self.gathered.is_empty() {
            return;
        }
        assert_eq!(self.owners.len(), self.gathered.len(), "each outcome has its webhook");
        let count = self.gathered.len().min(limits::COMMIT_ITEMS);
        let rest = self.gathered.split_off(count);
        let group = std::mem::replace(&mut self.gathered, rest);
        let owners = self.owners.drain(..count);
        let stopped = owners.zip(&group).filter(|(_, settlement)| settlement.suspend.is_some());
        let suspended = stopped.map(|(webhook, _)| webhook).collect();
        assert!(group.len() == count && count > 0, "a group of {count} has {} outcomes", group.len());
        self.underway_count = group.len();
        self.underway_bytes = group.iter().map(size).sum();
        assert!(
            self.underway_bytes <= self.gathered_bytes,
            "a group of {} bytes was among {} that were counted",
            self.underway_bytes,
            self.gathered_bytes
        );
        self.gathered_bytes -= self.underway_bytes;
        assert_eq!(self.gathered.is_empty(), self.gathered_bytes == 0, "bytes are counted while their outcome waits");
        self.underway = Some(Box::pin(write(Arc::clone(&self.store), group, suspended)));
    }

    /// The group being written, once the store has answered; never, when there is none.
    ///
    /// # Cancel safety
    /// The group stays here until its answer is taken.
    pub(crate) async fn recorded(&mut self) -> Recorded {
        let Some(underway) = &mut self.underway else { return pending().await };
        let recorded = underway.await;
        assert_eq!(recorded.count, self.underway_count, "a group is answered whole");
        self.underway = None;
        self.underway_count = 0;
        self.underway_bytes = 0;
        recorded
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("backlog", &self.backlog()).finish_non_exhaustive()
    }
}

fn size(settlement: &Settlement) -> usize {
    let bodies = settlement.attempt.as_ref().map_or(0, |attempt| {
        attempt.request.as_ref().map_or(0, |request| request.body.len())
            + attempt.response.as_ref().map_or(0, |response| response.body.len())
    });
    OUTCOME_BYTES + bodies
}

/// Writes a group, as often as it takes.
async fn write(store: Arc<dyn Dispatching>, group: Vec<Settlement>, suspended: Vec<WebhookId>) -> Recorded {
    let mut wait = FIRST_WAIT;
    loop {
        // The clone is what a second try needs; attempts are shared, not copied.
        match store.settle(group.clone()).await {
            Ok(answers) => {
                note_fenced(&group, &answers);
                return Recorded { count: group.len(), suspended, closed: false };
            }
            Err(StoreError::Closed) => return Recorded { count: group.len(), suspended, closed: true },
            Err(error) => {
                tracing::error!(%error, outcomes = group.len(), ?wait, "outcomes could not be recorded; trying again");
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LAST_WAIT);
    }
}

fn note_fenced(group: &[Settlement], answers: &[Settled]) {
    assert_eq!(group.len(), answers.len(), "a store answers each settlement");
    let fenced = group.iter().zip(answers).filter(|(_, answer)| **answer == Settled::Fenced);
    for delivery in fenced.map(|(settlement, _)| -> DeliveryId { settlement.delivery_id }) {
        tracing::debug!(%delivery, "the delivery was cancelled while its attempt was in flight");
    }
}
