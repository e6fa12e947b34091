//! Next attempts that come earlier than they were due, because the clock that set their time was
//! ahead and has been set back since.

use tenterhook_model::{Delivery, Timestamp};

use super::group::Group;
use crate::error::StoreError;
use crate::kv::Kv;
use crate::rows::delivery::Wait;

impl<K: Kv> Group<'_, K> {
    /// Moves the next attempt of each delivery to a new time, but for those that are claimed or
    /// have changed since the caller saw them; returns how many it moved.
    pub(crate) fn bring_forward(&mut self, moves: &[(Delivery, Timestamp)]) -> Result<usize, StoreError> {
        let mut moved = 0;
        for (seen, time) in moves {
            let Some(stored) = self.open(seen.id)? else { continue };
            let has_changed = stored.delivery.update_time != seen.update_time;
            if stored.wait == Wait::Due && !has_changed && !self.shared.is_claimed(seen.id) {
                self.postpone(stored, *time);
                moved += 1;
            }
        }
        Ok(moved)
    }
}
