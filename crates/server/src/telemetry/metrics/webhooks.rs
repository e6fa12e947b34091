//! Series of single webhooks, for as many as `--webhook-metrics` allows: their number is bounded, and
//! the series of a webhook end when it is deleted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use tenterhook_model::WebhookId;

use super::counted::FINAL;
use super::snapshot::{Named, STATES};

/// What is counted and known of one webhook.
#[derive(Debug)]
struct Series {
    known: Named,
    succeeded: u64,
    failed: u64,
    finished: [u64; FINAL.len()],
}

impl Series {
    fn new(known: Named) -> Self {
        Self { known, succeeded: 0, failed: 0, finished: [0; FINAL.len()] }
    }

    fn labels(&self) -> [KeyValue; 2] {
        [KeyValue::new("namespace", self.known.namespace.clone()), KeyValue::new("webhook", self.known.name.clone())]
    }

    /// Its labels and one more.
    fn with(&self, key: &'static str, value: &str) -> [KeyValue; 3] {
        let [namespace, webhook] = self.labels();
        [namespace, webhook, KeyValue::new(key, value.to_owned())]
    }
}

/// The webhooks that have series of their own.
#[derive(Debug, Default)]
pub(super) struct Webhooks(Mutex<HashMap<WebhookId, Series>>);

impl Webhooks {
    fn series(&self) -> MutexGuard<'_, HashMap<WebhookId, Series>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over which webhooks there are, and what is known of them.
    pub(super) fn sampled(&self, named: &[Named]) {
        let mut series = self.series();
        let mut before = std::mem::take(&mut *series);
        for known in named {
            let of_webhook = match before.remove(&known.id) {
                Some(series) => Series { known: known.clone(), ..series },
                None => Series::new(known.clone()),
            };
            series.insert(known.id, of_webhook);
        }
    }

    /// An attempt ended.
    pub(super) fn attempted(&self, webhook: WebhookId, succeeded: bool) {
        if let Some(series) = self.series().get_mut(&webhook) {
            series.succeeded += u64::from(succeeded);
            series.failed += u64::from(!succeeded);
        }
    }

    /// A delivery reached the final state at this place of [`FINAL`].
    pub(super) fn finished(&self, webhook: WebhookId, place: usize) {
        if let Some(series) = self.series().get_mut(&webhook) {
            series.finished[place] += 1;
        }
    }
}

/// Registers them.
pub(super) fn observe(meter: &Meter, webhooks: &Arc<Webhooks>) {
    let attempts = webhooks.clone();
    meter
        .u64_observable_counter("tenterhook.webhook.attempts")
        .with_unit("{attempt}")
        .with_description("Attempts of a webhook, by result")
        .with_callback(move |observer| {
            for series in attempts.series().values() {
                observer.observe(series.succeeded, &series.with("result", "success"));
                observer.observe(series.failed, &series.with("result", "failure"));
            }
        })
        .build();
    let finished = webhooks.clone();
    meter
        .u64_observable_counter("tenterhook.webhook.deliveries.finished")
        .with_unit("{delivery}")
        .with_description("Deliveries of a webhook that ended, by final state")
        .with_callback(move |observer| {
            for series in finished.series().values() {
                for (state, count) in FINAL.iter().zip(series.finished) {
                    observer.observe(count, &series.with("state", &state.as_str().to_ascii_lowercase()));
                }
            }
        })
        .build();
    observe_state(meter, webhooks);
}

fn observe_state(meter: &Meter, webhooks: &Arc<Webhooks>) {
    let gauge = |name: &'static str, unit: &'static str, description: &'static str| {
        meter.u64_observable_gauge(name).with_unit(unit).with_description(description)
    };
    let waiting = webhooks.clone();
    gauge("tenterhook.webhook.deliveries.waiting", "{delivery}", "Deliveries of a webhook that wait")
        .with_callback(move |observer| {
            let all = waiting.series();
            all.values().for_each(|series| observer.observe(series.known.waiting, &series.labels()));
        })
        .build();
    let states = webhooks.clone();
    gauge("tenterhook.webhook.state", "", "1 for the state that a webhook is in")
        .with_callback(move |observer| {
            let all = states.series();
            all.values().for_each(|series| observer.observe(1, &series.with("state", STATES[series.known.state])));
        })
        .build();
    let breakers = webhooks.clone();
    gauge("tenterhook.webhook.breaker.open", "", "1 while the circuit breaker of an active webhook is open")
        .with_callback(move |observer| {
            let all = breakers.series();
            all.values().for_each(|series| observer.observe(u64::from(series.known.breaker_open), &series.labels()));
        })
        .build();
}
