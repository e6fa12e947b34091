//! What follows when a webhook is removed: its open deliveries are cancelled, a bounded
//! number in each commit, so that a backlog of millions holds nobody up.

use tenterhook_model::Lane;

use super::Draft;
use super::rows::{Before, Rows, Write};
use crate::rows::delivery::Wait;

/// Deliveries that one commit cancels.
const STEP: usize = 256;

impl<R: Rows> Draft<'_, R> {
    /// Cancels some open deliveries of a lane whose webhook is removed; nobody gets their turns. Returns
    /// whether there may be more.
    pub(crate) fn cancel_lane(&mut self, lane: Lane) -> Result<bool, R::Stop> {
        let open = self.rows.open_of(lane, STEP)?;
        assert!(open.len() <= STEP, "{} open deliveries of lane {} were read, not {STEP}", open.len(), lane.0);
        let has_more = open.len() == STEP;
        for stored in open {
            let before = Before::from(&stored);
            let id = before.id;
            assert_eq!(id.lane(), lane, "{id} would be cancelled with the lane of another webhook");
            self.unqueue(&before);
            let cancelled = self.cancelled(stored);
            self.put_done(cancelled);
            let Before { wait, ordering_key, .. } = before;
            match (wait, ordering_key.is_empty()) {
                (Wait::Turn, _) => self.write(Write::LeaveOrder { ordering_key, id }),
                (_, false) => self.write(Write::EndTurn { ordering_key, lane }),
                (_, true) => {}
            }
        }
        Ok(has_more)
    }
}
