//! The circuit breaker of a webhook: whether its receiver is asked at all.
//!
//! It keeps no state of its own: everything is in [`WebhookHealth`], which the store keeps
//! and shows. Closed, open and half open are read off `next_probe`: unset, ahead, past.

use std::time::Duration;

use tenterhook_model::webhook::BreakerPolicy;
use tenterhook_model::{Outcome, Timestamp, WebhookHealth};

use crate::defaults;

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
    /// When the receiver may be asked next; `None` means now.
    ///
    /// A probe further ahead than the longest wait comes from a clock that was set back, or
    /// from a policy that has since been shortened: it is due now.
    pub fn closed_until(&self, health: &WebhookHealth, now: Timestamp) -> Option<Timestamp> {
        health.next_probe.filter(|probe| *probe > now && probe.since(now) <= self.max_open)
    }

    /// Puts an attempt into the receiver's health; answers why the webhook is to be stopped,
    /// if it is.
    ///
    /// A success closes the breaker. A failed template says nothing of the receiver, so it
    /// neither opens the breaker nor counts as a probe, but it is no success either: a webhook
    /// whose every attempt fails so is stopped in the end. An interrupted attempt says nothing.
    pub fn record(&self, health: &mut WebhookHealth, trial: Trial) -> Option<String> {
        match trial.outcome {
            Outcome::Interrupted => return None,
            Outcome::Success => {
                *health = WebhookHealth {
                    last_success: Some(trial.end),
                    last_failure: health.last_failure,
                    ..WebhookHealth::default()
                };
                return None;
            }
            Outcome::Render => {}
            _ => self.record_failure(health, trial),
        }
        health.last_failure = Some(trial.end);
        let since = *health.failing_since.get_or_insert(trial.end);
        self.suspend_after.filter(|limit| trial.end.since(since) >= *limit).map(|_| suspend_reason(since, trial.end))
    }

    fn record_failure(&self, health: &mut WebhookHealth, trial: Trial) {
        health.consecutive_failures = health.consecutive_failures.saturating_add(1);
        match health.next_probe {
            None if health.consecutive_failures >= self.failures_to_open => {
                debug_assert_eq!(health.failed_probes, 0, "a breaker that is closed has no failed probes");
                health.failed_probes = 0;
                health.next_probe = Some(trial.end.after(self.initial_open));
            }
            // Of the attempts that were under way when the breaker opened none was a probe:
            // a burst of failures must not run through all the doublings at once.
            Some(probe) if trial.start >= probe || self.closed_until(health, trial.start).is_none() => {
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

fn suspend_reason(since: Timestamp, now: Timestamp) -> String {
    const HOUR: u64 = 3_600;
    let seconds = now.since(since).as_secs();
    let span = match seconds {
        seconds if seconds >= 48 * HOUR => format!("{} days", seconds / (24 * HOUR)),
        seconds if seconds >= 2 * HOUR => format!("{} hours", seconds / HOUR),
        seconds => format!("{seconds} seconds"),
    };
    format!("every attempt failed for {span}; resume the webhook when its receiver is well again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::at;

    fn breaker() -> Breaker {
        Breaker::from(&BreakerPolicy::default())
    }

    fn trial(outcome: Outcome, start: i64, end: i64) -> Trial {
        Trial { outcome, start: at(start), end: at(end) }
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
        assert_eq!(breaker.record(&mut health, trial(Outcome::Render, 0, 0)), None);
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
            fail_at(&Breaker::from(&policy), &mut WebhookHealth::default(), [0, 3_600, 900_000_000])
        };
        assert_eq!(with(0), None);
        assert!(with(10_800).unwrap().contains("days"));
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
