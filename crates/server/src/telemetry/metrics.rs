//! The figures of the server and their names; `docs/OPERATIONS.md` lists them.
//!
//! Counted on the hot path by the dispatcher and the API, read from the store for what is
//! open now. Durations are in seconds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter as OtelMeter};
use tenterhook_api::{CallLabel, CallSpan, Refused};
use tenterhook_model::{Clock, Excuse, Outcome, Timestamp, Timings};
use tenterhook_store::Gauges;
use tracing::Span;

use super::{Telemetry, trace};
use crate::app::door::Cut;

/// Upper ends of the buckets of all durations, in seconds: from half a millisecond to a day.
const BUCKETS: [f64; 19] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0,
    86_400.0,
];
/// The phases of an attempt, in the order of [`phases`]; the last is the whole of it.
const PHASES: [&str; 7] = ["queued", "render", "dns", "connect", "tls", "first_byte", "total"];

/// The figures that are counted as things happen.
#[derive(Debug)]
pub(crate) struct Metrics {
    publish_duration: Histogram<f64>,
    commit_duration: Histogram<f64>,
    delivery_latency: Histogram<f64>,
    attempt_duration: Histogram<f64>,
    attempts: Counter<u64>,
    excused: Counter<u64>,
    panics: Counter<u64>,
    refusals: Counter<u64>,
    cuts: Counter<u64>,
    rule_errors: Counter<u64>,
    /// Attributes are made once: on the hot path they cost more than the counting.
    phases: [[KeyValue; 1]; PHASES.len()],
    excuses: [[KeyValue; 1]; Excuse::ALL.len()],
    outcomes: Vec<[KeyValue; 1]>,
    now: Arc<Now>,
    /// Whether calls get a span.
    traced: bool,
}

/// The figures that are read when somebody asks.
#[derive(Debug)]
struct Now {
    clock: Arc<dyn Clock>,
    gauges: Mutex<Gauges>,
    breakers_open: AtomicU64,
    watchers: AtomicU64,
    /// What is older than this is gone, and how long records are kept; `None` before the first look.
    retained: Mutex<Option<(Timestamp, Duration)>>,
    connections: AtomicU64,
}

