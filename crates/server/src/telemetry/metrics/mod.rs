//! The metrics of the server and their names; `docs/OPERATIONS.md` lists them.
//!
//! Counted on the hot path by the dispatcher, the API and the store's writer ([`counted`]), read when
//! somebody asks for what is true now ([`now`], [`process`]). Durations are in seconds. Every counter
//! with known labels begins at 0, so that the first increase is seen.

mod counted;
mod now;
mod process;
mod snapshot;
mod webhooks;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use opentelemetry::KeyValue;
use tenterhook_api::{AuditEntry, CallLabel, CallSpan, Refused};
use tenterhook_model::{Attempt, Clock, DeliveryState, Excuse, Outcome, Timestamp, WebhookId};
use tokio::sync::watch;
use tonic::Code;
use tracing::Span;

use super::audit::Audit;
use super::{Telemetry, trace};
use crate::app::door::Cut;
use counted::{Counted, phases};
use now::Now;
pub(crate) use now::Watched;
pub(crate) use snapshot::Snapshot;
use webhooks::Webhooks;

/// The metrics of one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    counted: Counted,
    now: Arc<Now>,
    webhooks: Arc<Webhooks>,
    audit: Arc<Audit>,
    /// Whether calls get a span.
    traced: bool,
}

impl Metrics {
    /// Registers every metric with `telemetry`.
    pub(crate) fn new(telemetry: &Telemetry, clock: Arc<dyn Clock>) -> Self {
        let meter = &telemetry.meter();
        process::observe(meter, clock.now());
        let now = Arc::new(Now::new(clock));
        now::observe(meter, &now);
        let webhooks = Arc::new(Webhooks::default());
        webhooks::observe(meter, &webhooks);
        let (audit, traced) = (telemetry.audit(), telemetry.exports_spans());
        Self { counted: Counted::new(meter), now, webhooks, audit, traced }
    }

    /// This many connections are open to the API.
    pub(crate) fn connections(&self, count: usize) {
        self.now.connections.store(count as u64, Ordering::Relaxed);
    }

    /// This node serves: it makes so many attempts at once, and others make more for it.
    pub(crate) fn attempts(&self, here: usize, elsewhere: watch::Receiver<usize>) {
        let set = self.now.attempts.set((here, elsewhere));
        assert!(set.is_ok(), "a node begins to serve once");
    }

    /// A connection was refused or cut.
    pub(crate) fn connection_cut(&self, why: Cut) {
        self.counted.cuts.add(1, &[KeyValue::new("reason", why.as_str())]);
    }

    /// What is open in the store now.
    pub(crate) fn sampled(&self, snapshot: Snapshot) {
        self.webhooks.sampled(&snapshot.named);
        self.now.sampled(snapshot);
    }

    /// What is older than `clear` is gone, apart from events that wait for a delivery; records are
    /// to be kept for `keep`.
    pub(crate) fn retained(&self, clear: Timestamp, keep: Duration) {
        self.now.retained(clear, keep);
    }

    /// A file that the server watches was read: why what it says is not in force, if it is not, and
    /// when what is in force expires; `None` leaves that as it was.
    pub(crate) fn watched(&self, file: Watched, problem: Option<String>, expiry: Option<Timestamp>) {
        self.now.watched(file, problem, expiry);
    }

    /// The files that the server watches, by their settings, with what is wrong with them.
    pub(crate) fn watched_files(&self) -> Vec<(&'static str, Option<String>)> {
        self.now.watched_files()
    }
}

impl tenterhook_dispatch::Meter for Metrics {
    fn attempt_ended(&self, webhook: WebhookId, attempt: &Attempt) {
        let position = Outcome::ALL.iter().position(|known| *known == attempt.outcome);
        let position = position.expect("Outcome::ALL has every outcome");
        self.counted.attempts.add(1, &self.counted.outcomes[position]);
        for (took, phase) in phases(&attempt.timings, attempt.duration).into_iter().zip(&self.counted.phases) {
            if let Some(took) = took {
                self.counted.attempt_duration.record(took.as_secs_f64(), phase);
            }
        }
        self.webhooks.attempted(webhook, attempt.outcome == Outcome::Success);
    }

    fn excused(&self, excuse: Excuse) {
        self.counted.excused.add(1, &self.counted.excuses[excuse as usize]);
    }

    fn delivered(&self, latency: Duration) {
        self.counted.delivery_latency.record(latency.as_secs_f64(), &[]);
    }

    fn breaker_changed(&self, is_open: bool) {
        self.counted.breaker_changes.add(1, &[counted::breaker(is_open)]);
    }

    fn panicked(&self) {
        self.counted.panics.add(1, &[KeyValue::new("in", "attempt")]);
    }
}

impl tenterhook_store::CommitObserver for Metrics {
    fn committed(&self, _items: usize, took: Duration) {
        self.counted.commit_duration.record(took.as_secs_f64(), &[]);
    }

    fn finished(&self, webhook: WebhookId, state: DeliveryState) {
        let Some(position) = counted::FINAL.iter().position(|known| *known == state) else { return };
        self.counted.finished.add(1, &self.counted.states[position]);
        self.webhooks.finished(webhook, position);
    }
}

impl tenterhook_intake::Meter for Metrics {
    fn rule_failed(&self) {
        self.counted.rule_errors.add(1, &[]);
    }
}

impl tenterhook_api::Meter for Metrics {
    fn begin(&self, label: &CallLabel<'_>) -> CallSpan {
        if self.traced {
            return trace::call(label);
        }
        CallSpan { span: Span::none(), traceparent: label.parent.map(str::to_owned) }
    }

    fn ended(&self, span: &Span, code: Code) {
        if self.traced {
            trace::call_ended(span, code);
        }
    }

    fn published(&self, took: Duration, events: usize) {
        self.counted.publish_duration.record(took.as_secs_f64(), &[]);
        self.counted.events_published.add(events as u64, &[]);
    }

    fn watchers(&self, count: usize) {
        self.now.watchers.store(count as u64, Ordering::Relaxed);
    }

    fn refused(&self, why: Refused) {
        self.counted.refusals.add(1, &[KeyValue::new("status", why.as_str())]);
    }

    fn panicked(&self, method: &'static str) {
        self.counted.panics.add(1, &[KeyValue::new("in", method)]);
    }

    fn audited(&self, entry: &AuditEntry<'_>) {
        self.audit.write(entry, self.now.now());
    }
}
