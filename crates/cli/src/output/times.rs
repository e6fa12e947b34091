//! Times and durations as people read them.

use std::sync::LazyLock;
use std::time::Duration;

use tenterhook_model::Timestamp;
use tz::{TimeZone, TimeZoneRef};

/// How times are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TimeForm {
    /// How long ago, or in how long
    Relative,
    /// RFC 3339 in UTC
    Utc,
    /// RFC 3339 in the time zone of this machine, or of TZ
    Local,
}

/// The zone that TZ names, else that of the machine; as everywhere, UTC when it cannot be read.
static ZONE: LazyLock<TimeZone> = LazyLock::new(|| {
    let named = std::env::var_os("TZ").and_then(|zone| zone.into_string().ok());
    let zone = named.as_deref().map_or_else(TimeZone::local, TimeZone::from_posix_tz);
    zone.unwrap_or_else(|_| TimeZone::utc())
});

/// A time in the local zone, such as `2026-11-28T13:00:00+01:00`.
pub(crate) fn local(time: Timestamp) -> String {
    in_zone(time, ZONE.as_ref())
}

fn in_zone(time: Timestamp, zone: TimeZoneRef<'_>) -> String {
    let offset = zone.find_local_time_type(time.seconds()).map_or(0, |kind| kind.ut_offset());
    // RFC 3339 has offsets of whole minutes; zones had seconds before there were standards.
    let minutes = offset / 60;
    match Timestamp::new(time.seconds() + i64::from(60 * minutes), time.subsec_nanos()) {
        Some(shifted) => {
            let sign = if minutes < 0 { '-' } else { '+' };
            let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
            format!("{}{sign}{hours:02}:{minutes:02}", shifted.rfc3339().trim_end_matches('Z'))
        }
        None => time.rfc3339(),
    }
}

/// A time of the wire; `None` when it is unset or out of range.
pub(crate) fn timestamp(time: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    let time = time?;
    Timestamp::new(time.seconds, u32::try_from(time.nanos).ok()?)
}

/// A duration of the wire; zero when it is unset or negative.
pub(crate) fn duration(duration: Option<&prost_types::Duration>) -> Duration {
    duration.and_then(|duration| Duration::try_from(*duration).ok()).unwrap_or_default()
}

/// The two largest units: `0.6 ms`, `3.1 s`, `37m`, `1h 02m`, `41 days`.
pub(crate) fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration.is_zero() => "0 s".to_owned(),
        0 if duration.as_millis() >= 10 => format!("{} ms", duration.as_millis()),
        0 => format!("{:.1} ms", duration.as_secs_f64() * 1_000.0),
        1..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..172_800 => format!("{}h {:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// How far `time` is from `now`: `14m ago`, `in 3.0 s`.
pub(crate) fn relative(time: Timestamp, now: Timestamp) -> String {
    if time > now { format!("in {}", short(time.since(now))) } else { format!("{} ago", short(now.since(time))) }
}

/// Reads a moment: RFC 3339, or an age such as `2h` before `now`.
///
/// # Errors
/// When it is neither.
pub(crate) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Some(age) = span(text) {
        return Ok(now.before(age));
    }
    let time = rfc3339(text).and_then(|time| timestamp(Some(&time)));
    time.ok_or_else(|| format!("`{text}` is neither an age such as 2h nor a time such as 2026-11-28T12:00:00Z"))
}

/// Reads a time of RFC 3339.
pub(crate) fn rfc3339(text: &str) -> Option<prost_types::Timestamp> {
    let time = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
    let nanos = i32::try_from(time.nanosecond()).expect("there are less than 10^9 in a second");
    Some(prost_types::Timestamp { seconds: time.unix_timestamp(), nanos })
}

/// Reads a duration: a whole number and `s`, `m`, `h` or `d`.
pub(crate) fn span(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor).map(Duration::from_secs)
}

