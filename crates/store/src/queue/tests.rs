//! The queues against a plain model of what they stand for: deliveries on a disk, a clock, and a
//! dispatcher that claims only what it was told of.
//!
//! Whatever is published, claimed, settled, put back, cancelled, paused or asked for: nothing is handed
//! out twice, before its time or beside another of its ordering key, and nothing that is due is forgotten.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tenterhook_model::webhook::{Halt, HaltedBy};

use super::*;
use crate::tests as fixtures;

/// Rows that one read of the disk brings: few, so that there are always more.
const CHUNK: usize = 3;
/// The lane under test.
const LANE: Lane = Lane(1);

/// An open delivery as the disk has it.
#[derive(Debug, Clone)]
struct Row {
    kind: Kind,
    place: Place,
    key: Option<char>,
}

/// What may happen.
#[derive(Debug, Clone)]
enum Step {
    /// A delivery is made, due at once or after so many milliseconds.
    Make { key: Option<char>, wait: Option<u64> },
    /// The dispatcher claims up to so many, if it was told that there are any.
    Claim(usize),
    /// One of those in flight ends.
    Settle(usize),
    /// One of those in flight fails, and is due again after so many milliseconds.
    Retry(usize, u64),
    /// One of those in flight is put back.
    PutBack(usize),
    /// An open delivery is cancelled, in flight or not.
    Cancel(usize),
    /// A person asks for a delivery that waits for its time.
    Redrive(usize),
    /// Time passes.
    Pass(u64),
    /// The webhook is halted, or goes on.
    Halt(bool),
}

fn steps() -> impl Strategy<Value = Step> {
    let key = || prop::option::weighted(0.5, prop::sample::select(&['a', 'b', 'c'][..]));
    prop_oneof![
        4 => (key(), prop::option::weighted(0.3, 1u64..500)).prop_map(|(key, wait)| Step::Make { key, wait }),
        4 => (1usize..6).prop_map(Step::Claim),
        3 => (0usize..8).prop_map(Step::Settle),
        1 => (0usize..8, 1u64..300).prop_map(|(nth, wait)| Step::Retry(nth, wait)),
        1 => (0usize..8).prop_map(Step::PutBack),
        1 => (0usize..8).prop_map(Step::Cancel),
        1 => (0usize..8).prop_map(Step::Redrive),
        2 => (1u64..200).prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::Halt),
    ]
}

/// The disk, the clock and the dispatcher around the queues.
struct World {
    queues: Queues,
    webhook: Webhook,
    millis: u64,
    made: u64,
    disk: BTreeMap<DeliveryId, Row>,
    in_flight: BTreeMap<DeliveryId, Option<char>>,
    /// Whether the dispatcher knows that there may be something to claim.
    knows: bool,
}

impl World {
    /// A world whose queues know of the disk, or have to read it: `is_new` says which.
    fn new(is_new: bool) -> Self {
        let webhook = Webhook { lane: LANE, ..fixtures::webhook(1) };
        let mut queues = Queues::default();
        queues.webhook(&webhook, is_new, 1_000);
        let (disk, in_flight) = (BTreeMap::new(), BTreeMap::new());
        let mut world = Self { queues, webhook, millis: 1_000, made: 0, disk, in_flight, knows: false };
        world.listen();
        world
    }

    /// The dispatcher takes the webhooks that became ready.
    fn listen(&mut self) {
        self.knows |= self.queues.take_ready(self.millis).contains(&self.webhook.id);
    }

    fn apply(&mut self, effect: Effect) {
        self.queues.apply(effect, self.millis);
    }

    fn wait(&mut self, row: Row) {
        self.disk.insert(row.place.1, row.clone());
        self.apply(Effect::Wait { kind: row.kind, place: row.place, item: Item::default() });
    }

    fn nth_in_flight(&self, nth: usize) -> Option<DeliveryId> {
        self.in_flight.keys().nth(nth % self.in_flight.len().max(1)).copied()
    }

    fn nth_open(&self, nth: usize) -> Option<Row> {
        self.disk.values().nth(nth % self.disk.len().max(1)).cloned()
    }

