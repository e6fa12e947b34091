//! What the service needs of a store, by role. Slices go in, an answer per item comes out; ids,
//! times and sequence numbers are the store's.
//!
//! Each user names the role that it needs, so that it can do no more, and a test double of it has
//! nothing else.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tenterhook_model::{
    AccessToken, Attempt, CertificateEnd, Delivery, DeliveryId, Event, EventId, Namespace, Timestamp, TokenId,
    WebhookHealth, WebhookId,
};
use tokio::sync::{Notify, watch};

use crate::backup::Backup;
use crate::error::{SaveError, StoreError, TokenError};
use crate::ownership::Ownership;
use crate::query::{ChangePage, DeliveryQuery, EventQuery, JournalSpan, Page, Sequence, Topic};
use crate::record::{
    Claim, Expired, NewEvent, Notice, NoticeId, Published, Redrive, SavedWebhook, Settled, Settlement, TokenSet,
    WebhookChange, WebhookSet,
};
use crate::stats::{Backlog, DeliveryStats, Gauges, StatsBucket, StatsQuery};

/// The webhooks as they are now, and how their receivers are doing: every role looks at them.
pub trait Webhooks: Debug + Send + Sync + 'static {
    /// Every webhook as it is now; swapped whole at each change, so that readers never wait.
    fn webhooks(&self) -> Arc<WebhookSet>;

    /// Health of a webhook's receiver, as the last settlements left it.
    fn health(&self, webhook: WebhookId) -> WebhookHealth;

    /// Whether this process may send what the store hands out, told at each change.
    fn ownership(&self) -> watch::Receiver<Ownership> {
        watch::Sender::new(Ownership::Held).subscribe()
    }
}

/// Takes events in. For the intake.
#[async_trait]
pub trait Publishing: Webhooks {
    /// Stores events and makes their deliveries: all of them or, when one conflicts, none.
    /// Returns them in the order of `events`.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] when too much waits already, [`StoreError::Full`] when the disk is.
    async fn publish(&self, events: Vec<NewEvent>) -> Result<Vec<Published>, StoreError>;
}

/// Publishes what the server reports about itself. For the intake.
#[async_trait]
pub trait Announcing: Webhooks {
    /// The first notices that wait to be published, in the order of their commits, at most `limit`.
    async fn notices(&self, limit: usize) -> Result<Vec<Notice>, StoreError>;

    /// Stores the event of a notice, makes its deliveries and forgets the notice, in one commit.
    /// Returns `None` when the notice was published before.
    ///
    /// # Errors
    /// As [`Publishing::publish`]; the notice is kept then.
    async fn announce(&self, notice: NoticeId, event: NewEvent) -> Result<Option<Published>, StoreError>;

    /// Makes a notice that a certificate of a webhook at this revision ends within so many days; once for each
    /// number of days, the smaller after the larger. Returns whether it made one.
    async fn note_expiry(&self, webhook: (WebhookId, u64), end: CertificateEnd, days: u32) -> Result<bool, StoreError>;

    /// Rung after each commit with a notice in it. A hint only.
    fn notice_bell(&self) -> &Notify;
}

/// Hands out due deliveries and records what became of them. For the dispatcher.
#[async_trait]
pub trait Dispatching: Webhooks {
    /// Webhooks that have got a due delivery since the last call, or whose time has come by
    /// `now`. Whoever takes them claims until a claim comes back short.
    fn take_ready(&self, now: Timestamp) -> Vec<WebhookId>;

    /// Webhooks of which a person has asked, since the last call, that they be sent to now: by
    /// [`Administering::redrive`], [`Administering::replay`], [`Administering::ask`], or by changing
    /// or resuming one. An open breaker lets one request through at once; the health that the store
    /// keeps says so already.
    fn take_asked(&self) -> Vec<WebhookId>;

    /// When the next delivery that waits for its time is due; `None` when none waits.
    fn next_due(&self) -> Option<Timestamp>;

    /// Rung when `take_ready`, `take_asked` or `next_due` may return something new. A hint only.
    fn due_bell(&self) -> &Notify;

    /// Up to `limit` due deliveries of the webhook in due order, taken out of the queue until they are
    /// settled or released. Fewer than `limit` mean that no more are due now. A process
    /// that dies has released them all.
    async fn claim(&self, webhook: WebhookId, limit: usize, now: Timestamp) -> Result<Vec<Claim>, StoreError>;

    /// Puts claimed deliveries back as they were, without an attempt.
    async fn release(&self, deliveries: Vec<DeliveryId>) -> Result<(), StoreError>;

