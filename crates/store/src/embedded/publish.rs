//! Publishing: an event row, a row for each delivery, their place in journal and timeline.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use tenterhook_model::{DeliveryId, Event, EventId, Namespace, Webhook, WebhookId};

use super::group::Group;
use super::shared::Shared;
use crate::error::StoreError;
use crate::keys;
use crate::kv::Kv;
use crate::ledger::Make;
use crate::record::{NewEvent, Published};
use crate::rows;
use crate::rows::event::EventRow;

/// What becomes of one event of a slice.
enum Plan {
    /// It was stored before.
    Known(Published),
    /// It is new.
    New,
    /// It is the same as the one at this place of the slice.
    Repeat(usize),
}

/// The keys whose values the publication of an event asks for.
pub(super) fn reads_of(new: &NewEvent, shared: &Shared) -> Vec<Vec<u8>> {
    let Event { namespace, id, ordering_key, .. } = &*new.event;
    let mut keys = vec![keys::event::encode(namespace, id)];
    if !ordering_key.is_empty() {
        let set = shared.webhooks();
        let webhooks = new.webhooks.iter().filter_map(|id| set.by_id.get(id));
        keys.extend(webhooks.map(|webhook| keys::order::turn(webhook.lane, ordering_key)));
    }
    keys
}

impl Group<'_> {
    /// Stores events and makes their deliveries: all or, when one conflicts, none.
    pub(crate) fn publish(&mut self, events: Vec<NewEvent>) -> Result<Vec<Published>, StoreError> {
        if self.is_nearly_full() {
            return Err(StoreError::Full);
        }
        let plans = self.plan(&events)?;
        assert_eq!(plans.len(), events.len(), "each event of a slice gets an answer, and the others are not stored");
        let mut answers: Vec<Published> = Vec::with_capacity(events.len());
        for (new, plan) in events.into_iter().zip(plans) {
            let answer = match plan {
                Plan::Known(published) => published,
                Plan::New => self.store_event(new),
                Plan::Repeat(first) => Published { duplicate: true, ..answers[first].clone() },
            };
            answers.push(answer);
        }
        Ok(answers)
    }

    /// Finds out what is new, and refuses the slice if an id stands for another content.
    fn plan(&self, events: &[NewEvent]) -> Result<Vec<Plan>, StoreError> {
        let mut first: HashMap<(&Namespace, &EventId), usize> = HashMap::with_capacity(events.len());
        let mut plans = Vec::with_capacity(events.len());
        for (index, new) in events.iter().enumerate() {
            let conflict = || StoreError::EventConflict { id: new.event.id.clone(), index };
            let plan = match first.entry((&new.event.namespace, &new.event.id)) {
                Entry::Occupied(other) if events[*other.get()].content == new.content => Plan::Repeat(*other.get()),
                Entry::Occupied(_) => return Err(conflict()),
                Entry::Vacant(vacant) => {
                    vacant.insert(index);
                    match self.event_row(&new.event.namespace, &new.event.id)? {
                        None => Plan::New,
                        Some(row) if row.content == new.content.as_slice() => Plan::Known(Published {
                            event_id: new.event.id.clone(),
                            publish_time: row.publish_time(),
                            duplicate: true,
                            delivery_count: row.deliveries().len() as u32,
                        }),
                        Some(_) => return Err(conflict()),
                    }
                }
            };
            plans.push(plan);
        }
        Ok(plans)
    }

    /// The row of an event as it will be after the group.
    pub(crate) fn event_row(&self, namespace: &Namespace, id: &EventId) -> Result<Option<EventRow>, StoreError> {
        let row = self.get(&keys::event::encode(namespace, id))?;
        row.map(|row| rows::decode(&row, "an event")).transpose()
    }

    fn store_event(&mut self, new: NewEvent) -> Published {
        let set = self.shared.webhooks();
        let event = new.event;
        let moment = self.state.moment(self.now);
        // A webhook that was removed since the caller matched is left out.
        let webhooks: Vec<&Arc<Webhook>> = new.webhooks.iter().filter_map(|id| set.by_id.get(id)).collect();
        let share = event.size() / webhooks.len().max(1);
        let deliveries: Vec<DeliveryId> =
            webhooks.into_iter().map(|webhook| self.make_delivery(&event, webhook, share)).collect();
        let row = rows::event::encode(&event, &new.content, &deliveries);
        self.batch.put(keys::event::encode(&event.namespace, &event.id), row);
        self.place_event(&event.namespace, &event.id, moment);
        Published {
            event_id: event.id.clone(),
            publish_time: event.publish_time,
            duplicate: false,
            delivery_count: deliveries.len() as u32,
        }
    }

    /// Makes a delivery of the event for the webhook; in memory it counts for `bytes` of the event.
    fn make_delivery(&mut self, event: &Arc<Event>, webhook: &Webhook, bytes: usize) -> DeliveryId {
        let id = self.state.delivery_id(self.now, webhook.lane);
        let made = self.follow(|draft| draft.make(&Make { id, event, webhook, bytes }));
        if let Err(error) = made {
            // Others of the event are in the group already, so all of it goes.
            self.broken = Some(error);
        }
        id
    }

    /// Makes new deliveries of past events for one webhook. Events that are no longer kept are left out.
    pub(crate) fn replay(&mut self, webhook: WebhookId, events: &[EventId]) -> Result<Vec<DeliveryId>, StoreError> {
        let set = self.shared.webhooks();
        let Some(webhook) = set.by_id.get(&webhook) else { return Ok(Vec::new()) };
        let mut found = Vec::with_capacity(events.len());
        for id in events {
            if let Some(row) = self.event_row(&webhook.namespace, id)? {
                // A wait that the event asked for when it was published is over or no longer wanted.
                let event = Event { deliver_after: None, ..row.into_event(webhook.namespace.clone(), id.clone()) };
                found.push(Arc::new(event));
            }
        }
        let mut made = Vec::with_capacity(found.len());
        for event in found {
            let id = self.make_delivery(&event, webhook, event.size());
            self.batch.put(keys::event::replayed(&webhook.namespace, &event.id, id), Vec::new());
            made.push(id);
        }
        if !made.is_empty() {
            self.ask(webhook.id);
        }
        Ok(made)
    }

    /// Whether so little of the disk is left that it must be kept for what is under way.
    fn is_nearly_full(&mut self) -> bool {
        *self.nearly_full.get_or_insert_with(|| self.shared.kv.is_nearly_full())
    }
}
