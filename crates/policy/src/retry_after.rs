//! The Retry-After header of an answer (RFC 9110 section 10.2.3): seconds, or a date.

use std::time::{Duration, UNIX_EPOCH};

use tenterhook_model::{CapturedResponse, Timestamp, limits};

/// Answers whose Retry-After counts: 429 (RFC 6585 section 4) and 503 (RFC 9110 section 15.6.4).
const STATUSES: [u16; 2] = [429, 503];

/// The time before which the receiver does not want to be asked again, at most
/// [`limits::RETRY_AFTER_MAX`] from `now`; `None` when it does not say, or not in a legal way.
pub fn retry_after(response: &CapturedResponse, now: Timestamp) -> Option<Timestamp> {
    if !STATUSES.contains(&response.status) {
        return None;
    }
    let value = response.header("retry-after")?.trim();
    let time = match seconds(value) {
        Some(wait) => now.after(wait),
        None => date(value)?,
    };
    Some(time.min(now.after(limits::RETRY_AFTER_MAX)))
}

/// Digits only; more than fit are more than the limit.
fn seconds(value: &str) -> Option<Duration> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(value.parse().unwrap_or(u64::MAX)))
}

fn date(value: &str) -> Option<Timestamp> {
    let since = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::default().after(since))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::answer;

    /// 1994-11-06T08:49:37Z, the date of RFC 9110 section 5.6.7.
    const NOW: fn() -> Timestamp = || Timestamp::new(784_111_777, 0).unwrap();

    /// Seconds from now.
    fn wait(status: u16, value: &str) -> Option<u64> {
        let response = answer(status, &[("Retry-After", value)]);
        retry_after(&response, NOW()).map(|time| time.since(NOW()).as_secs())
    }

    #[test]
    fn seconds_and_every_form_of_date_are_read() {
        let cases = [
            ("120", 120),
            ("0", 0),
            (" 7 ", 7),
            ("Sun, 06 Nov 1994 08:50:37 GMT", 60),
            ("Sunday, 06-Nov-94 08:50:37 GMT", 60),
            ("Sun Nov  6 08:50:37 1994", 60),
            ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
        ];
        for (value, expected) in cases {
            assert_eq!(wait(503, value), Some(expected), "{value}");
            assert_eq!(wait(429, value), Some(expected), "{value}");
        }
    }

    #[test]
    fn other_texts_count_for_nothing() {
        for value in ["", "soon", "-5", "+5", "1.5", "1e3", "5 s", "Sun, 99 Nov 1994 08:50:37 GMT", "\u{661}\u{662}"] {
            assert_eq!(wait(503, value), None, "{value}");
        }
    }

    #[test]
    fn retry_after_is_capped_at_a_day() {
        for value in ["86401", "99999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            assert_eq!(wait(429, value), Some(86_400), "{value}");
        }
        assert_eq!(wait(429, "86400"), Some(86_400));
    }

    #[test]
    fn it_counts_on_429_and_503_alone() {
        for status in [200, 301, 400, 404, 500, 502, 504] {
            assert_eq!(wait(status, "60"), None, "{status}");
        }
    }

    #[test]
    fn the_name_is_found_in_any_case_and_the_first_one_counts() {
        let response = answer(503, &[("x", "1"), ("rEtRy-AfTeR", "10"), ("retry-after", "20")]);
        assert_eq!(retry_after(&response, NOW()), Some(NOW().after(Duration::from_secs(10))));
        assert_eq!(retry_after(&answer(503, &[]), NOW()), None);
    }
}
