//! Which lane may claim next: every webhook's lane, the queue of those with work, and the
//! times at which others have to be looked at again.
//!
//! A lane is in the queue only if something may be due for it and nothing is known to hold
//! it back. What is held back comes again by itself: a rate limit or an open breaker by its
//! time, a full lane by the end of one of its attempts, a halted webhook by its next change.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tenterhook_model::{Timestamp, WebhookId};
use tenterhook_store::{Store, WebhookSet};

use crate::lane::{Allowance, Lane, Share};

/// Permission for one lane to claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    /// The webhook of the lane.
    pub(crate) webhook: WebhookId,
    /// Deliveries that it may claim.
    pub(crate) limit: usize,
}

/// Every lane that has had work since the start.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    // In the order of ids, so that a walk over it is the same in every run.
    lanes: BTreeMap<WebhookId, Lane>,
    queue: VecDeque<WebhookId>,
    times: BTreeSet<(Timestamp, WebhookId)>,
    /// Lanes that hold slots of the dispatcher.
    busy: usize,
    revision: u64,
}

impl Lanes {
    /// The lane of a webhook that has or had deliveries under way.
    pub(crate) fn lane(&mut self, webhook: WebhookId) -> Option<&mut Lane> {
        self.lanes.get_mut(&webhook)
    }

    /// Notes that the webhooks have due deliveries.
    pub(crate) fn due(&mut self, webhooks: Vec<WebhookId>, store: &dyn Store) {
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
            self.enqueue(id);
        }
    }

    /// Takes over what changed in the webhooks: a new revision, a pause, a removal.
    pub(crate) fn refresh(&mut self, set: &WebhookSet) {
        if set.revision == self.revision {
            return;
        }
        self.revision = set.revision;
        let mut changed = Vec::new();
        self.lanes.retain(|id, lane| match set.by_id.get(id) {
            Some(webhook) => {
                if lane.replace(webhook) {
                    changed.push(*id);
                }
                true
            }
            None => {
                lane.remove();
                !lane.is_idle()
            }
        });
        for id in changed {
            self.enqueue(id);
        }
    }

    /// Puts the lane into the queue if it may have work and is not there.
    pub(crate) fn enqueue(&mut self, webhook: WebhookId) {
        if let Some(lane) = self.lanes.get_mut(&webhook)
            && lane.enter_queue()
        {
            self.queue.push_back(webhook);
        }
    }

    /// Queues the lane at `time`, whose claim failed.
    pub(crate) fn claim_again_at(&mut self, webhook: WebhookId, time: Timestamp) {
        if let Some(lane) = self.lanes.get_mut(&webhook) {
            lane.end_claim(true);
            self.settle_down(webhook);
            self.set_alarm(webhook, time);
        }
    }

    fn set_alarm(&mut self, webhook: WebhookId, time: Timestamp) {
        let Some(lane) = self.lanes.get_mut(&webhook) else { return };
        if let Some(earlier) = lane.set_alarm(time) {
            self.times.remove(&(earlier, webhook));
        }
        self.times.insert((time, webhook));
    }

    /// Breakers that are open.
    pub(crate) fn count_open(&self) -> usize {
        self.lanes.values().filter(|lane| lane.health().circuit_open()).count()
    }

    /// The next lane that may claim now, with `free` slots of the whole dispatcher left.
    pub(crate) fn next_order(&mut self, free: usize, now: Timestamp) -> Option<Order> {
        if free == 0 {
            return None;
        }
        while let Some(id) = self.queue.pop_front() {
            let Some(lane) = self.lanes.get_mut(&id) else { continue };
            let newly = usize::from(!lane.is_busy());
            match lane.allowance(Share { free, busy: self.busy + newly }, now) {
                Allowance::Claim { limit } => {
                    self.busy += newly;
                    lane.begin_claim();
                    return Some(Order { webhook: id, limit });
                }
                Allowance::At(time) => self.set_alarm(id, time),
                Allowance::Hold => {}
            }
        }
        None
    }

    /// Queues the lanes whose time has come.
    pub(crate) fn wake(&mut self, now: Timestamp) {
        while let Some(&(time, id)) = self.times.first()
            && time <= now
        {
            self.times.pop_first();
            if let Some(lane) = self.lanes.get_mut(&id) {
                lane.clear_alarm();
            }
            self.enqueue(id);
        }
    }

    /// When the next lane has to be looked at again by its time.
    pub(crate) fn next_time(&self) -> Option<Timestamp> {
        self.times.first().map(|(time, _)| *time)
    }

    /// Notes that something of the lane has ended: a lane with nothing under way holds no
    /// slots, and that of a webhook that was removed is forgotten.
    pub(crate) fn settle_down(&mut self, webhook: WebhookId) {
        let Some(lane) = self.lanes.get_mut(&webhook).filter(|lane| lane.is_idle()) else { return };
        self.busy -= usize::from(lane.is_busy());
        lane.rest();
        if lane.is_removed() {
            self.lanes.remove(&webhook);
        }
    }
}
