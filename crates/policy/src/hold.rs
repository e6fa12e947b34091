//! What holds the due deliveries of a webhook back.
//!
//! The rules are those of [`Admission`], asked without letting a request through; metrics count by
//! them, and the API shows them.

use tenterhook_model::webhook::HaltedBy;
use tenterhook_model::{Timestamp, Webhook, WebhookHealth, limits};

use crate::admission::{Admission, Admit};
use crate::breaker::Breaker;

/// Why a delivery waits that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// An operator paused the webhook.
    Paused,
    /// The server suspended it.
    Suspended,
    /// The circuit breaker is open until a probe succeeds.
    Breaker,
    /// The receiver asked to be sent nothing for a while (`Retry-After`), and no request has shown yet
    /// that it is over.
    RetryAfter,
    /// The webhook's rate is used up.
    RateLimit,
}

impl Hold {
    /// What holds `webhook` back at `now`; `None` when a request may go.
    pub fn of(webhook: &Webhook, health: &WebhookHealth, now: Timestamp) -> Option<Self> {
        if !webhook.sends() {
            let suspended = webhook.halt.as_ref().is_some_and(|halt| halt.by == HaltedBy::Server);
            return Some(if suspended { Self::Suspended } else { Self::Paused });
        }
        let breaker = Breaker::from(&webhook.spec.circuit_breaker);
        let health = &health.clone().by_clock(now);
        let until = breaker.closed_until(health, now);
        // Of two that hold it back it is the later one; when its time has come, one request goes
        // alone and the others wait for what it shows.
        if until.map_or(health.circuit_open(), |time| health.not_before != Some(time)) {
            return Some(Self::Breaker);
        }
        if health.not_before.is_some() {
            return Some(Self::RetryAfter);
        }
        let most = limits::IN_FLIGHT_PER_WEBHOOK as u32;
        let mut admission = Admission::new(breaker, &webhook.spec.rate_limit, most);
        admission.resume(health.rate_time);
        match admission.admit(health, now) {
            Admit::At(_) => Some(Self::RateLimit),
            Admit::Now | Admit::WhenOneEnds => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tenterhook_model::webhook::{Halt, WebhookSpec};
    use tenterhook_model::{Lane, WebhookId};

    use super::*;

    const NOW: fn() -> Timestamp = || Timestamp::from_millis(1_000_000);

    fn webhook() -> Webhook {
        Webhook {
            id: WebhookId::from_bytes([1; 16]),
            lane: Lane(1),
            namespace: Default::default(),
            spec: WebhookSpec::default(),
            halt: None,
            signing_keys: Vec::new(),
            revision: 1,
            create_time: NOW(),
            update_time: NOW(),
        }
    }

    fn later(seconds: u64) -> Timestamp {
        NOW().after(Duration::from_secs(seconds))
    }

    #[test]
    fn each_thing_that_holds_a_webhook_back_has_its_name() {
        let well = WebhookHealth::default();
        assert_eq!(Hold::of(&webhook(), &well, NOW()), None);
        for (by, hold) in [(HaltedBy::Operator, Hold::Paused), (HaltedBy::Server, Hold::Suspended)] {
            let halted = Webhook { halt: Some(Halt { by, reason: String::new() }), ..webhook() };
            assert_eq!(Hold::of(&halted, &well, NOW()), Some(hold));
        }
        let open = WebhookHealth { next_probe: Some(later(30)), ..WebhookHealth::default() };
        assert_eq!(Hold::of(&webhook(), &open, NOW()), Some(Hold::Breaker));
        assert_eq!(Hold::of(&webhook(), &open, later(31)), Some(Hold::Breaker), "until a probe succeeds");
        let asked = WebhookHealth { not_before: Some(later(60)), ..open };
        assert_eq!(Hold::of(&webhook(), &asked, NOW()), Some(Hold::RetryAfter), "the later one");
        let asked = WebhookHealth { not_before: Some(later(60)), ..WebhookHealth::default() };
        assert_eq!(Hold::of(&webhook(), &asked, later(61)), Some(Hold::RetryAfter), "until a request succeeds");
        let mut limited = webhook();
        limited.spec.rate_limit.requests_per_second = Some(1.0);
        let used = WebhookHealth { rate_time: Some(later(1)), ..WebhookHealth::default() };
        assert_eq!(Hold::of(&limited, &used, NOW()), Some(Hold::RateLimit));
        assert_eq!(Hold::of(&limited, &used, later(1)), None);
    }
}
