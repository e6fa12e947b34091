//! Why a delivery waits, and how long: what [`crate::Admission`] would say, for those who look on.
//!
//! It goes by what the store knows. Requests in flight are the dispatcher's alone, so what is due
//! and held back by nothing else waits for others to end.

use tenterhook_model::{Delivery, DeliveryState, Timestamp, Webhook, WebhookHealth};

use crate::hold::Hold;

/// Why a delivery waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Its webhook is held back.
    Held(Hold),
    /// Another delivery of its ordering key comes first.
    OrderingKey,
    /// Its own time has not come.
    NotBefore(Timestamp),
    /// It is due, and others in flight take all the room.
    Capacity,
}

impl Waiting {
    /// Why `delivery` waits at `now`; `None` when it is final or in flight.
    pub fn of(delivery: &Delivery, webhook: &Webhook, health: &WebhookHealth, now: Timestamp) -> Option<Self> {
        if delivery.state.is_final() || delivery.state == DeliveryState::InFlight {
            return None;
        }
        let hold = Hold::of(webhook, health, now);
        if webhook.halt.is_some() {
            return hold.map(Self::Held);
        }
        let Some(due) = delivery.next_attempt_time else { return Some(Self::OrderingKey) };
        let until = hold.and_then(Hold::until).unwrap_or(now);
        Some(if due > until { Self::NotBefore(due) } else { hold.map_or(Self::Capacity, Self::Held) })
    }

    /// When the reason ends, if that is a matter of time.
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Self::Held(hold) => hold.until(),
            Self::NotBefore(time) => Some(time),
            Self::OrderingKey | Self::Capacity => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Hold::{Breaker, Paused, RateLimit, RetryAfter, Suspended};
    use crate::tests::{at, delivery, webhook};
    use crate::{Admission, Admit};
    use proptest::prelude::*;
    use tenterhook_model::webhook::{self, Halt, HaltedBy};

    /// Why a delivery that is due at the second `due` waits at the second 100.
    fn why(due: Option<i64>, webhook: &Webhook, health: &WebhookHealth) -> Option<Waiting> {
        let delivery = Delivery { next_attempt_time: due.map(at), ..delivery(0) };
        Waiting::of(&delivery, webhook, health, at(100))
    }

    fn open(probe: i64) -> WebhookHealth {
        WebhookHealth { next_probe: Some(at(probe)), consecutive_failures: 5, ..WebhookHealth::default() }
    }

    #[test]
    fn what_has_ended_or_is_in_flight_does_not_wait() {
        for state in DeliveryState::ALL {
            let waits = matches!(state, DeliveryState::Pending | DeliveryState::Retrying);
            let delivery = Delivery { state, ..delivery(0) };
            let why = Waiting::of(&delivery, &webhook(1), &WebhookHealth::default(), at(100));
            assert_eq!(why.is_some(), waits, "{state:?}");
        }
    }

    #[test]
    fn a_halt_is_named_before_all_that_time_ends() {
        for (by, hold) in [(HaltedBy::Operator, Paused), (HaltedBy::Server, Suspended)] {
            let halted = Webhook { halt: Some(Halt { by, reason: String::new() }), ..webhook(1) };
            for due in [Some(500), Some(50), None] {
                assert_eq!(why(due, &halted, &open(400)), Some(Waiting::Held(hold)));
            }
        }
    }

    #[test]
    fn the_longest_wait_is_the_one_that_is_named() {
        let webhook = webhook(1);
        assert_eq!(why(Some(90), &webhook, &open(400)), Some(Waiting::Held(Breaker(Some(at(400))))));
        assert_eq!(why(Some(500), &webhook, &open(400)), Some(Waiting::NotBefore(at(500))));
        assert_eq!(why(Some(500), &webhook, &WebhookHealth::default()), Some(Waiting::NotBefore(at(500))));
        assert_eq!(why(Some(400), &webhook, &open(400)), Some(Waiting::Held(Breaker(Some(at(400))))), "both end then");
        assert_eq!(why(Some(100), &webhook, &WebhookHealth::default()), Some(Waiting::Capacity), "it is due just now");
        let asked = WebhookHealth { not_before: Some(at(600)), ..open(400) };
        assert_eq!(why(Some(500), &webhook, &asked), Some(Waiting::Held(RetryAfter(Some(at(600))))));
    }

    #[test]
    fn no_time_in_the_past_is_named() {
        let webhook = webhook(1);
        assert_eq!(why(Some(90), &webhook, &open(60)), Some(Waiting::Held(Breaker(None))));
        let asked = WebhookHealth { not_before: Some(at(60)), ..WebhookHealth::default() };
        assert_eq!(why(Some(90), &webhook, &asked), Some(Waiting::Held(RetryAfter(None))));
        assert_eq!(why(Some(90), &webhook, &WebhookHealth::default()), Some(Waiting::Capacity));
    }

    #[test]
    fn one_without_a_time_waits_for_its_turn() {
        assert_eq!(why(None, &webhook(1), &open(400)), Some(Waiting::OrderingKey));
    }

    #[test]
    fn a_rate_that_is_used_up_is_named_with_its_end() {
        let mut webhook = webhook(1);
        webhook.spec.rate_limit =
            webhook::RateLimit { requests_per_second: Some(0.1), burst: Some(1), ..Default::default() };
        let health = |even| WebhookHealth { rate_time: Some(at(even)), ..WebhookHealth::default() };
        assert_eq!(why(Some(90), &webhook, &health(104)), Some(Waiting::Held(RateLimit(at(104)))));
        assert_eq!(why(Some(90), &webhook, &health(99)), Some(Waiting::Capacity));
    }

    #[test]
    fn a_clock_that_was_set_back_moves_the_times_with_it() {
        let health = WebhookHealth { last_failure: Some(at(1_000)), ..open(1_030) };
        assert_eq!(why(Some(90), &webhook(1), &health), Some(Waiting::Held(Breaker(Some(at(130))))));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_what_admission_would_say(
            probe in prop::option::of(0i64..300), asked in prop::option::of(0i64..300), rate_time in prop::option::of(0i64..300),
            due in 0i64..300, rate in prop::option::of(0.01f64..10.0),
        ) {
            let mut webhook = webhook(1);
            webhook.spec.rate_limit = webhook::RateLimit { requests_per_second: rate, burst: Some(1), max_in_flight: None };
            let health = WebhookHealth {
                next_probe: probe.map(at),
                not_before: asked.map(at),
                rate_time: rate_time.map(at),
                ..WebhookHealth::default()
            };
            let waits = why(Some(due), &webhook, &health).expect("it is open and not in flight");
            if let Some(until) = waits.until() {
                prop_assert!(until > at(100), "{:?} is over", waits);
            }
            let breaker = crate::Breaker::from(&webhook.spec.circuit_breaker);
            let mut admission = Admission::new(breaker, &webhook.spec.rate_limit, 1);
            admission.resume(health.rate_time);
            match admission.admit(&health, at(100)) {
                Admit::Now => prop_assert!(!matches!(waits, Waiting::Held(RateLimit(_))), "{:?}", waits),
                Admit::At(time) if at(due) <= time => {
                    prop_assert_eq!(waits.until(), Some(time), "{:?}", waits);
                }
                Admit::At(time) => prop_assert_eq!(waits, Waiting::NotBefore(at(due)), "it may go at {:?}", time),
                Admit::WhenOneEnds => prop_assert!(false, "nothing is in flight"),
            }
        }
    }
}
