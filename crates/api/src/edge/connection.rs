//! One connection, as the listener and the gate know it together.
//!
//! The listener makes a [`Connection`] of its [`Budgets`] and puts it into each request's
//! extensions. The gate counts calls, bytes and refusals in it; the listener reads from it which
//! connection is idle, which does not take its answers, and which calls only to be refused.
//! Without a listener (calls inside the process) each call counts as a connection of its own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tenterhook_model::limits;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::budget::{Budget, Share};
use crate::refusal::Refusal;

/// Bytes of requests and answers that are held at once, over all connections, and what each may
/// hold of them in any case.
const BYTES: (usize, usize) = (limits::CALLS_BYTES, 16 * 1024);
/// Streams of methods that need no key, open at once, over all connections, and those that each
/// may have in any case.
const OPEN_STREAMS: (usize, usize) = (limits::OPEN_STREAMS, 2);
/// Refused calls that a connection may make at once, and how many more each second: a client
/// with an old key goes on asking, a flood does not.
const REFUSALS: (u64, u64) = (limits::REFUSALS, 200);
/// Answers are counted in rounds; one of the round before the last is too old.
const ROUNDS: usize = 3;

/// When to come back to a server that holds too many bytes.
const CROWDED: Duration = Duration::from_secs(1);

/// The refusal of what a connection may not hold at present.
pub(super) fn crowded() -> Refusal {
    Refusal::RateLimited { retry_after: CROWDED }
}

/// What all connections of a server share.
#[derive(Debug, Clone)]
pub struct Budgets {
    bytes: Arc<Budget>,
    open_streams: Arc<Budget>,
}

impl Default for Budgets {
    fn default() -> Self {
        Self { bytes: Budget::new(BYTES.0, BYTES.1), open_streams: Budget::new(OPEN_STREAMS.0, OPEN_STREAMS.1) }
    }
}

impl Budgets {
    /// A new connection.
    pub fn connection(&self) -> Connection {
        Connection(Arc::new(State {
            bytes: self.bytes.share(),
            open_streams: self.open_streams.share(),
            peer: OnceLock::new(),
            born: Instant::now(),
            idle_since_ms: AtomicU64::new(0),
            calls: AtomicUsize::new(0),
            working: AtomicUsize::new(0),
            rested: Notify::new(),
            admitted: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            expelled: CancellationToken::new(),
            round: AtomicUsize::new(0),
            untaken: Default::default(),
            retiring: CancellationToken::new(),
            keepers: AtomicUsize::new(0),
            unkept: Notify::new(),
        }))
    }
}

/// One connection. Clones are the same connection.
#[derive(Debug, Clone)]
pub struct Connection(Arc<State>);

#[derive(Debug)]
struct State {
    bytes: Share,
    open_streams: Share,
    /// Where it comes from.
    peer: OnceLock<SocketAddr>,
    born: Instant,
    /// Since when no call is open, in milliseconds after `born`.
    idle_since_ms: AtomicU64,
    /// Calls whose answer is not wholly taken.
    calls: AtomicUsize,
    /// Calls with one answer that are being worked on.
    working: AtomicUsize,
    rested: Notify,
    admitted: AtomicBool,
    /// Refused calls so far.
    refused: AtomicU64,
    /// Cancelled when they are too many.
    expelled: CancellationToken,
    round: AtomicUsize,
    /// Answers that are not taken, by the round in which they were given.
    untaken: [AtomicUsize; ROUNDS],
    retiring: CancellationToken,
    /// Calls that cannot go on over another connection.
    keepers: AtomicUsize,
    unkept: Notify,
}

impl Connection {
    /// The connection as one that comes from `peer`.
    #[must_use]
    pub fn from_peer(self, peer: SocketAddr) -> Self {
        let known = self.0.peer.get_or_init(|| peer);
        assert_eq!(*known, peer, "a connection comes from one place");
        self
    }

