//! [`EmbeddedStore`]: the face of the store. Writes go to the writer's inbox; reads are
//! answered here, in the caller's task or on a thread for blocking work.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use tenterhook_model::{
    AccessToken, Attempt, CertificateEnd, Delivery, DeliveryId, Event, EventId, Namespace, Timestamp, TokenId,
    WebhookHealth, WebhookId, limits,
};
use tokio::sync::{Notify, oneshot, watch};

use super::Reads;
use super::shared::Shared;
use crate::backup::Backup;
use crate::error::{SaveError, StoreError, TokenError};
use crate::inbox::{Answer, Request};
use crate::keys;
use crate::kv::Kv;
use crate::lock::lock;
use crate::ownership::Ownership;
use crate::query::{ChangePage, DeliveryQuery, EventQuery, JournalSpan, Page, Sequence, Topic};
use crate::record::{
    Claim, Expired, NewEvent, Notice, NoticeId, Published, Redrive, SavedWebhook, Settled, Settlement, TokenSet,
    WebhookChange, WebhookSet,
};
use crate::roles::{
    Administering, Announcing, Copying, Dispatching, Maintaining, Observing, Publishing, Reading, Tokens, Webhooks,
};
use crate::stats::{Backlog, DeliveryStats, Gauges, StatsBucket, StatsQuery};

/// A store over an embedded engine.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmbeddedStore")
    }
}

impl EmbeddedStore {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Makes a read where the opener wants it made.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match self.shared.reads {
            Reads::Inline => read(&self.shared),
            Reads::Blocking => {
                let shared = self.shared.clone();
                let read = tokio::task::spawn_blocking(move || read(&shared)).await;
                read.unwrap_or_else(|_| Err(StoreError::Failed("a read panicked, or the server is stopping".into())))
            }
        }
    }

    /// Makes a write for somebody who does not wait without end.
    async fn ask<T, E: From<StoreError>>(&self, write: impl FnOnce(Answer<T, E>) -> Request) -> Result<T, E> {
        self.shared.answered(self.shared.inbox.write(write)).await
    }

    /// Lets a publisher wait while the lanes that its events go to keep up but have a
    /// backlog, and not for long: one that gets slower than this holds nobody back.
    async fn admit(&self, events: &[NewEvent]) {
        let set = self.shared.webhooks();
        let lanes = || {
            let webhooks = events.iter().flat_map(|new| &new.webhooks);
            webhooks.filter_map(|id| set.by_id.get(id)).map(|webhook| webhook.lane)
        };
        let has_room = || {
            let millis = self.shared.clock.now().millis_u48();
            self.shared.queues().moving_backlog(lanes(), millis) < limits::MOVING_BACKLOG
        };
        let wait = async {
            while !has_room() {
                self.shared.room.notified().await;
            }
        };
        // One that is not let in by then is let in all the same.
        let _late = tokio::time::timeout(limits::ADMISSION_WAIT, wait).await;
    }

    fn gauges_of(shared: &Shared) -> Result<Gauges, StoreError> {
        let open = shared.counts().all_open();
        let in_flight = shared.queues().in_flight() as u64;
        let mut oldest_open: Option<Timestamp> = None;
        let (mut waits, millis) = (Vec::new(), shared.clock.now().millis_u48());
        for (lane, webhook) in &shared.webhooks().by_lane {
            let open = shared.counts().open(*lane);
            if open.total() > 0 {
                let oldest = shared.oldest_open(*lane)?;
                oldest_open = oldest_open.into_iter().chain(oldest).min();
                let waiting = shared.queues().waits(*lane, open, millis);
                waits.push((*webhook, waiting));
            }
        }
        // Those in flight are pending or retrying on disk; most are at their first attempt.
        let of_pending = in_flight.min(open.pending);
        Ok(Gauges {
            pending: open.pending - of_pending,
            in_flight,
            retrying: open.retrying.saturating_sub(in_flight - of_pending),
            oldest_open,
            size_bytes: shared.kv.size()?,
            is_full: shared.kv.is_nearly_full(),
            waits,
        })
    }
}

