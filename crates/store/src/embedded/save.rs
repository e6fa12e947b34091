//! Saving and removing webhooks. Each has a commit of its own, so what memory says of
//! webhooks is what the disk says.

use std::sync::Arc;

use bytes::Bytes;
use tenterhook_model::{Lane, Namespace, Timestamp, Webhook, WebhookId, limits};

use super::LaneInfo;
use super::group::Group;
use super::shared::Shared;
use super::writer::State;
use crate::error::SaveError;
use crate::keys;
use crate::kv::Kv;
use crate::lock::write;
use crate::record::{Expect, SavedWebhook, WebhookChange, WebhookSet};
use crate::rows;
use crate::rows::webhook::{LaneRow, RequestRow};

/// What a save changes in memory once it is committed.
#[derive(Debug)]
pub(crate) enum Saved {
    /// The webhook as it is now, and as it was.
    Put { now: Arc<Webhook>, before: Option<Arc<Webhook>> },
    /// The webhook that is gone, and whether it has deliveries that are still to be cancelled.
    Removed { webhook: Arc<Webhook>, more: bool },
}

impl Group<'_> {
    /// Creates, replaces or removes a webhook.
    pub(crate) fn save(&mut self, change: WebhookChange) -> Result<SavedWebhook, SaveError> {
        match change {
            WebhookChange::Put { webhook, expect, request } => {
                if let Some(answer) = self.remembered(&webhook.namespace, request.as_ref())? {
                    return Ok(answer);
                }
                let before = self.expected(webhook.id, expect)?;
                let now = Arc::new(self.put_webhook(*webhook, before.as_deref())?);
                self.note_save(before.as_deref(), &now);
                if before.as_ref().is_some_and(|before| !before.sends() && now.sends()) {
                    self.resume(&now);
                }
                if before.is_some() && now.sends() {
                    // Whoever changes a webhook whose receiver fails wants to see whether that helped.
                    self.ask(now.id);
                }
                if let Some((request_id, content)) = request {
                    self.remember(&now, &request_id, content);
                }
                self.saved = Some(Saved::Put { now: now.clone(), before });
                Ok(SavedWebhook { webhook: now, repeated: false, cancelled: 0 })
            }
            WebhookChange::Delete { id, expect } => {
                let before = self.expected(id, expect)?.ok_or(SaveError::NotFound(id))?;
                self.remove_webhook(before)
            }
        }
    }

    /// The webhook as it is, if that is what the caller expects.
    fn expected(&self, id: WebhookId, expect: Expect) -> Result<Option<Arc<Webhook>>, SaveError> {
        let found = self.shared.webhooks().by_id.get(&id).cloned();
        match (&found, expect) {
            (None, Expect::Absent) => Ok(None),
            (None, Expect::Revision(_) | Expect::Present) => Err(SaveError::NotFound(id)),
            (Some(_), Expect::Present) => Ok(found),
            (Some(webhook), Expect::Revision(revision)) if webhook.revision == revision => Ok(found),
            (Some(webhook), Expect::Absent | Expect::Revision(_)) => Err(SaveError::Changed { etag: webhook.etag() }),
        }
    }

    /// A webhook that somebody resumed begins with a clean health.
    fn resume(&mut self, webhook: &Arc<Webhook>) {
        if let Some(health) = self.shared.known_health(webhook.id) {
            let resumed = health.resumed();
            self.note_breaker(webhook, &resumed, None);
            self.health.insert(webhook.id, resumed);
        }
    }

    fn put_webhook(&mut self, mut webhook: Webhook, before: Option<&Webhook>) -> Result<Webhook, SaveError> {
        let name = (webhook.namespace.clone(), webhook.spec.display_name.clone());
        if let Some(other) = self.state.names.get(&name).filter(|other| **other != webhook.id) {
            return Err(SaveError::NameTaken(*other));
        }
        webhook.update_time = self.now;
        match before {
            Some(before) => {
                assert_eq!(before.id, webhook.id, "a webhook is replaced by itself, or it gets another's queue");
                webhook.lane = before.lane;
                webhook.namespace = before.namespace.clone();
                webhook.revision = before.revision + 1;
                webhook.create_time = before.create_time;
            }
            None => self.place_webhook(&mut webhook)?,
        }
        self.batch.put(keys::webhook::encode(webhook.id), rows::encode(&self.shared.sealer.row(&webhook)));
        Ok(webhook)
    }

    /// Gives a new webhook its lane.
    fn place_webhook(&mut self, webhook: &mut Webhook) -> Result<(), SaveError> {
        let set = self.shared.webhooks();
        let others = set.by_id.values().filter(|other| other.namespace == webhook.namespace).count();
        if others >= limits::WEBHOOKS_PER_NAMESPACE {
            return Err(SaveError::TooMany(limits::WEBHOOKS_PER_NAMESPACE));
        }
        webhook.lane = Lane(self.state.next_lane);
        let owner = set.by_lane.get(&webhook.lane);
        assert!(owner.is_none(), "lane {} is given to {} and is that of {owner:?}", webhook.lane.0, webhook.id);
        webhook.revision = 1;
        webhook.create_time = self.now;
        self.state.next_lane += 1;
        let identity = super::start::identity(&self.shared.sealer, self.state);
        self.batch.put(keys::meta::identity(), rows::encode(&identity));
        self.put_lane(webhook, None);
        Ok(())
    }

    fn put_lane(&mut self, webhook: &Webhook, removed: Option<Timestamp>) {
        let row = LaneRow {
            webhook_id: webhook.id.as_bytes().to_vec().into(),
            namespace: webhook.namespace.as_str().to_owned(),
            removed: removed.map(rows::Time::from),
            emptied: None,
        };
        self.batch.put(keys::webhook::lane(webhook.lane), rows::encode(&row));
    }

    fn remove_webhook(&mut self, webhook: Arc<Webhook>) -> Result<SavedWebhook, SaveError> {
        self.batch.delete(keys::webhook::encode(webhook.id));
        self.batch.delete(keys::webhook::health(webhook.id));
        self.put_lane(&webhook, Some(self.now));
        let cancelled = self.shared.counts().open(webhook.lane).total();
        let more = self.follow(|draft| draft.cancel_lane(webhook.lane))?;
        self.note_removal(&webhook);
        self.saved = Some(Saved::Removed { webhook: webhook.clone(), more });
        Ok(SavedWebhook { webhook, repeated: false, cancelled })
    }

    /// The answer that was given to the request id before.
    fn remembered(
        &self,
        namespace: &Namespace,
        request: Option<&(String, [u8; 32])>,
    ) -> Result<Option<SavedWebhook>, SaveError> {
        let Some(request) = request else { return Ok(None) };
        let row = self.get(&keys::webhook::request(namespace, &request.0))?;
        let Some(row) = known_request(row.as_ref(), &request.1, self.now)? else { return Ok(None) };
        let answer = row.answer.ok_or(SaveError::RequestConflict)?;
        let webhook = Arc::new(self.shared.sealer.webhook(&answer)?);
        Ok(Some(SavedWebhook { webhook, repeated: true, cancelled: 0 }))
    }

    fn remember(&mut self, webhook: &Webhook, request_id: &str, content: [u8; 32]) {
        let answer = Some(self.shared.sealer.row(webhook));
        let row = RequestRow { content: content.to_vec().into(), time: Some(self.now.into()), answer, count: None };
        self.batch.put(keys::webhook::request(&webhook.namespace, request_id), rows::encode(&row));
    }

    /// Remembers the count that is answered to a request id.
    pub(crate) fn remember_count(&mut self, namespace: &Namespace, request: &(String, [u8; 32]), count: u64) {
        let (id, content) = request;
        let (content, time) = (content.to_vec().into(), Some(self.now.into()));
        let row = RequestRow { content, time, answer: None, count: Some(count) };
        self.batch.put(keys::webhook::request(namespace, id), rows::encode(&row));
    }
}

