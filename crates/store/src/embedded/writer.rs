//! The writer: takes whatever writes have gathered, makes one commit of them, answers all.
//!
//! There is no timer: while one commit waits for the disk the next group gathers, so groups
//! grow with the load by themselves.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::{Delivery, DeliveryId, Lane, Namespace, Timestamp, WebhookId, limits};
use tokio::runtime::Handle;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::Instant;

use super::group::{Bells, Group};
use super::notices::Reported;
use super::shared::Shared;
use crate::error::StoreError;
use crate::inbox::{Answer, Request};
use crate::keys;
use crate::kv::Kv;
use crate::lock::lock;
use crate::rows;
use crate::rows::meta::SequenceRow;

/// A step of the clock that is logged as a jump.
const JUMP: Duration = Duration::from_secs(1);

/// What only the writer knows.
#[derive(Debug)]
pub(crate) struct State {
    /// The sequence of the next change.
    pub(crate) next_sequence: u64,
    /// The time of the last group.
    pub(crate) last_time: Timestamp,
    /// When that was, by a clock that nobody sets.
    pub(crate) last_tick: Instant,
    /// The millisecond and the number of the last id that was made.
    pub(crate) last_id: (u64, u64),
    /// The millisecond of ids that the disk says was reached.
    pub(crate) saved_floor: u64,
    /// The lane of the next webhook.
    pub(crate) next_lane: u32,
    /// The epoch of the journal.
    pub(crate) epoch: u64,
    /// Webhooks by namespace and display name.
    pub(crate) names: HashMap<(Namespace, String), WebhookId>,
    /// Lanes of removed webhooks with deliveries that are still to be cancelled.
    pub(crate) removals: VecDeque<Lane>,
    /// Where the next round of retention goes on.
    pub(crate) expiry: super::expire::Progress,
    /// Commits since the start that changed or removed a webhook, a token or a remembered request.
    pub(crate) replaced: u64,
    /// The number of the next notice, and what was reported of webhooks.
    pub(crate) reported: Reported,
}

impl State {
    /// The time of a new group, which is that of the clock: what comes first is told by sequences
    /// and ids, which rise whatever the clock does. A jump of the clock is logged.
    pub(crate) fn tick(&mut self, now: Timestamp) -> Timestamp {
        let (before, tick) = (self.last_time, Instant::now());
        let passed = tick.duration_since(self.last_tick);
        if before.since(now) > JUMP {
            tracing::warn!(back = ?before.since(now), "the clock went back: new times follow it, ids and sequences go on rising");
        } else if now.since(before) > passed + JUMP {
            tracing::warn!(forward = ?now.since(before).saturating_sub(passed), "the clock jumped forward");
        }
        (self.last_time, self.last_tick) = (now, tick);
        now
    }

    /// A unique, rising moment for an id: a millisecond and a number within it. It is that of the
    /// clock, unless the clock was ahead before; then it stays where it was until the clock is there.
    pub(crate) fn moment(&mut self, now: Timestamp) -> (u64, u64) {
        let millis = now.millis_u48();
        let before = self.last_id;
        self.last_id = match before {
            (last, number) if millis <= last => (last, number + 1),
            _ => (millis, 0),
        };
        assert!(self.last_id > before, "moments rise: {:?} after {before:?}", self.last_id);
        self.last_id
    }

    /// The millisecond of the last id, when the clock is behind it and the disk does not say so
    /// yet: a restart could not know it from the times of records.
    fn unsaved_floor(&self) -> Option<u64> {
        let (millis, _) = self.last_id;
        (self.last_time.millis_u48() < millis && self.saved_floor < millis).then_some(millis)
    }

    /// The id of a new delivery; ids sort in the order in which they are made.
    pub(crate) fn delivery_id(&mut self, now: Timestamp, lane: Lane) -> DeliveryId {
        let (millis, number) = self.moment(now);
        DeliveryId::new(Timestamp::from_millis(millis as i64), number, lane)
    }
}

/// An answer that is ready but for the commit.
type Ready = Box<dyn FnOnce(&Result<(), StoreError>) + Send>;

/// Keeps an answer until the commit. Whoever no longer waits for it does not get it.
fn after_commit<T, E>(answer: Answer<T, E>, result: Result<T, E>) -> Ready
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    Box::new(move |committed| {
        let _gone = answer.send(committed.clone().map_err(E::from).and(result));
    })
}

/// What a commit came to, for all who wait for it.
#[must_use = "someone waits for it"]
struct Tidings {
    committed: Result<Bells, StoreError>,
    ready: Vec<Ready>,
}

impl Tidings {
    fn tell(self) {
        if let Ok(bells) = &self.committed {
            bells.ring();
        }
        let committed = self.committed.map(drop);
        for ready in self.ready {
            ready(&committed);
        }
    }
}

