//! A dispatcher on a paused clock, with receivers and templates that do as they are told.

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tenterhook_attempt::{Nowhere, PassThrough};
use tenterhook_model::{Attempt, Clock, Exchange, Excuse, Outcome, PreparedRequest, Timestamp, Timings, WebhookId};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::store::Scripted;
use super::{Middle, render::Plain};
use crate::{Dispatcher, Drained, Meter, Parts, Settings};

/// The time of the runtime, which is paused; the tests begin one hour after 1970.
#[derive(Debug, Clone)]
pub(crate) struct TestClock {
    begin: Instant,
    /// How far it was set, in milliseconds.
    set: Arc<AtomicI64>,
}

impl TestClock {
    /// Sets the time of day forward or back.
    pub(crate) fn set(&self, millis: i64) {
        self.set.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self { begin: Instant::now(), set: Arc::default() }
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(3_600_000 + self.set.load(Ordering::SeqCst)).after(self.begin.elapsed())
    }
}

/// What a receiver does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Status(u16),
    RetryAfter(u16, &'static str),
    After(Duration, u16),
    Hang,
    Panic,
    /// The attempt fails, and not by the receiver's doing.
    Excused(Excuse),
}

/// A request that reached a receiver.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Since the start of the test.
    pub(crate) at: Duration,
    pub(crate) request: PreparedRequest,
    /// Requests under way with this one, at all receivers together.
    pub(crate) under_way: usize,
}

type Script = Arc<dyn Fn(&PreparedRequest, usize) -> Reply + Send + Sync>;

/// Every receiver there is.
#[derive(Clone)]
pub(crate) struct Receivers {
    script: Script,
    begin: Instant,
    pub(crate) calls: Arc<Mutex<Vec<Call>>>,
    under_way: Arc<AtomicUsize>,
}

impl fmt::Debug for Receivers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receivers")
    }
}

impl Receivers {
    pub(crate) fn new(script: impl Fn(&PreparedRequest, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self { script: Arc::new(script), begin: Instant::now(), calls: Arc::default(), under_way: Arc::default() }
    }
}

impl Service<PreparedRequest> for Receivers {
    type Response = Exchange;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Exchange, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: PreparedRequest) -> Self::Future {
        let guard = UnderWay::enter(&self.under_way);
        let mut calls = self.calls.lock().unwrap();
        let reply = (self.script)(&request, calls.len());
        calls.push(Call { at: self.begin.elapsed(), request, under_way: guard.1 });
        Box::pin(async move {
            let _guard = guard;
            Ok(match reply {
                Reply::Status(status) => answered(status, &[]),
                Reply::RetryAfter(status, value) => answered(status, &[("retry-after", value)]),
                Reply::After(wait, status) => {
                    tokio::time::sleep(wait).await;
                    answered(status, &[])
                }
                Reply::Hang => std::future::pending().await,
                Reply::Excused(excuse) => Exchange::failed(Outcome::Connection, "out of something").excused(excuse),
                Reply::Panic => panic!("a fault of the deliverer"),
            })
        })
    }
}

struct UnderWay(Arc<AtomicUsize>, usize);

impl UnderWay {
    fn enter(count: &Arc<AtomicUsize>) -> Self {
        Self(Arc::clone(count), count.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn answered(status: u16, headers: &[(&str, &str)]) -> Exchange {
    Exchange {
        outcome: if (200..300).contains(&status) { Outcome::Success } else { Outcome::HttpStatus },
        error: String::new(),
        excuse: None,
        response: Some(tenterhook_fixtures::response(status, headers)),
        http2: false,
        timings: Timings::default(),
        remote_address: None,
        tried_addresses: Vec::new(),
        proxy: String::new(),
    }
}

/// Counts what it is told.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) outcomes: Mutex<Vec<Outcome>>,
    pub(crate) latencies: Mutex<Vec<Duration>>,
    pub(crate) open: Mutex<Vec<bool>>,
    pub(crate) panics: AtomicUsize,
    pub(crate) excused: Mutex<Vec<Excuse>>,
}

impl Meter for Counts {
    fn attempt_ended(&self, _: WebhookId, attempt: &Attempt) {
        self.outcomes.lock().unwrap().push(attempt.outcome);
    }

    fn delivered(&self, latency: Duration) {
        self.latencies.lock().unwrap().push(latency);
    }

    fn breaker_changed(&self, is_open: bool) {
        self.open.lock().unwrap().push(is_open);
    }

    fn excused(&self, excuse: Excuse) {
        self.excused.lock().unwrap().push(excuse);
    }

    fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::SeqCst);
    }
}

/// A dispatcher at work.
pub(crate) struct World {
    pub(crate) store: Arc<Scripted>,
    pub(crate) receivers: Receivers,
    pub(crate) counts: Arc<Counts>,
    cancel: CancellationToken,
    running: JoinSet<Drained>,
}

impl World {
    /// Starts a dispatcher with the defaults.
    pub(crate) fn start(store: Scripted, receivers: Receivers) -> Self {
        Self::start_with(store, receivers, Settings::default())
    }

    pub(crate) fn start_with(store: Scripted, receivers: Receivers, settings: Settings) -> Self {
        let store = Arc::new(store);
        let counts = Arc::new(Counts::default());
        let parts = Parts {
            store: store.clone(),
            render: Arc::new(Plain),
            compilations: Arc::default(),
            contexts: Arc::default(),
            clock: Arc::new(store.clock.clone()),
            entropy: Arc::new(Middle),
            meter: counts.clone(),
            trace: Arc::new(PassThrough),
            elsewhere: Arc::new(Nowhere::default()),
        };
        let cancel = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(Dispatcher::new(parts, receivers.clone(), settings).run(cancel.clone()));
        Self { store, receivers, counts, cancel, running }
    }

    /// Lets so much time go by.
    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Lets so many seconds go by.
    pub(crate) async fn pass_seconds(&self, seconds: u64) {
        self.pass(Duration::from_secs(seconds)).await;
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.receivers.calls.lock().unwrap().clone()
    }

    /// When the calls came, in seconds since the start.
    pub(crate) fn call_seconds(&self) -> Vec<u64> {
        self.calls().iter().map(|call| call.at.as_secs()).collect()
    }

    /// Tells it to stop and waits until it has.
    pub(crate) async fn stop(mut self) -> (Drained, Arc<Scripted>) {
        self.cancel.cancel();
        let drained = self.running.join_next().await.unwrap().unwrap();
        (drained, self.store)
    }

    /// Tells it to stop.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Waits until it has stopped by itself.
    pub(crate) async fn stopped(&mut self) -> Drained {
        self.running.join_next().await.unwrap().unwrap()
    }
}
