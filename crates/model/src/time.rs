//! Time: a point in it, and the clock that the whole program reads it from.

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Nanoseconds in a second.
const NANOS: i128 = 1_000_000_000;

/// A point in time: nanoseconds since 1970-01-01 UTC without leap seconds, in the range of
/// protobuf's `Timestamp` (years 1 to 9999).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

impl Timestamp {
    /// 0001-01-01T00:00:00Z, the earliest that protobuf can carry.
    pub const MIN: Self = Self { seconds: -62_135_596_800, nanos: 0 };
    /// 9999-12-31T23:59:59.999999999Z, the latest that protobuf can carry.
    pub const MAX: Self = Self { seconds: 253_402_300_799, nanos: 999_999_999 };

    /// The time `seconds` and `nanos` after 1970; `None` outside the years 1 to 9999 or
    /// when `nanos` is a second or more.
    pub fn new(seconds: i64, nanos: u32) -> Option<Self> {
        let time = Self { seconds, nanos };
        (nanos < 1_000_000_000 && (Self::MIN..=Self::MAX).contains(&time)).then_some(time)
    }

    /// The time `millis` milliseconds after 1970, kept in the legal range.
    pub fn from_millis(millis: i64) -> Self {
        Self::from_nanos(i128::from(millis) * 1_000_000)
    }

    fn from_nanos(nanos: i128) -> Self {
        let nanos = nanos.clamp(Self::MIN.nanos(), Self::MAX.nanos());
        let time = Self { seconds: nanos.div_euclid(NANOS) as i64, nanos: nanos.rem_euclid(NANOS) as u32 };
        debug_assert!((Self::MIN..=Self::MAX).contains(&time), "every time is in the years 1 to 9999");
        time
    }

    fn nanos(self) -> i128 {
        i128::from(self.seconds) * NANOS + i128::from(self.nanos)
    }

    /// Whole seconds since 1970, rounded down.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds within the second: 0 to 999,999,999.
    pub fn subsec_nanos(self) -> u32 {
        self.nanos
    }

    /// Whole milliseconds since 1970, rounded down.
    pub fn millis(self) -> i64 {
        self.nanos().div_euclid(1_000_000) as i64
    }

    /// Milliseconds since 1970 as keys and identifiers hold them: 48 bits, 0 before 1970.
    pub fn millis_u48(self) -> u64 {
        self.millis().clamp(0, (1 << 48) - 1) as u64
    }

    /// The time as RFC 3339 writes it, in UTC: with no fraction or one of 3, 6 or 9 digits, as
    /// protobuf's JSON has it.
    pub fn rfc3339(self) -> String {
        let (year, month, day) = civil(self.seconds.div_euclid(86_400));
        let second = self.seconds.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        let fraction = match self.nanos {
            0 => String::new(),
            nanos if nanos % 1_000_000 == 0 => format!(".{:03}", nanos / 1_000_000),
            nanos if nanos % 1_000 == 0 => format!(".{:06}", nanos / 1_000),
            nanos => format!(".{nanos:09}"),
        };
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
    }

    /// The first moment after the day that `text` names as `YYYY-MM-DD` in UTC; `None` when it names none.
    pub fn end_of_day(text: &str) -> Option<Self> {
        Self::new(Self::start_of_day(text)?.seconds + 86_400, 0)
    }

    /// The first moment of the day that `text` names as `YYYY-MM-DD` in UTC; `None` when it names none.
    pub fn start_of_day(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut number = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()))?;
            part.parse::<i64>().ok()
        };
        let date = (number(4)?, number(2)?, number(2)?);
        if parts.next().is_some() || !(1..=12).contains(&date.1) {
            return None;
        }
        let day = days(date);
        if civil(day) == date { Self::new(day * 86_400, 0) } else { None }
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = (self.nanos() - earlier.nanos()).max(0);
        Duration::new((nanos / NANOS) as u64, (nanos % NANOS) as u32)
    }

    /// This time and `wait`, at most [`Timestamp::MAX`].
    pub fn after(self, wait: Duration) -> Self {
        Self::from_nanos(self.nanos().saturating_add(wait.as_nanos().min(i128::MAX as u128) as i128))
    }

    /// This time less `wait`, at least [`Timestamp::MIN`].
    pub fn before(self, wait: Duration) -> Self {
        Self::from_nanos(self.nanos().saturating_sub(wait.as_nanos().min(i128::MAX as u128) as i128))
    }
}

