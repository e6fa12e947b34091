//! Retention: old events go with all their deliveries once those are final, the journal goes
//! from its front, and what is remembered for a while only is forgotten.

use std::time::Duration;

use tenterhook_model::{DeliveryId, EventId, Namespace, Timestamp};

use super::counts::{HOURS_KEPT, MINUTES_KEPT};
use super::group::Group;
use super::save::REQUEST_MEMORY;
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::keys::count::Span as CountSpan;
use crate::kv::{Kv, Span};
use crate::query::Sequence;
use crate::rows;
use crate::rows::event::TimelineRow;
use crate::rows::journal::{ChangeRow, JournalRow};
use crate::rows::webhook::RequestRow;

/// Old events that are kept for an open or late delivery are looked at this many times the
/// limit of a step, at most.
const LOOKS: usize = 4;
/// Rows of lesser families that one step looks at.
const CHUNK: usize = 256;

/// Where the next step goes on.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    timeline: Option<Vec<u8>>,
    requests: Option<Vec<u8>>,
    counts: Option<Vec<u8>>,
}

/// What is left of a step.
#[derive(Debug)]
struct Step {
    before: Timestamp,
    limit: usize,
    removed: usize,
    looked_at: usize,
}

impl Step {
    fn is_over(&self) -> bool {
        self.removed >= self.limit || self.looked_at >= self.limit.saturating_mul(LOOKS)
    }
}

/// An old event and what goes with it.
struct Old {
    expire_time: Option<Timestamp>,
    deliveries: Vec<(DeliveryId, Vec<u8>, u32)>,
}