/// The writer of an engine.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) inbox: Receiver<Request>,
    pub(crate) state: State,
    /// A request that was taken and did not fit into the commit, or must have one of its own.
    pub(crate) next: Option<Request>,
}

impl Worker {
    /// What [`Writer::run`](super::Writer::run) does.
    pub(super) fn run(mut self, runtime: &Handle) {
        // Each task that is woken from here would cost the runtime a call of the kernel, and its answer a
        // write to the socket of its own. Woken within it they go together. It waits for nothing, and so ends at once.
        let tell = |tidings: Tidings| drop(runtime.spawn(async { tidings.tell() }));
        loop {
            let first = match self.next.take() {
                None if self.state.removals.is_empty() => self.inbox.blocking_recv(),
                None => self.inbox.try_recv().ok(),
                next => next,
            };
            if !self.turn(first, tell) {
                return self.finish();
            }
        }
    }

    /// What [`Writer::run_inline`](super::Writer::run_inline) does.
    pub(super) async fn run_inline(mut self) {
        loop {
            let first = match self.next.take() {
                None if self.state.removals.is_empty() => self.inbox.recv().await,
                None => self.inbox.try_recv().ok(),
                next => next,
            };
            if !self.turn(first, Tidings::tell) {
                return self.finish();
            }
        }
    }

    /// One round: a group that begins with `first`, or a step of background work. Answers
    /// whether there will be more.
    fn turn(&mut self, first: Option<Request>, tell: impl FnOnce(Tidings)) -> bool {
        match first {
            Some(first) => {
                let requests = self.gather(first);
                tell(self.commit(requests));
            }
            None if self.state.removals.is_empty() => return false,
            None => tell(self.cancel_some()),
        }
        true
    }

