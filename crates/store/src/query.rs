//! Questions to a store, and pages of answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use tenterhook_model::{Delivery, DeliveryState, EventId, Namespace, Outcome, Timestamp, WebhookId};

/// A place in the journal: the number of a change, from 1, without gaps; 0 is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(pub u64);

/// What a watch is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// Every delivery of a namespace.
    Namespace(Namespace),
    /// Those of one webhook.
    Webhook(WebhookId),
}

impl Topic {
    /// Whether a delivery is on it.
    pub fn takes_in(&self, delivery: &Delivery) -> bool {
        match self {
            Self::Namespace(namespace) => delivery.namespace == *namespace,
            Self::Webhook(id) => delivery.webhook_id == *id,
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items. A page may be short, even empty, although more follow: a read looks at a bounded number of records.
    pub items: Vec<T>,
    /// Where the next page begins, opaque to all but the store; `None` on the last page.
    pub next: Option<Vec<u8>>,
}

/// Which events; every part that is set must match. Type patterns are the caller's to match.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventQuery {
    /// The tenant.
    pub namespace: Namespace,
    /// Any of these ids; empty means all.
    pub event_ids: Vec<EventId>,
    /// Patterns for the type, any of them; empty means all.
    pub event_types: Vec<String>,
    /// Patterns for the object type, any of them; empty means all.
    pub object_types: Vec<String>,
    /// All of these attributes.
    pub attributes: BTreeMap<String, String>,
    /// Published at or after this time.
    pub start_time: Option<Timestamp>,
    /// Published before this time.
    pub end_time: Option<Timestamp>,
    /// Where the page begins: `next` of the page before.
    pub after: Option<Vec<u8>>,
    /// At most this many items.
    pub limit: usize,
}

/// Which deliveries; every part that is set must match.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeliveryQuery {
    /// The tenant.
    pub namespace: Namespace,
    /// Any of these webhooks; empty means all.
    pub webhook_ids: Vec<WebhookId>,
    /// Any of these events; empty means all.
    pub event_ids: Vec<EventId>,
    /// Patterns for the event's type, any of them; empty means all.
    pub event_types: Vec<String>,
    /// Any of these states; empty means all.
    pub states: Vec<DeliveryState>,
    /// Any of these outcomes of the last attempt; empty means all.
    pub last_outcomes: Vec<Outcome>,
    /// Any of these statuses of the last response; empty means all.
    pub response_statuses: Vec<u16>,
    /// At least this many attempts finished.
    pub min_attempts: u32,
    /// Made at or after this time.
    pub start_time: Option<Timestamp>,
    /// Made before this time.
    pub end_time: Option<Timestamp>,
    /// Where the page begins: `next` of the page before.
    pub after: Option<Vec<u8>>,
    /// At most this many items.
    pub limit: usize,
}

impl DeliveryQuery {
    /// Whether a delivery, of the right namespace, is one of those asked for. Times and type
    /// patterns are not looked at.
    pub fn passes(&self, delivery: &Delivery) -> bool {
        let last = delivery.last_attempt.as_deref();
        let status = last.and_then(|attempt| attempt.response.as_ref()).map(|response| response.status);
        let outcome = last.map(|attempt| attempt.outcome);
        is_any(&self.webhook_ids, Some(&delivery.webhook_id))
            && is_any(&self.event_ids, Some(&delivery.event_id))
            && is_any(&self.states, Some(&delivery.state))
            && is_any(&self.last_outcomes, outcome.as_ref())
            && is_any(&self.response_statuses, status.as_ref())
            && delivery.attempt_count >= self.min_attempts
    }
}

/// Whether `value` is one of those asked for; none asked for means all.
fn is_any<T: PartialEq>(asked: &[T], value: Option<&T>) -> bool {
    asked.is_empty() || value.is_some_and(|value| asked.contains(value))
}

/// One record of the journal: a delivery as it was after a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its place.
    pub sequence: Sequence,
    /// When it happened.
    pub time: Timestamp,
    /// The state before; `None` for a new delivery.
    pub previous: Option<DeliveryState>,
    /// The delivery after the change; its last attempt is the one that had been finished by then.
    pub delivery: Delivery,
}

/// Changes in commit order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChangePage {
    /// The changes, and the page of them, shared by all who read them at the same place.
    pub changes: Arc<[Arc<Change>]>,
    /// The sequence to go on after: of the last change, or the end of the journal when there is none.
    pub next: Sequence,
}

/// What is kept of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalSpan {
    /// The sequence before the oldest change that is kept.
    pub before_oldest: Sequence,
    /// The last change.
    pub last: Sequence,
    /// Told apart from the journal of another store, or of this one before a restore.
    pub epoch: u64,
}