impl<K: Kv> Group<'_, K> {
    /// Removes at most about `limit` records from before `before`; answers how many.
    pub(crate) fn expire(&mut self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut step = Step { before, limit, removed: 0, looked_at: 0 };
        self.expire_journal(&mut step)?;
        self.expire_events(&mut step)?;
        self.forget_requests()?;
        self.forget_counts()?;
        Ok(step.removed)
    }

    /// Removes blocks from the front of the journal. The last block stays, and so does what is
    /// not yet in the counts on disk.
    fn expire_journal(&mut self, step: &mut Step) -> Result<(), StoreError> {
        let counted = self.shared.counts().written();
        let last = self.shared.tail().span().last;
        let (from, to) = Family::Journal.range();
        let blocks = self.shared.kv.range(Span::new(&from, &to, (step.limit / 8).clamp(1, CHUNK)))?;
        for (key, row) in blocks {
            let first = keys::journal::decode(&key)?;
            let row: JournalRow = rows::decode(&row, "a block of the journal")?;
            let end = Sequence(first.0 + row.changes.len() as u64 - 1);
            let is_old = row.changes.last().is_none_or(|change: &ChangeRow| change.time() < step.before);
            if !is_old || end >= last || end > counted || step.is_over() {
                break;
            }
            step.removed += row.changes.len();
            self.batch.delete(key.to_vec());
            self.trimmed = Some(end);
        }
        Ok(())
    }

    fn expire_events(&mut self, step: &mut Step) -> Result<(), StoreError> {
        let (start, to) = Family::Timeline.range();
        let mut from = self.state.expiry.timeline.take().unwrap_or(start);
        while !step.is_over() {
            let Some((key, row)) = self.shared.kv.range(Span::new(&from, &to, 1))?.into_iter().next() else {
                return Ok(());
            };
            let (namespace, (millis, _)) = keys::event::decode_timeline(&key)?;
            if millis >= step.before.millis_u48() {
                from = keys::event::timeline_of(&namespace).1;
                continue;
            }
            let row: TimelineRow = rows::decode(&row, "a block of the timeline")?;
            from = if self.expire_block(step, &namespace, &key, row)? { keys::after(&key) } else { key.to_vec() };
        }
        self.state.expiry.timeline = Some(from);
        Ok(())
    }

    /// Removes what is old of a block; answers whether all of it was looked at.
    fn expire_block(
        &mut self,
        step: &mut Step,
        namespace: &Namespace,
        key: &[u8],
        mut row: TimelineRow,
    ) -> Result<bool, StoreError> {
        let before = row.entries.len();
        let mut kept = Vec::with_capacity(before);
        let mut entries = row.entries.into_iter();
        for entry in entries.by_ref() {
            step.looked_at += 1;
            let id = entry.event_id()?;
            match self.old_event(namespace, &id, step.before)? {
                Some(old) => step.removed += self.remove_event(namespace, &id, old)?,
                None => kept.push(entry),
            }
            if step.is_over() {
                break;
            }
        }
        let rest: Vec<_> = entries.collect();
        let is_whole = rest.is_empty();
        kept.extend(rest);
        if kept.is_empty() {
            self.batch.delete(key);
        } else if kept.len() < before {
            row.entries = kept;
            self.batch.put(key, rows::encode(&row));
        }
        Ok(is_whole)
    }

    /// What goes with an event, if it is old and so is the end of each of its deliveries.
    fn old_event(&self, namespace: &Namespace, id: &EventId, before: Timestamp) -> Result<Option<Old>, StoreError> {
        let Some(row) = self.event_row(namespace, id)? else {
            return Ok(Some(Old { expire_time: None, deliveries: Vec::new() }));
        };
        if row.publish_time() >= before {
            return Ok(None);
        }
        let mut deliveries = Vec::new();
        for id in self.shared.fan_out(namespace, id)? {
            if let Some(stored) = self.done(id)? {
                if stored.delivery.finish_time.is_none_or(|time| time >= before) || self.shared.is_claimed(id) {
                    return Ok(None);
                }
                let index = keys::state::encode(stored.delivery.state, id).unwrap_or_default();
                deliveries.push((id, index, stored.delivery.attempt_count));
            } else if self.open(id)?.is_some() {
                return Ok(None);
            }
        }
        Ok(Some(Old { expire_time: row.expire_time(), deliveries }))
    }

    fn remove_event(&mut self, namespace: &Namespace, id: &EventId, old: Old) -> Result<usize, StoreError> {
        let removed = 1 + old.deliveries.len();
        for (delivery, index, attempts) in old.deliveries {
            self.batch.delete(keys::delivery::done(delivery));
            if !index.is_empty() {
                self.batch.delete(index);
            }
            if let Some(time) = old.expire_time {
                self.delete_expiry(delivery, time);
            }
            for number in 1..attempts {
                self.batch.delete(keys::attempt::encode(delivery, number));
            }
        }
        let (from, to) = keys::event::replayed_of(namespace, id);
        for (key, _) in self.shared.kv.range(Span::new(&from, &to, usize::MAX))? {
            self.batch.delete(key.to_vec());
        }
        self.batch.delete(keys::event::encode(namespace, id));
        Ok(removed)
    }

    /// Forgets request ids after their time.
    fn forget_requests(&mut self) -> Result<(), StoreError> {
        let (start, to) = Family::Request.range();
        let from = self.state.expiry.requests.take().unwrap_or(start);
        let found = self.shared.kv.range(Span::new(&from, &to, CHUNK))?;
        self.state.expiry.requests = found.last().filter(|_| found.len() == CHUNK).map(|(key, _)| keys::after(key));
        for (key, row) in found {
            let row: RequestRow = rows::decode(&row, "a remembered request")?;
            if self.now.since(row.time.unwrap_or_default().get()) >= REQUEST_MEMORY {
                self.batch.delete(key.to_vec());
            }
        }
        Ok(())
    }

    /// Forgets counts after their time.
    fn forget_counts(&mut self) -> Result<(), StoreError> {
        let (start, to) = Family::Count.range();
        let from = self.state.expiry.counts.take().unwrap_or(start);
        let found = self.shared.kv.range(Span::new(&from, &to, CHUNK))?;
        self.state.expiry.counts = found.last().filter(|_| found.len() == CHUNK).map(|(key, _)| keys::after(key));
        for (key, _) in found {
            let (_, span, millis) = keys::count::decode(&key)?;
            let kept = match span {
                CountSpan::Now => Duration::MAX,
                CountSpan::Minute => MINUTES_KEPT,
                CountSpan::Hour => HOURS_KEPT,
            };
            if self.now.since(Timestamp::from_millis(millis as i64)) > kept {
                self.batch.delete(key.to_vec());
            }
        }
        Ok(())
    }
}
