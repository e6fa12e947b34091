//! [`Recorder`]: the changes that a group of writes appends to the journal.

use std::sync::Arc;

use tenterhook_model::Timestamp;

use crate::ledger::Entry;
use crate::query::{Change, Sequence};

/// The changes of a group of writes.
#[derive(Debug)]
pub(crate) struct Recorder {
    next: u64,
    time: Timestamp,
    changes: Vec<Recorded>,
}

/// One change that a group makes.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// The change.
    pub(crate) change: Arc<Change>,
    /// Whether an attempt ended with it.
    pub(crate) attempted: bool,
}

impl Recorder {
    /// No changes; the first one will be the `next` of the journal.
    pub(crate) fn new(next: u64, time: Timestamp) -> Self {
        Self { next, time, changes: Vec::new() }
    }

    /// Appends a change.
    pub(crate) fn record(&mut self, entry: Entry) -> Arc<Change> {
        let Entry { stored, previous, attempted } = entry;
        let delivery = stored.delivery;
        debug_assert!(
            self.changes.last().is_none_or(|last| last.change.sequence.0 + 1 == self.next),
            "change {} of {} leaves a gap in the journal",
            self.next,
            delivery.id
        );
        assert!(
            !attempted || delivery.last_attempt.is_some(),
            "an attempt of {} ended, and the journal would not have it",
            delivery.id
        );
        let change = Arc::new(Change { sequence: Sequence(self.next), time: self.time, previous, delivery });
        self.next += 1;
        self.changes.push(Recorded { change: change.clone(), attempted });
        change
    }

    /// The sequence of the change after these.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The changes.
    pub(crate) fn changes(&self) -> &[Recorded] {
        &self.changes
    }

    /// The changes, for the tail.
    pub(crate) fn into_changes(self) -> Vec<Recorded> {
        self.changes
    }
}
