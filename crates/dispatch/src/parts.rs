//! What the dispatcher works with.

use std::sync::Arc;

use tenterhook_attempt::{AttemptTrace, Elsewhere, Tools};
use tenterhook_engine::{Compilations, Contexts, Render};
use tenterhook_model::{Clock, Entropy};
use tenterhook_store::Dispatching;

use crate::meter::Meter;

/// What the dispatcher works with, apart from the deliverer.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where deliveries come from and outcomes go.
    pub store: Arc<dyn Dispatching>,
    /// Renders and signs.
    pub render: Arc<dyn Render>,
    /// Compiled webhooks, shared with the API.
    pub compilations: Arc<Compilations>,
    /// The contexts of events in memory, shared with the intake.
    pub contexts: Arc<Contexts>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Chance for the jitter of retries.
    pub entropy: Arc<dyn Entropy>,
    /// Counts attempts.
    pub meter: Arc<dyn Meter>,
    /// Makes the spans of attempts.
    pub trace: Arc<dyn AttemptTrace>,
    /// Other nodes that make attempts for this one.
    pub elsewhere: Arc<dyn Elsewhere>,
}

impl Parts {
    /// The part that makes attempts.
    pub(crate) fn tools(&self) -> Tools<'_> {
        Tools { render: &*self.render, compilations: &self.compilations, clock: &*self.clock, trace: &*self.trace }
    }
}
