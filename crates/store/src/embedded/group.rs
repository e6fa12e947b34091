//! A group of writes that go into one commit: it sees its own writes, gathers what the commit
//! will do to memory, and does that only when the commit has succeeded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use tenterhook_model::webhook::{Halt, HaltedBy};
use tenterhook_model::{EventId, Lane, Namespace, Timestamp, Webhook};
use tenterhook_model::{WebhookHealth, WebhookId};
use tokio::sync::Notify;

use super::LaneInfo;
use super::expire::Progress;
use super::notices::NoticeDrafts;
use super::save::{self, Saved};
use super::shared::Shared;
use super::writer::State;
use crate::error::StoreError;
use crate::keys;
use crate::keys::event::Moment;
use crate::kv::{Batch, Kv, Span};
use crate::ledger::Write;
use crate::lock::{lock, write};
use crate::query::Sequence;
use crate::queue::Effect;
use crate::record::{TokenSet, Trigger, WebhookSet};
use crate::rows;
use crate::rows::event::{TimelineEntry, TimelineRow};
use crate::rows::webhook::HealthRow;
use crate::tail::Recorder;

/// Keys that a look for the first one of a range reads at a time.
const FIRST_CHUNK: usize = 16;

/// Writes in the making.
pub(crate) struct Group<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) state: &'a mut State,
    /// The time of all that the group does. It may be before that of the group before it: somebody
    /// may have set the clock back.
    pub(crate) now: Timestamp,
    pub(crate) batch: Batch,
    /// Values as they were before the group, read ahead.
    fetched: HashMap<Vec<u8>, Option<Bytes>>,
    pub(crate) recorder: Recorder,
    pub(crate) effects: Vec<Effect>,
    pub(crate) health: HashMap<WebhookId, WebhookHealth>,
    /// What a saved or removed webhook changes in memory.
    pub(crate) saved: Option<Saved>,
    /// The access tokens, if this group changes them.
    pub(crate) tokens: Option<TokenSet>,
    /// The journal is kept from after this change on.
    pub(crate) trimmed: Option<Sequence>,
    /// Where the next step of retention continues, if this group is one.
    pub(crate) expiry: Option<Progress>,
    /// Lanes that change in memory; those without a value are freed.
    pub(crate) lanes: Vec<(Lane, Option<Arc<LaneInfo>>)>,
    /// When the first event of an open delivery expires, as far as the group changes it.
    pub(crate) next_expiry: Option<u64>,
    /// Whether `next_expiry` is the first of all, and not only of what the group has added.
    pub(crate) looked_at_expiry: bool,
    /// Whether a request is forgotten.
    pub(crate) forgot_request: bool,
    /// Whether counts are written even if there is little to write.
    pub(crate) flush_counts: bool,
    /// Whether the disk is nearly full, once somebody has looked.
    pub(crate) nearly_full: Option<bool>,
    /// Fails the whole group: the engine failed while it was half applied.
    pub(crate) broken: Option<StoreError>,
    /// The list for the writes of a draft, kept for its memory; empty between two drafts.
    pub(crate) writes: Vec<Write>,
    /// Why webhooks are stopped, and the delivery that it is due to where somebody asks for that.
    halts: BTreeMap<WebhookId, (String, Option<Trigger>)>,
    /// What the group reports.
    pub(crate) notices: NoticeDrafts,
    /// Whether there are notices in the commit.
    pub(crate) has_notices: bool,
    /// Webhooks of which a person asks that they be sent to now.
    asked: BTreeSet<WebhookId>,
    timeline: BTreeMap<Namespace, (Moment, Vec<TimelineEntry>)>,
}

impl<'a> Group<'a> {
    /// A group without writes, at the time of the clock.
    pub(crate) fn new(shared: &'a Arc<Shared>, state: &'a mut State) -> Self {
        let now = state.tick(shared.clock.now());
        Self {
            recorder: Recorder::new(state.next_sequence, now),
            shared,
            state,
            now,
            batch: Batch::default(),
            fetched: HashMap::new(),
            effects: Vec::new(),
            health: HashMap::new(),
            saved: None,
            tokens: None,
            trimmed: None,
            expiry: None,
            lanes: Vec::new(),
            next_expiry: None,
            looked_at_expiry: false,
            forgot_request: false,
            flush_counts: false,
            nearly_full: None,
            broken: None,
            writes: Vec::new(),
            halts: BTreeMap::new(),
            notices: NoticeDrafts::default(),
            has_notices: false,
            asked: BTreeSet::new(),
            timeline: BTreeMap::new(),
        }
    }

