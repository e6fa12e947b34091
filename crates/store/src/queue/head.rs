//! The head of one queue: what is due first, in memory, and where the disk goes on.
//!
//! The head holds every item before `rest` and none from there on; a `rest` of `None` says
//! that it holds all. So the disk is read onwards from `rest` and never twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use tenterhook_model::{DeliveryId, Event, limits};

use crate::keys::due::Place;
use crate::query::Change;

/// The place before all others.
const FIRST: Place = (0, DeliveryId::from_bytes([0; 16]));
/// Items of a lane that may be in memory although the budget of all lanes is used up, so that
/// no lane starves.
const ALWAYS: usize = 4;
/// Bytes that an item takes beside its delivery and event, roughly: tree, place and pointers.
const ITEM_BYTES: usize = 128;

/// A delivery in a queue, with what is in memory of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Item {
    /// The change that made it; `None` when it must be read.
    pub(crate) change: Option<Arc<Change>>,
    /// Its event; `None` when it must be read.
    pub(crate) event: Option<Arc<Event>>,
    /// Bytes that it counts for in the budget of all lanes, beside its own [`ITEM_BYTES`].
    pub(crate) bytes: usize,
}

impl Item {
    /// Bytes that a change in memory takes, roughly.
    pub(crate) const CHANGE_BYTES: usize = 768;

    fn charge(&self) -> usize {
        ITEM_BYTES + self.bytes
    }
}

/// Bytes that the heads of all lanes hold.
#[derive(Debug, Default)]
pub(crate) struct Budget(usize);

impl Budget {
    /// Items of one lane that are welcome. When half of the budget is used, lanes with a long
    /// backlog get a small part only, so that the rest is left to those that move.
    fn welcome(&self) -> usize {
        if self.0 < limits::HEADS_BYTES / 2 { limits::LANE_HEAD } else { limits::LANE_HEAD / 16 }
    }

    fn allows(&self, charge: usize) -> bool {
        self.0 + charge <= limits::HEADS_BYTES
    }
}

/// The head of a queue.
#[derive(Debug)]
pub(crate) struct Head {
    items: BTreeMap<Place, Item>,
    rest: Option<Place>,
}

impl Head {
    /// A head that knows nothing of what is on disk.
    pub(crate) fn unread() -> Self {
        Self { items: BTreeMap::new(), rest: Some(FIRST) }
    }

    /// The head of a lane that is new and has nothing on disk.
    pub(crate) fn empty() -> Self {
        Self { items: BTreeMap::new(), rest: None }
    }

    /// From where on items may be on disk only.
    pub(crate) fn rest(&self) -> Option<Place> {
        self.rest
    }

    /// Takes an item in, or leaves it to the disk when it is beyond the head or the head is full.
    pub(crate) fn insert(&mut self, place: Place, item: Item, budget: &mut Budget) {
        if self.rest.is_some_and(|rest| place >= rest) || self.items.contains_key(&place) {
            return;
        }
        let full =
            self.items.len() >= budget.welcome() || (!budget.allows(item.charge()) && self.items.len() >= ALWAYS);
        if full {
            let last = *self.items.last_key_value().expect("a full head has items").0;
            if place > last {
                self.rest = Some(place);
                return;
            }
            self.remove(last, budget);
            self.rest = Some(last);
        }
        budget.0 += item.charge();
        self.items.insert(place, item);
        debug_assert!(self.items.len() <= limits::LANE_HEAD, "a head is bounded: {} items", self.items.len());
        let last = self.items.last_key_value().map(|(last, _)| *last);
        assert!(
            self.rest.is_none_or(|rest| last.is_none_or(|last| last < rest)),
            "what comes from {:?} on is on disk only, and {last:?} is in memory",
            self.rest
        );
    }

    /// Takes the item at `place` out.
    pub(crate) fn remove(&mut self, place: Place, budget: &mut Budget) -> Option<Item> {
        let item = self.items.remove(&place)?;
        assert!(item.charge() <= budget.0, "an item of {} bytes is in the budget of {}", item.charge(), budget.0);
        budget.0 -= item.charge();
        Some(item)
    }

    /// Forgets all items; the disk has them.
    pub(crate) fn forget(&mut self, budget: &mut Budget) {
        let held = self.items.values().map(Item::charge).sum::<usize>();
        assert!(held <= budget.0, "all that the heads hold is in the budget: {held} of {}", budget.0);
        budget.0 -= held;
        *self = Self::unread();
    }

