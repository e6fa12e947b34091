//! The due queues of all webhooks as the dispatcher sees them: their heads in memory, which
//! of them are ready, and when the next one will be. It knows no engine: the store that uses it
//! passes in what it committed and what it read.
//!
//! What is on disk is the truth; this is a bounded part of it. The writer applies to it what a
//! commit did, after the commit, and claims read on from the disk when a head runs short. A
//! claim leaves no trace on disk: after a restart everything unfinished is due again.

mod flow;
mod head;
mod lane;
#[cfg(test)]
mod tests;
mod waits;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use tenterhook_model::{DeliveryId, Lane, Timestamp, Webhook, WebhookId};

use crate::keys::due::Place;
use crate::query::Change;
use crate::stats::{Open, Waits};
use head::Budget;
pub(crate) use head::{Item, after};
pub(crate) use lane::{Kind, LaneQueue, Picked};

/// What a commit did to the queues.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// A delivery waits in a queue.
    Wait { kind: Kind, place: Place, item: Item },
    /// The delivery that waits at this place for its time, which has come, goes before all others.
    Prefer(Place),
    /// A delivery no longer waits at its place.
    Discard { kind: Kind, place: Place },
    /// A claimed delivery was settled.
    Settle(DeliveryId),
}

/// The queues of all webhooks.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    lanes: HashMap<Lane, LaneQueue>,
    ready: VecDeque<Lane>,
    timers: BTreeSet<(u64, Lane)>,
    /// Webhooks that are to be sent to now, whatever their breakers wait for.
    asked: BTreeSet<WebhookId>,
    budget: Budget,
}

impl Queues {
    /// Takes in a webhook that was made, changed or, at the start, found on disk.
    pub(crate) fn webhook(&mut self, webhook: &Webhook, is_new: bool, millis: u64) {
        let sends = webhook.sends();
        let lane = self.lanes.entry(webhook.lane).or_insert_with(|| LaneQueue::new(webhook.id, sends, is_new));
        let resumed = sends && !lane.sends;
        if !sends {
            lane.forget(&mut self.budget);
        }
        lane.sends = sends;
        if resumed || (!is_new && lane.may_be_due(millis)) {
            self.list(webhook.lane);
        }
        self.set_timer(webhook.lane, millis);
    }

    /// Forgets the queue of a webhook that was removed.
    pub(crate) fn remove(&mut self, lane: Lane) {
        if let Some(mut queue) = self.lanes.remove(&lane) {
            queue.forget(&mut self.budget);
            let before = self.timers.len();
            self.timers.retain(|(_, other)| *other != lane);
            let timers = before - self.timers.len();
            assert_eq!(timers, usize::from(queue.timer.is_some()), "lane {} knows of its timer", lane.0);
            self.asked.remove(&queue.webhook);
        }
    }

    /// Applies what a commit did.
    pub(crate) fn apply(&mut self, effect: Effect, millis: u64) {
        if let Effect::Wait { place, .. } | Effect::Prefer(place) | Effect::Discard { place, .. } = &effect
            && let Some(missed) = self.lanes.get_mut(&place.1.lane()).and_then(|lane| lane.missed.as_mut())
        {
            missed.push(effect.clone());
        }
        let (lane, due) = match effect {
            Effect::Wait { kind, place, item } => {
                let Some(lane) = self.lanes.get_mut(&place.1.lane()) else { return };
                lane.insert(kind, place, item, &mut self.budget);
                (place.1.lane(), kind == Kind::Fresh || place.0 <= millis)
            }
            Effect::Prefer(place) => {
                let Some(lane) = self.lanes.get_mut(&place.1.lane()) else { return };
                lane.prefer(place);
                (place.1.lane(), true)
            }
            Effect::Discard { kind, place } => {
                let Some(lane) = self.lanes.get_mut(&place.1.lane()) else { return };
                lane.discard(kind, place, &mut self.budget);
                (place.1.lane(), false)
            }
            Effect::Settle(id) => {
                let Some(lane) = self.lanes.get_mut(&id.lane()) else { return };
                (id.lane(), lane.leave(id, &mut self.budget))
            }
        };
        if due {
            self.list(lane);
        }
        self.set_timer(lane, millis);
    }

