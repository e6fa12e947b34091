//! How fast the attempts of one lane end, and so how far it is trusted with slots.
//!
//! Time here is that of the runtime: setting the wall clock makes no receiver slow.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// An attempt that takes longer hangs: it is about twenty times what a healthy receiver needs,
/// and an eighth of the default attempt timeout.
pub(crate) const HANGS_AFTER: Duration = Duration::from_secs(2);
/// How long a quick answer proves that the receiver is up.
const PROOF: Duration = Duration::from_secs(2);

/// How fast the attempts of a lane have been ending, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pace {
    /// One ended quickly within the last two seconds, and none hangs.
    Prompt,
    /// The last one ended quickly, and none hangs; or none has begun since the start.
    Quick,
    /// One hangs, or the last one did, or none has ended since the start.
    Slow,
}

impl Pace {
    /// Every pace.
    pub(crate) const ALL: [Self; 3] = [Self::Prompt, Self::Quick, Self::Slow];
}

/// The attempts of a lane that are in flight, and how the last one ended.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// How many of the attempts in flight began when.
    begun: BTreeMap<Instant, usize>,
    /// When the last attempt ended, if that was quick.
    quick: Option<Instant>,
    /// Whether one has ended.
    is_tried: bool,
}

impl Pulse {
    /// Notes that an attempt begins.
    pub(crate) fn begin(&mut self, now: Instant) {
        *self.begun.entry(now).or_default() += 1;
    }

    /// Notes that the attempt that began at `begun` has ended.
    pub(crate) fn end(&mut self, begun: Instant, now: Instant) {
        let count = self.begun.get_mut(&begun).expect("an attempt ends once, after it has begun");
        assert!(*count > 0 && begun <= now, "an attempt that began at {begun:?} ends at {now:?}");
        *count -= 1;
        if *count == 0 {
            self.begun.remove(&begun);
        }
        self.is_tried = true;
        self.quick = (now.duration_since(begun) < HANGS_AFTER).then_some(now);
    }

    /// Attempts in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.begun.values().sum()
    }

    /// When the oldest attempt in flight began.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.begun.first_key_value().map(|(begun, _)| *begun)
    }

    /// Whether an attempt has ended since the start.
    pub(crate) fn is_tried(&self) -> bool {
        self.is_tried
    }

    /// The pace at `now`.
    pub(crate) fn pace(&self, now: Instant) -> Pace {
        let hangs = self.oldest().is_some_and(|begun| now.duration_since(begun) >= HANGS_AFTER);
        match self.quick {
            Some(ended) if !hangs && now.duration_since(ended) < PROOF => Pace::Prompt,
            Some(_) if !hangs => Pace::Quick,
            None if !self.is_tried && self.begun.is_empty() => Pace::Quick,
            _ => Pace::Slow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(begin: Instant, millis: u64) -> Instant {
        begin + Duration::from_millis(millis)
    }

    #[test]
    fn a_lane_that_is_being_tried_is_slow_until_the_attempt_has_ended_quickly() {
        let (begin, mut pulse) = (Instant::now(), Pulse::default());
        assert_eq!((pulse.pace(begin), pulse.is_tried()), (Pace::Quick, false));
        pulse.begin(begin);
        assert_eq!(pulse.pace(after(begin, 100)), Pace::Slow);
        pulse.end(begin, after(begin, 100));
        assert_eq!(pulse.pace(after(begin, 100)), Pace::Prompt);
        assert_eq!(pulse.pace(after(begin, 2_099)), Pace::Prompt);
        assert_eq!(pulse.pace(after(begin, 2_100)), Pace::Quick);
    }

    #[test]
    fn an_attempt_that_hangs_makes_a_lane_slow_until_one_ends_quickly() {
        let (begin, mut pulse) = (Instant::now(), Pulse::default());
        pulse.begin(begin);
        pulse.end(begin, begin);
        pulse.begin(after(begin, 10));
        assert_eq!(pulse.pace(after(begin, 2_009)), Pace::Quick);
        assert_eq!(pulse.pace(after(begin, 2_010)), Pace::Slow);
        pulse.end(after(begin, 10), after(begin, 15_010));
        assert_eq!(pulse.pace(after(begin, 15_011)), Pace::Slow);
        pulse.begin(after(begin, 16_000));
        pulse.end(after(begin, 16_000), after(begin, 16_050));
        assert_eq!(pulse.pace(after(begin, 16_050)), Pace::Prompt);
    }

    #[test]
    fn quick_answers_do_not_hide_the_attempt_that_hangs() {
        let (begin, mut pulse) = (Instant::now(), Pulse::default());
        pulse.begin(begin);
        pulse.begin(after(begin, 2_500));
        pulse.end(after(begin, 2_500), after(begin, 2_600));
        assert_eq!(pulse.pace(after(begin, 2_600)), Pace::Slow);
        pulse.end(begin, after(begin, 2_700));
        assert_eq!((pulse.pace(after(begin, 2_700)), pulse.oldest()), (Pace::Slow, None));
    }

    #[test]
    #[should_panic(expected = "ends once")]
    fn an_attempt_that_ends_twice_is_a_broken_invariant() {
        let (begin, mut pulse) = (Instant::now(), Pulse::default());
        pulse.begin(begin);
        pulse.end(begin, begin);
        pulse.end(begin, begin);
    }
}
