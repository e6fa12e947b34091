//! Next attempts at another time than they were due, without an attempt in between.

use tenterhook_model::{Delivery, Timestamp};

use super::Draft;
use super::rows::{Before, Entry, Rows};
use crate::record::Settled;
use crate::rows::delivery::{Stored, Wait};

impl<R: Rows> Draft<'_, R> {
    /// Moves the next attempt of a delivery to `time`, unless it is claimed or has changed since the caller
    /// saw it: the clock that set its time was ahead, and has been set back since. Returns whether it did.
    pub(crate) fn bring_forward(&mut self, seen: &Delivery, time: Timestamp) -> Result<bool, R::Stop> {
        let Some(stored) = self.rows.open(seen.id)? else { return Ok(false) };
        let has_changed = stored.delivery.update_time != seen.update_time;
        if stored.wait != Wait::Due || has_changed || self.rows.is_claimed(seen.id) {
            return Ok(false);
        }
        self.postpone(stored, time);
        Ok(true)
    }

    /// Moves the next attempt of a delivery that waits for no turn.
    pub(super) fn postpone(&mut self, mut stored: Stored, time: Timestamp) -> Settled {
        let before = Before::from(&stored);
        assert!(before.wait != Wait::Turn, "{} waits for its turn, and would be sent out of order", before.id);
        self.unqueue(&before);
        stored.wait = Wait::Due;
        stored.delivery.next_attempt_time = Some(time);
        stored.delivery.update_time = self.now;
        self.put_open(Entry::new(stored, Some(before.state)));
        Settled::Done
    }
}
