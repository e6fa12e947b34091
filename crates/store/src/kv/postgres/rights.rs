//! For how long the holder of a lease may send, by what the database has answered to it.
//!
//! Two clocks run. The lease itself is renewed five times before it would end, and its holder uses four
//! fifths of it. And the holder asks over one connection, its *guard*, ten times a second: the next node
//! may take over half a second after that connection has ended, and what was answered over it was
//! asked before its end. So whoever begins nothing later than that after the question has ended
//! before the next one begins.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Parts of a lease: it is renewed after one, and worth nothing to its holder after four.
pub(super) const PARTS: u32 = 5;
/// How often the holder asks over its guard.
pub(super) const PULSE: Duration = Duration::from_millis(100);
/// How long after a question that was answered the holder may begin something.
pub(super) const CERTAIN: Duration = Duration::from_millis(400);
/// How long a guard must be gone before another node may take over. It is longer than [`CERTAIN`] by more than
/// two clocks differ in that time.
pub(super) const ABSENCE: Duration = Duration::from_millis(500);
/// How long a guard must have been silent, at least, before its holder is taken for frozen or gone.
const QUIET: Duration = Duration::from_millis(600);
/// Parts of a lease, one of which a guard must have been silent.
const QUIET_PARTS: u32 = 15;

/// How long a guard must have been silent before a node takes over whose own lease is of this length. It is far
/// less than a second where the lease has ten, and those who want more calm choose a longer lease.
pub(super) fn quiet(length: Duration) -> Duration {
    (length / QUIET_PARTS).max(QUIET)
}

/// Until when the holder may send, in the milliseconds of [`now`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rights {
    /// Until when it makes use of its lease.
    lasts_until: u64,
    /// Until when nobody can have taken over because its guard has ended.
    certain_until: u64,
    /// Until when the holder before may have something in flight.
    waits_until: u64,
}

impl Rights {
    /// Those of a lease of this length that was asked for at `sent` and given.
    pub(super) fn new(sent: u64, length: Duration) -> Self {
        let mut rights = Self { lasts_until: 0, certain_until: 0, waits_until: 0 };
        rights.renewed(sent, length);
        rights
    }

    /// What was asked at `sent` over the guard was answered.
    pub(super) fn proved(&mut self, sent: u64) {
        self.certain_until = sent + CERTAIN.as_millis() as u64;
    }

    /// What was asked at `sent` over the guard was answered, and renewed the lease.
    pub(super) fn renewed(&mut self, sent: u64, length: Duration) {
        self.lasts_until = sent + (length / PARTS * (PARTS - 1)).as_millis() as u64;
        self.proved(sent);
    }

    /// There is no lease any more.
    pub(super) fn end(&mut self) {
        *self = Self { lasts_until: 0, certain_until: 0, waits_until: 0 };
    }

    /// The holder before may have something in flight until then.
    pub(super) fn wait(&mut self, until: u64) {
        self.waits_until = until;
    }

    /// Until when the holder before may have something in flight.
    pub(super) fn waits_until(&self) -> u64 {
        self.waits_until
    }

    /// Whether the holder before may have something in flight.
    pub(super) fn waits(&self, now: u64) -> bool {
        now < self.waits_until
    }

    /// Whether the lease is of use still.
    pub(super) fn last(&self, now: u64) -> bool {
        now < self.lasts_until
    }

    /// Whether something may begin.
    pub(super) fn may_begin(&self, now: u64) -> bool {
        let may = self.last(now) && now < self.certain_until && !self.waits(now);
        debug_assert!(!may || self.may_go_on(now, false), "what may begin may go on, whatever becomes of the guard");
        may
    }

    /// Whether what has begun may go on. While the guard is there and silent, it may: the database ends no
    /// connection before the lease.
    pub(super) fn may_go_on(&self, now: u64, has_guard: bool) -> bool {
        self.last(now) && (has_guard || now < self.certain_until)
    }

    /// How long an answer is of use to a holder that asks now.
    pub(super) fn patience(&self, now: u64, length: Duration) -> Duration {
        let (left, part) = (Duration::from_millis(self.lasts_until.saturating_sub(now)), length / PARTS);
        // Once it is worth nothing, there is nothing to be in time for.
        if left.is_zero() { part } else { left.min(part) }
    }
}

/// Milliseconds of a clock that nobody sets, and that goes on while the machine sleeps.
pub(super) fn now() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec as u64 * 1_000 + time.tv_nsec as u64 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    #[test]
    fn a_lease_is_used_for_four_fifths_and_begun_on_while_its_guard_answers() {
        let mut rights = Rights::new(1_000, LEASE);
        assert!(rights.may_begin(1_399) && !rights.may_begin(1_400));
        rights.proved(8_900);
        assert!(rights.may_begin(8_999) && !rights.may_begin(9_000), "the lease was not renewed");
        rights.renewed(8_950, LEASE);
        assert!(rights.may_begin(9_349) && rights.last(16_949) && !rights.last(16_950));
        rights.end();
        assert!(!rights.last(0) && !rights.may_begin(0));
    }

    #[test]
    fn what_has_begun_goes_on_beside_a_guard_that_is_silent_and_not_without_one() {
        let rights = Rights::new(1_000, LEASE);
        assert!(rights.may_go_on(8_999, true) && !rights.may_go_on(9_000, true));
        assert!(rights.may_go_on(1_399, false) && !rights.may_go_on(1_400, false));
    }

    #[test]
    fn nothing_begins_while_the_holder_before_may_have_something_in_flight() {
        let mut rights = Rights::new(1_000, LEASE);
        rights.wait(1_200);
        assert!(!rights.may_begin(1_199) && rights.may_begin(1_200) && !rights.may_begin(1_400));
        rights.renewed(1_100, LEASE);
        assert!(rights.waits(1_199), "it is not forgotten");
    }

    #[test]
    fn a_longer_lease_is_more_patient_with_a_silent_guard() {
        let quiet = |seconds| quiet(Duration::from_secs(seconds)).as_millis();
        assert_eq!([quiet(3), quiet(9), quiet(10), quiet(60)], [600, 600, 666, 4_000]);
    }

    #[test]
    fn an_answer_is_waited_for_while_it_is_of_use() {
        let rights = Rights::new(0, LEASE);
        let patience = |now| rights.patience(now, LEASE).as_millis();
        assert_eq!([patience(0), patience(7_000), patience(8_000)], [2_000, 1_000, 2_000]);
    }
}
