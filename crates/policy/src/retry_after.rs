//! How long a receiver asks to be left alone: the `Retry-After` header of its response
//! (RFC 9110 section 10.2.3), or what some services send instead of it.

use std::time::Duration;

use tenterhook_model::{CapturedResponse, Outcome, Timestamp, limits};

use crate::http_date;

/// Statuses whose `Retry-After` counts: every failure (RFC 9110 sections 15.5 and 15.6).
const FAILURES: std::ops::RangeInclusive<u16> = 400..=599;
/// The status on which `X-RateLimit-Reset-After` counts too (RFC 6585 section 4). Services that
/// send it, Discord first of all, do so on every response, so elsewhere it asks for nothing.
const TOO_MANY_REQUESTS: u16 = 429;
/// Digits of a fraction of a second that a [`Duration`] can hold.
const NANO_DIGITS: usize = 9;

/// The time before which the receiver wants no request, at most [`limits::RETRY_AFTER_MAX`] from
/// `now`; `None` when it does not say, or in no way that can be read.
///
/// Fractions of a second are no part of RFC 9110, but common: they count in full. Of several
/// headers, as proxies add them, the longest wait counts. Only a whole response asks for
/// something: one that broke off or came too late has another outcome.
pub fn retry_after(outcome: Outcome, response: Option<&CapturedResponse>, now: Timestamp) -> Option<Timestamp> {
    let response = response.filter(|response| outcome == Outcome::HttpStatus && FAILURES.contains(&response.status))?;
    let time = match longest(response, "retry-after", |value| time(value, now)) {
        None if response.status == TOO_MANY_REQUESTS => {
            now.after(longest(response, "x-ratelimit-reset-after", seconds)?)
        }
        asked => asked?,
    };
    Some(time.min(now.after(limits::RETRY_AFTER_MAX)))
}

/// The largest of what the headers called `name` say; of those that cannot be read nothing.
fn longest<T: Ord>(response: &CapturedResponse, name: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    let named = response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    named.filter_map(|header| read(header.value.trim())).max()
}

/// Seconds, a list of them as proxies join several headers (RFC 9110 section 5.3), or a date.
fn time(value: &str, now: Timestamp) -> Option<Timestamp> {
    let listed: Option<Vec<Duration>> = value.split(", ").map(|part| seconds(part.trim())).collect();
    let wait = listed.and_then(|waits| waits.into_iter().max());
    wait.map(|wait| now.after(wait)).or_else(|| http_date::read(value, now))
}

