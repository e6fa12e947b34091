//! The contexts of the events in memory: what one step has parsed, the next finds.
//!
//! The intake keeps the context that it matched with, the dispatcher takes it up when the
//! event's deliveries are claimed, and each later webhook shares it. Between the two the store
//! holds nothing but the [`Event`], so an event is known by its address: an entry keeps the
//! event alive, hence no other event can take its place. Parsed JSON is several times as large
//! as its text, so the contexts are bounded; a context that was dropped is made again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tenterhook_model::{Event, limits};

use crate::event_context::EventContext;

/// References to an event that an entry holds itself: one in its context, one in the queue.
const OWN_REFERENCES: usize = 2;

/// The newest contexts, at most [`limits::CONTEXTS`] of [`limits::CONTEXTS_BYTES`] together.
#[derive(Debug, Default)]
pub struct Contexts {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_address: HashMap<usize, Arc<EventContext>>,
    oldest_first: VecDeque<Arc<Event>>,
    bytes: usize,
}

/// Contexts that were taken out, to be dropped when nothing is locked any more.
type Dropped = Vec<Arc<EventContext>>;

impl Contexts {
    /// An empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The context of the event: the one that is kept, else a new one, which is kept from now on.
    pub fn of(&self, event: &Arc<Event>) -> Arc<EventContext> {
        let mut kept = self.lock();
        if let Some(context) = kept.by_address.get(&address(event)) {
            return Arc::clone(context);
        }
        let context = Arc::new(EventContext::new(Arc::clone(event)));
        let dropped = kept.insert(&context);
        drop(kept);
        drop(dropped);
        context
    }

    /// Keeps a context for those who ask for its event next.
    pub fn keep(&self, context: &Arc<EventContext>) {
        let mut kept = self.lock();
        if kept.by_address.contains_key(&address(context.event())) {
            return;
        }
        let dropped = kept.insert(context);
        drop(kept);
        drop(dropped);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn insert(&mut self, context: &Arc<EventContext>) -> Dropped {
        let mut dropped = Vec::new();
        self.drop_unused(&mut dropped);
        let event = context.event();
        let before = self.by_address.insert(address(event), Arc::clone(context));
        assert!(before.is_none(), "the event {} has one context", event.id);
        self.oldest_first.push_back(Arc::clone(event));
        self.bytes += event.size();
        while self.oldest_first.len() > limits::CONTEXTS || self.bytes > limits::CONTEXTS_BYTES {
            self.drop_oldest(&mut dropped);
        }
        assert_eq!(self.by_address.len(), self.oldest_first.len(), "each context has its place in the queue");
        dropped
    }

    /// Drops the oldest while nobody else holds their events: they have been delivered.
    /// Memory that is freed soon is still in the processor's cache.
    fn drop_unused(&mut self, dropped: &mut Dropped) {
        while self.oldest_first.front().is_some_and(|oldest| Arc::strong_count(oldest) <= OWN_REFERENCES) {
            self.drop_oldest(dropped);
        }
    }

    fn drop_oldest(&mut self, dropped: &mut Dropped) {
        if let Some(oldest) = self.oldest_first.pop_front() {
            let context = self.by_address.remove(&address(&oldest));
            assert!(context.is_some(), "the event {} is in the queue, and its context would never go", oldest.id);
            dropped.extend(context);
            assert!(oldest.size() <= self.bytes, "{} bytes go of {} that are counted", oldest.size(), self.bytes);
            self.bytes -= oldest.size();
        }
    }
}

fn address(event: &Arc<Event>) -> usize {
    Arc::as_ptr(event).addr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests as testing;

    fn event(id: &str) -> Event {
        Event { id: id.parse().unwrap(), ..testing::event() }
    }

    fn ids(contexts: &Contexts) -> Vec<String> {
        contexts.lock().oldest_first.iter().map(|event| event.id.to_string()).collect()
    }

    #[test]
    fn one_event_has_one_context_for_all_its_webhooks() {
        let contexts = Contexts::new();
        let event = Arc::new(event("e"));
        assert!(Arc::ptr_eq(&contexts.of(&event), &contexts.of(&event)));
    }

    #[test]
    fn a_context_that_was_kept_is_found_by_its_event() {
        let contexts = Contexts::new();
        let made = Arc::new(EventContext::new(Arc::new(event("e"))));
        contexts.keep(&made);
        contexts.keep(&made);
        assert!(Arc::ptr_eq(&made, &contexts.of(made.event())));
        assert_eq!(ids(&contexts), ["e"]);
    }

    #[test]
    fn another_copy_of_an_event_is_another_event() {
        let contexts = Contexts::new();
        let (one, other) = (Arc::new(event("e")), Arc::new(event("e")));
        assert!(!Arc::ptr_eq(&contexts.of(&one), &contexts.of(&other)));
    }

    #[test]
    fn an_event_that_nobody_holds_is_dropped() {
        let contexts = Contexts::new();
        let held = Arc::new(event("held"));
        contexts.of(&Arc::new(event("gone")));
        contexts.of(&held);
        contexts.of(&Arc::new(event("next")));
        assert_eq!(ids(&contexts), ["held", "next"]);
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let contexts = Contexts::new();
        let events: Vec<_> = (0..=limits::CONTEXTS).map(|number| Arc::new(event(&number.to_string()))).collect();
        let first = contexts.of(&events[0]);
        for event in &events {
            contexts.of(event);
        }
        assert_eq!(ids(&contexts).len(), limits::CONTEXTS);
        assert!(!Arc::ptr_eq(&first, &contexts.of(&events[0])));
    }

    #[test]
    fn the_oldest_go_when_they_take_too_much_memory() {
        let contexts = Contexts::new();
        let large = |id: &str| Arc::new(Event { username: "x".repeat(limits::CONTEXTS_BYTES / 3), ..event(id) });
        let events = ["a", "b", "c", "d"].map(large);
        for event in &events {
            contexts.of(event);
        }
        assert_eq!(ids(&contexts), ["c", "d"]);
        assert!(contexts.lock().bytes <= limits::CONTEXTS_BYTES);
    }
}