    /// Where it comes from, if that is known.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.0.peer.get().copied()
    }

    /// Since when no call is open; `None` while one is.
    pub fn idle_since(&self) -> Option<Instant> {
        let idle = self.0.calls.load(Ordering::Acquire) == 0;
        idle.then(|| self.0.born + Duration::from_millis(self.0.idle_since_ms.load(Ordering::Relaxed)))
    }

    /// Whether a known caller has called on it.
    pub fn was_admitted(&self) -> bool {
        self.0.admitted.load(Ordering::Relaxed)
    }

    /// Waits until no call with one answer is being worked on.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped. One task may wait at a time.
    pub async fn rested(&self) {
        while self.0.working.load(Ordering::Acquire) > 0 {
            self.0.rested.notified().await;
        }
    }

    /// Begins the next round of answers; whether one of the round before the last is still not taken.
    pub fn next_round(&self) -> bool {
        let next = self.0.round.fetch_add(1, Ordering::AcqRel) + 1;
        self.0.untaken[next % ROUNDS].load(Ordering::Acquire) > 0
    }

    /// Keeps the connection from growing old as long as the result is held: for a call that cannot go on over
    /// another one.
    #[must_use]
    pub fn keep(&self) -> Kept {
        self.0.keepers.fetch_add(1, Ordering::AcqRel);
        Kept(self.clone())
    }

    /// Counts the connection as used as long as the result is held, so that no other takes its place.
    #[must_use]
    pub fn occupy(&self) -> Occupied {
        Occupied(self.begin(false))
    }

    /// Waits until nobody [keeps](Connection::keep) it.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped. One task may wait at a time.
    pub async fn unkept(&self) {
        while self.0.keepers.load(Ordering::Acquire) > 0 {
            self.0.unkept.notified().await;
        }
    }

    /// Asks the connection's streams to end, each with a status of its own.
    pub fn retire(&self) {
        self.0.retiring.cancel();
    }

    /// Waits until the connection has made more refused calls than it may.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn expelled(&self) {
        self.0.expelled.cancelled().await;
    }

    /// Cancelled when the connection's streams should end.
    pub(crate) fn retiring(&self) -> &CancellationToken {
        &self.0.retiring
    }

    /// Counts a refused call.
    pub(super) fn refused(&self) {
        let (at_once, a_second) = REFUSALS;
        let refused = self.0.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if refused > at_once && refused > at_once + a_second * self.0.born.elapsed().as_secs() {
            self.0.expelled.cancel();
        }
    }

    /// Counts a call as long as the result is held.
    pub(super) fn begin(&self, works: bool) -> OpenCall {
        self.0.calls.fetch_add(1, Ordering::AcqRel);
        if works {
            self.0.working.fetch_add(1, Ordering::AcqRel);
        }
        OpenCall { connection: self.clone(), works, answer: None, opens_stream: false }
    }

    /// Notes that a known caller called.
    pub(super) fn admit(&self) {
        self.0.admitted.store(true, Ordering::Relaxed);
    }

    /// The bytes that the connection holds.
    pub(super) fn bytes(&self) -> &Share {
        &self.0.bytes
    }

    fn stop_working(&self) {
        let before = self.0.working.fetch_sub(1, Ordering::AcqRel);
        assert!(before > 0, "a call stopped that had not begun");
        if before == 1 {
            self.0.rested.notify_one();
        }
    }
}

/// What keeps a connection from growing old.
#[derive(Debug)]
pub struct Kept(Connection);

impl Drop for Kept {
    fn drop(&mut self) {
        let state = &self.0.0;
        let before = state.keepers.fetch_sub(1, Ordering::AcqRel);
        assert!(before > 0, "a connection is let go that nobody kept, and would never grow old");
        if before == 1 {
            state.unkept.notify_one();
        }
    }
}

