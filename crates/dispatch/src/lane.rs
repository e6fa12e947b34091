//! One webhook on its way out: what it may send now, and what holds it back.
//!
//! A lane keeps its webhook's admission (requests under way, rate, breaker) and health in
//! memory; health goes to the store with each outcome and is read back after a restart.
//! Only the loop touches lanes, so nothing here is locked.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::{Excuse, FailureSummary, Timestamp, Webhook, WebhookHealth, limits};
use tenterhook_policy::{Admission, Admit, Breaker, Trial};
use tokio::time::Instant;

use crate::pace::{Pace, Pulse};
use crate::slots::Asking;
use crate::waiting::Place;

/// The pause of a lane after an excused attempt; it doubles with each in a row.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest pause of a lane after an excused attempt: file descriptors and workers come back
/// quickly, and whoever mends the machine wants to see it work.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The same after an attempt that its proxy failed: all webhooks wait for it, so each asks seldom.
const PROXY_PAUSE_FIRST: Duration = Duration::from_secs(5);
/// The longest of them.
const PROXY_PAUSE_MAX: Duration = Duration::from_secs(60);

/// A pause that doubles with each of `times` before it, up to `most`.
fn longer(first: Duration, times: u32, most: Duration) -> Duration {
    first.saturating_mul(2u32.saturating_pow(times)).min(most)
}

/// What a lane may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowance {
    /// Claim up to so many deliveries.
    Claim {
        /// At least 1.
        limit: usize,
    },
    /// Nothing before this time.
    At(Timestamp),
    /// Nothing until something happens that queues the lane again.
    Hold,
}

/// What to do with a delivery that was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Go on; whether the attempt is a breaker's probe.
    Go {
        /// Whether it is the single request that an open breaker lets through.
        probe: bool,
    },
    /// Put it back.
    PutBack,
}

/// One webhook's lane.
#[derive(Debug)]
pub(crate) struct Lane {
    webhook: Arc<Webhook>,
    health: WebhookHealth,
    breaker: Breaker,
    admission: Admission,
    /// Something may be due.
    more: bool,
    /// Something came due while a claim was under way, which may not have seen it.
    again: bool,
    claiming: bool,
    /// Where it waits for slots.
    place: Option<Place>,
    /// Slots that it holds: attempts in flight, and what a claim may bring.
    held: usize,
    pulse: Pulse,
    /// The pace at which its slots are counted.
    counted: Pace,
    /// When its oldest attempt began, as the lanes know it.
    oldest: Option<Instant>,
    alarm: Option<Timestamp>,
    /// Excused attempts in a row.
    excused: u32,
    /// After an excused attempt nothing is sent before this time.
    pause: Option<Timestamp>,
    /// An outcome that stops the webhook is on its way to the store.
    suspending: bool,
    removed: bool,
}

impl Lane {
    /// The lane of a webhook with this health.
    pub(crate) fn new(webhook: Arc<Webhook>, health: WebhookHealth) -> Self {
        let breaker = Breaker::from(&webhook.spec.circuit_breaker);
        let mut admission =
            Admission::new(breaker.clone(), &webhook.spec.rate_limit, limits::IN_FLIGHT_PER_WEBHOOK as u32);
        admission.resume(health.rate_time);
        Self {
            webhook,
            health,
            breaker,
            admission,
            more: false,
            again: false,
            claiming: false,
            place: None,
            held: 0,
            pulse: Pulse::default(),
            counted: Pace::Slow,
            oldest: None,
            alarm: None,
            excused: 0,
            pause: None,
            suspending: false,
            removed: false,
        }
    }

    /// The webhook as it is now.
    pub(crate) fn webhook(&self) -> &Arc<Webhook> {
        &self.webhook
    }

    /// The health that goes to the store with the next outcome.
    pub(crate) fn health(&self) -> &WebhookHealth {
        &self.health
    }

