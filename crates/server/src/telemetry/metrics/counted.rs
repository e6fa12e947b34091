//! The metrics that are counted as things happen.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use tenterhook_api::Refused;
use tenterhook_api::access::METHODS;
use tenterhook_model::{DeliveryState, Excuse, Outcome, Timings};

use crate::app::door::Cut;

/// Upper ends of the buckets of all durations, in seconds: from half a millisecond to a day.
const BUCKETS: [f64; 19] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0,
    86_400.0,
];
/// The phases of an attempt, in the order of [`phases`]; the last is the whole of it.
const PHASES: [&str; 7] = ["queued", "render", "dns", "connect", "tls", "first_byte", "total"];
/// The states in which a delivery ends.
pub(super) const FINAL: [DeliveryState; 3] =
    [DeliveryState::Succeeded, DeliveryState::Failed, DeliveryState::Cancelled];

/// The metrics that are counted as things happen.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) publish_duration: Histogram<f64>,
    pub(super) commit_duration: Histogram<f64>,
    pub(super) delivery_latency: Histogram<f64>,
    pub(super) attempt_duration: Histogram<f64>,
    pub(super) events_published: Counter<u64>,
    pub(super) attempts: Counter<u64>,
    pub(super) excused: Counter<u64>,
    pub(super) finished: Counter<u64>,
    pub(super) breaker_changes: Counter<u64>,
    pub(super) panics: Counter<u64>,
    pub(super) refusals: Counter<u64>,
    pub(super) cuts: Counter<u64>,
    pub(super) rule_errors: Counter<u64>,
    /// Attributes are made once: on the hot path they cost more than the counting.
    pub(super) phases: [[KeyValue; 1]; PHASES.len()],
    pub(super) excuses: [[KeyValue; 1]; Excuse::ALL.len()],
    pub(super) states: [[KeyValue; 1]; FINAL.len()],
    pub(super) outcomes: Vec<[KeyValue; 1]>,
}

impl Counted {
    /// Registers them; every counter begins at 0.
    pub(super) fn new(meter: &Meter) -> Self {
        let duration = |name: &'static str, description: &'static str| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(description);
            histogram.with_boundaries(BUCKETS.to_vec()).build()
        };
        let counter = |name: &'static str, unit: &'static str, description: &'static str| {
            meter.u64_counter(name).with_unit(unit).with_description(description).build()
        };
        let counted = Self {
            publish_duration: duration("tenterhook.publish.duration", "From a publish call to its response"),
            commit_duration: duration("tenterhook.store.commit.duration", "From a write to the fsync that covers it"),
            delivery_latency: duration("tenterhook.delivery.latency", "From publish to the receiver's 2xx response"),
            attempt_duration: duration("tenterhook.attempt.duration", "Attempts, whole and by phase"),
            events_published: counter(
                "tenterhook.events.published",
                "{event}",
                "New events; duplicates are not counted",
            ),
            attempts: counter("tenterhook.attempts", "{attempt}", "Attempts by how they ended"),
            excused: counter(
                "tenterhook.attempts.excused",
                "{attempt}",
                "Attempts repeated without blame of the receiver",
            ),
            finished: counter("tenterhook.deliveries.finished", "{delivery}", "Deliveries that ended, by final state"),
            breaker_changes: counter(
                "tenterhook.breaker.changes",
                "{change}",
                "Circuit breakers that opened or closed",
            ),
            panics: counter("tenterhook.panics", "{panic}", "Errors of the server that ended one request or attempt"),
            refusals: counter("tenterhook.refusals", "{call}", "Calls that were refused, by status"),
            cuts: counter("tenterhook.connections.cut", "{connection}", "Connections refused or cut, by reason"),
            rule_errors: counter("tenterhook.rule.errors", "{error}", "Rules that could not be evaluated for an event"),
            phases: PHASES.map(|phase| [KeyValue::new("phase", phase)]),
            excuses: Excuse::ALL.map(|excuse| [KeyValue::new("cause", excuse.as_str())]),
            states: FINAL.map(|state| [KeyValue::new("state", state.as_str().to_ascii_lowercase())]),
            outcomes: Outcome::ALL.map(|outcome| [KeyValue::new("outcome", outcome.as_str())]).to_vec(),
        };
        counted.begin_at_zero();
        counted
    }

    fn begin_at_zero(&self) {
        self.events_published.add(0, &[]);
        self.rule_errors.add(0, &[]);
        self.outcomes.iter().for_each(|outcome| self.attempts.add(0, outcome));
        self.excuses.iter().for_each(|excuse| self.excused.add(0, excuse));
        self.states.iter().for_each(|state| self.finished.add(0, state));
        [true, false].into_iter().for_each(|is_open| self.breaker_changes.add(0, &[breaker(is_open)]));
        Cut::ALL.iter().for_each(|cut| self.cuts.add(0, &[KeyValue::new("reason", cut.as_str())]));
        Refused::ALL.iter().for_each(|why| self.refusals.add(0, &[KeyValue::new("status", why.as_str())]));
        self.panics.add(0, &[KeyValue::new("in", "attempt")]);
        METHODS.iter().for_each(|method| self.panics.add(0, &[KeyValue::new("in", method.path)]));
    }
}

/// The label of a change of a circuit breaker.
pub(super) fn breaker(is_open: bool) -> KeyValue {
    KeyValue::new("to", if is_open { "open" } else { "closed" })
}

/// The durations of an attempt by phase, in the order of their labels.
pub(super) fn phases(timings: &Timings, total: Duration) -> [Option<Duration>; PHASES.len()] {
    let Timings { queued, render, dns, connect, tls, first_byte } = *timings;
    [queued, render, dns, connect, tls, first_byte, Some(total)]
}
