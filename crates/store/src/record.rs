//! What goes into a store and what comes back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::{
    AccessToken, Attempt, Delivery, DeliveryId, DeliveryState, Event, EventId, Lane, Namespace, Next, NoticeKind,
    Timestamp, TokenId, Webhook, WebhookHealth, WebhookId, is_operational,
};

/// The number of a notice, in the order of commits among those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeId(pub u64);

/// What the server reports about a webhook, to be published as an operational event.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Its number.
    pub id: NoticeId,
    /// The id of its event.
    pub event_id: EventId,
    /// What happened.
    pub kind: NoticeKind,
    /// When it was committed.
    pub time: Timestamp,
    /// The webhook after the change; a deleted one as it was.
    pub webhook: Arc<Webhook>,
    /// The health of its receiver then.
    pub health: WebhookHealth,
    /// Why, in words; may be empty.
    pub reason: String,
    /// Failures: those in a row that opened the breaker, deliveries that failed since the last
    /// notice of this kind, or all of them until the webhook recovered; else 0.
    pub count: u64,
    /// The delivery that it is due to, if it is due to one.
    pub trigger: Option<Trigger>,
}

/// The delivery that a notice is due to.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// Its id.
    pub delivery_id: DeliveryId,
    /// Its event.
    pub event_id: EventId,
    /// The type of the event.
    pub event_type: Arc<str>,
    /// Its last attempt, without bodies once it is stored.
    pub attempt: Option<Arc<Attempt>>,
}

impl Trigger {
    /// Whether it delivers an operational event.
    pub fn is_operational(&self) -> bool {
        is_operational(&self.event_type)
    }
}

/// Every webhook at one moment.
#[derive(Debug, Clone, Default)]
pub struct WebhookSet {
    /// The webhooks by id; ids sort by time of creation.
    pub by_id: std::collections::BTreeMap<WebhookId, Arc<Webhook>>,
    /// The webhook of each lane.
    pub by_lane: HashMap<Lane, WebhookId>,
    /// How many webhooks of each namespace ask for operational events; those with none are left out.
    pub subscribers: HashMap<Namespace, usize>,
    /// Rises with each change of any webhook.
    pub revision: u64,
}

impl WebhookSet {
    /// Counts the subscribers. Call it after each change.
    pub(crate) fn count_subscribers(&mut self) {
        self.subscribers.clear();
        for webhook in self.by_id.values().filter(|webhook| webhook.takes_notices()) {
            *self.subscribers.entry(webhook.namespace.clone()).or_default() += 1;
        }
    }
}

/// Every access token at one moment.
#[derive(Debug, Clone, Default)]
pub struct TokenSet {
    /// The tokens by id; ids sort by time of creation.
    pub by_id: std::collections::BTreeMap<TokenId, Arc<AccessToken>>,
    by_hash: HashMap<[u8; 32], TokenId>,
}

impl TokenSet {
    /// The token whose secret has this hash. Finding it takes the same time whatever a stranger sends.
    pub fn of_hash(&self, hash: &[u8; 32]) -> Option<&Arc<AccessToken>> {
        self.by_hash.get(hash).and_then(|id| self.by_id.get(id))
    }

    /// Adds a token.
    pub(crate) fn insert(&mut self, token: Arc<AccessToken>) {
        let hash_before = self.by_hash.insert(token.hash, token.id);
        let before = self.by_id.insert(token.id, token);
        assert!(hash_before.is_none() && before.is_none(), "ids and secrets are made once: {before:?}");
        debug_assert_eq!(self.by_id.len(), self.by_hash.len(), "each token is known by one secret");
    }

    /// Takes a token out.
    pub(crate) fn remove(&mut self, id: TokenId) -> Option<Arc<AccessToken>> {
        let token = self.by_id.remove(&id)?;
        let by_hash = self.by_hash.remove(&token.hash);
        assert_eq!(by_hash, Some(id), "a token goes with its own secret, or that would still be known");
        Some(token)
    }
}

/// What the caller believes of a webhook that it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// It does not exist.
    Absent,
    /// It is at this revision.
    Revision(u64),
    /// It exists.
    Present,
}

/// A change of a webhook.
#[derive(Debug, Clone)]
pub enum WebhookChange {
    /// Creates or replaces it. The store sets lane, revision and update time; on creation the create time too.
    Put {
        /// The webhook.
        webhook: Box<Webhook>,
        /// What it must be like now.
        expect: Expect,
        /// The caller's request id (a UUID) and a digest of its content: a repeat within 24
        /// hours gets the first answer, other content a conflict.
        request: Option<(String, [u8; 32])>,
    },
    /// Removes it and cancels its open deliveries.
    Delete {
        /// The webhook.
        id: WebhookId,
        /// What it must be like now.
        expect: Expect,
    },
}

/// Answer to a change of a webhook.
#[derive(Debug, Clone)]
pub struct SavedWebhook {
    /// The webhook as stored, or as it was when it was removed.
    pub webhook: Arc<Webhook>,
    /// Whether the answer repeats that of an earlier request.
    pub repeated: bool,
    /// Open deliveries that were cancelled by a removal.
    pub cancelled: u64,
}

/// An event to publish and the webhooks that it matched.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The event, with its publish time set. The claims of its deliveries share it while it is in memory.
    pub event: Arc<Event>,
    /// Digest of its content, to tell a repeat from a conflict.
    pub content: [u8; 32],
    /// The webhooks to deliver to.
    pub webhooks: Vec<WebhookId>,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its id.
    pub event_id: EventId,
    /// Its publish time, of now or of the first time.
    pub publish_time: Timestamp,
    /// Whether it had been stored before.
    pub duplicate: bool,
    /// Deliveries that were made of it, now or the first time.
    pub delivery_count: u32,
}

/// A due delivery, handed out for an attempt.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The delivery as it is stored.
    pub delivery: Delivery,
    /// Its event; one and the same for all deliveries that came from memory.
    pub event: Arc<Event>,
}

/// What became of a claimed delivery.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// The attempt that ended; `None` when the delivery ran out of time without one.
    pub attempt: Option<Arc<Attempt>>,
    /// Whether the attempt counts for the retry policy (see `Transition::Attempted`).
    pub counts: bool,
    /// What follows.
    pub next: Next,
    /// The health of the webhook's receiver from now on; `None` leaves it.
    pub health: Option<WebhookHealth>,
    /// Stops the webhook with this reason, in the same commit.
    pub suspend: Option<String>,
}

/// Answer to a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is recorded.
    Done,
    /// The delivery was cancelled or removed in the meantime; nothing follows.
    Fenced,
}

/// Answer to a request to make a delivery due, or to cancel it.
#[derive(Debug, Clone, PartialEq)]
pub enum Redrive {
    /// The delivery as it is now.
    Done(Box<Delivery>),
    /// Its state forbids it.
    Forbidden(DeliveryState),
    /// There is no such delivery.
    NotFound,
}

/// What one step of retention did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expired {
    /// Records that were removed: events, finished deliveries and changes of the journal.
    pub removed: usize,
    /// Commits since the start that changed or removed anything else that may have to be erased: webhooks,
    /// access tokens, request ids with their answers.
    pub replaced: u64,
    /// Everything from before this time that may go is gone; `None` while more is left.
    pub clear: Option<Timestamp>,
    /// How long the writer worked on the step before it committed it.
    pub took: Duration,
}
