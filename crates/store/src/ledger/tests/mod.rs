//! Random operations by the rules alone: over a shelf that has every row, and over one from which a rule has to
//! have each row fetched first. Both end the same, and every ordering key stays in order.

mod shelf;

use std::sync::Arc;

use proptest::prelude::*;
use tenterhook_model::{Attempt, DeliveryId, DeliveryState, Event, Lane, Next, Timestamp, Webhook, WebhookHealth};

use self::shelf::{Shelf, Written};
use super::Make;
use crate::error::StoreError;
use crate::record::{Redrive, Settled, Settlement};
use crate::rows::delivery::Wait;
use crate::tests as fixtures;

/// Lanes that the operations speak of.
const LANES: u8 = 2;

/// One operation. Numbers pick among what there is.
#[derive(Debug, Clone)]
enum Step {
    Make { lane: u8, key: u8, later: bool, expires: bool },
    Claim { pick: u8 },
    Settle { pick: u8, ends: u8, suspends: bool },
    Redrive { pick: u8 },
    Cancel { pick: u8 },
    GiveUp { pick: u8, is_stale: bool },
    BringForward { pick: u8 },
    Remove { lane: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..LANES, 0u8..3, prop::bool::weighted(0.2), any::<bool>())
            .prop_map(|(lane, key, later, expires)| Step::Make { lane, key, later, expires }),
        5 => any::<u8>().prop_map(|pick| Step::Claim { pick }),
        6 => (any::<u8>(), 0u8..5, prop::bool::weighted(0.1))
            .prop_map(|(pick, ends, suspends)| Step::Settle { pick, ends, suspends }),
        2 => any::<u8>().prop_map(|pick| Step::Redrive { pick }),
        2 => any::<u8>().prop_map(|pick| Step::Cancel { pick }),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(pick, is_stale)| Step::GiveUp { pick, is_stale }),
        1 => any::<u8>().prop_map(|pick| Step::BringForward { pick }),
        1 => (0..LANES).prop_map(|lane| Step::Remove { lane }),
    ]
}

fn webhook(lane: u8) -> Webhook {
    Webhook { lane: Lane(lane.into()), ..fixtures::webhook(lane) }
}

fn shelf() -> Shelf {
    let webhooks = (0..LANES).map(webhook).map(|webhook| (webhook.lane, webhook.id)).collect();
    Shelf { webhooks, ..Shelf::default() }
}

fn any_of<'a, T>(of: impl ExactSizeIterator<Item = &'a T>, pick: u8) -> Option<&'a T> {
    let count = of.len();
    of.into_iter().nth(usize::from(pick) % count.max(1))
}

fn time(number: usize) -> Timestamp {
    Timestamp::from_millis(1_000_000 + 1_000 * number as i64)
}

impl Shelf {
    fn any_delivery(&self, pick: u8) -> Option<DeliveryId> {
        let all: Vec<_> = self.rows.open.keys().chain(self.rows.done.keys()).collect();
        any_of(all.into_iter(), pick).copied()
    }

    /// Takes one step at the time of its number; returns what it answered.
    fn step(&mut self, number: usize, step: &Step) -> String {
        let now = time(number);
        match *step {
            Step::Make { lane, key, later, expires } => self.make(number, (lane, key), later, expires),
            Step::Claim { pick } => {
                let due = self.rows.open.values().filter(|stored| stored.wait != Wait::Turn);
                let due: Vec<_> = due.map(|stored| stored.delivery.id).collect();
                self.rows.claimed.extend(any_of(due.iter(), pick));
                String::new()
            }
            Step::Settle { pick, ends, suspends } => self.settle(now, pick, ends, suspends),
            Step::Redrive { pick } => self.by_hand(pick, |shelf, id| shelf.follow(now, |draft| draft.redrive(id))),
            Step::Cancel { pick } => self.by_hand(pick, |shelf, id| shelf.follow(now, |draft| draft.cancel(id))),
            Step::GiveUp { pick, is_stale } => {
                let Some(id) = self.any_delivery(pick) else { return String::new() };
                let seen = is_stale.then_some(Timestamp::from_millis(1));
                format!("{:?}", self.follow(now, |draft| draft.give_up(id, seen)).unwrap())
            }
            Step::BringForward { pick } => {
                let Some(id) = self.any_delivery(pick) else { return String::new() };
                let Some(seen) = self.rows.open.get(&id).map(|stored| stored.delivery.clone()) else {
                    return String::new();
                };
                format!("{:?}", self.follow(now, |draft| draft.bring_forward(&seen, now)).unwrap())
            }
            Step::Remove { lane } => {
                self.webhooks.remove(&Lane(lane.into()));
                let has_more = self.follow(now, |draft| draft.cancel_lane(Lane(lane.into()))).unwrap();
                assert!(!has_more, "a test makes few deliveries");
                String::new()
            }
        }
    }

