//! Why a delivery is as it is, in words.

use tenterhook_client::v1::{AttemptOutcome, Delivery, DeliveryAttempt, WaitingReason};

use crate::output::{now, times};

/// Why a delivery is as it is, in a line: what it waits for, else how its last attempt ended.
pub(crate) fn why(delivery: &Delivery) -> String {
    let last = delivery.last_attempt.as_ref().map(outcome).unwrap_or_default();
    let Some(waiting) = &delivery.waiting else { return last };
    let until = times::timestamp(waiting.until_time.as_ref()).map(|time| times::relative(time, now()));
    let reason = match waiting.reason() {
        WaitingReason::Paused => "webhook is paused".to_owned(),
        WaitingReason::Suspended => "webhook is suspended".to_owned(),
        WaitingReason::CircuitBreaker if until.is_some() => "circuit breaker is open, next try".to_owned(),
        WaitingReason::CircuitBreaker => "circuit breaker is open".to_owned(),
        WaitingReason::RetryAfter => "the receiver asked to wait; next try".to_owned(),
        WaitingReason::OrderingKey => format!("behind {}", waiting.behind_delivery_id),
        WaitingReason::NotBefore => "due".to_owned(),
        WaitingReason::RateLimit if until.is_some() => "rate limit, due".to_owned(),
        WaitingReason::RateLimit => "rate limit".to_owned(),
        WaitingReason::Capacity => "waits for its turn".to_owned(),
        WaitingReason::Unspecified => String::new(),
    };
    let parts = [reason + &until.map(|until| format!(" {until}")).unwrap_or_default(), last];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

/// How an attempt ended, in a line.
pub(crate) fn outcome(attempt: &DeliveryAttempt) -> String {
    let status = attempt.response.as_ref().map(|response| response.status).filter(|status| *status > 0);
    let error = attempt.error.trim();
    match (attempt.outcome(), status) {
        (AttemptOutcome::Success | AttemptOutcome::HttpStatus, Some(status)) => format!("HTTP {status}"),
        (_, _) if !error.is_empty() => error.to_owned(),
        (other, _) => other.as_str_name().trim_start_matches("ATTEMPT_OUTCOME_").to_ascii_lowercase().replace('_', " "),
    }
}
