//! The first half of the loop's work: claims go out, and what they bring becomes attempts.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_attempt::Deliver;
use tenterhook_model::{DeliveryId, Next, Timestamp, WebhookId};
use tenterhook_policy::give_up_time;
use tenterhook_store::{Claim, Settlement, StoreError};
use tokio::time::Instant;

use crate::ahead::ageless;
use crate::flight::Flight;
use crate::lane::Start;
use crate::lanes::Order;
use crate::question::Answer;
use crate::run::Run;

/// When a lane is looked at again whose claim failed.
const CLAIM_AGAIN: Duration = Duration::from_secs(1);

/// What became of a claimed delivery.
enum Fate {
    Started,
    Expired,
    PutBack(DeliveryId),
}

impl<D: Deliver> Run<D> {
    /// Asks the store for as much as may be sent right now.
    pub(crate) fn claim(&mut self, now: Timestamp) {
        let instant = Instant::now();
        while !self.recorder.is_full()
            && let Some(order) = self.lanes.next_order(now, instant)
        {
            let store = Arc::clone(&self.parts.store);
            self.questions.push(Box::pin(async move {
                let result = store.claim(order.webhook, order.limit, now).await;
                Answer::Claimed { order, result }
            }));
        }
    }

    /// Goes on with an answer of the store.
    pub(crate) fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Claimed { order, result: Ok(claims) } => self.claimed(order, claims),
            Answer::Claimed { order, result: Err(error) } => self.claim_failed(order, &error),
            Answer::Released(Ok(())) => {}
            Answer::Released(Err(StoreError::Closed)) => self.closed = true,
            Answer::Released(Err(error)) => {
                tracing::error!(%error, "deliveries could not be put back; they are sent after a restart");
            }
        }
    }

    fn claim_failed(&mut self, order: Order, error: &StoreError) {
        if matches!(error, StoreError::Closed) {
            self.closed = true;
            return;
        }
        tracing::error!(%error, webhook = %order.webhook, "due deliveries could not be read; trying again");
        let again = self.parts.clock.now().after(CLAIM_AGAIN);
        self.lanes.claim_again_at(order, again);
    }

    fn claimed(&mut self, order: Order, claims: Vec<Claim>) {
        let now = self.parts.clock.now();
        let instant = Instant::now();
        assert!(claims.len() <= order.limit, "a claim of {} brought {}", order.limit, claims.len());
        self.lanes.claim_ended(order, claims.len() == order.limit);
        let (mut begun, mut put_back) = (0, Vec::new());
        for claim in claims {
            match self.start(order.webhook, claim, now, instant) {
                Fate::Started => begun += 1,
                Fate::Expired => {}
                Fate::PutBack(delivery) => put_back.push(delivery),
            }
        }
        self.lanes.return_unused(order, begun);
        self.release(put_back);
        self.lanes.enqueue(order.webhook, instant);
        self.lanes.settle_down(order.webhook);
    }

    pub(crate) fn release(&mut self, deliveries: Vec<DeliveryId>) {
        if deliveries.is_empty() {
            return;
        }
        self.drained.released += if self.draining { deliveries.len() } else { 0 };
        let store = Arc::clone(&self.parts.store);
        self.questions.push(Box::pin(async move { Answer::Released(store.release(deliveries).await) }));
    }

    /// Begins the attempt, unless the delivery has run out of time or may not go now.
    fn start(&mut self, webhook: WebhookId, claim: Claim, now: Timestamp, instant: Instant) -> Fate {
        let id = claim.delivery.id;
        let Some(lane) = self.lanes.lane(webhook).filter(|_| !self.draining) else { return Fate::PutBack(id) };
        let spec = Arc::clone(lane.webhook());
        let retry = &spec.spec.retry;
        let ageless = self.ahead.is_doubted(instant).then(|| ageless(retry));
        if give_up_time(&claim.delivery, claim.event.expire_time, ageless.as_ref().unwrap_or(retry)) <= now {
            self.recorder.push(webhook, expired(id));
            return Fate::Expired;
        }
        let place = self.parts.elsewhere.place(self.here);
        if place.is_none() && !self.here.has_room() {
            // A node that others sent for has gone; the slots follow.
            return Fate::PutBack(id);
        }
        let Start::Go { probe } = lane.admit(now, instant) else { return Fate::PutBack(id) };
        self.here.taken += usize::from(place.is_none());
        assert!(
            self.here.taken <= self.here.room,
            "this node makes more attempts at once than it may: {:?}",
            self.here
        );
        let context = self.parts.contexts.of(&claim.event);
        let flight = Flight { claim, webhook: spec, context, probe, begun: instant, place };
        self.attempts.spawn(flight.run(Arc::clone(&self.parts), self.deliverer.clone(), self.cut.clone()));
        Fate::Started
    }
}

fn expired(delivery_id: DeliveryId) -> Settlement {
    Settlement { delivery_id, attempt: None, counts: false, next: Next::GiveUp, health: None, suspend: None }
}