impl Webhooks for EmbeddedStore {
    fn webhooks(&self) -> Arc<WebhookSet> {
        self.shared.webhooks()
    }

    fn health(&self, webhook: WebhookId) -> WebhookHealth {
        self.shared.known_health(webhook).unwrap_or_default()
    }

    fn ownership(&self) -> watch::Receiver<Ownership> {
        self.shared.kv.ownership()
    }
}

#[async_trait]
impl Publishing for EmbeddedStore {
    async fn publish(&self, events: Vec<NewEvent>) -> Result<Vec<Published>, StoreError> {
        // What is accepted must be delivered, and what is damaged may be in the way of that.
        self.shared.kv.is_sound()?;
        self.admit(&events).await;
        self.shared.answered(self.shared.inbox.publish(events)).await
    }
}

#[async_trait]
impl Announcing for EmbeddedStore {
    async fn notices(&self, limit: usize) -> Result<Vec<Notice>, StoreError> {
        self.read(move |shared| shared.notices(limit)).await
    }

    async fn announce(&self, notice: NoticeId, event: NewEvent) -> Result<Option<Published>, StoreError> {
        self.shared.inbox.write(|answer| Request::Announce { notice, event: Box::new(event), answer }).await
    }

    async fn note_expiry(&self, webhook: (WebhookId, u64), end: CertificateEnd, days: u32) -> Result<bool, StoreError> {
        self.shared.inbox.write(|answer| Request::NoteExpiry { webhook, end, days, answer }).await
    }

    fn notice_bell(&self) -> &Notify {
        &self.shared.notice_bell
    }
}

#[async_trait]
impl Dispatching for EmbeddedStore {
    fn take_ready(&self, now: Timestamp) -> Vec<WebhookId> {
        self.shared.queues().take_ready(now.millis_u48())
    }

    fn take_asked(&self) -> Vec<WebhookId> {
        self.shared.queues().take_asked()
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.shared.queues().next_due()
    }

    fn due_bell(&self) -> &Notify {
        &self.shared.due_bell
    }

    async fn claim(&self, webhook: WebhookId, limit: usize, now: Timestamp) -> Result<Vec<Claim>, StoreError> {
        if !self.shared.kv.is_remote() || self.shared.reads == Reads::Inline {
            return self.shared.claim(webhook, limit, now);
        }
        if !self.shared.kv.may_send() {
            self.shared.kv.certain().await;
        }
        if let Some(claims) = self.shared.claim_from_memory(webhook, limit, now)? {
            return Ok(claims);
        }
        let (shared, (answer, answered)) = (self.shared.clone(), oneshot::channel());
        let claiming = tokio::task::spawn_blocking(move || {
            if let Err(Ok(claims)) = answer.send(shared.claim(webhook, limit, now)) {
                // Nobody waits for them any more.
                let ids: Vec<_> = claims.iter().map(|claim| claim.delivery.id).collect();
                shared.queues().put_back(&ids, now.millis_u48());
            }
        });
        // It ends by itself, and answers through the channel.
        drop(claiming);
        answered.await.unwrap_or_else(|_| Err(StoreError::Failed("a claim panicked, or the server is stopping".into())))
    }

    async fn release(&self, deliveries: Vec<DeliveryId>) -> Result<(), StoreError> {
        self.shared.queues().put_back(&deliveries, self.shared.clock.now().millis_u48());
        self.shared.due_bell.notify_one();
        Ok(())
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>, StoreError> {
        self.shared.inbox.write(|answer| Request::Settle { settlements, answer }).await
    }
}

#[async_trait]
impl Reading for EmbeddedStore {
    async fn event(&self, namespace: &Namespace, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        let (namespace, id) = (namespace.clone(), id.clone());
        self.read(move |shared| Ok(shared.find_event(&namespace, &id)?.map(Arc::new))).await
    }

