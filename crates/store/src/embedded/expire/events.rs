//! Removes old events, each with all that belongs to it.

use tenterhook_model::{DeliveryId, DeliveryState, EventId, Namespace, Timestamp};

use super::super::group::Group;
use super::{Progress, Step, Walk};
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::kv::{Kv, Span};
use crate::rows;
use crate::rows::delivery::DeliveryHead;
use crate::rows::event::{EventHead, TimelineEntry, TimelineRow};

/// Events that are read ahead at a time.
const AHEAD: usize = 64;

/// A finished delivery that goes with its event.
struct OldDelivery {
    id: DeliveryId,
    state: DeliveryState,
    attempts: u32,
}

/// An old event and what goes with it.
#[derive(Default)]
struct OldEvent {
    expire_time: Option<Timestamp>,
    deliveries: Vec<OldDelivery>,
    /// Keys of the deliveries that replays made of it.
    replays: Vec<Vec<u8>>,
}

/// A block of the timeline.
struct Block<'a> {
    key: &'a [u8],
    namespace: &'a Namespace,
    /// The millisecond of its moment.
    millis: u64,
    row: &'a TimelineRow,
}

impl Group<'_> {
    /// Removes old events whose deliveries are all final and old. Returns the time before
    /// which none is left that may go, once the walk along all timelines has ended.
    pub(super) fn expire_events(
        &mut self,
        step: &mut Step,
        progress: &mut Progress,
    ) -> Result<Option<Timestamp>, StoreError> {
        let (start, to) = Family::Timeline.range();
        let (replays, end) = Family::Replayed.range();
        step.has_replays = !self.shared.kv.range(Span::new(&replays, &end, 1))?.is_empty();
        let mut walk = progress.walk.take().unwrap_or(Walk { since: step.before, from: start, place: 0 });
        while !step.is_over() {
            let Some((key, row)) = self.shared.kv.range(Span::new(&walk.from, &to, 1))?.into_iter().next() else {
                return Ok(Some(walk.since));
            };
            if key != walk.from {
                // The block that the last step ended in is gone.
                walk.place = 0;
            }
            let (namespace, (millis, _)) = keys::event::decode_timeline(&key)?;
            let row: TimelineRow = rows::decode(&row, "a block of the timeline")?;
            let block = Block { key: &key, namespace: &namespace, millis, row: &row };
            if millis >= step.before.millis_u48()
                && let Some(next) = self.behind_block(step, &block)?
            {
                assert!(next.as_slice() > block.key, "a walk that goes on before its block never ends");
                step.look();
                (walk.from, walk.place) = (next, 0);
                continue;
            }
            let before = row.entries.len();
            let (kept, ended_at) = self.expire_block(step, &namespace, row, walk.place)?;
            if kept.entries.is_empty() {
                self.batch.delete(key.to_vec());
            } else if kept.entries.len() < before {
                self.batch.put(key.to_vec(), rows::encode(&kept));
            }
            (walk.from, walk.place) = match ended_at {
                Some(place) => (key.to_vec(), place),
                None => (keys::after(&key), 0),
            };
        }
        progress.walk = Some(walk);
        Ok(None)
    }

    /// Where the walk goes on behind a block whose moment is not old; `None` when there may be
    /// something old in it all the same.
    ///
    /// Blocks are in the order of their moments. One of the past has the time of its commit, and
    /// those behind it are younger. One of the future was made while the clock was ahead, or after
    /// it had gone back from there (see `State::moment`): the time of its first event says which.
    fn behind_block(&self, step: &Step, block: &Block<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        let Block { key, namespace, millis, row } = block;
        let after = |millis: u64| keys::event::timeline(namespace, (millis + 1, 0));
        if *millis <= self.now.millis_u48() {
            return Ok(Some(after(self.now.millis_u48())));
        }
        let Some(first) = row.entries.first() else { return Ok(None) };
        let Some(event) = self.get(&keys::event::encode(namespace, &first.event_id()?))? else { return Ok(None) };
        let time = rows::decode::<EventHead>(&event, "an event")?.publish_time();
        if time > self.now {
            return Ok(Some(keys::after(key)));
        }
        // Blocks of one moment are in the order of their commits.
        Ok((time >= step.before).then(|| after(*millis)))
    }

    /// Removes what is old of a block from `place` on. Returns what is left of the block, and
    /// the place at which the step ended unless it reached the end of the block.
    fn expire_block(
        &mut self,
        step: &mut Step,
        namespace: &Namespace,
        block: TimelineRow,
        place: u32,
    ) -> Result<(TimelineRow, Option<u32>), StoreError> {
        let mut kept = Vec::with_capacity(block.entries.len());
        let mut ended_at = None;
        let mut ahead = 0;
        for (index, entry) in block.entries.iter().enumerate() {
            if entry.place >= place && ended_at.is_none() && !step.is_over() && index >= ahead {
                ahead = (index + AHEAD).min(block.entries.len());
                self.fetch_events(namespace, &block.entries[index..ahead])?;
            }
            let entry = entry.clone();
            if step.is_over() && entry.place >= place && ended_at.is_none() {
                ended_at = Some(entry.place);
            }
            if entry.place < place || ended_at.is_some() {
                kept.push(entry);
                continue;
            }
            step.look();
            let id = entry.event_id()?;
            match self.old_event(namespace, &id, step)? {
                Some(old) => step.removed += self.remove_event(namespace, &id, old),
                None => kept.push(entry),
            }
        }
        debug_assert!(
            kept.is_sorted_by_key(|entry| entry.place),
            "what is kept of a block of {namespace} stays in its order: pages go on by their place"
        );
        Ok((TimelineRow { entries: kept }, ended_at))
    }

    /// Reads events and their finished deliveries ahead, from an engine that is far away.
    fn fetch_events(&mut self, namespace: &Namespace, entries: &[TimelineEntry]) -> Result<(), StoreError> {
        if !self.shared.kv.is_remote() {
            return Ok(());
        }
        self.forget_fetched();
        let key = |entry: &TimelineEntry| Ok(keys::event::encode(namespace, &entry.event_id()?));
        let keys = entries.iter().map(key).collect::<Result<Vec<_>, StoreError>>()?;
        self.fetch(keys.clone())?;
        let mut deliveries = Vec::new();
        for key in &keys {
            if let Some(row) = self.get(key)? {
                deliveries.extend(rows::decode::<EventHead>(&row, "an event")?.deliveries().map(keys::delivery::done));
            }
        }
        self.fetch(deliveries)
    }

    /// The event and what goes with it, if it is old and so is the end of each of its deliveries.
    fn old_event(&self, namespace: &Namespace, id: &EventId, step: &Step) -> Result<Option<OldEvent>, StoreError> {
        let Some(row) = self.get(&keys::event::encode(namespace, id))? else { return Ok(Some(OldEvent::default())) };
        let head: EventHead = rows::decode(&row, "an event")?;
        if head.publish_time() >= step.before {
            return Ok(None);
        }
        let mut old = OldEvent { expire_time: head.expire_time(), ..OldEvent::default() };
        let mut ids: Vec<DeliveryId> = head.deliveries().collect();
        if step.has_replays {
            let (from, to) = keys::event::replayed_of(namespace, id);
            for (key, _) in self.shared.kv.range(Span::new(&from, &to, usize::MAX))? {
                ids.push(keys::event::decode_replayed(&key)?.2);
                old.replays.push(key.to_vec());
            }
        }
        for id in ids {
            match self.get(&keys::delivery::done(id))? {
                Some(row) => {
                    let head: DeliveryHead = rows::decode(&row, "a delivery")?;
                    if head.finish_time().is_none_or(|time| time >= step.before) || self.shared.is_claimed(id) {
                        return Ok(None);
                    }
                    old.deliveries.push(OldDelivery { id, state: head.state()?, attempts: head.attempt_count });
                }
                None if self.get(&keys::delivery::open(id))?.is_some() => return Ok(None),
                None => {}
            }
        }
        Ok(Some(old))
    }

    fn remove_event(&mut self, namespace: &Namespace, id: &EventId, old: OldEvent) -> usize {
        let removed = 1 + old.deliveries.len();
        for OldDelivery { id, state, attempts } in old.deliveries {
            assert!(state.is_final(), "{id} is {} and would go with its event", state.as_str());
            self.batch.delete(keys::delivery::done(id));
            if let Some(index) = keys::state::encode(state, id) {
                self.batch.delete(index);
            }
            if let Some(time) = old.expire_time {
                self.delete_expiry(id, time);
            }
            for number in 1..attempts {
                self.batch.delete(keys::attempt::encode(id, number));
            }
        }
        for key in old.replays {
            self.batch.delete(key);
        }
        self.batch.delete(keys::event::encode(namespace, id));
        removed
    }
}
