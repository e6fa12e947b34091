//! The circuit breaker of a webhook: whether its receiver is asked at all.
//!
//! It keeps no state of its own: everything is in [`WebhookHealth`], which the store keeps
//! and shows. Closed, open and half open are read off `next_probe`: unset, ahead, past.

use std::time::Duration;

use tenterhook_model::webhook::BreakerPolicy;
use tenterhook_model::{Outcome, Timestamp, WebhookHealth, limits};

use crate::defaults;

/// Gaps between failures that it takes to suspend a webhook: of one gap no more than this part of
/// the time to the suspension counts. One gap may be a clock that was set forward by days.
const GAPS_TO_SUSPEND: u32 = 5;

/// The rules of one webhook's breaker, defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    failures_to_open: u32,
    initial_open: Duration,
    max_open: Duration,
    suspend_after: Option<Duration>,
}

/// One attempt as the breaker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// How it ended.
    pub outcome: Outcome,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// The time before which the receiver wants no request, as [`crate::retry_after`] reads it.
    pub asked: Option<Timestamp>,
}

impl From<&BreakerPolicy> for Breaker {
    fn from(policy: &BreakerPolicy) -> Self {
        let initial_open = policy.initial_open.unwrap_or(defaults::INITIAL_OPEN);
        Self {
            failures_to_open: policy.failures_to_open.unwrap_or(defaults::FAILURES_TO_OPEN).max(1),
            initial_open,
            max_open: policy.max_open.unwrap_or(defaults::MAX_OPEN).max(initial_open),
            suspend_after: Some(policy.suspend_after.unwrap_or(defaults::SUSPEND_AFTER)).filter(|time| !time.is_zero()),
        }
    }
}

impl Breaker {
    /// When the receiver may be sent the next request; `None` means now.
    ///
    /// It is the time of the next probe while the breaker is open, or the time that the receiver
    /// asked for, whichever comes later. A time further ahead than the longest wait comes from a
    /// clock that was set back, or from a policy that has since been shortened: it is due now.
    pub fn closed_until(&self, health: &WebhookHealth, now: Timestamp) -> Option<Timestamp> {
        let longest = limits::RETRY_AFTER_MAX;
        let asked = health.not_before.filter(|time| *time > now && time.since(now) <= longest);
        let until = self.probe_after(health, now).max(asked);
        assert!(until.is_none_or(|time| time > now), "a wait until {until:?} is no wait at {now:?}");
        until
    }

    /// When the next probe is due, if that is later than `now`.
    fn probe_after(&self, health: &WebhookHealth, now: Timestamp) -> Option<Timestamp> {
        health.next_probe.filter(|probe| *probe > now && probe.since(now) <= self.max_open)
    }

    /// Whether the receiver may be sent one request at a time only: while the breaker is open,
    /// and after a wait that it asked for until an attempt has shown that the wait is over.
    pub fn is_narrow(health: &WebhookHealth) -> bool {
        health.circuit_open() || health.not_before.is_some()
    }

    /// Puts an attempt into the receiver's health; returns why the webhook is to be stopped,
    /// if it is.
    ///
    /// A success closes the breaker. A receiver that asks for a time is held to it, whatever else
    /// waits for it, and has not failed in the sense of the breaker: it says when it is well
    /// again. A failed template says nothing of the receiver, so it
    /// neither opens the breaker nor counts as a probe, but it is no success either: a webhook
    /// whose every attempt fails so is stopped in the end. An interrupted attempt says nothing.
    pub fn record(&self, health: &mut WebhookHealth, trial: Trial) -> Option<String> {
        if trial.outcome == Outcome::Interrupted {
            return None;
        }
        // What began before the wait was over says nothing of the time after it.
        health.not_before = health.not_before.filter(|time| trial.start < *time);
        let asked = trial.asked.filter(|time| *time > trial.end);
        match trial.outcome {
            Outcome::Success => {
                *health = WebhookHealth {
                    last_success: Some(trial.end),
                    last_failure: health.last_failure,
                    not_before: health.not_before,
                    rate_time: health.rate_time,
                    last_error: health.last_error.take(),
                    ..WebhookHealth::default()
                };
                return None;
            }
            Outcome::Render => {}
            _ if asked.is_some() => health.not_before = health.not_before.max(asked),
            _ => self.record_failure(health, trial),
        }
        self.record_time(health, trial.end);
        self.suspend_after.filter(|limit| health.failing_for >= *limit).map(|_| suspend_reason(health.failing_for))
    }

