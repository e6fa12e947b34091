//! One event on its way to one webhook: its states and the only legal ways between them.
//!
//! A delivery changes by [`Delivery::apply`] alone, and the store calls it in the commit
//! that also appends the journal record.

use std::sync::Arc;

use thiserror::Error;

use crate::attempt::Attempt;
use crate::id::{DeliveryId, EventId, WebhookId};
use crate::namespace::Namespace;
use crate::notice::is_operational;
use crate::time::Timestamp;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// Waiting for its first attempt.
    Pending,
    /// An attempt is under way. Never stored by an embedded engine: it is what a claim shows.
    InFlight,
    /// An attempt failed and another is due.
    Retrying,
    /// The receiver accepted it. Final.
    Succeeded,
    /// It was given up. Final until somebody retries it.
    Failed,
    /// Somebody cancelled it. Final until somebody retries it.
    Cancelled,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::InFlight, Self::Retrying, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// Whether nothing more happens by itself.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// Its name in metrics, logs and errors.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::InFlight => "IN_FLIGHT",
            Self::Retrying => "RETRYING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// A delivery. The attempts before the last are kept apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its identifier.
    pub id: DeliveryId,
    /// The tenant.
    pub namespace: Namespace,
    /// The webhook that it goes to.
    pub webhook_id: WebhookId,
    /// The event that it carries.
    pub event_id: EventId,
    /// The type of the event.
    pub event_type: Arc<str>,
    /// The ordering key of the event; empty means no order.
    pub ordering_key: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts finished, since it was made.
    pub attempt_count: u32,
    /// Attempts finished when the retry policy last began anew: 0, or what
    /// `attempt_count` was when somebody retried it.
    pub attempts_before_redrive: u32,
    /// Attempts finished since then that the retry policy does not count: a breaker's probes
    /// and those that the server cut short.
    pub attempts_uncounted: u32,
    /// When the next attempt is due; `None` when there is none, or when another delivery
    /// of its ordering key comes first.
    pub next_attempt_time: Option<Timestamp>,
    /// The last attempt finished.
    pub last_attempt: Option<Arc<Attempt>>,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// When it reached its last state; `None` before.
    pub finish_time: Option<Timestamp>,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The receiver accepted it.
    Succeed,
    /// It is given up.
    GiveUp,
    /// It is tried again at this time.
    RetryAt(Timestamp),
}

/// A change of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// An attempt ended.
    Attempted {
        /// The attempt; its number must be the next one.
        attempt: Arc<Attempt>,
        /// What follows.
        next: Next,
        /// Whether it counts for the retry policy: not when it was a breaker's probe or was
        /// cut short by the server.
        counts: bool,
    },
    /// The delivery ran out of time without another attempt.
    Expire,
    /// Somebody stopped it.
    Cancel,
    /// Somebody made it due again, whatever its state; its retry policy begins anew.
    Redrive,
}

/// A change that the state of the delivery does not allow.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a delivery that is {} cannot {change}", state.as_str())]
pub struct IllegalTransition {
    /// The state that forbids it.
    pub state: DeliveryState,
    /// What was asked for, as a verb.
    pub change: &'static str,
}

impl Delivery {
    /// Changes the delivery at `now`.
    ///
    /// # Errors
    /// When its state does not allow the change; the delivery is then as it was.
    pub fn apply(&mut self, transition: Transition, now: Timestamp) -> Result<(), IllegalTransition> {
        let illegal = |change| Err(IllegalTransition { state: self.state, change });
        match transition {
            Transition::Attempted { .. } | Transition::Expire if self.state.is_final() => illegal("be attempted"),
            Transition::Cancel if self.state.is_final() => illegal("be cancelled"),
            Transition::Attempted { attempt, next, counts } => {
                self.attempts_uncounted += u32::from(!counts);
                self.record(attempt, next, now);
                Ok(())
            }
            Transition::Expire => {
                self.finish(DeliveryState::Failed, now);
                Ok(())
            }
            Transition::Cancel => {
                self.finish(DeliveryState::Cancelled, now);
                Ok(())
            }
            Transition::Redrive => {
                self.redrive(now);
                Ok(())
            }
        }
    }

    /// Whether it delivers an event of the server's own.
    pub fn is_operational(&self) -> bool {
        is_operational(&self.event_type)
    }

    /// Attempts that count for the retry policy.
    pub fn attempts_of_policy(&self) -> u32 {
        debug_assert!(
            self.attempts_before_redrive + self.attempts_uncounted <= self.attempt_count,
            "{} has made every attempt that its policy passes over",
            self.id
        );
        self.attempt_count - self.attempts_before_redrive - self.attempts_uncounted
    }

