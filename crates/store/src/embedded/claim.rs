//! Claims: due deliveries go from the head of their lane to the dispatcher; when the head
//! runs short it is read on from the disk. Nothing here awaits, so a claim is never lost half way.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tenterhook_model::{Delivery, DeliveryId, Event, Lane, Timestamp, WebhookId};

use super::shared::Shared;
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::keys::due::Place;
use crate::kv::{Kv, Span};
use crate::ownership::Ownership;
use crate::queue::{Item, Kind, Picked, after};
use crate::record::Claim;
use crate::rows;
use crate::rows::delivery::{Stored, Wait};
use crate::rows::event::EventRow;

/// Items that were read, and from where on there may be more.
type Read = (Vec<(Place, Item)>, Option<Place>);

/// Rows of a queue that are read at a time.
const CHUNK: usize = 64;

/// What was read of one head of a lane.
struct HeadRead {
    kind: Kind,
    from: Place,
    found: Vec<(Place, Item)>,
    next: Option<Place>,
}

impl Shared {
    /// Up to `limit` due deliveries of the webhook, taken out of its queue.
    pub(crate) fn claim(&self, webhook: WebhookId, limit: usize, now: Timestamp) -> Result<Vec<Claim>, StoreError> {
        let Some(lane) = self.lane_to_claim(webhook)? else { return Ok(Vec::new()) };
        let millis = now.millis_u48();
        let mut claims = Vec::new();
        while claims.len() < limit {
            let wanted = limit - claims.len();
            let picked = self.queues().pick(lane, wanted, millis);
            let short = picked.len() < wanted;
            let ids: Vec<_> = picked.iter().map(|picked| picked.id).collect();
            match self.load(picked, millis) {
                Ok(loaded) => claims.extend(loaded),
                Err(error) => {
                    // They are claimed again when the disk can be read.
                    let claimed = claims.iter().map(|claim: &Claim| claim.delivery.id);
                    self.queues().put_back(&claimed.chain(ids).collect::<Vec<_>>(), millis);
                    return Err(error);
                }
            }
            if short && !self.read_on(lane, millis)? {
                break;
            }
        }
        debug_assert!(claims.len() <= limit, "{} of at most {limit} were claimed", claims.len());
        self.make_room(claims.len());
        Ok(claims)
    }

    /// As [`Shared::claim`], when memory has all that it takes; `None` when something must be read.
    pub(crate) fn claim_from_memory(
        &self,
        webhook: WebhookId,
        limit: usize,
        now: Timestamp,
    ) -> Result<Option<Vec<Claim>>, StoreError> {
        let Some(lane) = self.lane_to_claim(webhook)? else { return Ok(Some(Vec::new())) };
        let millis = now.millis_u48();
        let picked = {
            let mut queues = self.queues();
            let picked = queues.pick(lane, limit, millis);
            let ends = [Kind::Due, Kind::Fresh].iter().all(|kind| queues.unread(lane, *kind, millis).is_none());
            let is_whole = picked.iter().all(|picked| picked.change.is_some() && picked.event.is_some());
            if !is_whole || (picked.len() < limit && !ends) {
                queues.put_back(&picked.iter().map(|picked| picked.id).collect::<Vec<_>>(), millis);
                return Ok(None);
            }
            picked
        };
        let count = picked.len();
        let claims = self.load(picked, millis)?;
        if claims.len() < count {
            // Some wait for their turns, so that others may go.
            self.queues().put_back(&claims.iter().map(|claim| claim.delivery.id).collect::<Vec<_>>(), millis);
            return Ok(None);
        }
        self.make_room(claims.len());
        Ok(Some(claims))
    }

    /// The lane of a webhook.
    ///
    /// # Errors
    /// When nothing may be sent now, or ever again.
    fn lane_to_claim(&self, webhook: WebhookId) -> Result<Option<Lane>, StoreError> {
        if !self.kv.may_send() {
            return Err(match *self.kv.ownership().borrow() {
                Ownership::Lost => StoreError::Closed,
                Ownership::Held | Ownership::Muted => {
                    StoreError::Unavailable("this node may not send until the database answers")
                }
            });
        }
        Ok(self.webhooks().by_id.get(&webhook).map(|webhook| webhook.lane))
    }

    fn make_room(&self, claimed: usize) {
        for _ in 0..claimed {
            self.room.notify_one();
        }
    }

    /// The deliveries and events of items that were taken out. One is left out that is no longer open,
    /// has to wait for its turn, or is damaged: then no new events are accepted until somebody
    /// has looked, and the others are delivered meanwhile.
    fn load(&self, picked: Vec<Picked>, millis: u64) -> Result<Vec<Claim>, StoreError> {
        let unread = picked.iter().filter(|picked| picked.change.is_none());
        let mut rows = self.rows(unread.map(|picked| (picked.id, keys::delivery::open(picked.id))).collect())?;
        let mut found = Vec::with_capacity(picked.len());
        for Picked { id, change, event } in picked {
            let delivery = match change {
                Some(change) => Some(change.delivery.clone()),
                None => match rows.remove(&id) {
                    Some(row) => self.noted(id, self.due_delivery(id, &row))?,
                    None => None,
                },
            };
            found.push((id, delivery, event));
        }
        let unread = found.iter().filter(|(_, _, event)| event.is_none());
        let key = |delivery: &Delivery| keys::event::encode(&delivery.namespace, &delivery.event_id);
        let mut rows =
            self.rows(unread.filter_map(|(id, delivery, _)| Some((*id, key(delivery.as_ref()?)))).collect())?;
        let mut claims = Vec::with_capacity(found.len());
        for (id, delivery, event) in found {
            let event = match (&delivery, event, rows.remove(&id)) {
                (Some(delivery), None, Some(row)) => self.noted(id, event_of(delivery, &row).map(Some))?,
                (_, event, _) => event,
            };
            let (Some(delivery), Some(event)) = (delivery, event) else {
                self.queues().drop_claim(id, millis);
                continue;
            };
            if delivery.ordering_key.is_empty() || self.queues().enter(id, &delivery.ordering_key) {
                claims.push(Claim { delivery, event });
            }
        }
        Ok(claims)
    }

