//! What a rule reads and writes.

use std::sync::Arc;

use tenterhook_model::{
    Attempt, DeliveryId, DeliveryState, Event, EventId, Lane, Namespace, Timestamp, WebhookHealth, WebhookId,
};

use crate::error::StoreError;
use crate::rows::delivery::{Stored, Wait};

/// The rows that the rules read, as all writes so far have left them.
///
/// A read has no effect that the next read could notice, but that it may bring the row into memory.
pub(crate) trait Rows {
    /// Why a read has no answer, and its rule stops: the store failed or, in a store that keeps only some
    /// rows in memory, the name of the row that it has to read first.
    type Stop: From<StoreError>;

    /// An open delivery.
    fn open(&self, id: DeliveryId) -> Result<Option<Stored>, Self::Stop>;

    /// A finished delivery.
    fn done(&self, id: DeliveryId) -> Result<Option<Stored>, Self::Stop>;

    /// An open delivery that is claimed, or was: as [`Rows::open`], which may take longer.
    fn claimed(&self, id: DeliveryId) -> Result<Option<Stored>, Self::Stop>;

    /// Whether a delivery has the turn of an ordering key in a lane.
    fn is_held(&self, lane: Lane, ordering_key: &str) -> Result<bool, Self::Stop>;

    /// The delivery that comes next in an ordering key of a lane: the first of those that wait.
    fn heir(&self, lane: Lane, ordering_key: &str) -> Result<Option<DeliveryId>, Self::Stop>;

    /// When an event expires; `None` when it never does, or is no longer kept.
    fn expire_time(&self, namespace: &Namespace, event: &EventId) -> Result<Option<Timestamp>, Self::Stop>;

    /// The oldest open deliveries of a lane, at most `limit`. Fewer mean that there are no more.
    fn open_of(&self, lane: Lane, limit: usize) -> Result<Vec<Stored>, Self::Stop>;

    /// The webhook of a lane, unless it was removed.
    fn webhook_of(&self, lane: Lane) -> Option<WebhookId>;

    /// Whether an attempt of the delivery is in flight.
    fn is_claimed(&self, id: DeliveryId) -> bool;
}

/// A delivery that changes: as it is now, and what the journal records of the change.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The delivery as it is now, and where it waits.
    pub(crate) stored: Stored,
    /// Its state before; `None` when it is new.
    pub(crate) previous: Option<DeliveryState>,
    /// Whether an attempt ended with the change.
    pub(crate) attempted: bool,
}

impl Entry {
    /// A change without an attempt.
    pub(super) fn new(stored: Stored, previous: Option<DeliveryState>) -> Self {
        Self { stored, previous, attempted: false }
    }

    /// Checks what every open delivery is like.
    pub(super) fn assert_open(&self) {
        let Stored { delivery, wait, .. } = &self.stored;
        let (id, state, time) = (delivery.id, delivery.state, delivery.next_attempt_time);
        assert!(!state.is_final() && state != DeliveryState::InFlight, "{id} is stored as open and {}", state.as_str());
        assert!(*wait != Wait::Nothing, "{id} is open and waits nowhere");
        assert!(
            (*wait == Wait::Turn) == time.is_none(),
            "{id} has a time unless it waits for its turn: {wait:?}, {time:?}"
        );
        assert!(*wait != Wait::Turn || !delivery.ordering_key.is_empty(), "{id} waits for a turn and has no key");
    }

    /// Checks what every finished delivery is like.
    pub(super) fn assert_done(&self) {
        let delivery = &self.stored.delivery;
        let (id, state) = (delivery.id, delivery.state);
        assert!(state.is_final(), "{id} is stored as finished and {}", state.as_str());
        assert!(delivery.finish_time.is_some(), "{id} is final, and retention needs to know since when");
        assert!(delivery.next_attempt_time.is_none(), "{id} is {} and has a next attempt", state.as_str());
    }
}

/// What a change must know of a delivery as it was before.
#[derive(Debug)]
pub(crate) struct Before {
    pub(crate) id: DeliveryId,
    pub(crate) state: DeliveryState,
    /// Where it waited.
    pub(crate) wait: Wait,
    pub(crate) next_attempt_time: Option<Timestamp>,
    pub(crate) ordering_key: String,
}

impl From<&Stored> for Before {
    fn from(stored: &Stored) -> Self {
        let delivery = &stored.delivery;
        Self {
            id: delivery.id,
            state: delivery.state,
            wait: stored.wait,
            next_attempt_time: delivery.next_attempt_time,
            ordering_key: delivery.ordering_key.clone(),
        }
    }
}

/// One write. Each that changes a delivery is also the next change of the journal.
#[derive(Debug)]
pub(crate) enum Write {
    /// The claim of a delivery ends.
    EndClaim(DeliveryId),
    /// A delivery leaves the place where it waited; `time` is the next attempt that it waited for.
    Unqueue { id: DeliveryId, wait: Wait, time: Option<Timestamp> },
    /// A delivery was made of an event, which takes `bytes` of memory with it.
    New { entry: Entry, event: Arc<Event>, bytes: usize },
    /// An open delivery is as it is here, and waits where it says.
    Open(Entry),
    /// An open delivery has become final.
    Done(Entry),
    /// A finished delivery was attempted once more, and stays as it had ended.
    Amend(Entry),
    /// A finished delivery is open again: its finished row goes. The state is the one it had.
    Reopen(DeliveryId, DeliveryState),
    /// An open delivery that is due at this time, which has come, goes before all others of its lane.
    Prefer(DeliveryId, Timestamp),
    /// An attempt is no longer the last of its delivery.
    KeepAttempt(DeliveryId, Arc<Attempt>),
    /// The delivery has the turn of its ordering key.
    TakeTurn { ordering_key: String, id: DeliveryId },
    /// Nobody has the turn of an ordering key any more.
    EndTurn { ordering_key: String, lane: Lane },
    /// The delivery waits for the turn of its ordering key, behind those that were made before it.
    AwaitTurn { ordering_key: String, id: DeliveryId },
    /// The delivery no longer waits for the turn of its ordering key.
    LeaveOrder { ordering_key: String, id: DeliveryId },
    /// An open delivery is given up at this time.
    ExpireAt(DeliveryId, Timestamp),
    /// What the settlement of the delivery `by` says of its webhook: how its receiver is doing and, unless it is
    /// stopped already, the reason for which the server stops it.
    Judge { by: DeliveryId, webhook: WebhookId, health: Option<WebhookHealth>, suspend: Option<String> },
    /// A webhook is sent to now, whatever its breaker waits for.
    Ask(WebhookId),
}
