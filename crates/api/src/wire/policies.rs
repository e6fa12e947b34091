//! Retry, breaker, rate and transport policies between the wire and the model.

use std::ops::RangeInclusive;
use std::time::Duration;

use tenterhook_model::webhook::{Backoff, BreakerPolicy, ProxyUse, RateLimit, RetryPolicy, TransportPolicy};
use tenterhook_model::{Secret, limits};
use tenterhook_proto::tenterhook::v1::{self, retry_policy};

use super::time::{duration, read_duration};
use crate::check::{Check, grouped};

/// The factor of an exponential backoff that the wire calls 0.
const MULTIPLIER: f64 = 2.0;
/// Legal factors of an exponential backoff.
const MULTIPLIERS: RangeInclusive<f64> =
    *limits::BACKOFF_MULTIPLIER.start() as f64..=*limits::BACKOFF_MULTIPLIER.end() as f64;
/// Answers that can be permanent failures: 2xx are successes and 1xx never the last answer
/// (RFC 9110 section 15).
const PERMANENT_STATUSES: RangeInclusive<i32> = 300..=599;
/// The shortest age at which a delivery may be given up.
const AGE_MIN: Duration = Duration::from_millis(1);
/// Waits of an open breaker.
const OPEN_WAITS: RangeInclusive<Duration> = limits::BREAKER_WAITS;
/// How long a receiver may fail before its webhook is suspended; zero means never.
const SUSPEND_AFTER: RangeInclusive<Duration> = Duration::ZERO..=limits::SUSPEND_AFTER_MAX;
/// The highest rate that can be asked for, a second.
const RATE_MAX: f64 = limits::RATE_MAX as f64;

/// The number in the field `name`, unless it is negative or over `max`; 0 means unset.
fn read_count(check: &mut Check, name: &'static str, number: i32, max: u32) -> Option<u32> {
    match u32::try_from(number) {
        Ok(0) => None,
        Ok(number) if number <= max => Some(number),
        _ => {
            check.refuse(name, format!("must be from 0 to {}", grouped(max as usize)));
            None
        }
    }
}

fn write_count(number: Option<u32>) -> i32 {
    number.map_or(0, |number| i32::try_from(number).unwrap_or(i32::MAX))
}

/// The retry policy at this place.
pub(crate) fn read_retry(check: &mut Check, policy: v1::RetryPolicy) -> RetryPolicy {
    let max_attempts = read_count(check, "max_attempts", policy.max_attempts, limits::ATTEMPTS_MAX);
    let max_age = read_duration(check, "max_age", policy.max_age, AGE_MIN..=limits::DELIVERY_AGE_MAX);
    let backoff = policy.backoff.and_then(|backoff| match backoff {
        retry_policy::Backoff::Exponential(backoff) => check.within("exponential", |check| exponential(check, backoff)),
        retry_policy::Backoff::Schedule(schedule) => {
            check.within("schedule", |check| Some(Backoff::Schedule(waits(check, schedule.waits))))
        }
    });
    if policy.jitter.is_some_and(|jitter| !(0.0..=1.0).contains(&jitter)) {
        check.refuse("jitter", "must be from 0 to 1");
    }
    check.count("permanent_statuses", policy.permanent_statuses.len(), limits::FILTER_ITEMS);
    check.within("permanent_statuses", |check| {
        for (index, status) in policy.permanent_statuses.iter().enumerate() {
            if !PERMANENT_STATUSES.contains(status) {
                check.item(index, |check| check.refuse_here("must be a status from 300 to 599"));
            }
        }
    });
    let statuses = policy.permanent_statuses.iter().filter_map(|status| u16::try_from(*status).ok());
    RetryPolicy { max_attempts, max_age, backoff, jitter: policy.jitter, permanent_statuses: statuses.collect() }
}

fn exponential(check: &mut Check, backoff: v1::ExponentialBackoff) -> Option<Backoff> {
    if backoff.initial.is_none() {
        check.refuse("initial", "must be set: the wait before the second attempt");
    }
    let initial = read_duration(check, "initial", backoff.initial, limits::BACKOFF_INITIAL);
    let shortest = initial.unwrap_or(*limits::BACKOFF_INITIAL.start());
    let max = read_duration(check, "max", backoff.max, shortest..=limits::BACKOFF_MAX);
    let multiplier = if backoff.multiplier == 0.0 { MULTIPLIER } else { backoff.multiplier };
    if !MULTIPLIERS.contains(&multiplier) {
        check.refuse("multiplier", "must be from 1 to 10, or 0 for 2");
    }
    Some(Backoff::Exponential { initial: initial?, max, multiplier })
}

fn waits(check: &mut Check, waits: Vec<prost_types::Duration>) -> Vec<Duration> {
    if waits.is_empty() {
        check.refuse("waits", "must have at least one wait");
    }
    check.count("waits", waits.len(), limits::SCHEDULE_WAITS);
    let read = |check: &mut Check, index, wait| {
        check.item(index, |check| read_duration(check, "", Some(wait), Duration::ZERO..=limits::BACKOFF_MAX))
    };
    check.within("waits", |check| {
        waits.into_iter().enumerate().filter_map(|(index, wait)| read(check, index, wait)).collect()
    })
}

