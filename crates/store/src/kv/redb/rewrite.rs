//! Rewrites the redb file while it is in use: what is kept goes into a new file, which then
//! takes the place of the old one. So nothing that was removed is left on any page, and the
//! room that it took goes back to the file system.
//!
//! Reads and writes go on meanwhile. What is written after the copy began is kept aside and
//! written to the new file too, before the two are swapped.

use std::path::Path;

use redb::{Database, ReadableTable};

use super::super::place::{self, REDB_FILE};
use super::super::{Batch, caught};
use super::file::{self, NEW_NAME, RedbFile};
use super::missed::Missed;
use crate::error::StoreError;

/// Bytes that one transaction of the copy writes.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// How often what was written meanwhile is written to the new file before the two are swapped, at most:
/// each time less has gathered, so that writes wait shortly for the rest.
const ROUNDS: usize = 4;

impl RedbFile {
    /// Rewrites the file. Returns `false`, with the old file in place, when there is no room
    /// for a second one, too much is written meanwhile, somebody views it, or `is_wanted` has become false.
    pub(super) fn rewrite(&self, is_wanted: &dyn Fn() -> bool) -> Result<bool, StoreError> {
        let directory = self.path().parent().unwrap_or(Path::new("."));
        let needed = self.size()? - self.free_bytes();
        // A backup reads the file that it began with.
        if self.is_viewed() {
            return Ok(false);
        }
        if place::room(directory).is_some_and(|room| needed > room.free / 2) {
            return Ok(false);
        }
        let rewritten = caught::call(self.path(), || self.copy_and_swap(is_wanted));
        *self.missed() = None;
        if !matches!(rewritten, Ok(true)) {
            self.disk().remove(NEW_NAME).map_err(place::failed)?;
        }
        rewritten
    }

    fn copy_and_swap(&self, is_wanted: &dyn Fn() -> bool) -> Result<bool, StoreError> {
        // What is written from here on is either in the snapshot or kept aside.
        let (snapshot, last) = {
            let snapshot = self.snapshot()?;
            let opened = self.opened();
            *self.missed() = Some(Missed::default());
            let shown = self.shown().unwrap_or(snapshot);
            (shown, file::last_commit(opened.database.as_ref().ok_or(StoreError::Closed)?)?)
        };
        let new = file::open_file(self.path(), self.disk(), NEW_NAME).map_err(file::of_open)?;
        let mut live = Some(0);
        let mut chunk = Batch::default();
        for pair in snapshot.iter()? {
            let (key, value) = pair?;
            chunk.put(key.value(), value.value().to_vec());
            if chunk.bytes() >= CHUNK_BYTES {
                if !is_wanted() || self.missed().as_ref().is_none_or(Missed::is_too_much) {
                    return Ok(false);
                }
                live = file::write(&new, &std::mem::take(&mut chunk), last, live)?;
            }
        }
        live = file::write(&new, &chunk, last, live)?;
        drop(snapshot);
        for _ in 0..ROUNDS {
            match self.catch_up(&new, &mut live)? {
                None => return Ok(false),
                Some(_) if !is_wanted() => return Ok(false),
                Some(0 | 1) => break,
                Some(_) => {}
            }
        }
        self.swap(new, live)
    }

    /// Writes to the new file what was kept aside for it. Returns how many batches that was; `None` when it
    /// was too much.
    fn catch_up(&self, new: &Database, live: &mut Option<u64>) -> Result<Option<usize>, StoreError> {
        let Some(batches) = self.missed().as_mut().and_then(Missed::take) else { return Ok(None) };
        for (batch, last) in &batches {
            *live = file::write(new, batch, *last, *live)?;
        }
        Ok(Some(batches.len()))
    }

    /// Writes the rest of what was kept aside and puts the new file in place of the old one. Writes wait.
    fn swap(&self, new: Database, mut live: Option<u64>) -> Result<bool, StoreError> {
        let mut opened = self.opened();
        if self.catch_up(&new, &mut live)?.is_none() {
            return Ok(false);
        }
        let old = opened.database.as_ref().ok_or(StoreError::Closed)?;
        let (in_old, in_new) = (file::last_commit(old)?, file::last_commit(&new)?);
        assert_eq!(in_old, in_new, "a file takes the place of another that holds the same commits");
        // The log goes on after the new file as it did after the old one.
        file::need_log(&new, true)?;
        let rename = || self.disk().rename(NEW_NAME, REDB_FILE).map_err(place::failed);
        let replaced = self.replace(&mut opened, new, rename)?;
        if replaced {
            *self.live() = live;
        }
        Ok(replaced)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Kv, Pair, Span};
    use super::super::RedbKv;
    use super::*;

