//! Ordering keys: of the open deliveries of one webhook with one key exactly one has its turn,
//! and the others wait for it in order of creation, without a place in the queue.

use tenterhook_model::DeliveryId;

use super::group::{Before, Group};
use crate::error::StoreError;
use crate::keys;
use crate::kv::Kv;
use crate::rows::delivery::{Stored, Wait};

impl<K: Kv> Group<'_, K> {
    /// Gives the turn of the ordering key to the delivery if nobody has it, else lets it wait.
    /// Answers whether it has the turn; without a key it always has.
    pub(crate) fn take_turn(&mut self, id: DeliveryId, ordering_key: &str) -> bool {
        if ordering_key.is_empty() {
            return true;
        }
        let turn = keys::order::turn(id.lane(), ordering_key);
        match self.get(&turn) {
            Ok(None) => {
                self.batch.put(turn, id.as_bytes().to_vec());
                true
            }
            Ok(Some(_)) => {
                self.batch.put(keys::order::waiting(ordering_key, id), Vec::new());
                false
            }
            Err(error) => {
                self.broken = Some(error);
                false
            }
        }
    }

    /// Who gets the turn when `before` ends; `None` when it has no turn to pass on or nobody waits.
    pub(crate) fn heir(&self, before: &Before) -> Result<Option<Stored>, StoreError> {
        if before.ordering_key.is_empty() || before.wait == Wait::Turn {
            return Ok(None);
        }
        let (from, to) = keys::order::behind(before.id.lane(), &before.ordering_key);
        let Some(key) = self.first_key(&from, &to)? else { return Ok(None) };
        let (_, id) = keys::order::decode_waiting(&key)?;
        let heir = self.open(id)?;
        heir.map(Some).ok_or_else(|| StoreError::Damaged(format!("{id} waits for its turn and is not open")))
    }

    /// Ends the part of `before` in its order: the heir becomes due.
    pub(crate) fn pass_turn(&mut self, before: &Before, heir: Option<Stored>) {
        if before.ordering_key.is_empty() {
            return;
        }
        if before.wait == Wait::Turn {
            self.batch.delete(keys::order::waiting(&before.ordering_key, before.id));
            return;
        }
        let turn = keys::order::turn(before.id.lane(), &before.ordering_key);
        let Some(mut heir) = heir else {
            self.batch.delete(turn);
            return;
        };
        let id = heir.delivery.id;
        self.batch.put(turn, id.as_bytes().to_vec());
        self.batch.delete(keys::order::waiting(&before.ordering_key, id));
        let not_before = heir.not_before.take().unwrap_or(self.now);
        heir.wait = Wait::Due;
        heir.delivery.next_attempt_time = Some(not_before.max(self.now));
        heir.delivery.update_time = self.now;
        self.put_open(&heir);
        self.record(Some(heir.delivery.state), heir.delivery);
    }
}
