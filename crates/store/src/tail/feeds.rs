//! Who watches which namespace: each has a bell of its own and remembers its last change, so
//! that a commit wakes only the watchers of the namespaces that it changed, and the others
//! need not read what it changed elsewhere.

use std::collections::HashMap;
use std::sync::Arc;

use tenterhook_model::Namespace;
use tokio::sync::Notify;

use crate::query::{Change, Sequence};

/// Namespaces beyond which those that nobody watches any more are looked for.
const SWEEP_FROM: usize = 16;

/// The namespaces that are watched.
#[derive(Debug, Default)]
pub(crate) struct Feeds {
    by_namespace: HashMap<Namespace, Feed>,
    /// How many there may be before the next sweep.
    sweep_at: usize,
}

#[derive(Debug)]
struct Feed {
    /// Its last change, or a later one of another namespace.
    last: Sequence,
    /// Held by each watcher too.
    bell: Arc<Notify>,
}

impl Feeds {
    /// The bell of a namespace, in which nothing happens after `end` unless it rings.
    pub(crate) fn bell_of(&mut self, namespace: &Namespace, end: Sequence) -> Arc<Notify> {
        if let Some(feed) = self.by_namespace.get(namespace) {
            assert!(feed.last <= end, "{namespace} changed last at {:?}, and the journal ends at {end:?}", feed.last);
            return feed.bell.clone();
        }
        if self.by_namespace.len() >= self.sweep_at.max(SWEEP_FROM) {
            self.by_namespace.retain(|_, feed| Arc::strong_count(&feed.bell) > 1);
            self.sweep_at = 2 * self.by_namespace.len();
        }
        let bell = Arc::new(Notify::new());
        self.by_namespace.insert(namespace.clone(), Feed { last: end, bell: bell.clone() });
        bell
    }

    /// The last change of a namespace that is watched; none happened in it after that.
    pub(crate) fn last_of(&self, namespace: &Namespace) -> Option<Sequence> {
        self.by_namespace.get(namespace).map(|feed| feed.last)
    }

    /// Takes note of the changes of a commit. Returns the bells to ring.
    pub(crate) fn append<'a>(&mut self, changes: impl Iterator<Item = &'a Change>) -> Vec<Arc<Notify>> {
        let mut bells: Vec<Arc<Notify>> = Vec::new();
        if self.by_namespace.is_empty() {
            return bells;
        }
        let mut changes = changes.peekable();
        while let Some(change) = changes.next() {
            let namespace = &change.delivery.namespace;
            // Of those that follow each other in one namespace, the last counts.
            if changes.peek().is_some_and(|next| next.delivery.namespace == *namespace) {
                continue;
            }
            let Some(feed) = self.by_namespace.get_mut(namespace) else { continue };
            assert!(feed.last < change.sequence, "changes come in order: {:?} after {:?}", change.sequence, feed.last);
            feed.last = change.sequence;
            if !bells.iter().any(|bell| Arc::ptr_eq(bell, &feed.bell)) {
                bells.push(feed.bell.clone());
            }
        }
        bells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_that_nobody_watches_any_more_are_forgotten() {
        let mut feeds = Feeds::default();
        let held = feeds.bell_of(&"held".parse().unwrap(), Sequence(1));
        for number in 0..10_000 {
            drop(feeds.bell_of(&format!("n{number}").parse().unwrap(), Sequence(1)));
        }
        assert!(feeds.by_namespace.len() <= SWEEP_FROM + 1, "{}", feeds.by_namespace.len());
        assert!(Arc::ptr_eq(&held, &feeds.bell_of(&"held".parse().unwrap(), Sequence(9))));
        assert_eq!(feeds.last_of(&"held".parse().unwrap()), Some(Sequence(1)));
    }
}
