//! Ordering keys: of the open deliveries of one webhook with one key exactly one has its turn,
//! and the others wait for it in order of creation, without a place in the queue.

use tenterhook_model::DeliveryId;

use super::Draft;
use super::rows::{Before, Entry, Rows, Write};
use crate::error::StoreError;
use crate::rows::delivery::{Stored, Wait};

impl<R: Rows> Draft<'_, R> {
    /// Whether a delivery that comes to its ordering key has the turn at once: nobody has it, or there
    /// is no key.
    pub(super) fn has_turn(&self, id: DeliveryId, ordering_key: &str) -> Result<bool, R::Stop> {
        Ok(ordering_key.is_empty() || !self.rows.is_held(id.lane(), ordering_key)?)
    }

    /// Gives the turn of its ordering key to a delivery that [has it](Self::has_turn), or lets it wait.
    pub(super) fn join_order(&mut self, id: DeliveryId, ordering_key: &str, has_turn: bool) {
        if ordering_key.is_empty() {
            return;
        }
        let ordering_key = ordering_key.to_owned();
        self.write(match has_turn {
            true => Write::TakeTurn { ordering_key, id },
            false => Write::AwaitTurn { ordering_key, id },
        });
    }

    /// Who gets the turn when `before` ends; `None` when it has no turn to pass on or nobody waits.
    pub(super) fn heir(&self, before: &Before) -> Result<Option<Stored>, R::Stop> {
        if before.ordering_key.is_empty() || before.wait == Wait::Turn {
            return Ok(None);
        }
        let Some(id) = self.rows.heir(before.id.lane(), &before.ordering_key)? else { return Ok(None) };
        assert!(id != before.id, "{id} has the turn of its key and would get it from itself");
        let heir = self.rows.open(id)?;
        Ok(Some(heir.ok_or_else(|| StoreError::Damaged(format!("{id} waits for its turn and is not open")))?))
    }

    /// Ends the part of `before` in its order: the heir becomes due.
    pub(super) fn pass_turn(&mut self, before: Before, heir: Option<Stored>) {
        let Before { id, wait, ordering_key, .. } = before;
        if ordering_key.is_empty() {
            return;
        }
        if wait == Wait::Turn {
            return self.write(Write::LeaveOrder { ordering_key, id });
        }
        let Some(mut heir) = heir else { return self.write(Write::EndTurn { ordering_key, lane: id.lane() }) };
        let next = heir.delivery.id;
        assert_eq!(heir.delivery.ordering_key, ordering_key, "{next} gets the turn of {id}, of another key");
        assert_eq!(next.lane(), id.lane(), "{next} gets the turn of {id}, of another webhook");
        self.write(Write::TakeTurn { ordering_key: ordering_key.clone(), id: next });
        self.write(Write::LeaveOrder { ordering_key, id: next });
        let not_before = heir.not_before.take().unwrap_or(self.now);
        heir.wait = Wait::Due;
        heir.delivery.next_attempt_time = Some(not_before.max(self.now));
        heir.delivery.update_time = self.now;
        let previous = Some(heir.delivery.state);
        self.put_open(Entry::new(heir, previous));
    }
}
