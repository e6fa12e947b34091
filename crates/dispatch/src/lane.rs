//! One webhook on its way out: what it may send now, and what holds it back.
//!
//! A lane keeps its webhook's admission (requests under way, rate, breaker) and health in
//! memory; health goes to the store with each outcome and is read back after a restart.
//! Only the loop touches lanes, so nothing here is locked.

use std::sync::Arc;

use tenterhook_model::{Timestamp, Webhook, WebhookHealth, limits};
use tenterhook_policy::{Admission, Admit, Breaker, Trial};

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

/// The slots of the whole dispatcher, as a lane sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    /// Slots that nobody holds, at least 1.
    pub(crate) free: usize,
    /// Lanes that hold slots, this one included; at least 1.
    pub(crate) busy: usize,
}

impl Share {
    /// How many slots a lane may take that holds `held`.
    ///
    /// Of `n` busy lanes each may hold an `n`-th of what it leaves free: a lane alone takes
    /// half of the slots, and many dead receivers together leave some for those that come
    /// after them. A lane that holds nothing may always have one.
    fn of(self, held: usize) -> usize {
        let part = self.free.saturating_sub(self.busy * held) / (self.busy + 1);
        part.max(usize::from(held == 0))
    }
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
    queued: bool,
    /// Counted among the lanes that hold slots.
    busy: bool,
    alarm: Option<Timestamp>,
    /// An outcome that stops the webhook is on its way to the store.
    suspending: bool,
    removed: bool,
}

