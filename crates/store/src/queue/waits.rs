//! What waits in the queue of one webhook, for metrics.
//!
//! The heads know exactly what is in memory. Of what is on disk only, they know whether it can be
//! due by now; where they cannot tell it from what waits for its time, it counts by its state: what
//! has been tried before has a time to wait for, what is new has none.

use super::lane::LaneQueue;
use crate::stats::{Open, Waits};

impl LaneQueue {
    /// What waits at `millis`, of the `open` deliveries of the lane. What waits on disk in a lane
    /// that does not send counts as due.
    pub(crate) fn waits(&self, open: Open, millis: u64) -> Waits {
        let fresh = self.fresh.len() as u64;
        let due_by_now = self.due.len_until(millis) as u64;
        let later = self.due.len() as u64 - due_by_now;
        let known = fresh + due_by_now + later + self.in_flight() as u64;
        let unknown = open.total().saturating_sub(known);
        let mut waits = Waits { due: fresh + due_by_now, scheduled: later, behind: 0, oldest_due: None };
        match (self.fresh.rest(), self.due.rest()) {
            // All places are in memory: what has none waits for its turn.
            (None, None) => waits.behind = unknown,
            (None, Some(rest)) if rest.0 > millis => waits.scheduled += unknown,
            (Some(_), Some(rest)) if rest.0 > millis => {
                let scheduled = open.retrying.saturating_sub(due_by_now + later).min(unknown);
                waits.scheduled += scheduled;
                waits.due += unknown - scheduled;
            }
            _ => waits.due += unknown,
        }
        let first = self.due.first().filter(|place| place.0 <= millis);
        waits.oldest_due = self.fresh.first().into_iter().chain(first).map(|place| place.0).min();
        waits
    }
}

#[cfg(test)]
mod tests {
    use tenterhook_model::{DeliveryId, Lane, Timestamp, WebhookId, limits};

    use super::*;
    use crate::queue::head::Budget;
    use crate::queue::{Item, Kind};

    const NOW: u64 = 1_000;

    fn queue(is_new: bool) -> (LaneQueue, Budget) {
        (LaneQueue::new(WebhookId::from_bytes([1; 16]), true, is_new), Budget::default())
    }

    fn insert(queue: &mut LaneQueue, budget: &mut Budget, kind: Kind, millis: u64) {
        let id = DeliveryId::new(Timestamp::from_millis(millis as i64), millis, Lane(1));
        queue.insert(kind, (millis, id), Item::default(), budget);
    }

    #[test]
    fn what_is_due_what_has_a_time_to_wait_for_and_what_waits_for_its_turn_are_kept_apart() {
        let (mut queue, mut budget) = queue(true);
        for (kind, millis) in [(Kind::Fresh, 900), (Kind::Due, 800), (Kind::Due, 1_001), (Kind::Due, 5_000)] {
            insert(&mut queue, &mut budget, kind, millis);
        }
        let waits = queue.waits(Open { pending: 4, retrying: 2 }, NOW);
        assert_eq!(waits, Waits { due: 2, scheduled: 2, behind: 2, oldest_due: Some(800) });
    }

    #[test]
    fn what_is_claimed_does_not_wait() {
        let (mut queue, mut budget) = queue(true);
        insert(&mut queue, &mut budget, Kind::Fresh, 900);
        assert_eq!(queue.pick(1, NOW, &mut budget).len(), 1);
        assert_eq!(queue.waits(Open { pending: 1, retrying: 0 }, NOW), Waits::default());
    }

    #[test]
    fn a_backlog_on_disk_is_due_and_retries_on_disk_wait_for_their_time() {
        let (mut queue, mut budget) = queue(true);
        let backlog = limits::LANE_HEAD as u64 + 50;
        for millis in 0..backlog {
            insert(&mut queue, &mut budget, Kind::Fresh, millis);
            insert(&mut queue, &mut budget, Kind::Due, NOW + 1 + millis);
        }
        let waits = queue.waits(Open { pending: backlog, retrying: backlog }, NOW);
        assert_eq!((waits.due, waits.scheduled, waits.behind), (backlog, backlog, 0));
    }

    #[test]
    fn nothing_is_lost_of_a_lane_whose_disk_is_unread() {
        let (queue, _) = queue(false);
        assert_eq!(queue.waits(Open { pending: 3, retrying: 4 }, NOW).due, 7);
    }
}