    /// The rows of these keys, each for a delivery, as far as they are there and not damaged. An engine that
    /// is far away is asked once.
    fn rows(&self, wanted: Vec<(DeliveryId, Vec<u8>)>) -> Result<HashMap<DeliveryId, Bytes>, StoreError> {
        let mut found = HashMap::with_capacity(wanted.len());
        if self.kv.is_remote() {
            let (ids, keys): (Vec<_>, Vec<_>) = wanted.into_iter().unzip();
            let rows = self.kv.get_many(&keys)?;
            assert_eq!(rows.len(), ids.len(), "an engine answers for each key, or a delivery gets another's event");
            found.extend(ids.into_iter().zip(rows).filter_map(|(id, row)| Some((id, row?))));
            return Ok(found);
        }
        for (id, key) in wanted {
            found.extend(self.noted(id, self.kv.get(&key))?.map(|row| (id, row)));
        }
        Ok(found)
    }

    /// The delivery of a row, unless it waits for its turn.
    fn due_delivery(&self, id: DeliveryId, row: &Bytes) -> Result<Option<Delivery>, StoreError> {
        let stored = Stored::decode(row, id, &*self.lane(id.lane())?)?;
        Ok((stored.wait != Wait::Turn).then_some(stored.delivery))
    }

    /// What was read of a delivery; nothing, with a word, when it is damaged.
    fn noted<T>(&self, id: DeliveryId, read: Result<Option<T>, StoreError>) -> Result<Option<T>, StoreError> {
        let Err(error @ StoreError::Damaged(_)) = read else { return read };
        tracing::error!(delivery = %id, %error, "a delivery cannot be read");
        self.kv.note(&error);
        Ok(None)
    }

    /// Reads a lane's queue on from where its head ends; answers whether there was anything to read.
    /// The queues are not locked meanwhile, for the engine may be far away.
    fn read_on(&self, lane: Lane, millis: u64) -> Result<bool, StoreError> {
        if !self.queues().begin_read(lane) {
            return Ok(false);
        }
        let read = self.read_heads(lane, millis);
        let mut queues = self.queues();
        let was_read = read.map(|heads| {
            let was_read = !heads.is_empty();
            for HeadRead { kind, from, found, next } in heads {
                // Where the head has become shorter meanwhile, its end is read again.
                if queues.unread(lane, kind, millis) == Some(from) {
                    queues.read(lane, kind, found, next);
                }
            }
            was_read
        });
        queues.end_read(lane, millis);
        queues.set_timer(lane, millis);
        was_read
    }

    fn read_heads(&self, lane: Lane, millis: u64) -> Result<Vec<HeadRead>, StoreError> {
        let mut heads = Vec::new();
        for kind in [Kind::Due, Kind::Fresh] {
            let unread = self.queues().unread(lane, kind, millis);
            if let Some(from) = unread {
                let (found, next) = match kind {
                    Kind::Due => self.read_due(lane, from)?,
                    Kind::Fresh => self.read_fresh(lane, from)?,
                };
                heads.push(HeadRead { kind, from, found, next });
            }
        }
        Ok(heads)
    }

    fn read_due(&self, lane: Lane, from: Place) -> Result<Read, StoreError> {
        let start = keys::due::encode((from.0, in_lane(from.1, lane)));
        let rows = self.kv.range(Span::new(&start, &keys::due::of_lane(lane).1, CHUNK))?;
        let mut found = Vec::with_capacity(rows.len());
        for (key, _) in &rows {
            found.push((keys::due::decode(key)?, Item::default()));
        }
        let next = found.last().filter(|_| rows.len() == CHUNK).map(|(place, _)| after(*place));
        Ok((found, next))
    }

    fn read_fresh(&self, lane: Lane, from: Place) -> Result<Read, StoreError> {
        let start = keys::delivery::open(in_lane(from.1, lane));
        let rows = self.kv.range(Span::new(&start, &keys::delivery::of_lane(Family::Open, lane).1, CHUNK))?;
        let info = self.lane(lane)?;
        let mut found = Vec::with_capacity(rows.len());
        let mut last = None;
        for (key, row) in &rows {
            let id = keys::delivery::decode(Family::Open, key)?;
            let place = (id.create_millis(), id);
            last = Some(place);
            match Stored::decode(row, id, &info) {
                Ok(stored) if stored.wait != Wait::Fresh => {}
                // One that cannot be decoded is met again, and reported, when it is claimed.
                Ok(_) | Err(_) => found.push((place, Item::default())),
            }
        }
        Ok((found, last.filter(|_| rows.len() == CHUNK).map(after)))
    }
}

/// The event of a delivery.
fn event_of(delivery: &Delivery, row: &Bytes) -> Result<Arc<Event>, StoreError> {
    let row: EventRow = rows::decode(row, "an event")?;
    Ok(Arc::new(row.into_event(delivery.namespace.clone(), delivery.event_id.clone())))
}

/// The id in the lane: places compare by whole ids, and the one to begin at may be of no lane.
fn in_lane(id: DeliveryId, lane: Lane) -> DeliveryId {
    let mut bits = *id.as_bytes();
    bits[12..].copy_from_slice(&lane.0.to_be_bytes());
    DeliveryId::from_bytes(bits)
}
