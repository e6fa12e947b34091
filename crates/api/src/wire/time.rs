//! Times and durations between the wire and the model.

use std::ops::RangeInclusive;
use std::time::Duration;

use tenterhook_model::Timestamp;

use crate::check::Check;

/// Nanoseconds in a second.
const NANOS: i32 = 1_000_000_000;
/// The longest duration that protobuf carries: 10,000 years (`google/protobuf/duration.proto`).
const SECONDS_MAX: i64 = 315_576_000_000;

/// A time of the model on the wire.
pub(crate) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.seconds(), nanos: time.subsec_nanos() as i32 }
}

/// A duration of the model on the wire.
pub(crate) fn duration(duration: Duration) -> prost_types::Duration {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(SECONDS_MAX).min(SECONDS_MAX);
    prost_types::Duration { seconds, nanos: duration.subsec_nanos() as i32 }
}

/// The time in the field `name`, if it is set and legal.
pub(crate) fn read_timestamp(
    check: &mut Check,
    name: &'static str,
    time: Option<prost_types::Timestamp>,
) -> Option<Timestamp> {
    let time = time?;
    let legal = u32::try_from(time.nanos).ok().and_then(|nanos| Timestamp::new(time.seconds, nanos));
    if legal.is_none() {
        check.refuse(name, "must be a time from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z");
    }
    legal
}

/// The duration in the field `name`, if it is set and in `range`.
pub(crate) fn read_duration(
    check: &mut Check,
    name: &'static str,
    duration: Option<prost_types::Duration>,
    range: RangeInclusive<Duration>,
) -> Option<Duration> {
    let legal = to_duration(duration?).filter(|duration| range.contains(duration));
    if legal.is_none() {
        check.refuse(name, format!("must be a duration from {} to {}", words(*range.start()), words(*range.end())));
    }
    legal
}

/// A duration that is not negative and is well formed.
fn to_duration(duration: prost_types::Duration) -> Option<Duration> {
    let seconds = u64::try_from(duration.seconds).ok().filter(|_| duration.seconds <= SECONDS_MAX)?;
    let nanos = u32::try_from(duration.nanos).ok().filter(|_| duration.nanos < NANOS)?;
    Some(Duration::new(seconds, nanos))
}

/// A duration in the largest unit that fits: `30 days`, `1 second`.
fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (count, unit) = match seconds {
        0 => (seconds, "second"),
        _ if seconds.is_multiple_of(86_400) => (seconds / 86_400, "day"),
        _ if seconds.is_multiple_of(3_600) => (seconds / 3_600, "hour"),
        _ if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(seconds: i64, nanos: i32) -> Option<Duration> {
        let range = Duration::ZERO..=Duration::from_secs(3_600);
        read_duration(&mut Check::new(), "d", Some(prost_types::Duration { seconds, nanos }), range)
    }

    proptest! {
        #[test]
        fn times_round_trip(seconds in -62_135_596_800i64..253_402_300_800, nanos in 0u32..1_000_000_000) {
            let time = Timestamp::new(seconds, nanos).unwrap();
            let mut check = Check::new();
            prop_assert_eq!(read_timestamp(&mut check, "t", Some(timestamp(time))), Some(time));
            prop_assert!(check.finish().is_ok());
        }

        #[test]
        fn durations_round_trip(seconds in 0u64..3_600, nanos in 0u32..1_000_000_000) {
            let taken = Duration::new(seconds, nanos);
            let sent = duration(taken);
            prop_assert_eq!(read(sent.seconds, sent.nanos), Some(taken));
        }

        #[test]
        fn times_are_written_as_protobuf_writes_them(nanos in 0u32..1_000_000_000, seconds in -62_135_596_800i64..253_402_300_800) {
            let time = Timestamp::new(seconds, nanos).unwrap();
            prop_assert_eq!(time.rfc3339(), timestamp(time).to_string());
        }

        #[test]
        fn any_time_of_the_wire_is_read_or_refused(seconds: i64, nanos: i32) {
            let mut check = Check::new();
            let time = read_timestamp(&mut check, "t", Some(prost_types::Timestamp { seconds, nanos }));
            prop_assert_eq!(time.is_some(), check.finish().is_ok());
            let _ = read(seconds, nanos);
        }
    }

    #[test]
    fn an_unset_field_is_no_fault() {
        let mut check = Check::new();
        assert_eq!(read_timestamp(&mut check, "t", None), None);
        assert_eq!(read_duration(&mut check, "d", None, Duration::ZERO..=Duration::ZERO), None);
        assert!(check.finish().is_ok());
    }

    #[test]
    fn durations_are_checked_at_below_and_above_their_range() {
        assert_eq!(read(0, 0), Some(Duration::ZERO));
        assert_eq!(read(3_600, 0), Some(Duration::from_secs(3_600)));
        for (seconds, nanos) in [(3_600, 1), (-1, 0), (0, -1), (1, NANOS), (i64::MAX, 0), (i64::MIN, i32::MIN)] {
            assert_eq!(read(seconds, nanos), None, "{seconds} {nanos}");
        }
    }

    #[test]
    fn times_out_of_range_are_refused() {
        for (seconds, nanos) in [(253_402_300_800, 0), (-62_135_596_801, 0), (0, -1), (0, NANOS)] {
            let mut check = Check::new();
            assert_eq!(read_timestamp(&mut check, "t", Some(prost_types::Timestamp { seconds, nanos })), None);
            assert!(check.finish().is_err(), "{seconds} {nanos}");
        }
    }

    #[test]
    fn ranges_are_told_in_words() {
        let told = [0, 1, 60, 3_600, 7_200, 86_400 * 30, 61].map(|seconds| words(Duration::from_secs(seconds)));
        assert_eq!(told, ["0 seconds", "1 second", "1 minute", "1 hour", "2 hours", "30 days", "61 seconds"]);
    }
}
