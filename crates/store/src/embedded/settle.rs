//! Settlements: what became of claimed deliveries.

use std::sync::Arc;

use tenterhook_model::{Attempt, Delivery, DeliveryId, DeliveryState, Next, Timestamp, Transition, WebhookHealth};

use super::group::{Before, Group};
use crate::error::StoreError;
use crate::keys;
use crate::kv::Kv;
use crate::queue::Effect;
use crate::record::{Settled, Settlement};
use crate::rows;
use crate::rows::delivery::{Stored, Wait};

impl<K: Kv> Group<'_, K> {
    /// Records what became of one claimed delivery.
    pub(crate) fn settle(&mut self, settlement: Settlement) -> Result<Settled, StoreError> {
        let Settlement { delivery_id: id, attempt, counts, next, health, suspend } = settlement;
        let claimed = self.claimed(id)?;
        // The claim ends before the delivery may be put back into its queue.
        let effects = self.effects.len();
        self.effects.push(Effect::Settle(id));
        let settled = match (claimed, attempt, next) {
            (None, attempt, _) => self.settle_cancelled(id, attempt),
            (Some(stored), Some(attempt), _) if attempt.number != stored.delivery.attempt_count + 1 => {
                Ok(Settled::Fenced)
            }
            (Some(stored), Some(attempt), next) => {
                self.settle_open(stored, Transition::Attempted { attempt, next, counts })
            }
            (Some(stored), None, Next::RetryAt(time)) => Ok(self.postpone(stored, time)),
            (Some(stored), None, Next::Succeed | Next::GiveUp) => self.settle_open(stored, Transition::Expire),
        };
        let settled = settled.inspect_err(|_| self.effects.truncate(effects))?;
        self.judge(id, health, suspend)?;
        Ok(settled)
    }

    /// Records what the settlement says of the webhook.
    fn judge(
        &mut self,
        id: DeliveryId,
        health: Option<WebhookHealth>,
        suspend: Option<String>,
    ) -> Result<(), StoreError> {
        if health.is_none() && suspend.is_none() {
            return Ok(());
        }
        let set = self.shared.webhooks();
        let Some(webhook) = set.by_lane.get(&id.lane()).and_then(|webhook| set.by_id.get(webhook)) else {
            return Ok(());
        };
        let turns = health.as_ref().is_some_and(|health| self.turns_breaker(webhook.id, health));
        let is_wanted = (turns || suspend.is_some()) && self.is_wanted(&webhook.namespace, None, None);
        let trigger = if is_wanted { self.trigger(id)? } else { None };
        if let Some(health) = health {
            if is_wanted {
                self.note_breaker(webhook, &health, trigger.clone());
            }
            self.health.insert(webhook.id, health);
        }
        if let Some(reason) = suspend {
            self.halt(webhook.id, reason, trigger);
        }
        Ok(())
    }

    /// An open delivery: from memory if it is there as it is stored, else from disk.
    fn claimed(&self, id: DeliveryId) -> Result<Option<Stored>, StoreError> {
        if self.batch.written(&keys::delivery::open(id)).is_none()
            && let Some(change) = self.shared.queues().claimed_change(id)
        {
            let delivery = change.delivery.clone();
            return Ok(Some(Stored { delivery, wait: Wait::Fresh, not_before: None }));
        }
        self.open(id)
    }

    pub(crate) fn settle_open(&mut self, mut stored: Stored, transition: Transition) -> Result<Settled, StoreError> {
        let before = Before::from(&stored);
        let attempted = matches!(transition, Transition::Attempted { .. });
        let before_last = if attempted { stored.delivery.last_attempt.take() } else { None };
        if stored.delivery.apply(transition, self.now).is_err() {
            return Ok(Settled::Fenced);
        }
        let ends = stored.delivery.state.is_final();
        let heir = if ends { self.heir(&before)? } else { None };
        self.unqueue(&before);
        self.keep_attempt(&stored.delivery, before_last.as_deref());
        if ends {
            self.put_done(&stored.delivery);
            self.note_end(&stored.delivery);
            self.recorder.attempted(attempted);
            self.record(Some(before.state), stored.delivery);
            self.pass_turn(&before, heir);
        } else {
            stored.wait = Wait::Due;
            self.put_open(&stored);
            self.recorder.attempted(attempted);
            self.record(Some(before.state), stored.delivery);
        }
        Ok(Settled::Done)
    }

    /// Moves the next attempt without having made one.
    pub(crate) fn postpone(&mut self, mut stored: Stored, time: Timestamp) -> Settled {
        self.unqueue(&Before::from(&stored));
        stored.wait = Wait::Due;
        stored.delivery.next_attempt_time = Some(time);
        stored.delivery.update_time = self.now;
        self.put_open(&stored);
        self.record(Some(stored.delivery.state), stored.delivery);
        Settled::Done
    }

    /// An attempt that was under way when its delivery was cancelled, or given up by its time, is
    /// its last.
    fn settle_cancelled(&mut self, id: DeliveryId, attempt: Option<Arc<Attempt>>) -> Result<Settled, StoreError> {
        let (Some(attempt), Some(stored)) = (attempt, self.done(id)?) else { return Ok(Settled::Fenced) };
        let mut delivery = stored.delivery;
        let state = delivery.state;
        if state == DeliveryState::Succeeded || attempt.number != delivery.attempt_count + 1 {
            return Ok(Settled::Fenced);
        }
        let before_last = delivery.last_attempt.take();
        delivery.attempt_count = attempt.number;
        delivery.last_attempt = Some(attempt);
        delivery.update_time = self.now;
        self.keep_attempt(&delivery, before_last.as_deref());
        self.batch.put(keys::delivery::done(id), rows::delivery::encode(&delivery, Wait::Nothing, None));
        self.recorder.attempted(true);
        self.record(Some(state), delivery);
        Ok(Settled::Fenced)
    }

    /// Moves the previous attempt into its own row.
    fn keep_attempt(&mut self, delivery: &Delivery, previous: Option<&Attempt>) {
        let Some(previous) = previous else { return };
        let (id, count) = (delivery.id, delivery.attempt_count);
        assert!(previous.number < count, "attempt {} of {id} is kept before attempt {count}", previous.number);
        self.batch.put(keys::attempt::encode(id, previous.number), rows::attempt::encode(previous));
    }
}
