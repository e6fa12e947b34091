//! A store for the dispatcher's tests: due deliveries by webhook, each settled as it is
//! told, and failures on demand. What the dispatcher never asks for is not there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use tenterhook_model::{
    Attempt, Delivery, DeliveryId, Event, EventId, Namespace, Next, Timestamp, Transition, Webhook, WebhookHealth,
    WebhookId,
};
use tenterhook_store::*;
use tokio::sync::Notify;

/// What the store holds.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) webhooks: Arc<WebhookSet>,
    pub(crate) due: BTreeMap<WebhookId, VecDeque<Claim>>,
    pub(crate) later: Vec<Claim>,
    pub(crate) claimed: BTreeMap<DeliveryId, Claim>,
    pub(crate) finished: Vec<Delivery>,
    pub(crate) health: BTreeMap<WebhookId, WebhookHealth>,
    pub(crate) ready: BTreeSet<WebhookId>,
    pub(crate) asked: BTreeSet<WebhookId>,
    /// Every group of settlements that was taken.
    pub(crate) groups: Vec<Vec<Settlement>>,
    pub(crate) released: Vec<DeliveryId>,
    pub(crate) claims: usize,
    /// So many settlements fail before one succeeds.
    pub(crate) failing_settles: usize,
    /// So many claims fail before one succeeds.
    pub(crate) failing_claims: usize,
    pub(crate) closed: bool,
}

/// The scripted store.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    held: Mutex<Held>,
    bell: Notify,
    /// How long a settlement takes.
    settle_time: std::time::Duration,
    pub(crate) clock: super::world::TestClock,
}

impl Scripted {
    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }

    /// The same store, whose settlements take so long.
    pub(crate) fn settling_in(mut self, time: std::time::Duration) -> Self {
        self.settle_time = time;
        self
    }

    /// Saves a webhook as it is and rings.
    pub(crate) fn put(&self, webhook: Webhook) {
        let mut held = self.held();
        let mut set = WebhookSet::clone(&held.webhooks);
        set.by_lane.insert(webhook.lane, webhook.id);
        set.by_id.insert(webhook.id, Arc::new(webhook));
        set.revision += 1;
        held.webhooks = Arc::new(set);
        self.bell.notify_one();
    }

    /// Removes a webhook and its deliveries, and rings.
    pub(crate) fn remove(&self, id: WebhookId) {
        let mut held = self.held();
        let mut set = WebhookSet::clone(&held.webhooks);
        set.by_id.remove(&id);
        set.revision += 1;
        held.webhooks = Arc::new(set);
        held.due.remove(&id);
        held.later.retain(|claim| claim.delivery.webhook_id != id);
        self.bell.notify_one();
    }

    /// Makes deliveries due and rings.
    pub(crate) fn publish(&self, claims: impl IntoIterator<Item = Claim>) {
        let mut held = self.held();
        for claim in claims {
            let webhook = claim.delivery.webhook_id;
            held.due.entry(webhook).or_default().push_back(claim);
            held.ready.insert(webhook);
        }
        self.bell.notify_one();
    }

    fn settle_one(held: &mut Held, settlement: Settlement, now: Timestamp) -> Settled {
        let Some(mut claim) = held.claimed.remove(&settlement.delivery_id) else { return Settled::Fenced };
        let webhook = claim.delivery.webhook_id;
        if let Some(health) = settlement.health {
            held.health.insert(webhook, health);
        }
        if let Some(reason) = settlement.suspend {
            let mut set = WebhookSet::clone(&held.webhooks);
            let mut stopped = Webhook::clone(&set.by_id[&webhook]);
            stopped.halt =
                Some(tenterhook_model::webhook::Halt { by: tenterhook_model::webhook::HaltedBy::Server, reason });
            set.by_id.insert(webhook, Arc::new(stopped));
            set.revision += 1;
            held.webhooks = Arc::new(set);
        }
        let transition = match settlement.attempt {
            Some(attempt) => Transition::Attempted { attempt, next: settlement.next, counts: settlement.counts },
            None => Transition::Expire,
        };
        claim.delivery.apply(transition, now).unwrap();
        match settlement.next {
            Next::RetryAt(_) => held.later.push(claim),
            Next::Succeed | Next::GiveUp => held.finished.push(claim.delivery),
        }
        Settled::Done
    }
}

