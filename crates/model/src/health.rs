//! How a webhook's receiver has been doing; kept by the store with the webhook.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::attempt::{Attempt, Outcome};
use crate::delivery::Delivery;
use crate::id::{DeliveryId, EventId};
use crate::request::CapturedResponse;
use crate::time::Timestamp;

/// The recent fate of a webhook's attempts, and what its circuit breaker makes of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookHealth {
    /// Failures since the last success.
    pub consecutive_failures: u32,
    /// When the first of these failures was.
    pub failing_since: Option<Timestamp>,
    /// How long nothing but failures has been seen. Between two attempts no more than a part of
    /// the time counts, so that neither a clock that was set forward nor a server that was down
    /// makes a receiver look bad.
    pub failing_for: Duration,
    /// The last attempt that succeeded.
    pub last_success: Option<Timestamp>,
    /// The last attempt that failed.
    pub last_failure: Option<Timestamp>,
    /// When the next probe is due; `None` while the breaker is closed.
    pub next_probe: Option<Timestamp>,
    /// Probes that failed since the breaker opened; each doubles the wait for the next.
    pub failed_probes: u32,
    /// The receiver asked to be sent nothing before this time (`Retry-After`); set until an
    /// attempt that began later has ended.
    pub not_before: Option<Timestamp>,
    /// When the next request would come in an even flow at the webhook's rate; `None` without a rate.
    pub rate_time: Option<Timestamp>,
    /// The last attempt that failed, in short.
    pub last_error: Option<FailureSummary>,
}

/// A failed attempt in short, as the health of its webhook keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureSummary {
    /// The delivery that was attempted.
    pub delivery_id: DeliveryId,
    /// Its event.
    pub event_id: EventId,
    /// The number of the attempt, from 1.
    pub number: u32,
    /// When it ended.
    pub time: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// How it ended, by the name of the outcome.
    outcome: String,
    /// The status of the response, if there was one.
    pub status: Option<u16>,
    /// What went wrong, in words.
    pub error: String,
    /// The beginning of the response's body, if that is UTF-8; at most [`Self::ANSWER_BYTES`].
    pub answer: String,
}

impl FailureSummary {
    /// Bytes of a response that are kept: two lines of a terminal.
    pub const ANSWER_BYTES: usize = 160;

    /// The summary of an attempt of this delivery.
    pub fn of(delivery: &Delivery, attempt: &Attempt) -> Self {
        Self {
            delivery_id: delivery.id,
            event_id: delivery.event_id.clone(),
            number: attempt.number,
            time: attempt.start_time.after(attempt.duration),
            duration: attempt.duration,
            outcome: attempt.outcome.as_str().to_owned(),
            status: attempt.response.as_ref().map(|response| response.status),
            error: attempt.error.clone(),
            answer: attempt.response.as_ref().map(beginning).unwrap_or_default(),
        }
    }

    /// How the attempt ended; `None` when a later version of the server named the outcome.
    pub fn outcome(&self) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == self.outcome)
    }
}

/// The beginning of a body that is text; empty when it is not.
fn beginning(response: &CapturedResponse) -> String {
    let bytes = &response.body[..response.body.len().min(FailureSummary::ANSWER_BYTES)];
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // Only the last character may be cut in half.
        Err(error) if error.error_len().is_none() => {
            String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()
        }
        Err(_) => String::new(),
    }
}

impl WebhookHealth {
    /// The health of a webhook that somebody resumed: the breaker is closed, and what failed
    /// before no longer counts. What its rate has let through does, and what the receiver asked for.
    pub fn resumed(&self) -> Self {
        Self {
            last_success: self.last_success,
            last_failure: self.last_failure,
            not_before: self.not_before,
            rate_time: self.rate_time,
            last_error: self.last_error.clone(),
            ..Self::default()
        }
    }

    /// The health after a person asked that the webhook be sent to at `now`: an open breaker, or a
    /// receiver that asked to be left alone, lets one request through at once. If that fails, the
    /// waits of the breaker start again from the shortest.
    #[must_use]
    pub fn asked(self, now: Timestamp) -> Self {
        let at_once = |time: Option<Timestamp>| time.map(|time| time.min(now));
        Self { next_probe: at_once(self.next_probe), not_before: at_once(self.not_before), failed_probes: 0, ..self }
    }

    /// Whether the breaker holds deliveries back.
    pub fn circuit_open(&self) -> bool {
        self.next_probe.is_some()
    }