    /// Counts the time of nothing but failures up to the one at `end`.
    fn record_time(&self, health: &mut WebhookHealth, end: Timestamp) {
        let before = health.failing_since.and(health.last_failure);
        let gap = before.map_or(Duration::ZERO, |last| end.since(last));
        health.failing_for += gap.min(self.suspend_after.unwrap_or_default() / GAPS_TO_SUSPEND);
        health.failing_since.get_or_insert(end);
        health.last_failure = Some(end);
    }

    fn record_failure(&self, health: &mut WebhookHealth, trial: Trial) {
        health.consecutive_failures = health.consecutive_failures.saturating_add(1);
        match health.next_probe {
            None if health.consecutive_failures >= self.failures_to_open => {
                debug_assert_eq!(health.failed_probes, 0, "a breaker that is closed has no failed probes");
                health.failed_probes = 0;
                health.next_probe = Some(trial.end.after(self.initial_open));
                assert!(health.circuit_open(), "a breaker that opens is seen to be open by its next probe");
            }
            // Of the attempts that were under way when the breaker opened none was a probe:
            // a burst of failures must not run through all the doublings at once.
            Some(probe) if trial.start >= probe || self.probe_after(health, trial.start).is_none() => {
                health.failed_probes = health.failed_probes.saturating_add(1);
                health.next_probe = Some(trial.end.after(self.wait(health.failed_probes)));
            }
            _ => {}
        }
    }

    /// The wait before the next probe after so many failed ones.
    fn wait(&self, failed_probes: u32) -> Duration {
        let doublings = 2u32.saturating_pow(failed_probes);
        let wait = self.initial_open.saturating_mul(doublings).min(self.max_open);
        debug_assert!(
            (self.initial_open..=self.max_open).contains(&wait),
            "{wait:?} after {failed_probes} failed probes"
        );
        wait
    }
}

