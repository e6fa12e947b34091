//! A clock that is set while retries wait, over a real store in memory that outlives restarts.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_attempt::{Nowhere, PassThrough};
use tenterhook_model::webhook::{Backoff, BreakerPolicy, RateLimit, RetryPolicy};
use tenterhook_model::{Clock, Webhook};
use tenterhook_store::{
    EmbeddedStore, Expect, MemoryKv, NewEvent, Reads, SealingKey, Store, StoreOptions, WebhookChange,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::render::Plain;
use super::world::{Counts, Receivers, Reply, TestClock};
use super::{Middle, event, webhook};
use crate::{Deadlines, Dispatcher, Drained, Parts, Settings};

/// The machine: what outlives a process.
struct Machine {
    kv: MemoryKv,
    clock: TestClock,
    receivers: Receivers,
}

/// A process of the server.
struct Process {
    store: Arc<dyn Store>,
    cancel: CancellationToken,
    dispatcher: JoinSet<Drained>,
    _others: JoinSet<()>,
}

impl Machine {
    fn new(script: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        let receivers = Receivers::new(move |_, number| script(number));
        Self { kv: MemoryKv::default(), clock: TestClock::default(), receivers }
    }

    async fn start(&self) -> Process {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let options = StoreOptions {
            clock: Arc::clone(&clock),
            entropy: Arc::new(Middle),
            sealing_key: SealingKey::new([7; 32]),
            reads: Reads::Inline,
            operational_events: true,
            node: Default::default(),
            observer: None,
        };
        let (store, writer) = EmbeddedStore::open(self.kv.clone(), options).unwrap();
        let store: Arc<dyn Store> = store;
        let (cancel, mut others, mut dispatcher) = (CancellationToken::new(), JoinSet::new(), JoinSet::new());
        others.spawn(writer.run_inline());
        others.spawn(Deadlines::new(store.clone(), Arc::clone(&clock)).run(cancel.clone()));
        let parts = Parts {
            store: store.clone(),
            render: Arc::new(Plain),
            compilations: Arc::default(),
            contexts: Arc::default(),
            clock,
            entropy: Arc::new(Middle),
            meter: Arc::new(Counts::default()),
            trace: Arc::new(PassThrough),
            elsewhere: Arc::new(Nowhere::default()),
        };
        dispatcher.spawn(Dispatcher::new(parts, self.receivers.clone(), Settings::default()).run(cancel.clone()));
        Process { store, cancel, dispatcher, _others: others }
    }

    /// When the requests came, in seconds since the beginning.
    fn seconds(&self) -> Vec<u64> {
        self.receivers.calls.lock().unwrap().iter().map(|call| call.at.as_secs()).collect()
    }
}

impl Process {
    async fn publish(&self, webhook: &Webhook, events: usize) {
        let change = WebhookChange::Put { webhook: Box::new(webhook.clone()), expect: Expect::Absent, request: None };
        let id = self.store.save_webhook(change).await.unwrap().webhook.id;
        for number in 0..events {
            let event = Arc::new(event(&format!("e{number}")));
            self.store.publish(vec![NewEvent { event, content: [0; 32], webhooks: vec![id] }]).await.unwrap();
        }
    }

    /// Stops in good order.
    async fn stop(mut self) {
        self.cancel.cancel();
        self.dispatcher.join_next().await.unwrap().unwrap();
        self.store.close();
        while self._others.join_next().await.is_some() {}
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// A webhook that is tried five times, six seconds apart.
fn patient() -> Webhook {
    let mut webhook = webhook(1);
    let backoff = Some(Backoff::Schedule(vec![Duration::from_secs(6)]));
    webhook.spec.retry = RetryPolicy { max_attempts: Some(5), backoff, jitter: Some(0.0), ..RetryPolicy::default() };
    webhook.spec.circuit_breaker = BreakerPolicy { failures_to_open: Some(100), ..BreakerPolicy::default() };
    webhook
}

/// How far the clock is set back, in milliseconds.
const BACK: i64 = -1_800_000;
const DAY: i64 = 24 * 3_600_000;

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_puts_no_retry_off() {
    let machine = Machine::new(|_| Reply::Status(500));
    let process = machine.start().await;
    process.publish(&patient(), 1).await;
    pass(1).await;
    machine.clock.set(BACK);
    pass(60).await;
    let seconds = machine.seconds();
    assert_eq!(seconds.len(), 5, "{seconds:?}");
    assert!(seconds.windows(2).all(|pair| (6..=8).contains(&(pair[1] - pair[0]))), "{seconds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_while_the_server_was_down_puts_no_retry_off() {
    let machine = Machine::new(|_| Reply::Status(500));
    let process = machine.start().await;
    process.publish(&patient(), 1).await;
    pass(1).await;
    process.stop().await;
    machine.clock.set(BACK);
    let _process = machine.start().await;
    pass(60).await;
    let seconds = machine.seconds();
    assert_eq!(seconds.len(), 5, "{seconds:?}");
    assert!(seconds[1] <= 9, "{seconds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_keeps_an_open_breaker_to_its_wait() {
    let machine = Machine::new(|number| Reply::Status(if number < 2 { 500 } else { 200 }));
    let process = machine.start().await;
    let mut narrow = patient();
    narrow.spec.circuit_breaker =
        BreakerPolicy { failures_to_open: Some(2), initial_open: Some(Duration::from_secs(30)), ..Default::default() };
    narrow.spec.rate_limit.max_in_flight = Some(1);
    process.publish(&narrow, 3).await;
    pass(1).await;
    machine.clock.set(BACK);
    pass(120).await;
    let seconds = machine.seconds();
    assert!(seconds.len() == 5 && (30..=62).contains(&seconds[2]), "{seconds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_by_days_suspends_no_webhook() {
    let machine = Machine::new(|_| Reply::Status(500));
    let process = machine.start().await;
    process.publish(&patient(), 1).await;
    pass(1).await;
    machine.clock.set(400 * DAY);
    pass(60).await;
    assert!(process.store.webhooks().by_id.values().all(|webhook| webhook.sends()));
}

#[tokio::test(start_paused = true)]
async fn what_a_clock_far_ahead_makes_too_old_is_sent_once_it_is_set_right() {
    let machine = Machine::new(|number| Reply::Status(if number < 3 { 500 } else { 200 }));
    let process = machine.start().await;
    process.publish(&patient(), 1).await;
    pass(1).await;
    machine.clock.set(30 * DAY);
    pass(9).await;
    machine.clock.set(-30 * DAY);
    pass(60).await;
    let seconds = machine.seconds();
    assert!(seconds.len() == 4 && seconds[3] < 40, "{seconds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_far_ahead_that_stays_so_ends_what_is_too_old() {
    let machine = Machine::new(|_| Reply::Hang);
    let process = machine.start().await;
    let mut slow = patient();
    slow.spec.rate_limit.max_in_flight = Some(1);
    slow.spec.transport.attempt_timeout = Some(Duration::from_secs(60));
    process.publish(&slow, 50).await;
    let open = || async { process.store.open_deliveries(slow.id, None, 100).await.unwrap().len() };
    machine.clock.set(30 * DAY);
    pass(14 * 60).await;
    assert!(open().await > 40);
    pass(3 * 60).await;
    assert!(open().await <= 1);
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept_whatever_restarts() {
    let machine = Machine::new(|_| Reply::Status(200));
    let mut slow = webhook(1);
    slow.spec.rate_limit = RateLimit { requests_per_second: Some(1.0 / 60.0), burst: Some(1), max_in_flight: None };
    let process = machine.start().await;
    process.publish(&slow, 5).await;
    pass(20).await;
    process.stop().await;
    let process = machine.start().await;
    pass(10).await;
    // Nothing of the process is left but the disk.
    drop(process);
    let _process = machine.start().await;
    pass(240).await;
    assert_eq!(machine.seconds(), [0, 60, 120, 180, 240]);
}