    fn record(&mut self, attempt: Arc<Attempt>, next: Next, now: Timestamp) {
        assert_eq!(attempt.number, self.attempt_count + 1, "attempts of {} are numbered without gaps", self.id);
        self.attempt_count = attempt.number;
        self.last_attempt = Some(attempt);
        match next {
            Next::Succeed => self.finish(DeliveryState::Succeeded, now),
            Next::GiveUp => self.finish(DeliveryState::Failed, now),
            Next::RetryAt(time) => {
                debug_assert!(self.finish_time.is_none(), "{} is tried again, and ended before", self.id);
                self.state = DeliveryState::Retrying;
                self.next_attempt_time = Some(time);
                self.update_time = now;
            }
        }
    }

    fn finish(&mut self, state: DeliveryState, now: Timestamp) {
        debug_assert!(state.is_final() && !self.state.is_final(), "{} ends once, in {}", self.id, state.as_str());
        self.state = state;
        self.next_attempt_time = None;
        self.update_time = now;
        self.finish_time = Some(now);
    }

    fn redrive(&mut self, now: Timestamp) {
        self.state = if self.attempt_count == 0 { DeliveryState::Pending } else { DeliveryState::Retrying };
        self.attempts_before_redrive = self.attempt_count;
        self.attempts_uncounted = 0;
        self.next_attempt_time = Some(now);
        self.update_time = now;
        self.finish_time = None;
        assert_eq!(self.attempts_of_policy(), 0, "the policy of {} starts again", self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{Outcome, Timings};
    use crate::id::Lane;
    use std::time::Duration;

    fn delivery() -> Delivery {
        let now = Timestamp::from_millis(1_000);
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
            next_attempt_time: Some(now),
            last_attempt: None,
            create_time: now,
            update_time: now,
            finish_time: None,
        }
    }

    fn attempted(number: u32, next: Next) -> Transition {
        let attempt = Attempt {
            number,
            start_time: Timestamp::from_millis(2_000),
            duration: Duration::from_millis(5),
            outcome: Outcome::Timeout,
            error: String::new(),
            request: None,
            response: None,
            timings: Timings::default(),
            remote_address: None,
            tried_addresses: Vec::new(),
            proxy: String::new(),
            trace_id: String::new(),
        };
        Transition::Attempted { attempt: Arc::new(attempt), next, counts: true }
    }

    const NOW: fn() -> Timestamp = || Timestamp::from_millis(3_000);

    #[test]
    fn a_failed_attempt_is_retried_then_given_up() {
        let mut delivery = delivery();
        let later = Timestamp::from_millis(9_000);
        delivery.apply(attempted(1, Next::RetryAt(later)), NOW()).unwrap();
        assert_eq!((delivery.state, delivery.next_attempt_time), (DeliveryState::Retrying, Some(later)));
        delivery.apply(attempted(2, Next::GiveUp), NOW()).unwrap();
        assert_eq!((delivery.state, delivery.finish_time), (DeliveryState::Failed, Some(NOW())));
        assert_eq!(delivery.next_attempt_time, None);
    }

    #[test]
    fn nothing_but_a_redrive_leaves_a_final_state() {
        for ending in [attempted(1, Next::Succeed), attempted(1, Next::GiveUp), Transition::Cancel, Transition::Expire]
        {
            let mut delivery = delivery();
            delivery.apply(ending, NOW()).unwrap();
            let before = delivery.clone();
            for change in [attempted(2, Next::Succeed), Transition::Cancel, Transition::Expire] {
                assert!(delivery.apply(change, NOW()).is_err());
                assert_eq!(delivery, before);
            }
            delivery.apply(Transition::Redrive, NOW()).unwrap();
            assert!(!delivery.state.is_final());
            assert_eq!((delivery.next_attempt_time, delivery.finish_time), (Some(NOW()), None));
        }
    }

    #[test]
    fn a_redrive_begins_the_retry_policy_anew_and_keeps_the_numbers() {
        let mut delivery = delivery();
        delivery.apply(attempted(1, Next::GiveUp), NOW()).unwrap();
        delivery.apply(Transition::Redrive, NOW()).unwrap();
        assert_eq!((delivery.attempt_count, delivery.attempts_of_policy()), (1, 0));
        delivery.apply(attempted(2, Next::Succeed), NOW()).unwrap();
        assert_eq!((delivery.attempt_count, delivery.attempts_of_policy()), (2, 1));
    }

    #[test]
    fn an_attempt_that_does_not_count_has_a_number_and_leaves_the_policy_alone() {
        let mut delivery = delivery();
        let Transition::Attempted { attempt, next, .. } = attempted(1, Next::RetryAt(NOW())) else { unreachable!() };
        delivery.apply(Transition::Attempted { attempt, next, counts: false }, NOW()).unwrap();
        assert_eq!((delivery.attempt_count, delivery.attempts_of_policy()), (1, 0));
        delivery.apply(attempted(2, Next::Succeed), NOW()).unwrap();
        assert_eq!((delivery.attempt_count, delivery.attempts_of_policy()), (2, 1));
    }

    #[test]
    #[should_panic(expected = "numbered without gaps")]
    fn an_attempt_out_of_number_is_a_broken_invariant() {
        let _ = delivery().apply(attempted(2, Next::Succeed), NOW());
    }
}
