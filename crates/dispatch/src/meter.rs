//! Metrics of the dispatcher, exported by the command.

use std::fmt::Debug;
use std::time::Duration;

use tenterhook_model::{Excuse, Outcome, Timings};

/// Receives what is to be counted as it arises. Called on the hot path: it must be quick and may not wait.
pub trait Meter: Debug + Send + Sync + 'static {
    /// An attempt ended: `tenterhook.attempts` and `tenterhook.attempt.duration`.
    fn attempt_ended(&self, outcome: Outcome, duration: Duration, timings: &Timings);

    /// An attempt failed by no doing of its receiver and is made again: `tenterhook.attempts.excused`.
    fn excused(&self, excuse: Excuse);

    /// A receiver accepted an event this long after it was published: `tenterhook.delivery.latency`.
    fn delivered(&self, latency: Duration);

    /// This many circuit breakers are open now: `tenterhook.breaker.open`.
    fn breakers_open(&self, count: usize);

    /// An attempt ended in a panic, which is a fault of the server.
    fn panicked(&self);
}

/// Counts nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unmetered;

impl Meter for Unmetered {
    fn attempt_ended(&self, _: Outcome, _: Duration, _: &Timings) {}

    fn excused(&self, _: Excuse) {}

    fn delivered(&self, _: Duration) {}

    fn breakers_open(&self, _: usize) {}

    fn panicked(&self) {}
}
