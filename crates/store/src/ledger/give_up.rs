//! Deliveries that run out of time while nothing claims them: their webhook is paused, its
//! breaker is open, or another delivery of their ordering key comes first.

use tenterhook_model::{DeliveryId, Timestamp, Transition};

use super::Draft;
use super::rows::Rows;

impl<R: Rows> Draft<'_, R> {
    /// Ends a delivery that is open, not in flight and, if the caller has seen it, as it was at that
    /// update time. Returns whether it did.
    pub(crate) fn give_up(&mut self, id: DeliveryId, seen: Option<Timestamp>) -> Result<bool, R::Stop> {
        let Some(stored) = self.rows.open(id)? else { return Ok(false) };
        if self.rows.is_claimed(id) || seen.is_some_and(|time| time != stored.delivery.update_time) {
            return Ok(false);
        }
        self.settle_open(stored, Transition::Expire)?;
        Ok(true)
    }
}
