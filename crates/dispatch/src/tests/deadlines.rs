//! Deliveries that run out of time behind a pause, over a real store in memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tenterhook_model::{Clock, DeliveryId, DeliveryState, Event, Next, Outcome, Webhook, WebhookId};
use tenterhook_store::{
    CommitObserver, DeliveryQuery, EmbeddedStore, Expect, MemoryKv, NewEvent, Reads, SealingKey, Settlement, Store,
    StoreOptions, WebhookChange,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::world::TestClock;
use super::{Middle, attempt, event, paused, webhook};
use crate::Deadlines;

const FAILED: DeliveryState = DeliveryState::Failed;

/// The size of each commit.
#[derive(Debug, Default)]
struct Commits(Mutex<Vec<usize>>);

impl CommitObserver for Commits {
    fn committed(&self, items: usize, _: Duration) {
        self.0.lock().unwrap().push(items);
    }
}

/// A store, and what ends deliveries in it.
struct World {
    store: Arc<dyn Store>,
    clock: Arc<TestClock>,
    commits: Arc<Commits>,
    published: usize,
    _tasks: JoinSet<()>,
}

impl World {
    async fn start() -> Self {
        let (clock, commits) = (Arc::new(TestClock::default()), Arc::new(Commits::default()));
        let options = StoreOptions {
            clock: clock.clone(),
            entropy: Arc::new(Middle),
            sealing_key: SealingKey::new([7; 32]),
            reads: Reads::Inline,
            operational_events: true,
            node: Default::default(),
            observer: Some(commits.clone()),
        };
        let (store, writer) = EmbeddedStore::open(MemoryKv::default(), options).unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(writer.run_inline());
        tasks.spawn(Deadlines::new(store.clone(), clock.clone()).run(CancellationToken::new()));
        // It has nothing to do and sleeps.
        tokio::time::sleep(Duration::from_secs(5)).await;
        Self { store, clock, commits, published: 0, _tasks: tasks }
    }

    /// Saves the webhook, paused, with this age.
    async fn put(&self, max_age: u64) -> WebhookId {
        let mut webhook: Webhook = paused(&webhook(1));
        webhook.spec.retry.max_age = Some(Duration::from_secs(max_age));
        let expect = if self.store.webhooks().by_id.is_empty() { Expect::Absent } else { Expect::Present };
        let change = WebhookChange::Put { webhook: Box::new(webhook), expect, request: None };
        self.store.save_webhook(change).await.unwrap().webhook.id
    }

    async fn publish(&mut self, webhook: WebhookId, event: Event) {
        self.published += 1;
        let event = Event { id: format!("e{}", self.published).parse().unwrap(), ..event };
        self.store
            .publish(vec![NewEvent { event: Arc::new(event), content: [0; 32], webhooks: vec![webhook] }])
            .await
            .unwrap();
    }

    /// The states of all deliveries, oldest first.
    async fn states(&self) -> Vec<DeliveryState> {
        self.list().await.into_iter().map(|(_, state)| state).collect()
    }

    async fn list(&self) -> Vec<(DeliveryId, DeliveryState)> {
        let query = DeliveryQuery { limit: 10_000, ..DeliveryQuery::default() };
        let page = self.store.list_deliveries(query).await.unwrap();
        page.items.into_iter().rev().map(|delivery| (delivery.id, delivery.state)).collect()
    }
}

async fn pass(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn what_gets_too_old_behind_a_pause_ends_then() {
    let mut world = World::start().await;
    let hook = world.put(60).await;
    world.publish(hook, event("e")).await;
    pass(10.0).await;
    world.publish(hook, event("e")).await;
    pass(49.9).await;
    assert_eq!(world.states().await, [DeliveryState::Pending; 2]);
    pass(0.4).await;
    assert_eq!(world.states().await, [FAILED, DeliveryState::Pending]);
    pass(10.0).await;
    assert_eq!(world.states().await, [FAILED; 2]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_expires_sooner_than_all_before_is_ended_then() {
    let mut world = World::start().await;
    let hook = world.put(1_000).await;
    for seconds in [500, 7] {
        let expire_time = Some(world.clock.now().after(Duration::from_secs(seconds)));
        world.publish(hook, Event { expire_time, ..event("e") }).await;
    }
    pass(7.1).await;
    assert_eq!(world.states().await, [DeliveryState::Pending, FAILED]);
    pass(493.0).await;
    assert_eq!(world.states().await, [FAILED; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_shorter_age_counts_at_once() {
    let mut world = World::start().await;
    let hook = world.put(1_000).await;
    world.publish(hook, event("e")).await;
    pass(100.0).await;
    world.put(50).await;
    pass(0.3).await;
    assert_eq!(world.states().await, [FAILED]);
}

#[tokio::test(start_paused = true)]
async fn many_are_ended_in_steps() {
    let mut world = World::start().await;
    let hook = world.put(60).await;
    for _ in 0..1_000 {
        world.publish(hook, event("e")).await;
    }
    world.commits.0.lock().unwrap().clear();
    pass(61.0).await;
    assert!(world.states().await.iter().all(|state| *state == FAILED));
    let commits = world.commits.0.lock().unwrap().clone();
    assert_eq!((commits.iter().sum::<usize>(), commits.iter().max()), (1_000, Some(&256)));
}

#[tokio::test(start_paused = true)]
async fn one_that_was_made_while_the_clock_was_ahead_hides_none_behind_it() {
    let mut world = World::start().await;
    let hook = world.put(60).await;
    world.clock.set(24 * 3_600_000);
    world.publish(hook, event("e")).await;
    world.clock.set(-24 * 3_600_000);
    world.publish(hook, event("e")).await;
    pass(61.0).await;
    assert_eq!(world.states().await, [DeliveryState::Pending, FAILED]);
}

#[tokio::test(start_paused = true)]
async fn one_that_was_retried_by_hand_stays_and_hides_none_behind_it() {
    let mut world = World::start().await;
    let hook = world.put(60).await;
    for _ in 0..600 {
        world.publish(hook, event("e")).await;
    }
    let (first, _) = world.list().await[0];
    let attempt = Some(Arc::new(attempt(1, Outcome::Timeout)));
    let failed =
        Settlement { delivery_id: first, attempt, counts: true, next: Next::GiveUp, health: None, suspend: None };
    world.store.settle(vec![failed]).await.unwrap();
    let (second, _) = world.list().await[1];
    world.store.cancel(vec![second]).await.unwrap();
    pass(30.0).await;
    world.store.redrive(vec![first, second]).await.unwrap();
    pass(31.0).await;
    let states = world.states().await;
    assert_eq!(states[..2], [DeliveryState::Retrying, DeliveryState::Pending]);
    assert!(states[2..].iter().all(|state| *state == FAILED));
    pass(30.0).await;
    assert_eq!(world.states().await[..2], [DeliveryState::Retrying, FAILED], "its age began anew");
}
