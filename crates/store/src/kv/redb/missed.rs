//! What a rewrite of the redb file has to write again: what came after it had begun.

use std::sync::Arc;

use super::super::Batch;

/// Bytes of later writes that are kept aside; more mean that the store is too busy, and the
/// pages of what was removed will soon be used again anyway.
const MISSED_BYTES: usize = 64 * 1024 * 1024;

/// Batches that were written after the copy began.
#[derive(Debug, Default)]
pub(super) struct Missed {
    /// Each with the last commit in it.
    batches: Vec<(Arc<Batch>, u64)>,
    bytes: usize,
}

impl Missed {
    /// Keeps a batch that the old file has just taken.
    pub(super) fn add(&mut self, batch: &Arc<Batch>, last: u64) {
        let before = self.batches.last().map_or(0, |(_, before)| *before);
        assert!(before <= last, "commit {last} is kept aside after commit {before}");
        self.bytes += batch.bytes();
        if !self.is_too_much() {
            self.batches.push((Arc::clone(batch), last));
        }
    }

    /// What was kept so far, if it is all. What comes next is kept after it.
    pub(super) fn take(&mut self) -> Option<Vec<(Arc<Batch>, u64)>> {
        (!self.is_too_much()).then(|| std::mem::take(self).batches)
    }

    /// Whether so much was written that the rewrite is given up.
    pub(super) fn is_too_much(&self) -> bool {
        self.bytes > MISSED_BYTES
    }
}