impl Shared {
    /// The count that was answered to the request id before.
    pub(crate) fn recalled(
        &self,
        namespace: &Namespace,
        request: &(String, [u8; 32]),
    ) -> Result<Option<u64>, SaveError> {
        let row = self.kv.get(&keys::webhook::request(namespace, &request.0))?;
        let Some(row) = known_request(row.as_ref(), &request.1, self.clock.now())? else { return Ok(None) };
        row.count.map(Some).ok_or(SaveError::RequestConflict)
    }
}

/// Whether a request is still remembered at `now`. One from a time when the clock was far ahead is not.
pub(super) fn is_remembered(row: &RequestRow, now: Timestamp) -> bool {
    let time = row.time.unwrap_or_default().get();
    now.since(time).max(time.since(now)) < limits::REQUEST_MEMORY
}

/// The row of a request that is still remembered at `now`, if it had this content.
fn known_request(row: Option<&Bytes>, content: &[u8; 32], now: Timestamp) -> Result<Option<RequestRow>, SaveError> {
    let Some(row) = row else { return Ok(None) };
    let row: RequestRow = rows::decode(row, "a remembered request")?;
    if !is_remembered(&row, now) {
        return Ok(None);
    }
    if row.content == content.as_slice() { Ok(Some(row)) } else { Err(SaveError::RequestConflict) }
}