impl Now {
    fn gauges(&self) -> Gauges {
        *self.gauges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Metrics {
    /// Registers every figure with `telemetry`.
    pub(crate) fn new(telemetry: &Telemetry, clock: Arc<dyn Clock>) -> Self {
        let meter = &telemetry.meter();
        let duration = |name: &'static str, description: &'static str| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(description);
            histogram.with_boundaries(BUCKETS.to_vec()).build()
        };
        let counter = |name: &'static str, description: &'static str| {
            meter.u64_counter(name).with_description(description).build()
        };
        let now = Arc::new(Now {
            clock,
            gauges: Mutex::default(),
            breakers_open: AtomicU64::new(0),
            watchers: AtomicU64::new(0),
            retained: Mutex::default(),
            connections: AtomicU64::new(0),
        });
        observe(meter, &now);
        Self {
            publish_duration: duration("tenterhook.publish.duration", "From a publish call to its answer"),
            commit_duration: duration("tenterhook.store.commit.duration", "From a write to the fsync that covers it"),
            delivery_latency: duration("tenterhook.delivery.latency", "From publish to the receiver's 2xx answer"),
            attempt_duration: duration("tenterhook.attempt.duration", "Attempts, whole and by phase"),
            attempts: counter("tenterhook.attempts", "Attempts by how they ended"),
            panics: counter("tenterhook.panics", "Faults of the server that ended one request or attempt"),
            refusals: counter("tenterhook.refusals", "Calls that were refused, by status"),
            cuts: counter("tenterhook.connections.cut", "Connections that were refused or cut, by reason"),
            rule_errors: counter("tenterhook.rule.errors", "Rules that could not be evaluated for an event"),
            phases: PHASES.map(|phase| [KeyValue::new("phase", phase)]),
            excused: counter("tenterhook.attempts.excused", "Attempts that failed by no doing of their receiver"),
            excuses: Excuse::ALL.map(|excuse| [KeyValue::new("cause", excuse.as_str())]),
            outcomes: Outcome::ALL.map(|outcome| [KeyValue::new("outcome", outcome.as_str())]).to_vec(),
            now,
            traced: telemetry.exports_spans(),
        }
    }

    /// This many connections are open to the API.
    pub(crate) fn connections(&self, count: usize) {
        self.now.connections.store(count as u64, Ordering::Relaxed);
    }

    /// A connection was refused or cut.
    pub(crate) fn connection_cut(&self, why: Cut) {
        self.cuts.add(1, &[KeyValue::new("reason", why.as_str())]);
    }

    /// What the store told to be open now.
    pub(crate) fn sampled(&self, gauges: Gauges) {
        *self.now.gauges.lock().unwrap_or_else(PoisonError::into_inner) = gauges;
    }

    /// What is older than `clear` is gone, apart from events that wait for a delivery; records are
    /// to be kept for `keep`.
    pub(crate) fn retained(&self, clear: Timestamp, keep: Duration) {
        *self.now.retained.lock().unwrap_or_else(PoisonError::into_inner) = Some((clear, keep));
    }
}

/// Registers the figures that are read when somebody asks.
fn observe(meter: &OtelMeter, now: &Arc<Now>) {
    let gauge = |name: &'static str, unit: &'static str, description: &'static str| {
        meter.f64_observable_gauge(name).with_unit(unit).with_description(description)
    };
    let states = now.clone();
    gauge("tenterhook.deliveries.open", "", "Deliveries that are not final, by state")
        .with_callback(move |observer| {
            let gauges = states.gauges();
            for (state, count) in
                [("pending", gauges.pending), ("in_flight", gauges.in_flight), ("retrying", gauges.retrying)]
            {
                observer.observe(count as f64, &[KeyValue::new("state", state)]);
            }
        })
        .build();
    let oldest = now.clone();
    gauge("tenterhook.oldest_pending_age", "s", "Age of the oldest delivery that is not final; 0 when none is open")
        .with_callback(move |observer| {
            let age = oldest.gauges().oldest_open.map_or(Duration::ZERO, |time| oldest.clock.now().since(time));
            observer.observe(age.as_secs_f64(), &[]);
        })
        .build();
    let retained = now.clone();
    gauge("tenterhook.retention.lag", "s", "How far beyond the retention the oldest record may be that is still kept")
        .with_callback(move |observer| {
            let state = *retained.retained.lock().unwrap_or_else(PoisonError::into_inner);
            let lag = state.map_or(Duration::ZERO, |(clear, keep)| retained.clock.now().before(keep).since(clear));
            observer.observe(lag.as_secs_f64(), &[]);
        })
        .build();
    let size = now.clone();
    gauge("tenterhook.store.size", "By", "Bytes that the store takes")
        .with_callback(move |observer| observer.observe(size.gauges().size_bytes as f64, &[]))
        .build();
    let breakers = now.clone();
    gauge("tenterhook.breaker.open", "", "Webhooks whose circuit breaker is open")
        .with_callback(move |observer| observer.observe(breakers.breakers_open.load(Ordering::Relaxed) as f64, &[]))
        .build();
    let watchers = now.clone();
    gauge("tenterhook.watchers", "", "WatchDeliveries streams that are open")
        .with_callback(move |observer| observer.observe(watchers.watchers.load(Ordering::Relaxed) as f64, &[]))
        .build();
    let connections = now.clone();
    gauge("tenterhook.connections", "", "Connections that are open to the API")
        .with_callback(move |observer| observer.observe(connections.connections.load(Ordering::Relaxed) as f64, &[]))
        .build();
}

fn phases(timings: &Timings, total: Duration) -> [Option<Duration>; PHASES.len()] {
    let Timings { queued, render, dns, connect, tls, first_byte } = *timings;
    [queued, render, dns, connect, tls, first_byte, Some(total)]
}

impl tenterhook_dispatch::Meter for Metrics {
    fn attempt_ended(&self, outcome: Outcome, duration: Duration, timings: &Timings) {
        let position = Outcome::ALL.iter().position(|known| *known == outcome);
        let position = position.expect("Outcome::ALL has every outcome");
        self.attempts.add(1, &self.outcomes[position]);
        for (took, phase) in phases(timings, duration).into_iter().zip(&self.phases) {
            if let Some(took) = took {
                self.attempt_duration.record(took.as_secs_f64(), phase);
            }
        }
    }

    fn excused(&self, excuse: Excuse) {
        self.excused.add(1, &self.excuses[excuse as usize]);
    }

