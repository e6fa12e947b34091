//! Properties of the policies that hold for every input, not for chosen ones.

use std::time::Duration;

use proptest::prelude::*;
use tenterhook_model::webhook::{Backoff, BreakerPolicy, RateLimit, RetryPolicy};
use tenterhook_model::{CapturedResponse, Header, Next, Outcome, Timestamp, WebhookHealth, limits};

use crate::tests::{Fixed, delivery};
use crate::{Admission, Admit, Breaker, Ended, Retry, Trial, decide, defaults, give_up_time, retry_after, wait};

fn millis(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn backoffs() -> impl Strategy<Value = Option<Backoff>> {
    let duration = |seconds: std::ops::Range<u64>| seconds.prop_map(Duration::from_secs);
    prop_oneof![
        Just(None),
        prop::collection::vec(duration(0..800_000), 1..10).prop_map(|waits| Some(Backoff::Schedule(waits))),
        (duration(1..86_401), prop::option::of(duration(1..604_801)), 1.0..10.0)
            .prop_map(|(initial, max, multiplier)| Some(Backoff::Exponential { initial, max, multiplier })),
    ]
}

fn retries() -> impl Strategy<Value = RetryPolicy> {
    let statuses = prop::collection::btree_set(100u16..1_000, 0..4);
    let max_age = prop::option::of((1u64..3_000_000).prop_map(Duration::from_secs));
    (prop::option::of(1u32..101), max_age, backoffs(), prop::option::of(0.0..1.0), statuses).prop_map(
        |(max_attempts, max_age, backoff, jitter, permanent_statuses)| RetryPolicy {
            max_attempts,
            max_age,
            backoff,
            jitter,
            permanent_statuses,
        },
    )
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop::sample::select(&Outcome::ALL[..])
}

fn failures() -> impl Strategy<Value = Outcome> {
    let is_failure = |outcome: &Outcome| !matches!(outcome, Outcome::Success | Outcome::Interrupted);
    prop::sample::select(Outcome::ALL.into_iter().filter(is_failure).collect::<Vec<_>>())
}

fn answers() -> impl Strategy<Value = Option<CapturedResponse>> {
    let header = prop_oneof!["[0-9]{1,12}", "[ -~]{0,20}", Just("Sun, 31 Jan 1971 23:59:59 GMT".to_owned())];
    prop::option::of((100u16..1_000, prop::option::of(header)).prop_map(|(status, retry_after)| CapturedResponse {
        status,
        headers: retry_after.map(|value| Header::new("Retry-After", value)).into_iter().collect(),
        body: Default::default(),
        body_truncated: false,
        note: String::new(),
    }))
}

proptest! {
    #[test]
    fn a_wait_stays_within_jitter_and_limits(retry in retries(), failed in 1u32..101, chance in 0.0..1.0) {
        let plain = RetryPolicy { jitter: Some(0.0), ..retry.clone() };
        let base = wait(&plain, failed, &Fixed(0.5));
        let drawn = wait(&retry, failed, &Fixed(chance));
        let jitter = retry.jitter.unwrap_or(defaults::JITTER);
        let slack = Duration::from_micros(1);
        prop_assert!(drawn <= base.mul_f64(1.0 + jitter) + slack, "{drawn:?} {base:?}");
        prop_assert!(drawn + slack >= base.mul_f64(1.0 - jitter), "{drawn:?} {base:?}");
        prop_assert!(drawn <= limits::BACKOFF_MAX);
    }

    #[test]
    fn exponential_waits_never_shrink(initial in 1u64..86_400, multiplier in 1.0..10.0, failed in 1u32..100) {
        let backoff = Backoff::Exponential { initial: Duration::from_secs(initial), max: None, multiplier };
        let retry = RetryPolicy { backoff: Some(backoff), jitter: Some(0.0), ..RetryPolicy::default() };
        prop_assert!(wait(&retry, failed, &Fixed(0.0)) <= wait(&retry, failed + 1, &Fixed(0.0)));
    }

    #[test]
    fn a_decision_keeps_every_bound(
        retry in retries(), outcome in outcomes(), response in answers(),
        (attempts, age, expire) in (0u32..120, 0i64..2_000_000_000, prop::option::of(-1_000i64..2_000_000_000)),
        chance in 0.0..1.0,
    ) {
        let (delivery, now, expire_time) = (delivery(attempts), millis(age), expire.map(millis));
        let asked = retry_after(outcome, response.as_ref(), now);
        let ended = Ended {
            delivery: &delivery, expire_time, outcome, response: response.as_ref(), asked, policy: &retry,
            retry: Retry::ByPolicy,
        };
        let decision = decide(&ended, now, &Fixed(chance));
        prop_assert_eq!(decision.next == Next::Succeed, outcome == Outcome::Success);
        prop_assert!(decision.suspend.is_none() || decision.next == Next::GiveUp);
        if let Next::RetryAt(time) = decision.next {
            prop_assert!(time >= now);
            prop_assert!(time.since(now) <= limits::BACKOFF_MAX.max(limits::RETRY_AFTER_MAX));
            if outcome == Outcome::Interrupted {
                prop_assert_eq!(time, now);
            } else {
                prop_assert!(time < give_up_time(&delivery, expire_time, &retry));
                prop_assert!(attempts + 1 < retry.max_attempts.unwrap_or(defaults::ATTEMPTS));
                prop_assert!(time >= now.after(wait(&retry, attempts + 1, &Fixed(chance))));
            }
        }
    }

    #[test]
    fn a_delivery_that_always_fails_ends(retry in retries(), outcome in failures(), chance in 0.0..1.0) {
        let (mut delivery, mut now) = (delivery(0), millis(0));
        loop {
            let ended = Ended {
                delivery: &delivery, expire_time: None, outcome, response: None, asked: None, policy: &retry,
                retry: Retry::ByPolicy,
            };
            let Next::RetryAt(time) = decide(&ended, now, &Fixed(chance)).next else { break };
            delivery.attempt_count += 1;
            now = time;
            prop_assert!(delivery.attempt_count < limits::ATTEMPTS_MAX);
        }
    }

    #[test]
    fn no_window_sees_more_than_burst_and_rate(
        rate in 0.5f64..200.0, burst in 1u32..50, gaps in prop::collection::vec(0i64..300, 1..400),
    ) {
        let limit = RateLimit { requests_per_second: Some(rate), burst: Some(burst), max_in_flight: Some(u32::MAX) };
        let mut admission = Admission::new(Breaker::from(&BreakerPolicy::default()), &limit, 1);
        let (mut now, mut went) = (0, Vec::new());
        for gap in gaps {
            now += gap;
            while admission.admit(&WebhookHealth::default(), millis(now)) == Admit::Now {
                went.push(now);
            }
        }
        // Of every window: requests in it <= burst + seconds * rate. One pass, with the best beginning so far.
        let ahead = |(number, millis): (usize, &i64)| number as f64 - *millis as f64 / 1_000.0 * rate;
        let mut least = f64::INFINITY;
        for request in went.iter().enumerate() {
            least = least.min(ahead(request));
            prop_assert!(ahead(request) - least + 1.0 <= f64::from(burst) + 1e-6);
        }
    }

    #[test]
    fn the_time_that_admission_names_is_the_first_that_works(
        rate in 0.01f64..500.0, burst in 1u32..20, pauses in prop::collection::vec(0i64..5_000, 1..30),
    ) {
        let limit = RateLimit { requests_per_second: Some(rate), burst: Some(burst), max_in_flight: Some(u32::MAX) };
        let mut admission = Admission::new(Breaker::from(&BreakerPolicy::default()), &limit, 1);
        let mut now = millis(0);
        for pause in pauses {
            now = now.after(Duration::from_millis(pause as u64));
            while let Admit::At(time) = admission.admit(&WebhookHealth::default(), now) {
                prop_assert!(time > now);
                let nearly = time.before(Duration::from_nanos(1));
                prop_assert!(admission.clone().admit(&WebhookHealth::default(), nearly) != Admit::Now);
                now = time;
                prop_assert_eq!(admission.clone().admit(&WebhookHealth::default(), now), Admit::Now);
            }
        }
    }

    #[test]
    fn the_breaker_obeys_its_rules_whatever_comes(
        trials in prop::collection::vec((outcomes(), 0i64..100_000, 0i64..60_000, prop::option::of(0i64..90_000)), 1..200),
    ) {
        let breaker = Breaker::from(&BreakerPolicy::default());
        let (mut health, mut now) = (WebhookHealth::default(), 0);
        for (outcome, pause, took, asked) in trials {
            now += pause;
            let asked = asked.filter(|_| outcome == Outcome::HttpStatus).map(|wait| millis(now + wait));
            let trial = Trial { outcome, start: millis(now - took), end: millis(now), asked };
            let before = health.clone();
            breaker.record(&mut health, trial);
            if outcome == Outcome::Success {
                prop_assert!(!health.circuit_open() && health.consecutive_failures == 0);
            }
            if health.circuit_open() {
                prop_assert!(health.consecutive_failures >= defaults::FAILURES_TO_OPEN);
            }
            if let Some(probe) = health.next_probe.filter(|_| health.next_probe != before.next_probe) {
                let wait = probe.since(trial.end);
                prop_assert!((defaults::INITIAL_OPEN..=defaults::MAX_OPEN).contains(&wait));
            }
            prop_assert!(health.failed_probes <= before.failed_probes + 1);
            if let Some(asked) = asked {
                prop_assert!(asked <= trial.end || breaker.closed_until(&health, trial.end) >= Some(asked));
            }
            prop_assert_eq!(health.failing_since.is_none(), health.last_failure.is_none() || outcome == Outcome::Success
                || before.failing_since.is_none() && outcome == Outcome::Interrupted);
        }
    }
}
