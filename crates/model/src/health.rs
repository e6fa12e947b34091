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
    /// Whether the breaker holds deliveries back.
    pub fn circuit_open(&self) -> bool {
        self.next_probe.is_some()
    }
}
