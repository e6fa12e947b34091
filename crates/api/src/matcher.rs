//! Which webhooks an event goes to: all of them compiled, in memory, indexed, swapped whole.
//!
//! The snapshot is made anew when the store's webhooks have changed since; the publish that
//! sees the change first makes it, the others wait for it. What was compiled before is reused.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tenterhook_engine::{Compilations, Compiled, EventContext, Render};
use tenterhook_model::{Event, Namespace, Webhook, WebhookId, WebhookState};
use tenterhook_store::WebhookSet;
use tokio::sync::Mutex;

/// Keeps the newest snapshot.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    /// `None` until the first event: webhooks that were there at the start have no revision yet
    /// that is newer than nothing.
    current: RwLock<Option<Arc<Snapshot>>>,
    building: Mutex<()>,
}

/// The webhooks of all namespaces at one revision of the store's set.
#[derive(Debug)]
pub(crate) struct Snapshot {
    revision: u64,
    namespaces: HashMap<Namespace, Index>,
}

/// The webhooks of one namespace, each under what all its rules ask for.
#[derive(Debug, Default)]
struct Index {
    by_event_type: HashMap<String, Vec<Candidate>>,
    by_object_type: HashMap<String, Vec<Candidate>>,
    others: Vec<Candidate>,
}

/// A webhook that an event may go to.
#[derive(Debug, Clone)]
struct Candidate {
    id: WebhookId,
    /// `None` when what is stored does not compile: its deliveries are made, and their attempts
    /// tell what is wrong, so that no event is lost silently.
    compiled: Option<Arc<Compiled>>,
}

impl Matcher {
    /// The snapshot of `set`.
    pub(crate) async fn snapshot(
        &self,
        set: &WebhookSet,
        compilations: &Compilations,
        render: &dyn Render,
    ) -> Arc<Snapshot> {
        if let Some(snapshot) = self.newer_than(set.revision) {
            return snapshot;
        }
        let _building = self.building.lock().await;
        if let Some(snapshot) = self.newer_than(set.revision) {
            return snapshot;
        }
        let snapshot = Arc::new(Snapshot::build(set, compilations, render).await);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&snapshot));
        snapshot
    }

    /// The current snapshot, if it is at least as new as `revision`.
    fn newer_than(&self, revision: u64) -> Option<Arc<Snapshot>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().filter(|snapshot| snapshot.revision >= revision).cloned()
    }
}

impl Snapshot {
    async fn build(set: &WebhookSet, compilations: &Compilations, render: &dyn Render) -> Self {
        let mut namespaces: HashMap<Namespace, Index> = HashMap::new();
        for webhook in set.by_id.values().filter(|webhook| webhook.state() != WebhookState::Disabled) {
            let compiled = compilations.find_or_compile(webhook, render).await;
            if let Err(faults) = &compiled {
                tracing::error!(webhook = %webhook.id, faults = faults.len(), "a stored webhook does not compile");
            }
            let candidate = Candidate { id: webhook.id, compiled: compiled.ok() };
            namespaces.entry(webhook.namespace.clone()).or_default().add(webhook, &candidate);
        }
        Self { revision: set.revision, namespaces }
    }

    /// The webhooks that `event` goes to, in the order of their ids.
    pub(crate) async fn route(&self, event: &Arc<EventContext>, render: &dyn Render) -> Vec<WebhookId> {
        let Some(index) = self.namespaces.get(&event.event().namespace) else { return Vec::new() };
        let mut matched = Vec::new();
        for candidate in index.candidates(event.event()) {
            if candidate.accepts(event, render).await {
                matched.push(candidate.id);
            }
        }
        matched.sort_unstable();
        matched
    }
}

impl Index {
    fn add(&mut self, webhook: &Webhook, candidate: &Candidate) {
        let rules = || webhook.spec.rules.iter().filter(|rule| !rule.disabled);
        let event_types = literals(rules().map(|rule| &rule.event_types));
        let object_types = literals(rules().map(|rule| &rule.object_types));
        let (map, keys) = match (event_types, object_types) {
            _ if webhook.spec.rules.is_empty() => (None, Vec::new()),
            (Some(types), _) => (Some(&mut self.by_event_type), types),
            (None, Some(types)) => (Some(&mut self.by_object_type), types),
            (None, None) => (None, Vec::new()),
        };
        match map {
            None => self.others.push(candidate.clone()),
            Some(map) => keys.into_iter().for_each(|key| map.entry(key).or_default().push(candidate.clone())),
        }
    }

    fn candidates(&self, event: &Event) -> impl Iterator<Item = &Candidate> {
        let by_type = self.by_event_type.get(&*event.event_type).into_iter().flatten();
        let by_object = self.by_object_type.get(&event.object_type).into_iter().flatten();
        self.others.iter().chain(by_type).chain(by_object)
    }
}

/// The texts, each once, that the lists name when every list has some and none has a pattern.
fn literals<'a>(mut lists: impl Iterator<Item = &'a Vec<String>>) -> Option<Vec<String>> {
    let is_literal = |list: &&Vec<String>| !list.is_empty() && !list.iter().any(|text| text.contains('*'));
    let mut texts = Vec::new();
    lists.try_for_each(|list| {
        texts.extend(Some(list).filter(is_literal)?.iter().cloned());
        Some(())
    })?;
    texts.sort_unstable();
    texts.dedup();
    Some(texts)
}