    /// Takes over a changed webhook; answers whether it changed. One that sends again after it
    /// was halted begins with a clean health: what failed before says nothing of it any more.
    pub(crate) fn replace(&mut self, webhook: &Arc<Webhook>) -> bool {
        if Arc::ptr_eq(&self.webhook, webhook) {
            return false;
        }
        if !self.webhook.sends() && webhook.sends() {
            self.health = self.health.resumed();
        }
        self.suspending &= webhook.sends();
        self.breaker = Breaker::from(&webhook.spec.circuit_breaker);
        self.admission.retune(self.breaker.clone(), &webhook.spec.rate_limit, limits::IN_FLIGHT_PER_WEBHOOK as u32);
        self.webhook = Arc::clone(webhook);
        true
    }

    /// Notes that something is due.
    pub(crate) fn note_due(&mut self) {
        self.more = true;
        self.again = self.claiming;
    }

    /// A person asked at `now` that the webhook be sent to: an open breaker lets a request through.
    pub(crate) fn ask(&mut self, now: Timestamp) {
        self.keep_to_clock(now);
        self.health = std::mem::take(&mut self.health).asked(now);
        self.note_due();
    }

    /// Notes a failed attempt for those who look at the webhook.
    pub(crate) fn note_failure(&mut self, failure: FailureSummary) {
        self.health.last_error = Some(failure);
    }

    /// Notes that the webhook is gone.
    pub(crate) fn remove(&mut self) {
        self.removed = true;
    }

    /// Whether the webhook is gone.
    pub(crate) fn is_removed(&self) -> bool {
        self.removed
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        !self.claiming && self.admission.in_flight() == 0
    }

    /// Whether nothing may be sent, be it by an operator or by the server.
    pub(crate) fn is_halted(&self) -> bool {
        self.removed || self.suspending || !self.webhook.sends()
    }

    /// Notes whether an outcome that stops the webhook is on its way to the store.
    pub(crate) fn set_suspending(&mut self, suspending: bool) {
        self.suspending = suspending;
    }

    /// Whether it has work and does not wait for slots yet.
    pub(crate) fn wants_slots(&self) -> bool {
        self.more && self.place.is_none() && !self.claiming && !self.is_halted()
    }

    /// Where it waits for slots.
    pub(crate) fn place(&self) -> Option<Place> {
        self.place
    }

    /// Notes where it waits for slots, or that it does so no longer.
    pub(crate) fn set_place(&mut self, place: Option<Place>) {
        self.place = place;
    }

    /// What the lane may do with `part` more slots, at least 1.
    pub(crate) fn allowance(&mut self, part: usize, now: Timestamp) -> Allowance {
        if !self.more || self.claiming || self.is_halted() {
            return Allowance::Hold;
        }
        self.keep_to_clock(now);
        if let Some(time) = self.pause.filter(|time| *time > now && time.since(now) <= PROXY_PAUSE_MAX) {
            return Allowance::At(time);
        }
        // A trial on a copy: the real question is asked when the deliveries are there.
        let mut trial = self.admission.clone();
        let mut limit = 0;
        while limit < part {
            match trial.admit(&self.health, now) {
                Admit::Now => limit += 1,
                Admit::At(time) if limit == 0 => return Allowance::At(time),
                Admit::At(_) | Admit::WhenOneEnds => break,
            }
        }
        if limit == 0 { Allowance::Hold } else { Allowance::Claim { limit } }
    }