/// Digits, or digits with a fraction; never less than the value says. More than fit are more
/// than the limit.
fn seconds(value: &str) -> Option<Duration> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let (kept, rest) = fraction.split_at(fraction.len().min(NANO_DIGITS));
    let nanos: u64 = format!("{kept:0<NANO_DIGITS$}").parse().ok()?;
    let beyond = u64::from(rest.bytes().any(|digit| digit != b'0'));
    let whole = Duration::from_secs(whole.parse().unwrap_or(u64::MAX));
    Some(whole.saturating_add(Duration::from_nanos(nanos + beyond)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::answer;
    use proptest::prelude::*;

    /// 1994-11-06T08:49:37Z, the date of RFC 9110 section 5.6.7.
    const NOW: fn() -> Timestamp = || Timestamp::new(784_111_777, 0).unwrap();

    fn asked(status: u16, headers: &[(&str, &str)]) -> Option<Duration> {
        let response = answer(status, headers);
        retry_after(Outcome::HttpStatus, Some(&response), NOW()).map(|time| time.since(NOW()))
    }

    /// Seconds from now.
    fn wait(status: u16, value: &str) -> Option<f64> {
        asked(status, &[("Retry-After", value)]).map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn seconds_and_every_form_of_date_are_read() {
        let cases = [
            ("120", 120.0),
            ("0", 0.0),
            (" 7 ", 7.0),
            ("Sun, 06 Nov 1994 08:50:37 GMT", 60.0),
            ("Sunday, 06-Nov-94 08:50:37 GMT", 60.0),
            ("Sun Nov  6 08:50:37 1994", 60.0),
            ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
            ("sun, 06 nov 1994 08:50:37 utc", 60.0),
            ("120, 120", 120.0),
            ("3, 5.5, 1", 5.5),
        ];
        for (value, expected) in cases {
            assert_eq!(wait(503, value), Some(expected), "{value}");
            assert_eq!(wait(429, value), Some(expected), "{value}");
        }
    }

    #[test]
    fn fractions_of_a_second_count_in_full() {
        for (value, expected) in [("1.337", 1.337), ("2.5", 2.5), ("3.0", 3.0), ("0.001", 0.001), ("007.50", 7.5)] {
            assert_eq!(wait(429, value), Some(expected), "{value}");
        }
        let beyond = asked(429, &[("Retry-After", "1.0000000001")]).unwrap();
        assert_eq!(beyond, Duration::new(1, 1), "what cannot be held exactly is rounded up");
        assert_eq!(asked(429, &[("Retry-After", "0.9999999999")]).unwrap(), Duration::from_secs(1));
    }

    #[test]
    fn other_texts_count_for_nothing() {
        let texts = [
            "",
            "soon",
            "-5",
            "+5",
            "1e3",
            "5 s",
            ".5",
            "5.",
            "1.2.3",
            "1,5",
            "5, soon",
            "1.-5",
            "NaN",
            "inf",
            "0x10",
            "Sun, 99 Nov 1994 08:50:37 GMT",
            "\u{661}\u{662}",
        ];
        for value in texts {
            assert_eq!(wait(503, value), None, "{value}");
        }
    }

    #[test]
    fn retry_after_is_capped_at_a_day() {
        for value in ["86401", "86400.5", "99999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            assert_eq!(wait(429, value), Some(86_400.0), "{value}");
        }
        assert_eq!(wait(429, "86400"), Some(86_400.0));
    }

    #[test]
    fn it_counts_on_every_failure_and_on_nothing_else() {
        for status in [400, 403, 404, 429, 500, 502, 503, 504, 599] {
            assert_eq!(wait(status, "60"), Some(60.0), "{status}");
        }
        for status in [200, 202, 301, 304, 399, 600, 999] {
            assert_eq!(wait(status, "60"), None, "{status}");
        }
    }

    #[test]
    fn a_response_that_broke_off_asks_for_nothing() {
        let response = answer(503, &[("retry-after", "60")]);
        for outcome in [Outcome::Timeout, Outcome::Connection, Outcome::Interrupted] {
            assert_eq!(retry_after(outcome, Some(&response), NOW()), None, "{outcome:?}");
        }
        assert_eq!(retry_after(Outcome::HttpStatus, None, NOW()), None);
    }

    #[test]
    fn the_reset_of_a_rate_limit_counts_on_429_without_a_retry_after() {
        let reset = ("x-ratelimit-reset-after", "1.337");
        assert_eq!(asked(429, &[reset]), Some(Duration::from_millis(1_337)));
        assert_eq!(asked(429, &[reset, ("retry-after", "9")]), Some(Duration::from_secs(9)));
        assert_eq!(asked(429, &[reset, ("retry-after", "soon")]), Some(Duration::from_millis(1_337)));
        assert_eq!(asked(404, &[reset]), None, "it is on every response of such services");
        assert_eq!(asked(429, &[("x-ratelimit-reset-after", "999999")]), Some(limits::RETRY_AFTER_MAX));
        assert_eq!(asked(429, &[("x-ratelimit-reset-after", "tomorrow")]), None);
    }

    #[test]
    fn the_name_is_found_in_any_case_and_the_longest_of_several_counts() {
        let headers = [("x", "1"), ("rEtRy-AfTeR", "10"), ("retry-after", "20"), ("Retry-After", "soon")];
        assert_eq!(asked(503, &headers), Some(Duration::from_secs(20)));
        let resets = [("X-RateLimit-Reset-After", "2"), ("x-ratelimit-reset-after", "1.5")];
        assert_eq!(asked(429, &resets), Some(Duration::from_secs(2)));
        assert_eq!(asked(503, &[]), None);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_shorter_than_was_asked_for_nor_longer_than_a_day(
            whole in 0u64..200_000, fraction in "[0-9]{1,14}", others in prop::collection::vec(0u64..200_000, 0..3),
        ) {
            let value = format!("{whole}.{fraction}");
            let listed = others.iter().map(u64::to_string).chain([value.clone()]).collect::<Vec<_>>().join(", ");
            let longest = others.iter().copied().chain([whole]).max().unwrap_or_default();
            let (one, all) = (asked(503, &[("Retry-After", &value)]), asked(503, &[("Retry-After", &listed)]));
            let (one, all) = (one.expect("a number is read"), all.expect("a list is read"));
            prop_assert!(one >= Duration::from_secs(whole).min(limits::RETRY_AFTER_MAX));
            prop_assert!(one <= Duration::from_secs(whole + 1).min(limits::RETRY_AFTER_MAX));
            prop_assert!(all >= one && all >= Duration::from_secs(longest).min(limits::RETRY_AFTER_MAX));
            prop_assert!(all <= Duration::from_secs(longest + 1).min(limits::RETRY_AFTER_MAX));
        }

        #[test]
        fn no_header_makes_it_fail_or_ask_for_too_much(name in "(Retry-After|x-ratelimit-reset-after)", value in "\\PC{0,24}", status in 100u16..1_000) {
            let wait = asked(status, &[(&name, &value)]);
            prop_assert!(wait.is_none_or(|wait| wait <= limits::RETRY_AFTER_MAX));
            prop_assert!(wait.is_none() || FAILURES.contains(&status));
        }
    }
}
