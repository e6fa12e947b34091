//! The journal: every change of every delivery in commit order. The writer appends blocks of
//! changes in the commit that makes them; readers take the newest from memory (`tail`), older from disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::{Attempt, DeliveryId, Timestamp, limits};

use super::read;
use super::shared::Shared;
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::kv::{Batch, Kv, Span};
use crate::query::{Change, ChangePage, JournalSpan, Sequence};
use crate::rows;
use crate::rows::Wire;
use crate::rows::journal::{ChangeRow, JournalRow};
use crate::rows::meta::TrimmedRow;
use crate::tail::Recorded;

/// Changes of one block.
const BLOCK_CHANGES: usize = 64;
/// Bytes after which a block is full: a few pages of the engines.
const BLOCK_BYTES: usize = 16 * 1024;
/// Bytes of a change in its block, roughly.
const CHANGE_BYTES: usize = 256;

/// Writes changes as blocks.
pub(crate) fn write(changes: &[Recorded], batch: &mut Batch) {
    let mut rest = changes;
    while let Some(first) = rest.first() {
        let mut block = Wire::new(BLOCK_BYTES.min(rest.len() * CHANGE_BYTES));
        let mut count = 0;
        for Recorded { change, attempted } in rest.iter().take(BLOCK_CHANGES) {
            assert_eq!(
                change.sequence.0,
                first.change.sequence.0 + count as u64,
                "a block is named by its first change, and the others follow without a gap"
            );
            rows::journal::write(&mut block, change, *attempted);
            count += 1;
            if block.len() >= BLOCK_BYTES {
                break;
            }
        }
        assert!(count > 0, "a block without a change of {} that are left would be written for ever", rest.len());
        batch.put(keys::journal::encode(first.change.sequence), block.finish());
        rest = &rest[count..];
    }
}

impl Shared {
    /// Changes after `after` in commit order, at most `limit`.
    pub(crate) fn changes(&self, after: Sequence, limit: usize) -> Result<ChangePage, StoreError> {
        if let Some(page) = self.recent_changes(after, limit) {
            return Ok(page);
        }
        let span = self.tail().span();
        if after < span.before_oldest {
            return Err(StoreError::Expired { oldest: self.oldest_change()? });
        }
        let changes = match self.stored_changes(after, limit.clamp(1, limits::PAGE_MAX), span) {
            // A lane that retention has freed meanwhile is unknown, and so are the changes that name it.
            Err(StoreError::Damaged(_)) if after < self.tail().span().before_oldest => {
                return Err(StoreError::Expired { oldest: self.oldest_change()? });
            }
            changes => changes?,
        };
        let (changes, limit): (Arc<[_]>, _) = (changes.into(), limit.clamp(1, limits::PAGE_MAX));
        self.tail().share_page(after, limit, &changes);
        let next = changes.last().map_or(after, |change| change.sequence);
        Ok(ChangePage { changes, next })
    }

    /// Changes after `after`, when memory has them all or there are none: what those who watch
    /// the end of the journal ask for, without a thread for reads.
    pub(crate) fn recent_changes(&self, after: Sequence, limit: usize) -> Option<ChangePage> {
        self.tail().page(after, limit.clamp(1, limits::PAGE_MAX))
    }

    fn stored_changes(&self, after: Sequence, limit: usize, span: JournalSpan) -> Result<Vec<Arc<Change>>, StoreError> {
        let mut changes = Vec::with_capacity(limit);
        let mut block = self.block_of(Sequence(after.0 + 1))?;
        while let Some((first, row)) = block {
            let mut sequence = first;
            for row in row.changes {
                if sequence > after && changes.len() < limit {
                    changes.push(row.into_change(sequence, |lane| self.lane(lane))?);
                }
                sequence.0 += 1;
            }
            let end = changes.len() >= limit || sequence > span.last;
            block = if end { None } else { self.block_of(sequence)? };
        }
        if changes.is_empty() {
            // Retention took the changes between the look at the span and the read.
            return Err(StoreError::Expired { oldest: self.oldest_change()? });
        }
        let ids: Vec<_> = changes
            .iter()
            .filter(|change| change.delivery.last_attempt.is_some())
            .map(|change| change.delivery.id)
            .collect();
        // An engine that is far away is asked once for the attempts that are still the last of their deliveries.
        let last = if self.kv.is_remote() { self.find_deliveries(&ids)? } else { Vec::new() };
        let last = last.into_iter().flatten().filter_map(|delivery| Some((delivery.id, delivery.last_attempt?)));
        let last: HashMap<_, _> = last.collect();
        changes.into_iter().map(|change| Ok(Arc::new(self.with_exchange(change, &last)?))).collect()
    }

