//! What a rewrite of the redb file has before it is done: its file, and what was written meanwhile.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::{Batch, place};
use crate::error::StoreError;

/// Added to the name of the file that is being written.
const UNFINISHED: &str = "new";
/// Bytes of later writes that are kept aside; more mean that the store is too busy, and the
/// pages of what was removed will soon be used again anyway.
const MISSED_BYTES: usize = 64 * 1024 * 1024;

/// Batches that were written after the copy began.
#[derive(Debug, Default)]
pub(super) struct Missed {
    /// Each with the last commit in it.
    pub(super) batches: Vec<(Arc<Batch>, u64)>,
    bytes: usize,
}

impl Missed {
    /// Keeps a batch that the old file has just taken.
    pub(super) fn add(&mut self, batch: &Arc<Batch>, last: u64) {
        self.bytes += batch.bytes();
        if !self.is_too_much() {
            self.batches.push((Arc::clone(batch), last));
        }
    }

    /// Whether so much was written that the rewrite is given up.
    pub(super) fn is_too_much(&self) -> bool {
        self.bytes > MISSED_BYTES
    }
}

/// Removes what a rewrite left that was cut short.
pub(super) fn forget_unfinished(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(unfinished(path)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(place::failed(error)),
        _ => Ok(()),
    }
}

/// The file that a rewrite of the file at `path` writes.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    path.with_added_extension(UNFINISHED)
}
