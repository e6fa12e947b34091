//! The journal: every change of every delivery in commit order. The writer appends blocks of
//! changes in the commit that makes them; readers take the newest from memory, older from disk.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::{Attempt, Namespace, Timestamp, limits};
use tokio::sync::Notify;

use super::feeds::Feeds;
use super::read;
use super::shared::Shared;
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::kv::{Batch, Kv, Span};
use crate::ledger::Entry;
use crate::query::{Change, ChangePage, JournalSpan, Sequence};
use crate::rows;
use crate::rows::Wire;
use crate::rows::journal::{ChangeRow, JournalRow};
use crate::rows::meta::TrimmedRow;

/// Changes of one block.
const BLOCK_CHANGES: usize = 64;
/// Bytes after which a block is full: a few pages of the engines.
const BLOCK_BYTES: usize = 16 * 1024;
/// Bytes of a change in its block, roughly.
const CHANGE_BYTES: usize = 256;
/// Changes that are kept in memory for those who watch.
const TAIL_CHANGES: usize = 4_096;
/// Bytes of the bodies and texts of these changes, roughly.
const TAIL_BYTES: usize = 4 * 1024 * 1024;
/// Pages that are kept for readers at the same place.
const PAGES: usize = 8;
/// Bytes of such a page, at most.
const PAGE_BYTES: usize = 1024 * 1024;

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

    /// Writes the changes as blocks.
    pub(crate) fn write(&self, batch: &mut Batch) {
        let mut rest = self.changes.as_slice();
        while let Some(first) = rest.first() {
            let mut block = Wire::new(BLOCK_BYTES.min(rest.len() * CHANGE_BYTES));
            let mut count = 0;
            for Recorded { change, attempted } in rest.iter().take(BLOCK_CHANGES) {
                debug_assert_eq!(
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
            batch.put(keys::journal::encode(first.change.sequence), block.finish());
            rest = &rest[count..];
        }
    }
}

/// The end of the journal, in memory.
#[derive(Debug)]
pub(crate) struct Tail {
    span: JournalSpan,
    changes: VecDeque<Arc<Change>>,
    bytes: usize,
    feeds: Feeds,
    /// Pages that were read last, newest first, for others at the same place.
    pages: VecDeque<SharedPage>,
}

/// A page of changes as one reader got it.
#[derive(Debug)]
struct SharedPage {
    after: Sequence,
    limit: usize,
    changes: Arc<[Arc<Change>]>,
}

impl Tail {
    /// The end of a journal that is on disk.
    pub(crate) fn new(span: JournalSpan) -> Self {
        Self { span, changes: VecDeque::new(), bytes: 0, feeds: Feeds::default(), pages: VecDeque::new() }
    }

    /// What is kept of the journal.
    pub(crate) fn span(&self) -> JournalSpan {
        self.span
    }

    /// The bell of a namespace, which rings after each commit that changed something in it.
    pub(crate) fn bell_of(&mut self, namespace: &Namespace) -> Arc<Notify> {
        self.feeds.bell_of(namespace, self.span.last)
    }

    /// The end of the journal, if nothing happened in the namespace after `after`. Only known
    /// of a namespace whose bell somebody holds.
    pub(crate) fn quiet_until(&self, namespace: &Namespace, after: Sequence) -> Option<Sequence> {
        self.feeds.last_of(namespace).filter(|last| *last <= after).map(|_| self.span.last.max(after))
    }

    /// Appends the changes of a commit, which removed those up to `trimmed`. Returns the bells
    /// to ring, and whether there were any changes.
    pub(crate) fn append(&mut self, recorder: Recorder, trimmed: Option<Sequence>) -> (Vec<Arc<Notify>>, bool) {
        if let Some(trimmed) = trimmed {
            debug_assert!(
                self.span.before_oldest <= trimmed && trimmed <= self.span.last,
                "the journal goes from its front: {trimmed:?} of {:?}",
                self.span
            );
            self.span.before_oldest = trimmed;
            self.pages.retain(|page| page.after >= trimmed);
        }
        let appended = !recorder.changes.is_empty();
        let bells = self.feeds.append(recorder.changes.iter().map(|recorded| &*recorded.change));
        for Recorded { change, .. } in recorder.changes {
            assert_eq!(change.sequence.0, self.span.last.0 + 1, "the journal has no gaps");
            self.span.last = change.sequence;
            self.bytes += bytes_of(&change);
            self.changes.push_back(change);
        }
        while self.changes.len() > TAIL_CHANGES || self.bytes > TAIL_BYTES {
            let Some(oldest) = self.changes.pop_front() else { break };
            self.bytes -= bytes_of(&oldest);
        }
        (bells, appended)
    }

    /// The page that another reader got at this place, if it is still what this one would get.
    fn shared_page(&self, after: Sequence, limit: usize) -> Option<Arc<[Arc<Change>]>> {
        let page = self.pages.iter().find(|page| page.after == after && page.limit == limit)?;
        let is_whole = page.changes.len() == limit || page.changes.last()?.sequence == self.span.last;
        is_whole.then(|| page.changes.clone())
    }

    /// Keeps a page for other readers at the same place, unless it is large.
    fn share_page(&mut self, after: Sequence, limit: usize, changes: &Arc<[Arc<Change>]>) {
        self.pages.retain(|page| page.after != after || page.limit != limit);
        let bytes: usize = changes.iter().map(|change| bytes_of(change)).sum();
        if !changes.is_empty() && bytes <= PAGE_BYTES && after >= self.span.before_oldest {
            self.pages.push_front(SharedPage { after, limit, changes: changes.clone() });
            self.pages.truncate(PAGES);
        }
    }

    /// Changes after `after`, when they are all in memory.
    fn after(&self, after: Sequence, limit: usize) -> Option<Arc<[Arc<Change>]>> {
        let first = self.changes.front()?.sequence;
        let skip = (after.0 + 1).checked_sub(first.0)?;
        let changes: Arc<[_]> = self.changes.iter().skip(skip as usize).take(limit).cloned().collect();
        debug_assert!(
            changes.first().is_none_or(|change| change.sequence.0 == after.0 + 1),
            "a page begins right after {after:?}"
        );
        Some(changes)
    }
}

/// Bytes that a change takes in memory, roughly.
fn bytes_of(change: &Change) -> usize {
    let attempt = |attempt: &Attempt| {
        let request = attempt.request.as_ref().map_or(0, |request| request.url.len() + request.body.len());
        let response = attempt.response.as_ref().map_or(0, |response| response.body.len());
        request + response + 1_024
    };
    size_of::<Change>() + change.delivery.last_attempt.as_deref().map_or(0, attempt)
}

impl<K: Kv> Shared<K> {
    /// Changes after `after` in commit order, at most `limit`.
    pub(crate) fn changes(&self, after: Sequence, limit: usize) -> Result<ChangePage, StoreError> {
        if let Some(page) = self.recent_changes(after, limit) {
            return Ok(page);
        }
        let span = self.tail().span;
        if after < span.before_oldest {
            return Err(StoreError::Expired { oldest: self.oldest_change()? });
        }
        let changes = match self.stored_changes(after, limit.clamp(1, limits::PAGE_MAX), span) {
            // A lane that retention has freed meanwhile is unknown, and so are the changes that name it.
            Err(StoreError::Damaged(_)) if after < self.tail().span.before_oldest => {
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
        let mut tail = self.tail();
        let limit = limit.clamp(1, limits::PAGE_MAX);
        if after < tail.span.before_oldest {
            return None;
        }
        if after >= tail.span.last {
            return Some(ChangePage { changes: Arc::default(), next: tail.span.last });
        }
        let changes = match tail.shared_page(after, limit) {
            Some(changes) => changes,
            None => {
                let changes = tail.after(after, limit)?;
                tail.share_page(after, limit, &changes);
                changes
            }
        };
        let next = changes.last().map_or(after, |change| change.sequence);
        Some(ChangePage { changes, next })
    }

    fn stored_changes(&self, after: Sequence, limit: usize, span: JournalSpan) -> Result<Vec<Arc<Change>>, StoreError> {
        let mut changes = Vec::with_capacity(limit);
        let mut block = self.block_of(Sequence(after.0 + 1))?;
        while let Some((first, row)) = block {
            let mut sequence = first;
            for row in row.changes {
                if sequence > after && changes.len() < limit {
                    let change = row.into_change(sequence, |lane| self.lane(lane))?;
                    changes.push(Arc::new(self.with_exchange(change)?));
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
        Ok(changes)
    }

    /// The change with request and answer of its attempt, which the journal leaves out.
    fn with_exchange(&self, mut change: Change) -> Result<Change, StoreError> {
        let id = change.delivery.id;
        if let Some(attempt) = &mut change.delivery.last_attempt
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
pub(crate) fn find_span<K: Kv>(kv: &K, epoch: u64) -> Result<(JournalSpan, Timestamp), StoreError> {
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
fn trimmed<K: Kv>(kv: &K) -> Result<Option<TrimmedRow>, StoreError> {
    let row = kv.get(&keys::meta::trimmed())?;
    row.map(|row| rows::decode(&row, "the beginning of the journal")).transpose()
}