    fn make(&mut self, number: usize, (lane, key): (u8, u8), later: bool, expires: bool) -> String {
        let now = time(number);
        let webhook = webhook(lane);
        if !self.webhooks.contains_key(&webhook.lane) {
            return String::new();
        }
        let event = Event {
            ordering_key: ["", "a", "b"][usize::from(key)].to_owned(),
            deliver_after: later.then(|| time(number + 3)),
            expire_time: expires.then(|| time(number + 9)),
            ..fixtures::event(&format!("e{number}"))
        };
        self.events.insert(event.id.clone(), event.expire_time);
        let id = DeliveryId::new(now, 0, webhook.lane);
        let make = Make { id, event: &Arc::new(event), webhook: &webhook, bytes: 1 };
        self.follow(now, |draft| draft.make(&make)).unwrap();
        format!("{id}")
    }

    fn settle(&mut self, now: Timestamp, pick: u8, ends: u8, suspends: bool) -> String {
        let Some(id) = any_of(self.rows.claimed.iter(), pick).copied() else { return String::new() };
        let stored = self.rows.open.get(&id).or_else(|| self.rows.done.get(&id)).expect("nothing is removed here");
        let number = stored.delivery.attempt_count + 1;
        let next = [Next::Succeed, Next::GiveUp, Next::RetryAt(now.after(std::time::Duration::from_secs(2)))];
        let settlement = Settlement {
            delivery_id: id,
            attempt: (ends < 3).then(|| Arc::new(Attempt { number, ..fixtures::attempt(number) })),
            counts: true,
            next: next[usize::from(ends.max(1)) % 3],
            health: Some(WebhookHealth { consecutive_failures: number, ..WebhookHealth::default() }),
            suspend: suspends.then(|| "it is gone".to_owned()),
        };
        format!("{:?}", self.follow(now, |draft| draft.settle(settlement.clone())).unwrap())
    }

    fn by_hand(&mut self, pick: u8, rule: impl FnOnce(&mut Self, DeliveryId) -> Result<Redrive, StoreError>) -> String {
        let Some(id) = self.any_delivery(pick) else { return String::new() };
        let answer = rule(self, id).unwrap();
        if let Redrive::Done(delivery) = &answer {
            let stored = self.rows.open.get(&id).or_else(|| self.rows.done.get(&id));
            assert_eq!(stored.map(|stored| &stored.delivery), Some(&**delivery), "the answer is what is stored");
        }
        format!("{answer:?}")
    }
}

/// Of the open deliveries of a lane with one key the one with the turn comes first, and the others wait.
fn assert_ordered(rows: &Written) {
    let (mut holders, mut waiting) = (0, 0);
    for (id, stored) in &rows.open {
        let key = (id.lane(), stored.delivery.ordering_key.clone());
        let waits = rows.waiting.get(&key).is_some_and(|waiting| waiting.contains(id));
        assert_eq!(waits, stored.wait == Wait::Turn, "{id} waits for its turn on disk and in its order alike");
        if key.1.is_empty() {
            continue;
        }
        let has_turn = rows.turns.get(&key) == Some(id);
        assert_eq!(has_turn, !waits, "{id} has the turn or waits for it");
        holders += usize::from(has_turn);
        waiting += usize::from(waits);
    }
    assert_eq!(rows.turns.len(), holders, "nobody has a turn who is not open: {:?}", rows.turns);
    assert_eq!(rows.waiting.values().map(std::collections::BTreeSet::len).sum::<usize>(), waiting);
}