/// Year, month and day of the Gregorian calendar, so many days after 1970-01-01.
///
/// Counts in years that begin in March, so that a leap day ends its year, and in eras of 400
/// years, which all have 146,097 days.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    debug_assert!((1..=12).contains(&month) && (1..=31).contains(&day), "{days} days are {month}-{day}");
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// How many days after 1970-01-01 a date is: the inverse of [`civil`]. A day that its month does not
/// have is one of the next.
fn days((year, month, day): (i64, i64, i64)) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    debug_assert!((1..=12).contains(&month), "a year has no month {month}");
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Where the program reads the time of day.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time of day.
    fn now(&self) -> Timestamp;
}

/// The machine's clock; the only reader of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        let now = SystemTime::now();
        match now.duration_since(UNIX_EPOCH) {
            Ok(since) => Timestamp::default().after(since),
            Err(before) => Timestamp::default().before(before.duration()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rfc_3339_is_in_utc_with_the_digits_that_are_needed() {
        let cases = [
            (0, 0, "1970-01-01T00:00:00Z"),
            (1, 500_000_000, "1970-01-01T00:00:01.500Z"),
            (951_782_400, 1_000, "2000-02-29T00:00:00.000001Z"),
            (951_868_799, 1, "2000-02-29T23:59:59.000000001Z"),
            (-1, 0, "1969-12-31T23:59:59Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00Z"),
            (Timestamp::MIN.seconds, 0, "0001-01-01T00:00:00Z"),
            (Timestamp::MAX.seconds, 999_999_999, "9999-12-31T23:59:59.999999999Z"),
        ];
        for (seconds, nanos, text) in cases {
            assert_eq!(Timestamp::new(seconds, nanos).unwrap().rfc3339(), text);
        }
    }

    proptest! {
        #[test]
        fn adding_a_wait_and_measuring_it_agree(seconds in 0i64..4_000_000_000, nanos in 0u32..1_000_000_000, wait in 0u64..1 << 40) {
            let start = Timestamp::new(seconds, nanos).unwrap();
            let wait = Duration::from_micros(wait);
            prop_assert_eq!(start.after(wait).since(start), wait);
            prop_assert_eq!(start.after(wait).before(wait), start);
        }
    }

    #[test]
    fn arithmetic_stays_in_the_range_of_protobuf() {
        assert_eq!(Timestamp::MAX.after(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.before(Duration::MAX), Timestamp::MIN);
        assert_eq!(Timestamp::new(0, 1_000_000_000), None);
        assert_eq!(Timestamp::new(253_402_300_800, 0), None);
    }

    #[test]
    fn times_before_1970_round_down() {
        let time = Timestamp::from_millis(-1);
        assert_eq!((time.seconds(), time.subsec_nanos()), (-1, 999_000_000));
        assert_eq!(time.millis(), -1);
        assert_eq!(time.millis_u48(), 0);
    }

    #[test]
    fn a_day_ends_where_the_next_begins() {
        for (text, end) in [
            ("1970-01-01", Some("1970-01-02T00:00:00Z")),
            ("2024-02-29", Some("2024-03-01T00:00:00Z")),
            ("2027-12-31", Some("2028-01-01T00:00:00Z")),
            ("9998-12-31", Some("9999-01-01T00:00:00Z")),
            ("9999-12-31", None),
            ("2023-02-29", None),
            ("2027-13-01", None),
            ("2027-00-10", None),
            ("2027-1-1", None),
            ("2027-01-01-", None),
            ("tomorrow", None),
            ("", None),
        ] {
            assert_eq!(Timestamp::end_of_day(text).map(Timestamp::rfc3339).as_deref(), end, "{text}");
        }
        let begin = |text| Timestamp::start_of_day(text).map(Timestamp::rfc3339);
        assert_eq!(begin("2024-02-29").as_deref(), Some("2024-02-29T00:00:00Z"));
        assert_eq!(begin("9999-12-31").as_deref(), Some("9999-12-31T00:00:00Z"));
        assert_eq!(begin("2023-02-29"), None);
    }
}
