//! Finds the deliveries whose event has expired, in the order of that time.

use tenterhook_model::{DeliveryId, Timestamp};

use super::group::Group;
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::kv::{Kv, Span};

/// When a delivery is looked at again that was in flight when its event expired, in milliseconds.
const AGAIN: u64 = 1_000;

impl Group<'_> {
    /// Forgets when a delivery of the event is to be given up.
    pub(crate) fn delete_expiry(&mut self, id: DeliveryId, expire_time: Timestamp) {
        self.batch.delete(keys::expiry::encode((keys::due_millis(expire_time), id)));
    }

    /// Ends those of the first `limit` deliveries whose event has expired that are open. Returns
    /// how many it looked at.
    pub(crate) fn give_up_expired(&mut self, limit: usize) -> Result<usize, StoreError> {
        let now = self.now.millis_u48();
        let (from, to) = keys::expiry::until(now);
        let expired = self.shared.kv.range(Span::new(&from, &to, limit))?;
        for (key, _) in &expired {
            let (millis, id) = keys::expiry::decode(key)?;
            assert!(millis <= now, "{id} expires at {millis} and would be given up at {now}");
            self.batch.delete(key.to_vec());
            if self.shared.is_claimed(id) {
                // What follows the attempt in flight decides; if that is another, it comes too late.
                self.batch.put(keys::expiry::encode((now + AGAIN, id)), Vec::new());
                continue;
            }
            match self.follow(|draft| draft.give_up(id, None)) {
                // A check of the store reports which those are.
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
}
