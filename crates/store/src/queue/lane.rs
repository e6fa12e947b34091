//! The queue of one webhook: its two heads, what is claimed of it, and whose turn it is.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tenterhook_model::{DeliveryId, Event, WebhookId};

use super::Effect;
use super::flow::Flow;
use super::head::{Budget, Head, Item};
use crate::keys::due::Place;
use crate::query::Change;

/// Deliveries of a lane that may go before all others: one step of a batch. More than these are no
/// longer a choice, and go in the order of their times.
const PREFERRED_MAX: usize = 256;

/// Which head of a lane an item is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Due at once; on disk the open row alone says so.
    Fresh,
    /// Due at a time; on disk there is a due row.
    Due,
}

/// A delivery that was taken out of the queue.
#[derive(Debug)]
pub(crate) struct Claimed {
    kind: Kind,
    place: Place,
    item: Item,
    ordering_key: Option<Arc<str>>,
}

/// The claimed delivery of an ordering key, and those that came up meanwhile.
#[derive(Debug)]
struct Turn {
    holder: DeliveryId,
    behind: Vec<(Kind, Place)>,
}

/// The queue of a webhook.
#[derive(Debug)]
pub(crate) struct LaneQueue {
    /// Whose it is.
    pub(super) webhook: WebhookId,
    /// Whether its deliveries may be sent.
    pub(super) sends: bool,
    /// Whether it is in the list of ready lanes.
    pub(super) listed: bool,
    /// The time for which it is in the list of timers, in milliseconds since 1970.
    pub(super) timer: Option<u64>,
    /// How fast it moves.
    pub(super) flow: Flow,
    pub(super) fresh: Head,
    pub(super) due: Head,
    /// Due deliveries that go before all others, because a person asked for them.
    preferred: VecDeque<Place>,
    claimed: HashMap<DeliveryId, Claimed>,
    turns: HashMap<Arc<str>, Turn>,
    /// Ids that wait in `turns`.
    held: HashSet<DeliveryId>,
    /// What commits did since a read of the disk began, while there is one.
    pub(super) missed: Option<Vec<Effect>>,
}

/// A delivery on its way out of the queue.
#[derive(Debug)]
pub(crate) struct Picked {
    /// The delivery.
    pub(crate) id: DeliveryId,
    /// The change that made it, if it is in memory.
    pub(crate) change: Option<Arc<Change>>,
    /// Its event, if it is in memory.
    pub(crate) event: Option<Arc<Event>>,
}

impl LaneQueue {
    /// The queue of a webhook that is new, or of which the disk is to be read.
    pub(crate) fn new(webhook: WebhookId, sends: bool, is_new: bool) -> Self {
        let head = if is_new { Head::empty } else { Head::unread };
        Self {
            webhook,
            sends,
            listed: false,
            timer: None,
            flow: Flow::default(),
            fresh: head(),
            due: head(),
            preferred: VecDeque::new(),
            claimed: HashMap::new(),
            turns: HashMap::new(),
            held: HashSet::new(),
            missed: None,
        }
    }

    fn head(&mut self, kind: Kind) -> &mut Head {
        match kind {
            Kind::Fresh => &mut self.fresh,
            Kind::Due => &mut self.due,
        }
    }

    /// How many are claimed.
    pub(crate) fn in_flight(&self) -> usize {
        self.claimed.len()
    }

    /// Whether the delivery is claimed.
    pub(crate) fn is_claimed(&self, id: DeliveryId) -> bool {
        self.claimed.contains_key(&id)
    }

    /// The stored form of a claimed delivery, when it has not changed since it was made.
    pub(crate) fn claimed_change(&self, id: DeliveryId) -> Option<Arc<Change>> {
        self.claimed.get(&id).and_then(|claimed| claimed.item.change.clone())
    }

    /// Puts an item in its queue, unless it is claimed or held back.
    pub(crate) fn insert(&mut self, kind: Kind, place: Place, item: Item, budget: &mut Budget) {
        if self.claimed.contains_key(&place.1) {
            return;
        }
        if self.held.contains(&place.1) {
            let mut behind = self.turns.values_mut().flat_map(|turn| &mut turn.behind);
            let entry = behind.find(|(_, held)| held.1 == place.1);
            assert!(entry.is_some(), "{} is held behind no other, and would never be sent", place.1);
            if let Some(entry) = entry {
                *entry = (kind, place);
            }
            return;
        }
        if self.sends {
            self.head(kind).insert(place, item, budget);
        }
    }

    /// Lets the delivery that waits at this place of the due queue go before all others.
    pub(crate) fn prefer(&mut self, place: Place) {
        if self.sends && !self.is_out(place.1) && self.preferred.len() < PREFERRED_MAX {
            self.preferred.push_back(place);
        }
    }

    /// Takes a delivery out of its queue that was cancelled or moved. What is in memory of a
    /// claimed one is no longer what is stored.
    pub(crate) fn discard(&mut self, kind: Kind, place: Place, budget: &mut Budget) {
        self.head(kind).remove(place, budget);
        self.preferred.retain(|preferred| *preferred != place);
        if let Some(claimed) = self.claimed.get_mut(&place.1) {
            claimed.item.change = None;
        }
        if self.held.remove(&place.1) {
            let mut waits = 0;
            for turn in self.turns.values_mut() {
                let before = turn.behind.len();
                turn.behind.retain(|(_, held)| held.1 != place.1);
                waits += before - turn.behind.len();
            }
            assert_eq!(waits, 1, "{} is held, and so waits behind one other", place.1);
        }
    }

