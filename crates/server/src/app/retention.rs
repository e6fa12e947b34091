//! Removes what is older than `--retention`, in steps that adapt: small and far apart while it
//! keeps pace, so that publishers come first; larger and back to back once it falls behind, so
//! that the store never fills with records that should be gone. What expires all the time is removed all
//! the time, not in heaps that keep the disk busy. A clock that jumps ahead is doubted first.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_dispatch::Ahead;
use tenterhook_model::{Clock, Timestamp};
use tenterhook_store::{Expired, Maintaining, StoreError};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::telemetry::metrics::Metrics;

/// Records of the first step, and of a step at least.
const STEP_MIN: usize = 256;
/// Records of a step at most: its commit takes some megabytes.
const STEP_MAX: usize = 65_536;
/// How long a step may keep the writer from others.
const SLICE: Duration = Duration::from_millis(10);
/// How long it may while retention is behind, and again for each further [`IDLE`] of lag.
const SLICE_BEHIND: Duration = Duration::from_millis(40);
/// The longest step is this many of them: the writer of a server with large commits is shared
/// equally then.
const SLICES_BEHIND_MAX: u64 = 5;
/// Bounds of the pause when nothing is left: a tenth of the retention within them, and less when one step's
/// worth expires sooner.
const IDLE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// While it keeps pace, others have this many times the time that a step takes between it and the next.
const OTHERS_SHARE: u32 = 9;
/// Bounds of the time between two erasures of what was removed: a tenth of the retention within them.
const ERASE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(24 * 3_600));
/// When the first erasure after a start is, at the latest: a server that is restarted often erases too.
const FIRST_ERASE: Duration = Duration::from_secs(600);
/// Erasing takes at most one part in so many of the time.
const ERASE_SHARE: u32 = 100;

/// What is removed, and when.
#[derive(Debug, Clone)]
pub(crate) struct Retention {
    /// Where.
    pub(crate) store: Arc<dyn Maintaining>,
    /// The time of day.
    pub(crate) clock: Arc<dyn Clock>,
    /// How long records are kept.
    pub(crate) keep: Duration,
    /// Where the lag is reported.
    pub(crate) metrics: Arc<Metrics>,
}

/// How large the next step is, and how long it takes until there is one.
#[derive(Debug)]
struct Pace {
    records: usize,
    /// When nothing was left last, and how much was removed since.
    clear_at: Instant,
    removed: usize,
}

impl Pace {
    fn new() -> Self {
        Self { records: STEP_MIN, clear_at: Instant::now(), removed: 0 }
    }

    /// Nothing is left: how long it takes until as much as one step takes has expired again, by what had
    /// since nothing was left before.
    fn clear(&mut self) -> Duration {
        let now = Instant::now();
        let (since, removed) = (now.duration_since(self.clear_at), std::mem::take(&mut self.removed));
        self.clear_at = now;
        since.mul_f64(self.records as f64 / removed.max(1) as f64)
    }

    /// Adapts to what a step took, so that the next one takes about `slice`.
    fn adapt(&mut self, step: &Expired, slice: Duration) {
        self.removed += step.removed;
        if step.removed < self.records && step.took <= slice {
            return;
        }
        let took = step.took.as_secs_f64().max(1e-6);
        let fitting = (self.records as f64 * slice.as_secs_f64() / took) as usize;
        // Halved or doubled at most: one step that met a cold disk says little of the next.
        let near = fitting.clamp(self.records / 2, self.records * 2);
        self.records = near.clamp(STEP_MIN, STEP_MAX);
    }
}

/// When what was removed is next erased from the files.
#[derive(Debug)]
struct Erasure {
    interval: Duration,
    at: Instant,
    /// Whether something was removed since the last one.
    is_due: bool,
    /// How much had been changed or removed besides, at the last step.
    replaced: u64,
}

impl Erasure {
    /// Takes in what a step of retention removed, and what others did since the one before it.
    fn note(&mut self, step: &Expired) {
        self.is_due |= step.removed > 0 || step.replaced > self.replaced;
        self.replaced = step.replaced;
    }

    async fn run(&mut self, store: &dyn Maintaining) {
        if !self.is_due || Instant::now() < self.at {
            return;
        }
        let start = Instant::now();
        match store.erase().await {
            Ok(erased) => self.is_due = !erased,
            Err(error) => tracing::warn!(%error, "cannot erase removed records from the files; retrying later"),
        }
        self.at = Instant::now() + self.interval.max(start.elapsed() * ERASE_SHARE);
    }
}