    /// Notes that the webhook of a lane is to be sent to now. One that is halted is not: what it
    /// waits for is its resumption.
    pub(crate) fn ask(&mut self, lane: Lane) {
        if let Some(queue) = self.lanes.get(&lane).filter(|queue| queue.sends) {
            self.asked.insert(queue.webhook);
            self.list(lane);
        }
    }

    /// Whether `take_asked` will return the webhook.
    pub(crate) fn is_asked(&self, webhook: WebhookId) -> bool {
        self.asked.contains(&webhook)
    }

    /// The webhooks that are to be sent to now, since the last call.
    pub(crate) fn take_asked(&mut self) -> Vec<WebhookId> {
        std::mem::take(&mut self.asked).into_iter().collect()
    }

    /// Whether `take_ready` returns a webhook.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The webhooks that became ready since the last call, or whose time has come by `millis`.
    pub(crate) fn take_ready(&mut self, millis: u64) -> Vec<WebhookId> {
        while let Some(&(due, lane)) = self.timers.first().filter(|(due, _)| *due <= millis) {
            self.timers.remove(&(due, lane));
            if let Some(queue) = self.lanes.get_mut(&lane) {
                queue.timer = None;
            }
            self.list(lane);
            self.set_timer(lane, millis);
        }
        debug_assert!(self.timers.first().is_none_or(|(due, _)| *due > millis), "every time that has come is met");
        let mut webhooks = Vec::with_capacity(self.ready.len());
        for lane in self.ready.drain(..) {
            if let Some(queue) = self.lanes.get_mut(&lane) {
                assert!(queue.listed, "lane {} is ready and does not know it: it would be listed twice", lane.0);
                queue.listed = false;
                if queue.sends {
                    webhooks.push(queue.webhook);
                }
            }
        }
        webhooks
    }