    /// Those that may go now: due, in no flight, and with no other of their key in one.
    fn may_go(&self) -> Vec<DeliveryId> {
        let is_due = |row: &Row| row.kind == Kind::Fresh || row.place.0 <= self.millis;
        let is_free = |row: &Row| row.key.is_none() || !self.in_flight.values().any(|key| *key == row.key);
        let open = self.disk.values().filter(|row| !self.in_flight.contains_key(&row.place.1));
        let may_go = open.filter(|row| self.webhook.sends() && is_due(row) && is_free(row));
        may_go.map(|row| row.place.1).collect()
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Make { key, wait } => {
                self.made += 1;
                let id = DeliveryId::new(Timestamp::from_millis(self.millis as i64), self.made, LANE);
                let (kind, time) = wait.map_or((Kind::Fresh, self.millis), |wait| (Kind::Due, self.millis + wait));
                self.wait(Row { kind, place: (time, id), key });
            }
            Step::Claim(limit) if self.knows => self.claim(limit)?,
            Step::Claim(_) => {}
            Step::Settle(nth) => {
                if let Some(id) = self.nth_in_flight(nth) {
                    self.settle(id);
                }
            }
            Step::Retry(nth, wait) => {
                if let Some(id) = self.nth_in_flight(nth)
                    && let Some(row) = self.settle(id)
                {
                    self.wait(Row { kind: Kind::Due, place: (self.millis + wait, id), ..row });
                }
            }
            Step::PutBack(nth) => {
                if let Some(id) = self.nth_in_flight(nth) {
                    self.in_flight.remove(&id);
                    self.queues.put_back(&[id], self.millis);
                    // One that was cancelled meanwhile is found to be gone when it is claimed next.
                }
            }
            Step::Cancel(nth) => {
                if let Some(Row { kind, place, .. }) = self.nth_open(nth) {
                    self.disk.remove(&place.1);
                    self.apply(Effect::Discard { kind, place });
                }
            }
            Step::Redrive(nth) => {
                if let Some(row) = self.nth_open(nth).filter(|row| !self.in_flight.contains_key(&row.place.1)) {
                    self.apply(Effect::Discard { kind: row.kind, place: row.place });
                    let place = (self.millis, row.place.1);
                    self.wait(Row { kind: Kind::Due, place, ..row });
                    self.apply(Effect::Prefer(place));
                }
            }
            Step::Pass(millis) => self.millis += millis,
            Step::Halt(halts) => {
                let halt = Halt { by: HaltedBy::Operator, reason: String::new() };
                self.webhook.halt = halts.then_some(halt);
                self.queues.webhook(&self.webhook, false, self.millis);
            }
        }
        self.listen();
        let may_go = self.may_go();
        prop_assert!(self.knows || may_go.is_empty(), "nobody was told of {may_go:?}");
        prop_assert_eq!(self.queues.in_flight(), self.in_flight.len());
        Ok(())
    }

    /// The attempt of a delivery ends, and its row goes; the row, unless it was cancelled.
    fn settle(&mut self, id: DeliveryId) -> Option<Row> {
        self.in_flight.remove(&id);
        self.apply(Effect::Settle(id));
        let row = self.disk.remove(&id)?;
        self.apply(Effect::Discard { kind: row.kind, place: row.place });
        Some(row)
    }

    /// Claims as the store does it: from memory, and then from the disk.
    fn claim(&mut self, limit: usize) -> Result<(), TestCaseError> {
        let mut claimed = 0;
        while claimed < limit {
            let picked = self.queues.pick(LANE, limit - claimed, self.millis);
            let is_short = picked.len() < limit - claimed;
            for Picked { id, .. } in picked {
                let Some(row) = self.disk.get(&id).cloned() else {
                    self.queues.drop_claim(id, self.millis);
                    continue;
                };
                prop_assert!(row.kind == Kind::Fresh || row.place.0 <= self.millis, "{id} goes out too early");
                prop_assert!(self.webhook.sends(), "{id} goes out although its webhook is halted");
                if row.key.is_some_and(|key| !self.queues.enter(id, &key.to_string())) {
                    continue;
                }
                let is_alone = row.key.is_none() || !self.in_flight.values().any(|key| *key == row.key);
                prop_assert!(is_alone, "{id} goes out beside another of its ordering key");
                prop_assert!(self.in_flight.insert(id, row.key).is_none(), "{id} is in flight twice");
                claimed += 1;
            }
            if is_short && !self.read_on() {
                self.knows = false;
                self.listen();
                let left = self.may_go();
                prop_assert!(left.is_empty() || self.knows, "{left:?} may go and was not found");
                break;
            }
        }
        Ok(())
    }

    /// Reads both heads on from where they end; whether there was anything to read.
    fn read_on(&mut self) -> bool {
        assert!(self.queues.begin_read(LANE));
        let mut has_read = false;
        for kind in [Kind::Fresh, Kind::Due] {
            let Some(from) = self.queues.unread(LANE, kind, self.millis) else { continue };
            let mut places: Vec<Place> =
                self.disk.values().filter(|row| row.kind == kind).map(|row| row.place).collect();
            places.sort_unstable();
            places.retain(|place| *place >= from);
            let next = places.get(CHUNK - 1).filter(|_| places.len() >= CHUNK).map(|last| after(*last));
            let found = places.into_iter().take(CHUNK).map(|place| (place, Item::default())).collect();
            self.queues.read(LANE, kind, found, next);
            has_read = true;
        }
        self.queues.end_read(LANE, self.millis);
        self.queues.set_timer(LANE, self.millis);
        has_read
    }
}