    /// All pairs of an engine.
    fn pairs(kv: &RedbKv) -> Vec<Pair> {
        kv.range(Span::new(&[], &[u8::MAX], usize::MAX)).unwrap()
    }

    fn fill(kv: &RedbKv, range: std::ops::Range<u32>, value: &[u8]) {
        for number in range {
            let mut batch = Batch::default();
            batch.put(number.to_be_bytes(), value.to_vec());
            kv.commit(batch).unwrap();
        }
    }

    #[test]
    fn what_is_written_during_a_rewrite_is_in_the_new_file() {
        let directory = tempfile::tempdir().unwrap();
        let kv = RedbKv::open(directory.path()).unwrap();
        fill(&kv, 0..30, &[1; 500_000]);
        let written = std::cell::Cell::new(false);
        let erased = kv.erase(&|| {
            // Called between two parts of the copy: over what was copied, and what was not.
            if !written.replace(true) {
                fill(&kv, 0..2, b"later");
                fill(&kv, 28..40, &[2; 500_000]);
                let mut batch = Batch::default();
                batch.delete(5u32.to_be_bytes());
                kv.commit(batch).unwrap();
                kv.move_all().unwrap();
            }
            true
        });
        assert!(erased.unwrap() && written.get());
        let expected = pairs(&kv);
        assert_eq!(expected.len(), 39);
        assert_eq!(kv.get(&1u32.to_be_bytes()).unwrap().unwrap(), "later");
        drop(kv);
        assert_eq!(pairs(&RedbKv::open(directory.path()).unwrap()), expected);
    }

    #[test]
    fn what_was_written_meanwhile_is_in_the_new_file_before_writes_wait() {
        let directory = tempfile::tempdir().unwrap();
        let kv = RedbKv::open(directory.path()).unwrap();
        let (file, mut live) = (&kv.shared.file, Some(0));
        let new = file::open_file(file.path(), file.disk(), NEW_NAME).unwrap();
        *file.missed() = Some(Missed::default());
        for number in 0..3 {
            fill(&kv, number..number + 1, b"later");
            kv.move_all().unwrap();
        }
        assert_eq!(file.catch_up(&new, &mut live).unwrap(), Some(3));
        assert_eq!(file::last_commit(&new).unwrap(), 3);
        assert_eq!(file.catch_up(&new, &mut live).unwrap(), Some(0), "nothing is left for the swap");
        fill(&kv, 3..4, b"last");
        kv.move_all().unwrap();
        assert!(file.swap(new, live).unwrap());
        assert_eq!(pairs(&kv).len(), 4);
    }

    #[test]
    fn a_rewrite_that_was_cut_short_is_forgotten_at_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let kv = RedbKv::open(directory.path()).unwrap();
        fill(&kv, 0..30, &[1; 500_000]);
        let expected = pairs(&kv);
        assert!(!kv.erase(&|| false).unwrap());
        drop(kv);
        let unfinished = directory.path().join("tenterhook.redb.new");
        assert!(!unfinished.exists());
        std::fs::write(&unfinished, b"half a file").unwrap();
        let kv = RedbKv::open(directory.path()).unwrap();
        assert!(!unfinished.exists());
        assert_eq!(pairs(&kv), expected);
    }

    #[test]
    fn pages_of_what_was_removed_count_as_free_and_a_rewrite_gives_them_back() {
        let directory = tempfile::tempdir().unwrap();
        let kv = RedbKv::open(directory.path()).unwrap();
        fill(&kv, 0..60, &[1; 500_000]);
        kv.move_all().unwrap();
        let size = kv.shared.file.size().unwrap();
        assert!(size >= 30_000_000, "{size}");
        for number in 0..60u32 {
            let mut batch = Batch::default();
            batch.delete(number.to_be_bytes());
            kv.commit(batch).unwrap();
        }
        kv.move_all().unwrap();
        assert_eq!(kv.shared.file.free_bytes(), kv.shared.file.size().unwrap(), "all of the file is free");
        drop(kv);
        let kv = RedbKv::open(directory.path()).unwrap();
        assert_eq!(kv.shared.file.free_bytes(), kv.shared.file.size().unwrap(), "a restart does not forget it");
        assert!(!kv.place.is_nearly_full(u64::MAX), "and the store takes events again");
        assert!(kv.erase(&|| true).unwrap());
        assert!(kv.shared.file.size().unwrap() < 3_000_000);
    }
}
