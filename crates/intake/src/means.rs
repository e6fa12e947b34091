//! What matching works with.

use tenterhook_engine::{Compilations, Render};
use tenterhook_model::{Event, WebhookId, limits};

use crate::failures::FailureLog;
use crate::meter::Meter;

/// What compiles, evaluates and reports for a match.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Means<'a> {
    pub(crate) render: &'a dyn Render,
    pub(crate) compilations: &'a Compilations,
    pub(crate) failures: &'a FailureLog,
    pub(crate) meter: &'a dyn Meter,
}

impl Means<'_> {
    /// Counts a rule that could not be evaluated for an event, and logs it now and then.
    pub(crate) fn report(&self, webhook: WebhookId, rule: usize, event: &Event, error: &str) {
        self.meter.rule_failed();
        let error = &error[..error.floor_char_boundary(limits::ERROR_TEXT_BYTES)];
        if let Some(failures) = self.failures.note((webhook, rule), event.publish_time, error) {
            tracing::warn!(%webhook, rule, failures, event = %event.id, error, "a rule could not be evaluated");
        }
    }
}
