//! How a webhook's receiver has been doing; kept by the store with the webhook.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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
            ..Self::default()
        }
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
        }
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
