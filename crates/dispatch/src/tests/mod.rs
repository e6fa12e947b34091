//! What the tests of the dispatcher share: a webhook and deliveries to it, a scripted
//! store, and receivers that answer as they are told.

mod clock;
mod deadlines;
mod drain;
mod flow;
mod hold;
mod render;
pub(crate) mod store;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use tenterhook_model::webhook::{Halt, HaltedBy, RequestTemplate};
use tenterhook_model::{
    Delivery, DeliveryId, DeliveryState, Entropy, Event, Lane, Namespace, Timestamp, Webhook, WebhookId, WebhookSpec,
};
use tenterhook_store::Claim;

/// Chance that is none.
#[derive(Debug)]
pub(crate) struct Middle;

impl Entropy for Middle {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0x80);
    }
}

/// The webhook number `number`, with the defaults of everything.
pub(crate) fn webhook(number: u8) -> Webhook {
    Webhook {
        id: WebhookId::from_bytes([number; 16]),
        lane: Lane(u32::from(number)),
        namespace: Namespace::default(),
        spec: WebhookSpec {
            request: RequestTemplate { url: "http://receiver.example/".into(), ..Default::default() },
            ..Default::default()
        },
        halt: None,
        signing_keys: Vec::new(),
        revision: 1,
        create_time: Timestamp::default(),
        update_time: Timestamp::default(),
    }
}

/// The same webhook, paused.
pub(crate) fn paused(webhook: &Webhook) -> Webhook {
    Webhook { halt: Some(Halt { by: HaltedBy::Operator, reason: String::new() }), ..webhook.clone() }
}

/// An event.
pub(crate) fn event(id: &str) -> Event {
    Event {
        id: id.parse().unwrap(),
        namespace: Namespace::default(),
        event_type: "created".into(),
        object_type: String::new(),
        occur_time: None,
        username: String::new(),
        request_id: String::new(),
        data: None,
        snapshots: None,
        attributes: BTreeMap::new(),
        ordering_key: String::new(),
        deliver_after: None,
        expire_time: None,
        publish_time: Timestamp::default(),
        trace_parent: None,
    }
}

/// The delivery number `sequence` of an event to a webhook, due when it was made.
pub(crate) fn delivery(webhook: &Webhook, event: &Event, sequence: u64) -> Delivery {
    let made = event.publish_time;
    Delivery {
        id: DeliveryId::new(made, sequence, webhook.lane),
        namespace: event.namespace.clone(),
        webhook_id: webhook.id,
        event_id: event.id.clone(),
        event_type: event.event_type.clone(),
        ordering_key: String::new(),
        state: DeliveryState::Pending,
        attempt_count: 0,
        attempts_before_redrive: 0,
        attempts_uncounted: 0,
        next_attempt_time: Some(made),
        last_attempt: None,
        create_time: made,
        update_time: made,
        finish_time: None,
    }
}

/// A claim of the delivery number `sequence` of an event.
pub(crate) fn claim(webhook: &Webhook, event: &Arc<Event>, sequence: u64) -> Claim {
    Claim { delivery: delivery(webhook, event, sequence), event: Arc::clone(event) }
}
