//! The rows of the rules in an embedded engine: reads see the batch of the group before the engine, and
//! writes go into the batch, the journal and what the commit will do to memory.

use tenterhook_model::{DeliveryId, DeliveryState, EventId, Lane, Namespace, Timestamp, WebhookHealth, WebhookId};

use super::group::Group;
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::kv::{Kv, Span};
use crate::ledger::{Draft, Entry, Rows, Write};
use crate::queue::{Effect, Item, Kind};
use crate::rows;
use crate::rows::delivery::{Stored, Wait};

impl Rows for Group<'_> {
    type Stop = StoreError;

    fn open(&self, id: DeliveryId) -> Result<Option<Stored>, StoreError> {
        self.stored(&keys::delivery::open(id), id)
    }

    fn done(&self, id: DeliveryId) -> Result<Option<Stored>, StoreError> {
        self.stored(&keys::delivery::done(id), id)
    }

    /// From memory if it is there as it is stored, else from the engine.
    fn claimed(&self, id: DeliveryId) -> Result<Option<Stored>, StoreError> {
        if self.batch.written(&keys::delivery::open(id)).is_none()
            && let Some(change) = self.shared.queues().claimed_change(id)
        {
            let delivery = change.delivery.clone();
            return Ok(Some(Stored { delivery, wait: Wait::Fresh, not_before: None }));
        }
        self.open(id)
    }

    fn is_held(&self, lane: Lane, ordering_key: &str) -> Result<bool, StoreError> {
        Ok(self.get(&keys::order::turn(lane, ordering_key))?.is_some())
    }

    fn heir(&self, lane: Lane, ordering_key: &str) -> Result<Option<DeliveryId>, StoreError> {
        let (from, to) = keys::order::behind(lane, ordering_key);
        let Some(key) = self.first_key(&from, &to)? else { return Ok(None) };
        Ok(Some(keys::order::decode_waiting(&key)?.1))
    }

    fn expire_time(&self, namespace: &Namespace, event: &EventId) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.event_row(namespace, event)?.and_then(|row| row.expire_time()))
    }

    fn open_of(&self, lane: Lane, limit: usize) -> Result<Vec<Stored>, StoreError> {
        let (from, to) = keys::delivery::of_lane(Family::Open, lane);
        let written = self.batch.range(&from, &to).count();
        assert_eq!(written, 0, "lane {} is read from the engine, and its commit changes deliveries of it", lane.0);
        let info = self.shared.lane(lane)?;
        let open = self.shared.kv.range(Span::new(&from, &to, limit))?;
        let stored = |(key, row)| Stored::decode(row, keys::delivery::decode(Family::Open, key)?, &info);
        open.iter().map(|(key, row)| stored((key, row))).collect()
    }

    fn webhook_of(&self, lane: Lane) -> Option<WebhookId> {
        self.shared.webhooks().by_lane.get(&lane).copied()
    }

    fn is_claimed(&self, id: DeliveryId) -> bool {
        self.shared.is_claimed(id)
    }
}

