//! The second half of the loop's work: attempts end, the policy decides, outcomes are recorded.

use tenterhook_model::{Outcome, Timestamp};
use tenterhook_policy::{Decision, Trial};
use tenterhook_store::Settlement;

use crate::attempt::Ended;
use crate::decide::Facts;
use crate::lane::Lane;
use crate::parts::Deliver;
use crate::record::Recorded;
use crate::run::{Run, try_next_ended};

impl<D: Deliver> Run<D> {
    /// Goes on after the end of an attempt, and of all others that have ended by now.
    pub(crate) fn all_ended(&mut self, first: Option<Ended>) {
        let now = self.parts.clock.now();
        let mut next = first;
        while let Some(ended) = next {
            self.ended(ended, now);
            next = try_next_ended(&mut self.attempts);
        }
    }

    fn ended(&mut self, ended: Ended, now: Timestamp) {
        self.free += 1;
        self.count(&ended, now);
        let webhook = ended.claim.delivery.webhook_id;
        let lane = self.lanes.lane(webhook).expect("a lane is forgotten only when nothing of it is under way");
        let was_open = lane.health().circuit_open();
        let settlement = settle(lane, ended, now, &*self.parts.entropy);
        let is_open = lane.health().circuit_open();
        if let Some(reason) = &settlement.suspend {
            lane.set_suspending(true);
            tracing::warn!(%webhook, reason, "the webhook is suspended");
        }
        self.recorder.push(webhook, settlement);
        if was_open != is_open {
            tracing::warn!(%webhook, is_open, "the circuit breaker has changed");
            self.parts.meter.breakers_open(self.lanes.count_open());
        }
        self.lanes.enqueue(webhook);
        self.lanes.settle_down(webhook);
    }

    fn count(&mut self, ended: &Ended, now: Timestamp) {
        let (meter, attempt) = (&self.parts.meter, &ended.attempt);
        meter.attempt_ended(attempt.outcome, attempt.duration, &attempt.timings);
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
            self.lanes.refresh(&self.parts.store.webhooks());
            self.lanes.enqueue(webhook);
        }
    }
}

/// Asks the breaker and the policy, and writes down what they say.
fn settle(lane: &mut Lane, ended: Ended, now: Timestamp, entropy: &dyn tenterhook_model::Entropy) -> Settlement {
    let Ended { claim, attempt, probe, .. } = ended;
    let outcome = attempt.outcome;
    let failing = lane.ended(Trial { outcome, start: attempt.start_time, end: now });
    let facts = Facts {
        delivery: &claim.delivery,
        expire_time: claim.event.expire_time,
        attempt: &attempt,
        probe,
        webhook: lane.webhook(),
        health: lane.health(),
    };
    let counts = facts.counts();
    let Decision { next, suspend } = facts.decide(now, entropy);
    Settlement {
        delivery_id: claim.delivery.id,
        attempt: Some(attempt),
        counts,
        next,
        health: (outcome != Outcome::Interrupted).then(|| lane.health().clone()),
        suspend: suspend.or(failing),
    }
}
