//! [`Shelf`]: rows in maps, of which some have to be fetched before a rule can read them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tenterhook_model::{Attempt, DeliveryId, DeliveryState, EventId, Lane, Namespace, Timestamp, WebhookId};

use crate::error::StoreError;
use crate::ledger::{Draft, Entry, Rows, Write};
use crate::rows::delivery::{Stored, Wait};

/// The name of a row, or of a part of an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Open(DeliveryId),
    Done(DeliveryId),
    Holder(Lane, String),
    Heir(Lane, String),
    Event(EventId),
    Lane(Lane),
}

/// Why a rule stopped.
#[derive(Debug)]
pub(super) enum Stop {
    Missing(Name),
    Failed(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// What the writes have made so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Written {
    pub(super) open: BTreeMap<DeliveryId, Stored>,
    pub(super) done: BTreeMap<DeliveryId, Stored>,
    pub(super) turns: BTreeMap<(Lane, String), DeliveryId>,
    pub(super) waiting: BTreeMap<(Lane, String), BTreeSet<DeliveryId>>,
    pub(super) attempts: BTreeMap<DeliveryId, Vec<Arc<Attempt>>>,
    pub(super) expiry: BTreeSet<(DeliveryId, Timestamp)>,
    pub(super) claimed: BTreeSet<DeliveryId>,
    pub(super) preferred: Vec<DeliveryId>,
    pub(super) health: BTreeMap<WebhookId, u32>,
    pub(super) halted: Vec<(WebhookId, String)>,
    pub(super) asked: BTreeSet<WebhookId>,
    /// Each change: the delivery, its state before and after, and whether an attempt ended with it.
    pub(super) journal: Vec<(DeliveryId, Option<DeliveryState>, DeliveryState, bool)>,
}

/// Rows in maps.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub(super) rows: Written,
    pub(super) webhooks: BTreeMap<Lane, WebhookId>,
    pub(super) events: BTreeMap<EventId, Option<Timestamp>>,
    /// What has been fetched since the last rule ended; `None` when every row is there.
    pub(super) fetched: Option<BTreeSet<Name>>,
    /// How often a rule stopped.
    pub(super) stops: usize,
}

