//! Whether one more request may go to a webhook's receiver: its breaker, the requests under
//! way and its rate, in one question.
//!
//! `dispatch` holds one [`Admission`] a lane. The rate is kept by the generic cell rate
//! algorithm (ITU-T I.371 annex A): one time instead of a bucket that drips, and exact.

use std::time::Duration;

use tenterhook_model::webhook::RateLimit;
use tenterhook_model::{Timestamp, WebhookHealth};

use crate::breaker::Breaker;

/// Whether a request may be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admit {
    /// One request may go now; [`Admission::release`] when it has ended.
    Now,
    /// Not before this time.
    At(Timestamp),
    /// Not before a request that is under way has ended.
    WhenOneEnds,
}

/// The admission of one webhook's requests.
#[derive(Debug, Clone)]
pub struct Admission {
    breaker: Breaker,
    max_in_flight: u32,
    in_flight: u32,
    rate: Option<Rate>,
}

/// A rate with bursts.
#[derive(Debug, Clone, Copy)]
struct Rate {
    /// Time from one request to the next at the full rate.
    interval: Duration,
    /// How far ahead of an even flow requests may be: the burst less one, in time.
    tolerance: Duration,
    /// When the next request would come in an even flow.
    even: Timestamp,
}

impl Admission {
    /// An admission with nothing under way; `max_in_flight` holds where the limit does not say.
    pub fn new(breaker: Breaker, limit: &RateLimit, max_in_flight: u32) -> Self {
        Self {
            breaker,
            max_in_flight: limit.max_in_flight.unwrap_or(max_in_flight).max(1),
            in_flight: 0,
            rate: Rate::new(limit),
        }
    }

    /// Takes over a changed policy and keeps what is under way and what the rate has let through.
    pub fn retune(&mut self, breaker: Breaker, limit: &RateLimit, max_in_flight: u32) {
        let mut new = Self::new(breaker, limit, max_in_flight);
        new.in_flight = self.in_flight;
        if let (Some(rate), Some(old)) = (&mut new.rate, &self.rate) {
            rate.even = old.even;
        }
        assert!(new.max_in_flight > 0, "a webhook that may have nothing in flight is never sent to");
        *self = new;
    }

    /// Asks for one request at `now`; [`Admit::Now`] has counted it.
    ///
    /// While the breaker is open one request at a time goes as a probe, and only when its
    /// time has come; the requests from before it opened must have ended first. So it is after a
    /// wait that the receiver asked for.
    pub fn admit(&mut self, health: &WebhookHealth, now: Timestamp) -> Admit {
        if let Some(time) = self.breaker.closed_until(health, now) {
            return Admit::At(time);
        }
        let most = if Breaker::is_narrow(health) { 1 } else { self.max_in_flight };
        if self.in_flight >= most {
            return Admit::WhenOneEnds;
        }
        if let Some(time) = self.rate.as_mut().and_then(|rate| rate.take(now)) {
            return Admit::At(time);
        }
        self.in_flight += 1;
        assert!(self.in_flight <= most, "{} requests are in flight of at most {most}", self.in_flight);
        Admit::Now
    }

    /// One request has ended, or was not made after all.
    pub fn release(&mut self) {
        assert!(self.in_flight > 0, "a request is released once, after it was admitted");
        self.in_flight -= 1;
    }

    /// A request was admitted that the receiver never got: it takes nothing of the rate.
    pub fn cancel(&mut self) {
        self.release();
        if let Some(rate) = &mut self.rate {
            rate.even = rate.even.before(rate.interval);
        }
    }

    /// When the next request would come in an even flow; `None` without a rate. It is all that
    /// [`Admission::resume`] needs to go on from here.
    pub fn rate_time(&self) -> Option<Timestamp> {
        self.rate.map(|rate| rate.even)
    }

    /// Goes on from where [`Admission::rate_time`] was, if there is a rate.
    pub fn resume(&mut self, rate_time: Option<Timestamp>) {
        if let (Some(rate), Some(even)) = (&mut self.rate, rate_time) {
            rate.even = even;
        }
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }
}

impl Rate {
    fn new(limit: &RateLimit) -> Option<Self> {
        let rate = limit.requests_per_second.filter(|rate| *rate > 0.0)?;
        let mut interval = Duration::try_from_secs_f64(rate.recip()).unwrap_or(Duration::MAX);
        if interval.as_secs_f64() * rate < 1.0 {
            // Rounded down to the nanosecond, it would let a few too many through in the long run.
            interval = interval.saturating_add(Duration::from_nanos(1));
        }
        // One second's worth, at least one.
        let burst = limit.burst.unwrap_or(rate.ceil().min(f64::from(u32::MAX)) as u32).max(1);
        Some(Self { interval, tolerance: interval.saturating_mul(burst - 1), even: Timestamp::MIN })
    }