    /// When the next delivery that waits for its time is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.timers.first().map(|(due, _)| Timestamp::from_millis(*due as i64))
    }

    /// Takes due deliveries out of a lane.
    pub(crate) fn pick(&mut self, lane: Lane, limit: usize, millis: u64) -> Vec<Picked> {
        let Some(queue) = self.lanes.get_mut(&lane) else { return Vec::new() };
        let picked = queue.pick(limit, millis, &mut self.budget);
        self.set_timer(lane, millis);
        picked
    }

    /// From where the queue of a lane must be read on, when it has nothing due in memory but
    /// may have on disk.
    pub(crate) fn unread(&self, lane: Lane, kind: Kind, millis: u64) -> Option<Place> {
        let queue = self.lanes.get(&lane).filter(|queue| queue.sends)?;
        match kind {
            Kind::Fresh => queue.fresh.rest(),
            Kind::Due => queue.due.rest().filter(|rest| rest.0 <= millis),
        }
    }

    /// Begins a read of a lane, during which the queues are not locked: what commits do to the lane
    /// meanwhile may be missing in what is read. Returns whether there is such a lane.
    pub(crate) fn begin_read(&mut self, lane: Lane) -> bool {
        let Some(queue) = self.lanes.get_mut(&lane) else { return false };
        assert!(queue.missed.is_none(), "the lane {} is read twice at a time", lane.0);
        queue.missed = Some(Vec::new());
        true
    }

    /// Ends a read that was begun, after what it found is taken in: what commits did meanwhile holds.
    pub(crate) fn end_read(&mut self, lane: Lane, millis: u64) {
        let Some(queue) = self.lanes.get_mut(&lane) else { return };
        let missed = queue.missed.take();
        assert!(missed.is_some(), "a read of lane {} ends that nobody began: what commits did is lost", lane.0);
        for effect in missed.into_iter().flatten() {
            self.apply(effect, millis);
        }
    }

    /// Takes in what was read of a lane from its `unread` place up to `next`, or to the end.
    pub(crate) fn read(&mut self, lane: Lane, kind: Kind, found: Vec<(Place, Item)>, next: Option<Place>) {
        let Some(queue) = self.lanes.get_mut(&lane) else { return };
        debug_assert!(
            found.iter().all(|(place, _)| place.1.lane() == lane),
            "lane {} got another's deliveries",
            lane.0
        );
        debug_assert!(
            next.is_none_or(|next| found.iter().all(|(place, _)| *place < next)),
            "what was read of lane {} lies before {next:?}, where the next read begins",
            lane.0
        );
        let head = match kind {
            Kind::Fresh => &mut queue.fresh,
            Kind::Due => &mut queue.due,
        };
        head.read_to(next);
        for (place, item) in found {
            if !queue.is_out(place.1) {
                queue.insert(kind, place, item, &mut self.budget);
            }
        }
    }

    /// Updates the timer of a lane after its queue was changed or read. A time that comes meanwhile,
    /// before `take_ready` has met it, makes the lane ready here: no timer stands for it any more.
    pub(crate) fn set_timer(&mut self, lane: Lane, millis: u64) {
        let Some(queue) = self.lanes.get_mut(&lane) else { return };
        let next = queue.next_after(millis);
        if queue.timer == next {
            return;
        }
        let old = std::mem::replace(&mut queue.timer, next);
        let has_come = old.is_some_and(|old| old <= millis) && queue.may_be_due(millis);
        if let Some(old) = old {
            let was_set = self.timers.remove(&(old, lane));
            debug_assert!(was_set, "the timer that a lane has is among the timers");
        }
        if let Some(next) = next {
            assert!(next > millis, "a timer is set for later: {next} at {millis}");
            let is_new = self.timers.insert((next, lane));
            assert!(is_new, "lane {} has one timer at {next}", lane.0);
        }
        if has_come {
            self.list(lane);
        }
    }

    /// Whether a claimed delivery with an ordering key may go out now.
    pub(crate) fn enter(&mut self, id: DeliveryId, ordering_key: &str) -> bool {
        self.lanes.get_mut(&id.lane()).is_some_and(|lane| lane.enter(id, ordering_key))
    }

    /// Puts claimed deliveries back.
    pub(crate) fn put_back(&mut self, ids: &[DeliveryId], millis: u64) {
        for id in ids {
            if let Some(lane) = self.lanes.get_mut(&id.lane()) {
                lane.put_back(*id, &mut self.budget);
                self.list(id.lane());
                self.set_timer(id.lane(), millis);
            }
        }
    }

    /// Ends the claim of a delivery that cannot be handed out.
    pub(crate) fn drop_claim(&mut self, id: DeliveryId, millis: u64) {
        self.apply(Effect::Settle(id), millis);
    }

    /// Whether the delivery is claimed.
    pub(crate) fn is_claimed(&self, id: DeliveryId) -> bool {
        self.lanes.get(&id.lane()).is_some_and(|lane| lane.is_claimed(id))
    }

    /// The stored form of a claimed delivery, when it has not changed since it was made.
    pub(crate) fn claimed_change(&self, id: DeliveryId) -> Option<Arc<Change>> {
        self.lanes.get(&id.lane()).and_then(|lane| lane.claimed_change(id))
    }

    /// How many deliveries are claimed.
    pub(crate) fn in_flight(&self) -> usize {
        self.lanes.values().map(LaneQueue::in_flight).sum()
    }

    /// What waits in a lane at `millis`, of its `open` deliveries.
    pub(crate) fn waits(&self, lane: Lane, open: Open, millis: u64) -> Waits {
        self.lanes.get(&lane).map(|queue| queue.waits(open, millis)).unwrap_or_default()
    }

    /// How many deliveries of a lane are claimed.
    pub(crate) fn in_flight_of(&self, lane: Lane) -> usize {
        self.lanes.get(&lane).map_or(0, LaneQueue::in_flight)
    }

    /// Deliveries that wait in memory in those of the lanes that keep up.
    pub(crate) fn moving_backlog(&mut self, lanes: impl Iterator<Item = Lane>, millis: u64) -> usize {
        let mut backlog = 0;
        for lane in lanes {
            if let Some(queue) = self.lanes.get_mut(&lane)
                && queue.sends
                && queue.flow.is_moving(millis)
            {
                backlog += queue.fresh.len();
            }
        }
        backlog
    }

    fn list(&mut self, lane: Lane) {
        if let Some(queue) = self.lanes.get_mut(&lane)
            && queue.sends
            && !queue.listed
        {
            queue.listed = true;
            debug_assert!(!self.ready.contains(&lane), "a lane is listed once");
            self.ready.push_back(lane);
        }
    }
}
