//! Settlements: what became of claimed deliveries.

use tenterhook_model::{Attempt, DeliveryId, DeliveryState, Next, Transition};

use super::group::Group;
use super::queue::Effect;
use crate::error::StoreError;
use crate::keys;
use crate::kv::Kv;
use crate::record::{Settled, Settlement};
use crate::rows;
use crate::rows::attempt::AttemptRow;
use crate::rows::delivery::{Stored, Wait};

impl<K: Kv> Group<'_, K> {
    /// Records what became of one claimed delivery.
    pub(crate) fn settle(&mut self, settlement: Settlement) -> Result<Settled, StoreError> {
        let id = settlement.delivery_id;
        let claimed = self.claimed(id)?;
        // The claim ends before the delivery may be put back into its queue.
        let effects = self.effects.len();
        self.effects.push(Effect::Settle(id));
        let settled = match claimed {
            Some(stored) => self.settle_open(stored, &settlement),
            None => self.settle_cancelled(id, settlement.attempt),
        };
        let settled = settled.inspect_err(|_| self.effects.truncate(effects))?;
        let set = self.shared.webhooks();
        if let Some(webhook) = set.by_lane.get(&id.lane()) {
            if let Some(health) = settlement.health {
                self.health.insert(*webhook, health);
            }
            if let Some(reason) = settlement.suspend {
                self.halt(*webhook, reason);
            }
        }
        Ok(settled)
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

    fn settle_open(&mut self, before: Stored, settlement: &Settlement) -> Result<Settled, StoreError> {
        let previous = before.delivery.state;
        let mut stored = before.clone();
        let transition = match (&settlement.attempt, settlement.next) {
            (Some(attempt), _) if attempt.number != stored.delivery.attempt_count + 1 => return Ok(Settled::Fenced),
            (Some(attempt), next) => {
                Transition::Attempted { attempt: attempt.clone(), next, counts: settlement.counts }
            }
            (None, Next::RetryAt(time)) => return Ok(self.postpone(stored, time)),
            (None, Next::Succeed | Next::GiveUp) => Transition::Expire,
        };
        if stored.delivery.apply(transition, self.now).is_err() {
            return Ok(Settled::Fenced);
        }
        let ends = stored.delivery.state.is_final();
        let heir = if ends { self.heir(&before)? } else { None };
        self.unqueue(&before);
        if settlement.attempt.is_some() {
            self.keep_attempt(before.delivery.id, before.delivery.last_attempt.as_ref());
        }
        if ends {
            self.put_done(stored.clone());
            self.pass_turn(&before, heir);
        } else {
            stored.wait = Wait::Due;
            self.put_open(&stored);
        }
        self.recorder.attempted(settlement.attempt.is_some());
        self.record(Some(previous), stored.delivery);
        Ok(Settled::Done)
    }

    /// Moves the next attempt without having made one.
    fn postpone(&mut self, mut stored: Stored, time: tenterhook_model::Timestamp) -> Settled {
        self.unqueue(&stored);
        stored.wait = Wait::Due;
        stored.delivery.next_attempt_time = Some(time);
        stored.delivery.update_time = self.now;
        self.put_open(&stored);
        self.record(Some(stored.delivery.state), stored.delivery);
        Settled::Done
    }

    /// An attempt that was under way when its delivery was cancelled is its last.
    fn settle_cancelled(&mut self, id: DeliveryId, attempt: Option<Box<Attempt>>) -> Result<Settled, StoreError> {
        let (Some(attempt), Some(mut stored)) = (attempt, self.done(id)?) else { return Ok(Settled::Fenced) };
        let delivery = &mut stored.delivery;
        if delivery.state != DeliveryState::Cancelled || attempt.number != delivery.attempt_count + 1 {
            return Ok(Settled::Fenced);
        }
        let before_last = delivery.last_attempt.take();
        delivery.attempt_count = attempt.number;
        delivery.last_attempt = Some(*attempt);
        delivery.update_time = self.now;
        self.keep_attempt(id, before_last.as_ref());
        self.batch.put(keys::delivery::done(id), rows::encode(&stored.row()));
        self.recorder.attempted(true);
        self.record(Some(DeliveryState::Cancelled), stored.delivery);
        Ok(Settled::Fenced)
    }

    /// Gives the attempt that is no longer the last a row of its own.
    fn keep_attempt(&mut self, id: DeliveryId, attempt: Option<&Attempt>) {
        if let Some(attempt) = attempt {
            let row = rows::encode(&AttemptRow::from(attempt));
            self.batch.put(keys::attempt::encode(id, attempt.number), row);
        }
    }
}
