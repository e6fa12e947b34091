//! Which webhooks an event goes to: the rules of all webhooks in memory, indexed by namespace
//! and swapped whole.
//!
//! A change of webhooks rebuilds the index of its namespace and compiles the rules that
//! changed, nothing else. The API compiles a webhook before it saves it and refreshes the
//! snapshot after, so a publish finds both done; one that comes between does the rest itself.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use tenterhook_engine::{EventContext, Rules};
use tenterhook_model::{Namespace, Webhook, WebhookId, WebhookState};
use tenterhook_store::WebhookSet;
use tokio::sync::Mutex;

use crate::index::{Candidate, Index};
use crate::means::Means;

/// Webhooks whose rules compile at the same time; the renderer has its own limits on top.
const COMPILING: usize = 16;

/// Keeps the newest snapshot.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    /// `None` until the first one: a set of webhooks that never changed has revision 0.
    current: RwLock<Option<Arc<Snapshot>>>,
    building: Mutex<()>,
}

/// The webhooks of all namespaces at one revision of the store's set.
#[derive(Debug)]
pub(crate) struct Snapshot {
    set: Arc<WebhookSet>,
    namespaces: HashMap<Namespace, Arc<Index>>,
}

impl Matcher {
    /// The snapshot of `set`, or a newer one.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing but the work done; the next caller does it again.
    pub(crate) async fn snapshot(&self, set: &Arc<WebhookSet>, means: &Means<'_>) -> Arc<Snapshot> {
        if let Some(snapshot) = self.newer_than(set.revision) {
            return snapshot;
        }
        let _building = self.building.lock().await;
        if let Some(snapshot) = self.newer_than(set.revision) {
            return snapshot;
        }
        let before = self.current();
        // Boxed, so that a publish, which hardly ever builds one, is small.
        let snapshot = Arc::new(Snapshot::build(before.as_deref(), set, means).boxed().await);
        let known = before.map_or(0, |before| before.set.revision);
        assert!(snapshot.set.revision >= known, "snapshots go forward: {} after {known}", snapshot.set.revision);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&snapshot));
        snapshot
    }

    fn current(&self) -> Option<Arc<Snapshot>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The current snapshot, if it is at least as new as `revision`.
    fn newer_than(&self, revision: u64) -> Option<Arc<Snapshot>> {
        self.current().filter(|snapshot| snapshot.set.revision >= revision)
    }
}

impl Snapshot {
    /// The webhooks that `event` goes to, in the order of their ids.
    pub(crate) async fn route(&self, event: &Arc<EventContext>, means: &Means<'_>) -> Vec<WebhookId> {
        match self.namespaces.get(&event.event().namespace) {
            Some(index) => index.route(event, means).await,
            None => Vec::new(),
        }
    }

    /// Whether the index of a namespace is the very same as that of another snapshot.
    #[cfg(test)]
    pub(crate) fn shares_index(&self, other: &Self, namespace: &Namespace) -> bool {
        let found = (self.namespaces.get(namespace), other.namespaces.get(namespace));
        matches!(found, (Some(one), Some(two)) if Arc::ptr_eq(one, two))
    }

    /// The snapshot of `set`, with the indexes of `before` where nothing changed.
    async fn build(before: Option<&Self>, set: &Arc<WebhookSet>, means: &Means<'_>) -> Self {
        let changed = changed_namespaces(before.map(|before| &*before.set), set);
        let live = set.by_id.values().filter(|webhook| webhook.state() != WebhookState::Disabled);
        let mut wanted: Vec<BoxFuture<'_, Arc<Candidate>>> = Vec::new();
        for webhook in live.filter(|webhook| changed.contains(&webhook.namespace)) {
            let index = before.and_then(|before| before.namespaces.get(&webhook.namespace));
            wanted.push(candidate(webhook, index.and_then(|index| index.find(webhook.id)), means).boxed());
        }
        let candidates: Vec<Arc<Candidate>> = stream::iter(wanted).buffered(COMPILING).collect().await;
        let mut by_namespace: HashMap<Namespace, Vec<Arc<Candidate>>> = HashMap::with_capacity(changed.len());
        for candidate in candidates {
            by_namespace.entry(candidate.webhook.namespace.clone()).or_default().push(candidate);
        }
        let mut namespaces = before.map(|before| before.namespaces.clone()).unwrap_or_default();
        namespaces.retain(|namespace, _| !changed.contains(namespace));
        namespaces.extend(by_namespace.into_iter().map(|(name, all)| (name, Arc::new(Index::of(all)))));
        Self { set: Arc::clone(set), namespaces }
    }
}

/// The namespaces in which the sets differ.
fn changed_namespaces<'a>(before: Option<&'a WebhookSet>, now: &'a WebhookSet) -> HashSet<&'a Namespace> {
    let old = |id: &WebhookId| before.and_then(|before| before.by_id.get(id));
    let is_new = |webhook: &&Arc<Webhook>| old(&webhook.id).is_none_or(|old| !Arc::ptr_eq(old, webhook));
    let removed = before.into_iter().flat_map(|before| before.by_id.values());
    let removed = removed.filter(|webhook| !now.by_id.contains_key(&webhook.id));
    now.by_id.values().filter(is_new).chain(removed).map(|webhook| &webhook.namespace).collect()
}

/// The webhook with its rules: as they were compiled for an attempt, as they were `before`
/// when they are the same, else compiled now.
async fn candidate(webhook: &Arc<Webhook>, before: Option<&Arc<Candidate>>, means: &Means<'_>) -> Arc<Candidate> {
    if let Some(before) = before.filter(|before| Arc::ptr_eq(&before.webhook, webhook)) {
        return Arc::clone(before);
    }
    let rules = if let Some(compiled) = means.compilations.find(webhook) {
        Some(Arc::clone(compiled.rules()))
    } else if let Some(before) = before.filter(|before| before.webhook.spec.rules == webhook.spec.rules) {
        before.rules.clone()
    } else {
        compile(webhook, means).await
    };
    Arc::new(Candidate { webhook: Arc::clone(webhook), rules })
}

async fn compile(webhook: &Webhook, means: &Means<'_>) -> Option<Arc<Rules>> {
    let compiled = means.render.compile_rules(webhook).await;
    if let Err(errors) = &compiled {
        let (webhook, errors) = (webhook.id, errors.len());
        tracing::error!(%webhook, errors, "the rules of a stored webhook do not compile; it gets every event");
    }
    compiled.ok()
}