/// As the wire has it.
pub(crate) fn wire(time: Timestamp) -> prost_types::Timestamp {
    let nanos = i32::try_from(time.subsec_nanos()).expect("there are less than 10^9 in a second");
    prost_types::Timestamp { seconds: time.seconds(), nanos }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        for (nanos, text) in [
            (0, "0 s"),
            (600_000, "0.6 ms"),
            (250_000_000, "250 ms"),
            (3_100_000_000, "3.1 s"),
            (59_000_000_000, "59s"),
            (37 * 60_000_000_000, "37m"),
            (3_720_000_000_000, "1h 02m"),
            (41 * 86_400_000_000_000, "41 days"),
        ] {
            assert_eq!(short(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn moments_are_ages_or_rfc_3339() {
        let now = Timestamp::from_millis(10_000_000);
        assert_eq!(moment("2h", now).unwrap(), Timestamp::from_millis(2_800_000));
        assert_eq!(moment("1970-01-01T00:00:01+00:00", now).unwrap(), Timestamp::from_millis(1_000));
        for wrong in ["", "h", "2w", "yesterday", "-1h", "99999999999999999999d", "\u{e9}"] {
            assert!(moment(wrong, now).unwrap_err().contains("2h"), "{wrong}");
        }
        assert_eq!(relative(now, now.after(Duration::from_secs(90))), "1m ago");
        assert_eq!(relative(now.after(Duration::from_secs(3)), now), "in 3.0 s");
    }

    #[test]
    fn a_zone_shifts_a_time_and_says_by_how_much() {
        let zone = |posix: &str| TimeZone::from_posix_tz(posix).unwrap();
        let (winter, summer) =
            (Timestamp::new(1_796_000_000, 0).unwrap(), Timestamp::new(1_781_000_000, 5_000_000).unwrap());
        assert_eq!(
            (winter.rfc3339(), summer.rfc3339()),
            ("2026-11-30T00:53:20Z".into(), "2026-06-09T10:13:20.005Z".into())
        );
        for (posix, winter_there, summer_there) in [
            ("UTC0", "2026-11-30T00:53:20+00:00", "2026-06-09T10:13:20.005+00:00"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-11-30T01:53:20+01:00", "2026-06-09T12:13:20.005+02:00"),
            ("NST3:30NDT,M3.2.0,M11.1.0", "2026-11-29T21:23:20-03:30", "2026-06-09T07:43:20.005-02:30"),
        ] {
            assert_eq!(in_zone(winter, zone(posix).as_ref()), winter_there);
            assert_eq!(in_zone(summer, zone(posix).as_ref()), summer_there);
        }
    }

    #[test]
    fn a_duration_turns_to_the_next_unit_where_it_is_full() {
        for (nanos, text) in [
            (1, "0.0 ms"),
            (50_000, "0.1 ms"),
            (9_999_999, "10.0 ms"),
            (10_000_000, "10 ms"),
            (999_999_999, "999 ms"),
            (1_000_000_000, "1.0 s"),
            (9_940_000_000, "9.9 s"),
            (10_000_000_000, "10s"),
            (59_999_999_999, "59s"),
            (60_000_000_000, "1m"),
            (3_599_999_999_999, "59m"),
            (3_600_000_000_000, "1h 00m"),
            (172_799_000_000_000, "47h 59m"),
            (172_800_000_000_000, "2 days"),
        ] {
            assert_eq!(short(Duration::from_nanos(nanos)), text, "{nanos}");
        }
        assert_eq!(short(Duration::MAX), "213503982334601 days");
    }

    #[test]
    fn a_span_is_a_whole_number_and_one_unit() {
        for (text, seconds) in [("0s", 0), ("1s", 1), ("90m", 5_400), ("24h", 86_400), ("7d", 604_800), ("007s", 7)] {
            assert_eq!(span(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        let most = u64::MAX / 86_400;
        assert_eq!(span(&format!("{most}d")), Some(Duration::from_secs(most * 86_400)));
        assert_eq!(span(&format!("{}d", most + 1)), None, "more than there are seconds");
        for wrong in ["", "s", "5", "1.5h", "1h30m", "5 m", " 5m", "5m ", "5M", "5ms", "٣s", "5日", "-5m"] {
            assert_eq!(span(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn times_of_the_wire_are_read_within_their_range() {
        let wire_time = |seconds, nanos| prost_types::Timestamp { seconds, nanos };
        assert_eq!(timestamp(None), None);
        assert_eq!(timestamp(Some(&wire_time(5, 0))), Some(Timestamp::from_millis(5_000)));
        assert_eq!(timestamp(Some(&wire_time(5, -1))), None, "negative nanoseconds");
        assert_eq!(timestamp(Some(&wire_time(i64::MAX, 0))), None);
        assert_eq!(timestamp(Some(&wire_time(0, 1_000_000_000))), None, "a whole second of nanoseconds");
        let wire_span = |seconds, nanos| prost_types::Duration { seconds, nanos };
        assert_eq!(duration(None), Duration::ZERO);
        assert_eq!(duration(Some(&wire_span(2, 500_000_000))), Duration::from_millis(2_500));
        assert_eq!(duration(Some(&wire_span(-2, 0))), Duration::ZERO);
    }

    #[test]
    fn a_moment_has_any_offset_and_an_age_ends_at_the_beginning_of_time() {
        let now = Timestamp::from_millis(1_796_000_000_000);
        for (text, seconds) in [
            ("2026-11-28T12:00:00Z", 1_795_867_200),
            ("2026-11-28t12:00:00z", 1_795_867_200),
            ("2026-11-28T13:00:00+01:00", 1_795_867_200),
            ("2026-11-28T06:30:00-05:30", 1_795_867_200),
            ("1969-12-31T23:59:59Z", -1),
        ] {
            assert_eq!(moment(text, now).map(Timestamp::seconds), Ok(seconds), "{text}");
        }
        assert_eq!(moment("2026-11-28T12:00:00.000000001Z", now).map(Timestamp::subsec_nanos), Ok(1));
        for wrong in
            ["2026-11-28", "2026-11-28T12:00:00", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "12:00", "now"]
        {
            assert!(moment(wrong, now).unwrap_err().starts_with(&format!("`{wrong}` is neither")), "{wrong}");
        }
        assert_eq!(moment("0s", now), Ok(now));
    }

    #[test]
    fn now_is_neither_ahead_nor_long_ago() {
        let now = Timestamp::from_millis(10_000);
        assert_eq!(relative(now, now), "0 s ago");
        assert_eq!(relative(Timestamp::from_millis(9_999), now), "1.0 ms ago");
        assert_eq!(relative(Timestamp::from_millis(10_001), now), "in 1.0 ms");
    }

    proptest::proptest! {
        #[test]
        fn what_the_wire_has_comes_back_from_it(seconds in -60_000_000_000_i64..250_000_000_000, nanos in 0_u32..1_000_000_000) {
            if let Some(time) = Timestamp::new(seconds, nanos) {
                proptest::prop_assert_eq!(timestamp(Some(&wire(time))), Some(time));
                proptest::prop_assert_eq!(rfc3339(&time.rfc3339()), Some(wire(time)));
            }
        }
    }
}