    /// The same health by a clock that says `now`.
    ///
    /// No attempt can have ended later than now. If one has, the clock was set back since, and
    /// every time moves back by as much, so that no wait becomes longer than it was.
    #[must_use]
    pub fn by_clock(self, now: Timestamp) -> Self {
        let ahead = self.last_success.max(self.last_failure).map_or(Duration::ZERO, |last| last.since(now));
        if ahead.is_zero() {
            return self;
        }
        let back = |time: Option<Timestamp>| time.map(|time| time.before(ahead));
        Self {
            failing_since: back(self.failing_since),
            last_success: back(self.last_success),
            last_failure: back(self.last_failure),
            next_probe: back(self.next_probe),
            not_before: back(self.not_before),
            rate_time: back(self.rate_time),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::DeliveryState;
    use crate::id::{Lane, WebhookId};
    use crate::namespace::Namespace;

    fn at(seconds: i64) -> Option<Timestamp> {
        Timestamp::new(seconds, 0)
    }

    fn failing() -> WebhookHealth {
        WebhookHealth {
            consecutive_failures: 9,
            failing_since: at(5),
            failing_for: Duration::from_secs(3),
            last_success: at(4),
            last_failure: at(10),
            next_probe: at(40),
            failed_probes: 2,
            not_before: at(70),
            rate_time: at(12),
            last_error: Some(FailureSummary::of(&delivery(), &attempt())),
        }
    }

    fn delivery() -> Delivery {
        let now = Timestamp::from_millis(1);
        Delivery {
            id: DeliveryId::new(now, 1, Lane(1)),
            namespace: Namespace::default(),
            webhook_id: WebhookId::from_bytes([1; 16]),
            event_id: "e".parse().unwrap(),
            event_type: "created".into(),
            ordering_key: String::new(),
            state: DeliveryState::Pending,
            attempt_count: 0,
            attempts_before_redrive: 0,
            attempts_uncounted: 0,
            next_attempt_time: None,
            last_attempt: None,
            create_time: now,
            update_time: now,
            finish_time: None,
        }
    }

    fn attempt() -> Attempt {
        let response = CapturedResponse {
            status: 500,
            headers: Vec::new(),
            body: format!("{}é", "x".repeat(FailureSummary::ANSWER_BYTES - 1)).into(),
            body_truncated: false,
            note: String::new(),
        };
        Attempt {
            number: 3,
            start_time: Timestamp::from_millis(5),
            duration: Duration::from_millis(7),
            outcome: Outcome::HttpStatus,
            error: "answered 500".into(),
            request: None,
            response: Some(response),
            timings: crate::Timings::default(),
            remote_address: None,
            tried_addresses: Vec::new(),
            proxy: String::new(),
            trace_id: String::new(),
        }
    }

    #[test]
    fn a_summary_keeps_the_beginning_of_an_answer_that_is_text() {
        let summary = FailureSummary::of(&delivery(), &attempt());
        assert_eq!((summary.number, summary.status, summary.time), (3, Some(500), Timestamp::from_millis(12)));
        assert_eq!(summary.answer, "x".repeat(FailureSummary::ANSWER_BYTES - 1), "no half character is kept");
        let mut binary = attempt();
        binary.response.as_mut().unwrap().body = vec![b'a', 0xff, b'b'].into();
        assert_eq!(FailureSummary::of(&delivery(), &binary).answer, "");
        let silent = Attempt { response: None, outcome: Outcome::Timeout, ..attempt() };
        let summary = FailureSummary::of(&delivery(), &silent);
        assert_eq!((summary.status, summary.answer.as_str()), (None, ""));
    }

    #[test]
    fn every_outcome_of_a_summary_is_read_back() {
        for outcome in Outcome::ALL {
            let attempt = Attempt { outcome, ..attempt() };
            let summary = FailureSummary::of(&delivery(), &attempt);
            assert_eq!(summary.outcome(), Some(outcome));
            let text = serde_json::to_string(&summary).unwrap();
            assert_eq!(serde_json::from_str::<FailureSummary>(&text).unwrap(), summary);
        }
    }

    #[test]
    fn a_webhook_that_is_asked_for_is_probed_at_once_and_waits_from_the_shortest_again() {
        let asked = failing().asked(at(20).unwrap());
        assert_eq!((asked.next_probe, asked.not_before, asked.failed_probes), (at(20), at(20), 0));
        assert!(asked.circuit_open(), "it is a probe, not a closed breaker");
        assert_eq!(asked.consecutive_failures, 9);
        let due = failing().asked(at(99).unwrap());
        assert_eq!((due.next_probe, due.not_before), (at(40), at(70)), "what is due stays due");
        assert_eq!(WebhookHealth::default().asked(at(5).unwrap()), WebhookHealth::default());
    }

    #[test]
    fn a_resumed_webhook_keeps_its_last_times_and_no_failures() {
        let resumed = failing().resumed();
        assert!(!resumed.circuit_open());
        assert_eq!((resumed.consecutive_failures, resumed.failing_since, resumed.failed_probes), (0, None, 0));
        assert_eq!(resumed.failing_for, Duration::ZERO);
        assert_eq!((resumed.last_success, resumed.last_failure), (at(4), at(10)));
        assert_eq!((resumed.not_before, resumed.rate_time), (at(70), at(12)), "the receiver's wishes stay");
    }

    #[test]
    fn a_clock_that_was_set_back_leaves_every_wait_as_long_as_it_was() {
        let health = failing().by_clock(at(3).unwrap());
        assert_eq!((health.last_failure, health.last_success, health.failing_since), (at(3), at(-3), at(-2)));
        assert_eq!((health.next_probe, health.not_before, health.rate_time), (at(33), at(63), at(5)));
        assert_eq!(health.clone().by_clock(at(3).unwrap()), health, "it moves once");
    }

    #[test]
    fn a_clock_that_goes_on_moves_nothing() {
        for now in [10, 11, 1_000_000] {
            assert_eq!(failing().by_clock(at(now).unwrap()), failing());
        }
        let unknown = WebhookHealth { rate_time: at(99), ..WebhookHealth::default() };
        assert_eq!(unknown.clone().by_clock(at(0).unwrap()), unknown);
    }

    #[test]
    fn a_record_of_an_older_version_is_read() {
        let old = r#"{"consecutive_failures":3,"failing_since":null,"last_success":null,
            "last_failure":{"seconds":7,"nanos":0},"next_probe":null,"failed_probes":0}"#;
        let health: WebhookHealth = serde_json::from_str(old).unwrap();
        let expected = WebhookHealth { consecutive_failures: 3, last_failure: at(7), ..WebhookHealth::default() };
        assert_eq!(health, expected);
    }
}