impl Lane {
    /// The lane of a webhook with this health.
    pub(crate) fn new(webhook: Arc<Webhook>, health: WebhookHealth) -> Self {
        let breaker = Breaker::from(&webhook.spec.circuit_breaker);
        let admission = Admission::new(breaker.clone(), &webhook.spec.rate_limit, limits::IN_FLIGHT_PER_WEBHOOK as u32);
        Self {
            webhook,
            health,
            breaker,
            admission,
            more: false,
            again: false,
            claiming: false,
            queued: false,
            busy: false,
            alarm: None,
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

    /// Whether it is counted among the lanes that hold slots.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Whether nothing may be sent, be it by an operator or by the server.
    pub(crate) fn is_halted(&self) -> bool {
        self.removed || self.suspending || !self.webhook.sends()
    }

    /// Notes whether an outcome that stops the webhook is on its way to the store.
    pub(crate) fn set_suspending(&mut self, suspending: bool) {
        self.suspending = suspending;
    }

    /// Marks the lane as queued; answers whether it has to be put into the queue.
    pub(crate) fn enter_queue(&mut self) -> bool {
        let enters = self.more && !self.queued && !self.claiming && !self.is_halted();
        self.queued |= enters;
        enters
    }

    /// What the lane, taken out of the queue, may do with its part of the dispatcher's slots.
    pub(crate) fn allowance(&mut self, share: Share, now: Timestamp) -> Allowance {
        self.queued = false;
        if !self.more || self.claiming || self.is_halted() {
            return Allowance::Hold;
        }
        let fair = share.of(self.admission.in_flight() as usize);
        // A trial on a copy: the real question is asked when the deliveries are there.
        let mut trial = self.admission.clone();
        let mut limit = 0;
        while limit < fair {
            match trial.admit(&self.health, now) {
                Admit::Now => limit += 1,
                Admit::At(time) if limit == 0 => return Allowance::At(time),
                Admit::At(_) | Admit::WhenOneEnds => break,
            }
        }
        if limit == 0 { Allowance::Hold } else { Allowance::Claim { limit } }
    }

    /// Notes that a claim is under way.
    pub(crate) fn begin_claim(&mut self) {
        debug_assert!(!self.claiming, "a lane claims one claim at a time");
        self.claiming = true;
        self.again = false;
        self.busy = true;
    }

    /// Notes that the claim came back with `all` it asked for, or with less.
    pub(crate) fn end_claim(&mut self, all: bool) {
        debug_assert!(self.claiming, "a claim ends that was begun");
        self.claiming = false;
        self.more = all || self.again;
    }

    /// Notes that it holds no slots any more.
    pub(crate) fn rest(&mut self) {
        self.busy = false;
    }

    /// Asks whether a claimed delivery may be sent now.
    pub(crate) fn admit(&mut self, now: Timestamp) -> Start {
        if self.is_halted() {
            return Start::PutBack;
        }
        match self.admission.admit(&self.health, now) {
            Admit::Now => Start::Go { probe: self.health.circuit_open() },
            Admit::At(_) | Admit::WhenOneEnds => {
                self.more = true;
                Start::PutBack
            }
        }
    }

    /// Notes that an attempt ended, and what it says of the receiver; answers why the webhook
    /// is to be stopped, if it is.
    pub(crate) fn ended(&mut self, trial: Trial) -> Option<String> {
        self.admission.release();
        self.breaker.record(&mut self.health, trial)
    }

    /// Remembers when the lane is to be queued again; answers the time remembered before.
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
    const ALONE: Share = Share { free: 1_024, busy: 1 };

    fn due_lane() -> Lane {
        let mut lane = Lane::new(Arc::new(webhook(1)), WebhookHealth::default());
        lane.note_due();
        lane
    }

    #[test]
    fn a_lane_alone_may_take_half_of_the_slots_and_many_leave_some_free() {
        assert_eq!(Share { free: 1_000, busy: 1 }.of(0), 500);
        let mut free = 1_024;
        for busy in 1..=100 {
            let taken = Share { free, busy }.of(0).min(64);
            free -= taken;
        }
        assert!(free > 0, "a hundred lanes that never give back leave room for the next");
    }

    #[test]
    fn a_lane_that_holds_nothing_may_always_have_one_slot() {
        assert_eq!(Share { free: 1, busy: 1_000 }.of(0), 1);
        assert_eq!(Share { free: 1, busy: 1_000 }.of(1), 0);
    }

    #[test]
    fn a_lane_without_work_is_not_queued() {
        let mut lane = Lane::new(Arc::new(webhook(1)), WebhookHealth::default());
        assert!(!lane.enter_queue());
        lane.note_due();
        assert!(lane.enter_queue());
        assert!(!lane.enter_queue(), "it is queued once");
    }

    #[test]
    fn a_lane_claims_one_claim_at_a_time() {
        let mut lane = due_lane();
        assert_eq!(lane.allowance(ALONE, NOW()), Allowance::Claim { limit: limits::IN_FLIGHT_PER_WEBHOOK });
        lane.begin_claim();
        assert_eq!(lane.allowance(ALONE, NOW()), Allowance::Hold);
        assert!(!lane.is_idle());
        lane.end_claim(true);
        assert!(lane.enter_queue());
    }

    #[test]
    fn what_comes_due_during_a_claim_is_not_forgotten_when_the_claim_comes_back_short() {
        let mut lane = due_lane();
        lane.begin_claim();
        lane.end_claim(false);
        assert!(!lane.enter_queue(), "nothing is due");
        lane.note_due();
        lane.begin_claim();
        lane.note_due();
        lane.end_claim(false);
        assert!(lane.enter_queue(), "the claim may have been too early for it");
    }

    #[test]
    fn a_halt_while_a_claim_is_under_way_puts_back_what_it_brings() {
        let mut lane = due_lane();
        lane.begin_claim();
        assert!(lane.replace(&Arc::new(paused(&webhook(1)))));
        lane.end_claim(true);
        assert_eq!(lane.admit(NOW()), Start::PutBack);
        assert!(!lane.enter_queue());
        assert!(lane.replace(&Arc::new(webhook(1))));
        assert!(lane.enter_queue(), "the work is remembered");
        assert_eq!(lane.admit(NOW()), Start::Go { probe: false });
    }

    #[test]
    fn an_attempt_through_an_open_breaker_is_a_probe() {
        let mut lane = due_lane();
        lane.health.next_probe = Some(NOW());
        assert_eq!(lane.allowance(ALONE, NOW()), Allowance::Claim { limit: 1 });
        assert_eq!(lane.admit(NOW()), Start::Go { probe: true });
        assert_eq!(lane.allowance(ALONE, NOW()), Allowance::Hold, "one probe at a time");
        lane.health.next_probe = Some(NOW().after(std::time::Duration::from_secs(9)));
        lane.admission.release();
        assert_eq!(lane.allowance(ALONE, NOW()), Allowance::At(Timestamp::from_millis(10_000)));
    }

    #[test]
    fn the_same_webhook_is_no_change() {
        let shared = Arc::new(webhook(1));
        let mut lane = Lane::new(Arc::clone(&shared), WebhookHealth::default());
        assert!(!lane.replace(&shared));
    }
}
