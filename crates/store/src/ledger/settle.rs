//! Settlements: what became of claimed deliveries.

use std::sync::Arc;

use tenterhook_model::{Attempt, Delivery, DeliveryId, DeliveryState, Next, Transition, WebhookHealth};

use super::Draft;
use super::rows::{Before, Entry, Rows, Write};
use crate::record::{Settled, Settlement};
use crate::rows::delivery::{Stored, Wait};

impl<R: Rows> Draft<'_, R> {
    /// Records what became of one claimed delivery.
    pub(crate) fn settle(&mut self, settlement: Settlement) -> Result<Settled, R::Stop> {
        let Settlement { delivery_id: id, attempt, counts, next, health, suspend } = settlement;
        let claimed = self.rows.claimed(id)?;
        // The claim ends before the delivery may be put back into its queue.
        self.write(Write::EndClaim(id));
        let settled = match (claimed, attempt, next) {
            (None, attempt, _) => self.settle_cancelled(id, attempt)?,
            (Some(stored), Some(attempt), _) if attempt.number != stored.delivery.attempt_count + 1 => Settled::Fenced,
            (Some(stored), Some(attempt), next) => {
                self.settle_open(stored, Transition::Attempted { attempt, next, counts })?
            }
            (Some(stored), None, Next::RetryAt(time)) => self.postpone(stored, time),
            (Some(stored), None, Next::Succeed | Next::GiveUp) => self.settle_open(stored, Transition::Expire)?,
        };
        self.judge(id, health, suspend);
        Ok(settled)
    }

    /// Records what the settlement says of the webhook.
    fn judge(&mut self, id: DeliveryId, health: Option<WebhookHealth>, suspend: Option<String>) {
        if health.is_none() && suspend.is_none() {
            return;
        }
        if let Some(webhook) = self.rows.webhook_of(id.lane()) {
            self.write(Write::Judge { by: id, webhook, health, suspend });
        }
    }

    /// Changes an open delivery by an attempt or by the end of its time.
    pub(super) fn settle_open(&mut self, mut stored: Stored, transition: Transition) -> Result<Settled, R::Stop> {
        let before = Before::from(&stored);
        let attempted = matches!(transition, Transition::Attempted { .. });
        let before_last = if attempted { stored.delivery.last_attempt.take() } else { None };
        if stored.delivery.apply(transition, self.now).is_err() {
            return Ok(Settled::Fenced);
        }
        let ends = stored.delivery.state.is_final();
        let heir = if ends { self.heir(&before)? } else { None };
        self.unqueue(&before);
        self.keep_attempt(&stored.delivery, before_last);
        let previous = Some(before.state);
        if ends {
            self.put_done(Entry { stored, previous, attempted });
            self.pass_turn(before, heir);
        } else {
            stored.wait = Wait::Due;
            self.put_open(Entry { stored, previous, attempted });
        }
        Ok(Settled::Done)
    }

    /// An attempt that was in flight when its delivery was cancelled, or given up by its time, is
    /// its last.
    fn settle_cancelled(&mut self, id: DeliveryId, attempt: Option<Arc<Attempt>>) -> Result<Settled, R::Stop> {
        let (Some(attempt), Some(mut stored)) = (attempt, self.rows.done(id)?) else { return Ok(Settled::Fenced) };
        let delivery = &mut stored.delivery;
        let state = delivery.state;
        assert!(state.is_final(), "{id} is {} in the row of a finished delivery", state.as_str());
        if state == DeliveryState::Succeeded || attempt.number != delivery.attempt_count + 1 {
            return Ok(Settled::Fenced);
        }
        let before_last = delivery.last_attempt.take();
        delivery.attempt_count = attempt.number;
        delivery.last_attempt = Some(attempt);
        delivery.update_time = self.now;
        self.keep_attempt(&stored.delivery, before_last);
        self.write(Write::Amend(Entry { stored, previous: Some(state), attempted: true }));
        Ok(Settled::Fenced)
    }

    /// Moves the previous attempt into its own row.
    fn keep_attempt(&mut self, delivery: &Delivery, previous: Option<Arc<Attempt>>) {
        let Some(previous) = previous else { return };
        let (id, count) = (delivery.id, delivery.attempt_count);
        assert!(previous.number < count, "attempt {} of {id} is kept before attempt {count}", previous.number);
        self.write(Write::KeepAttempt(id, previous));
    }
}
