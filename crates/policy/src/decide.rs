//! What follows an attempt: the end of the delivery, or the time of the next attempt.

use std::time::Duration;

use tenterhook_model::webhook::RetryPolicy;
use tenterhook_model::{CapturedResponse, Delivery, Entropy, Next, Outcome, Timestamp};

use crate::{defaults, schedule};

/// The status that ends a delivery for good and says that the receiver is gone (RFC 9110
/// section 15.5.11; Standard Webhooks, "Operational considerations").
const GONE: u16 = 410;

/// An attempt that has ended, with all that decides what follows.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// The delivery as it was before this attempt.
    pub delivery: &'a Delivery,
    /// When its event goes stale, if it does.
    pub expire_time: Option<Timestamp>,
    /// How the attempt ended.
    pub outcome: Outcome,
    /// What came back, if anything did.
    pub response: Option<&'a CapturedResponse>,
    /// The time before which the receiver wants no request, as [`crate::retry_after`] reads it.
    pub asked: Option<Timestamp>,
    /// The retry policy of the webhook.
    pub policy: &'a RetryPolicy,
    /// What says when a failed attempt is followed by the next.
    pub retry: Retry,
}

/// What says when a failed attempt is followed by the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The webhook's policy, which also ends the delivery after so many attempts.
    ByPolicy,
    /// The next attempt comes at this time, and this one is not counted: it was a breaker's probe.
    At(Timestamp),
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of the delivery.
    pub next: Next,
    /// Why the webhook is stopped, in words; `None` leaves it running.
    pub suspend: Option<String>,
}

impl From<Next> for Decision {
    fn from(next: Next) -> Self {
        Self { next, suspend: None }
    }
}

/// Decides at `now` what follows an attempt.
///
/// An attempt that the server itself interrupted is repeated at once and never the last: it
/// says nothing of the receiver. A delivery whose next attempt would come too late is given
/// up now, since nothing more can happen to it.
pub fn decide(ended: &Ended<'_>, now: Timestamp, entropy: &dyn Entropy) -> Decision {
    match ended.outcome {
        Outcome::Success => return Next::Succeed.into(),
        Outcome::Interrupted => return Next::RetryAt(now).into(),
        _ => {}
    }
    // The status of an answer that broke off or came too late decides nothing.
    let answer = ended.response.filter(|_| ended.outcome == Outcome::HttpStatus);
    if answer.is_some_and(|answer| answer.status == GONE) {
        let reason = "the receiver answered 410 Gone: it wants no more events".to_owned();
        return Decision { next: Next::GiveUp, suspend: Some(reason) };
    }
    if answer.is_some_and(|answer| ended.policy.permanent_statuses.contains(&answer.status)) {
        return Next::GiveUp.into();
    }
    let Some(scheduled) = scheduled(ended, now, entropy) else { return Next::GiveUp.into() };
    let time = scheduled.max(ended.asked.unwrap_or(scheduled));
    if time >= give_up_time(ended.delivery, ended.expire_time, ended.policy) {
        return Next::GiveUp.into();
    }
    assert!(time >= now, "an attempt that ended at {now:?} is followed by one at {time:?}");
    Next::RetryAt(time).into()
}

/// When the next attempt comes by the schedule; `None` when this one was the last.
fn scheduled(ended: &Ended<'_>, now: Timestamp, entropy: &dyn Entropy) -> Option<Timestamp> {
    let attempts = ended.delivery.attempts_of_policy() + 1;
    match ended.retry {
        Retry::At(time) => Some(time.max(now)),
        Retry::ByPolicy if attempts >= ended.policy.max_attempts.unwrap_or(defaults::ATTEMPTS) => None,
        Retry::ByPolicy => Some(now.after(schedule::wait(ended.policy, attempts, entropy))),
    }
}

/// The age at which a delivery of a webhook is given up.
pub fn max_age(retry: &RetryPolicy) -> Duration {
    retry.max_age.unwrap_or(defaults::MAX_AGE)
}