#[async_trait]
impl Store for Scripted {
    fn webhooks(&self) -> Arc<WebhookSet> {
        Arc::clone(&self.held().webhooks)
    }

    fn health(&self, webhook: WebhookId) -> WebhookHealth {
        self.held().health.get(&webhook).cloned().unwrap_or_default()
    }

    fn take_ready(&self, now: Timestamp) -> Vec<WebhookId> {
        let mut held = self.held();
        let held = &mut *held;
        for claim in held.later.extract_if(.., |claim| claim.delivery.next_attempt_time.unwrap() <= now) {
            held.ready.insert(claim.delivery.webhook_id);
            held.due.entry(claim.delivery.webhook_id).or_default().push_back(claim);
        }
        std::mem::take(&mut held.ready).into_iter().collect()
    }

    fn take_asked(&self) -> Vec<WebhookId> {
        std::mem::take(&mut self.held().asked).into_iter().collect()
    }

    async fn ask(&self, webhook: WebhookId) -> Result<(), StoreError> {
        self.held().asked.insert(webhook);
        self.bell.notify_one();
        Ok(())
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.held().later.iter().filter_map(|claim| claim.delivery.next_attempt_time).min()
    }

    fn due_bell(&self) -> &Notify {
        &self.bell
    }

    async fn claim(&self, webhook: WebhookId, limit: usize, _: Timestamp) -> Result<Vec<Claim>, StoreError> {
        let mut held = self.held();
        held.claims += 1;
        if held.failing_claims > 0 {
            held.failing_claims -= 1;
            return Err(StoreError::Failed("a bad sector".into()));
        }
        let due = held.due.entry(webhook).or_default();
        let claims: Vec<Claim> = due.drain(..limit.min(due.len())).collect();
        for claim in &claims {
            held.claimed.insert(claim.delivery.id, claim.clone());
        }
        Ok(claims)
    }

