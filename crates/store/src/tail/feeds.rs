//! Who watches what: each topic has its own bell and remembers its last change, so that a
//! commit wakes only the watchers of the namespaces and webhooks that it changed, and the others
//! need not read what it changed elsewhere.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use tenterhook_model::{Namespace, WebhookId};
use tokio::sync::Notify;

use crate::query::{Change, Sequence, Topic};

/// Topics of a kind beyond which those that nobody watches any more are looked for.
const SWEEP_FROM: usize = 16;

/// The topics that are watched.
#[derive(Debug, Default)]
pub(crate) struct Feeds {
    namespaces: Watched<Namespace>,
    webhooks: Watched<WebhookId>,
}

/// The topics of a kind that are watched.
#[derive(Debug)]
struct Watched<K> {
    feeds: HashMap<K, Feed>,
    /// How many there may be before the next sweep.
    sweep_at: usize,
}

#[derive(Debug)]
struct Feed {
    /// Its last change, or a later one of another topic.
    last: Sequence,
    /// Held by each watcher too.
    bell: Arc<Notify>,
}

impl Feeds {
    /// The bell of a topic, on which nothing happens after `end` unless it rings.
    pub(crate) fn bell_of(&mut self, topic: &Topic, end: Sequence) -> Arc<Notify> {
        match topic {
            Topic::Namespace(namespace) => self.namespaces.bell_of(namespace, end),
            Topic::Webhook(id) => self.webhooks.bell_of(id, end),
        }
    }

    /// The last change on a topic that is watched; none happened on it after that.
    pub(crate) fn last_of(&self, topic: &Topic) -> Option<Sequence> {
        match topic {
            Topic::Namespace(namespace) => self.namespaces.last_of(namespace),
            Topic::Webhook(id) => self.webhooks.last_of(id),
        }
    }

    /// Takes note of the changes of a commit. Returns the bells to ring.
    pub(crate) fn append<'a>(&mut self, changes: impl Iterator<Item = &'a Change> + Clone) -> Vec<Arc<Notify>> {
        let mut bells = Vec::new();
        self.namespaces.append(changes.clone().map(|change| (&change.delivery.namespace, change.sequence)), &mut bells);
        self.webhooks.append(changes.map(|change| (&change.delivery.webhook_id, change.sequence)), &mut bells);
        bells
    }
}

impl<K> Default for Watched<K> {
    fn default() -> Self {
        Self { feeds: HashMap::new(), sweep_at: 0 }
    }
}

impl<K: Hash + Eq + Clone> Watched<K> {
    fn bell_of(&mut self, key: &K, end: Sequence) -> Arc<Notify> {
        if let Some(feed) = self.feeds.get(key) {
            assert!(feed.last <= end, "a topic changed last at {:?}, and the journal ends at {end:?}", feed.last);
            return feed.bell.clone();
        }
        if self.feeds.len() >= self.sweep_at.max(SWEEP_FROM) {
            self.feeds.retain(|_, feed| Arc::strong_count(&feed.bell) > 1);
            self.sweep_at = 2 * self.feeds.len();
        }
        let bell = Arc::new(Notify::new());
        self.feeds.insert(key.clone(), Feed { last: end, bell: bell.clone() });
        bell
    }

    fn last_of(&self, key: &K) -> Option<Sequence> {
        self.feeds.get(key).map(|feed| feed.last)
    }

    /// Takes note of changes in their order, and adds the bells to ring.
    fn append<'a>(&mut self, changes: impl Iterator<Item = (&'a K, Sequence)>, bells: &mut Vec<Arc<Notify>>)
    where
        K: 'a,
    {
        if self.feeds.is_empty() {
            return;
        }
        let (mut changes, before) = (changes.peekable(), bells.len());
        while let Some((key, sequence)) = changes.next() {
            // Of those that follow each other on one topic, the last counts.
            if changes.peek().is_some_and(|(next, _)| *next == key) {
                continue;
            }
            let Some(feed) = self.feeds.get_mut(key) else { continue };
            assert!(feed.last < sequence, "changes come in order: {sequence:?} after {:?}", feed.last);
            feed.last = sequence;
            if !bells[before..].iter().any(|bell| Arc::ptr_eq(bell, &feed.bell)) {
                bells.push(feed.bell.clone());
            }
        }
        debug_assert!(bells.len() - before <= self.feeds.len(), "each topic that is watched rings once");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_that_nobody_watches_any_more_are_forgotten() {
        let mut feeds = Feeds::default();
        let topic = |name: &str| Topic::Namespace(name.parse().unwrap());
        let held = feeds.bell_of(&topic("held"), Sequence(1));
        for number in 0..10_000 {
            drop(feeds.bell_of(&topic(&format!("n{number}")), Sequence(1)));
        }
        assert!(feeds.namespaces.feeds.len() <= SWEEP_FROM + 1, "{}", feeds.namespaces.feeds.len());
        assert!(Arc::ptr_eq(&held, &feeds.bell_of(&topic("held"), Sequence(9))));
        assert_eq!(feeds.last_of(&topic("held")), Some(Sequence(1)));
    }
}
