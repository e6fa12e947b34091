//! Making deliveries due by hand, and stopping them.

use tenterhook_model::{DeliveryId, DeliveryState, Transition};

use super::Draft;
use super::rows::{Before, Entry, Rows, Write};
use crate::record::Redrive;
use crate::rows::delivery::{Stored, Wait};

impl<R: Rows> Draft<'_, R> {
    /// Makes a delivery due now, before all others of its webhook, unless an attempt is in flight or
    /// its webhook is gone. One with an ordering key waits for its turn all the same.
    pub(crate) fn redrive(&mut self, id: DeliveryId) -> Result<Redrive, R::Stop> {
        let stored = match self.rows.open(id)? {
            Some(open) => Some(open),
            None => self.rows.done(id)?,
        };
        let Some(stored) = stored else { return Ok(Redrive::NotFound) };
        if self.rows.is_claimed(id) {
            return Ok(Redrive::Forbidden(DeliveryState::InFlight));
        }
        let state = stored.delivery.state;
        if !state.is_final() {
            return Ok(self.make_due(stored, true));
        }
        if self.rows.webhook_of(id.lane()).is_none() {
            return Ok(Redrive::Forbidden(state));
        }
        // What retention or the end of its time has taken since comes back with it.
        let expire_time = self.rows.expire_time(&stored.delivery.namespace, &stored.delivery.event_id)?;
        let has_turn = self.has_turn(id, &stored.delivery.ordering_key)?;
        self.writes.extend(expire_time.map(|time| Write::ExpireAt(id, time)));
        self.write(Write::Reopen(id, state));
        self.join_order(id, &stored.delivery.ordering_key, has_turn);
        Ok(self.make_due(stored, has_turn))
    }

    /// Makes a delivery due now, or at its turn if it does not have it.
    fn make_due(&mut self, mut stored: Stored, has_turn: bool) -> Redrive {
        let before = Before::from(&stored);
        let redriven = stored.delivery.apply(Transition::Redrive, self.now);
        assert!(redriven.is_ok(), "a delivery can be made due in each of its stored states");
        stored.wait = if has_turn && before.wait != Wait::Turn { Wait::Due } else { Wait::Turn };
        let is_due = stored.wait == Wait::Due;
        stored.delivery.next_attempt_time = is_due.then_some(self.now);
        if !is_due {
            stored.not_before = None;
        }
        self.unqueue(&before);
        let delivery = Box::new(stored.delivery.clone());
        self.put_open(Entry::new(stored, Some(before.state)));
        if is_due {
            self.write(Write::Prefer(before.id, self.now));
        }
        if let Some(webhook) = self.rows.webhook_of(before.id.lane()) {
            self.write(Write::Ask(webhook));
        }
        Redrive::Done(delivery)
    }

    /// Stops a delivery that is not final.
    pub(crate) fn cancel(&mut self, id: DeliveryId) -> Result<Redrive, R::Stop> {
        let Some(stored) = self.rows.open(id)? else {
            let done = self.rows.done(id)?;
            return Ok(done.map_or(Redrive::NotFound, |stored| Redrive::Forbidden(stored.delivery.state)));
        };
        let before = Before::from(&stored);
        let heir = self.heir(&before)?;
        let cancelled = self.cancelled(stored);
        let delivery = Box::new(cancelled.stored.delivery.clone());
        self.unqueue(&before);
        self.put_done(cancelled);
        self.pass_turn(before, heir);
        Ok(Redrive::Done(delivery))
    }

    /// An open delivery as it is once it is cancelled.
    pub(super) fn cancelled(&self, mut stored: Stored) -> Entry {
        let previous = stored.delivery.state;
        let cancelled = stored.delivery.apply(Transition::Cancel, self.now);
        assert!(cancelled.is_ok(), "{} is stored as open and is {}", stored.delivery.id, previous.as_str());
        Entry::new(stored, Some(previous))
    }
}