impl Group<'_> {
    /// Follows a rule. If it stops, it leaves no trace.
    pub(crate) fn follow<T>(
        &mut self,
        rule: impl FnOnce(&mut Draft<'_, Self>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let writes = std::mem::take(&mut self.writes);
        let mut draft = Draft::new(&*self, self.now, writes);
        let made = rule(&mut draft);
        let mut writes = draft.into_writes();
        match &made {
            Ok(_) => writes.drain(..).for_each(|write| self.carry_out(write)),
            Err(_) => writes.clear(),
        }
        self.writes = writes;
        made
    }

    fn stored(&self, key: &[u8], id: DeliveryId) -> Result<Option<Stored>, StoreError> {
        let Some(row) = self.get(key)? else { return Ok(None) };
        Ok(Some(Stored::decode(&row, id, &*self.shared.lane(id.lane())?)?))
    }

    fn carry_out(&mut self, write: Write) {
        match write {
            Write::EndClaim(id) => self.effects.push(Effect::Settle(id)),
            Write::Unqueue { id, wait, time } => self.unqueue(id, wait, time),
            Write::New { entry, event, bytes } => {
                let (id, wait) = (entry.stored.delivery.id, entry.stored.wait);
                assert_eq!(
                    entry.stored.delivery.event_id, event.id,
                    "{id} would be sent with the data of another event"
                );
                self.put_open(&entry.stored);
                let change = self.recorder.record(entry);
                if wait == Wait::Fresh {
                    let bytes = bytes + Item::CHANGE_BYTES;
                    let item = Item { change: Some(change), event: Some(event), bytes };
                    self.effects.push(Effect::Wait { kind: Kind::Fresh, place: (id.create_millis(), id), item });
                }
            }
            Write::Open(entry) => {
                self.put_open(&entry.stored);
                self.recorder.record(entry);
            }
            Write::Done(entry) => self.finish(entry),
            Write::Amend(entry) => {
                let Stored { delivery, .. } = &entry.stored;
                self.batch
                    .put(keys::delivery::done(delivery.id), rows::delivery::encode(delivery, Wait::Nothing, None));
                self.recorder.record(entry);
            }
            Write::Reopen(id, state) => self.reopen(id, state),
            Write::Prefer(id, time) => self.effects.push(Effect::Prefer((keys::due_millis(time), id))),
            Write::KeepAttempt(id, attempt) => {
                self.batch.put(keys::attempt::encode(id, attempt.number), rows::attempt::encode(&attempt));
            }
            Write::TakeTurn { ordering_key, id } => {
                self.batch.put(keys::order::turn(id.lane(), &ordering_key), id.as_bytes().to_vec());
            }
            Write::EndTurn { ordering_key, lane } => self.batch.delete(keys::order::turn(lane, &ordering_key)),
            Write::AwaitTurn { ordering_key, id } => {
                self.batch.put(keys::order::waiting(&ordering_key, id), Vec::new());
            }
            Write::LeaveOrder { ordering_key, id } => self.batch.delete(keys::order::waiting(&ordering_key, id)),
            Write::ExpireAt(id, time) => self.put_expiry(id, keys::due_millis(time)),
            Write::Judge { by, webhook, health, suspend } => self.judge(by, webhook, health, suspend),
            Write::Ask(webhook) => self.ask(webhook),
        }
    }

    /// Takes a delivery out of wherever it waits, on disk and in memory.
    fn unqueue(&mut self, id: DeliveryId, wait: Wait, time: Option<Timestamp>) {
        let (kind, place) = match (wait, time) {
            (Wait::Due, Some(time)) => (Kind::Due, (keys::due_millis(time), id)),
            _ => (Kind::Fresh, (id.create_millis(), id)),
        };
        if kind == Kind::Due {
            self.batch.delete(keys::due::encode(place));
        }
        self.effects.push(Effect::Discard { kind, place });
    }

    /// Stores an open delivery and puts it where it waits.
    fn put_open(&mut self, stored: &Stored) {
        let id = stored.delivery.id;
        self.batch.put(keys::delivery::open(id), stored.encode());
        if let (Wait::Due, Some(time)) = (stored.wait, stored.delivery.next_attempt_time) {
            let place = (keys::due_millis(time), id);
            self.batch.put(keys::due::encode(place), Vec::new());
            self.effects.push(Effect::Wait { kind: Kind::Due, place, item: Item::default() });
        }
    }

    /// Moves a delivery that has become final from the open to the finished ones.
    fn finish(&mut self, entry: Entry) {
        let delivery = &entry.stored.delivery;
        let id = delivery.id;
        self.batch.delete(keys::delivery::open(id));
        self.batch.put(keys::delivery::done(id), entry.stored.encode());
        if let Some(key) = keys::state::encode(delivery.state, id) {
            self.batch.put(key, Vec::new());
        }
        self.note_end(delivery);
        self.recorder.record(entry);
    }

    /// Takes over what the settlement of a delivery says of its webhook, and notes what is to be reported of it.
    fn judge(&mut self, by: DeliveryId, webhook: WebhookId, health: Option<WebhookHealth>, suspend: Option<String>) {
        let set = self.shared.webhooks();
        let Some(webhook) = set.by_id.get(&webhook) else { return };
        let turns = health.as_ref().is_some_and(|health| self.turns_breaker(webhook.id, health));
        let is_wanted = (turns || suspend.is_some()) && self.is_wanted(&webhook.namespace, None, None);
        let trigger = if is_wanted { self.trigger(by) } else { Ok(None) };
        let trigger = match trigger {
            Ok(trigger) => trigger,
            // The delivery is settled in the group already, so all of it goes.
            Err(error) => return self.broken = Some(error),
        };
        if let Some(health) = health {
            if is_wanted {
                self.note_breaker(webhook, &health, trigger.clone());
            }
            self.health.insert(webhook.id, health);
        }
        if let Some(reason) = suspend {
            self.halt(webhook.id, reason, trigger);
        }
    }

    /// Removes the finished row of a delivery that is open again.
    fn reopen(&mut self, id: DeliveryId, state: DeliveryState) {
        self.batch.delete(keys::delivery::done(id));
        if let Some(key) = keys::state::encode(state, id) {
            self.batch.delete(key);
        }
    }

    /// Notes the millisecond at which a delivery is to be given up.
    pub(crate) fn put_expiry(&mut self, id: DeliveryId, millis: u64) {
        self.batch.put(keys::expiry::encode((millis, id)), Vec::new());
        self.next_expiry = Some(self.next_expiry.map_or(millis, |next| next.min(millis)));
    }
}
