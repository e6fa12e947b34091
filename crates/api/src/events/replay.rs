//! ReplayEvents: new deliveries of past events for one webhook.
//!
//! Events that the webhook's rules match now and the filter names, unless they were delivered
//! to it before or still are on their way. It works in steps, each its own commit: first it
//! notes where each page of the list begins, then it goes through the pages from the oldest, so
//! that events with an ordering key arrive in the order of their publication.

use std::collections::HashSet;
use std::sync::Arc;

use tenterhook_engine::{Compiled, EventContext};
use tenterhook_model::{DeliveryState, Event, EventId, Namespace, Webhook, WebhookId, WebhookState};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::{DeliveryQuery, EventQuery};

use crate::access::Caller;
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::webhooks::{check_request_id, remembered, subject};
use crate::wire::filter::EventFilter;

/// Events of one step.
const STEP: usize = 100;
/// States of deliveries that failed: their events may be replayed without being asked for twice.
const UNDELIVERED: [DeliveryState; 2] = [DeliveryState::Failed, DeliveryState::Cancelled];

/// Events of one page, and where the next page begins.
type EventPage = (Vec<Arc<Event>>, Option<Vec<u8>>);

/// A replay that was checked.
struct Replay {
    namespace: Namespace,
    webhook: Arc<Webhook>,
    compiled: Option<Arc<Compiled>>,
    filter: EventFilter,
    include_delivered: bool,
    only_counts: bool,
}

/// Makes the deliveries; answers how many.
pub(super) async fn replay(
    api: &Shared,
    caller: &Caller,
    mut request: v1::ReplayEventsRequest,
) -> Result<i64, Refusal> {
    caller.only_checks(request.validate_only);
    let request_id = std::mem::take(&mut request.request_id);
    let remembered = remembered(&request_id, "ReplayEvents", &request).filter(|_| !request.validate_only);
    let replay = Replay::read(api, caller, request, &request_id).await?;
    caller.about(|| format!("events for {}", subject(&replay.webhook)));
    if let Some(request) = &remembered
        && let Some(count) = api.store.recall(&replay.namespace, request).await?
    {
        return Ok(i64::try_from(count).unwrap_or(i64::MAX));
    }
    let count = replay.run(api).await?;
    if let Some(request) = remembered {
        api.store.remember(&replay.namespace, request, count).await?;
    }
    Ok(i64::try_from(count).unwrap_or(i64::MAX))
}

impl Replay {
    async fn read(
        api: &Shared,
        caller: &Caller,
        request: v1::ReplayEventsRequest,
        request_id: &str,
    ) -> Result<Self, Refusal> {
        let mut check = Check::new();
        let namespace: Option<Namespace> = check.parse("namespace", &request.namespace);
        let id: Option<WebhookId> = check.parse("webhook_id", &request.webhook_id);
        let filter = request.filter.unwrap_or_default();
        if EventFilter::is_empty(&filter) {
            check.refuse("filter", "must not be empty; to mean everything, set a `start_time` long ago");
        }
        let filter = check.within("filter", |check| EventFilter::read(check, &filter));
        check_request_id(&mut check, request_id);
        let (Some(namespace), Some(id)) = (namespace, id) else { return Err(check.into_refusal()) };
        check.finish()?;
        caller.within(&namespace)?;
        let webhook = api.store.webhooks().by_id.get(&id).filter(|webhook| webhook.namespace == namespace).cloned();
        let webhook = webhook.ok_or(Refusal::NoWebhook(request.webhook_id))?;
        if webhook.state() == WebhookState::Disabled {
            let what = format!("the webhook {id}");
            return Err(Refusal::State { what, state: "DISABLED", advice: "it matches no event until it is enabled" });
        }
        let compiled = api.compilations.find_or_compile(&webhook, &*api.render).await.ok();
        let (include_delivered, only_counts) = (request.include_delivered, request.validate_only);
        Ok(Self { namespace, webhook, compiled, filter, include_delivered, only_counts })
    }

    async fn run(&self, api: &Shared) -> Result<u64, Refusal> {
        let mut query = EventQuery { namespace: self.namespace.clone(), limit: STEP, ..self.filter.query.clone() };
        // What is published from now on is not of the past, and would move the pages.
        let now = api.clock.now();
        query.end_time = Some(query.end_time.map_or(now, |end| end.min(now)));
        // An event that is being stored meanwhile would move the newest page, so that is kept.
        let (mut newest, mut next) = self.page(api, &query, None).await?;
        let mut places = Vec::new();
        while let Some(place) = next {
            next = self.page(api, &query, Some(place.clone())).await?.1;
            assert_ne!(next.as_ref(), Some(&place), "a page that leads to itself would be replayed for ever");
            places.push(place);
        }
        let mut count = 0;
        for place in places.into_iter().rev() {
            let (mut events, _) = self.page(api, &query, Some(place)).await?;
            events.reverse();
            count += self.step(api, &events).await?;
        }
        newest.reverse();
        Ok(count + self.step(api, &newest).await?)
    }

    /// The events of the page that begins at `after`, and where the next begins.
    async fn page(&self, api: &Shared, query: &EventQuery, after: Option<Vec<u8>>) -> Result<EventPage, Refusal> {
        let page = api.store.list_events(EventQuery { after, ..query.clone() }).await?;
        Ok((page.items, page.next))
    }

    async fn step(&self, api: &Shared, events: &[Arc<Event>]) -> Result<u64, Refusal> {
        let mut wanted = Vec::with_capacity(events.len());
        for event in events.iter().filter(|event| self.filter.passes(event)) {
            if self.accepts(api, event).await {
                wanted.push(event.id.clone());
            }
        }
        if !self.include_delivered && !wanted.is_empty() {
            let delivered = self.delivered(api, &wanted).await?;
            wanted.retain(|id| !delivered.contains(id));
        }
        if self.only_counts || wanted.is_empty() {
            return Ok(wanted.len() as u64);
        }
        Ok(api.store.replay(self.webhook.id, wanted).await?.len() as u64)
    }

    async fn accepts(&self, api: &Shared, event: &Arc<Event>) -> bool {
        let Some(compiled) = &self.compiled else { return !event.is_operational() };
        let context = Arc::new(EventContext::new(Arc::clone(event)));
        api.render.accepts(compiled.rules(), &context).await.matched
    }

    /// Those of `events` that were delivered to the webhook, or are on their way to it.
    async fn delivered(&self, api: &Shared, events: &[EventId]) -> Result<HashSet<EventId>, Refusal> {
        let states = DeliveryState::ALL.into_iter().filter(|state| !UNDELIVERED.contains(state)).collect();
        let mut query = DeliveryQuery {
            namespace: self.namespace.clone(),
            webhook_ids: vec![self.webhook.id],
            event_ids: events.to_vec(),
            states,
            limit: STEP,
            ..DeliveryQuery::default()
        };
        let mut delivered = HashSet::new();
        loop {
            let page = api.store.list_deliveries(query.clone()).await?;
            delivered.extend(page.items.into_iter().map(|delivery| delivery.event_id));
            match page.next {
                Some(next) => {
                    assert_ne!(query.after.as_ref(), Some(&next), "a page that leads to itself is read for ever");
                    query.after = Some(next);
                }
                None => return Ok(delivered),
            }
        }
    }
}
