//! Metrics of the intake; the command exports them.

use std::fmt::Debug;

/// Receives what happens at the intake. Called on the hot path: it must be quick and may not wait.
pub trait Meter: Debug + Send + Sync + 'static {
    /// A rule could not be evaluated for an event, which it therefore does not match:
    /// `tenterhook.rule.errors`.
    fn rule_failed(&self);
}

/// Counts nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unmetered;

impl Meter for Unmetered {
    fn rule_failed(&self) {}
}
