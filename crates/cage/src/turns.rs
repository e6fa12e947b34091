//! Whose work is next where only so much runs at a time.
//!
//! Deliveries and publishing go before previews. Among equals namespaces take turns, within a
//! namespace its webhooks do, and the work of one webhook goes in the order in which it came: a
//! webhook with heavy templates delays itself, not the others.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tenterhook_model::{Lane, Namespace, limits};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Previews of one namespace that run or wait at a time; more are refused. Deliveries and other
/// namespaces go first anyway, so this bounds the memory of those that wait.
pub(crate) const PREVIEWS_PER_NAMESPACE: usize = limits::PREVIEWS_PER_NAMESPACE;

/// What the work is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A delivery, an event that is being published, a webhook that is being saved.
    Service,
    /// A preview.
    Preview,
}

/// Whose work it is.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) purpose: Purpose,
    pub(crate) namespace: Namespace,
    /// The lane of the webhook; 0 for a draft.
    pub(crate) lane: Lane,
}

/// Why there is no turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoTurn {
    /// None came in time.
    Late,
    /// The namespace has as many previews already as it may have.
    TooManyPreviews,
}

/// Hands out as many permits as may be used at a time.
#[derive(Debug)]
pub(crate) struct Turns {
    permits: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: usize,
    service: Line,
    previews: Line,
    /// Previews that run or wait, by namespace.
    counts: BTreeMap<Namespace, usize>,
}

/// The permission to work. It goes to the next in line when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    // In this order: what runs next may count one preview more.
    _counted: Option<Counted>,
    _permit: Permit,
}

/// What goes from one to the next.
#[derive(Debug)]
struct Permit {
    /// `None` once it has been handed on.
    turns: Option<Arc<Turns>>,
}

/// A preview that runs or waits.
#[derive(Debug)]
struct Counted {
    turns: Arc<Turns>,
    namespace: Namespace,
}

