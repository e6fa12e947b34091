//! What the log says of webhooks: each change of state once, with the webhook's name, what its receiver
//! said last, and what comes next.
//!
//! Lines whose number depends on the load are limited by the minute, and say how many were left out.

use std::collections::HashMap;
use std::time::Duration;

use tenterhook_model::{Attempt, Excuse, Outcome, Quiet, Timestamp};
use tenterhook_store::Settlement;
use tokio::time::Instant;

use crate::lane::Lane;

/// Lines a minute on circuit breakers; a cloud that fails changes thousands of them.
const BREAKERS: u32 = 20;
/// Lines a minute on deliveries that are given up.
const GIVE_UPS: u32 = 20;
/// Lines a minute on webhooks that are suspended; who resumes them again and again makes no log of it.
const SUSPENSIONS: u32 = 20;
/// Lines a minute, for each cause, on attempts that fail without blame of their receivers.
const EXCUSES: u32 = 1;

/// The limited lines.
#[derive(Debug)]
pub(crate) struct Stories {
    breakers: Quiet<Instant>,
    give_ups: Quiet<Instant>,
    suspensions: Quiet<Instant>,
    excuses: HashMap<Excuse, Quiet<Instant>>,
}

impl Default for Stories {
    fn default() -> Self {
        Self {
            breakers: Quiet::new(BREAKERS),
            give_ups: Quiet::new(GIVE_UPS),
            suspensions: Quiet::new(SUSPENSIONS),
            excuses: Excuse::ALL.map(|excuse| (excuse, Quiet::new(EXCUSES))).into(),
        }
    }
}

impl Stories {
    /// The circuit breaker of the lane opened or closed with this outcome.
    pub(crate) fn breaker(&mut self, lane: &Lane, settlement: &Settlement, (now, instant): (Timestamp, Instant)) {
        let Some(left_out) = self.breakers.speak(instant) else { return };
        let webhook = lane.webhook();
        let (id, name, namespace) = (webhook.id, &webhook.spec.display_name, &webhook.namespace);
        let (health, said) = (lane.health(), Said::of(settlement));
        let (last, trace_id) = (&said.last, said.trace_id);
        match health.next_probe {
            Some(probe) => {
                let (failures, next_probe) = (health.consecutive_failures, whole_seconds(probe.since(now)));
                tracing::warn!(webhook = name, %id, %namespace, failures, last, ?next_probe, trace_id, left_out, "circuit breaker opened");
            }
            None => {
                tracing::info!(webhook = name, %id, %namespace, last, trace_id, left_out, "circuit breaker closed; deliveries go on");
            }
        }
    }

    /// The delivery was given up after this outcome.
    pub(crate) fn gave_up(&mut self, lane: &Lane, settlement: &Settlement, instant: Instant) {
        let Some(left_out) = self.give_ups.speak(instant) else { return };
        let webhook = lane.webhook();
        let (id, name, namespace) = (webhook.id, &webhook.spec.display_name, &webhook.namespace);
        let Said { last, attempts, trace_id } = Said::of(settlement);
        let delivery = settlement.delivery_id;
        tracing::warn!(webhook = name, %id, %namespace, %delivery, attempts, last, trace_id, left_out, "delivery given up; RetryDelivery sends it again");
    }

    /// The attempt failed by no doing of the receiver, and is repeated.
    pub(crate) fn excused(&mut self, lane: &Lane, attempt: &Attempt, (excuse, instant): (Excuse, Instant)) {
        let quiet = self.excuses.get_mut(&excuse).expect("every excuse has its lines");
        let Some(left_out) = quiet.speak(instant) else { return };
        let webhook = lane.webhook();
        let (id, name, namespace) = (webhook.id, &webhook.spec.display_name, &webhook.namespace);
        let (cause, error) = (excuse.as_str(), &attempt.error);
        tracing::warn!(webhook = name, %id, %namespace, cause, error, left_out, "an attempt failed by no doing of the receiver; it is repeated");
    }

    /// The webhook is suspended with this outcome, until somebody resumes it.
    pub(crate) fn suspended(&mut self, lane: &Lane, settlement: &Settlement, (reason, instant): (&str, Instant)) {
        let Some(left_out) = self.suspensions.speak(instant) else { return };
        let webhook = lane.webhook();
        let (id, name, namespace) = (webhook.id, &webhook.spec.display_name, &webhook.namespace);
        let (failures, Said { last, trace_id, .. }) = (lane.health().consecutive_failures, Said::of(settlement));
        tracing::warn!(webhook = name, %id, %namespace, reason, failures, last, trace_id, left_out, "webhook suspended; its deliveries wait for ResumeWebhook");
    }
}

/// What the last attempt has to say.
struct Said<'a> {
    /// The status of the receiver, or the outcome. Nothing else of a response: it may hold a secret.
    last: String,
    /// Attempts so far.
    attempts: u32,
    trace_id: &'a str,
}

impl<'a> Said<'a> {
    fn of(settlement: &'a Settlement) -> Self {
        let Some(attempt) = settlement.attempt.as_deref() else {
            return Self { last: "it expired".to_owned(), attempts: 0, trace_id: "" };
        };
        Self { last: last(attempt), attempts: attempt.number, trace_id: &attempt.trace_id }
    }
}

fn last(attempt: &Attempt) -> String {
    match (&attempt.response, attempt.outcome) {
        (Some(response), Outcome::HttpStatus | Outcome::Success) => format!("HTTP {}", response.status),
        (_, outcome) => outcome.as_str().to_owned(),
    }
}

fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs_f64().round() as u64)
}
