//! An intake over a store that keeps what it is given and refuses what it is told to.

use std::collections::BTreeSet;
use std::sync::Mutex;

use tenterhook_engine::Contexts;
use tenterhook_model::{CertificateEnd, EventId, WebhookHealth};
use tenterhook_store::{Announcing, NewEvent, Notice, NoticeId, Published, Publishing, StoreError, Webhooks};
use tokio::sync::Notify;

use super::*;
use crate::{Intake, Parts};

/// A store with these webhooks.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub(super) set: Arc<WebhookSet>,
    /// Events that are there with other content.
    pub(super) taken: BTreeSet<EventId>,
    /// Calls that it refuses, after as many as it takes.
    pub(super) full: Mutex<std::ops::Range<usize>>,
    /// Notices that wait.
    pub(super) notices: Mutex<Vec<Notice>>,
    pub(super) bell: Notify,
    /// The events of each call, also of those that were refused.
    pub(super) calls: Mutex<Vec<Vec<NewEvent>>>,
    /// Those that are stored, in their order.
    pub(super) stored: Mutex<Vec<NewEvent>>,
}

impl Shelf {
    pub(super) fn of(set: Arc<WebhookSet>) -> Self {
        Self { set, ..Self::default() }
    }

    pub(super) fn stored_ids(&self) -> Vec<EventId> {
        self.stored.lock().unwrap().iter().map(|new| new.event.id.clone()).collect()
    }

    fn store(&self, events: Vec<NewEvent>) -> Result<Vec<Published>, StoreError> {
        let mut calls = self.calls.lock().unwrap();
        calls.push(events.clone());
        if self.full.lock().unwrap().contains(&(calls.len() - 1)) {
            return Err(StoreError::Full);
        }
        if let Some(index) = events.iter().position(|new| self.taken.contains(&new.event.id)) {
            return Err(StoreError::EventConflict { id: events[index].event.id.clone(), index });
        }
        self.stored.lock().unwrap().extend(events.iter().cloned());
        let published = |new: &NewEvent| Published {
            event_id: new.event.id.clone(),
            publish_time: new.event.publish_time,
            duplicate: false,
            delivery_count: new.webhooks.len() as u32,
        };
        Ok(events.iter().map(published).collect())
    }
}

impl Webhooks for Shelf {
    fn webhooks(&self) -> Arc<WebhookSet> {
        Arc::clone(&self.set)
    }

    fn health(&self, _: WebhookId) -> WebhookHealth {
        WebhookHealth::default()
    }
}

#[async_trait]
impl Publishing for Shelf {
    async fn publish(&self, events: Vec<NewEvent>) -> Result<Vec<Published>, StoreError> {
        self.store(events)
    }
}

#[async_trait]
impl Announcing for Shelf {
    async fn notices(&self, limit: usize) -> Result<Vec<Notice>, StoreError> {
        Ok(self.notices.lock().unwrap().iter().take(limit).cloned().collect())
    }

    async fn announce(&self, notice: NoticeId, event: NewEvent) -> Result<Option<Published>, StoreError> {
        let published = self.store(vec![event])?.pop();
        self.notices.lock().unwrap().retain(|waits| waits.id != notice);
        Ok(published)
    }

    async fn note_expiry(&self, _: (WebhookId, u64), _: CertificateEnd, _: u32) -> Result<bool, StoreError> {
        unreachable!("the intake looks at no certificate")
    }

    fn notice_bell(&self) -> &Notify {
        &self.bell
    }
}

/// An intake, and what it works with.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) store: Arc<Shelf>,
    pub(super) contexts: Arc<Contexts>,
    pub(super) meter: Arc<Failures>,
    pub(super) intake: Arc<Intake>,
    render: Arc<Counting>,
}

impl Desk {
    pub(super) fn over(store: Shelf) -> Self {
        Self::with(store, Compilations::new())
    }

    pub(super) fn with(store: Shelf, compilations: Compilations) -> Self {
        let (store, contexts, meter) = (Arc::new(store), Arc::new(Contexts::new()), Arc::new(Failures::default()));
        let render = Arc::new(Counting::default());
        let intake = Intake::new(Parts {
            store: store.clone(),
            render: render.clone(),
            compilations: Arc::new(compilations),
            contexts: contexts.clone(),
            meter: meter.clone(),
        });
        Self { store, contexts, meter, intake: Arc::new(intake), render }
    }

    /// Webhooks and sets of rules that were compiled so far.
    pub(super) fn compiled(&self) -> (usize, usize) {
        self.render.counted()
    }
}