impl Retention {
    /// Removes what is old until `cancel`.
    pub(crate) async fn run(self, cancel: CancellationToken) {
        let idle = (self.keep / 10).clamp(IDLE.0, IDLE.1);
        let interval = (self.keep / 10).clamp(ERASE.0, ERASE.1);
        let mut erasure =
            Erasure { interval, at: Instant::now() + interval.min(FIRST_ERASE), is_due: true, replaced: 0 };
        let mut pace = Pace::new();
        let mut clear = self.clock.now().before(self.keep);
        let mut ahead = Ahead::default();
        loop {
            let (now, moment) = (self.clock.now(), Instant::now());
            ahead.look(now, moment);
            // What a clock that is wrong makes too old would be gone for good.
            let step =
                if ahead.is_doubted(moment) { None } else { Some(self.step(now, &mut pace, &mut clear, idle).await) };
            let pause = match step {
                None => idle,
                Some(Ok((step, pause))) => {
                    erasure.note(&step);
                    if step.clear.is_some() {
                        // The end comes first; the store gives up erasing when it is closed.
                        tokio::select! { biased;
                            () = cancel.cancelled() => return,
                            () = erasure.run(&*self.store) => {}
                        }
                    }
                    pause
                }
                Some(Err(StoreError::Closed)) => return,
                Some(Err(error)) => {
                    tracing::warn!(%error, "cannot remove old records; retrying later");
                    idle
                }
            };
            // The end comes first.
            tokio::select! { biased;
                () = cancel.cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// One step by a clock that says `now`. Returns what it did and how long to wait before the next one.
    async fn step(
        &self,
        now: Timestamp,
        pace: &mut Pace,
        clear: &mut Timestamp,
        idle: Duration,
    ) -> Result<(Expired, Duration), StoreError> {
        let (start, before) = (Instant::now(), now.before(self.keep));
        let step = self.store.expire(before, pace.records).await?;
        if let Some(time) = step.clear {
            *clear = time;
        }
        self.metrics.retained(*clear, self.keep);
        let lag = before.since(*clear);
        let is_behind = lag > idle;
        pace.adapt(&step, slice(lag, idle));
        let pause = match step.clear {
            Some(_) => pace.clear().max(start.elapsed() * OTHERS_SHARE).clamp(SLICE, idle),
            None if is_behind => Duration::ZERO,
            // The step's whole time, in the queue of the writer too: the busier others are, the longer.
            None => start.elapsed(),
        };
        Ok((step, pause))
    }
}

/// How long a step may take at this lag.
fn slice(lag: Duration, idle: Duration) -> Duration {
    if lag <= idle {
        return SLICE;
    }
    let slices = (lag.as_secs() / idle.as_secs().max(1)).clamp(1, SLICES_BEHIND_MAX);
    SLICE_BEHIND * slices as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::hand_tests::{Hand, memory};

    #[test]
    fn steps_grow_with_the_lag() {
        let idle = Duration::from_secs(60);
        let at = |seconds| slice(Duration::from_secs(seconds), idle);
        assert_eq!((at(0), at(60)), (SLICE, SLICE));
        assert_eq!((at(61), at(120), at(100_000)), (SLICE_BEHIND, SLICE_BEHIND * 2, SLICE_BEHIND * 5));
    }

    fn step(removed: usize, millis: u64) -> Expired {
        Expired { removed, took: Duration::from_millis(millis), ..Expired::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_leaves_the_store_is_erased_on_a_quiet_server_too() {
        let mut erasure = Erasure { interval: ERASE.0, at: Instant::now(), is_due: false, replaced: 0 };
        erasure.note(&step(0, 1));
        assert!(!erasure.is_due);
        // A webhook or a token that was changed or removed, which no step did.
        let webhook = Expired { replaced: 1, ..Expired::default() };
        erasure.note(&webhook);
        assert!(std::mem::take(&mut erasure.is_due));
        erasure.note(&webhook);
        assert!(!erasure.is_due, "it was erased");
        erasure.note(&Expired { removed: 1, ..webhook });
        assert!(erasure.is_due);
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_step_comes_when_as_much_as_one_takes_has_expired() {
        let mut pace = Pace::new();
        let mut clear_after = async |seconds, removed| {
            sleep(Duration::from_secs(seconds)).await;
            pace.removed = removed;
            pace.clear().as_secs()
        };
        assert_eq!(clear_after(10, 10 * STEP_MIN).await, 1);
        assert_eq!(clear_after(10, STEP_MIN / 2).await, 20);
        assert!(clear_after(10, 0).await > IDLE.1.as_secs(), "nothing expires");
    }

    #[test]
    fn a_step_grows_towards_its_slice_and_shrinks_at_once_when_it_is_over() {
        let mut pace = Pace::new();
        pace.adapt(&step(STEP_MIN, 1), SLICE);
        assert_eq!(pace.records, 2 * STEP_MIN, "no more than twice at a time");
        pace.adapt(&step(10, 1), SLICE);
        assert_eq!(pace.records, 2 * STEP_MIN, "a step that had less to do says nothing");
        pace.adapt(&step(10, 20), SLICE);
        assert_eq!(pace.records, STEP_MIN, "one that only looked and took too long does");
    }

    #[test]
    fn steps_stay_within_their_bounds() {
        let mut pace = Pace { records: STEP_MAX, ..Pace::new() };
        pace.adapt(&step(STEP_MAX, 1), SLICE);
        assert_eq!(pace.records, STEP_MAX);
        for _ in 0..20 {
            pace.adapt(&step(STEP_MAX, 10_000), SLICE_BEHIND);
        }
        assert_eq!(pace.records, STEP_MIN);
    }

    fn new_event(number: usize) -> tenterhook_store::NewEvent {
        let event = tenterhook_fixtures::event(&format!("e{number}"));
        tenterhook_store::NewEvent { event: Arc::new(event), content: [0; 32], webhooks: Vec::new() }
    }

    /// Retention of ten minutes at work on a store in memory.
    struct Work {
        store: Arc<dyn tenterhook_store::Store>,
        clock: Arc<Hand>,
        telemetry: crate::telemetry::Telemetry,
        cancel: CancellationToken,
        tasks: tokio::task::JoinSet<()>,
    }

    impl Work {
        /// Publishes so many events at the begin of time; the work begins when the clock says `millis`.
        async fn begin(events: usize, millis: i64) -> Self {
            let clock = Arc::new(Hand::default());
            let (store, mut tasks) = memory(clock.clone());
            let all: Vec<usize> = (0..events).collect();
            for slice in all.chunks(500) {
                store.publish(slice.iter().copied().map(new_event).collect()).await.unwrap();
            }
            clock.set(millis);
            let telemetry = crate::telemetry::Telemetry::quiet().unwrap();
            let metrics = Arc::new(Metrics::new(&telemetry, clock.clone()));
            let keep = Duration::from_secs(600);
            let retention = Retention { store: store.clone(), clock: clock.clone(), keep, metrics };
            let cancel = CancellationToken::new();
            tasks.spawn(retention.run(cancel.clone()));
            Self { store, clock, telemetry, cancel, tasks }
        }

        async fn has_events(&self) -> bool {
            self.has_events_before(Timestamp::from_millis(i64::MAX)).await
        }

        async fn has_events_before(&self, time: Timestamp) -> bool {
            let query = tenterhook_store::EventQuery { end_time: Some(time), limit: 10, ..Default::default() };
            !self.store.list_events(query).await.unwrap().items.is_empty()
        }

        async fn end(mut self) {
            self.cancel.cancel();
            self.store.close();
            while self.tasks.join_next().await.is_some() {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_backlog_is_removed_without_waiting_between_the_steps() {
        let work = Work::begin(10_000, 3_600_000).await;
        sleep(Duration::from_millis(10)).await;
        assert!(!work.has_events().await);
        assert!(work.telemetry.prometheus_text().contains("tenterhook_retention_lag_seconds 0"));
        work.end().await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_expires_all_the_time_is_removed_all_the_time() {
        let work = Work::begin(0, 0).await;
        for second in 0..900 {
            work.clock.set(second * 1_000);
            let events = (0..100).map(|number| {
                let mut event = tenterhook_fixtures::event(&format!("e{second}_{number}"));
                event.publish_time = work.clock.now();
                tenterhook_store::NewEvent { event: Arc::new(event), content: [0; 32], webhooks: Vec::new() }
            });
            work.store.publish(events.collect()).await.unwrap();
            sleep(Duration::from_secs(1)).await;
            // Until the second time that something was removed nobody knows how much expires.
            let late = Timestamp::from_millis((second - 600 - 10) * 1_000);
            assert!(second < 600 + 130 || !work.has_events_before(late).await, "in second {second}");
        }
        work.end().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_jumps_ahead_removes_nothing_until_it_has_stood() {
        let year = 365 * 24 * 3_600_000;
        let work = Work::begin(10, 0).await;
        sleep(Duration::from_secs(1)).await;
        work.clock.set(year);
        sleep(Duration::from_secs(14 * 60)).await;
        assert!(work.has_events().await, "it may be set right");
        work.clock.set(0);
        sleep(Duration::from_secs(14 * 60)).await;
        assert!(work.has_events().await, "it was set right");
        work.clock.set(year);
        sleep(Duration::from_secs(18 * 60)).await;
        assert!(!work.has_events().await, "it has stood");
        work.end().await;
    }
}
