//! What the tests of the dispatcher share: claims, a scripted store, and receivers that
//! answer as they are told.

mod clock;
mod deadlines;
mod drain;
mod flow;
mod hold;
mod render;
pub(crate) mod store;
mod story;
mod world;

use std::sync::Arc;

pub(crate) use tenterhook_fixtures::{Middle, attempt, delivery, event, webhook};
use tenterhook_model::webhook::{Halt, HaltedBy};
use tenterhook_model::{Event, Webhook};
use tenterhook_store::Claim;

/// The same webhook, paused.
pub(crate) fn paused(webhook: &Webhook) -> Webhook {
    Webhook { halt: Some(Halt { by: HaltedBy::Operator, reason: String::new() }), ..webhook.clone() }
}

/// A claim of the delivery number `sequence` of an event.
pub(crate) fn claim(webhook: &Webhook, event: &Arc<Event>, sequence: u64) -> Claim {
    Claim { delivery: delivery(webhook, event, sequence), event: Arc::clone(event) }
}
