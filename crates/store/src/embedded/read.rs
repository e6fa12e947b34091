//! Reads of single records.

use std::sync::Arc;

use bytes::Bytes;
use tenterhook_model::{Attempt, Delivery, DeliveryId, Event, EventId, Lane, Namespace, Timestamp, WebhookId};

use super::shared::Shared;
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::kv::{Kv, Span};
use crate::rows;
use crate::rows::attempt::AttemptRow;
use crate::rows::delivery::Stored;
use crate::rows::event::EventRow;
use crate::stats::Backlog;

/// Rows that a look for the oldest delivery that waits reads at a time; those in flight come first.
const OLDEST_CHUNK: usize = 16;

impl Shared {
    /// The event, while it is kept.
    pub(crate) fn find_event(&self, namespace: &Namespace, id: &EventId) -> Result<Option<Event>, StoreError> {
        let Some(row) = self.kv.get(&keys::event::encode(namespace, id))? else { return Ok(None) };
        let row: EventRow = rows::decode(&row, "an event")?;
        Ok(Some(row.into_event(namespace.clone(), id.clone())))
    }

    /// The deliveries of an event, those of replays included, newest first.
    pub(crate) fn fan_out(&self, namespace: &Namespace, id: &EventId) -> Result<Vec<DeliveryId>, StoreError> {
        let Some(row) = self.kv.get(&keys::event::encode(namespace, id))? else { return Ok(Vec::new()) };
        let mut ids = rows::decode::<EventRow>(&row, "an event")?.deliveries();
        let (from, to) = keys::event::replayed_of(namespace, id);
        for (key, _) in self.kv.range(Span::new(&from, &to, usize::MAX))? {
            ids.push(keys::event::decode_replayed(&key)?.2);
        }
        ids.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    /// Open deliveries of the webhook after `after`, oldest first.
    pub(crate) fn open_deliveries(
        &self,
        webhook: WebhookId,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let lane = self.webhooks().by_id.get(&webhook).map(|webhook| webhook.lane);
        let Some(lane) = lane.filter(|lane| self.counts().open(*lane).total() > 0) else { return Ok(Vec::new()) };
        let (start, to) = keys::delivery::of_lane(Family::Open, lane);
        let from = after.map_or(start, |id| keys::after(&keys::delivery::open(id)));
        let info = self.lane(lane)?;
        let rows = self.kv.range(Span::new(&from, &to, limit))?;
        let open = rows.iter().map(|(key, row)| {
            let id = keys::delivery::decode(Family::Open, key)?;
            Ok(Stored::decode(row, id, &info)?.delivery)
        });
        open.collect()
    }

    /// The delivery whose turn it is in an ordering key.
    pub(crate) fn turn(&self, webhook: WebhookId, ordering_key: &str) -> Result<Option<DeliveryId>, StoreError> {
        let Some(lane) = self.webhooks().by_id.get(&webhook).map(|webhook| webhook.lane) else { return Ok(None) };
        let row = self.kv.get(&keys::order::turn(lane, ordering_key))?;
        let id = |row: &[u8]| row.try_into().map(DeliveryId::from_bytes);
        let damaged = |_| StoreError::Damaged("the turn of an ordering key".to_owned());
        row.as_deref().map(id).transpose().map_err(damaged)
    }

    /// What waits of a webhook.
    pub(crate) fn backlog(&self, webhook: WebhookId) -> Result<Backlog, StoreError> {
        let Some(lane) = self.webhooks().by_id.get(&webhook).map(|webhook| webhook.lane) else {
            return Ok(Backlog::default());
        };
        let open = self.counts().open(lane).total();
        let waiting = open.saturating_sub(self.queues().in_flight_of(lane) as u64);
        let oldest = if waiting > 0 { self.oldest_waiting(lane)? } else { None };
        Ok(Backlog { waiting, oldest })
    }

    /// When the oldest open delivery of a lane was made that is not in flight.
    fn oldest_waiting(&self, lane: Lane) -> Result<Option<Timestamp>, StoreError> {
        let (mut from, to) = keys::delivery::of_lane(Family::Open, lane);
        let info = self.lane(lane)?;
        loop {
            let rows = self.kv.range(Span::new(&from, &to, OLDEST_CHUNK))?;
            for (key, row) in &rows {
                let id = keys::delivery::decode(Family::Open, key)?;
                if !self.is_claimed(id) {
                    return Ok(Some(Stored::decode(row, id, &info)?.delivery.create_time));
                }
            }
            match rows.last() {
                Some((last, _)) if rows.len() == OLDEST_CHUNK => from = keys::after(last),
                _ => return Ok(None),
            }
        }
    }

    /// The delivery as it is stored.
    pub(crate) fn find_delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let Some(lane) = self.find_lane(id.lane()) else { return Ok(None) };
        // It may move from one family to the other and back between two looks.
        for key in [keys::delivery::open(id), keys::delivery::done(id), keys::delivery::open(id)] {
            if let Some(row) = self.kv.get(&key)? {
                return Ok(Some(Stored::decode(&row, id, &lane)?.delivery));
            }
        }
        Ok(None)
    }

    /// The deliveries as they are stored; an engine that is far away is asked once.
    pub(crate) fn find_deliveries(&self, ids: &[DeliveryId]) -> Result<Vec<Option<Delivery>>, StoreError> {
        if !self.kv.is_remote() {
            return ids.iter().map(|id| self.find_delivery(*id)).collect();
        }
        let keys: Vec<_> = ids.iter().flat_map(|id| [keys::delivery::open(*id), keys::delivery::done(*id)]).collect();
        let rows = self.kv.get_many(&keys)?;
        let found = |(id, rows): (&DeliveryId, &[Option<Bytes>])| match rows.iter().flatten().next() {
            Some(row) => Ok(Some(Stored::decode(row, *id, &*self.lane(id.lane())?)?.delivery)),
            // It may have moved between the two tables.
            None => self.find_delivery(*id),
        };
        ids.iter().zip(rows.chunks(2)).map(found).collect()
    }

    /// Every attempt of a delivery, oldest first.
    pub(crate) fn find_attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        let delivery = self.find_delivery(id)?;
        let (from, to) = keys::attempt::of_delivery(id);
        let mut attempts = Vec::new();
        for (_, row) in self.kv.range(Span::new(&from, &to, usize::MAX))? {
            attempts.push(rows::decode::<AttemptRow>(&row, "an attempt")?.into_attempt()?);
        }
        let last = delivery.and_then(|delivery| delivery.last_attempt);
        // Between the two looks the last may have got a row of its own, and a newer one be last.
        attempts.retain(|attempt| last.as_ref().is_some_and(|last| attempt.number < last.number));
        attempts.extend(last.map(Arc::unwrap_or_clone));
        Ok(attempts)
    }
}

/// One attempt of a delivery.
pub(crate) fn attempt(shared: &Shared, id: DeliveryId, number: u32) -> Result<Option<Attempt>, StoreError> {
    let last = shared.find_delivery(id)?.and_then(|delivery| delivery.last_attempt);
    if let Some(last) = last.filter(|last| last.number == number) {
        return Ok(Some(Arc::unwrap_or_clone(last)));
    }
    let Some(row) = shared.kv.get(&keys::attempt::encode(id, number))? else { return Ok(None) };
    Ok(Some(rows::decode::<AttemptRow>(&row, "an attempt")?.into_attempt()?))
}
