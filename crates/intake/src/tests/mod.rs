//! Events, webhooks, a renderer that counts and a store of them, for the tests of this crate.

mod announcing;
mod compiling;
mod desk;
mod routing;
mod storing;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tenterhook_engine::{
    Acceptance, AttemptFacts, Compilations, Compiled, EventContext, InProcess, Preview, Render, RenderFault, Rules,
};
use tenterhook_model::webhook::EventRule;
use tenterhook_model::{Event, Fault, PreparedRequest, Timestamp, Webhook, WebhookId};
use tenterhook_store::WebhookSet;

use crate::failures::FailureLog;
use crate::matcher::{Matcher, Snapshot};
use crate::means::Means;
use crate::meter::Meter;

pub(crate) fn event(event_type: &str, object_type: &str) -> Event {
    Event {
        event_type: event_type.into(),
        object_type: object_type.into(),
        publish_time: Timestamp::from_millis(1_000),
        ..tenterhook_fixtures::event("e")
    }
}

fn context(event_type: &str, object_type: &str) -> Arc<EventContext> {
    Arc::new(EventContext::new(Arc::new(event(event_type, object_type))))
}

pub(crate) fn rule(event_types: &[&str], object_types: &[&str]) -> EventRule {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    EventRule { event_types: owned(event_types), object_types: owned(object_types), ..EventRule::default() }
}

pub(crate) fn webhook(number: u8, rules: Vec<EventRule>) -> Webhook {
    let mut webhook = tenterhook_fixtures::webhook(number);
    webhook.spec.rules = rules;
    webhook
}

fn set(revision: u64, webhooks: impl IntoIterator<Item = Webhook>) -> Arc<WebhookSet> {
    let by_id = webhooks.into_iter().map(|webhook| (webhook.id, Arc::new(webhook))).collect();
    Arc::new(WebhookSet { by_id, revision, ..WebhookSet::default() })
}

/// The set with one webhook put in or changed.
fn changed(before: &WebhookSet, webhook: Webhook) -> Arc<WebhookSet> {
    let mut set = before.clone();
    set.by_id.insert(webhook.id, Arc::new(webhook));
    set.revision += 1;
    Arc::new(set)
}

/// Compiles in process and counts.
#[derive(Debug, Default)]
struct Counting {
    webhooks: AtomicUsize,
    rules: AtomicUsize,
}

impl Counting {
    /// Webhooks and sets of rules so far.
    fn counted(&self) -> (usize, usize) {
        (self.webhooks.load(Ordering::Relaxed), self.rules.load(Ordering::Relaxed))
    }
}

#[async_trait]
impl Render for Counting {
    async fn compile(&self, webhook: &Webhook) -> Result<Arc<Compiled>, Vec<Fault>> {
        self.webhooks.fetch_add(1, Ordering::Relaxed);
        InProcess.compile(webhook).await
    }

    async fn compile_rules(&self, webhook: &Webhook) -> Result<Arc<Rules>, Vec<Fault>> {
        self.rules.fetch_add(1, Ordering::Relaxed);
        InProcess.compile_rules(webhook).await
    }

    async fn accepts(&self, rules: &Arc<Rules>, event: &Arc<EventContext>) -> Acceptance {
        rules.accepts(event)
    }

    async fn prepare(
        &self,
        _: &Arc<Compiled>,
        _: &Arc<EventContext>,
        _: &AttemptFacts,
    ) -> Result<PreparedRequest, RenderFault> {
        unreachable!("the intake sends nothing")
    }

    async fn preview(&self, _: &Webhook, _: &Arc<EventContext>, _: &AttemptFacts) -> Result<Preview, Vec<Fault>> {
        unreachable!("the intake shows nothing")
    }
}

/// Counts rules that failed.
#[derive(Debug, Default)]
struct Failures(AtomicUsize);

impl Meter for Failures {
    fn rule_failed(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A matcher and what it works with.
#[derive(Debug, Default)]
struct Bench {
    matcher: Matcher,
    render: Arc<Counting>,
    compilations: Arc<Compilations>,
    failures: FailureLog,
    meter: Arc<Failures>,
}

impl Bench {
    fn means(&self) -> Means<'_> {
        let Self { render, compilations, failures, meter, .. } = self;
        Means { render: &**render, compilations, failures, meter: &**meter }
    }

    async fn snapshot(&self, set: &Arc<WebhookSet>) -> Arc<Snapshot> {
        self.matcher.snapshot(set, &self.means()).await
    }

    /// The numbers of the webhooks that the event goes to.
    async fn routed(&self, set: &Arc<WebhookSet>, event: &Arc<EventContext>) -> Vec<u8> {
        let snapshot = self.snapshot(set).await;
        snapshot.route(event, &self.means()).await.iter().map(|id| id.as_bytes()[0]).collect()
    }

    /// Webhooks and sets of rules that were compiled so far.
    fn compiled(&self) -> (usize, usize) {
        self.render.counted()
    }
}
