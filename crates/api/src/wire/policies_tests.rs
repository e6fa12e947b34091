use super::*;
use crate::refusal::Refusal;
use proptest::prelude::*;

fn faults(check: Check) -> Vec<String> {
    match check.finish() {
        Err(Refusal::Faults(faults)) => faults.into_iter().map(|fault| fault.field).collect(),
        _ => Vec::new(),
    }
}

fn retry(policy: v1::RetryPolicy) -> Vec<String> {
    let mut check = Check::new();
    read_retry(&mut check, policy);
    faults(check)
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn exponential_of(initial: i64, max: Option<i64>, multiplier: f64) -> v1::RetryPolicy {
    let backoff = v1::ExponentialBackoff { initial: seconds(initial), max: max.and_then(seconds), multiplier };
    v1::RetryPolicy { backoff: Some(retry_policy::Backoff::Exponential(backoff)), ..Default::default() }
}

fn schedule_of(waits: Vec<i64>) -> v1::RetryPolicy {
    let waits = waits.into_iter().filter_map(seconds).collect();
    let backoff = Some(retry_policy::Backoff::Schedule(v1::BackoffSchedule { waits }));
    v1::RetryPolicy { backoff, ..Default::default() }
}

#[test]
fn counts_of_attempts_are_limited_at_their_value() {
    let of = |max_attempts| retry(v1::RetryPolicy { max_attempts, ..Default::default() });
    for good in [0, 1, 99, 100] {
        assert!(of(good).is_empty(), "{good}");
    }
    for bad in [101, -1, i32::MAX, i32::MIN] {
        assert_eq!(of(bad), ["max_attempts"], "{bad}");
    }
}

#[test]
fn ages_jitters_and_statuses_are_limited_at_their_values() {
    let age = |age| retry(v1::RetryPolicy { max_age: seconds(age), ..Default::default() });
    assert!(age(1).is_empty() && age(30 * 86_400).is_empty());
    assert_eq!([age(0), age(-1), age(30 * 86_400 + 1)].concat(), ["max_age"; 3]);
    let jitter = |jitter| retry(v1::RetryPolicy { jitter: Some(jitter), ..Default::default() });
    assert!(jitter(0.0).is_empty() && jitter(1.0).is_empty());
    for bad in [-0.1, 1.01, f64::NAN, f64::INFINITY] {
        assert_eq!(jitter(bad), ["jitter"]);
    }
    let statuses = |permanent_statuses| retry(v1::RetryPolicy { permanent_statuses, ..Default::default() });
    assert!(statuses(vec![300, 404, 599]).is_empty());
    assert!(statuses(vec![404; 100]).is_empty());
    assert_eq!(statuses(vec![404; 101]), ["permanent_statuses"]);
    assert_eq!(
        statuses(vec![400, 200, 600, -1]).join(" "),
        "permanent_statuses[1] permanent_statuses[2] permanent_statuses[3]"
    );
}

#[test]
fn an_exponential_backoff_is_limited_at_its_values() {
    assert!(retry(exponential_of(1, Some(7 * 86_400), 10.0)).is_empty());
    assert!(retry(exponential_of(86_400, None, 0.0)).is_empty());
    assert!(retry(exponential_of(5, Some(5), 1.0)).is_empty());
    assert_eq!(retry(exponential_of(0, None, 2.0)), ["exponential.initial"]);
    assert_eq!(retry(exponential_of(86_401, None, 2.0)), ["exponential.initial"]);
    assert_eq!(retry(exponential_of(5, Some(4), 2.0)), ["exponential.max"]);
    assert_eq!(retry(exponential_of(5, Some(7 * 86_400 + 1), 2.0)), ["exponential.max"]);
    for multiplier in [0.5, 10.1, -1.0, f64::NAN] {
        assert_eq!(retry(exponential_of(5, None, multiplier)), ["exponential.multiplier"], "{multiplier}");
    }
    let unset = retry_policy::Backoff::Exponential(v1::ExponentialBackoff::default());
    assert_eq!(retry(v1::RetryPolicy { backoff: Some(unset), ..Default::default() }), ["exponential.initial"]);
}

#[test]
fn a_multiplier_of_zero_means_two() {
    let mut check = Check::new();
    let read = read_retry(&mut check, exponential_of(5, None, 0.0));
    let expected = Backoff::Exponential { initial: Duration::from_secs(5), max: None, multiplier: 2.0 };
    assert_eq!(read.backoff, Some(expected));
}

#[test]
fn a_schedule_has_1_to_100_waits_each_named_when_it_is_wrong() {
    assert!(retry(schedule_of(vec![0, 7 * 86_400])).is_empty());
    assert!(retry(schedule_of(vec![5; 100])).is_empty());
    assert_eq!(retry(schedule_of(vec![])), ["schedule.waits"]);
    assert_eq!(retry(schedule_of(vec![5; 101])), ["schedule.waits"]);
    assert_eq!(retry(schedule_of(vec![5, -1, 7 * 86_400 + 1])), ["schedule.waits[1]", "schedule.waits[2]"]);
}

#[test]
fn every_part_of_a_breaker_is_checked() {
    let mut check = Check::new();
    let bad = v1::CircuitBreaker {
        failures_to_open: -1,
        initial_open: seconds(0),
        max_open: seconds(7 * 86_400 + 1),
        suspend_after: seconds(-1),
    };
    read_breaker(&mut check, &bad);
    assert_eq!(faults(check), ["failures_to_open", "initial_open", "max_open", "suspend_after"]);
    let mut check = Check::new();
    let crossed = v1::CircuitBreaker { initial_open: seconds(60), max_open: seconds(59), ..Default::default() };
    read_breaker(&mut check, &crossed);
    assert_eq!(faults(check), ["max_open"]);
    let mut check = Check::new();
    let never = v1::CircuitBreaker { suspend_after: seconds(0), ..Default::default() };
    assert_eq!(read_breaker(&mut check, &never).suspend_after, Some(Duration::ZERO), "zero is never, not the default");
    assert!(faults(check).is_empty());
}

#[test]
fn every_part_of_a_rate_limit_is_checked() {
    for rate in [-1.0, 1_000_001.0, f64::NAN, f64::INFINITY] {
        let mut check = Check::new();
        read_rate(&mut check, &v1::RateLimit { requests_per_second: rate, burst: -1, max_in_flight: -1 });
        assert_eq!(faults(check), ["requests_per_second", "burst", "max_in_flight"], "{rate}");
    }
    let mut check = Check::new();
    assert_eq!(read_rate(&mut check, &v1::RateLimit::default()), RateLimit::default());
    assert!(faults(check).is_empty());
}

#[test]
fn every_part_of_a_transport_is_checked() {
    let long = "x".repeat(limits::PEM_BYTES + 1);
    let bad = v1::TransportPolicy {
        proxy: v1::ProxyUse::Direct.into(),
        attempt_timeout: seconds(61),
        ca_certificates_pem: long.clone(),
        insecure_skip_verify: true,
        client_certificate_pem: long.clone(),
        client_private_key_pem: long,
        trust_system_roots: true,
    };
    let mut check = Check::new();
    read_transport(&mut check, bad, false);
    let expected = [
        "attempt_timeout",
        "ca_certificates_pem",
        "client_certificate_pem",
        "client_private_key_pem",
        "insecure_skip_verify",
    ];
    assert_eq!(faults(check), expected);
    for (timeout, is_legal) in [(1, true), (60, true), (0, false), (-1, false)] {
        let mut check = Check::new();
        read_transport(
            &mut check,
            v1::TransportPolicy { attempt_timeout: seconds(timeout), ..Default::default() },
            false,
        );
        assert_eq!(faults(check).is_empty(), is_legal, "{timeout}");
    }
}

#[test]
fn skipping_the_check_of_certificates_needs_the_servers_leave() {
    let policy = || v1::TransportPolicy { insecure_skip_verify: true, ..Default::default() };
    let mut check = Check::new();
    assert!(read_transport(&mut check, policy(), true).insecure_skip_verify);
    assert!(faults(check).is_empty());
}

#[test]
fn a_private_key_is_never_written() {
    let policy = TransportPolicy { client_private_key_pem: Secret::new("CANARY"), ..Default::default() };
    assert_eq!(write_transport(&policy).unwrap().client_private_key_pem, "");
}

#[test]
fn policies_at_their_defaults_are_unset_on_the_wire() {
    assert_eq!(write_retry(&RetryPolicy::default()), None);
    assert_eq!(write_breaker(&BreakerPolicy::default()), None);
    assert_eq!(write_rate(&RateLimit::default()), None);
    assert_eq!(write_transport(&TransportPolicy::default()), None);
}

prop_compose! {
    fn any_backoff()(is_schedule: bool, waits in proptest::collection::vec(0i64..86_400, 1..20), initial in 1i64..3_600,
        more in 0i64..3_600, multiplier in 1.0f64..10.0) -> retry_policy::Backoff {
        if is_schedule {
            let waits = waits.into_iter().filter_map(seconds).collect();
            retry_policy::Backoff::Schedule(v1::BackoffSchedule { waits })
        } else {
            let max = seconds(initial + more);
            retry_policy::Backoff::Exponential(v1::ExponentialBackoff { initial: seconds(initial), max, multiplier })
        }
    }
}

proptest! {
    #[test]
    fn a_retry_policy_comes_back_as_it_was_sent(
        max_attempts in 1i32..=100, age in 1i64..86_400, jitter in proptest::option::of(0.0f64..=1.0),
        statuses in proptest::collection::btree_set(300i32..600, 0..20), backoff in proptest::option::of(any_backoff()),
    ) {
        let sent = v1::RetryPolicy {
            max_attempts, max_age: seconds(age), jitter, backoff,
            permanent_statuses: statuses.into_iter().collect(),
        };
        let mut check = Check::new();
        let read = read_retry(&mut check, sent.clone());
        prop_assert!(check.finish().is_ok());
        prop_assert_eq!(write_retry(&read), Some(sent));
    }

    #[test]
    fn breaker_rate_and_transport_come_back_as_they_were_sent(
        failures in 1i32.., initial in 1i64..3_600, more in 0i64..3_600, suspend in 0i64..86_400,
        rate in 0.001f64..1_000.0, burst in 0i32.., in_flight in 0i32.., timeout in 1i64..=60, pem in "[a-z]{0,9}",
    ) {
        let mut check = Check::new();
        let breaker = v1::CircuitBreaker {
            failures_to_open: failures, initial_open: seconds(initial), max_open: seconds(initial + more),
            suspend_after: seconds(suspend),
        };
        prop_assert_eq!(write_breaker(&read_breaker(&mut check, &breaker)), Some(breaker));
        let limit = v1::RateLimit { requests_per_second: rate, burst, max_in_flight: in_flight };
        prop_assert_eq!(write_rate(&read_rate(&mut check, &limit)), Some(limit));
        let transport = v1::TransportPolicy {
            proxy: v1::ProxyUse::Direct.into(),
            attempt_timeout: seconds(timeout), ca_certificates_pem: pem.clone(), insecure_skip_verify: true,
            client_certificate_pem: pem, client_private_key_pem: String::new(),
            trust_system_roots: true,
        };
        prop_assert_eq!(write_transport(&read_transport(&mut check, transport.clone(), true)), Some(transport));
        prop_assert!(check.finish().is_ok());
    }
}
