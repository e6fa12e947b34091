//! Brings next attempts forward after the clock was set back.
//!
//! The time of a next attempt is kept as a time of day. When the clock is set back by hours, such
//! a time lies hours ahead, though the wait was seconds. What shows it is the attempt before: it
//! ended later than it is now. Its delivery then waits from now on as long as it was to wait.
//!
//! A start is a look like any other: the newest change in the journal says what the clock was.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::{Clock, Delivery, DeliveryId, Timestamp, WebhookId};
use tenterhook_store::{Maintaining, Sequence, StoreError};

/// Deliveries of one step.
const STEP: usize = 256;
/// A clock that goes back by less is only being adjusted.
const ADJUSTMENT: Duration = Duration::from_secs(1);

/// Watches the clock, and goes through the open deliveries after it was set back.
#[derive(Debug)]
pub(crate) struct Forward {
    store: Arc<dyn Maintaining>,
    clock: Arc<dyn Clock>,
    /// The time of day at the last look; `None` before the first.
    latest: Option<Timestamp>,
    /// The webhooks that are still to be gone through, the last with its last delivery.
    left: Vec<(WebhookId, Option<DeliveryId>)>,
}

impl Forward {
    /// One that has not looked yet.
    pub(crate) fn new(store: Arc<dyn Maintaining>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, latest: None, left: Vec::new() }
    }

    /// Looks at the clock, and goes on with one bounded step; returns whether there is more to do.
    pub(crate) async fn step(&mut self) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let latest = match self.latest {
            Some(latest) => latest,
            None => self.newest_change().await?.unwrap_or(now),
        };
        let back = latest.since(now);
        if back > ADJUSTMENT {
            tracing::warn!(?back, "the clock was set back; next attempts keep their waits");
            self.left = self.store.webhooks().by_id.keys().map(|id| (*id, None)).collect();
        }
        self.latest = Some(now);
        let Some((webhook, after)) = self.left.pop() else { return Ok(false) };
        let deliveries = self.store.open_deliveries(webhook, after, STEP).await?;
        if deliveries.len() == STEP {
            self.left.push((webhook, deliveries.last().map(|delivery| delivery.id)));
        }
        assert!(deliveries.len() <= STEP, "a step of {STEP} has {} deliveries", deliveries.len());
        let earlier = |delivery: Delivery| Some((earlier(&delivery, now)?, delivery));
        let moves: Vec<_> = deliveries.into_iter().filter_map(earlier).map(|(time, one)| (one, time)).collect();
        if !moves.is_empty() {
            self.store.bring_forward(moves).await?;
        }
        Ok(!self.left.is_empty())
    }

    /// When the last change before the start was made.
    async fn newest_change(&self) -> Result<Option<Timestamp>, StoreError> {
        let Some(before) = self.store.journal().last.0.checked_sub(1) else { return Ok(None) };
        match self.store.changes(Sequence(before), 1).await {
            Ok(page) => Ok(page.changes.last().map(|change| change.time)),
            Err(StoreError::Expired { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// When the next attempt is to come by a clock that says `now`; `None` when it may stay.
fn earlier(delivery: &Delivery, now: Timestamp) -> Option<Timestamp> {
    let (due, last) = (delivery.next_attempt_time?, delivery.last_attempt.as_ref()?);
    let written = last.start_time.after(last.duration);
    let time = now.after(due.since(written));
    (written.since(now) > ADJUSTMENT && time < due).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{attempt, delivery, event, webhook};
    use tenterhook_model::{Attempt, Outcome};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(seconds, 0).unwrap()
    }

    /// A delivery whose last attempt ended at 1,000 s, and whose next is due then.
    fn waiting(due: i64) -> Delivery {
        let ended = attempt(1, Outcome::Timeout);
        let ended = Attempt { start_time: at(990), duration: Duration::from_secs(10), ..ended };
        let made = delivery(&webhook(1), &event("e"), 1);
        Delivery { next_attempt_time: Some(at(due)), last_attempt: Some(Arc::new(ended)), ..made }
    }

    #[test]
    fn a_wait_stays_as_long_as_it_was() {
        assert_eq!(earlier(&waiting(1_006), at(1_000 - 7_200)), Some(at(1_006 - 7_200)));
        assert_eq!(earlier(&waiting(1_000), at(500)), Some(at(500)));
    }

    #[test]
    fn what_a_clock_that_was_not_set_back_says_stays() {
        for now in [999, 1_000, 1_003, 1_006, 9_999] {
            assert_eq!(earlier(&waiting(1_006), at(now)), None, "{now}");
        }
        let untried = Delivery { last_attempt: None, ..waiting(9_000) };
        assert_eq!(earlier(&untried, at(5)), None, "the time that an event asks for is a time of day");
        assert_eq!(earlier(&Delivery { next_attempt_time: None, ..waiting(1) }, at(5)), None);
    }
}