impl Candidate {
    async fn accepts(&self, event: &Arc<EventContext>, render: &dyn Render) -> bool {
        let Some(compiled) = &self.compiled else { return true };
        let acceptance =
            if compiled.is_plain() { compiled.accepts(event) } else { render.accepts(compiled, event).await };
        for (rule, error) in &acceptance.errors {
            tracing::warn!(webhook = %self.id, event = %event.event().id, rule, error, "a rule could not be evaluated");
        }
        acceptance.matched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_engine::InProcess;
    use tenterhook_model::webhook::{EventRule, RequestTemplate};
    use tenterhook_model::{Lane, Timestamp, WebhookSpec};

    fn rule(event_types: &[&str], object_types: &[&str]) -> EventRule {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        EventRule { event_types: owned(event_types), object_types: owned(object_types), ..EventRule::default() }
    }

    fn webhook(number: u8, rules: Vec<EventRule>) -> Webhook {
        let request = RequestTemplate { url: "https://example.com/".into(), ..RequestTemplate::default() };
        Webhook {
            id: WebhookId::from_bytes([number; 16]),
            lane: Lane(number.into()),
            namespace: Namespace::default(),
            spec: WebhookSpec { display_name: number.to_string(), rules, request, ..WebhookSpec::default() },
            halt: None,
            signing_keys: Vec::new(),
            revision: 1,
            create_time: Timestamp::default(),
            update_time: Timestamp::default(),
        }
    }

    fn set(revision: u64, webhooks: Vec<Webhook>) -> WebhookSet {
        let by_id = webhooks.into_iter().map(|webhook| (webhook.id, Arc::new(webhook))).collect();
        WebhookSet { by_id, revision, ..WebhookSet::default() }
    }

    fn event(event_type: &str, object_type: &str) -> Arc<EventContext> {
        let event = Event {
            id: "e".parse().unwrap(),
            namespace: Namespace::default(),
            event_type: event_type.into(),
            object_type: object_type.into(),
            occur_time: None,
            username: String::new(),
            request_id: String::new(),
            data: None,
            snapshots: None,
            attributes: Default::default(),
            ordering_key: String::new(),
            deliver_after: None,
            expire_time: None,
            publish_time: Timestamp::default(),
            trace_parent: None,
        };
        Arc::new(EventContext::new(Arc::new(event)))
    }

    async fn routed(matcher: &Matcher, set: &WebhookSet, event: &Arc<EventContext>) -> Vec<u8> {
        let compilations = Compilations::new();
        let snapshot = matcher.snapshot(set, &compilations, &InProcess).await;
        snapshot.route(event, &InProcess).await.iter().map(|id| id.as_bytes()[0]).collect()
    }

    #[tokio::test]
    async fn webhooks_that_were_there_at_the_start_are_matched() {
        let matcher = Matcher::default();
        assert_eq!(routed(&matcher, &set(0, vec![webhook(1, vec![])]), &event("created", "")).await, [1]);
    }

    #[tokio::test]
    async fn each_webhook_is_asked_once_whatever_index_it_is_under() {
        let set = set(
            1,
            vec![
                webhook(5, vec![]),
                webhook(4, vec![rule(&["created", "updated"], &[])]),
                webhook(3, vec![rule(&["created"], &[]), rule(&["created"], &["dcim.site"])]),
                webhook(2, vec![rule(&["job_*"], &["dcim.site"]), rule(&[], &["ipam.prefix"])]),
                webhook(1, vec![rule(&["c*"], &["dcim.*"])]),
            ],
        );
        let matcher = Matcher::default();
        assert_eq!(routed(&matcher, &set, &event("created", "dcim.site")).await, [1, 3, 4, 5]);
        assert_eq!(routed(&matcher, &set, &event("updated", "")).await, [4, 5]);
        assert_eq!(routed(&matcher, &set, &event("job_started", "dcim.site")).await, [2, 5]);
        assert_eq!(routed(&matcher, &set, &event("deleted", "ipam.prefix")).await, [2, 5]);
    }

    #[tokio::test]
    async fn a_disabled_webhook_and_one_with_only_disabled_rules_get_nothing() {
        let mut off = webhook(1, vec![]);
        off.spec.disabled = true;
        let disabled_rule = EventRule { disabled: true, ..rule(&[], &[]) };
        let set = set(1, vec![off, webhook(2, vec![disabled_rule])]);
        assert!(routed(&Matcher::default(), &set, &event("created", "")).await.is_empty());
    }

    #[tokio::test]
    async fn another_namespace_is_another_world() {
        let mut other = webhook(1, vec![]);
        other.namespace = "other".parse().unwrap();
        assert!(routed(&Matcher::default(), &set(1, vec![other]), &event("created", "")).await.is_empty());
    }

    #[tokio::test]
    async fn the_snapshot_follows_the_set_and_never_goes_back() {
        let matcher = Matcher::default();
        let (old, new) = (set(1, vec![webhook(1, vec![])]), set(2, vec![webhook(2, vec![])]));
        assert_eq!(routed(&matcher, &old, &event("created", "")).await, [1]);
        assert_eq!(routed(&matcher, &new, &event("created", "")).await, [2]);
        assert_eq!(routed(&matcher, &old, &event("created", "")).await, [2], "newer than it had to be");
    }

    #[tokio::test]
    async fn a_stored_webhook_that_does_not_compile_still_gets_its_deliveries() {
        let mut broken = webhook(1, vec![]);
        broken.spec.request.url = "ftp://x".into();
        assert_eq!(routed(&Matcher::default(), &set(1, vec![broken]), &event("created", "")).await, [1]);
    }
}
