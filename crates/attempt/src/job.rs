//! What an attempt is of.

use std::sync::Arc;

use tenterhook_engine::EventContext;
use tenterhook_model::{DeliveryId, Timestamp, Webhook};

/// An attempt to make.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// Who gets the request. Whether it is paused is the caller's concern.
    pub webhook: &'a Arc<Webhook>,
    /// What is sent.
    pub context: &'a Arc<EventContext>,
    /// The delivery; its id is the `webhook-id` of the request.
    pub delivery_id: DeliveryId,
    /// The attempt's number, from 1.
    pub number: u32,
    /// When it was due; `None` leaves `timings.queued` unset.
    pub due_time: Option<Timestamp>,
}
