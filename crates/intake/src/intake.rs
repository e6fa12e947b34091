//! [`Intake`]: matches events, digests them and hands them to the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use tenterhook_engine::{Compilations, Contexts, EventContext, Render};
use tenterhook_model::{Event, Webhook};
use tenterhook_store::{NewEvent, Published, Publishing, StoreError};

use crate::digest::content_digest;
use crate::failures::{FailureLog, RuleFailure};
use crate::matcher::Matcher;
use crate::means::Means;
use crate::meter::Meter;

/// Webhooks that are compiled at the same time at the start; the renderer has its own limits on top.
const WARMING: usize = 16;

/// What an intake works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where webhooks come from and events go.
    pub store: Arc<dyn Publishing>,
    /// Compiles rules, and evaluates those that are not plain.
    pub render: Arc<dyn Render>,
    /// Compiled webhooks, shared with the API, which compiles them, and the dispatcher.
    pub compilations: Arc<Compilations>,
    /// The contexts of events in memory, shared with the dispatcher.
    pub contexts: Arc<Contexts>,
    /// Counts.
    pub meter: Arc<dyn Meter>,
}

/// Takes events in. There is one for each store.
#[derive(Debug)]
pub struct Intake {
    parts: Parts,
    matcher: Matcher,
    failures: FailureLog,
    is_ready: AtomicBool,
}

impl Intake {
    /// An intake that has compiled nothing yet; see [`Intake::warm_up`].
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let (matcher, failures) = (Matcher::default(), FailureLog::default());
        Self { parts, matcher, failures, is_ready: AtomicBool::new(false) }
    }

    /// The last failure of each rule of `webhook` since it was last changed: rules that could not be
    /// evaluated for an event, and so did not match it. Forgotten when the server stops.
    pub fn rule_failures(&self, webhook: &Webhook) -> Vec<RuleFailure> {
        self.failures.of(webhook.id, webhook.spec.rules.len(), webhook.update_time)
    }

    /// Compiles the webhooks of the store: the rules of all, then requests as far as the cache
    /// has room. Events may be published meanwhile; they wait for the rules only.
    ///
    /// # Cancel safety
    /// Dropping it leaves the intake not ready, and the rest to be compiled when it is needed.
    pub async fn warm_up(&self) {
        self.refresh().await;
        let webhooks = self.parts.store.webhooks();
        let mut wanted: Vec<BoxFuture<'_, ()>> = Vec::new();
        for webhook in webhooks.by_id.values().filter(|webhook| webhook.sends()) {
            wanted.push(self.compile_if_room(webhook).boxed());
        }
        stream::iter(wanted).buffer_unordered(WARMING).collect::<()>().await;
        self.is_ready.store(true, Ordering::Release);
    }

    /// Whether [`Intake::warm_up`] has ended.
    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// Matches by the store's webhooks as they are now. The API calls it after each save and
    /// before it answers, so that no publish compiles what a save has brought.
    ///
    /// # Cancel safety
    /// Dropping it leaves the work to the next publish.
    pub async fn refresh(&self) {
        self.matcher.snapshot(&self.parts.store.webhooks(), &self.means()).await;
    }

    /// Stores events and makes the deliveries to the webhooks that match: all or, when one
    /// conflicts, none. Returns what became of each, in their order.
    ///
    /// # Errors
    /// As [`Publishing::publish`].
    pub async fn publish(&self, events: Vec<Event>) -> Result<Vec<Published>, StoreError> {
        let routed = self.route(events).await;
        self.parts.store.publish(routed).await
    }

    /// Stores events as [`Intake::publish`] does, but leaves out those that conflict. Returns
    /// what became of each, in their order.
    pub async fn publish_each(&self, events: Vec<Event>) -> Vec<Result<Published, StoreError>> {
        let mut results: Vec<Option<Result<Published, StoreError>>> = events.iter().map(|_| None).collect();
        let mut waiting: Vec<(usize, NewEvent)> = self.route(events).await.into_iter().enumerate().collect();
        while !waiting.is_empty() {
            match self.parts.store.publish(waiting.iter().map(|(_, new)| new.clone()).collect()).await {
                Ok(published) => {
                    assert_eq!(published.len(), waiting.len(), "the store returns one result per event");
                    for ((place, _), published) in waiting.drain(..).zip(published) {
                        results[place] = Some(Ok(published));
                    }
                }
                Err(error) => {
                    let refused = match &error {
                        StoreError::EventConflict { index, .. } => vec![waiting.remove(*index)],
                        _ => std::mem::take(&mut waiting),
                    };
                    refused.into_iter().for_each(|(place, _)| results[place] = Some(Err(error.clone())));
                }
            }
        }
        results.into_iter().map(|result| result.expect("the loop ends when each event has its result")).collect()
    }

    /// Matches events against the webhooks as they are now. Each keeps the publish time that it
    /// has: what its rules see is what its requests will say.
    pub async fn route(&self, events: Vec<Event>) -> Vec<NewEvent> {
        let means = self.means();
        let snapshot = self.matcher.snapshot(&self.parts.store.webhooks(), &means).await;
        let mut routed = Vec::with_capacity(events.len());
        for event in events {
            let content = content_digest(&event);
            let context = Arc::new(EventContext::new(Arc::new(event)));
            let webhooks = snapshot.route(&context, &means).await;
            // A context that holds nothing yet costs the dispatcher nothing to make.
            if !webhooks.is_empty() && context.parses() > 0 {
                self.parts.contexts.keep(&context);
            }
            routed.push(NewEvent { event: Arc::clone(context.event()), content, webhooks });
        }
        routed
    }

    async fn compile_if_room(&self, webhook: &Arc<Webhook>) {
        let Parts { compilations, render, .. } = &self.parts;
        if compilations.has_room()
            && let Err(errors) = compilations.find_or_compile(webhook, &**render).await
        {
            let (webhook, errors) = (webhook.id, errors.len());
            tracing::error!(%webhook, errors, "a stored webhook does not compile; its attempts fail");
        }
    }

    fn means(&self) -> Means<'_> {
        let Parts { render, compilations, meter, .. } = &self.parts;
        Means { render: &**render, compilations, failures: &self.failures, meter: &**meter }
    }
}
