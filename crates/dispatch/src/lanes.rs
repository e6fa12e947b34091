//! Which lane may claim next: every webhook's lane, those that wait for slots, and the times at
//! which others have to be looked at again.
//!
//! A lane waits for slots only if something may be due for it and nothing is known to hold it
//! back. What is held back comes again by itself: a rate limit or an open breaker by its time,
//! a full lane by the end of one of its attempts, a halted webhook by its next change. One for
//! which there are no slots goes on waiting.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use tenterhook_model::{Namespace, Timestamp, WebhookId};
use tenterhook_store::{Dispatching, WebhookSet};
use tokio::time::Instant;

use crate::lane::{Allowance, Lane};
use crate::pace::{HANGS_AFTER, Pace};
use crate::slots::Slots;
use crate::waiting::Waiting;

/// Permission for one lane to claim; it holds as many slots until the claim has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    /// The webhook of the lane.
    pub(crate) webhook: WebhookId,
    /// Deliveries that it may claim.
    pub(crate) limit: usize,
}

/// Every lane that has had work since the start.
#[derive(Debug)]
pub(crate) struct Lanes {
    // In the order of ids, so that a walk over it is the same in every run.
    lanes: BTreeMap<WebhookId, Lane>,
    slots: Slots,
    waiting: Waiting,
    /// When the oldest attempt of each lane began whose slots do not count as slow.
    oldest: BTreeSet<(Instant, WebhookId)>,
    times: BTreeSet<(Timestamp, WebhookId)>,
    revision: u64,
}

