//! Deliveries that run out of time while nothing claims them: their webhook is paused, its
//! breaker is open, or another delivery of their ordering key comes first.

use tenterhook_model::{Delivery, DeliveryId, Timestamp, Transition};

use super::group::Group;
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::kv::{Kv, Span};

/// When a delivery is looked at again that was under way when its event expired, in milliseconds.
const AGAIN: u64 = 1_000;

impl<K: Kv> Group<'_, K> {
    /// Notes when a delivery is to be given up, if its event expires.
    pub(crate) fn put_expiry(&mut self, id: DeliveryId, expire_time: Option<Timestamp>) {
        if let Some(time) = expire_time {
            let millis = keys::due_millis(time);
            self.batch.put(keys::expiry::encode((millis, id)), Vec::new());
            self.next_expiry = Some(self.next_expiry.map_or(millis, |next| next.min(millis)));
        }
    }

    /// Notes it again for a delivery that was finished: its row may have gone since.
    pub(crate) fn restore_expiry(&mut self, delivery: &Delivery) -> Result<(), StoreError> {
        if let Some(row) = self.event_row(&delivery.namespace, &delivery.event_id)? {
            self.put_expiry(delivery.id, row.expire_time());
        }
        Ok(())
    }

    /// Forgets when a delivery of the event is to be given up.
    pub(crate) fn delete_expiry(&mut self, id: DeliveryId, expire_time: Timestamp) {
        self.batch.delete(keys::expiry::encode((keys::due_millis(expire_time), id)));
    }

    /// Ends those of the first `limit` deliveries whose event has expired that are open; answers
    /// how many it looked at.
    pub(crate) fn give_up_expired(&mut self, limit: usize) -> Result<usize, StoreError> {
        let now = self.now.millis_u48();
        let (from, to) = keys::expiry::until(now);
        let expired = self.shared.kv.range(Span::new(&from, &to, limit))?;
        for (key, _) in &expired {
            let (_, id) = keys::expiry::decode(key)?;
            self.batch.delete(key.to_vec());
            if self.shared.is_claimed(id) {
                // What follows the attempt under way decides; if that is another, it comes too late.
                self.batch.put(keys::expiry::encode((now + AGAIN, id)), Vec::new());
                continue;
            }
            match self.give_up(id, None) {
                // A check of the store tells which those are.
                Err(StoreError::Damaged(_)) => {}
                ended => drop(ended?),
            }
        }
        let (from, to) = Family::Expiry.range();
        let next = self.first_key(&from, &to)?.map(|key| keys::expiry::decode(&key)).transpose()?;
        self.next_expiry = Some(next.map_or(u64::MAX, |(millis, _)| millis));
        self.looked_at_expiry = true;
        Ok(expired.len())
    }

    /// Ends a delivery that is open, not under way and, if the caller has seen it, as it was
    /// then; answers whether it did.
    pub(crate) fn give_up(&mut self, id: DeliveryId, seen: Option<Timestamp>) -> Result<bool, StoreError> {
        let Some(stored) = self.open(id)? else { return Ok(false) };
        if self.shared.is_claimed(id) || seen.is_some_and(|time| time != stored.delivery.update_time) {
            return Ok(false);
        }
        self.settle_open(stored, Transition::Expire)?;
        Ok(true)
    }

    /// As [`Self::give_up`], for deliveries as a caller has seen them; answers how many ended.
    pub(crate) fn give_up_seen(&mut self, deliveries: &[Delivery]) -> Result<usize, StoreError> {
        let mut ended = 0;
        for delivery in deliveries {
            ended += usize::from(self.give_up(delivery.id, Some(delivery.update_time))?);
        }
        Ok(ended)
    }
}