impl Turns {
    /// So many permits, at least 1.
    pub(crate) fn new(permits: usize) -> Arc<Self> {
        assert!(permits > 0, "nothing would ever run");
        let (service, previews) = (Line::default(), Line::default());
        let state = Mutex::new(State { free: permits, service, previews, counts: BTreeMap::new() });
        Arc::new(Self { permits, state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn, at most for `longest`.
    ///
    /// # Cancel safety
    /// A permit that comes to a dropped future goes to the next in line.
    pub(crate) async fn wait(self: &Arc<Self>, owner: &Owner, longest: Duration) -> Result<Turn, NoTurn> {
        let counted = self.count(owner)?;
        let permit = timeout(longest, self.take(owner)).await.map_err(|_| NoTurn::Late)?;
        Ok(Turn { _counted: counted, _permit: permit })
    }

    fn count(self: &Arc<Self>, owner: &Owner) -> Result<Option<Counted>, NoTurn> {
        if owner.purpose == Purpose::Service {
            return Ok(None);
        }
        let mut state = self.state();
        let count = state.counts.entry(owner.namespace.clone()).or_default();
        if *count >= PREVIEWS_PER_NAMESPACE {
            return Err(NoTurn::TooManyPreviews);
        }
        *count += 1;
        Ok(Some(Counted { turns: Arc::clone(self), namespace: owner.namespace.clone() }))
    }

    async fn take(self: &Arc<Self>, owner: &Owner) -> Permit {
        let receiver = {
            let mut state = self.state();
            if state.free > 0 {
                let waits = !state.service.turns.is_empty() || !state.previews.turns.is_empty();
                assert!(!waits, "{} permits are free, and others wait for one", state.free);
                state.free -= 1;
                return Permit { turns: Some(Arc::clone(self)) };
            }
            let (sender, receiver) = oneshot::channel();
            let line = match owner.purpose {
                Purpose::Service => &mut state.service,
                Purpose::Preview => &mut state.previews,
            };
            line.push(owner, sender);
            receiver
        };
        receiver.await.expect("those that wait are dropped only with all permits")
    }

    /// Gives a permit that has come back to the next in line.
    fn hand_on(self: Arc<Self>) {
        loop {
            let next = {
                let mut state = self.state();
                let next = state.service.pop().or_else(|| state.previews.pop());
                if next.is_none() {
                    state.free += 1;
                    assert!(state.free <= self.permits, "{} permits are free of {}", state.free, self.permits);
                }
                next
            };
            let Some(next) = next else { return };
            match next.send(Permit { turns: Some(Arc::clone(&self)) }) {
                Ok(()) => return,
                // It waits no longer: the permit goes on from here, not from its drop.
                Err(mut permit) => permit.turns = None,
            }
        }
    }

    /// How many wait.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        let state = self.state();
        state.service.len() + state.previews.len()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(turns) = self.turns.take() {
            turns.hand_on();
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut state = self.turns.state();
        let count = state.counts.get_mut(&self.namespace).expect("a preview that runs or waits is counted");
        assert!(*count > 0, "a preview of {} ends that was not counted", self.namespace);
        *count -= 1;
        if *count == 0 {
            state.counts.remove(&self.namespace);
        }
    }
}

type Waiter = oneshot::Sender<Permit>;

/// Those that wait, in turns by namespace and within it by webhook.
#[derive(Debug, Default)]
struct Line {
    turns: VecDeque<Namespace>,
    namespaces: BTreeMap<Namespace, Webhooks>,
}

#[derive(Debug, Default)]
struct Webhooks {
    turns: VecDeque<Lane>,
    lanes: BTreeMap<Lane, VecDeque<Waiter>>,
}

impl Line {
    fn push(&mut self, owner: &Owner, waiter: Waiter) {
        let webhooks = self.namespaces.entry(owner.namespace.clone()).or_insert_with(|| {
            self.turns.push_back(owner.namespace.clone());
            Webhooks::default()
        });
        let waiters = webhooks.lanes.entry(owner.lane).or_insert_with(|| {
            webhooks.turns.push_back(owner.lane);
            VecDeque::new()
        });
        // Those that gave up are not kept behind one that waits on.
        waiters.retain(|waiter| !waiter.is_closed());
        waiters.push_back(waiter);
    }

    fn pop(&mut self) -> Option<Waiter> {
        let namespace = self.turns.pop_front()?;
        let webhooks = self.namespaces.get_mut(&namespace).expect("a namespace in turn has a lane that waits");
        let waiter = webhooks.pop();
        if webhooks.turns.is_empty() {
            self.namespaces.remove(&namespace);
        } else {
            self.turns.push_back(namespace);
        }
        assert_eq!(self.turns.len(), self.namespaces.len(), "a namespace that waits without a turn waits for ever");
        Some(waiter)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.namespaces.values().flat_map(|webhooks| webhooks.lanes.values()).map(VecDeque::len).sum()
    }
}

impl Webhooks {
    fn pop(&mut self) -> Waiter {
        let lane = self.turns.pop_front().expect("a namespace in turn has a webhook in turn");
        let waiters = self.lanes.get_mut(&lane).expect("a webhook in turn has work that waits");
        let waiter = waiters.pop_front().expect("a webhook in turn has work that waits");
        if waiters.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.turns.push_back(lane);
        }
        assert_eq!(self.turns.len(), self.lanes.len(), "a webhook that waits without a turn waits for ever");
        waiter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::JoinSet;

    const LONG: Duration = Duration::from_secs(3_600);

    fn owner(purpose: Purpose, namespace: &str, lane: u32) -> Owner {
        Owner { purpose, namespace: namespace.parse().unwrap(), lane: Lane(lane) }
    }

    fn service(namespace: &str, lane: u32) -> Owner {
        owner(Purpose::Service, namespace, lane)
    }

    /// The order in which work is done that all waits for one permit, in the order given.
    async fn order(owners: &[(&'static str, Owner)]) -> Vec<&'static str> {
        let turns = Turns::new(1);
        let held = turns.take(&service("first", 1)).await;
        let (done, mut tasks) = (Arc::new(Mutex::new(Vec::new())), JoinSet::new());
        for (name, owner) in owners.iter().cloned() {
            let (turns, done) = (Arc::clone(&turns), Arc::clone(&done));
            tasks.spawn(async move {
                let _turn = turns.wait(&owner, LONG).await.unwrap();
                done.lock().unwrap().push(name);
            });
            tokio::task::yield_now().await;
        }
        assert_eq!(turns.waiting(), owners.len());
        drop(held);
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        assert_eq!((turns.waiting(), turns.state().free), (0, 1));
        Arc::try_unwrap(done).unwrap().into_inner().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn deliveries_go_before_previews() {
        let preview = owner(Purpose::Preview, "a", 1);
        let owners = [("preview", preview), ("one", service("a", 1)), ("two", service("a", 1))];
        assert_eq!(order(&owners).await, ["one", "two", "preview"]);
    }

    #[tokio::test(start_paused = true)]
    async fn namespaces_take_turns_and_so_do_the_webhooks_of_one() {
        let owners = [
            ("a1", service("a", 1)),
            ("a1 again", service("a", 1)),
            ("a1 once more", service("a", 1)),
            ("a2", service("a", 2)),
            ("b", service("b", 3)),
        ];
        assert_eq!(order(&owners).await, ["a1", "b", "a2", "a1 again", "a1 once more"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_leaves_its_turn_to_the_next() {
        let turns = Turns::new(1);
        let held = turns.take(&service("a", 1)).await;
        let late = turns.wait(&service("a", 1), Duration::from_secs(1)).await;
        assert_eq!(late.unwrap_err(), NoTurn::Late);
        drop(held);
        assert!(turns.wait(&service("b", 1), LONG).await.is_ok());
        assert_eq!((turns.waiting(), turns.state().free), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_permit_on_its_way_to_one_that_gave_up_is_not_lost() {
        let turns = Turns::new(1);
        let held = turns.take(&service("a", 1)).await;
        let owner = service("b", 1);
        let mut waits = Box::pin(turns.take(&owner));
        assert!(timeout(Duration::ZERO, &mut waits).await.is_err());
        drop(held);
        drop(waits);
        assert_eq!(turns.state().free, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_has_so_many_previews_at_a_time_and_no_more() {
        let turns = Turns::new(1);
        let held = turns.take(&service("a", 1)).await;
        let mut tasks = JoinSet::new();
        for lane in 0..PREVIEWS_PER_NAMESPACE as u32 {
            let turns = Arc::clone(&turns);
            tasks.spawn(async move { turns.wait(&owner(Purpose::Preview, "a", lane), LONG).await.map(drop) });
        }
        while turns.waiting() < PREVIEWS_PER_NAMESPACE {
            tokio::task::yield_now().await;
        }
        let refused = turns.wait(&owner(Purpose::Preview, "a", 99), LONG).await;
        assert_eq!(refused.unwrap_err(), NoTurn::TooManyPreviews);
        drop(held);
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap().unwrap();
        }
        assert!(turns.wait(&owner(Purpose::Preview, "a", 99), LONG).await.is_ok());
        assert!(turns.state().counts.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_heavy_webhook_does_not_delay_another_namespace() {
        let (turns, mut tasks) = (Turns::new(2), JoinSet::new());
        for number in 0..200 {
            let turns = Arc::clone(&turns);
            tasks.spawn(async move {
                let _turn = turns.wait(&service("heavy", number % 3), LONG).await.unwrap();
                tokio::time::sleep(Duration::from_millis(200)).await;
            });
        }
        tokio::task::yield_now().await;
        let begin = tokio::time::Instant::now();
        turns.wait(&service("light", 9), LONG).await.unwrap();
        assert!(begin.elapsed() <= Duration::from_millis(200), "{:?}", begin.elapsed());
    }
}