    /// What waits now and fits into one commit.
    fn gather(&mut self, first: Request) -> Vec<Request> {
        let left = self.next.as_ref().map_or(0, Request::items);
        assert!(self.next.is_none(), "{left} items that did not fit into the last commit would be lost");
        let mut items = first.items();
        let alone = first.is_alone();
        let mut requests = vec![first];
        while !alone && items < limits::COMMIT_ITEMS {
            match self.inbox.try_recv() {
                Ok(request) if request.is_alone() || items + request.items() > limits::COMMIT_ITEMS => {
                    self.next = Some(request);
                    break;
                }
                Ok(request) => {
                    items += request.items();
                    requests.push(request);
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        assert!(
            requests.len() == 1 || (items <= limits::COMMIT_ITEMS && !requests.iter().any(Request::is_alone)),
            "{} requests with {items} items share a commit: it is bounded, and none must have its own",
            requests.len()
        );
        requests
    }

    fn commit(&mut self, requests: Vec<Request>) -> Tidings {
        let (start, items) = (Instant::now(), requests.iter().map(Request::items).sum());
        let mut group = Group::new(&self.shared, &mut self.state);
        if let Err(error) = group.fetch(requests.iter().flat_map(|request| reads_of(request, &self.shared)).collect()) {
            // Each request meets it too, and answers with it.
            tracing::debug!(%error, "nothing could be read ahead");
        }
        let ready: Vec<Ready> = requests.into_iter().map(|request| apply(&mut group, request)).collect();
        let floor = group.state.unsaved_floor();
        if let Some(millis) = floor {
            group.batch.put(keys::meta::last_id(), rows::encode(&SequenceRow { sequence: millis }));
        }
        let committed = group.commit();
        if let (Ok(_), Some(millis)) = (&committed, floor) {
            let saved = std::mem::replace(&mut self.state.saved_floor, millis);
            assert!(millis > saved, "ids rise over restarts: the floor {millis} comes after {saved}");
        }
        if let Err(error) = &committed {
            self.shared.kv.note(error);
            *lock(&self.shared.failure) = Some(error.clone());
        }
        if let Some(observer) = &self.shared.observer {
            observer.committed(items, start.elapsed());
        }
        Tidings { committed, ready }
    }

    /// Cancels some deliveries of a webhook that was removed.
    fn cancel_some(&mut self) -> Tidings {
        let lane = *self.state.removals.front().expect("a turn cancels only where a webhook was removed");
        let mut group = Group::new(&self.shared, &mut self.state);
        let cancelled = group.follow(|draft| draft.cancel_lane(lane));
        let committed = cancelled.and_then(|has_more| Ok((group.commit()?, has_more)));
        let committed = committed.map(|(bells, has_more)| {
            if !has_more {
                self.state.removals.pop_front();
            }
            bells
        });
        if let Err(error) = &committed {
            // It is taken up again when the store is next opened.
            self.state.removals.clear();
            *lock(&self.shared.failure) = Some(error.clone());
        }
        Tidings { committed, ready: Vec::new() }
    }

    /// Writes what memory only has, after the last request.
    fn finish(mut self) {
        let left = self.next.as_ref().map_or(0, Request::items);
        assert!(self.next.is_none(), "{left} items were taken in and would never be answered");
        let mut group = Group::new(&self.shared, &mut self.state);
        group.flush_counts = true;
        match group.commit() {
            Ok(bells) => bells.ring(),
            Err(error) => *lock(&self.shared.failure) = Some(error),
        }
        self.shared.kv.close();
    }
}

/// The keys whose values a request asks for, as far as it tells.
fn reads_of(request: &Request, shared: &Shared) -> Vec<Vec<u8>> {
    match request {
        Request::Publish { events, .. } => {
            events.iter().flat_map(|new| super::publish::reads_of(new, shared)).collect()
        }
        Request::Redrive { deliveries, .. } | Request::Cancel { deliveries, .. } => {
            deliveries.iter().flat_map(|id| [keys::delivery::open(*id), keys::delivery::done(*id)]).collect()
        }
        Request::Settle { settlements, .. } => {
            let queues = shared.queues();
            let ids = settlements.iter().map(|settlement| settlement.delivery_id);
            ids.filter(|id| queues.claimed_change(*id).is_none()).map(keys::delivery::open).collect()
        }
        Request::GiveUp { deliveries, .. } => deliveries.iter().map(|seen| keys::delivery::open(seen.id)).collect(),
        Request::BringForward { moves, .. } => moves.iter().map(|(seen, _)| keys::delivery::open(seen.id)).collect(),
        _ => Vec::new(),
    }
}

/// Applies one request to the group. An item that is refused leaves no trace in it.
fn apply(group: &mut Group<'_>, request: Request) -> Ready {
    match request {
        Request::Publish { events, room, answer } => {
            let result = group.publish(events);
            drop(room);
            after_commit(answer, result)
        }
        Request::Announce { notice, event, answer } => after_commit(answer, group.announce(notice, *event)),
        Request::NoteExpiry { webhook, end, days, answer } => {
            let noted = group.note_expiry(webhook, end, days);
            after_commit(answer, Ok(noted))
        }
        Request::Settle { settlements, answer } => {
            let settled: Result<_, StoreError> =
                settlements.into_iter().map(|settlement| group.follow(|draft| draft.settle(settlement))).collect();
            after_commit(answer, settled.inspect_err(|error| group.shared.kv.note(error)))
        }
        Request::Ask { webhook, answer } => {
            group.ask(webhook);
            after_commit(answer, Ok(()))
        }
        Request::Redrive { deliveries, answer } => {
            after_commit(answer, deliveries.into_iter().map(|id| group.follow(|draft| draft.redrive(id))).collect())
        }
        Request::Cancel { deliveries, answer } => {
            after_commit(answer, deliveries.into_iter().map(|id| group.follow(|draft| draft.cancel(id))).collect())
        }
        Request::Replay { webhook, events, answer } => after_commit(answer, group.replay(webhook, &events)),
        Request::Save { change, answer } => after_commit(answer, group.save(change)),
        Request::Remember { namespace, request, count, answer } => {
            group.remember_count(&namespace, &request, count);
            after_commit(answer, Ok(()))
        }
        Request::AddToken { token, answer } => after_commit(answer, group.add_token(*token)),
        Request::RemoveToken { id, answer } => {
            let removed = group.remove_token(id);
            after_commit(answer, Ok(removed))
        }
        Request::Probe { answer } => {
            let identity = super::start::identity(&group.shared.sealer, group.state);
            group.batch.put(keys::meta::identity(), rows::encode(&identity));
            let probed = group.shared.kv.probe();
            if probed.is_ok() {
                lock(&group.shared.failure).take();
            }
            after_commit(answer, probed)
        }
        Request::GiveUp { deliveries, answer } => {
            let seen = |seen: &Delivery| (seen.id, Some(seen.update_time));
            let given_up = deliveries.iter().map(seen).map(|(id, seen)| group.follow(|draft| draft.give_up(id, seen)));
            after_commit(answer, count(given_up))
        }
        Request::GiveUpExpired { limit, answer } => after_commit(answer, group.give_up_expired(limit)),
        Request::BringForward { moves, answer } => {
            let moved = moves.iter().map(|(seen, time)| group.follow(|draft| draft.bring_forward(seen, *time)));
            after_commit(answer, count(moved))
        }
        Request::Expire { before, limit, answer } => after_commit(answer, group.expire(before, limit)),
    }
}

/// How many of these were done; the first error, if there is one.
fn count(done: impl Iterator<Item = Result<bool, StoreError>>) -> Result<usize, StoreError> {
    done.map(|done| done.map(usize::from)).sum()
}