proptest! {
    #[test]
    fn nothing_is_sent_twice_or_too_early_and_nothing_is_forgotten(
        is_new in any::<bool>(), steps in prop::collection::vec(steps(), 1..120),
    ) {
        let mut world = World::new(is_new);
        for step in steps {
            world.step(step)?;
        }
        // At the end all goes on, and everything that was not cancelled goes out once.
        world.step(Step::Halt(false))?;
        world.step(Step::Pass(1_000))?;
        for _ in 0..2 * world.made + 2 {
            world.step(Step::Claim(2))?;
            while !world.in_flight.is_empty() {
                world.step(Step::Settle(0))?;
            }
        }
        prop_assert!(world.disk.is_empty(), "{:?} were never handed out", world.disk);
    }

    #[test]
    fn what_commits_do_during_a_read_is_not_lost(before in 0usize..8, during in 1usize..8, cancels in 0usize..4) {
        let mut world = World::new(false);
        for _ in 0..before {
            world.step(Step::Make { key: None, wait: None })?;
        }
        // The read sees the disk as it was, and the commits come before it is taken in.
        prop_assert!(world.queues.begin_read(LANE));
        let from = world.queues.unread(LANE, Kind::Fresh, world.millis);
        let places: Vec<Place> = world.disk.values().map(|row| row.place).collect();
        for nth in 0..during {
            if nth < cancels {
                world.step(Step::Cancel(nth))?;
            }
            world.step(Step::Make { key: None, wait: None })?;
        }
        if from.is_some() && world.queues.unread(LANE, Kind::Fresh, world.millis) == from {
            let found = places.into_iter().map(|place| (place, Item::default())).collect();
            world.queues.read(LANE, Kind::Fresh, found, None);
        }
        world.queues.end_read(LANE, world.millis);
        world.queues.set_timer(LANE, world.millis);
        world.listen();
        let wanted: Vec<DeliveryId> = world.disk.keys().copied().collect();
        world.claim(100)?;
        prop_assert_eq!(world.in_flight.keys().copied().collect::<Vec<_>>(), wanted);
    }
}

#[test]
fn a_lane_that_is_removed_leaves_no_timer_and_no_wish() {
    let mut world = World::new(true);
    world.step(Step::Make { key: None, wait: Some(50) }).unwrap();
    assert!(world.queues.next_due().is_some());
    world.queues.ask(LANE);
    world.queues.remove(LANE);
    assert_eq!((world.queues.next_due(), world.queues.take_asked().len()), (None, 0));
    assert!(world.queues.take_ready(2_000).is_empty());
    assert!(!world.queues.begin_read(LANE), "there is nothing to read of it");
}

#[test]
fn a_webhook_that_is_halted_is_not_asked_for_and_waits_with_nothing_in_memory() {
    let mut world = World::new(true);
    world.step(Step::Make { key: None, wait: None }).unwrap();
    world.step(Step::Halt(true)).unwrap();
    world.queues.ask(LANE);
    assert!(!world.queues.is_asked(world.webhook.id));
    assert_eq!(world.queues.moving_backlog([LANE].into_iter(), world.millis), 0);
    world.knows = true;
    world.claim(10).unwrap();
    assert!(world.in_flight.is_empty());
    world.step(Step::Halt(false)).unwrap();
    assert!(world.knows, "what waits is found when it goes on");
}

#[test]
#[should_panic(expected = "read twice at a time")]
fn two_reads_of_a_lane_at_once_are_a_broken_invariant() {
    let mut world = World::new(false);
    world.queues.begin_read(LANE);
    world.queues.begin_read(LANE);
}

#[test]
#[should_panic(expected = "nobody began")]
fn a_read_that_ends_without_a_beginning_is_a_broken_invariant() {
    World::new(false).queues.end_read(LANE, 1_000);
}