/// Takes a save that was committed into memory.
pub(crate) fn adopt(shared: &Shared, state: &mut State, saved: Saved, now: Timestamp) {
    let mut set = WebhookSet::clone(&shared.webhooks());
    set.revision += 1;
    let mut rings = false;
    let name = |webhook: &Webhook| (webhook.namespace.clone(), webhook.spec.display_name.clone());
    match saved {
        Saved::Put { now: webhook, before } => {
            if let Some(before) = &before {
                state.names.remove(&name(before));
            }
            let other = state.names.insert(name(&webhook), webhook.id);
            assert!(other.is_none(), "{} has the name of {other:?} in its namespace", webhook.id);
            set.by_id.insert(webhook.id, webhook.clone());
            let owner = set.by_lane.insert(webhook.lane, webhook.id);
            assert!(
                owner.is_none_or(|owner| owner == webhook.id),
                "lane {} goes from {owner:?} to {}, with all its deliveries",
                webhook.lane.0,
                webhook.id
            );
            set_lane(shared, &webhook, None);
            shared.queues().webhook(&webhook, before.is_none(), shared.clock.now().millis_u48());
            rings = before.is_some();
        }
        Saved::Removed { webhook, more } => {
            if more {
                assert!(!state.removals.contains(&webhook.lane), "{} is removed a second time", webhook.id);
                state.removals.push_back(webhook.lane);
            }
            state.names.remove(&name(&webhook));
            set.by_id.remove(&webhook.id);
            let owner = set.by_lane.remove(&webhook.lane);
            assert_eq!(owner, Some(webhook.id), "the lane {} goes with the webhook that has it", webhook.lane.0);
            set_lane(shared, &webhook, Some(now));
            shared.queues().remove(webhook.lane);
            write(&shared.health).remove(&webhook.id);
        }
    }
    set.count_subscribers();
    *write(&shared.webhooks) = Arc::new(set);
    // Only now, so that whoever is rung awake sees the webhook as it is.
    shared.deadline_bell.notify_one();
    if rings {
        shared.due_bell.notify_one();
    }
}

fn set_lane(shared: &Shared, webhook: &Webhook, removed: Option<Timestamp>) {
    let info = LaneInfo { webhook: webhook.id, namespace: webhook.namespace.clone(), removed, emptied: None };
    write(&shared.lanes).insert(webhook.lane, Arc::new(info));
}