    /// The value of a key as it will be after the group.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.batch.written(key) {
            Some(written) => Ok(written.cloned()),
            None => match self.fetched.get(key) {
                Some(fetched) => Ok(fetched.clone()),
                None => self.shared.kv.get(key),
            },
        }
    }

    /// Reads values that the group will ask for. An engine that is far away is asked once, and the others
    /// when it is time.
    pub(crate) fn fetch(&mut self, keys: Vec<Vec<u8>>) -> Result<(), StoreError> {
        if !self.shared.kv.is_remote() || keys.is_empty() {
            return Ok(());
        }
        let values = self.shared.kv.get_many(&keys)?;
        assert_eq!(values.len(), keys.len(), "an engine answers for each key, or a value goes to another key");
        self.fetched.extend(keys.into_iter().zip(values));
        Ok(())
    }

    /// Forgets what was read ahead, so that it takes no memory any longer.
    pub(crate) fn forget_fetched(&mut self) {
        self.fetched.clear();
    }

    /// The first key from `from` to `to` as they will be after the group.
    pub(crate) fn first_key(&self, from: &[u8], to: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let written = self.batch.range(from, to).find(|(_, value)| value.is_some());
        let written = written.map(|(key, _)| key.clone());
        let mut from = from.to_vec();
        loop {
            let stored = self.shared.kv.range(Span::new(&from, to, FIRST_CHUNK))?;
            let kept = stored.iter().map(|(key, _)| key).find(|key| self.batch.written(key) != Some(None));
            match (kept, stored.last()) {
                (None, Some((last, _))) if stored.len() == FIRST_CHUNK => from = keys::after(last),
                _ => return Ok(kept.cloned().into_iter().chain(written).min()),
            }
        }
    }

    /// Names an event in the timeline of its namespace.
    pub(crate) fn place_event(&mut self, namespace: &Namespace, id: &EventId, moment: Moment) {
        let entries = match self.timeline.get_mut(namespace) {
            Some((first, entries)) => {
                assert!(*first < moment, "{id} of {moment:?} is in the block of {first:?}, which begins later");
                entries
            }
            None => &mut self.timeline.entry(namespace.clone()).or_insert_with(|| (moment, Vec::new())).1,
        };
        entries.push(TimelineEntry::new(entries.len() as u32, id));
    }

    /// Stops a webhook in this commit, unless it is stopped already.
    pub(crate) fn halt(&mut self, webhook: WebhookId, reason: String, trigger: Option<Trigger>) {
        self.halts.entry(webhook).or_insert((reason, trigger));
    }

    /// Lets the webhook be sent to now, whatever its breaker waits for.
    pub(crate) fn ask(&mut self, webhook: WebhookId) {
        self.asked.insert(webhook);
    }

    /// Puts what was asked for into the health of its webhooks, also where an outcome that was
    /// decided before the dispatcher heard of it says otherwise.
    fn settle_asked(&mut self) {
        let set = self.shared.webhooks();
        for webhook in &self.asked {
            if set.by_id.contains_key(webhook) && !self.health.contains_key(webhook) {
                self.health.extend(self.shared.known_health(*webhook).map(|health| (*webhook, health)));
            }
        }
        let queues = self.shared.queues();
        for (webhook, health) in &mut self.health {
            if self.asked.contains(webhook) || queues.is_asked(*webhook) {
                *health = std::mem::take(health).asked(self.now);
            }
        }
    }

    /// Commits, and then does to memory what the commit did to the disk.
    pub(crate) fn commit(mut self) -> Result<Bells, StoreError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let halted = self.write_halts();
        self.settle_asked();
        self.write_health();
        self.write_notices();
        self.write_timeline();
        super::journal::write(self.recorder.changes(), &mut self.batch);
        let flushed = self.write_counts()?;
        if !self.batch.is_empty() {
            self.shared.kv.commit(std::mem::take(&mut self.batch))?;
        }
        Ok(self.apply(halted, flushed))
    }

    fn write_health(&mut self) {
        for (webhook, health) in &self.health {
            let record = serde_json::to_vec(health).expect("health has text keys only and serialises");
            self.batch.put(keys::webhook::health(*webhook), rows::encode(&HealthRow { record: record.into() }));
        }
    }

    fn write_timeline(&mut self) {
        for (namespace, (moment, entries)) in std::mem::take(&mut self.timeline) {
            self.batch.put(keys::event::timeline(&namespace, moment), rows::encode(&TimelineRow { entries }));
        }
    }

    fn write_halts(&mut self) -> Vec<Arc<Webhook>> {
        let set = self.shared.webhooks();
        let mut halted = Vec::new();
        for (id, (reason, trigger)) in std::mem::take(&mut self.halts) {
            let Some(webhook) = set.by_id.get(&id).filter(|webhook| webhook.halt.is_none()) else { continue };
            // A new revision, so that no change that was made from before this one undoes it.
            let webhook = Webhook {
                halt: Some(Halt { by: HaltedBy::Server, reason }),
                revision: webhook.revision + 1,
                update_time: self.now,
                ..(**webhook).clone()
            };
            self.batch.put(keys::webhook::encode(id), rows::encode(&self.shared.sealer.row(&webhook)));
            assert!(!webhook.sends(), "{id} is stopped and would be sent to");
            let webhook = Arc::new(webhook);
            self.note_suspension(&webhook, trigger);
            halted.push(webhook);
        }
        halted
    }

    /// Notifies the observer of each delivery that has become final.
    fn report_finished(&self) {
        let Some(observer) = &self.shared.observer else { return };
        for change in self.recorder.changes().iter().map(|recorded| &recorded.change) {
            let state = change.delivery.state;
            if state.is_final() && change.previous != Some(state) {
                observer.finished(change.delivery.webhook_id, state);
            }
        }
    }

    fn apply(self, halted: Vec<Arc<Webhook>>, flushed: bool) -> Bells {
        let shared = self.shared;
        assert!(self.batch.is_empty(), "memory follows the disk: {} bytes are not committed", self.batch.bytes());
        let (before, next) = (self.state.next_sequence, self.recorder.next());
        assert!(next >= before, "the journal only grows: {next} comes after {before}");
        self.state.next_sequence = next;
        shared.counts().record(self.recorder.changes(), flushed.then_some(self.now));
        self.report_finished();
        if self.saved.is_some() || self.tokens.is_some() || self.forgot_request {
            self.state.replaced += 1;
        }
        if let Some(saved) = self.saved {
            assert!(halted.is_empty(), "{} webhooks are stopped in the commit of a save", halted.len());
            save::adopt(shared, self.state, saved, self.now);
        }
        Self::adopt_notices(&mut self.state.reported, self.notices);
        if let Some(tokens) = self.tokens {
            *write(&shared.tokens) = Arc::new(tokens);
        }
        if let Some(expiry) = self.expiry {
            self.state.expiry = expiry;
        }
        shared.set_lanes(self.lanes);
        if !self.health.is_empty() {
            write(&shared.health).extend(self.health);
        }
        if !halted.is_empty() {
            let mut set = WebhookSet::clone(&shared.webhooks());
            set.revision += 1;
            set.by_id.extend(halted.iter().map(|webhook| (webhook.id, webhook.clone())));
            set.count_subscribers();
            *write(&shared.webhooks) = Arc::new(set);
        }
        let millis = self.now.millis_u48();
        let due = {
            let mut queues = shared.queues();
            for webhook in &halted {
                queues.webhook(webhook, false, millis);
            }
            let before = queues.next_due();
            for effect in self.effects {
                queues.apply(effect, millis);
            }
            let set = shared.webhooks();
            for webhook in self.asked.iter().filter_map(|id| set.by_id.get(id)) {
                queues.ask(webhook.lane);
            }
            queues.has_ready() || queues.next_due() != before
        };
        shared.set_next_expiry(self.next_expiry, self.looked_at_expiry);
        let (feeds, journal) = shared.tail().append(self.recorder.into_changes(), self.trimmed);
        // A small commit may fit where others do not: only a probe shows that there is room again.
        lock(&shared.failure).take_if(|failure| !matches!(failure, StoreError::Full));
        Bells { shared: shared.clone(), due, journal, notices: self.has_notices, feeds }
    }
}

/// The bells of those who wait for what a commit did.
#[derive(Debug)]
#[must_use = "someone waits for them"]
pub(crate) struct Bells {
    shared: Arc<Shared>,
    /// Whether a delivery has become due, or another one is the next.
    due: bool,
    /// Whether there are changes in the journal.
    journal: bool,
    notices: bool,
    /// Those of the namespaces in which something changed.
    feeds: Vec<Arc<Notify>>,
}

impl Bells {
    /// Rings them.
    pub(crate) fn ring(&self) {
        if self.notices {
            self.shared.notice_bell.notify_one();
        }
        if self.due {
            self.shared.due_bell.notify_one();
        }
        if self.journal {
            self.shared.journal_bell.notify_waiters();
        }
        for feed in &self.feeds {
            feed.notify_waiters();
        }
    }
}