/// The journal leads to the state that each delivery has, and no attempt is lost.
fn assert_explained(rows: &Written) {
    let mut states = std::collections::BTreeMap::new();
    let mut attempts = std::collections::BTreeMap::<DeliveryId, usize>::new();
    for (id, previous, state, attempted) in &rows.journal {
        assert_eq!(states.insert(*id, *state), *previous, "{id}: each change goes on from the one before");
        *attempts.entry(*id).or_default() += usize::from(*attempted);
    }
    assert_eq!(states.len(), rows.open.len() + rows.done.len());
    for (id, stored) in rows.open.iter().chain(&rows.done) {
        assert_eq!(states.get(id), Some(&stored.delivery.state), "{id}");
        let kept = rows.attempts.get(id).map_or(0, Vec::len);
        let last = usize::from(stored.delivery.last_attempt.is_some());
        assert_eq!(kept + last, attempts[id], "{id} has a row for each attempt");
        assert_eq!(stored.delivery.attempt_count as usize, attempts[id], "{id} counts each attempt");
    }
}

proptest! {
    #[test]
    fn a_rule_that_stops_for_each_row_ends_as_one_that_has_them_all(steps in prop::collection::vec(step(), 1..120)) {
        let (mut full, mut empty) = (shelf(), Shelf { fetched: Some(Default::default()), ..shelf() });
        for (number, step) in steps.iter().enumerate() {
            let (answer, again) = (full.step(number, step), empty.step(number, step));
            prop_assert_eq!(answer, again, "{:?}", step);
            prop_assert_eq!(&full.rows, &empty.rows, "{:?}", step);
            assert_ordered(&full.rows);
            assert_explained(&full.rows);
        }
        prop_assert_eq!(full.stops, 0);
    }
}

#[test]
fn the_oldest_that_waits_gets_the_turn_when_the_first_ends() {
    let mut shelf = shelf();
    for number in 0..3 {
        shelf.step(number, &Step::Make { lane: 0, key: 1, later: false, expires: false });
    }
    let ids: Vec<_> = shelf.rows.open.keys().copied().collect();
    assert_eq!(shelf.rows.open[&ids[1]].delivery.next_attempt_time, None, "it waits for its turn and not for a time");
    shelf.follow(time(5), |draft| draft.cancel(ids[0])).unwrap();
    let heir = &shelf.rows.open[&ids[1]];
    assert_eq!((heir.wait, heir.delivery.next_attempt_time), (Wait::Due, Some(time(5))));
    assert_eq!(shelf.rows.open[&ids[2]].wait, Wait::Turn);
}

#[test]
fn a_rule_stops_once_for_each_row_that_it_misses() {
    let mut shelf = shelf();
    for number in 0..2 {
        shelf.step(number, &Step::Make { lane: 0, key: 1, later: false, expires: false });
    }
    shelf.fetched = Some(Default::default());
    let id = *shelf.rows.open.keys().next().unwrap();
    shelf.follow(time(5), |draft| draft.cancel(id)).unwrap();
    assert_eq!(shelf.stops, 3, "the delivery, the id of its heir, and the heir");
}

#[test]
fn an_order_whose_next_delivery_is_not_open_is_damaged() {
    let mut shelf = shelf();
    for number in 0..2 {
        shelf.step(number, &Step::Make { lane: 0, key: 1, later: false, expires: false });
    }
    let ids: Vec<_> = shelf.rows.open.keys().copied().collect();
    shelf.rows.open.remove(&ids[1]);
    let before = shelf.rows.clone();
    let refused = shelf.follow(time(5), |draft| draft.cancel(ids[0]));
    assert!(matches!(refused, Err(StoreError::Damaged(_))), "{refused:?}");
    assert_eq!(shelf.rows, before, "a rule that stops leaves nothing behind");
}

#[test]
fn an_attempt_of_a_number_that_was_recorded_changes_nothing() {
    let mut shelf = shelf();
    shelf.step(0, &Step::Make { lane: 0, key: 0, later: false, expires: false });
    let id = *shelf.rows.open.keys().next().unwrap();
    shelf.rows.claimed.insert(id);
    let open = shelf.rows.open.clone();
    let settlement = Settlement {
        delivery_id: id,
        attempt: Some(Arc::new(fixtures::attempt(2))),
        counts: true,
        next: Next::Succeed,
        health: None,
        suspend: None,
    };
    let settled = shelf.follow(time(1), |draft| draft.settle(settlement.clone())).unwrap();
    assert_eq!((settled, &shelf.rows.open), (Settled::Fenced, &open));
    assert!(shelf.rows.claimed.is_empty(), "its claim has ended all the same");
    assert_eq!(shelf.rows.journal.len(), 1);
    assert_eq!(shelf.rows.open[&id].delivery.state, DeliveryState::Pending);
}
