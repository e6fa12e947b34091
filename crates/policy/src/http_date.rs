//! Dates of HTTP (RFC 9110 section 5.6.7), read as forgivingly as they are written: the three
//! forms in any case, with any day of the week, with `UTC` for `GMT`.

use std::time::Duration;

use tenterhook_model::Timestamp;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// What stands for UTC; nothing does too, as in the form of asctime.
const UTC: [&str; 4] = ["gmt", "utc", "ut", "z"];

/// The time that `text` names; `None` when it names none. A year of two digits is the last one
/// that is not more than 50 years after `now`, as the RFC says.
pub(crate) fn read(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.to_ascii_lowercase();
    let words: Vec<&str> = text.split([' ', ',', '-']).filter(|word| !word.is_empty()).collect();
    // The weekday says nothing that the date does not, and is often wrong.
    let (weekday, rest) = words.split_first()?;
    if !weekday.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let (day, month, year, time) = match *rest {
        [day, month, year, time, zone] if UTC.contains(&zone) => (day, month, year, time),
        [month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    let (day, year) = (number(day, 1..=2)?, full_year(year, now)?);
    let midnight = Timestamp::start_of_day(&format!("{year:04}-{month:02}-{day:02}"))?;
    Some(midnight.after(of_day(time)?))
}

/// The number that `text` has in so many digits.
fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u64> {
    let is_number = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn full_year(text: &str, now: Timestamp) -> Option<u64> {
    if let Some(year) = number(text, 4..=4) {
        return Some(year);
    }
    let (short, now) = (number(text, 2..=2)?, now.rfc3339()[..4].parse::<u64>().ok()?);
    let latest = now + 50;
    latest.checked_sub((latest + 100 - short) % 100)
}

/// How far a time of day, such as `08:49:37`, is from midnight. Second 60 is a leap second.
fn of_day(text: &str) -> Option<Duration> {
    let mut parts = text.split(':').map(|part| number(part, 2..=2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let is_time = parts.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    is_time.then(|| Duration::from_secs(hour * 3_600 + minute * 60 + second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 1994-11-06T08:49:37Z, the date of the RFC.
    const SECONDS: i64 = 784_111_777;

    fn seconds(text: &str) -> Option<i64> {
        read(text, Timestamp::new(SECONDS, 0).unwrap()).map(Timestamp::seconds)
    }

    #[test]
    fn every_form_is_read_in_every_spelling() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "sun, 06 nov 1994 08:49:37 gmt",
            "SUN, 06 NOV 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun Nov 06 08:49:37 1994",
        ] {
            assert_eq!(seconds(text), Some(SECONDS), "{text}");
        }
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:60 GMT"), Some(SECONDS + 23));
        assert_eq!(seconds("Fri, 31 Dec 9999 23:59:59 GMT"), Some(Timestamp::MAX.seconds()));
    }

    #[test]
    fn a_year_of_two_digits_is_at_most_fifty_years_ahead() {
        let year = |short: &str, now: i64| {
            let read = read(&format!("Sunday, 06-Nov-{short} 08:49:37 GMT"), Timestamp::new(now, 0).unwrap());
            read.unwrap().rfc3339()[..4].to_owned()
        };
        // In 1994 and in 2026.
        assert_eq!((year("44", SECONDS), year("45", SECONDS)), ("2044".to_owned(), "1945".to_owned()));
        assert_eq!((year("76", 1_790_000_000), year("77", 1_790_000_000)), ("2076".to_owned(), "1977".to_owned()));
        // In 2064 the next century is near.
        assert_eq!((year("14", 2_982_000_000), year("15", 2_982_000_000)), ("2114".to_owned(), "2015".to_owned()));
        // In the year 1 there was no century before.
        assert_eq!((full_year("51", Timestamp::MIN), full_year("52", Timestamp::MIN)), (Some(51), None));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "Sun",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Wed, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 08:49:37 PST",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 199 08:49:37 GMT",
            "06 Nov 1994 08:49:37 GMT",
            "1994-11-06T08:49:37Z",
            "Sun, \u{661} Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_date_is_read_in_each_of_the_three_forms(
            day in 0i64..2_900_000, second in 0i64..86_400, weekday in "(Mon|Tue|Sunday)", shout in any::<bool>(),
        ) {
            // From the year 1 to 9940.
            let time = Timestamp::new(Timestamp::MIN.seconds() + 86_400 * (day + 365) + second, 0).unwrap();
            let text = time.rfc3339();
            let (year, month, number, clock) = (&text[..4], &text[5..7], &text[8..10], &text[11..19]);
            let month = MONTHS[month.parse::<usize>().unwrap() - 1];
            for form in [
                format!("{weekday}, {number} {month} {year} {clock} GMT"),
                format!("{weekday}, {number}-{month}-{year} {clock} UTC"),
                format!("{weekday} {month} {number} {clock} {year}"),
            ] {
                let form = if shout { form.to_uppercase() } else { form };
                prop_assert_eq!(read(&form, Timestamp::default()), Some(time), "{}", form);
            }
        }

        #[test]
        fn a_short_year_is_within_a_century_of_now(now in 0i64..200_000_000_000, short in 0u64..100) {
            let now = Timestamp::new(now, 0).unwrap();
            let this: u64 = now.rfc3339()[..4].parse().unwrap();
            let year = full_year(&format!("{short:02}"), now).expect("two digits are a year");
            prop_assert!(year % 100 == short && year <= this + 50 && year + 50 > this, "{} in {}", year, this);
        }

        #[test]
        fn no_text_makes_it_fail(text in "[A-Za-z0-9:, -]{0,40}") {
            let _read: Option<Timestamp> = read(&text, Timestamp::default());
        }
    }
}