    /// Records what became of claimed deliveries, with the journal and the health of their
    /// webhooks, in one commit.
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>, StoreError>;
}

/// Reads what is stored, and follows the journal. For the API.
#[async_trait]
pub trait Reading: Webhooks {
    /// The event, while it is kept.
    ///
    /// # Errors
    /// When the disk fails or a record is damaged; so for every read below.
    async fn event(&self, namespace: &Namespace, id: &EventId) -> Result<Option<Arc<Event>>, StoreError>;

    /// Events, newest first, a page at a time.
    async fn list_events(&self, query: EventQuery) -> Result<Page<Arc<Event>>, StoreError>;

    /// Namespaces that hold events, at most `limit` of those from `from` on: the shortest names
    /// first, names of one length in alphabetical order. Fewer mean that no more follow.
    async fn namespaces(&self, from: Option<&Namespace>, limit: usize) -> Result<Vec<Namespace>, StoreError>;

    /// The delivery, while it is kept; one that is claimed shows as in flight.
    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError>;

    /// Every attempt of a delivery, oldest first.
    async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>, StoreError>;

    /// The delivery whose turn it is, for each webhook and ordering key; `None` when nobody has it.
    async fn turns(&self, of: Vec<(WebhookId, String)>) -> Result<Vec<Option<DeliveryId>>, StoreError>;

    /// How many deliveries of each webhook wait, and since when.
    async fn backlogs(&self, of: Vec<WebhookId>) -> Result<Vec<Backlog>, StoreError>;

    /// Deliveries, newest first, a page at a time.
    async fn list_deliveries(&self, query: DeliveryQuery) -> Result<Page<Delivery>, StoreError>;

    /// Changes after `after` in commit order, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Expired`] when changes after it are no longer kept.
    async fn changes(&self, after: Sequence, limit: usize) -> Result<ChangePage, StoreError>;

    /// The part of the journal that is kept now.
    fn journal(&self) -> JournalSpan;

    /// The last sequence before the first change at or after `time`.
    ///
    /// # Errors
    /// [`StoreError::Expired`] when that change is no longer kept.
    async fn sequence_at(&self, time: Timestamp) -> Result<Sequence, StoreError>;

    /// Rung after each commit that appended to the journal. A hint only.
    fn journal_bell(&self) -> &Notify;

    /// The bell of a topic: rung after each commit that changed a delivery on it. A hint
    /// only. Hold it as long as you watch the topic.
    fn bell_of(&self, topic: &Topic) -> Arc<Notify>;

    /// The end of the journal, if nothing happened on the topic after `after`, so that
    /// nothing need be read up to there. Only known while somebody holds its bell.
    fn quiet_until(&self, topic: &Topic, after: Sequence) -> Option<Sequence>;

    /// Counts of each webhook that had deliveries in the window or has open ones now.
    async fn stats(&self, query: StatsQuery) -> Result<Vec<(WebhookId, DeliveryStats)>, StoreError>;

    /// What ended of all webhooks of the query together, in buckets of `width`, oldest first, also
    /// empty ones; what is open now is in none. `width` is in whole minutes, and in whole hours for
    /// windows beyond a day.
    async fn stats_buckets(&self, query: StatsQuery, width: Duration) -> Result<Vec<StatsBucket>, StoreError>;
}

/// Changes webhooks and steers deliveries by hand. For the API.
#[async_trait]
pub trait Administering: Webhooks {
    /// Creates, replaces or removes a webhook; removal cancels its open deliveries.
    ///
    /// # Errors
    /// [`SaveError`] says which expectation failed; nothing has changed then.
    async fn save_webhook(&self, change: WebhookChange) -> Result<SavedWebhook, SaveError>;

    /// Asks that the webhook be sent to now: what its breaker, or a wait that its receiver asked for,
    /// holds back is tried with one request at once ([`WebhookHealth::asked`]).
    async fn ask(&self, webhook: WebhookId) -> Result<(), StoreError>;

    /// Makes deliveries due now, whatever their state but in flight. They go before all others of
    /// their webhook, and the webhook is sent to now as after [`Administering::ask`].
    async fn redrive(&self, deliveries: Vec<DeliveryId>) -> Result<Vec<Redrive>, StoreError>;

    /// Cancels deliveries that are not final; an attempt under way is finished, and recorded as the last.
    async fn cancel(&self, deliveries: Vec<DeliveryId>) -> Result<Vec<Redrive>, StoreError>;

