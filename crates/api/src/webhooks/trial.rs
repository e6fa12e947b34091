//! TestWebhook: sends one request now and tells how it went. Nothing is stored or counted.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_engine::EventContext;
use tenterhook_model::{Attempt, Exchange, Outcome, SentRequest, Timestamp, Webhook};
use tenterhook_proto::tenterhook::v1;
use tokio::time::Instant;
use tower::ServiceExt as _;

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
    let send_time = api.clock.now();
    let attempt = attempt(api, &webhook, &event, send_time).await;
    Ok(v1::TestWebhookResponse {
        attempt: Some(write_attempt(&attempt, View::Full)),
        send_time: Some(timestamp(send_time)),
    })
}

async fn attempt(api: &Shared, webhook: &Arc<Webhook>, event: &Arc<EventContext>, start_time: Timestamp) -> Attempt {
    let started = Instant::now();
    let prepared = match api.compilations.find_or_compile(webhook, &*api.render).await {
        Ok(compiled) => {
            let facts = sample_facts(start_time);
            api.render.prepare(&compiled, event, &facts).await.map_err(|fault| fault.explained())
        }
        Err(faults) => Err(faults.first().map(ToString::to_string).unwrap_or_default()),
    };
    let render = started.elapsed();
    let (request, mut exchange) = match prepared {
        Err(message) => (None, Exchange::failed(Outcome::Render, message)),
        Ok(prepared) => {
            let sent = SentRequest::from(&prepared);
            let exchange = api.sender.clone().oneshot(prepared).await.unwrap_or_else(|never| match never {});
            (Some(if exchange.http2 { sent.over_http2() } else { sent }), exchange)
        }
    };
    exchange.timings.queued = Some(Duration::ZERO);
    exchange.timings.render = Some(render);
    Attempt {
        number: 1,
        start_time,
        duration: started.elapsed(),
        outcome: exchange.outcome,
        error: exchange.error,
        request,
        response: exchange.response,
        timings: exchange.timings,
        remote_address: exchange.remote_address,
        tried_addresses: exchange.tried_addresses,
        trace_id: String::new(),
    }
}
