//! `b` lane span start → counts of a lane's deliveries in one minute or hour; with the span
//! of `now` and start 0 what is open.

use tenterhook_model::Lane;

use super::{Family, Key, Parts, under};
use crate::error::StoreError;

/// What a row counts over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Span {
    /// What is open now.
    Now,
    /// One minute, for the last day.
    Minute,
    /// One hour, for the last month.
    Hour,
}

impl Span {
    /// Its length in milliseconds; 0 for now.
    pub(crate) const fn millis(self) -> u64 {
        match self {
            Self::Now => 0,
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
        }
    }

    const fn letter(self) -> u8 {
        match self {
            Self::Now => 0,
            Self::Minute => 1,
            Self::Hour => 2,
        }
    }
}

/// The key of the counts of a lane over the span that begins at `start`, in milliseconds since 1970.
pub(crate) fn encode(lane: Lane, span: Span, start: u64) -> Vec<u8> {
    Key::of(Family::Count).lane(lane).bytes(&[span.letter()]).millis(start).done()
}

/// The range of all counts of a lane.
pub(crate) fn of_lane(lane: Lane) -> (Vec<u8>, Vec<u8>) {
    under(Key::of(Family::Count).lane(lane).done())
}

/// The lane, span and start of a key.
pub(crate) fn decode(key: &[u8]) -> Result<(Lane, Span, u64), StoreError> {
    let mut parts = Parts::of(key, Family::Count)?;
    let lane = parts.lane()?;
    let [letter] = parts.take()?;
    let start = parts.millis()?;
    parts.end()?;
    let span = [Span::Now, Span::Minute, Span::Hour].into_iter().find(|span| span.letter() == letter);
    span.map(|span| (lane, span, start)).ok_or_else(|| super::damaged(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_round_trip_and_sort_by_start(lane: u32, a in 0u64..1 << 48, b in 0u64..1 << 48) {
            for span in [Span::Now, Span::Minute, Span::Hour] {
                let key = encode(Lane(lane), span, a);
                prop_assert_eq!(decode(&key).unwrap(), (Lane(lane), span, a));
                let (from, to) = of_lane(Lane(lane));
                prop_assert!(from <= key && key < to);
                prop_assert_eq!(key.cmp(&encode(Lane(lane), span, b)), a.cmp(&b));
            }
        }
    }
}
