//! TestWebhook: sends one request now and returns how it went. Nothing is stored or counted.

use std::sync::Arc;

use tenterhook_attempt::{Job, Tools, make};
use tenterhook_engine::EventContext;
use tenterhook_model::{Attempt, EventId, Namespace, Outcome, Webhook};
use tenterhook_proto::tenterhook::v1;
use tokio_util::sync::CancellationToken;

use super::preview::{inline_event, sample_facts};
use super::save::{find_named, naming};
use crate::access::Caller;
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::wire::delivery::{View, write_attempt};
use crate::wire::time::timestamp;

/// The type of the event that is sent when the caller gives none.
const PING: &str = "ping";
/// What is added to the error of a template that needs more than a ping has.
const PING_HINT: &str = "\nThe event was a ping without data; set `event_id` to a stored event, or `event`.";

/// Sends one request.
pub(super) async fn test(
    api: &Shared,
    caller: &Caller,
    request: v1::TestWebhookRequest,
) -> Result<v1::TestWebhookResponse, Refusal> {
    let mut check = Check::new();
    let webhook = find_named(api, caller, &mut check, naming!(request))?;
    let namespace = webhook.as_ref().map(|webhook| webhook.namespace.clone()).unwrap_or_default();
    let is_ping = request.event.is_none() && request.event_id.is_empty();
    let event = if request.event_id.is_empty() {
        inline_event(api, &mut check, request.event.unwrap_or_else(ping), &namespace)
    } else {
        if request.event.is_some() {
            check.refuse("event_id", "must be empty when `event` is set");
        }
        // Whose event it is, is known only with the webhook.
        stored(api, &mut check, request.event_id, webhook.as_ref().map(|_| &namespace)).await?
    };
    check.finish()?;
    let (Some(webhook), Some(event)) = (webhook, event) else { return Err(Refusal::Internal) };
    let mut attempt = attempt(api, &webhook, &event).await;
    if attempt.outcome == Outcome::Success {
        // The receiver is well: what its breaker holds back need not wait for the next probe.
        api.store.ask(webhook.id).await?;
    } else if is_ping && attempt.outcome == Outcome::Render {
        attempt.error.push_str(PING_HINT);
    }
    Ok(v1::TestWebhookResponse {
        send_time: Some(timestamp(attempt.start_time)),
        attempt: Some(write_attempt(&attempt, View::Full)),
    })
}

/// The stored event, once it is known in which namespace to look.
async fn stored(
    api: &Shared,
    check: &mut Check,
    id: String,
    namespace: Option<&Namespace>,
) -> Result<Option<Arc<EventContext>>, Refusal> {
    let (Some(parsed), Some(namespace)) = (check.parse::<EventId>("event_id", &id), namespace) else {
        return Ok(None);
    };
    let event = api.store.event(namespace, &parsed).await?.ok_or(Refusal::NoEvent(id))?;
    Ok(Some(Arc::new(EventContext::new(event))))
}

/// The event that is sent when the caller gives none. Its data is empty and not missing, so that
/// templates which print a value of it print nothing.
fn ping() -> v1::Event {
    let data = v1::json_document::Value::Json("{}".into());
    v1::Event { r#type: PING.to_owned(), data: Some(v1::JsonDocument { value: Some(data) }), ..Default::default() }
}

/// Makes the attempt as the dispatcher would. It is not interrupted: a server that stops finishes
/// its calls within the drain grace.
async fn attempt(api: &Shared, webhook: &Arc<Webhook>, context: &Arc<EventContext>) -> Attempt {
    let now = api.clock.now();
    let delivery_id = sample_facts(now).delivery_id;
    let job = Job { webhook, context, delivery_id, number: 1, due_time: Some(now) };
    let tools = Tools { render: &*api.render, compilations: &api.compilations, clock: &*api.clock, trace: &*api.trace };
    make(job, tools, api.sender.clone(), &CancellationToken::new()).await.attempt
}
