//! What follows when a webhook is removed: its open deliveries are cancelled, a bounded
//! number in each commit, so that a backlog of millions holds nobody up.

use tenterhook_model::Lane;

use super::group::{Before, Group};
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::kv::{Kv, Span};
use crate::rows::delivery::Wait;

/// Deliveries that one commit cancels.
const STEP: usize = 256;

/// Cancels some open deliveries of the first lane that waits for it.
pub(crate) fn step<K: Kv>(group: &mut Group<'_, K>) -> Result<(), StoreError> {
    let Some(lane) = group.state.removals.front().copied() else { return Ok(()) };
    if !cancel_some(group, lane)? {
        group.state.removals.pop_front();
    }
    Ok(())
}

/// Cancels some open deliveries of a lane; answers whether there may be more.
pub(crate) fn cancel_some<K: Kv>(group: &mut Group<'_, K>, lane: Lane) -> Result<bool, StoreError> {
    let (from, to) = keys::delivery::of_lane(Family::Open, lane);
    let open = group.shared.kv.range(Span::new(&from, &to, STEP))?;
    for (key, _) in &open {
        let id = keys::delivery::decode(Family::Open, key)?;
        let Some(stored) = group.open(id)? else { continue };
        let before = Before::from(&stored);
        if before.wait == Wait::Turn {
            group.batch.delete(keys::order::waiting(&before.ordering_key, id));
        } else if !before.ordering_key.is_empty() {
            group.batch.delete(keys::order::turn(lane, &before.ordering_key));
        }
        group.stop(stored, &before);
    }
    Ok(open.len() == STEP)
}
