//! The second half of the loop's work: attempts end, the policy decides, outcomes are recorded.

use tenterhook_attempt::Deliver;
use tenterhook_model::{Excuse, FailureSummary, Next, Outcome, Timestamp};
use tenterhook_policy::{Decision, Trial, retry_after};
use tenterhook_store::Settlement;
use tokio::time::Instant;

use crate::decide::Facts;
use crate::flight::Ended;
use crate::lane::Lane;
use crate::record::Recorded;
use crate::run::{Run, try_next_ended};

impl<D: Deliver> Run<D> {
    /// Goes on after the end of an attempt, and of all others that have ended by now.
    pub(crate) fn all_ended(&mut self, first: Option<Ended>) {
        let (now, instant) = (self.parts.clock.now(), Instant::now());
        self.ahead.look(now, instant);
        let mut next = first;
        while let Some(ended) = next {
            self.ended(ended, now, instant);
            next = try_next_ended(&mut self.attempts);
        }
    }

    fn ended(&mut self, ended: Ended, now: Timestamp, instant: Instant) {
        assert!(self.here.taken > 0 || !ended.here, "an attempt has ended here that never began here");
        self.here.taken -= usize::from(ended.here);
        if let Some(excuse) = ended.excuse {
            return self.excused(&ended, excuse, (now, instant));
        }
        self.count(&ended, now);
        let webhook = ended.claim.delivery.webhook_id;
        let lane = self.lanes.lane(webhook).expect("a lane is forgotten only when nothing of it is in flight");
        let was_open = lane.health().circuit_open();
        let is_doubted = self.ahead.is_doubted(instant);
        let settlement = settle(lane, ended, (now, instant, is_doubted), &*self.parts.entropy);
        let is_open = lane.health().circuit_open();
        if let Some(reason) = &settlement.suspend {
            lane.set_suspending(true);
            self.stories.suspended(lane, &settlement, (reason, instant));
        }
        if settlement.next == Next::GiveUp {
            self.stories.gave_up(lane, &settlement, instant);
        }
        if was_open != is_open {
            self.stories.breaker(lane, &settlement, (now, instant));
            self.parts.meter.breaker_changed(is_open);
        }
        self.recorder.push(webhook, settlement);
        self.lanes.attempt_ended(webhook, instant);
        self.lanes.enqueue(webhook, instant);
        self.lanes.settle_down(webhook);
    }

    /// Puts the delivery of an attempt back that failed by no doing of its receiver.
    fn excused(&mut self, ended: &Ended, excuse: Excuse, (now, instant): (Timestamp, Instant)) {
        let webhook = ended.claim.delivery.webhook_id;
        self.parts.meter.excused(excuse);
        let lane = self.lanes.lane(webhook).expect("a lane is forgotten only when nothing of it is in flight");
        self.stories.excused(lane, &ended.attempt, (excuse, instant));
        lane.excused(excuse, ended.begun, (now, instant));
        self.release(vec![ended.claim.delivery.id]);
        self.lanes.attempt_ended(webhook, instant);
        self.lanes.enqueue(webhook, instant);
        self.lanes.settle_down(webhook);
    }

    fn count(&mut self, ended: &Ended, now: Timestamp) {
        let (meter, attempt) = (&self.parts.meter, &ended.attempt);
        meter.attempt_ended(ended.claim.delivery.webhook_id, attempt);
        if attempt.outcome == Outcome::Success {
            meter.delivered(now.since(ended.claim.event.publish_time));
        }
        if ended.panicked {
            meter.panicked();
        }
        if self.draining && attempt.outcome == Outcome::Interrupted {
            self.drained.interrupted += 1;
        } else if self.draining {
            self.drained.finished += 1;
        }
    }

    /// Goes on after the store has answered a group of outcomes.
    pub(crate) fn recorded(&mut self, recorded: Recorded) {
        self.closed |= recorded.closed;
        self.drained.unsettled += if recorded.closed { recorded.count } else { 0 };
        for webhook in recorded.suspended {
            if let Some(lane) = self.lanes.lane(webhook) {
                lane.set_suspending(false);
            }
            let instant = Instant::now();
            self.lanes.refresh(&self.parts.store.webhooks(), instant);
            self.lanes.enqueue(webhook, instant);
        }
    }
}

/// Asks the breaker and the policy, and writes down what they say.
fn settle(
    lane: &mut Lane,
    ended: Ended,
    (now, instant, is_doubted): (Timestamp, Instant, bool),
    entropy: &dyn tenterhook_model::Entropy,
) -> Settlement {
    let Ended { claim, attempt, probe, begun, .. } = ended;
    let outcome = attempt.outcome;
    let asked = retry_after(outcome, attempt.response.as_ref(), now);
    let failing = lane.ended(Trial { outcome, start: attempt.start_time, end: now, asked }, begun, instant);
    if !matches!(outcome, Outcome::Success | Outcome::Interrupted) {
        lane.note_failure(FailureSummary::of(&claim.delivery, &attempt));
    }
    let facts = Facts {
        delivery: &claim.delivery,
        expire_time: claim.event.expire_time,
        attempt: &attempt,
        asked,
        probe,
        webhook: lane.webhook(),
        health: lane.health(),
        is_doubted,
    };
    let counts = facts.counts();
    let Decision { next, suspend } = facts.decide(now, entropy);
    Settlement {
        delivery_id: claim.delivery.id,
        attempt: Some(attempt),
        counts,
        next,
        // Also of an attempt that says nothing of the receiver: the rate has let it through.
        health: Some(lane.health().clone()),
        suspend: suspend.or(failing),
    }
}
