//! Making deliveries due by hand, and stopping them.

use tenterhook_model::{Delivery, DeliveryId, DeliveryState, Transition};

use super::group::{Before, Group};
use crate::error::StoreError;
use crate::keys;
use crate::kv::Kv;
use crate::queue::Effect;
use crate::record::Redrive;
use crate::rows::delivery::{Stored, Wait};

impl<K: Kv> Group<'_, K> {
    /// Makes a delivery due now, before all others of its webhook, unless an attempt is in flight or
    /// its webhook is gone. One with an ordering key waits for its turn all the same.
    pub(crate) fn redrive(&mut self, id: DeliveryId) -> Result<Redrive, StoreError> {
        if let Some(before) = self.open(id)? {
            if self.shared.is_claimed(id) {
                return Ok(Redrive::Forbidden(DeliveryState::InFlight));
            }
            return Ok(self.redrive_from(before));
        }
        let Some(before) = self.done(id)? else { return Ok(Redrive::NotFound) };
        if self.shared.is_claimed(id) {
            return Ok(Redrive::Forbidden(DeliveryState::InFlight));
        }
        if self.lane(id.lane())?.removed.is_some() {
            return Ok(Redrive::Forbidden(before.delivery.state));
        }
        self.restore_expiry(&before.delivery)?;
        self.batch.delete(keys::delivery::done(id));
        if let Some(key) = keys::state::encode(before.delivery.state, id) {
            self.batch.delete(key);
        }
        Ok(self.redrive_from(before))
    }

    fn redrive_from(&mut self, mut stored: Stored) -> Redrive {
        let before = Before::from(&stored);
        let redriven = stored.delivery.apply(Transition::Redrive, self.now);
        assert!(redriven.is_ok(), "a delivery can be made due in each of its stored states");
        stored.wait = match before.wait {
            Wait::Turn => Wait::Turn,
            Wait::Nothing if !self.take_turn(before.id, &before.ordering_key) => Wait::Turn,
            Wait::Nothing | Wait::Fresh | Wait::Due => Wait::Due,
        };
        stored.delivery.next_attempt_time = (stored.wait != Wait::Turn).then_some(self.now);
        if stored.wait == Wait::Turn {
            stored.not_before = None;
        }
        self.unqueue(&before);
        self.put_open(&stored);
        if stored.wait == Wait::Due {
            let place = (keys::due_millis(self.now), before.id);
            self.effects.push(Effect::Prefer(place));
        }
        if let Some(webhook) = self.shared.webhooks().by_lane.get(&before.id.lane()) {
            self.ask(*webhook);
        }
        let change = self.record(Some(before.state), stored.delivery);
        Redrive::Done(Box::new(change.delivery.clone()))
    }

    /// Stops a delivery that is not final.
    pub(crate) fn cancel(&mut self, id: DeliveryId) -> Result<Redrive, StoreError> {
        let Some(stored) = self.open(id)? else {
            let done = self.done(id)?;
            return Ok(done.map_or(Redrive::NotFound, |stored| Redrive::Forbidden(stored.delivery.state)));
        };
        let before = Before::from(&stored);
        let heir = self.heir(&before)?;
        let delivery = self.stop(stored, &before);
        self.pass_turn(&before, heir);
        Ok(Redrive::Done(Box::new(delivery)))
    }

    /// Cancels an open delivery and leaves its order alone.
    pub(crate) fn stop(&mut self, stored: Stored, before: &Before) -> Delivery {
        let mut delivery = stored.delivery;
        let cancelled = delivery.apply(Transition::Cancel, self.now);
        assert!(cancelled.is_ok(), "a delivery that is stored as open is not final");
        self.unqueue(before);
        self.put_done(&delivery);
        self.record(Some(before.state), delivery).delivery.clone()
    }
}