    /// The change with request and answer of its attempt, which the journal leaves out; `last` has some that are known.
    fn with_exchange(
        &self,
        mut change: Change,
        last: &HashMap<DeliveryId, Arc<Attempt>>,
    ) -> Result<Change, StoreError> {
        let id = change.delivery.id;
        if let (Some(attempt), Some(known)) = (&mut change.delivery.last_attempt, last.get(&id))
            && known.number == attempt.number
        {
            *attempt = Arc::clone(known);
        } else if let Some(attempt) = &mut change.delivery.last_attempt
            && let Some(stored) = read::attempt(self, id, attempt.number)?
        {
            *attempt = Arc::new(stored);
        }
        Ok(change)
    }

    /// The block that holds a change.
    fn block_of(&self, sequence: Sequence) -> Result<Option<(Sequence, JournalRow)>, StoreError> {
        let (from, _) = Family::Journal.range();
        let to = keys::after(&keys::journal::encode(sequence));
        let found = self.kv.range(Span::new(&from, &to, 1).reversed())?;
        let Some((key, row)) = found.into_iter().next() else { return Ok(None) };
        Ok(Some((keys::journal::decode(&key)?, rows::decode(&row, "a block of the journal")?)))
    }

    /// When the oldest change that is kept happened; right after the last one that retention
    /// removed when none is left. `None` if there never was one.
    fn oldest_change(&self) -> Result<Option<Timestamp>, StoreError> {
        let (from, to) = Family::Journal.range();
        let Some((_, row)) = self.kv.range(Span::new(&from, &to, 1))?.into_iter().next() else {
            let last = trimmed(&self.kv)?.and_then(|row| row.time);
            return Ok(last.map(|last| last.get().after(Duration::from_nanos(1))));
        };
        let row: JournalRow = rows::decode(&row, "a block of the journal")?;
        Ok(row.changes.first().map(ChangeRow::time))
    }

    /// The last sequence before the first change at or after `time`.
    pub(crate) fn sequence_at(&self, time: Timestamp) -> Result<Sequence, StoreError> {
        let span = self.tail().span();
        let oldest = self.oldest_change()?;
        if span.before_oldest.0 > 0 && oldest.is_some_and(|oldest| time < oldest) {
            return Err(StoreError::Expired { oldest });
        }
        // All changes up to `low` are from before `time`, all after `high` are not.
        let (mut low, mut high) = (span.before_oldest, span.last);
        while low < high {
            let middle = Sequence(low.0 + (high.0 - low.0).div_ceil(2));
            let Some((first, row)) = self.block_of(middle)? else { return Err(StoreError::Expired { oldest }) };
            let before = row.changes.iter().take_while(|change| change.time() < time).count() as u64;
            let last = first.0 + row.changes.len() as u64 - 1;
            if before == 0 {
                high = Sequence(first.0 - 1);
            } else {
                low = low.max(Sequence(first.0 + before - 1));
                if first.0 + before <= last {
                    high = low;
                }
            }
        }
        Ok(low)
    }
}

/// What a journal on disk holds, and when its last change happened.
pub(crate) fn find_span(kv: &dyn Kv, epoch: u64) -> Result<(JournalSpan, Timestamp), StoreError> {
    let (from, to) = Family::Journal.range();
    let first = kv.range(Span::new(&from, &to, 1))?;
    let last = kv.range(Span::new(&from, &to, 1).reversed())?;
    let (Some((first, _)), Some((last, row))) = (first.first(), last.first()) else {
        let Some(trimmed) = trimmed(kv)? else {
            return Ok((JournalSpan { epoch, ..Default::default() }, Timestamp::MIN));
        };
        // Retention has emptied it: sequences continue after what was removed.
        let end = Sequence(trimmed.sequence);
        let time = trimmed.time.map_or(Timestamp::MIN, rows::Time::get);
        return Ok((JournalSpan { before_oldest: end, last: end, epoch }, time));
    };
    let row: JournalRow = rows::decode(row, "a block of the journal")?;
    let empty = || StoreError::Damaged("a block of the journal".into());
    let last = (keys::journal::decode(last)?.0 + row.changes.len() as u64).checked_sub(1).ok_or_else(empty)?;
    let before_oldest = Sequence(keys::journal::decode(first)?.0.checked_sub(1).ok_or_else(empty)?);
    let time = row.changes.last().map_or(Timestamp::MIN, ChangeRow::time);
    Ok((JournalSpan { before_oldest, last: Sequence(last), epoch }, time))
}

/// What retention removed last from the front of the journal, if it removed anything yet.
fn trimmed(kv: &dyn Kv) -> Result<Option<TrimmedRow>, StoreError> {
    let row = kv.get(&keys::meta::trimmed())?;
    row.map(|row| rows::decode(&row, "the beginning of the journal")).transpose()
}
