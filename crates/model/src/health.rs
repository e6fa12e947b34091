//! How a webhook's receiver has been doing; kept by the store beside the webhook.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The recent fate of a webhook's attempts, and what its circuit breaker makes of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WebhookHealth {
    /// Failures since the last success.
    pub consecutive_failures: u32,
    /// When the first of these failures was.
    pub failing_since: Option<Timestamp>,
    /// The last attempt that succeeded.
    pub last_success: Option<Timestamp>,
    /// The last attempt that failed.
    pub last_failure: Option<Timestamp>,
    /// When the next probe is due; `None` while the breaker is closed.
    pub next_probe: Option<Timestamp>,
    /// Probes that failed since the breaker opened; each doubles the wait for the next.
    pub failed_probes: u32,
}

impl WebhookHealth {
    /// The health of a webhook that somebody resumed: the breaker is closed, and what failed
    /// before no longer counts.
    pub fn resumed(&self) -> Self {
        Self { last_success: self.last_success, last_failure: self.last_failure, ..Self::default() }
    }

    /// Whether the breaker holds deliveries back.
    pub fn circuit_open(&self) -> bool {
        self.next_probe.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_webhook_keeps_its_last_times_and_no_failures() {
        let time = Timestamp::from_millis(5);
        let health = WebhookHealth {
            consecutive_failures: 9,
            failing_since: Some(time),
            last_success: Some(time),
            last_failure: Some(time),
            next_probe: Some(time),
            failed_probes: 2,
        };
        let resumed = health.resumed();
        assert!(!resumed.circuit_open());
        assert_eq!((resumed.consecutive_failures, resumed.failing_since, resumed.failed_probes), (0, None, 0));
        assert_eq!((resumed.last_success, resumed.last_failure), (Some(time), Some(time)));
    }
}
