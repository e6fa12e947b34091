//! The webhooks of one namespace, each listed under what all its rules ask for, so that an
//! event is compared with the few webhooks that it may go to.

use std::collections::HashMap;
use std::sync::Arc;

use tenterhook_engine::{EventContext, Rules};
use tenterhook_model::{Event, Webhook, WebhookId};

use crate::means::Means;

/// The webhooks of a namespace that are not disabled.
#[derive(Debug, Default)]
pub(crate) struct Index {
    all: HashMap<WebhookId, Arc<Candidate>>,
    by_event_type: HashMap<String, Vec<Arc<Candidate>>>,
    by_object_type: HashMap<String, Vec<Arc<Candidate>>>,
    others: Vec<Arc<Candidate>>,
}

/// A webhook that an event may go to.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// The webhook; its rules were compiled from this revision or from one with equal rules.
    pub(crate) webhook: Arc<Webhook>,
    /// `None` when the stored rules do not compile: the webhook gets every event, and its
    /// attempts report what is wrong, so that no event is lost silently.
    pub(crate) rules: Option<Arc<Rules>>,
}

impl Index {
    /// An index of these webhooks.
    pub(crate) fn of(candidates: impl IntoIterator<Item = Arc<Candidate>>) -> Self {
        let mut index = Self::default();
        for candidate in candidates {
            index.add(candidate);
        }
        index
    }

    /// What is known of a webhook.
    pub(crate) fn find(&self, id: WebhookId) -> Option<&Arc<Candidate>> {
        self.all.get(&id)
    }

    /// The webhooks that `event` goes to, in the order of their ids.
    pub(crate) async fn route(&self, event: &Arc<EventContext>, means: &Means<'_>) -> Vec<WebhookId> {
        let mut matched = Vec::new();
        for candidate in self.candidates(event.event()) {
            if candidate.accepts(event, means).await {
                matched.push(candidate.webhook.id);
            }
        }
        matched.sort_unstable();
        assert!(matched.is_sorted_by(|a, b| a < b), "an event goes to a webhook once: {matched:?}");
        matched
    }

    fn add(&mut self, candidate: Arc<Candidate>) {
        let webhook = &candidate.webhook;
        let before = self.all.insert(webhook.id, Arc::clone(&candidate));
        assert!(before.is_none(), "the webhook {} is in its namespace once", webhook.id);
        debug_assert!(
            self.all.values().all(|other| other.webhook.namespace == webhook.namespace),
            "an index is that of one namespace, and {} of {} would get events of another",
            webhook.id,
            webhook.namespace
        );
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
            None => self.others.push(candidate),
            Some(map) => keys.into_iter().for_each(|key| map.entry(key).or_default().push(Arc::clone(&candidate))),
        }
    }

    fn candidates(&self, event: &Event) -> impl Iterator<Item = &Arc<Candidate>> {
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
    async fn accepts(&self, event: &Arc<EventContext>, means: &Means<'_>) -> bool {
        // Nobody can say whether rules that do not compile name operational events.
        let Some(rules) = &self.rules else { return !event.event().is_operational() };
        let acceptance = if rules.is_plain() { rules.accepts(event) } else { means.render.accepts(rules, event).await };
        for (rule, error) in &acceptance.errors {
            means.report(self.webhook.id, *rule, event.event(), error);
        }
        acceptance.matched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{event, rule, webhook};

    #[test]
    fn an_event_is_compared_with_the_webhooks_that_name_its_type_and_those_that_name_none() {
        let webhooks = [
            webhook(1, vec![]),
            webhook(2, vec![rule(&["created"], &[])]),
            webhook(3, vec![rule(&["deleted"], &["dcim.site"]), rule(&["updated"], &[])]),
            webhook(4, vec![rule(&[], &["dcim.site"])]),
            webhook(5, vec![rule(&["*"], &["ipam.prefix"])]),
            webhook(6, vec![rule(&["c*"], &["dcim.*"])]),
        ];
        let index = Index::of(webhooks.map(|webhook| Arc::new(Candidate { webhook: Arc::new(webhook), rules: None })));
        let compared = |event_type: &str, object_type: &str| {
            let event = event(event_type, object_type);
            index.candidates(&event).map(|candidate| candidate.webhook.id.as_bytes()[0]).collect::<Vec<_>>()
        };
        assert_eq!(compared("created", "dcim.site"), [1, 6, 2, 4]);
        assert_eq!(compared("updated", "ipam.prefix"), [1, 6, 3, 5]);
        assert_eq!(compared("deleted", ""), [1, 6, 3]);
    }
}