impl Shelf {
    /// Follows a rule, fetches what it misses and starts it again until it ends.
    pub(super) fn follow<T>(
        &mut self,
        now: Timestamp,
        rule: impl Fn(&mut Draft<'_, Self>) -> Result<T, Stop>,
    ) -> Result<T, StoreError> {
        loop {
            let mut draft = Draft::new(self, now, Vec::new());
            let made = rule(&mut draft);
            let writes = draft.into_writes();
            match made {
                Ok(made) => {
                    writes.into_iter().for_each(|write| self.carry_out(write));
                    self.fetched.iter_mut().for_each(BTreeSet::clear);
                    return Ok(made);
                }
                Err(Stop::Missing(name)) => {
                    self.stops += 1;
                    let fetched = self.fetched.as_mut().expect("nothing is missing from a full shelf");
                    assert!(fetched.insert(name.clone()), "{name:?} was fetched and is missing again");
                }
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    fn need(&self, name: Name) -> Result<(), Stop> {
        match &self.fetched {
            Some(fetched) if !fetched.contains(&name) => Err(Stop::Missing(name)),
            _ => Ok(()),
        }
    }

    fn record(&mut self, entry: &Entry) {
        let delivery = &entry.stored.delivery;
        self.rows.journal.push((delivery.id, entry.previous, delivery.state, entry.attempted));
    }

    fn carry_out(&mut self, write: Write) {
        let rows = &mut self.rows;
        match write {
            Write::EndClaim(id) => assert!(rows.claimed.remove(&id), "{id} was not claimed"),
            Write::Unqueue { id, wait, time } => {
                let stored = rows.open.get(&id).or_else(|| rows.done.get(&id)).filter(|_| wait != Wait::Nothing);
                let found = stored.map(|stored| (stored.wait, stored.delivery.next_attempt_time));
                assert!(wait == Wait::Nothing || found == Some((wait, time)), "{id}: {found:?}, not {wait:?} {time:?}");
            }
            Write::New { entry, .. } => {
                assert_eq!(entry.previous, None);
                self.record(&entry);
                let id = entry.stored.delivery.id;
                assert!(self.rows.open.insert(id, entry.stored).is_none(), "{id} is made once");
            }
            Write::Open(entry) => {
                self.record(&entry);
                self.rows.open.insert(entry.stored.delivery.id, entry.stored);
            }
            Write::Done(entry) => {
                self.record(&entry);
                let id = entry.stored.delivery.id;
                assert!(self.rows.open.remove(&id).is_some(), "{id} was open");
                assert!(self.rows.done.insert(id, entry.stored).is_none(), "{id} was not finished");
            }
            Write::Amend(entry) => {
                self.record(&entry);
                let id = entry.stored.delivery.id;
                assert!(self.rows.done.insert(id, entry.stored).is_some(), "{id} was finished");
            }
            Write::Reopen(id, state) => {
                let stored = rows.done.remove(&id).expect("it was finished");
                assert_eq!(stored.delivery.state, state, "{id} is found by its state");
            }
            Write::Prefer(id, time) => {
                assert_eq!(rows.open[&id].delivery.next_attempt_time, Some(time));
                rows.preferred.push(id);
            }
            Write::KeepAttempt(id, attempt) => rows.attempts.entry(id).or_default().push(attempt),
            Write::TakeTurn { ordering_key, id } => drop(rows.turns.insert((id.lane(), ordering_key), id)),
            Write::EndTurn { ordering_key, lane } => {
                assert!(rows.turns.remove(&(lane, ordering_key)).is_some(), "a turn that ends was held");
            }
            Write::AwaitTurn { ordering_key, id } => {
                assert!(rows.waiting.entry((id.lane(), ordering_key)).or_default().insert(id), "{id} waits once");
            }
            Write::LeaveOrder { ordering_key, id } => {
                let waiting = rows.waiting.get_mut(&(id.lane(), ordering_key)).expect("somebody waits");
                assert!(waiting.remove(&id), "{id} waited");
            }
            Write::ExpireAt(id, time) => drop(rows.expiry.insert((id, time))),
            Write::Judge { by, webhook, health, suspend } => {
                assert_eq!(self.webhooks.get(&by.lane()), Some(&webhook), "{by} is of another webhook");
                rows.health.extend(health.map(|health| (webhook, health.consecutive_failures)));
                rows.halted.extend(suspend.map(|reason| (webhook, reason)));
            }
            Write::Ask(webhook) => drop(rows.asked.insert(webhook)),
        }
    }
}

impl Rows for Shelf {
    type Stop = Stop;

    fn open(&self, id: DeliveryId) -> Result<Option<Stored>, Stop> {
        self.need(Name::Open(id))?;
        Ok(self.rows.open.get(&id).cloned())
    }

    fn done(&self, id: DeliveryId) -> Result<Option<Stored>, Stop> {
        self.need(Name::Done(id))?;
        Ok(self.rows.done.get(&id).cloned())
    }

    fn claimed(&self, id: DeliveryId) -> Result<Option<Stored>, Stop> {
        self.open(id)
    }

    fn is_held(&self, lane: Lane, ordering_key: &str) -> Result<bool, Stop> {
        self.need(Name::Holder(lane, ordering_key.to_owned()))?;
        Ok(self.rows.turns.contains_key(&(lane, ordering_key.to_owned())))
    }

    fn heir(&self, lane: Lane, ordering_key: &str) -> Result<Option<DeliveryId>, Stop> {
        self.need(Name::Heir(lane, ordering_key.to_owned()))?;
        let waiting = self.rows.waiting.get(&(lane, ordering_key.to_owned()));
        Ok(waiting.and_then(|waiting| waiting.first().copied()))
    }

    fn expire_time(&self, _: &Namespace, event: &EventId) -> Result<Option<Timestamp>, Stop> {
        self.need(Name::Event(event.clone()))?;
        Ok(self.events.get(event).copied().flatten())
    }

    fn open_of(&self, lane: Lane, limit: usize) -> Result<Vec<Stored>, Stop> {
        self.need(Name::Lane(lane))?;
        let of_lane = self.rows.open.values().filter(|stored| stored.delivery.id.lane() == lane);
        Ok(of_lane.take(limit).cloned().collect())
    }

    fn webhook_of(&self, lane: Lane) -> Option<WebhookId> {
        self.webhooks.get(&lane).copied()
    }

    fn is_claimed(&self, id: DeliveryId) -> bool {
        self.rows.claimed.contains(&id)
    }
}