    /// Takes out up to `limit` items that are due at `millis`, the earliest first.
    pub(crate) fn pick(&mut self, limit: usize, millis: u64, budget: &mut Budget) -> Vec<Picked> {
        let mut picked = Vec::new();
        while self.sends && picked.len() < limit {
            let Some((kind, place)) = self.next(millis) else { break };
            // One that goes before all others may be on disk only.
            let item = self.head(kind).remove(place, budget).unwrap_or_default();
            if self.is_out(place.1) {
                continue;
            }
            picked.push(Picked { id: place.1, change: item.change.clone(), event: item.event.clone() });
            let claimed = self.claimed.insert(place.1, Claimed { kind, place, item, ordering_key: None });
            assert!(claimed.is_none(), "{} is claimed twice and would be sent twice", place.1);
        }
        assert!(picked.len() <= limit, "{} were claimed of {limit} that were asked for", picked.len());
        debug_assert!(
            picked.iter().all(|picked| !self.held.contains(&picked.id)),
            "what waits for its turn is in no queue"
        );
        self.flow.take(picked.len(), millis);
        picked
    }

    /// The place of the next that is due at `millis`.
    fn next(&mut self, millis: u64) -> Option<(Kind, Place)> {
        if let Some(place) = self.preferred.pop_front() {
            return Some((Kind::Due, place));
        }
        // What is fresh is due whatever the clock says now: it was due when it was made.
        let fresh = self.fresh.first();
        let due = self.due.first().filter(|place| place.0 <= millis);
        match (fresh, due) {
            (Some(fresh), Some(due)) if due < fresh => Some((Kind::Due, due)),
            (Some(fresh), _) => Some((Kind::Fresh, fresh)),
            (None, due) => due.map(|due| (Kind::Due, due)),
        }
    }

    /// Whether a claimed delivery may go out, as far as its ordering key is concerned; one
    /// that may not is held until the one before is settled or released.
    pub(crate) fn enter(&mut self, id: DeliveryId, ordering_key: &str) -> bool {
        let Some(claimed) = self.claimed.get_mut(&id) else { return false };
        if let Some(turn) = self.turns.get_mut(ordering_key).filter(|turn| turn.holder != id) {
            turn.behind.push((claimed.kind, claimed.place));
            let is_new = self.held.insert(id);
            assert!(is_new, "{id} is held twice and would be sent twice");
            self.claimed.remove(&id);
            return false;
        }
        let key: Arc<str> = ordering_key.into();
        claimed.ordering_key = Some(key.clone());
        let turn = self.turns.entry(key).or_insert(Turn { holder: id, behind: Vec::new() });
        assert_eq!(turn.holder, id, "two deliveries of one ordering key would be in flight");
        true
    }

    /// Ends the claim of a delivery: it was settled, or cannot be read. Answers whether
    /// others that were held behind it are back in the queue.
    pub(crate) fn leave(&mut self, id: DeliveryId, budget: &mut Budget) -> bool {
        let Some(claimed) = self.claimed.remove(&id) else { return false };
        let Some(key) = claimed.ordering_key else { return false };
        let turn = self.turns.remove(&key);
        assert!(turn.is_some(), "{id} went out without the turn of its ordering key");
        let Some(turn) = turn else { return false };
        assert_eq!(turn.holder, id, "the turn of an ordering key ends with the delivery that holds it");
        for (kind, place) in &turn.behind {
            let was_held = self.held.remove(&place.1);
            assert!(was_held, "{} waits for its turn in one queue", place.1);
            self.insert(*kind, *place, Item::default(), budget);
        }
        !turn.behind.is_empty()
    }

    /// Ends the claim of a delivery and puts it back where it was.
    pub(crate) fn put_back(&mut self, id: DeliveryId, budget: &mut Budget) {
        let Some(claimed) = self.claimed.get_mut(&id) else { return };
        let (kind, place, item) = (claimed.kind, claimed.place, std::mem::take(&mut claimed.item));
        self.leave(id, budget);
        self.insert(kind, place, item, budget);
    }

    /// Whether a delivery is claimed or held back, so that its row on disk is passed over.
    pub(crate) fn is_out(&self, id: DeliveryId) -> bool {
        self.claimed.contains_key(&id) || self.held.contains(&id)
    }

    /// Forgets what waits; the disk has it.
    pub(crate) fn forget(&mut self, budget: &mut Budget) {
        self.fresh.forget(budget);
        self.due.forget(budget);
        self.preferred.clear();
    }

    /// Whether something may be due at `millis`, in memory or on disk.
    pub(crate) fn may_be_due(&self, millis: u64) -> bool {
        let due = |head: &Head| head.first().or(head.rest()).is_some_and(|place| place.0 <= millis);
        self.sends && (self.fresh.first().or(self.fresh.rest()).is_some() || due(&self.due))
    }

    /// When the next delivery that waits for a time after `millis` is due, at the earliest.
    pub(crate) fn next_after(&self, millis: u64) -> Option<u64> {
        let rest = self.due.rest().map(|place| place.0).filter(|due| *due > millis);
        let first = self.due.first_after(millis).map(|place| place.0);
        let next = rest.into_iter().chain(first).min();
        next.filter(|_| self.sends)
    }
}