fn suspend_reason(failing_for: Duration) -> String {
    const HOUR: u64 = 3_600;
    let span = match failing_for.as_secs() {
        seconds if seconds >= 48 * HOUR => format!("{} days", seconds / (24 * HOUR)),
        seconds if seconds >= 2 * HOUR => format!("{} hours", seconds / HOUR),
        seconds => format!("{seconds} seconds"),
    };
    format!("every attempt failed for {span}; resume the webhook when its receiver is well again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{at, delivery};
    use tenterhook_model::FailureSummary;

    fn breaker() -> Breaker {
        Breaker::from(&BreakerPolicy::default())
    }

    fn trial(outcome: Outcome, start: i64, end: i64) -> Trial {
        Trial { outcome, start: at(start), end: at(end), asked: None }
    }

    /// Fails at each of these seconds, in no time.
    fn fail_at(
        breaker: &Breaker,
        health: &mut WebhookHealth,
        seconds: impl IntoIterator<Item = i64>,
    ) -> Option<String> {
        seconds.into_iter().filter_map(|second| breaker.record(health, trial(Outcome::Timeout, second, second))).last()
    }

    #[test]
    fn the_fifth_failure_in_a_row_opens_it_for_half_a_minute() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        fail_at(&breaker, &mut health, 0..4);
        assert_eq!((health.circuit_open(), breaker.closed_until(&health, at(4))), (false, None));
        fail_at(&breaker, &mut health, [4]);
        assert_eq!(breaker.closed_until(&health, at(5)), Some(at(34)));
        assert_eq!(breaker.closed_until(&health, at(34)), None);
        assert!(health.circuit_open(), "it stays open until a probe succeeds");
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        fail_at(&breaker, &mut health, 0..4);
        breaker.record(&mut health, trial(Outcome::Success, 4, 5));
        fail_at(&breaker, &mut health, 5..9);
        assert!(!health.circuit_open());
        assert_eq!((health.consecutive_failures, health.failing_since), (4, Some(at(5))));
        assert_eq!((health.last_success, health.last_failure), (Some(at(5)), Some(at(8))));
    }

    #[test]
    fn every_failed_probe_doubles_the_wait_up_to_an_hour() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        fail_at(&breaker, &mut health, 0..5);
        let mut waits = Vec::new();
        for _ in 0..10 {
            let probe = health.next_probe.unwrap().seconds();
            fail_at(&breaker, &mut health, [probe]);
            waits.push(health.next_probe.unwrap().seconds() - probe);
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600, 3_600]);
    }

    #[test]
    fn a_probe_that_succeeds_closes_it() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        fail_at(&breaker, &mut health, (0..5).chain([34, 94]));
        assert_eq!(health.failed_probes, 2);
        breaker.record(&mut health, trial(Outcome::Success, 300, 301));
        let expected =
            WebhookHealth { last_success: Some(at(301)), last_failure: Some(at(94)), ..WebhookHealth::default() };
        assert_eq!(health, expected);
    }

    #[test]
    fn attempts_that_were_under_way_when_it_opened_are_no_probes() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        fail_at(&breaker, &mut health, 0..5);
        for _ in 0..60 {
            breaker.record(&mut health, trial(Outcome::Connection, 3, 50));
        }
        assert_eq!((health.failed_probes, health.next_probe), (0, Some(at(34))));
        assert_eq!(health.consecutive_failures, 65);
    }

    #[test]
    fn a_success_leaves_the_rate_the_last_error_and_a_wait_that_was_asked_for_meanwhile() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        health.rate_time = Some(at(7));
        let error = FailureSummary::of(&delivery(1), &tenterhook_fixtures::attempt(1, Outcome::Timeout));
        health.last_error = Some(error.clone());
        breaker.record(&mut health, asked(4, 60));
        breaker.record(&mut health, trial(Outcome::Success, 3, 5));
        assert_eq!((health.rate_time, health.not_before), (Some(at(7)), Some(at(60))));
        assert_eq!(health.last_error, Some(error));
    }

    #[test]
    fn the_reason_says_for_how_long_in_the_unit_that_fits() {
        for (seconds, said) in [
            (0, "0 seconds"),
            (3_700, "3700 seconds"),
            (7_199, "7199 seconds"),
            (7_200, "2 hours"),
            (172_799, "47 hours"),
            (172_800, "2 days"),
        ] {
            let reason = suspend_reason(Duration::from_secs(seconds));
            assert!(reason.starts_with(&format!("every attempt failed for {said}; ")), "{reason}");
        }
    }

    #[test]
    fn a_late_success_from_before_it_opened_closes_it_too() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        fail_at(&breaker, &mut health, 0..5);
        breaker.record(&mut health, trial(Outcome::Success, 1, 10));
        assert!(!health.circuit_open());
    }

    #[test]
    fn every_outcome_of_the_receiver_counts_and_templates_do_not() {
        for outcome in Outcome::ALL {
            let (breaker, mut health) = (breaker(), WebhookHealth::default());
            for second in 0..10 {
                breaker.record(&mut health, trial(outcome, second, second));
            }
            let counts = !matches!(outcome, Outcome::Success | Outcome::Render | Outcome::Interrupted);
            assert_eq!(health.circuit_open(), counts, "{outcome:?}");
        }
    }

    #[test]
    fn an_interrupted_attempt_changes_nothing() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        fail_at(&breaker, &mut health, 0..5);
        let before = health.clone();
        assert_eq!(breaker.record(&mut health, trial(Outcome::Interrupted, 34, 600_000)), None);
        assert_eq!(health, before);
    }

    #[test]
    fn a_probe_whose_template_fails_leaves_the_next_probe_due() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        fail_at(&breaker, &mut health, 0..5);
        breaker.record(&mut health, trial(Outcome::Render, 40, 40));
        assert_eq!(breaker.closed_until(&health, at(41)), None);
        assert_eq!(health.failed_probes, 0);
    }

    #[test]
    fn five_days_of_nothing_but_failures_suspend() {
        const DAY: i64 = 86_400;
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        assert_eq!(fail_at(&breaker, &mut health, (0..5 * DAY).step_by(3_600)), None);
        let reason = fail_at(&breaker, &mut health, [5 * DAY]).unwrap();
        assert!(reason.contains("for 5 days"), "{reason}");
    }

    #[test]
    fn templates_that_always_fail_suspend_in_the_end() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        for day in 0..5 {
            assert_eq!(breaker.record(&mut health, trial(Outcome::Render, day * 86_400, day * 86_400)), None);
        }
        assert!(breaker.record(&mut health, trial(Outcome::Render, 432_000, 432_000)).is_some());
    }

    #[test]
    fn a_success_begins_the_days_anew() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        fail_at(&breaker, &mut health, [0]);
        breaker.record(&mut health, trial(Outcome::Success, 400_000, 400_000));
        assert_eq!(fail_at(&breaker, &mut health, [400_001, 800_000]), None);
    }

    #[test]
    fn suspend_after_zero_means_never_and_another_value_is_kept() {
        let with = |suspend_after| {
            let policy =
                BreakerPolicy { suspend_after: Some(Duration::from_secs(suspend_after)), ..Default::default() };
            fail_at(&Breaker::from(&policy), &mut WebhookHealth::default(), (0..=10_800).step_by(1_200))
        };
        assert_eq!((with(0), with(10_801)), (None, None));
        assert!(with(10_800).unwrap().contains("for 3 hours"));
    }

    #[test]
    fn a_clock_that_jumps_by_days_suspends_nothing() {
        const YEAR: i64 = 366 * 86_400;
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        assert_eq!(fail_at(&breaker, &mut health, [0, 60, 120, YEAR, YEAR + 60, YEAR + 120]), None);
        assert!(health.failing_for <= Duration::from_secs(86_400 + 240), "{:?}", health.failing_for);
        // Set back again, and once more forward.
        let mut health = health.by_clock(at(180));
        assert_eq!(fail_at(&breaker, &mut health, [180, 240]), None);
        assert!(health.failing_for <= Duration::from_secs(86_400 + 400), "{:?}", health.failing_for);
    }

    fn asked(status_end: i64, until: i64) -> Trial {
        Trial { asked: Some(at(until)), ..trial(Outcome::HttpStatus, status_end, status_end) }
    }

    #[test]
    fn a_wait_that_the_receiver_asks_for_is_kept_and_is_no_failure_for_the_breaker() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        for second in 0..20 {
            breaker.record(&mut health, asked(second, 100));
        }
        assert_eq!((health.consecutive_failures, health.circuit_open()), (0, false));
        assert_eq!(breaker.closed_until(&health, at(99)), Some(at(100)));
        assert_eq!(breaker.closed_until(&health, at(100)), None);
        assert_eq!(health.last_failure, Some(at(19)), "but it was a failed attempt");
    }

    #[test]
    fn the_longest_wait_that_was_asked_for_counts() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        breaker.record(&mut health, asked(0, 100));
        breaker.record(&mut health, asked(1, 50));
        assert_eq!(health.not_before, Some(at(100)));
    }

    #[test]
    fn after_the_wait_one_request_at_a_time_goes_until_one_has_ended() {
        for outcome in [Outcome::Success, Outcome::Timeout] {
            let (breaker, mut health) = (breaker(), WebhookHealth::default());
            breaker.record(&mut health, asked(0, 100));
            breaker.record(&mut health, trial(outcome, 99, 101));
            assert!(Breaker::is_narrow(&health), "it began before the wait was over");
            breaker.record(&mut health, trial(outcome, 100, 102));
            assert!(!Breaker::is_narrow(&health), "{outcome:?}");
        }
    }

    #[test]
    fn a_wait_that_was_asked_for_holds_back_the_probes_of_an_open_breaker_and_doubles_nothing() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        fail_at(&breaker, &mut health, 0..5);
        breaker.record(&mut health, asked(34, 500));
        assert_eq!((health.failed_probes, breaker.closed_until(&health, at(36))), (0, Some(at(500))));
        breaker.record(&mut health, trial(Outcome::Timeout, 500, 515));
        assert_eq!((health.failed_probes, health.next_probe), (1, Some(at(575))));
    }

    #[test]
    fn a_wait_of_nothing_is_a_failure_like_any_other() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        for second in 0..5 {
            breaker.record(&mut health, asked(second, second));
        }
        assert!(health.circuit_open() && health.not_before.is_none());
    }

    #[test]
    fn a_receiver_that_asks_for_days_on_end_is_suspended_as_any_that_fails() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        let waits = (0..=432_000).step_by(3_600).map(|second| asked(second, second + 60));
        assert!(waits.filter_map(|trial| breaker.record(&mut health, trial)).last().is_some());
    }

    #[test]
    fn a_policy_of_its_own_is_kept() {
        let policy = BreakerPolicy {
            failures_to_open: Some(2),
            initial_open: Some(Duration::from_secs(7)),
            max_open: Some(Duration::from_secs(10)),
            suspend_after: None,
        };
        let (breaker, mut health) = (Breaker::from(&policy), WebhookHealth::default());
        fail_at(&breaker, &mut health, [0, 1]);
        assert_eq!(health.next_probe, Some(at(8)));
        fail_at(&breaker, &mut health, [8]);
        assert_eq!(health.next_probe, Some(at(18)));
    }

    #[test]
    fn a_longest_wait_below_the_first_does_not_shorten_the_first() {
        let policy = BreakerPolicy { max_open: Some(Duration::from_secs(1)), ..BreakerPolicy::default() };
        let (breaker, mut health) = (Breaker::from(&policy), WebhookHealth::default());
        fail_at(&breaker, &mut health, 0..5);
        assert_eq!(breaker.closed_until(&health, at(5)), Some(at(34)));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_it_open_for_ever() {
        let (breaker, mut health) = (breaker(), WebhookHealth::default());
        fail_at(&breaker, &mut health, 100_000..100_005);
        assert_eq!(breaker.closed_until(&health, at(50)), None);
        fail_at(&breaker, &mut health, [50]);
        assert_eq!((health.failed_probes, health.next_probe), (1, Some(at(110))));
    }
}
