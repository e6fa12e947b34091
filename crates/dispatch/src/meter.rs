//! Metrics of the dispatcher, exported by the command.

use std::fmt::Debug;
use std::time::Duration;

use tenterhook_model::{Attempt, Excuse, WebhookId};

/// Receives what is to be counted as it arises. Called on the hot path: it must be quick and may not wait.
pub trait Meter: Debug + Send + Sync + 'static {
    /// An attempt ended: `tenterhook.attempts` and `tenterhook.attempt.duration`.
    fn attempt_ended(&self, webhook: WebhookId, attempt: &Attempt);

    /// An attempt failed by no doing of its receiver and is made again: `tenterhook.attempts.excused`.
    fn excused(&self, excuse: Excuse);

    /// A receiver accepted an event this long after it was published: `tenterhook.delivery.latency`.
    fn delivered(&self, latency: Duration);

    /// A circuit breaker opened or closed: `tenterhook.breaker.changes`.
    fn breaker_changed(&self, is_open: bool);

    /// An attempt ended in a panic, which is a fault of the server.
    fn panicked(&self);
}

/// Counts nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unmetered;

impl Meter for Unmetered {
    fn attempt_ended(&self, _: WebhookId, _: &Attempt) {}

    fn excused(&self, _: Excuse) {}

    fn delivered(&self, _: Duration) {}

    fn breaker_changed(&self, _: bool) {}

    fn panicked(&self) {}
}
