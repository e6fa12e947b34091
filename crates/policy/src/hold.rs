//! What holds the due deliveries of a webhook back.
//!
//! The rules are those of [`Admission`], asked without letting a request through; metrics count by
//! them, and [`Waiting`](crate::Waiting) says by them why one delivery waits.

use tenterhook_model::webhook::HaltedBy;
use tenterhook_model::{Timestamp, Webhook, WebhookHealth};

use crate::admission::{Admission, Admit};
use crate::breaker::Breaker;

/// Why the due deliveries of a webhook wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// An operator paused the webhook.
    Paused,
    /// The server suspended it.
    Suspended,
    /// The circuit breaker is open until the next probe at this time; `None` when that is due or in
    /// flight.
    Breaker(Option<Timestamp>),
    /// The receiver asked to be sent nothing before this time (`Retry-After`); `None` when one request is
    /// finding out whether that is over.
    RetryAfter(Option<Timestamp>),
    /// The webhook's rate is used up until this time.
    RateLimit(Timestamp),
}

impl Hold {
    /// What holds `webhook` back at `now`; `None` when a request may go.
    pub fn of(webhook: &Webhook, health: &WebhookHealth, now: Timestamp) -> Option<Self> {
        if let Some(halt) = &webhook.halt {
            return Some(if halt.by == HaltedBy::Operator { Self::Paused } else { Self::Suspended });
        }
        let breaker = Breaker::from(&webhook.spec.circuit_breaker);
        let health = &health.clone().by_clock(now);
        if let Some(time) = breaker.closed_until(health, now) {
            // Of two that hold it back it is the later one.
            let asked = health.not_before == Some(time);
            return Some(if asked { Self::RetryAfter(Some(time)) } else { Self::Breaker(Some(time)) });
        }
        let mut admission = Admission::new(breaker, &webhook.spec.rate_limit, u32::MAX);
        admission.resume(health.rate_time);
        if let Admit::At(time) = admission.admit(health, now) {
            debug_assert!(time > now, "what holds a request back ends later");
            return Some(Self::RateLimit(time));
        }
        // When its time has come, one request goes alone and the others wait for what it shows.
        if health.circuit_open() {
            return Some(Self::Breaker(None));
        }
        health.not_before.map(|_| Self::RetryAfter(None))
    }

    /// When it ends, if that is a matter of time.
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Self::Breaker(time) | Self::RetryAfter(time) => time,
            Self::RateLimit(time) => Some(time),
            Self::Paused | Self::Suspended => None,
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
        assert_eq!(Hold::of(&webhook(), &open, NOW()), Some(Hold::Breaker(Some(later(30)))));
        assert_eq!(Hold::of(&webhook(), &open, later(31)), Some(Hold::Breaker(None)), "until a probe succeeds");
        let asked = WebhookHealth { not_before: Some(later(60)), ..open };
        assert_eq!(Hold::of(&webhook(), &asked, NOW()), Some(Hold::RetryAfter(Some(later(60)))), "the later one");
        let asked = WebhookHealth { not_before: Some(later(60)), ..WebhookHealth::default() };
        assert_eq!(Hold::of(&webhook(), &asked, later(61)), Some(Hold::RetryAfter(None)), "until a request succeeds");
        let mut limited = webhook();
        limited.spec.rate_limit.requests_per_second = Some(1.0);
        let used = WebhookHealth { rate_time: Some(later(1)), ..WebhookHealth::default() };
        assert_eq!(Hold::of(&limited, &used, NOW()), Some(Hold::RateLimit(later(1))));
        assert_eq!(Hold::of(&limited, &used, later(1)), None);
    }
}