    async fn release(&self, deliveries: Vec<DeliveryId>) -> Result<(), StoreError> {
        let mut held = self.held();
        for id in deliveries {
            held.released.push(id);
            if let Some(claim) = held.claimed.remove(&id) {
                held.due.entry(claim.delivery.webhook_id).or_default().push_front(claim);
            }
        }
        Ok(())
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>, StoreError> {
        tokio::time::sleep(self.settle_time).await;
        let now = tenterhook_model::Clock::now(&self.clock);
        let mut held = self.held();
        if held.closed {
            return Err(StoreError::Closed);
        }
        if held.failing_settles > 0 {
            held.failing_settles -= 1;
            return Err(StoreError::Failed("a bad sector".into()));
        }
        held.groups.push(settlements.clone());
        let answers = settlements.into_iter().map(|one| Self::settle_one(&mut held, one, now)).collect();
        self.bell.notify_one();
        Ok(answers)
    }

    async fn save_webhook(&self, _: WebhookChange) -> Result<SavedWebhook, SaveError> {
        unreachable!("the dispatcher saves no webhook")
    }

    async fn publish(&self, _: Vec<NewEvent>) -> Result<Vec<Published>, StoreError> {
        unreachable!("the dispatcher publishes nothing")
    }

    async fn recall(&self, _: &Namespace, _: &(String, [u8; 32])) -> Result<Option<u64>, SaveError> {
        unreachable!("the dispatcher has no request ids")
    }

    async fn remember(&self, _: &Namespace, _: (String, [u8; 32]), _: u64) -> Result<(), StoreError> {
        unreachable!("the dispatcher has no request ids")
    }

    async fn event(&self, _: &Namespace, _: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        unreachable!("the dispatcher gets its events with the claims")
    }

    async fn list_events(&self, _: EventQuery) -> Result<Page<Arc<Event>>, StoreError> {
        unreachable!("the dispatcher lists nothing")
    }

    async fn namespaces(&self, _: Option<&Namespace>, _: usize) -> Result<Vec<Namespace>, StoreError> {
        unreachable!("the dispatcher lists nothing")
    }

    async fn delivery(&self, _: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        unreachable!("the dispatcher looks nothing up")
    }

    async fn turns(&self, _: Vec<(WebhookId, String)>) -> Result<Vec<Option<DeliveryId>>, StoreError> {
        unreachable!("the dispatcher looks nothing up")
    }

    async fn backlogs(&self, _: Vec<WebhookId>) -> Result<Vec<Backlog>, StoreError> {
        unreachable!("the dispatcher looks nothing up")
    }

    async fn attempts(&self, _: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        unreachable!("the dispatcher looks nothing up")
    }

    async fn list_deliveries(&self, _: DeliveryQuery) -> Result<Page<Delivery>, StoreError> {
        unreachable!("the dispatcher lists nothing")
    }

    async fn redrive(&self, _: Vec<DeliveryId>) -> Result<Vec<Redrive>, StoreError> {
        unreachable!("the dispatcher redrives nothing")
    }

    async fn cancel(&self, _: Vec<DeliveryId>) -> Result<Vec<Redrive>, StoreError> {
        unreachable!("the dispatcher cancels nothing")
    }

    async fn replay(&self, _: WebhookId, _: Vec<EventId>) -> Result<Vec<DeliveryId>, StoreError> {
        unreachable!("the dispatcher replays nothing")
    }

    async fn changes(&self, _: Sequence, _: usize) -> Result<ChangePage, StoreError> {
        unreachable!("the dispatcher does not read the journal")
    }

    fn journal(&self) -> JournalSpan {
        unreachable!("the dispatcher does not read the journal")
    }

    async fn sequence_at(&self, _: Timestamp) -> Result<Sequence, StoreError> {
        unreachable!("the dispatcher does not read the journal")
    }

    fn journal_bell(&self) -> &Notify {
        unreachable!("the dispatcher does not read the journal")
    }

    fn bell_of(&self, _: &Namespace) -> Arc<Notify> {
        unreachable!("the dispatcher does not read the journal")
    }

    fn quiet_until(&self, _: &Namespace, _: Sequence) -> Option<Sequence> {
        unreachable!("the dispatcher does not read the journal")
    }

    async fn erase(&self) -> Result<bool, StoreError> {
        unreachable!("the dispatcher erases nothing")
    }

    async fn expire(&self, _: Timestamp, _: usize) -> Result<Expired, StoreError> {
        unreachable!("the dispatcher expires nothing")
    }

    async fn open_deliveries(
        &self,
        _: WebhookId,
        _: Option<DeliveryId>,
        _: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        unreachable!("the dispatcher claims")
    }

    async fn give_up(&self, _: Vec<Delivery>) -> Result<usize, StoreError> {
        unreachable!("the dispatcher settles")
    }

    async fn give_up_expired(&self, _: usize) -> Result<usize, StoreError> {
        unreachable!("the dispatcher settles")
    }

    async fn bring_forward(&self, _: Vec<(Delivery, Timestamp)>) -> Result<usize, StoreError> {
        unreachable!("the dispatcher claims what is due")
    }

    fn next_expiry(&self) -> Option<Timestamp> {
        unreachable!("the dispatcher looks at what it claims")
    }

    fn deadline_bell(&self) -> &Notify {
        unreachable!("the dispatcher looks at what it claims")
    }

    async fn stats_buckets(&self, _: StatsQuery, _: std::time::Duration) -> Result<Vec<StatsBucket>, StoreError> {
        unreachable!("the dispatcher counts nothing")
    }

    async fn stats(&self, _: StatsQuery) -> Result<Vec<(WebhookId, DeliveryStats)>, StoreError> {
        unreachable!("the dispatcher counts nothing")
    }

    async fn gauges(&self) -> Result<Gauges, StoreError> {
        unreachable!("the dispatcher counts nothing")
    }

    async fn readiness(&self) -> Result<(), StoreError> {
        unreachable!("the dispatcher does not ask")
    }

    fn close(&self) {
        self.held().closed = true;
    }
}
