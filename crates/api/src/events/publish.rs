//! PublishEvent and BatchPublishEvents: check, and hand to the intake.
//!
//! This is the hot path: the intake matches an event against rules in memory, and the call
//! returns when the commit that holds the event is on disk.

use tenterhook_model::{Event, EventId, OPERATIONAL_PREFIX, is_operational, limits};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::Published;
use tokio::time::Instant;

use crate::access::Caller;
use crate::check::{Check, too_many_events};
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::wire::event::{Arrival, read_event};
use crate::wire::time::timestamp;

/// Stores one event.
pub(super) async fn one(
    api: &Shared,
    caller: &Caller,
    event: Option<v1::Event>,
    trace_parent: Option<String>,
) -> Result<v1::PublishResult, Refusal> {
    let started = Instant::now();
    let parsed = read_one(api, caller, event, trace_parent)?;
    let published = api.intake.publish(vec![parsed]).await?;
    api.meter.published(started.elapsed(), new_events(&published));
    published.into_iter().next().map(write).ok_or(Refusal::Internal)
}

/// Checks the event in the field `event` of a request.
pub(super) fn read_one(
    api: &Shared,
    caller: &Caller,
    event: Option<v1::Event>,
    trace_parent: Option<String>,
) -> Result<Event, Refusal> {
    let Some(event) = event else { return Err(Refusal::field("event", "must be set")) };
    let mut check = Check::new();
    let parsed = check.within("event", |check| read(api, check, event, trace_parent));
    check.finish()?;
    let parsed = parsed.ok_or(Refusal::Internal)?;
    caller.within(&parsed.namespace)?;
    Ok(parsed)
}

/// Stores events, all or none, in order.
pub(super) async fn batch(
    api: &Shared,
    caller: &Caller,
    events: Vec<v1::Event>,
    trace_parent: Option<String>,
) -> Result<Vec<v1::PublishResult>, Refusal> {
    let started = Instant::now();
    let parsed = read_batch(api, events, trace_parent)?;
    if let Some(first) = parsed.first() {
        caller.within(&first.namespace)?;
    }
    let count = parsed.len();
    let published = api.intake.publish(parsed).await?;
    assert_eq!(published.len(), count, "a client reads results by their place in its batch");
    api.meter.published(started.elapsed(), new_events(&published));
    Ok(published.into_iter().map(write).collect())
}

/// How many of the events had not been stored before.
fn new_events(published: &[Published]) -> usize {
    published.iter().filter(|event| !event.duplicate).count()
}

fn read_batch(api: &Shared, events: Vec<v1::Event>, trace_parent: Option<String>) -> Result<Vec<Event>, Refusal> {
    if events.is_empty() {
        return Err(Refusal::field("events", "must have at least one event"));
    }
    if events.len() > limits::BATCH_EVENTS {
        return Err(too_many_events());
    }
    let mut check = Check::new();
    let mut parsed: Vec<Event> = Vec::with_capacity(events.len());
    check.within("events", |check| {
        for (index, event) in events.into_iter().enumerate() {
            check.item(index, |check| {
                let read = read(api, check, event, trace_parent.clone());
                let first = parsed.first().map(|first| &first.namespace);
                if let (Some(first), Some(event)) = (first, &read)
                    && event.namespace != *first
                {
                    check.refuse("namespace", format!("must be `{first}`, as that of the first event"));
                }
                parsed.extend(read);
            });
        }
    });
    check.finish()?;
    Ok(parsed)
}

/// The event at this place, with what the server adds to it.
fn read(api: &Shared, check: &mut Check, event: v1::Event, trace_parent: Option<String>) -> Option<Event> {
    if is_operational(&event.r#type) {
        check.refuse("type", format!("must not begin with `{OPERATIONAL_PREFIX}`, as the server's own events do"));
    }
    let now = api.clock.now();
    let fresh_id = || EventId::generate(now, &*api.entropy);
    read_event(check, event, &Arrival { fresh_id: &fresh_id, now, trace_parent })
}

/// What became of an event, on the wire.
pub(super) fn write(published: Published) -> v1::PublishResult {
    v1::PublishResult {
        event_id: published.event_id.to_string(),
        publish_time: Some(timestamp(published.publish_time)),
        duplicate: published.duplicate,
        delivery_count: i32::try_from(published.delivery_count).unwrap_or(i32::MAX),
    }
}
