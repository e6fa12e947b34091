//! The writer: takes whatever writes have gathered, makes one commit of them, answers all.
//!
//! There is no timer: while one commit waits for the disk the next group gathers, so groups
//! grow with the load by themselves.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;

use tenterhook_model::{DeliveryId, Lane, Namespace, Timestamp, WebhookId, limits};
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::Instant;

use super::Work;
use super::group::Group;
use super::inbox::{Answer, Request};
use super::shared::{Shared, lock};
use crate::error::StoreError;
use crate::kv::Kv;

/// What only the writer knows.
#[derive(Debug)]
pub(crate) struct State {
    /// The sequence of the next change.
    pub(crate) next_sequence: u64,
    /// The time of the last group.
    pub(crate) last_time: Timestamp,
    /// The millisecond and the number of the last id that was made.
    pub(crate) last_id: (u64, u64),
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
}

impl State {
    /// The time of a new group: that of the clock, but after all before it.
    pub(crate) fn tick(&mut self, now: Timestamp) -> Timestamp {
        self.last_time = self.last_time.max(now);
        self.last_time
    }

    /// A moment that no other has: a millisecond and a number within it.
    pub(crate) fn moment(&mut self, now: Timestamp) -> (u64, u64) {
        let millis = now.millis_u48();
        let before = self.last_id;
        self.last_id = match before {
            (last, number) if millis <= last => (last, number + 1),
            _ => (millis, 0),
        };
        debug_assert!(self.last_id > before, "moments rise: {:?} after {before:?}", self.last_id);
        self.last_id
    }

    /// The id of a new delivery; ids sort in the order in which they are made.
    pub(crate) fn delivery_id(&mut self, now: Timestamp, lane: Lane) -> DeliveryId {
        let (millis, number) = self.moment(now);
        DeliveryId::new(Timestamp::from_millis(millis as i64), number, lane)
    }
}

/// An answer that is ready but for the commit.
type Ready = Box<dyn FnOnce(&Result<(), StoreError>)>;

/// Keeps an answer until the commit. Whoever no longer waits for it does not get it.
fn after_commit<T: 'static, E: From<StoreError> + 'static>(answer: Answer<T, E>, result: Result<T, E>) -> Ready {
    Box::new(move |committed| {
        let _gone = answer.send(committed.clone().map_err(E::from).and(result));
    })
}

/// The writer of an engine.
pub(crate) struct Worker<K> {
    pub(crate) shared: Arc<Shared<K>>,
    pub(crate) inbox: Receiver<Request>,
    pub(crate) state: State,
    /// A request that was taken and did not fit into the commit, or must have one of its own.
    pub(crate) next: Option<Request>,
}

impl<K: Kv> Work for Worker<K> {
    fn run(mut self: Box<Self>) {
        loop {
            let first = match self.next.take() {
                None if self.state.removals.is_empty() => self.inbox.blocking_recv(),
                None => self.inbox.try_recv().ok(),
                next => next,
            };
            if !self.turn(first) {
                return self.finish();
            }
        }
    }

    fn run_inline(mut self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            loop {
                let first = match self.next.take() {
                    None if self.state.removals.is_empty() => self.inbox.recv().await,
                    None => self.inbox.try_recv().ok(),
                    next => next,
                };
                if !self.turn(first) {
                    return self.finish();
                }
            }
        })
    }
}

impl<K: Kv> Worker<K> {
    /// One round: a group that begins with `first`, or a step of background work. Answers
    /// whether there will be more.
    fn turn(&mut self, first: Option<Request>) -> bool {
        match first {
            Some(first) => {
                let requests = self.gather(first);
                self.commit(requests);
            }
            None if self.state.removals.is_empty() => return false,
            None => self.cancel_some(),
        }
        true
    }

    /// What waits now and fits into one commit.
    fn gather(&mut self, first: Request) -> Vec<Request> {
        debug_assert!(self.next.is_none(), "what did not fit into the last commit is the first of this one");
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
        debug_assert!(
            requests.len() == 1 || (items <= limits::COMMIT_ITEMS && !requests.iter().any(Request::is_alone)),
            "a commit of several requests is bounded, and none of them must have one of its own"
        );
        requests
    }

    fn commit(&mut self, requests: Vec<Request>) {
        let (start, items) = (Instant::now(), requests.iter().map(Request::items).sum());
        let mut group = Group::new(&self.shared, &mut self.state);
        let ready: Vec<Ready> = requests.into_iter().map(|request| apply(&mut group, request)).collect();
        let committed = group.commit();
        if let Err(error) = &committed {
            *lock(&self.shared.failure) = Some(error.clone());
        }
        for ready in ready {
            ready(&committed);
        }
        if let Some(observer) = &self.shared.observer {
            observer.committed(items, start.elapsed());
        }
    }

    /// Cancels some deliveries of a webhook that was removed.
    fn cancel_some(&mut self) {
        let mut group = Group::new(&self.shared, &mut self.state);
        let committed = super::removal::step(&mut group).and_then(|()| group.commit());
        if let Err(error) = committed {
            // It is taken up again when the store is next opened.
            self.state.removals.clear();
            *lock(&self.shared.failure) = Some(error);
        }
    }

    /// Writes what memory only has, after the last request.
    fn finish(mut self: Box<Self>) {
        let mut group = Group::new(&self.shared, &mut self.state);
        group.flush_counts = true;
        if let Err(error) = group.commit() {
            *lock(&self.shared.failure) = Some(error);
        }
    }
}

/// Applies one request to the group. An item that is refused leaves no trace in it.
fn apply<K: Kv>(group: &mut Group<'_, K>, request: Request) -> Ready {
    match request {
        Request::Publish { events, room, answer } => {
            let result = group.publish(events);
            drop(room);
            after_commit(answer, result)
        }
        Request::Settle { settlements, answer } => {
            after_commit(answer, settlements.into_iter().map(|settlement| group.settle(settlement)).collect())
        }
        Request::Redrive { deliveries, answer } => {
            after_commit(answer, deliveries.into_iter().map(|id| group.redrive(id)).collect())
        }
        Request::Cancel { deliveries, answer } => {
            after_commit(answer, deliveries.into_iter().map(|id| group.cancel(id)).collect())
        }
        Request::Replay { webhook, events, answer } => after_commit(answer, group.replay(webhook, &events)),
        Request::Save { change, answer } => after_commit(answer, group.save(change)),
        Request::Remember { namespace, request, count, answer } => {
            group.remember_count(&namespace, &request, count);
            after_commit(answer, Ok(()))
        }
        Request::GiveUp { deliveries, answer } => after_commit(answer, group.give_up_seen(&deliveries)),
        Request::GiveUpExpired { limit, answer } => after_commit(answer, group.give_up_expired(limit)),
        Request::Expire { before, limit, answer } => after_commit(answer, group.expire(before, limit)),
    }
}