    /// The first item.
    pub(crate) fn first(&self) -> Option<Place> {
        self.items.first_key_value().map(|(place, _)| *place)
    }

    /// The first item that is due later than `millis`.
    pub(crate) fn first_after(&self, millis: u64) -> Option<Place> {
        self.items.range((millis + 1, FIRST.1)..).next().map(|(place, _)| *place)
    }

    /// How many items are in memory.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// How many of them have their place at or before `millis`.
    pub(crate) fn len_until(&self, millis: u64) -> usize {
        self.items.range(..(millis + 1, FIRST.1)).count()
    }

    /// Says that the disk has been read from `rest` up to `next` (excluded), or to its end.
    pub(crate) fn read_to(&mut self, next: Option<Place>) {
        assert!(
            next.is_none_or(|next| self.rest.is_some_and(|rest| next > rest)),
            "the disk is read onwards and never twice: from {:?} to {next:?}",
            self.rest
        );
        self.rest = next;
    }
}

/// The place right after `place`.
pub(crate) fn after((millis, id): Place) -> Place {
    let next = match u128::from_be_bytes(*id.as_bytes()).checked_add(1) {
        Some(next) => (millis, DeliveryId::from_bytes(next.to_be_bytes())),
        None => (millis + 1, FIRST.1),
    };
    debug_assert!(next > (millis, id), "a read that goes on at {next:?} would find {id} again, for ever");
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn place(n: u64) -> Place {
        (n, DeliveryId::from_bytes([0; 16]))
    }

    #[test]
    fn what_is_beyond_a_full_head_stays_on_disk() {
        let (mut head, mut budget) = (Head::empty(), Budget::default());
        for n in 0..limits::LANE_HEAD as u64 + 10 {
            head.insert(place(n), Item::default(), &mut budget);
        }
        assert_eq!(head.len(), limits::LANE_HEAD);
        assert_eq!(head.rest(), Some(place(limits::LANE_HEAD as u64)));
    }

    #[test]
    fn an_earlier_item_pushes_the_last_one_out() {
        let (mut head, mut budget) = (Head::empty(), Budget::default());
        for n in 1..=limits::LANE_HEAD as u64 {
            head.insert(place(n), Item::default(), &mut budget);
        }
        head.insert(place(0), Item::default(), &mut budget);
        assert_eq!((head.first(), head.len()), (Some(place(0)), limits::LANE_HEAD));
        assert_eq!(head.rest(), Some(place(limits::LANE_HEAD as u64)));
    }

    #[test]
    fn a_used_up_budget_leaves_each_lane_a_few() {
        let mut budget = Budget(limits::HEADS_BYTES);
        let mut head = Head::empty();
        for n in 0..20 {
            head.insert(place(n), Item::default(), &mut budget);
        }
        assert_eq!((head.len(), head.rest()), (ALWAYS, Some(place(ALWAYS as u64))));
    }

    #[test]
    fn forgetting_gives_the_budget_back() {
        let (mut head, mut budget) = (Head::empty(), Budget::default());
        head.insert(place(1), Item { bytes: 1_000, ..Item::default() }, &mut budget);
        assert!(budget.0 > 1_000);
        head.forget(&mut budget);
        assert_eq!((budget.0, head.rest()), (0, Some(FIRST)));
    }

    #[test]
    fn the_place_after_the_last_id_is_in_the_next_millisecond() {
        assert_eq!(after((7, DeliveryId::from_bytes([0xff; 16]))), (8, FIRST.1));
        assert_eq!(after(FIRST), (0, DeliveryId::from_bytes(1u128.to_be_bytes())));
    }

    proptest! {
        /// Whatever is inserted is in the head or at or beyond its rest.
        #[test]
        fn nothing_is_lost_between_memory_and_disk(places in prop::collection::vec(0u64..5_000, 0..3_000), removed in prop::collection::vec(0u64..5_000, 0..100)) {
            let (mut head, mut budget) = (Head::empty(), Budget::default());
            let mut model = BTreeSet::new();
            for n in places {
                head.insert(place(n), Item::default(), &mut budget);
                model.insert(place(n));
            }
            for n in removed {
                head.remove(place(n), &mut budget);
                model.remove(&place(n));
            }
            for place in model {
                prop_assert!(head.items.contains_key(&place) || head.rest().is_some_and(|rest| place >= rest));
            }
        }
    }
}
