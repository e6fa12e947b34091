//! Claims: due deliveries go from the head of their lane to the dispatcher; when the head
//! runs short it is read on from the disk. Nothing here awaits, so a claim is never lost half way.

use std::sync::Arc;

use tenterhook_model::{DeliveryId, Event, Lane, Timestamp, WebhookId};

use super::shared::Shared;
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::keys::due::Place;
use crate::kv::{Kv, Span};
use crate::queue::{Item, Kind, Picked, after};
use crate::record::Claim;
use crate::rows::delivery::{Stored, Wait};

/// Items that were read, and from where on there may be more.
type Read = (Vec<(Place, Item)>, Option<Place>);

/// Rows of a queue that are read at a time; the queues are locked meanwhile.
const CHUNK: usize = 64;

impl<K: Kv> Shared<K> {
    /// Up to `limit` due deliveries of the webhook, taken out of its queue.
    pub(crate) fn claim(&self, webhook: WebhookId, limit: usize, now: Timestamp) -> Result<Vec<Claim>, StoreError> {
        let Some(lane) = self.webhooks().by_id.get(&webhook).map(|webhook| webhook.lane) else {
            return Ok(Vec::new());
        };
        let millis = now.millis_u48();
        let mut claims = Vec::new();
        while claims.len() < limit {
            let wanted = limit - claims.len();
            let picked = self.queues().pick(lane, wanted, millis);
            let short = picked.len() < wanted;
            let ids: Vec<_> = picked.iter().map(|picked| picked.id).collect();
            for picked in picked {
                match self.load(picked, millis) {
                    Ok(claim) => claims.extend(claim),
                    Err(error) => {
                        // They are claimed again when the disk can be read.
                        let claimed = claims.iter().map(|claim: &Claim| claim.delivery.id);
                        self.queues().put_back(&claimed.chain(ids).collect::<Vec<_>>(), millis);
                        return Err(error);
                    }
                }
            }
            if short && !self.read_on(lane, millis)? {
                break;
            }
        }
        debug_assert!(claims.len() <= limit, "{} of at most {limit} were claimed", claims.len());
        for _ in &claims {
            self.room.notify_one();
        }
        Ok(claims)
    }

    /// The delivery and event of an item that was taken out; `None` when it is no longer open,
    /// has to wait for its turn, or is damaged: then no new events are accepted until somebody
    /// has looked, and the others are delivered meanwhile.
    fn load(&self, picked: Picked, millis: u64) -> Result<Option<Claim>, StoreError> {
        let id = picked.id;
        let claim = match self.load_claim(picked) {
            Err(error @ StoreError::Damaged(_)) => {
                tracing::error!(delivery = %id, %error, "a delivery cannot be read");
                self.kv.note(&error);
                None
            }
            loaded => loaded?,
        };
        let Some(claim) = claim else {
            self.queues().drop_claim(id, millis);
            return Ok(None);
        };
        let ordering_key = &claim.delivery.ordering_key;
        if !ordering_key.is_empty() && !self.queues().enter(id, ordering_key) {
            return Ok(None);
        }
        Ok(Some(claim))
    }

    fn load_claim(&self, picked: Picked) -> Result<Option<Claim>, StoreError> {
        let delivery = match picked.change {
            Some(change) => change.delivery.clone(),
            None => {
                let Some(row) = self.kv.get(&keys::delivery::open(picked.id))? else { return Ok(None) };
                let stored = Stored::decode(&row, picked.id, &*self.lane(picked.id.lane())?)?;
                if stored.wait == Wait::Turn {
                    return Ok(None);
                }
                stored.delivery
            }
        };
        let event = match picked.event {
            Some(event) => Some(event),
            None => self.find_event(&delivery.namespace, &delivery.event_id)?.map(Arc::<Event>::from),
        };
        Ok(event.map(|event| Claim { delivery, event }))
    }

    /// Reads a lane's queue on from where its head ends; answers whether there was anything to read.
    fn read_on(&self, lane: Lane, millis: u64) -> Result<bool, StoreError> {
        // What a commit has written and not yet told the queues is met twice, which does no
        // harm; but a row that is read must not be told to be gone before it is in. So the
        // queues stay locked.
        let mut queues = self.queues();
        let mut read = false;
        if let Some(from) = queues.unread(lane, Kind::Due, millis) {
            let (found, next) = self.read_due(lane, from)?;
            queues.read(lane, Kind::Due, found, next);
            read = true;
        }
        if let Some(from) = queues.unread(lane, Kind::Fresh, millis) {
            let (found, next) = self.read_fresh(lane, from)?;
            queues.read(lane, Kind::Fresh, found, next);
            read = true;
        }
        queues.set_timer(lane, millis);
        Ok(read)
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

/// The id in the lane: places compare by whole ids, and the one to begin at may be of no lane.
fn in_lane(id: DeliveryId, lane: Lane) -> DeliveryId {
    let mut bits = *id.as_bytes();
    bits[12..].copy_from_slice(&lane.0.to_be_bytes());
    DeliveryId::from_bytes(bits)
}
