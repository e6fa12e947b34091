//! Why deliveries wait, as they are shown: the policy says what holds one back, the store whose turn
//! it is.

use std::collections::HashMap;
use std::sync::Arc;

use tenterhook_model::{Delivery, DeliveryId, DeliveryState, Timestamp, Webhook, WebhookId};
use tenterhook_policy::{Hold, Waiting};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::WebhookSet;

use crate::refusal::Refusal;
use crate::state::Shared;
use crate::wire::time::timestamp;

/// What some deliveries wait for, at one moment.
pub(crate) struct Waits<'a> {
    api: &'a Shared,
    webhooks: Arc<WebhookSet>,
    now: Timestamp,
    /// Whose turn it is, by webhook and ordering key.
    turns: HashMap<(WebhookId, String), DeliveryId>,
}

impl<'a> Waits<'a> {
    /// What these deliveries wait for now.
    pub(crate) async fn of(api: &'a Shared, deliveries: &[Delivery]) -> Result<Self, Refusal> {
        let mut keys: Vec<(WebhookId, String)> = Vec::new();
        for delivery in deliveries.iter().filter(|delivery| waits_for_turn(delivery)) {
            keys.push((delivery.webhook_id, delivery.ordering_key.clone()));
        }
        keys.sort_unstable();
        keys.dedup();
        let holders = if keys.is_empty() { Vec::new() } else { api.store.turns(keys.clone()).await? };
        let turns = keys.into_iter().zip(holders).filter_map(|(key, holder)| Some((key, holder?)));
        Ok(Self { webhooks: api.store.webhooks(), now: api.clock.now(), turns: turns.collect(), api })
    }

    /// Says in `shown` why the delivery waits. A time that has passed is not shown as that of the
    /// next attempt while nothing is sent at all.
    pub(crate) fn explain(&self, delivery: &Delivery, shown: &mut v1::Delivery) {
        let Some(webhook) = self.webhooks.by_id.get(&delivery.webhook_id) else { return };
        let waiting = Waiting::of(delivery, webhook, &self.api.store.health(webhook.id), self.now);
        shown.waiting = waiting.map(|waiting| self.write(delivery, waiting));
        if is_stale(webhook, delivery, self.now) {
            shown.next_attempt_time = None;
        }
    }

    fn write(&self, delivery: &Delivery, waiting: Waiting) -> v1::Waiting {
        let holder = || self.turns.get(&(delivery.webhook_id, delivery.ordering_key.clone()));
        let behind = if waiting == Waiting::OrderingKey { holder() } else { None };
        v1::Waiting {
            reason: reason(waiting).into(),
            until_time: waiting.until().map(timestamp),
            behind_delivery_id: behind.map(ToString::to_string).unwrap_or_default(),
        }
    }
}

fn waits_for_turn(delivery: &Delivery) -> bool {
    let open = !delivery.state.is_final() && delivery.state != DeliveryState::InFlight;
    open && delivery.next_attempt_time.is_none() && !delivery.ordering_key.is_empty()
}

fn is_stale(webhook: &Webhook, delivery: &Delivery, now: Timestamp) -> bool {
    !webhook.sends() && delivery.next_attempt_time.is_some_and(|time| time <= now)
}

fn reason(waiting: Waiting) -> v1::WaitingReason {
    match waiting {
        Waiting::Held(Hold::Paused) => v1::WaitingReason::Paused,
        Waiting::Held(Hold::Suspended) => v1::WaitingReason::Suspended,
        Waiting::Held(Hold::Breaker(_)) => v1::WaitingReason::CircuitBreaker,
        Waiting::Held(Hold::RetryAfter(_)) => v1::WaitingReason::RetryAfter,
        Waiting::OrderingKey => v1::WaitingReason::OrderingKey,
        Waiting::NotBefore(_) => v1::WaitingReason::NotBefore,
        Waiting::Held(Hold::RateLimit(_)) => v1::WaitingReason::RateLimit,
        Waiting::Capacity => v1::WaitingReason::Capacity,
    }
}