    /// Lets a request through at `now`, or says when it may come.
    fn take(&mut self, now: Timestamp) -> Option<Timestamp> {
        // Further ahead it can only be when the clock was set back or the policy changed.
        let even = self.even.min(now.after(self.tolerance).after(self.interval));
        let earliest = even.before(self.tolerance);
        if now < earliest {
            self.even = even;
            return Some(earliest);
        }
        self.even = even.max(now).after(self.interval);
        debug_assert!(self.even >= now, "the next of an even flow is never in the past");
        debug_assert!(
            self.even.before(self.tolerance).before(self.interval) <= now,
            "the flow is ahead of {now:?} by more than a burst: {:?}",
            self.even
        );
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::at;
    use tenterhook_model::webhook::BreakerPolicy;

    fn admission(limit: RateLimit) -> Admission {
        Admission::new(Breaker::from(&BreakerPolicy::default()), &limit, 64)
    }

    fn limit(rate: f64, burst: Option<u32>) -> RateLimit {
        RateLimit { requests_per_second: Some(rate), burst, max_in_flight: Some(1_000_000) }
    }

    fn well() -> WebhookHealth {
        WebhookHealth::default()
    }

    fn millis(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// How many go at this moment.
    fn rush(admission: &mut Admission, now: Timestamp) -> usize {
        (0..10_000).take_while(|_| admission.admit(&well(), now) == Admit::Now).count()
    }

    #[test]
    fn no_more_are_under_way_than_the_limit_says() {
        let mut admission = admission(RateLimit { max_in_flight: Some(3), ..RateLimit::default() });
        assert_eq!(rush(&mut admission, at(0)), 3);
        assert_eq!(admission.admit(&well(), at(9)), Admit::WhenOneEnds);
        admission.release();
        assert_eq!(rush(&mut admission, at(9)), 1);
        assert_eq!(admission.in_flight(), 3);
    }

    #[test]
    fn the_servers_limit_holds_where_the_webhook_does_not_say() {
        assert_eq!(rush(&mut admission(RateLimit::default()), at(0)), 64);
    }

    #[test]
    #[should_panic(expected = "released once")]
    fn a_release_too_many_is_a_broken_invariant() {
        admission(RateLimit::default()).release();
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_by_the_rate() {
        let mut admission = admission(limit(10.0, Some(5)));
        assert_eq!(rush(&mut admission, at(0)), 5);
        assert_eq!(admission.admit(&well(), at(0)), Admit::At(millis(100)));
        assert_eq!(rush(&mut admission, millis(99)), 0);
        assert_eq!(rush(&mut admission, millis(100)), 1);
        assert_eq!(rush(&mut admission, millis(350)), 2);
        assert_eq!(rush(&mut admission, at(60)), 5);
    }

    #[test]
    fn a_burst_that_is_not_set_is_one_seconds_worth() {
        for (rate, burst) in [(50.0, 50), (2.5, 3), (0.1, 1)] {
            assert_eq!(rush(&mut admission(limit(rate, None)), at(0)), burst, "{rate}");
        }
    }

    #[test]
    fn a_rate_that_is_no_whole_number_of_nanoseconds_is_not_exceeded() {
        for rate in [62.848710513950245, 3.0, 7.0, 199.99] {
            let rate_kept = Rate::new(&limit(rate, Some(1))).unwrap();
            assert!(rate_kept.interval.as_secs_f64() * rate >= 1.0, "{rate}");
        }
    }

    #[test]
    fn a_rate_below_one_a_second_waits_as_long_as_it_says() {
        let mut admission = admission(limit(0.1, None));
        assert_eq!(admission.admit(&well(), at(0)), Admit::Now);
        assert_eq!(admission.admit(&well(), at(1)), Admit::At(at(10)));
        assert_eq!(admission.admit(&well(), at(10)), Admit::Now);
    }

    #[test]
    fn asking_in_vain_uses_up_nothing() {
        let mut admission = admission(limit(1.0, Some(1)));
        assert_eq!(rush(&mut admission, at(0)), 1);
        for _ in 0..100 {
            assert_eq!(admission.admit(&well(), millis(500)), Admit::At(at(1)));
        }
        assert_eq!((rush(&mut admission, at(1)), admission.in_flight()), (1, 2));
    }

    #[test]
    fn a_clock_that_was_set_back_costs_no_more_than_the_burst() {
        let mut admission = admission(limit(1.0, Some(2)));
        rush(&mut admission, at(1_000_000));
        let Admit::At(time) = admission.admit(&well(), at(0)) else { panic!("the burst is used up") };
        assert!(time <= at(2), "{time:?}");
    }

    #[test]
    fn a_rate_goes_on_where_it_was_before_a_restart() {
        let mut before = admission(limit(1.0 / 60.0, Some(1)));
        assert_eq!(rush(&mut before, at(0)), 1);
        let mut after = admission(limit(1.0 / 60.0, Some(1)));
        after.resume(before.rate_time());
        assert_eq!(rush(&mut after, at(20)), 0);
        assert_eq!(rush(&mut after, at(61)), 1);
        let mut unlimited = admission(RateLimit::default());
        unlimited.resume(before.rate_time());
        assert_eq!((unlimited.rate_time(), unlimited.admit(&well(), at(0))), (None, Admit::Now));
    }

    #[test]
    fn a_request_that_was_never_sent_takes_nothing_of_the_rate() {
        let mut admission = admission(limit(1.0, Some(2)));
        assert_eq!(rush(&mut admission, at(0)), 2);
        admission.cancel();
        assert_eq!((rush(&mut admission, at(0)), admission.in_flight()), (1, 2));
    }

    #[test]
    fn after_a_wait_that_was_asked_for_one_request_goes_first() {
        let mut admission = admission(RateLimit::default());
        let health = WebhookHealth { not_before: Some(at(30)), ..well() };
        assert_eq!(admission.admit(&health, at(29)), Admit::At(at(30)));
        assert_eq!(admission.admit(&health, at(30)), Admit::Now);
        assert_eq!(admission.admit(&health, at(30)), Admit::WhenOneEnds);
    }

    #[test]
    fn an_absurd_rate_neither_panics_nor_blocks_the_first() {
        for rate in [f64::MIN_POSITIVE, 1e-300, 1e300, f64::INFINITY, f64::NAN, -1.0] {
            let mut admission = admission(limit(rate, Some(u32::MAX)));
            assert_eq!(admission.admit(&well(), at(0)), Admit::Now, "{rate}");
            admission.admit(&well(), at(0));
        }
    }

    #[test]
    fn while_the_breaker_is_open_nothing_goes_before_its_time() {
        let mut admission = admission(RateLimit::default());
        let health = WebhookHealth { next_probe: Some(at(30)), ..well() };
        assert_eq!(admission.admit(&health, at(1)), Admit::At(at(30)));
        assert_eq!(admission.in_flight(), 0);
    }

    #[test]
    fn probes_go_one_at_a_time() {
        let mut admission = admission(RateLimit::default());
        let health = WebhookHealth { next_probe: Some(at(30)), ..well() };
        assert_eq!(admission.admit(&health, at(30)), Admit::Now);
        assert_eq!(admission.admit(&health, at(31)), Admit::WhenOneEnds);
        admission.release();
        assert_eq!(admission.admit(&health, at(32)), Admit::Now);
    }

    #[test]
    fn no_probe_goes_while_older_requests_are_under_way() {
        let mut admission = admission(RateLimit::default());
        assert_eq!(admission.admit(&well(), at(0)), Admit::Now);
        let health = WebhookHealth { next_probe: Some(at(30)), ..well() };
        assert_eq!(admission.admit(&health, at(40)), Admit::WhenOneEnds);
    }

    #[test]
    fn a_changed_policy_keeps_what_is_under_way_and_the_pace() {
        let mut admission = admission(limit(1.0, Some(4)));
        assert_eq!(rush(&mut admission, at(0)), 4);
        let breaker = Breaker::from(&BreakerPolicy::default());
        let lower = RateLimit { max_in_flight: Some(4), ..limit(1.0, Some(4)) };
        admission.retune(breaker.clone(), &lower, 64);
        assert_eq!(admission.admit(&well(), at(0)), Admit::WhenOneEnds);
        admission.release();
        assert_eq!(admission.admit(&well(), at(0)), Admit::At(at(1)));
        admission.retune(breaker, &RateLimit::default(), 64);
        assert_eq!(admission.admit(&well(), at(0)), Admit::Now);
    }
}
