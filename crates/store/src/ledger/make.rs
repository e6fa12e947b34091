//! What is made of an event: a delivery for each of its webhooks.

use std::sync::Arc;

use tenterhook_model::{Delivery, DeliveryId, DeliveryState, Event, Webhook};

use super::Draft;
use super::rows::{Entry, Rows, Write};
use crate::rows::delivery::{Stored, Wait};

/// A delivery that is to be made.
#[derive(Debug)]
pub(crate) struct Make<'a> {
    /// Its id, which no other delivery has.
    pub(crate) id: DeliveryId,
    /// Its event.
    pub(crate) event: &'a Arc<Event>,
    /// Its webhook, in whose lane the id is.
    pub(crate) webhook: &'a Webhook,
    /// Bytes of the event that it counts for in memory.
    pub(crate) bytes: usize,
}

impl<R: Rows> Draft<'_, R> {
    /// Makes a delivery, which is due at once, at the time that the event names or at its turn.
    pub(crate) fn make(&mut self, make: &Make<'_>) -> Result<(), R::Stop> {
        let Make { id, event, webhook, bytes } = *make;
        assert_eq!(id.lane(), webhook.lane, "{id} is made for {} and is in another lane", webhook.id);
        assert_eq!(event.namespace, webhook.namespace, "the event of {id} would leave its namespace");
        let not_before = event.deliver_after.filter(|time| *time > self.now);
        let has_turn = self.has_turn(id, &event.ordering_key)?;
        let wait = match not_before {
            _ if !has_turn => Wait::Turn,
            Some(_) => Wait::Due,
            None => Wait::Fresh,
        };
        let delivery = Delivery {
            id,
            namespace: event.namespace.clone(),
            webhook_id: webhook.id,
            event_id: event.id.clone(),
            event_type: event.event_type.clone(),
            ordering_key: event.ordering_key.clone(),
            state: DeliveryState::Pending,
            attempt_count: 0,
            attempts_before_redrive: 0,
            attempts_uncounted: 0,
            next_attempt_time: (wait != Wait::Turn).then(|| not_before.unwrap_or(self.now)),
            last_attempt: None,
            create_time: self.now,
            update_time: self.now,
            finish_time: None,
        };
        self.join_order(id, &event.ordering_key, has_turn);
        self.writes.extend(event.expire_time.map(|time| Write::ExpireAt(id, time)));
        let entry = Entry::new(Stored { delivery, wait, not_before: not_before.filter(|_| !has_turn) }, None);
        entry.assert_open();
        self.write(Write::New { entry, event: event.clone(), bytes });
        Ok(())
    }
}
