//! What follows an attempt: whether it counts, and what the policy says.
//!
//! A breaker's probe is a real attempt with a real delivery, so it has a number and is seen
//! in the attempts and on the watch; but when it fails, the delivery has not used up one of
//! its attempts: it comes again with the next probe, behind those that were due before.

use tenterhook_model::{Attempt, Delivery, Entropy, Outcome, Timestamp, Webhook, WebhookHealth};
use tenterhook_policy::{Decision, Ended, Retry, decide};

use crate::ahead::ageless;

/// An attempt that ended, as far as the decision needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// The delivery as it was before the attempt.
    pub(crate) delivery: &'a Delivery,
    /// When its event goes stale, if it does.
    pub(crate) expire_time: Option<Timestamp>,
    /// The attempt.
    pub(crate) attempt: &'a Attempt,
    /// The time before which the receiver wants no request, if it said so.
    pub(crate) asked: Option<Timestamp>,
    /// Whether it was a breaker's probe.
    pub(crate) probe: bool,
    /// The webhook.
    pub(crate) webhook: &'a Webhook,
    /// The health of the receiver, this attempt included.
    pub(crate) health: &'a WebhookHealth,
    /// Whether the clock is doubted, so that no age by it counts.
    pub(crate) is_doubted: bool,
}

impl Facts<'_> {
    /// Whether the attempt counts for the retry policy. A template that fails says nothing of
    /// the receiver, so the attempt is the delivery's own even if it was to be a probe.
    pub(crate) fn counts(&self) -> bool {
        match self.attempt.outcome {
            Outcome::Interrupted => false,
            Outcome::Success | Outcome::Render => true,
            _ => !self.probe,
        }
    }

    /// What follows at `now`.
    pub(crate) fn decide(&self, now: Timestamp, entropy: &dyn Entropy) -> Decision {
        let with_next_probe = self.probe && !self.counts();
        let retry = &self.webhook.spec.retry;
        let ageless = self.is_doubted.then(|| ageless(retry));
        let ended = Ended {
            delivery: self.delivery,
            expire_time: self.expire_time,
            outcome: self.attempt.outcome,
            response: self.attempt.response.as_ref(),
            asked: self.asked,
            policy: ageless.as_ref().unwrap_or(retry),
            retry: if with_next_probe { Retry::At(self.health.next_probe.unwrap_or(now)) } else { Retry::ByPolicy },
        };
        decide(&ended, now, entropy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Middle, delivery, event, webhook};
    use std::time::Duration;
    use tenterhook_model::Next;
    use tenterhook_policy::retry_after;

    const NOW: fn() -> Timestamp = || Timestamp::from_millis(1_000_000);
    const PROBE: fn() -> Timestamp = || Timestamp::from_millis(1_030_000);

    fn attempt(outcome: Outcome, status: u16, retry_after: Option<&str>) -> Attempt {
        let headers: Vec<_> = retry_after.map(|value| ("Retry-After", value)).into_iter().collect();
        let response = Some(tenterhook_fixtures::response(status, &headers));
        Attempt { start_time: NOW(), response, ..crate::tests::attempt(1, outcome) }
    }

    /// What follows an attempt as a probe, or not, when one attempt is allowed in all.
    fn decide_of(attempt: &Attempt, probe: bool) -> (bool, Next) {
        let mut webhook = webhook(1);
        webhook.spec.retry.max_attempts = Some(1);
        webhook.spec.retry.permanent_statuses = [422].into();
        let health = WebhookHealth { next_probe: Some(PROBE()), ..WebhookHealth::default() };
        let delivery = delivery(&webhook, &event("e"), 1);
        let asked = retry_after(attempt.outcome, attempt.response.as_ref(), NOW());
        let (webhook, health) = (&webhook, &health);
        let facts =
            Facts { delivery: &delivery, expire_time: None, attempt, asked, probe, webhook, health, is_doubted: false };
        (facts.counts(), facts.decide(NOW(), &Middle).next)
    }

    #[test]
    fn a_failed_probe_is_no_attempt_of_the_policy_and_comes_with_the_next_probe() {
        let failed = attempt(Outcome::HttpStatus, 500, None);
        assert_eq!(decide_of(&failed, true), (false, Next::RetryAt(PROBE())));
        assert_eq!(decide_of(&failed, false), (true, Next::GiveUp));
    }

    #[test]
    fn a_probe_honours_what_the_receiver_says() {
        let busy = attempt(Outcome::HttpStatus, 503, Some("60"));
        assert_eq!(decide_of(&busy, true).1, Next::RetryAt(NOW().after(Duration::from_secs(60))));
        assert_eq!(decide_of(&attempt(Outcome::HttpStatus, 422, None), true).1, Next::GiveUp);
        assert_eq!(decide_of(&attempt(Outcome::HttpStatus, 410, None), true).1, Next::GiveUp);
        assert_eq!(decide_of(&attempt(Outcome::Success, 200, None), true), (true, Next::Succeed));
    }

    #[test]
    fn a_failed_template_counts_even_as_a_probe() {
        assert_eq!(decide_of(&attempt(Outcome::Render, 0, None), true), (true, Next::GiveUp));
    }

    #[test]
    fn an_interrupted_attempt_does_not_count_and_is_repeated() {
        for probe in [false, true] {
            assert_eq!(decide_of(&attempt(Outcome::Interrupted, 0, None), probe), (false, Next::RetryAt(NOW())));
        }
    }
}
