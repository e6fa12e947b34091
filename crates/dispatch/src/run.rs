//! The loop: one task that owns every lane, claims, starts attempts, decides and records.
//!
//! It waits for what can change something and for nothing else: the end of an attempt, an
//! answer of the store, the store's bell, the next due time. Attempts run as tasks of
//! their own, so that a slow one holds up nobody; all state is here, so that nothing is
//! locked.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tenterhook_attempt::{Deliver, Load};
use tenterhook_model::Timestamp;
use tenterhook_store::Ownership;
use tokio::select;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ahead::Ahead;
use crate::drained::Drained;
use crate::flight::Ended;
use crate::lanes::Lanes;
use crate::parts::Parts;
use crate::question::Answer;
use crate::record::Recorder;
use crate::story::Stories;

/// The longest sleep: by then a wall clock that somebody set forward is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(30);
/// The shortest sleep: what the timer of the runtime can tell apart.
const SLEEP_MIN: Duration = Duration::from_millis(1);

/// The loop's state.
pub(crate) struct Run<D> {
    pub(crate) parts: Arc<Parts>,
    pub(crate) deliverer: D,
    pub(crate) lanes: Lanes,
    pub(crate) attempts: JoinSet<Ended>,
    /// Those of them that this node makes.
    pub(crate) here: Load,
    /// Cuts the attempts under way short.
    pub(crate) cut: CancellationToken,
    pub(crate) recorder: Recorder,
    /// What the store was asked and has not answered.
    pub(crate) questions: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// What the log says of webhooks.
    pub(crate) stories: Stories,
    /// Whether the clock has jumped ahead.
    pub(crate) ahead: Ahead,
    /// The time of day at the last look.
    latest: Timestamp,
    pub(crate) draining: bool,
    /// What the drain has come to so far.
    pub(crate) drained: Drained,
    /// Whether the store was closed, so that nothing more can be done.
    pub(crate) closed: bool,
}

impl<D: Deliver> Run<D> {
    pub(crate) fn new(parts: Arc<Parts>, deliverer: D, max_in_flight: usize) -> Self {
        Self {
            recorder: Recorder::new(Arc::clone(&parts.store)),
            parts,
            deliverer,
            lanes: Lanes::new(max_in_flight),
            attempts: JoinSet::new(),
            here: Load { taken: 0, room: max_in_flight },
            cut: CancellationToken::new(),
            questions: FuturesUnordered::new(),
            stories: Stories::default(),
            ahead: Ahead::default(),
            latest: Timestamp::MIN,
            draining: false,
            drained: Drained::default(),
            closed: false,
        }
    }

    /// Works until `cancel`.
    pub(crate) async fn work(&mut self, cancel: &CancellationToken) {
        let store = Arc::clone(&self.parts.store);
        // Held over all turns, so that no ring is missed while another branch is served.
        let mut bell = pin!(store.due_bell().notified());
        bell.as_mut().enable();
        let mut cancelled = pin!(cancel.cancelled());
        let mut ownership = store.ownership();
        let mut elsewhere = self.parts.elsewhere.room();
        elsewhere.mark_changed();
        let mut alarm = pin!(tokio::time::sleep(Duration::ZERO));
        let mut look = true;
        while !self.closed {
            let (now, instant) = (self.parts.clock.now(), Instant::now());
            self.ahead.look(now, instant);
            if std::mem::take(&mut look) {
                if now < self.latest {
                    // The clock was set back: the times of all that waits are looked at again.
                    self.lanes.wake(Timestamp::MAX, instant);
                }
                self.latest = now;
                self.lanes.wake(now, instant);
                self.lanes.asked(store.take_asked(), now, instant);
                self.lanes.due(store.take_ready(now), &*store, instant);
            }
            self.lanes.refresh(&store.webhooks(), instant);
            self.claim(now);
            self.recorder.start();
            alarm.as_mut().reset(Instant::now() + self.sleep(now));
            // The order: first the way out; then what frees slots and memory, which is finite
            // because the claims stand behind it; new work last.
            select! {
                biased;
                () = &mut cancelled => return,
                Ok(()) = ownership.changed() => {
                    if *ownership.borrow_and_update() != Ownership::Held {
                        // Somebody else may send what is under way. It is recorded as interrupted, and made again.
                        std::mem::take(&mut self.cut).cancel();
                    }
                    look = true;
                }
                Ok(()) = elsewhere.changed() => {
                    let room = *elsewhere.borrow_and_update();
                    self.lanes.set_slots(self.here.room + room);
                }
                ended = next_ended(&mut self.attempts), if !self.attempts.is_empty() => self.all_ended(ended),
                recorded = self.recorder.recorded() => self.recorded(recorded),
                Some(answer) = self.questions.next(), if !self.questions.is_empty() => {
                    self.answered(answer);
                    // Attempts that have just begun go out, and what has come in is looked at,
                    // before more begin: fewer are under way at once, and none waits longer.
                    tokio::task::yield_now().await;
                }
                () = &mut bell => {
                    bell.set(store.due_bell().notified());
                    bell.as_mut().enable();
                    look = true;
                }
                () = &mut alarm => look = true,
            }
        }
    }

    /// Waits for what is under way and starts nothing; cuts attempts short at `cut`, and
    /// gives up at `end`.
    pub(crate) async fn wind_down(&mut self, cut: Instant, end: Instant) {
        self.draining = true;
        let mut patience = pin!(tokio::time::sleep_until(cut));
        while !self.closed && !self.is_idle() {
            self.recorder.start();
            select! {
                biased;
                ended = next_ended(&mut self.attempts), if !self.attempts.is_empty() => self.all_ended(ended),
                recorded = self.recorder.recorded() => self.recorded(recorded),
                Some(answer) = self.questions.next(), if !self.questions.is_empty() => self.answered(answer),
                () = &mut patience => {
                    if self.cut.is_cancelled() {
                        return;
                    }
                    self.cut.cancel();
                    patience.as_mut().reset(end);
                }
            }
        }
    }

    /// Ends what is left and tells what the drain came to.
    pub(crate) async fn close(mut self) -> Drained {
        self.drained.unsettled += self.recorder.backlog() + self.attempts.len();
        self.attempts.shutdown().await;
        self.drained
    }

    fn is_idle(&self) -> bool {
        self.attempts.is_empty() && self.questions.is_empty() && self.recorder.backlog() == 0
    }

    fn sleep(&self, now: Timestamp) -> Duration {
        let next = [self.parts.store.next_due(), self.lanes.next_time()].into_iter().flatten().min();
        next.map_or(SLEEP_MAX, |time| time.since(now).clamp(SLEEP_MIN, SLEEP_MAX))
    }
}

/// The attempt that ends next.
async fn next_ended(attempts: &mut JoinSet<Ended>) -> Option<Ended> {
    attempts.join_next().await.map(joined)
}

/// An attempt that has ended by now.
pub(crate) fn try_next_ended(attempts: &mut JoinSet<Ended>) -> Option<Ended> {
    attempts.try_join_next().map(joined)
}

fn joined(result: Result<Ended, JoinError>) -> Ended {
    result.expect("attempts catch their panics and are aborted only after the loop has ended")
}