/// What keeps a connection from counting as idle.
#[derive(Debug)]
pub struct Occupied(#[expect(dead_code, reason = "it counts until it is dropped")] OpenCall);

/// A call from its admission until its answer is taken.
#[derive(Debug)]
pub(super) struct OpenCall {
    connection: Connection,
    works: bool,
    answer: Option<Untaken>,
    opens_stream: bool,
}

/// An answer that is not taken: its round and its bytes.
#[derive(Debug)]
struct Untaken {
    round: usize,
    bytes: usize,
}

impl OpenCall {
    /// Takes one of the streams that are open to anybody; whether there was one.
    #[must_use]
    pub(super) fn open_stream(&mut self) -> bool {
        self.opens_stream = self.connection.0.open_streams.take(1);
        self.opens_stream
    }

    /// The work is done: what is left of the call is its answer.
    pub(super) fn answered(&mut self) {
        if std::mem::take(&mut self.works) {
            self.connection.stop_working();
        }
    }

    /// Counts the bytes of the answer until it is taken; false when they are too many to hold.
    #[must_use]
    pub(super) fn hold_answer(&mut self, bytes: usize, is_small: bool) -> bool {
        let share = self.connection.bytes();
        if is_small {
            share.take_anyway(bytes);
        } else if !share.take(bytes) {
            return false;
        }
        let round = self.connection.0.round.load(Ordering::Acquire) % ROUNDS;
        self.connection.0.untaken[round].fetch_add(1, Ordering::AcqRel);
        debug_assert!(self.answer.is_none(), "a call has one answer: the bytes of another would be held for ever");
        self.answer = Some(Untaken { round, bytes });
        true
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.answered();
        let state = &self.connection.0;
        if let Some(Untaken { round, bytes }) = self.answer.take() {
            state.bytes.give(bytes);
            let before = state.untaken[round].fetch_sub(1, Ordering::AcqRel);
            assert!(before > 0, "an answer of round {round} is taken that was not given");
        }
        if self.opens_stream {
            state.open_streams.give(1);
        }
        // The time comes first: a connection without calls must never look idle for longer than it is.
        let idle_since = u64::try_from(state.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        state.idle_since_ms.fetch_max(idle_since, Ordering::Relaxed);
        let before = state.calls.fetch_sub(1, Ordering::AcqRel);
        assert!(before > 0, "a call ended that had not begun");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_from_the_end_of_its_last_call() {
        let connection = Budgets::default().connection();
        let born = Instant::now();
        assert_eq!(connection.idle_since(), Some(born));
        let call = connection.begin(true);
        assert_eq!(connection.idle_since(), None);
        tokio::time::advance(Duration::from_secs(5)).await;
        drop(call);
        assert_eq!(connection.idle_since(), Some(born + Duration::from_secs(5)));
    }

    #[tokio::test(start_paused = true)]
    async fn it_rests_when_its_calls_are_answered_even_if_the_answers_are_not_taken() {
        let connection = Budgets::default().connection();
        let mut call = connection.begin(true);
        assert!(tokio::time::timeout(Duration::from_secs(60), connection.rested()).await.is_err());
        call.answered();
        connection.rested().await;
        assert_eq!(connection.idle_since(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_kept_as_long_as_one_call_needs_it() {
        let connection = Budgets::default().connection();
        connection.unkept().await;
        let (one, other) = (connection.keep(), connection.keep());
        drop(one);
        assert!(tokio::time::timeout(Duration::from_secs(60), connection.unkept()).await.is_err());
        let (ended, ()) = tokio::join!(connection.unkept(), async { drop(other) });
        assert_eq!(ended, ());
    }

    #[test]
    fn an_answer_may_wait_for_a_whole_round_and_not_for_two() {
        let connection = Budgets::default().connection();
        let mut call = connection.begin(true);
        assert!(call.hold_answer(10, true));
        assert!(!connection.next_round());
        assert!(!connection.next_round());
        assert!(connection.next_round());
        drop(call);
        assert!(!connection.next_round() && !connection.next_round() && !connection.next_round());
    }

    #[test]
    fn answers_are_counted_and_large_ones_that_do_not_fit_are_refused() {
        let connection = Budgets::default().connection();
        let mut calls = Vec::new();
        loop {
            let mut call = connection.begin(true);
            if !call.hold_answer(3 << 20, false) {
                break;
            }
            calls.push(call);
        }
        assert_eq!(calls.len(), 6, "half of 36 MiB");
        drop(calls);
        assert_eq!(connection.bytes().held(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_with_an_old_key_may_go_on_asking_and_a_flood_may_not() {
        let connection = Budgets::default().connection();
        for _ in 0..60 {
            (0..100).for_each(|_| connection.refused());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(!connection.0.expelled.is_cancelled());
        (0..20_000).for_each(|_| connection.refused());
        connection.expelled().await;
    }
}