    async fn list_events(&self, query: EventQuery) -> Result<Page<Arc<Event>>, StoreError> {
        self.read(move |shared| shared.events(&query)).await
    }

    async fn namespaces(&self, from: Option<&Namespace>, limit: usize) -> Result<Vec<Namespace>, StoreError> {
        let from = from.cloned();
        self.read(move |shared| shared.namespaces(from.as_ref(), limit)).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.read(move |shared| Ok(shared.find_delivery(id)?.map(|delivery| shared.shown(delivery)))).await
    }

    async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        self.read(move |shared| shared.find_attempts(id)).await
    }

    async fn turns(&self, of: Vec<(WebhookId, String)>) -> Result<Vec<Option<DeliveryId>>, StoreError> {
        self.read(move |shared| of.iter().map(|(webhook, key)| shared.turn(*webhook, key)).collect()).await
    }

    async fn backlogs(&self, of: Vec<WebhookId>) -> Result<Vec<Backlog>, StoreError> {
        self.read(move |shared| of.iter().map(|webhook| shared.backlog(*webhook)).collect()).await
    }

    async fn list_deliveries(&self, query: DeliveryQuery) -> Result<Page<Delivery>, StoreError> {
        self.read(move |shared| shared.deliveries(&query)).await
    }

    async fn changes(&self, after: Sequence, limit: usize) -> Result<ChangePage, StoreError> {
        match self.shared.recent_changes(after, limit) {
            Some(page) => Ok(page),
            None => self.read(move |shared| shared.changes(after, limit)).await,
        }
    }

    fn journal(&self) -> JournalSpan {
        self.shared.tail().span()
    }

    async fn sequence_at(&self, time: Timestamp) -> Result<Sequence, StoreError> {
        self.read(move |shared| shared.sequence_at(time)).await
    }

    fn journal_bell(&self) -> &Notify {
        &self.shared.journal_bell
    }

    fn bell_of(&self, topic: &Topic) -> Arc<Notify> {
        self.shared.tail().bell_of(topic)
    }

    fn quiet_until(&self, topic: &Topic, after: Sequence) -> Option<Sequence> {
        self.shared.tail().quiet_until(topic, after)
    }

    async fn stats(&self, query: StatsQuery) -> Result<Vec<(WebhookId, DeliveryStats)>, StoreError> {
        self.read(move |shared| shared.stats(&query)).await
    }

    async fn stats_buckets(&self, query: StatsQuery, width: Duration) -> Result<Vec<StatsBucket>, StoreError> {
        self.read(move |shared| shared.stats_buckets(&query, width)).await
    }
}

#[async_trait]
impl Administering for EmbeddedStore {
    async fn save_webhook(&self, change: WebhookChange) -> Result<SavedWebhook, SaveError> {
        self.ask(|answer| Request::Save { change, answer }).await
    }

    async fn ask(&self, webhook: WebhookId) -> Result<(), StoreError> {
        self.ask(|answer| Request::Ask { webhook, answer }).await
    }

    async fn redrive(&self, deliveries: Vec<DeliveryId>) -> Result<Vec<Redrive>, StoreError> {
        self.ask(|answer| Request::Redrive { deliveries, answer }).await
    }

    async fn cancel(&self, deliveries: Vec<DeliveryId>) -> Result<Vec<Redrive>, StoreError> {
        self.ask(|answer| Request::Cancel { deliveries, answer }).await
    }

    async fn recall(&self, namespace: &Namespace, request: &(String, [u8; 32])) -> Result<Option<u64>, SaveError> {
        let (namespace, request) = (namespace.clone(), request.clone());
        self.read(move |shared| Ok(shared.recalled(&namespace, &request))).await?
    }

    async fn remember(&self, namespace: &Namespace, request: (String, [u8; 32]), count: u64) -> Result<(), StoreError> {
        let namespace = namespace.clone();
        self.ask(|answer| Request::Remember { namespace, request, count, answer }).await
    }