/// The retry policy on the wire.
pub(crate) fn write_retry(policy: &RetryPolicy) -> Option<v1::RetryPolicy> {
    let backoff = policy.backoff.as_ref().map(|backoff| match backoff {
        Backoff::Exponential { initial, max, multiplier } => {
            retry_policy::Backoff::Exponential(v1::ExponentialBackoff {
                initial: Some(duration(*initial)),
                max: max.map(duration),
                multiplier: *multiplier,
            })
        }
        Backoff::Schedule(waits) => retry_policy::Backoff::Schedule(v1::BackoffSchedule {
            waits: waits.iter().copied().map(duration).collect(),
        }),
    });
    (*policy != RetryPolicy::default()).then(|| v1::RetryPolicy {
        max_attempts: write_count(policy.max_attempts),
        max_age: policy.max_age.map(duration),
        backoff,
        jitter: policy.jitter,
        permanent_statuses: policy.permanent_statuses.iter().copied().map(i32::from).collect(),
    })
}

/// The breaker's policy at this place.
pub(crate) fn read_breaker(check: &mut Check, policy: &v1::CircuitBreaker) -> BreakerPolicy {
    let failures_to_open = read_count(check, "failures_to_open", policy.failures_to_open, i32::MAX as u32);
    let initial_open = read_duration(check, "initial_open", policy.initial_open, OPEN_WAITS);
    let shortest = initial_open.unwrap_or(*OPEN_WAITS.start());
    let max_open = read_duration(check, "max_open", policy.max_open, shortest..=*OPEN_WAITS.end());
    let suspend_after = read_duration(check, "suspend_after", policy.suspend_after, SUSPEND_AFTER);
    BreakerPolicy { failures_to_open, initial_open, max_open, suspend_after }
}

/// The breaker's policy on the wire.
pub(crate) fn write_breaker(policy: &BreakerPolicy) -> Option<v1::CircuitBreaker> {
    (*policy != BreakerPolicy::default()).then(|| v1::CircuitBreaker {
        failures_to_open: write_count(policy.failures_to_open),
        initial_open: policy.initial_open.map(duration),
        max_open: policy.max_open.map(duration),
        suspend_after: policy.suspend_after.map(duration),
    })
}

/// The rate limit at this place.
pub(crate) fn read_rate(check: &mut Check, limit: &v1::RateLimit) -> RateLimit {
    let rate = limit.requests_per_second;
    if !(0.0..=RATE_MAX).contains(&rate) {
        check.refuse("requests_per_second", format!("must be from 0 to {}", grouped(RATE_MAX as usize)));
    }
    let burst = read_count(check, "burst", limit.burst, i32::MAX as u32);
    let max_in_flight = read_count(check, "max_in_flight", limit.max_in_flight, i32::MAX as u32);
    RateLimit { requests_per_second: (rate > 0.0).then_some(rate), burst, max_in_flight }
}

/// The rate limit on the wire.
pub(crate) fn write_rate(limit: &RateLimit) -> Option<v1::RateLimit> {
    (*limit != RateLimit::default()).then(|| v1::RateLimit {
        requests_per_second: limit.requests_per_second.unwrap_or_default(),
        burst: write_count(limit.burst),
        max_in_flight: write_count(limit.max_in_flight),
    })
}

/// The transport policy at this place; `may_skip_verify` is whether the server lets a webhook
/// turn the check of certificates off.
pub(crate) fn read_transport(check: &mut Check, policy: v1::TransportPolicy, may_skip_verify: bool) -> TransportPolicy {
    let (shortest, longest) = limits::ATTEMPT_TIMEOUT_SECONDS.into_inner();
    let timeouts = Duration::from_secs(shortest)..=Duration::from_secs(longest);
    let attempt_timeout = read_duration(check, "attempt_timeout", policy.attempt_timeout, timeouts);
    let pems = [
        ("ca_certificates_pem", &policy.ca_certificates_pem),
        ("client_certificate_pem", &policy.client_certificate_pem),
        ("client_private_key_pem", &policy.client_private_key_pem),
    ];
    for (name, pem) in pems {
        if pem.len() > limits::PEM_BYTES {
            check.refuse(name, format!("must have at most {} bytes", grouped(limits::PEM_BYTES)));
        }
    }
    if policy.insecure_skip_verify && !may_skip_verify {
        check.refuse("insecure_skip_verify", "is not allowed by this server; give `ca_certificates_pem` instead");
    }
    let proxy = match v1::ProxyUse::try_from(policy.proxy) {
        Ok(v1::ProxyUse::Unspecified | v1::ProxyUse::Default) => ProxyUse::Default,
        Ok(v1::ProxyUse::Direct) => ProxyUse::Direct,
        Err(_) => {
            check.refuse("proxy", "must be DEFAULT or DIRECT");
            ProxyUse::Default
        }
    };
    TransportPolicy {
        proxy,
        attempt_timeout,
        ca_certificates_pem: policy.ca_certificates_pem,
        trust_system_roots: policy.trust_system_roots,
        insecure_skip_verify: policy.insecure_skip_verify,
        client_certificate_pem: policy.client_certificate_pem,
        client_private_key_pem: Secret::new(policy.client_private_key_pem),
    }
}

/// The transport policy on the wire, without its private key.
pub(crate) fn write_transport(policy: &TransportPolicy) -> Option<v1::TransportPolicy> {
    (*policy != TransportPolicy::default()).then(|| v1::TransportPolicy {
        attempt_timeout: policy.attempt_timeout.map(duration),
        ca_certificates_pem: policy.ca_certificates_pem.clone(),
        trust_system_roots: policy.trust_system_roots,
        insecure_skip_verify: policy.insecure_skip_verify,
        client_certificate_pem: policy.client_certificate_pem.clone(),
        client_private_key_pem: String::new(),
        proxy: match policy.proxy {
            ProxyUse::Default => v1::ProxyUse::Unspecified,
            ProxyUse::Direct => v1::ProxyUse::Direct,
        }
        .into(),
    })
}

#[cfg(test)]
#[path = "policies_tests.rs"]
mod tests;