    /// The lane as one that asks for slots at a pace.
    pub(crate) fn asking(&self, pace: Pace) -> Asking<'_> {
        Asking { namespace: &self.webhook.namespace, pace, held: self.held }
    }

    /// The pace at which its slots are counted.
    pub(crate) fn counted(&self) -> Pace {
        self.counted
    }

    /// Whether none of its attempts has ended since the start.
    pub(crate) fn is_untried(&self) -> bool {
        !self.pulse.is_tried()
    }

    /// How fast its attempts end.
    pub(crate) fn pace(&self, instant: Instant) -> Pace {
        self.pulse.pace(instant)
    }

    /// When its oldest attempt in flight began.
    #[cfg(test)]
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.pulse.oldest()
    }

    /// Changes the pace at which its slots are counted.
    pub(crate) fn count_at(&mut self, pace: Pace) {
        self.counted = pace;
    }

    /// Changes the number of slots that it holds.
    pub(crate) fn hold(&mut self, held: usize) {
        self.held = held;
    }

    /// Slots that it holds.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// When its oldest attempt in flight began, if that changes when its slots count as slow;
    /// with what the last call returned.
    pub(crate) fn turn_oldest(&mut self) -> (Option<Instant>, Option<Instant>) {
        let oldest = self.pulse.oldest().filter(|_| self.counted != Pace::Slow);
        (std::mem::replace(&mut self.oldest, oldest), oldest)
    }

    /// What the last call of [`Lane::turn_oldest`] returned.
    pub(crate) fn turned_oldest(&self) -> Option<Instant> {
        self.oldest
    }

    /// Notes that a claim is under way.
    pub(crate) fn begin_claim(&mut self) {
        assert!(!self.claiming, "a lane makes one claim at a time");
        assert!(self.place.is_none(), "a lane that claims does not wait for slots as well");
        self.claiming = true;
        self.again = false;
    }

    /// Notes that the claim came back with `all` it asked for, or with less.
    pub(crate) fn end_claim(&mut self, all: bool) {
        assert!(self.claiming, "a claim ends that was begun");
        self.claiming = false;
        self.more = all || self.again;
    }

    /// Asks whether a claimed delivery may be sent now.
    pub(crate) fn admit(&mut self, now: Timestamp, instant: Instant) -> Start {
        if self.is_halted() {
            return Start::PutBack;
        }
        match self.admission.admit(&self.health, now) {
            Admit::Now => {
                self.pulse.begin(instant);
                let (in_flight, begun) = (self.admission.in_flight() as usize, self.pulse.in_flight());
                debug_assert_eq!(in_flight, begun, "each attempt in flight was admitted, and begins once");
                Start::Go { probe: self.health.circuit_open() }
            }
            Admit::At(_) | Admit::WhenOneEnds => {
                self.more = true;
                Start::PutBack
            }
        }
    }

    /// Moves the times of the lane with a clock that was set back.
    fn keep_to_clock(&mut self, now: Timestamp) {
        let health = std::mem::take(&mut self.health);
        let rate_time = health.rate_time;
        self.health = health.by_clock(now);
        if self.health.rate_time != rate_time {
            self.admission.resume(self.health.rate_time);
        }
    }

    /// Notes that the attempt that began at `begun` ended at `instant`, and what it says of the
    /// receiver; returns why the webhook is to be stopped, if it is.
    pub(crate) fn ended(&mut self, trial: Trial, begun: Instant, instant: Instant) -> Option<String> {
        self.admission.release();
        (self.excused, self.pause) = (0, None);
        self.pulse.end(begun, instant);
        self.keep_to_clock(trial.end);
        self.health.rate_time = self.admission.rate_time();
        self.breaker.record(&mut self.health, trial)
    }

    /// Notes that the attempt that began at `begun` failed by no doing of the receiver: nothing
    /// of it counts, and the lane pauses, longer each time. One whose request was not processed is
    /// made again at once at first.
    pub(crate) fn excused(&mut self, excuse: Excuse, begun: Instant, (now, instant): (Timestamp, Instant)) {
        self.admission.cancel();
        self.pulse.end(begun, instant);
        let times = self.excused;
        self.excused = times.saturating_add(1);
        let pause = match excuse {
            Excuse::Unprocessed if times == 0 => Duration::ZERO,
            Excuse::Proxy => longer(PROXY_PAUSE_FIRST, times, PROXY_PAUSE_MAX),
            Excuse::Local | Excuse::Unprocessed => longer(PAUSE_FIRST, times, PAUSE_MAX),
        };
        self.pause = self.pause.max(Some(now.after(pause)));
        self.more = true;
    }

    /// Remembers when the lane is to be queued again; returns the time remembered before.
    pub(crate) fn set_alarm(&mut self, time: Timestamp) -> Option<Timestamp> {
        self.alarm.replace(time)
    }

    /// Forgets the time, which has come.
    pub(crate) fn clear_alarm(&mut self) {
        self.alarm = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{paused, webhook};

    const NOW: fn() -> Timestamp = || Timestamp::from_millis(1_000);
    const MANY: usize = 1_024;

    fn due_lane() -> Lane {
        let mut lane = Lane::new(Arc::new(webhook(1)), WebhookHealth::default());
        lane.note_due();
        lane
    }

    #[test]
    fn a_lane_without_work_is_not_queued() {
        let mut lane = Lane::new(Arc::new(webhook(1)), WebhookHealth::default());
        assert!(!lane.wants_slots());
        lane.note_due();
        assert!(lane.wants_slots());
        lane.set_place(Some((Pace::Slow, 1)));
        assert!(!lane.wants_slots(), "it waits once");
    }

    #[test]
    fn a_lane_claims_one_claim_at_a_time() {
        let mut lane = due_lane();
        assert_eq!(lane.allowance(MANY, NOW()), Allowance::Claim { limit: limits::IN_FLIGHT_PER_WEBHOOK });
        lane.begin_claim();
        assert_eq!(lane.allowance(MANY, NOW()), Allowance::Hold);
        assert!(!lane.is_idle());
        lane.end_claim(true);
        assert!(lane.wants_slots());
    }

    #[test]
    fn what_comes_due_during_a_claim_is_not_forgotten_when_the_claim_comes_back_short() {
        let mut lane = due_lane();
        lane.begin_claim();
        lane.end_claim(false);
        assert!(!lane.wants_slots(), "nothing is due");
        lane.note_due();
        lane.begin_claim();
        lane.note_due();
        lane.end_claim(false);
        assert!(lane.wants_slots(), "the claim may have been too early for it");
    }

    #[test]
    fn a_halt_while_a_claim_is_under_way_puts_back_what_it_brings() {
        let mut lane = due_lane();
        lane.begin_claim();
        assert!(lane.replace(&Arc::new(paused(&webhook(1)))));
        lane.end_claim(true);
        assert_eq!(lane.admit(NOW(), Instant::now()), Start::PutBack);
        assert!(!lane.wants_slots());
        assert!(lane.replace(&Arc::new(webhook(1))));
        assert!(lane.wants_slots(), "the work is remembered");
        assert_eq!(lane.admit(NOW(), Instant::now()), Start::Go { probe: false });
    }

    #[test]
    fn an_attempt_through_an_open_breaker_is_a_probe() {
        let mut lane = due_lane();
        lane.health.next_probe = Some(NOW());
        assert_eq!(lane.allowance(MANY, NOW()), Allowance::Claim { limit: 1 });
        assert_eq!(lane.admit(NOW(), Instant::now()), Start::Go { probe: true });
        assert_eq!(lane.allowance(MANY, NOW()), Allowance::Hold, "one probe at a time");
        lane.health.next_probe = Some(NOW().after(std::time::Duration::from_secs(9)));
        lane.admission.release();
        assert_eq!(lane.allowance(MANY, NOW()), Allowance::At(Timestamp::from_millis(10_000)));
    }

    #[test]
    fn a_rate_outlives_the_process_with_the_health() {
        let mut limited = webhook(1);
        limited.spec.rate_limit.requests_per_second = Some(1.0 / 60.0);
        let mut lane = Lane::new(Arc::new(limited.clone()), WebhookHealth::default());
        let instant = Instant::now();
        assert_eq!(lane.admit(NOW(), instant), Start::Go { probe: false });
        let trial = Trial { outcome: tenterhook_model::Outcome::Success, start: NOW(), end: NOW(), asked: None };
        lane.ended(trial, instant, instant);
        let mut next = Lane::new(Arc::new(limited), lane.health().clone());
        next.note_due();
        assert_eq!(next.allowance(MANY, NOW()), Allowance::At(Timestamp::from_millis(61_000)));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_a_lane_wait_no_longer_than_before() {
        let mut lane = due_lane();
        lane.health.last_failure = Some(NOW());
        lane.health.not_before = Some(NOW().after(std::time::Duration::from_secs(5)));
        lane.health.next_probe = Some(NOW().after(std::time::Duration::from_secs(9)));
        let hours_ago = NOW().before(std::time::Duration::from_secs(7_200));
        let expected = hours_ago.after(std::time::Duration::from_secs(9));
        assert_eq!(lane.allowance(MANY, hours_ago), Allowance::At(expected));
    }

    #[test]
    fn the_same_webhook_is_no_change() {
        let shared = Arc::new(webhook(1));
        let mut lane = Lane::new(Arc::clone(&shared), WebhookHealth::default());
        assert!(!lane.replace(&shared));
    }
}