    async fn replay(&self, webhook: WebhookId, events: Vec<EventId>) -> Result<Vec<DeliveryId>, StoreError> {
        self.ask(|answer| Request::Replay { webhook, events, answer }).await
    }
}

#[async_trait]
impl Tokens for EmbeddedStore {
    fn tokens(&self) -> Arc<TokenSet> {
        self.shared.tokens()
    }

    async fn add_token(&self, token: AccessToken) -> Result<(), TokenError> {
        self.ask(|answer| Request::AddToken { token: Box::new(token), answer }).await
    }

    async fn remove_token(&self, id: TokenId) -> Result<Option<Arc<AccessToken>>, StoreError> {
        self.ask(|answer| Request::RemoveToken { id, answer }).await
    }
}

#[async_trait]
impl Copying for EmbeddedStore {
    async fn backup(&self) -> Result<Backup, StoreError> {
        let view = self.read(|shared| shared.kv.view()).await?;
        Ok(Backup::begin(view, self.shared.reads == Reads::Blocking))
    }
}

#[async_trait]
impl Maintaining for EmbeddedStore {
    async fn expire(&self, before: Timestamp, limit: usize) -> Result<Expired, StoreError> {
        self.shared.inbox.write(|answer| Request::Expire { before, limit, answer }).await
    }

    async fn erase(&self) -> Result<bool, StoreError> {
        self.read(|shared| shared.kv.erase(&|| shared.inbox.is_open())).await
    }

    async fn open_deliveries(
        &self,
        webhook: WebhookId,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.read(move |shared| shared.open_deliveries(webhook, after, limit)).await
    }

    async fn give_up(&self, deliveries: Vec<Delivery>) -> Result<usize, StoreError> {
        self.shared.inbox.write(|answer| Request::GiveUp { deliveries, answer }).await
    }

    async fn give_up_expired(&self, limit: usize) -> Result<usize, StoreError> {
        self.shared.inbox.write(|answer| Request::GiveUpExpired { limit, answer }).await
    }

    async fn bring_forward(&self, moves: Vec<(Delivery, Timestamp)>) -> Result<usize, StoreError> {
        self.shared.inbox.write(|answer| Request::BringForward { moves, answer }).await
    }

    fn next_expiry(&self) -> Option<Timestamp> {
        let millis = self.shared.next_expiry.load(Ordering::Acquire);
        (millis != u64::MAX).then(|| Timestamp::from_millis(millis as i64))
    }

    fn deadline_bell(&self) -> &Notify {
        &self.shared.deadline_bell
    }
}

#[async_trait]
impl Observing for EmbeddedStore {
    async fn gauges(&self) -> Result<Gauges, StoreError> {
        self.read(Self::gauges_of).await
    }

    async fn readiness(&self) -> Result<(), StoreError> {
        if !self.shared.inbox.is_open() {
            return Err(StoreError::Closed);
        }
        self.shared.kv.is_sound()?;
        if *self.shared.kv.ownership().borrow() != Ownership::Held {
            return Err(StoreError::Unavailable("this node may not send until the database answers"));
        }
        // After a failure nobody may come who would find that the disk is well again.
        let failed = lock(&self.shared.failure).is_some();
        if failed {
            let probed: Result<(), StoreError> = self.shared.inbox.write(|answer| Request::Probe { answer }).await;
            if let Err(error) = probed {
                // A small commit may have succeeded all the same.
                *lock(&self.shared.failure) = Some(error.clone());
                return Err(error);
            }
        } else if self.shared.kv.can_read().is_err() {
            self.read(|shared| shared.kv.get(&keys::meta::identity())).await?;
        }
        if self.shared.kv.is_nearly_full() { Err(StoreError::Full) } else { Ok(()) }
    }

    fn close(&self) {
        self.shared.inbox.close();
        self.shared.kv.closing();
    }
}