    /// The count that was answered to a request id of the namespace within the last 24 hours,
    /// if one was. The request is its id and a digest of its content, as in [`WebhookChange::Put`].
    ///
    /// # Errors
    /// [`SaveError::RequestConflict`] when the id was used for other content.
    async fn recall(&self, namespace: &Namespace, request: &(String, [u8; 32])) -> Result<Option<u64>, SaveError>;

    /// Remembers the count that is answered to a request id, for [`Administering::recall`].
    async fn remember(&self, namespace: &Namespace, request: (String, [u8; 32]), count: u64) -> Result<(), StoreError>;

    /// Makes new deliveries of past events for one webhook, which is sent to now as after [`Administering::ask`].
    async fn replay(&self, webhook: WebhookId, events: Vec<EventId>) -> Result<Vec<DeliveryId>, StoreError>;
}

/// Ends what has run out of time and removes what is old. For tasks of the server.
#[async_trait]
pub trait Maintaining: Reading {
    /// One step of retention: removes about `limit` of the events, finished deliveries and
    /// changes from before `before`. An event with an open delivery stays.
    async fn expire(&self, before: Timestamp, limit: usize) -> Result<Expired, StoreError>;

    /// Erases what was removed from the files of the store, as far as its engine can: nothing
    /// of it is found there afterwards. Returns `false` when it has to be tried again later.
    /// Takes time and disk in proportion to what is kept.
    async fn erase(&self) -> Result<bool, StoreError>;

    /// Open deliveries of the webhook, oldest first: at most `limit` of those after `after`.
    async fn open_deliveries(
        &self,
        webhook: WebhookId,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Ends deliveries that have run out of time, but for those that are claimed or have changed
    /// since the caller saw them. Returns how many ended.
    async fn give_up(&self, deliveries: Vec<Delivery>) -> Result<usize, StoreError>;

    /// Ends open deliveries whose event has expired by now. Looks at no more than `limit`, and
    /// answers at how many.
    async fn give_up_expired(&self, limit: usize) -> Result<usize, StoreError>;

    /// Moves the next attempts of deliveries, each to its time, but for those that are claimed or
    /// have changed since the caller saw them. Returns how many moved.
    async fn bring_forward(&self, moves: Vec<(Delivery, Timestamp)>) -> Result<usize, StoreError>;

    /// When the first event of an open delivery expires; `None` when none does.
    fn next_expiry(&self) -> Option<Timestamp>;

    /// Rung when `next_expiry` may be nearer than before, or a webhook has changed. A hint only.
    fn deadline_bell(&self) -> &Notify;
}

/// Says how the store is doing, and closes it. For the operations listener and the end of the server.
#[async_trait]
pub trait Observing: Webhooks {
    /// What is open now and how much disk the store takes, for metrics.
    async fn gauges(&self) -> Result<Gauges, StoreError>;

    /// Whether the store can take writes, for a readiness probe.
    ///
    /// # Errors
    /// Why it cannot: it is closed, full, or the disk failed.
    async fn readiness(&self) -> Result<(), StoreError>;

    /// Takes no more writes. What waits is still committed and answered; then the writer ends.
    fn close(&self);
}

/// Copies all of the store while it is in use. For the API.
#[async_trait]
pub trait Copying: Webhooks {
    /// Begins a copy of all that was acknowledged before the call.
    ///
    /// # Errors
    /// [`StoreError::NoViews`] when the engine cannot.
    async fn backup(&self) -> Result<Backup, StoreError>;
}

/// Keeps access tokens. For the API.
#[async_trait]
pub trait Tokens: Debug + Send + Sync + 'static {
    /// Every token as it is now, also expired ones; swapped whole at each change, so that readers
    /// never wait.
    fn tokens(&self) -> Arc<TokenSet>;

    /// Stores a new token. Some of those that have expired are removed in the same commit.
    ///
    /// # Errors
    /// [`TokenError::TooMany`] when its namespace has as many as it may have.
    async fn add_token(&self, token: AccessToken) -> Result<(), TokenError>;

    /// Removes a token; returns it, or `None` when there is none with this id.
    async fn remove_token(&self, id: TokenId) -> Result<Option<Arc<AccessToken>>, StoreError>;
}

/// What the API needs.
pub trait Serving: Reading + Administering + Copying + Tokens {}

impl<T: Reading + Administering + Copying + Tokens> Serving for T {}

/// A store in every role.
pub trait Store: Publishing + Announcing + Dispatching + Serving + Maintaining + Observing {}

impl<T: Publishing + Announcing + Dispatching + Serving + Maintaining + Observing> Store for T {}
