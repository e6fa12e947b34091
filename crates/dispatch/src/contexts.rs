//! Events as templates see them, converted once for all the webhooks that an event goes to.
//!
//! Deliveries that come from memory share one [`Event`], so the event is known by its place
//! in memory: an entry keeps it alive, so that the place is not used again. Entries that
//! nobody else holds go at once, and the oldest when there are too many; an event that comes
//! back later is converted again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tenterhook_engine::EventContext;
use tenterhook_model::{Event, limits};

/// Handles to an event that an entry holds itself: one in its context, one in the queue.
const OWN_HANDLES: usize = 2;

/// The contexts of the events that were claimed last.
#[derive(Debug, Default)]
pub(crate) struct Contexts {
    by_place: HashMap<usize, Arc<EventContext>>,
    oldest_first: VecDeque<Arc<Event>>,
    bytes: usize,
}

impl Contexts {
    /// The context of the event.
    pub(crate) fn of(&mut self, event: &Arc<Event>) -> Arc<EventContext> {
        let place = place(event);
        if let Some(context) = self.by_place.get(&place) {
            return Arc::clone(context);
        }
        self.forget_unused();
        let context = Arc::new(EventContext::new(Arc::clone(event)));
        self.by_place.insert(place, Arc::clone(&context));
        self.oldest_first.push_back(Arc::clone(event));
        self.bytes += event.size();
        self.evict();
        context
    }

    /// Drops the oldest as long as nobody else holds them: their deliveries have ended, so they
    /// cannot come back at their place. What is freed soon is still in the processor's cache.
    fn forget_unused(&mut self) {
        while self.oldest_first.front().is_some_and(|oldest| Arc::strong_count(oldest) <= OWN_HANDLES) {
            self.forget_oldest();
        }
    }

    fn evict(&mut self) {
        while self.oldest_first.len() > limits::CONTEXTS || self.bytes > limits::CONTEXTS_BYTES {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.oldest_first.pop_front() {
            self.by_place.remove(&place(&oldest));
            self.bytes -= oldest.size();
        }
    }
}

fn place(event: &Arc<Event>) -> usize {
    Arc::as_ptr(event).addr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::event;

    #[test]
    fn one_event_is_converted_once_for_all_its_webhooks() {
        let mut contexts = Contexts::default();
        let event = Arc::new(event("e"));
        assert!(Arc::ptr_eq(&contexts.of(&event), &contexts.of(&event)));
    }

    #[test]
    fn another_copy_of_an_event_is_another_event() {
        let mut contexts = Contexts::default();
        let (one, other) = (Arc::new(event("e")), Arc::new(event("e")));
        assert!(!Arc::ptr_eq(&contexts.of(&one), &contexts.of(&other)));
    }

    #[test]
    fn an_event_that_nobody_holds_any_more_is_forgotten() {
        let mut contexts = Contexts::default();
        let held = Arc::new(event("held"));
        contexts.of(&Arc::new(event("gone")));
        contexts.of(&held);
        contexts.of(&Arc::new(event("next")));
        let kept: Vec<_> = contexts.oldest_first.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(kept, ["held", "next"]);
        assert_eq!(contexts.by_place.len(), 2);
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut contexts = Contexts::default();
        let events: Vec<_> = (0..=limits::CONTEXTS).map(|number| Arc::new(event(&number.to_string()))).collect();
        let first = contexts.of(&events[0]);
        for event in &events {
            contexts.of(event);
        }
        assert_eq!((contexts.by_place.len(), contexts.oldest_first.len()), (limits::CONTEXTS, limits::CONTEXTS));
        assert!(!Arc::ptr_eq(&first, &contexts.of(&events[0])));
    }

    #[test]
    fn the_oldest_go_when_they_take_too_much_memory() {
        let mut contexts = Contexts::default();
        let large = |id: &str| Arc::new(Event { username: "x".repeat(limits::CONTEXTS_BYTES / 3), ..event(id) });
        let events = ["a", "b", "c", "d"].map(large);
        for event in &events {
            contexts.of(event);
        }
        assert_eq!(contexts.oldest_first.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["c", "d"]);
        assert!(contexts.bytes <= limits::CONTEXTS_BYTES);
    }
}