impl Lanes {
    /// No lanes, and so many slots, at least 1.
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            lanes: BTreeMap::new(),
            slots: Slots::new(slots),
            waiting: Waiting::default(),
            oldest: BTreeSet::new(),
            times: BTreeSet::new(),
            revision: 0,
        }
    }

    /// Sets how many slots there are, at least 1. Those that are held stay held.
    pub(crate) fn set_slots(&mut self, slots: usize) {
        self.slots.set_total(slots);
    }

    /// The lane of a webhook that has or had deliveries in flight.
    pub(crate) fn lane(&mut self, webhook: WebhookId) -> Option<&mut Lane> {
        self.lanes.get_mut(&webhook)
    }

    /// Notes that the webhooks have due deliveries.
    pub(crate) fn due(&mut self, webhooks: Vec<WebhookId>, store: &dyn Dispatching, instant: Instant) {
        if webhooks.is_empty() {
            return;
        }
        let set = store.webhooks();
        for id in webhooks {
            let lane = match self.lanes.entry(id) {
                Entry::Occupied(lane) => lane.into_mut(),
                Entry::Vacant(place) => {
                    // A webhook that is gone has no deliveries left to send.
                    let Some(webhook) = set.by_id.get(&id) else { continue };
                    place.insert(Lane::new(webhook.clone(), store.health(id)))
                }
            };
            lane.note_due();
            self.enqueue(id, instant);
        }
    }

    /// Notes that a person asked at `now` that the webhooks be sent to. One without a lane gets a
    /// health that knows it.
    pub(crate) fn asked(&mut self, webhooks: Vec<WebhookId>, now: Timestamp, instant: Instant) {
        for id in webhooks {
            if let Some(lane) = self.lanes.get_mut(&id) {
                lane.ask(now);
                self.enqueue(id, instant);
            }
        }
    }

    /// Takes over what changed in the webhooks: a new revision, a pause, a removal.
    pub(crate) fn refresh(&mut self, set: &WebhookSet, instant: Instant) {
        if set.revision == self.revision {
            return;
        }
        self.revision = set.revision;
        let mut namespaces = set.by_id.values().map(|webhook| &webhook.namespace);
        let first = namespaces.next();
        self.slots.set_shared(namespaces.any(|namespace| Some(namespace) != first));
        let (mut changed, mut idle) = (Vec::new(), Vec::new());
        for (id, lane) in &mut self.lanes {
            match set.by_id.get(id) {
                Some(webhook) if lane.replace(webhook) => changed.push(*id),
                Some(_) => {}
                None => {
                    lane.remove();
                    idle.push(*id);
                }
            }
        }
        for id in idle {
            self.settle_down(id);
        }
        for id in changed {
            self.enqueue(id, instant);
        }
    }

    /// Lets the lane wait for slots if it may have work and does not wait yet.
    pub(crate) fn enqueue(&mut self, webhook: WebhookId, instant: Instant) {
        if let Some(lane) = self.lanes.get_mut(&webhook).filter(|lane| lane.wants_slots()) {
            let place = self.waiting.push(&lane.webhook().namespace, lane.pace(instant), webhook);
            lane.set_place(Some(place));
        }
    }

    /// Lets the lane, whose claim failed, wait until `time`.
    pub(crate) fn claim_again_at(&mut self, order: Order, time: Timestamp) {
        self.claim_ended(order, true);
        self.return_unused(order, 0);
        self.set_alarm(order.webhook, time);
        self.settle_down(order.webhook);
    }

    fn set_alarm(&mut self, webhook: WebhookId, time: Timestamp) {
        let Some(lane) = self.lanes.get_mut(&webhook) else { return };
        if let Some(earlier) = lane.set_alarm(time) {
            let was_set = self.times.remove(&(earlier, webhook));
            assert!(was_set, "the alarm of {webhook} at {earlier:?} is among the times, or it would ring twice");
        }
        let is_new = self.times.insert((time, webhook));
        assert!(is_new, "{webhook} has one alarm at {time:?}");
    }

    /// The next lane that may claim now; it holds the slots that it is given.
    pub(crate) fn next_order(&mut self, now: Timestamp, instant: Instant) -> Option<Order> {
        self.age(instant);
        let waits = |pace: &Pace| self.waiting.count(*pace) > 0 && self.slots.open_to(*pace) > 0;
        if !Pace::ALL.iter().any(waits) {
            return None;
        }
        for _ in 0..self.waiting.namespaces() {
            let namespace = self.waiting.turn()?.clone();
            self.waiting.next_turn();
            if let Some(order) = self.order_in(&namespace, now, instant) {
                return Some(order);
            }
        }
        None
    }

    /// An order for a lane of this namespace.
    fn order_in(&mut self, namespace: &Namespace, now: Timestamp, instant: Instant) -> Option<Order> {
        while let Some((place, id)) = self.waiting.first(namespace, |pace| self.slots.room_of(namespace, pace) > 0) {
            let lane = self.lanes.get_mut(&id).expect("a lane that is forgotten waits no longer");
            let pace = lane.pace(instant);
            if pace != place.0 {
                // Its proof has grown old since it came.
                lane.set_place(Some(self.waiting.move_to(namespace, place, pace)));
                continue;
            }
            let counts = lane.is_untried() || (pace == Pace::Slow) == (lane.counted() == Pace::Slow);
            assert!(counts, "the slots of {id} count at {:?}, its pace is {pace:?}", lane.counted());
            self.waiting.remove(namespace, place);
            lane.set_place(None);
            // One that has not been tried has the part of a slow lane, but one attempt to prove itself.
            let counted = if lane.is_untried() { Pace::Slow } else { pace };
            let least = usize::from(counted != pace);
            let part = self.slots.part_of(lane.asking(counted)).max(least);
            match lane.allowance(part, now) {
                Allowance::Claim { limit } => {
                    assert!((1..=part).contains(&limit), "{id} may claim {limit} with {part} slots");
                    self.slots.turn(lane.asking(lane.counted()), counted);
                    lane.count_at(counted);
                    self.slots.take(lane.asking(counted), limit);
                    lane.hold(lane.held() + limit);
                    lane.begin_claim();
                    return Some(Order { webhook: id, limit });
                }
                Allowance::At(time) => self.set_alarm(id, time),
                Allowance::Hold => {}
            }
        }
        None
    }

    /// Notes that a claim came back with `all` that it asked for, or with less.
    pub(crate) fn claim_ended(&mut self, order: Order, all: bool) {
        if let Some(lane) = self.lanes.get_mut(&order.webhook) {
            lane.end_claim(all);
        }
    }

    /// Takes back the slots of a claim of which so many deliveries have become attempts.
    pub(crate) fn return_unused(&mut self, order: Order, begun: usize) {
        assert!(begun <= order.limit, "{begun} attempts began of a claim of {}", order.limit);
        self.give_back(order.webhook, order.limit - begun);
        self.note_oldest(order.webhook);
    }

    /// Notes that an attempt of the lane has ended, once the lane knows of it.
    pub(crate) fn attempt_ended(&mut self, webhook: WebhookId, instant: Instant) {
        self.give_back(webhook, 1);
        self.count_pace(webhook, instant);
        self.note_oldest(webhook);
    }

    fn give_back(&mut self, webhook: WebhookId, count: usize) {
        let lane = self.lanes.get_mut(&webhook).expect("a lane that holds slots is not forgotten");
        self.slots.give_back(lane.asking(lane.counted()), count);
        assert!(count <= lane.held(), "{webhook} gives back {count} of {} slots", lane.held());
        lane.hold(lane.held() - count);
    }

    /// Counts the slots of lanes as slow whose attempts have begun to hang.
    fn age(&mut self, instant: Instant) {
        while let Some(&(begun, webhook)) = self.oldest.first()
            && instant.duration_since(begun) >= HANGS_AFTER
        {
            self.count_pace(webhook, instant);
            self.note_oldest(webhook);
            assert!(!self.oldest.contains(&(begun, webhook)), "a lane that hangs counts as slow");
        }
    }

    /// Counts the slots of the lane by its pace, and lets it wait where lanes of that pace do.
    fn count_pace(&mut self, webhook: WebhookId, instant: Instant) {
        let Some(lane) = self.lanes.get_mut(&webhook) else { return };
        let (pace, counted) = (lane.pace(instant), lane.counted());
        self.slots.turn(lane.asking(counted), pace);
        lane.count_at(pace);
        if let Some(place) = lane.place().filter(|place| place.0 != pace) {
            let place = self.waiting.move_to(&lane.webhook().namespace, place, pace);
            lane.set_place(Some(place));
        }
    }

    fn note_oldest(&mut self, webhook: WebhookId) {
        let Some(lane) = self.lanes.get_mut(&webhook) else { return };
        let (before, after) = lane.turn_oldest();
        if before != after {
            if let Some(begun) = before {
                let was_noted = self.oldest.remove(&(begun, webhook));
                assert!(was_noted, "the oldest attempt of {webhook} is noted, or its lane would hang unseen");
            }
            self.oldest.extend(after.map(|begun| (begun, webhook)));
        }
    }

    /// Lets the lanes wait for slots whose time has come.
    pub(crate) fn wake(&mut self, now: Timestamp, instant: Instant) {
        while let Some(&(time, id)) = self.times.first()
            && time <= now
        {
            self.times.pop_first();
            if let Some(lane) = self.lanes.get_mut(&id) {
                lane.clear_alarm();
            }
            self.enqueue(id, instant);
        }
    }

    /// When the next lane has to be looked at again by its time.
    pub(crate) fn next_time(&self) -> Option<Timestamp> {
        self.times.first().map(|(time, _)| *time)
    }

    /// Forgets the lane of a webhook that was removed, once nothing of it is in flight.
    pub(crate) fn settle_down(&mut self, webhook: WebhookId) {
        let Some(lane) = self.lanes.get(&webhook).filter(|lane| lane.is_idle() && lane.is_removed()) else { return };
        assert_eq!(lane.held(), 0, "an idle lane holds no slots");
        assert!(lane.turned_oldest().is_none(), "an idle lane has no oldest attempt");
        if let Some(place) = lane.place() {
            let waited = self.waiting.remove(&lane.webhook().namespace, place);
            assert_eq!(waited, Some(webhook), "the lane waited at the place that it was given");
        }
        self.lanes.remove(&webhook);
    }
}

#[cfg(test)]
impl Lanes {
    /// When the oldest attempt of the lane began.
    fn oldest_of(&self, webhook: WebhookId) -> Instant {
        self.lanes[&webhook].oldest().expect("it has an attempt in flight")
    }
}

#[cfg(test)]
mod tests;