    fn delivered(&self, latency: Duration) {
        self.delivery_latency.record(latency.as_secs_f64(), &[]);
    }

    fn breakers_open(&self, count: usize) {
        self.now.breakers_open.store(count as u64, Ordering::Relaxed);
    }

    fn panicked(&self) {
        self.panics.add(1, &[KeyValue::new("in", "attempt")]);
    }
}

impl tenterhook_store::CommitObserver for Metrics {
    fn committed(&self, _items: usize, took: Duration) {
        self.commit_duration.record(took.as_secs_f64(), &[]);
    }
}

impl tenterhook_intake::Meter for Metrics {
    fn rule_failed(&self) {
        self.rule_errors.add(1, &[]);
    }
}

impl tenterhook_api::Meter for Metrics {
    fn begin(&self, label: &CallLabel<'_>) -> CallSpan {
        if self.traced {
            return trace::call(label);
        }
        CallSpan { span: Span::none(), traceparent: label.parent.map(str::to_owned) }
    }

    fn published(&self, took: Duration, _events: usize) {
        self.publish_duration.record(took.as_secs_f64(), &[]);
    }

    fn watchers(&self, count: usize) {
        self.now.watchers.store(count as u64, Ordering::Relaxed);
    }

    fn refused(&self, why: Refused) {
        self.refusals.add(1, &[KeyValue::new("status", why.as_str())]);
    }

    fn panicked(&self, method: &'static str) {
        self.panics.add(1, &[KeyValue::new("in", method)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_api::Meter as _;
    use tenterhook_dispatch::Meter as _;
    use tenterhook_intake::Meter as _;
    use tenterhook_store::CommitObserver as _;

    #[derive(Debug)]
    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0)
        }
    }

    #[test]
    fn every_figure_of_the_contract_is_in_the_prometheus_text() {
        let telemetry = Telemetry::quiet().unwrap();
        let metrics = Metrics::new(&telemetry, Arc::new(At(60_000)));
        metrics.published(Duration::from_millis(2), 1);
        metrics.committed(3, Duration::from_millis(1));
        metrics.delivered(Duration::from_millis(3));
        metrics.excused(Excuse::Local);
        metrics.breakers_open(2);
        metrics.watchers(1);
        metrics.refused(Refused::NotGrpc);
        metrics.connections(3);
        metrics.connection_cut(Cut::Late);
        metrics.rule_failed();
        let timings = Timings { render: Some(Duration::from_micros(40)), ..Timings::default() };
        metrics.attempt_ended(Outcome::Timeout, Duration::from_secs(15), &timings);
        let oldest_open = Some(Timestamp::from_millis(18_000));
        metrics.sampled(Gauges { retrying: 4, oldest_open, size_bytes: 4_096, ..Gauges::default() });
        metrics.retained(Timestamp::from_millis(48_000), Duration::from_secs(5));
        let text = telemetry.prometheus_text();
        for line in [
            "tenterhook_publish_duration_seconds_count 1",
            "tenterhook_store_commit_duration_seconds_count 1",
            "tenterhook_delivery_latency_seconds_bucket{le=\"0.005\"} 1",
            "tenterhook_attempts_total{outcome=\"timeout\"} 1",
            "tenterhook_attempts_excused_total{cause=\"local\"} 1",
            "tenterhook_attempt_duration_seconds_count{phase=\"total\"} 1",
            "tenterhook_attempt_duration_seconds_count{phase=\"render\"} 1",
            "tenterhook_deliveries_open{state=\"retrying\"} 4",
            "tenterhook_oldest_pending_age_seconds 42",
            "tenterhook_retention_lag_seconds 7",
            "tenterhook_breaker_open 2",
            "tenterhook_watchers 1",
            "tenterhook_refusals_total{status=\"not_grpc\"} 1",
            "tenterhook_connections 3",
            "tenterhook_connections_cut_total{reason=\"late\"} 1",
            "tenterhook_rule_errors_total 1",
            "tenterhook_store_size_bytes 4096",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
        let page = include_str!("../../../../docs/OPERATIONS.md");
        for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE tenterhook_")) {
            let name = line.split(' ').next().unwrap_or_default();
            assert!(page.contains(&format!("`tenterhook_{name}`")), "{name} is not in the operations page");
        }
        assert!(!text.contains("phase=\"dns\""), "a phase that was not reached is not counted");
    }
}
