//! Removes blocks of changes from the front of the journal.

use bytes::Bytes;
use tenterhook_model::Timestamp;

use super::super::group::Group;
use super::Step;
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::kv::{Kv, Span};
use crate::query::Sequence;
use crate::rows;
use crate::rows::journal::JournalHead;
use crate::rows::meta::TrimmedRow;

/// Blocks that are read at a time, at most: the first read is of one, each next of twice as many.
const CHUNK: usize = 16;

impl Group<'_> {
    /// Removes whole blocks whose last change is old. Returns whether none is left that may go.
    ///
    /// Changes that the counts on disk do not include yet stay: the counts are made from them
    /// after a crash. The step then writes the counts, so that the next one can continue.
    pub(super) fn expire_journal(&mut self, step: &mut Step) -> Result<bool, StoreError> {
        let mut removed: Option<(Sequence, Timestamp)> = None;
        let is_clear = self.remove_blocks(step, &mut removed)?;
        if let Some((last, time)) = removed {
            let counted = self.shared.counts().written();
            assert!(last <= counted, "{last:?} goes, and only {counted:?} is in the counts on disk");
            let row = TrimmedRow { sequence: last.0, time: Some(time.into()) };
            self.batch.put(keys::meta::trimmed(), rows::encode(&row));
            self.trimmed = Some(last);
        }
        Ok(is_clear)
    }

    fn remove_blocks(
        &mut self,
        step: &mut Step,
        removed: &mut Option<(Sequence, Timestamp)>,
    ) -> Result<bool, StoreError> {
        let counted = self.shared.counts().written();
        let (mut from, to) = Family::Journal.range();
        let (mut chunk, mut goes_before) = (1, Sequence(0));
        loop {
            let blocks = self.shared.kv.range(Span::new(&from, &to, chunk))?;
            for (key, row) in &blocks {
                let first = keys::journal::decode(key)?;
                let (count, time) = last_of(first, row)?;
                if time >= step.before && first >= goes_before {
                    let old = if time > self.now { self.old_block(step, first)? } else { None };
                    let Some(old) = old else { return Ok(true) };
                    goes_before = old;
                }
                let last = Sequence(first.0 + count - 1);
                if last > counted {
                    self.flush_counts = true;
                    return Ok(false);
                }
                debug_assert!(
                    removed.is_none_or(|(before, _)| before.0 + 1 == first.0),
                    "blocks follow each other without a gap: {first:?} after {removed:?}"
                );
                self.batch.delete(key.to_vec());
                *removed = Some((last, time.min(step.before)));
                step.removed += count as usize;
                if step.is_over() {
                    return Ok(false);
                }
            }
            match blocks.last() {
                Some((last, _)) if blocks.len() == chunk => from = keys::after(last),
                _ => return Ok(true),
            }
            chunk = (chunk * 2).min(CHUNK);
        }
    }

    /// An old block behind the one that begins with `first` and was made while the clock was ahead:
    /// what is before it is older still, whatever its time. It is found by halves, for times rise but
    /// where the clock went back.
    fn old_block(&self, step: &Step, first: Sequence) -> Result<Option<Sequence>, StoreError> {
        let (_, to) = Family::Journal.range();
        let (mut ahead, mut young) = (first.0, self.state.next_sequence);
        while ahead + 1 < young {
            let middle = ahead + (young - ahead) / 2;
            let from = keys::journal::encode(Sequence(middle));
            let found = self.shared.kv.range(Span::new(&from, &to, 1))?.into_iter().next();
            let Some((key, row)) = found else {
                young = middle;
                continue;
            };
            let block = keys::journal::decode(&key)?;
            let (_, time) = last_of(block, &row)?;
            assert!(block.0 > ahead, "a search that does not get past {ahead} never ends");
            match block.0 < young {
                true if time < step.before => return Ok(Some(block)),
                true if time > self.now => ahead = block.0,
                _ => young = middle,
            }
        }
        Ok(None)
    }
}

/// How many changes a block has that begins with `first`, and when the last of them happened.
fn last_of(first: Sequence, row: &Bytes) -> Result<(u64, Timestamp), StoreError> {
    let head: JournalHead = rows::decode(row, "a block of the journal")?;
    head.last().ok_or_else(|| StoreError::Damaged(format!("the block {} of the journal is empty", first.0)))
}
