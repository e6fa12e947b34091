//! Chance and time as a seed has them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tenterhook_model::{Clock, Entropy, Timestamp};
use tokio::time::Instant;

/// A sequence of numbers that a seed determines (SplitMix64, Steele et al. 2014).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A sequence of its own, so that more rolls here change nothing elsewhere.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.roll())
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.roll() % (high - low + 1)
    }

    /// True in `percent` of 100 cases.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.between(0, 99) < percent
    }

    pub(crate) fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    pub(crate) fn seconds(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_secs(self.between(low, high))
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.between(0, from.len() as u64 - 1) as usize].clone()
    }

    /// What `make` makes in `percent` of 100 cases.
    pub(crate) fn maybe<T>(&mut self, percent: u64, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.percent(percent).then(|| make(self))
    }
}

/// The chance of the parts under test.
#[derive(Debug)]
pub(crate) struct SeededEntropy(Mutex<Dice>);

impl SeededEntropy {
    pub(crate) fn new(dice: Dice) -> Self {
        Self(Mutex::new(dice))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut dice = self.0.lock().unwrap();
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&dice.roll().to_be_bytes()[..chunk.len()]);
        }
    }
}

/// The wall clock of the simulated machine: the runtime's paused time, and the jumps that
/// somebody made it do.
#[derive(Debug)]
pub(crate) struct SimClock {
    begin: Instant,
    jumped_millis: AtomicI64,
}

/// 2026-01-01T00:00:00Z in milliseconds.
const BEGIN_MILLIS: i64 = 1_767_225_600_000;

impl SimClock {
    pub(crate) fn new() -> Self {
        Self { begin: Instant::now(), jumped_millis: AtomicI64::new(0) }
    }

    /// What the clock says at the beginning.
    pub(crate) fn begin() -> Timestamp {
        Timestamp::from_millis(BEGIN_MILLIS)
    }

    /// Sets the clock forward or back.
    pub(crate) fn jump(&self, millis: i64) {
        self.jumped_millis.fetch_add(millis, Ordering::SeqCst);
    }

    /// Time since the beginning, without the jumps.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let begin = Timestamp::from_millis(BEGIN_MILLIS + self.jumped_millis.load(Ordering::SeqCst));
        begin.after(self.begin.elapsed())
    }
}