/// When the delivery is given up whatever its state: at the expiry of its event, or when
/// it gets too old.
///
/// Its age counts from when it was made, or from its last change when that came before by the
/// clock: the clock was ahead when the delivery was made. Somebody who retries an old delivery wants it sent,
/// so afterwards only the number of attempts and the expiry of the event end it.
pub fn give_up_time(delivery: &Delivery, expire_time: Option<Timestamp>, retry: &RetryPolicy) -> Timestamp {
    let too_old = match delivery {
        Delivery { attempts_before_redrive: 1.., .. } => Timestamp::MAX,
        // Without an attempt only a retry by hand, or the turn of its ordering key, can have changed it.
        Delivery { attempt_count: 0, update_time, .. } => update_time.after(max_age(retry)),
        Delivery { create_time, update_time, .. } => (*create_time).min(*update_time).after(max_age(retry)),
    };
    expire_time.map_or(too_old, |time| time.min(too_old))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry_after;
    use crate::tests::{Fixed, answer, at, delivery};

    /// One case: what is not named here is a first attempt that got the answer 500.
    struct Case {
        delivery: Delivery,
        expire_time: Option<Timestamp>,
        outcome: Outcome,
        response: Option<CapturedResponse>,
        retry: RetryPolicy,
        next: Retry,
    }

    impl Default for Case {
        fn default() -> Self {
            Self {
                delivery: delivery(0),
                expire_time: None,
                outcome: Outcome::HttpStatus,
                response: Some(answer(500, &[])),
                retry: RetryPolicy { jitter: Some(0.0), ..RetryPolicy::default() },
                next: Retry::ByPolicy,
            }
        }
    }

    impl Case {
        fn answered(status: u16, headers: &[(&str, &str)]) -> Self {
            Self { response: Some(answer(status, headers)), ..Self::default() }
        }

        /// Decided 1,000 s after the delivery was made, unless the test says otherwise.
        fn decide(&self) -> Decision {
            let ended = Ended {
                delivery: &self.delivery,
                expire_time: self.expire_time,
                outcome: self.outcome,
                response: self.response.as_ref(),
                asked: retry_after(self.outcome, self.response.as_ref(), at(1_000)),
                policy: &self.retry,
                retry: self.next,
            };
            decide(&ended, at(1_000), &Fixed(0.5))
        }
    }

    fn retry_at(seconds: i64) -> Decision {
        Next::RetryAt(at(seconds)).into()
    }

    const GIVE_UP: fn() -> Decision = || Next::GiveUp.into();

    #[test]
    fn success_ends_the_delivery_even_as_the_last_attempt() {
        for attempts in [0, 9, 99] {
            let case = Case { outcome: Outcome::Success, delivery: delivery(attempts), ..Case::answered(204, &[]) };
            assert_eq!(case.decide(), Next::Succeed.into());
        }
    }

    #[test]
    fn every_failure_is_retried_by_the_schedule() {
        let failures = [
            Outcome::HttpStatus,
            Outcome::Timeout,
            Outcome::Dns,
            Outcome::Connection,
            Outcome::Tls,
            Outcome::Blocked,
            Outcome::Render,
        ];
        for outcome in failures {
            assert_eq!(Case { outcome, ..Case::default() }.decide(), retry_at(1_005), "{outcome:?}");
            let second = Case { outcome, delivery: delivery(1), ..Case::default() };
            assert_eq!(second.decide(), retry_at(1_300), "{outcome:?}");
        }
        for status in [301, 304, 400, 401, 404, 429, 500, 503, 999] {
            assert_eq!(Case::answered(status, &[]).decide(), retry_at(1_005), "{status}");
        }
    }

    #[test]
    fn the_tenth_failure_is_the_last_by_default() {
        assert_eq!(Case { delivery: delivery(8), ..Case::default() }.decide(), retry_at(1_000 + 86_400));
        assert_eq!(Case { delivery: delivery(9), ..Case::default() }.decide(), GIVE_UP());
        assert_eq!(Case { delivery: delivery(50), ..Case::default() }.decide(), GIVE_UP());
    }

    #[test]
    fn max_attempts_counts_the_first_and_begins_anew_after_a_redrive() {
        let retry = RetryPolicy { max_attempts: Some(2), jitter: Some(0.0), ..RetryPolicy::default() };
        let with = |delivery| Case { delivery, retry: retry.clone(), ..Case::default() }.decide();
        assert_eq!(with(delivery(0)), retry_at(1_005));
        assert_eq!(with(delivery(1)), GIVE_UP());
        let redriven = Delivery { attempts_before_redrive: 7, ..delivery(7) };
        assert_eq!(with(redriven), retry_at(1_005));
        let once = RetryPolicy { max_attempts: Some(1), ..RetryPolicy::default() };
        assert_eq!(Case { retry: once, ..Case::default() }.decide(), GIVE_UP());
    }

    #[test]
    fn gone_ends_the_delivery_and_suspends_the_webhook() {
        let decision = Case::answered(410, &[]).decide();
        assert_eq!(decision.next, Next::GiveUp);
        assert!(decision.suspend.unwrap().contains("410"));
    }

    #[test]
    fn permanent_statuses_end_the_delivery_and_no_more() {
        let retry = RetryPolicy { permanent_statuses: [400, 404].into(), jitter: Some(0.0), ..RetryPolicy::default() };
        let with = |status| Case { retry: retry.clone(), ..Case::answered(status, &[]) }.decide();
        assert_eq!((with(400), with(404)), (GIVE_UP(), GIVE_UP()));
        assert_eq!(with(401), retry_at(1_005));
    }

    #[test]
    fn the_status_of_an_answer_that_broke_off_decides_nothing() {
        let retry = RetryPolicy { permanent_statuses: [400].into(), jitter: Some(0.0), ..RetryPolicy::default() };
        for (status, headers) in [(410, vec![]), (400, vec![]), (503, vec![("retry-after", "600")])] {
            for outcome in [Outcome::Timeout, Outcome::Connection] {
                let case = Case { outcome, retry: retry.clone(), ..Case::answered(status, &headers) };
                assert_eq!(case.decide(), retry_at(1_005), "{status} {outcome:?}");
            }
        }
    }

    #[test]
    fn retry_after_moves_the_next_attempt_back_and_never_forward() {
        assert_eq!(Case::answered(503, &[("retry-after", "600")]).decide(), retry_at(1_600));
        assert_eq!(Case::answered(429, &[("retry-after", "1")]).decide(), retry_at(1_005));
        assert_eq!(Case::answered(500, &[("retry-after", "600")]).decide(), retry_at(1_600));
        assert_eq!(Case::answered(302, &[("retry-after", "600")]).decide(), retry_at(1_005));
        assert_eq!(Case::answered(429, &[("retry-after", "999999")]).decide(), retry_at(1_000 + 86_400));
    }

    #[test]
    fn retry_after_does_not_add_attempts() {
        let case = Case { delivery: delivery(9), ..Case::answered(503, &[("retry-after", "600")]) };
        assert_eq!(case.decide(), GIVE_UP());
    }

    #[test]
    fn a_probe_is_never_the_last_attempt_and_comes_again_with_the_next_probe() {
        let probe = |seconds, case: Case| Case { next: Retry::At(at(seconds)), ..case }.decide();
        for attempts in [0, 9, 99] {
            let case = Case { delivery: delivery(attempts), ..Case::default() };
            assert_eq!(probe(1_030, case), retry_at(1_030));
        }
        assert_eq!(probe(7, Case::default()), retry_at(1_000), "a probe that is due comes now");
        assert_eq!(probe(1_030, Case::answered(503, &[("retry-after", "60")])), retry_at(1_060));
        assert_eq!(probe(1_030, Case { expire_time: Some(at(1_030)), ..Case::default() }), GIVE_UP());
        assert_eq!(probe(1_030, Case::answered(410, &[])).next, Next::GiveUp);
    }

    #[test]
    fn an_interrupted_attempt_is_repeated_at_once_and_never_the_last() {
        for attempts in [0, 9, 99] {
            let case =
                Case { outcome: Outcome::Interrupted, delivery: delivery(attempts), response: None, ..Case::default() };
            assert_eq!(case.decide(), retry_at(1_000));
        }
    }

    #[test]
    fn a_next_attempt_after_the_expiry_of_the_event_is_not_waited_for() {
        let with = |seconds| Case { expire_time: Some(at(seconds)), ..Case::default() }.decide();
        assert_eq!(with(1_006), retry_at(1_005));
        assert_eq!(with(1_005), GIVE_UP());
        assert_eq!(with(10), GIVE_UP());
    }

    #[test]
    fn a_next_attempt_beyond_max_age_is_not_waited_for() {
        let with = |seconds| {
            let max_age = Some(Duration::from_secs(seconds));
            let retry = RetryPolicy { max_age, jitter: Some(0.0), ..RetryPolicy::default() };
            Case { retry, delivery: delivery(1), ..Case::default() }.decide()
        };
        assert_eq!(with(1_301), retry_at(1_300));
        assert_eq!(with(1_300), GIVE_UP());
    }

    #[test]
    fn the_give_up_time_is_the_earlier_of_expiry_and_age() {
        let retry = RetryPolicy { max_age: Some(Duration::from_secs(100)), ..RetryPolicy::default() };
        assert_eq!(give_up_time(&delivery(1), None, &retry), at(100));
        assert_eq!(give_up_time(&delivery(1), Some(at(50)), &retry), at(50));
        assert_eq!(give_up_time(&delivery(1), Some(at(500)), &retry), at(100));
        assert_eq!(give_up_time(&delivery(1), None, &RetryPolicy::default()), at(30 * 86_400));
    }

    #[test]
    fn a_delivery_that_was_made_while_the_clock_was_ahead_ages_by_its_last_change() {
        let retry = RetryPolicy { max_age: Some(Duration::from_secs(100)), ..RetryPolicy::default() };
        let ahead = Delivery { create_time: at(1_000_000), update_time: at(50), ..delivery(1) };
        assert_eq!(give_up_time(&ahead, None, &retry), at(150));
    }

    #[test]
    fn a_delivery_retried_by_hand_is_not_too_old() {
        let retry = RetryPolicy { max_age: Some(Duration::from_secs(100)), ..RetryPolicy::default() };
        let redriven = Delivery { attempts_before_redrive: 2, ..delivery(2) };
        assert_eq!(give_up_time(&redriven, None, &retry), Timestamp::MAX);
        assert_eq!(give_up_time(&redriven, Some(at(7)), &retry), at(7));
        let never_tried = Delivery { update_time: at(900), ..delivery(0) };
        assert_eq!(give_up_time(&never_tried, None, &retry), at(1_000));
    }
}
