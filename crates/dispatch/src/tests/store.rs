//! A store for the dispatcher's tests: due deliveries by webhook, each settled as it is
//! told, and failures on demand. What the dispatcher never asks for is not there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use tenterhook_model::{Delivery, DeliveryId, Next, Timestamp, Transition, Webhook, WebhookHealth, WebhookId};
use tenterhook_store::{Claim, Dispatching, Settled, Settlement, StoreError, WebhookSet, Webhooks};
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
    /// Asks that the webhook be sent to now, as a person does over the API.
    pub(crate) fn ask(&self, webhook: WebhookId) {
        self.held().asked.insert(webhook);
        self.bell.notify_one();
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }

    /// The same store, whose settlements take so long.
    pub(crate) fn settling_in(mut self, time: std::time::Duration) -> Self {
        self.settle_time = time;
        self
    }

    /// Takes no more settlements.
    pub(crate) fn close(&self) {
        self.held().closed = true;
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

impl Webhooks for Scripted {
    fn webhooks(&self) -> Arc<WebhookSet> {
        Arc::clone(&self.held().webhooks)
    }

    fn health(&self, webhook: WebhookId) -> WebhookHealth {
        self.held().health.get(&webhook).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl Dispatching for Scripted {
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
}
