//! Frees the lanes of removed webhooks, on disk and in memory, once nothing names them.
//!
//! A lane outlives its webhook: its deliveries are listed until retention takes them, and the
//! journal names it for as long. Two passes free it. The first that finds no delivery of it
//! notes the end of the journal, for no change of the lane can come after. The first one at
//! which the journal begins after that note removes the lane and its counts.

use std::sync::Arc;

use tenterhook_model::Lane;

use super::super::LaneInfo;
use super::super::group::Group;
use super::super::shared::Shared;
use super::Progress;
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::kv::{Kv, Span};
use crate::lock::{lock, read, write};
use crate::query::Sequence;
use crate::rows;
use crate::rows::webhook::LaneRow;

/// Lanes of removed webhooks that one pass looks at.
const LANES: usize = 256;
/// Rows of counts that one pass removes with their lanes, at least, if there are as many.
const COUNTS: usize = 4_096;

impl Group<'_> {
    /// Frees lanes of removed webhooks that nothing names any more.
    pub(super) fn free_lanes(&mut self, progress: &mut Progress) -> Result<(), StoreError> {
        let trimmed = self.trimmed.unwrap_or_else(|| self.shared.tail().span().before_oldest);
        let end = Sequence(self.state.next_sequence - 1);
        let lanes = self.shared.removed_lanes(progress.lanes.take());
        let mut counts = 0;
        for (lane, info) in &lanes {
            if counts >= COUNTS {
                return Ok(());
            }
            progress.lanes = (lanes.len() == LANES).then_some(*lane);
            if self.has_deliveries(*lane)? {
                continue;
            }
            match info.emptied {
                _ if !self.shared.counts().is_written(*lane) => self.flush_counts = true,
                Some(emptied) if emptied <= trimmed => counts += self.free_lane(*lane)?,
                None if end <= trimmed => counts += self.free_lane(*lane)?,
                None => self.note_emptied(*lane, info, end),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Whether the lane has deliveries on disk, as it was before this step.
    fn has_deliveries(&self, lane: Lane) -> Result<bool, StoreError> {
        for family in [Family::Open, Family::Done] {
            let (from, to) = keys::delivery::of_lane(family, lane);
            if !self.shared.kv.range(Span::new(&from, &to, 1))?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn note_emptied(&mut self, lane: Lane, info: &LaneInfo, end: Sequence) {
        assert!(info.removed.is_some(), "the lane {} has a webhook, and changes of it will come", lane.0);
        let row = LaneRow {
            webhook_id: info.webhook.as_bytes().to_vec().into(),
            namespace: info.namespace.as_str().to_owned(),
            removed: info.removed.map(rows::Time::from),
            emptied: Some(end.0),
        };
        self.batch.put(keys::webhook::lane(lane), rows::encode(&row));
        let info = LaneInfo { emptied: Some(end), ..info.clone() };
        self.lanes.push((lane, Some(Arc::new(info))));
    }

    /// Removes a lane and its counts. Returns how many rows of counts there were.
    fn free_lane(&mut self, lane: Lane) -> Result<usize, StoreError> {
        assert!(
            !self.shared.webhooks().by_lane.contains_key(&lane),
            "the lane {} belongs to a webhook and would be freed",
            lane.0
        );
        assert!(
            self.shared.counts().is_written(lane),
            "counts of the lane {} are still to be written, and would stay behind",
            lane.0
        );
        let (from, to) = keys::count::of_lane(lane);
        let counts = self.shared.kv.range(Span::new(&from, &to, usize::MAX))?;
        for (key, _) in &counts {
            self.batch.delete(key.to_vec());
        }
        self.batch.delete(keys::webhook::lane(lane));
        self.lanes.push((lane, None));
        Ok(counts.len())
    }
}

impl Shared {
    /// Some lanes of removed webhooks after `after`, in order.
    fn removed_lanes(&self, after: Option<Lane>) -> Vec<(Lane, Arc<LaneInfo>)> {
        let lanes = read(&self.lanes);
        let removed = lanes.iter().filter(|(lane, info)| info.removed.is_some() && Some(**lane) > after);
        let mut removed: Vec<_> = removed.map(|(lane, info)| (*lane, info.clone())).collect();
        removed.sort_unstable_by_key(|(lane, _)| *lane);
        removed.truncate(LANES);
        removed
    }

    /// Takes over lanes that a commit changed or, where there is nothing, freed.
    pub(crate) fn set_lanes(&self, changed: Vec<(Lane, Option<Arc<LaneInfo>>)>) {
        if changed.is_empty() {
            return;
        }
        let mut lanes = write(&self.lanes);
        for (lane, info) in changed {
            match info {
                Some(info) => drop(lanes.insert(lane, info)),
                None => {
                    let freed = lanes.remove(&lane);
                    assert!(freed.is_some(), "the lane {} is freed twice", lane.0);
                    lock(&self.counts).forget(lane);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::start;
    use crate::embedded::writer::State;
    use crate::embedded::{Reads, StoreOptions};
    use crate::kv::MemoryKv;
    use crate::record::{Expect, NewEvent, WebhookChange};
    use crate::seal::SealingKey;
    use crate::tests as fixtures;
    use std::sync::atomic::{AtomicI64, Ordering};
    use tenterhook_model::{Clock, Entropy, Timestamp, Webhook, WebhookId};

    /// A clock that advances by hand.
    #[derive(Debug, Default)]
    struct Ticks(AtomicI64);

    impl Clock for Ticks {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(1_000_000 + self.0.load(Ordering::Relaxed))
        }
    }

    #[derive(Debug)]
    struct Zeros;

    impl Entropy for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    fn commit<T>(shared: &Arc<Shared>, state: &mut State, work: impl FnOnce(&mut Group<'_>) -> T) -> T {
        let mut group = Group::new(shared, state);
        let done = work(&mut group);
        group.commit().unwrap().ring();
        done
    }

    fn webhook(number: u32) -> Webhook {
        let mut id = [0; 16];
        id[12..].copy_from_slice(&number.to_be_bytes());
        let mut webhook = Webhook { id: WebhookId::from_bytes(id), ..fixtures::webhook(1) };
        webhook.spec.display_name = format!("webhook {number}");
        webhook
    }

    fn expire(shared: &Arc<Shared>, state: &mut State) {
        while commit(shared, state, |group| group.expire(group.now, 10_000).unwrap().clear).is_none() {}
    }

    /// Webhooks that come and go, each with a delivery that its removal cancels.
    #[test]
    fn lanes_stay_flat_while_ten_thousand_webhooks_come_and_go() {
        let clock = Arc::new(Ticks::default());
        let options = StoreOptions {
            clock: clock.clone(),
            entropy: Arc::new(Zeros),
            sealing_key: SealingKey::new([1; 32]),
            reads: Reads::Inline,
            operational_events: true,
            node: Default::default(),
            observer: None,
        };
        let kv = MemoryKv::default();
        let (shared, mut worker) = start::open(Box::new(kv.clone()), options.clone()).unwrap();
        let state = &mut worker.state;
        let mut most = 0;
        for number in 0..10_000 {
            let id = webhook(number).id;
            let put = WebhookChange::Put { webhook: Box::new(webhook(number)), expect: Expect::Absent, request: None };
            commit(&shared, state, |group| group.save(put).unwrap());
            let event = fixtures::event(&format!("e{number}"));
            let new = NewEvent { event: Arc::new(event), content: [0; 32], webhooks: vec![id] };
            commit(&shared, state, |group| group.publish(vec![new]).unwrap());
            let delete = WebhookChange::Delete { id, expect: Expect::Present };
            commit(&shared, state, |group| group.save(delete).unwrap());
            if number % 100 == 99 {
                clock.0.fetch_add(1_000, Ordering::Relaxed);
                expire(&shared, state);
            }
            most = most.max(shared.lanes.read().unwrap().len());
        }
        assert!(most <= 300, "{most} lanes in memory at once");
        for _ in 0..3 {
            clock.0.fetch_add(1_000, Ordering::Relaxed);
            expire(&shared, state);
        }
        assert_eq!(shared.lanes.read().unwrap().len(), 0);
        assert_eq!(
            kv.range(Span::new(&[], &[u8::MAX], usize::MAX)).unwrap().len(),
            3,
            "who the store is, and two ends"
        );
        let (again, _) = start::open(Box::new(kv), options).unwrap();
        assert_eq!(again.lanes.read().unwrap().len(), 0, "and none come back with a restart");
    }

    #[test]
    fn a_lane_stays_while_the_journal_names_it() {
        let clock = Arc::new(Ticks::default());
        let options = StoreOptions {
            clock: clock.clone(),
            entropy: Arc::new(Zeros),
            sealing_key: SealingKey::new([1; 32]),
            reads: Reads::Inline,
            operational_events: true,
            node: Default::default(),
            observer: None,
        };
        let (shared, mut worker) = start::open(Box::new(MemoryKv::default()), options).unwrap();
        let state = &mut worker.state;
        for number in [1, 2] {
            let put = WebhookChange::Put { webhook: Box::new(webhook(number)), expect: Expect::Absent, request: None };
            commit(&shared, state, |group| group.save(put).unwrap());
        }
        let publish = |id: &str, number| {
            vec![NewEvent {
                event: Arc::new(fixtures::event(id)),
                content: [0; 32],
                webhooks: vec![webhook(number).id],
            }]
        };
        commit(&shared, state, |group| group.publish(publish("of-1", 1)).unwrap());
        let delete = WebhookChange::Delete { id: webhook(1).id, expect: Expect::Present };
        commit(&shared, state, |group| group.save(delete).unwrap());
        let removed = clock.now();
        clock.0.fetch_add(1_000, Ordering::Relaxed);
        commit(&shared, state, |group| group.expire(removed, 100).unwrap());
        assert!(shared.find_lane(Lane(1)).is_some(), "its delivery is not old enough");
        for _ in 0..2 {
            let front = shared.tail().span().before_oldest;
            assert!(shared.changes(front, 10).is_ok(), "the journal can be read to its front");
            expire(&shared, state);
        }
        assert!(shared.find_lane(Lane(1)).is_none());
        assert!(shared.find_lane(Lane(2)).is_some(), "the lane of a webhook stays, however empty");
    }
}
