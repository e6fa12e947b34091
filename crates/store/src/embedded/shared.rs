//! What the store's readers and its writer share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use tenterhook_model::{Clock, Delivery, DeliveryId, DeliveryState, Lane, WebhookHealth, WebhookId, limits};
use tokio::sync::Notify;

use super::{CommitObserver, LaneInfo, Reads};
use crate::counts::Counts;
use crate::error::StoreError;
use crate::inbox::Inbox;
use crate::kv::{Kv, Watched};
use crate::lock::{lock, read};
use crate::queue::Queues;
use crate::record::{TokenSet, WebhookSet};
use crate::seal::Sealer;
use crate::tail::Tail;

/// What the store's readers and its writer share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) kv: Watched,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sealer: Sealer,
    pub(crate) reads: Reads,
    pub(crate) observer: Option<Arc<dyn CommitObserver>>,
    pub(crate) operational_events: bool,
    pub(crate) inbox: Inbox,
    pub(crate) webhooks: RwLock<Arc<WebhookSet>>,
    pub(crate) tokens: RwLock<Arc<TokenSet>>,
    pub(crate) lanes: RwLock<HashMap<Lane, Arc<LaneInfo>>>,
    pub(crate) health: RwLock<HashMap<WebhookId, WebhookHealth>>,
    pub(crate) queues: Mutex<Queues>,
    pub(crate) tail: Mutex<Tail>,
    pub(crate) counts: Mutex<Counts>,
    /// Why the last commit failed; `None` when it did not.
    pub(crate) failure: Mutex<Option<StoreError>>,
    /// The millisecond in which the first event of an open delivery expires.
    pub(crate) next_expiry: AtomicU64,
    pub(crate) deadline_bell: Notify,
    pub(crate) due_bell: Notify,
    pub(crate) journal_bell: Notify,
    pub(crate) notice_bell: Notify,
    /// Rung for one waiting publisher at each delivery that leaves a head.
    pub(crate) room: Notify,
}

impl Shared {
    /// What a caller is answered, who does not wait without end for a database that is away. The write may be
    /// made all the same.
    pub(crate) async fn answered<T, E: From<StoreError>>(
        &self,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        if !self.kv.is_remote() {
            return answer.await;
        }
        let late = || StoreError::Unavailable("it did not answer in time").into();
        tokio::time::timeout(limits::DATABASE_WAIT, answer).await.unwrap_or_else(|_| Err(late()))
    }

    /// Every webhook as it is now.
    pub(crate) fn webhooks(&self) -> Arc<WebhookSet> {
        read(&self.webhooks).clone()
    }

    /// Health of a webhook's receiver, if anything is known of it.
    pub(crate) fn known_health(&self, webhook: WebhookId) -> Option<WebhookHealth> {
        read(&self.health).get(&webhook).cloned()
    }

    /// Whether the breaker of a webhook is open.
    pub(crate) fn is_circuit_open(&self, webhook: WebhookId) -> bool {
        let known = read(&self.health);
        known.get(&webhook).is_some_and(WebhookHealth::circuit_open)
    }

    /// Whose lane it is.
    ///
    /// # Errors
    /// When nobody knows the lane, although a record names it.
    pub(crate) fn lane(&self, lane: Lane) -> Result<Arc<LaneInfo>, StoreError> {
        self.find_lane(lane).ok_or_else(|| StoreError::Damaged(format!("the lane {} of a delivery", lane.0)))
    }

    /// Whose lane it is, if the store has it.
    pub(crate) fn find_lane(&self, lane: Lane) -> Option<Arc<LaneInfo>> {
        read(&self.lanes).get(&lane).cloned()
    }

    /// The queues. Held for short work in memory and one bounded read, never over a commit.
    pub(crate) fn queues(&self) -> MutexGuard<'_, Queues> {
        lock(&self.queues)
    }

    /// Takes over when the first event expires: of `all`, or of what has been added.
    pub(crate) fn set_next_expiry(&self, millis: Option<u64>, of_all: bool) {
        let Some(millis) = millis else { return };
        let before = self.next_expiry.load(Ordering::Acquire);
        let next = if of_all { millis } else { before.min(millis) };
        self.next_expiry.store(next, Ordering::Release);
        if next < before {
            self.deadline_bell.notify_one();
        }
    }

    /// The end of the journal.
    pub(crate) fn tail(&self) -> MutexGuard<'_, Tail> {
        lock(&self.tail)
    }

    /// The counts.
    pub(crate) fn counts(&self) -> MutexGuard<'_, Counts> {
        lock(&self.counts)
    }

    /// The delivery as it is shown: one that is claimed is in flight.
    pub(crate) fn shown(&self, mut delivery: Delivery) -> Delivery {
        if !delivery.state.is_final() && self.is_claimed(delivery.id) {
            delivery.state = DeliveryState::InFlight;
        }
        delivery
    }

    /// Whether the delivery is claimed.
    pub(crate) fn is_claimed(&self, id: DeliveryId) -> bool {
        self.queues().is_claimed(id)
    }
}
