//! TestWebhook: sends one request now and returns how it went. Nothing is stored or counted.

use std::sync::Arc;

use tenterhook_attempt::{Job, Tools, make};
use tenterhook_engine::EventContext;
use tenterhook_model::{Attempt, Webhook};
use tenterhook_proto::tenterhook::v1;
use tokio_util::sync::CancellationToken;

use super::preview::{inline_event, sample_facts};
use super::save::find;
use crate::access::Caller;
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::wire::delivery::{View, write_attempt};
use crate::wire::time::timestamp;

/// The type of the event that is sent when the caller gives none.
const PING: &str = "ping";

/// Sends one request.
pub(super) async fn test(
    api: &Shared,
    caller: &Caller,
    request: v1::TestWebhookRequest,
) -> Result<v1::TestWebhookResponse, Refusal> {
    let mut check = Check::new();
    let webhook = match find(api, caller, "webhook_id", &request.webhook_id) {
        Err(Refusal::Faults(faults)) => {
            check.take(faults);
            None
        }
        found => Some(found?),
    };
    let namespace = webhook.as_ref().map(|webhook| webhook.namespace.clone()).unwrap_or_default();
    let event = request.event.unwrap_or_else(|| v1::Event { r#type: PING.to_owned(), ..Default::default() });
    let event = inline_event(api, &mut check, event, &namespace);
    check.finish()?;
    let (Some(webhook), Some(event)) = (webhook, event) else { return Err(Refusal::Internal) };
    let attempt = attempt(api, &webhook, &event).await;
    Ok(v1::TestWebhookResponse {
        send_time: Some(timestamp(attempt.start_time)),
        attempt: Some(write_attempt(&attempt, View::Full)),
    })
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
