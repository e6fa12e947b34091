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

#[cfg(test)]
mod tests {
    use super::*;

    use tenterhook_client::v1::{HttpResponse, Waiting};

    fn attempt(outcome: AttemptOutcome, status: Option<i32>, error: &str) -> DeliveryAttempt {
        let response = status.map(|status| HttpResponse { status, ..Default::default() });
        DeliveryAttempt { outcome: outcome.into(), response, error: error.into(), ..Default::default() }
    }

    fn waits(reason: WaitingReason, last: Option<DeliveryAttempt>) -> String {
        let waiting = Waiting { reason: reason.into(), behind_delivery_id: "dlv_0".into(), ..Default::default() };
        why(&Delivery { waiting: Some(waiting), last_attempt: last, ..Default::default() })
    }

    #[test]
    fn an_attempt_ended_with_a_status_an_error_or_the_name_of_its_outcome() {
        for (attempt, line) in [
            (attempt(AttemptOutcome::Success, Some(204), ""), "HTTP 204"),
            (attempt(AttemptOutcome::HttpStatus, Some(503), "x"), "HTTP 503"),
            (attempt(AttemptOutcome::HttpStatus, Some(0), "broken"), "broken"),
            (attempt(AttemptOutcome::HttpStatus, None, " "), "http status"),
            (attempt(AttemptOutcome::Unspecified, Some(503), "no route to host "), "no route to host"),
            (attempt(AttemptOutcome::Unspecified, None, ""), "unspecified"),
        ] {
            assert_eq!(outcome(&attempt), line, "{attempt:?}");
        }
    }

    #[test]
    fn every_reason_to_wait_has_its_words_and_the_last_attempt_behind() {
        for (reason, words) in [
            (WaitingReason::Paused, "webhook is paused"),
            (WaitingReason::Suspended, "webhook is suspended"),
            (WaitingReason::CircuitBreaker, "circuit breaker is open"),
            (WaitingReason::RetryAfter, "the receiver asked to wait; next try"),
            (WaitingReason::OrderingKey, "behind dlv_0"),
            (WaitingReason::NotBefore, "due"),
            (WaitingReason::RateLimit, "rate limit"),
            (WaitingReason::Capacity, "waits for its turn"),
            (WaitingReason::Unspecified, ""),
        ] {
            assert_eq!(waits(reason, None), words);
            let last = attempt(AttemptOutcome::HttpStatus, Some(500), "");
            let both = if words.is_empty() { "HTTP 500".to_owned() } else { format!("{words}; HTTP 500") };
            assert_eq!(waits(reason, Some(last)), both);
        }
        assert_eq!(why(&Delivery::default()), "");
    }

    #[test]
    fn a_wait_with_an_end_says_when() {
        let until = |reason: WaitingReason, seconds| {
            let until_time = Some(prost_types::Timestamp { seconds, nanos: 0 });
            let waiting = Some(Waiting { reason: reason.into(), until_time, ..Default::default() });
            why(&Delivery { waiting, ..Default::default() })
        };
        let far = 253_000_000_000;
        for (reason, words) in [
            (WaitingReason::CircuitBreaker, "circuit breaker is open, next try in "),
            (WaitingReason::RateLimit, "rate limit, due in "),
            (WaitingReason::NotBefore, "due in "),
        ] {
            let line = until(reason, far);
            assert!(line.starts_with(words) && line.ends_with(" days"), "{line}");
        }
        assert!(until(WaitingReason::NotBefore, 1).ends_with(" days ago"));
    }
}
