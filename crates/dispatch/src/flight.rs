//! A claimed delivery during its attempt, which `tenterhook-attempt` makes.
//!
//! It runs as a task of its own and always returns an [`Ended`].

use std::sync::Arc;

use tenterhook_attempt::{Deliver, Job, Made, make};
use tenterhook_engine::EventContext;
use tenterhook_model::{Attempt, Excuse, Webhook};
use tenterhook_store::Claim;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::parts::Parts;

/// A delivery whose attempt begins.
pub(crate) struct Flight {
    pub(crate) claim: Claim,
    pub(crate) webhook: Arc<Webhook>,
    pub(crate) context: Arc<EventContext>,
    /// Whether it is the single request that an open breaker lets through.
    pub(crate) probe: bool,
    /// When the lane counted it as begun.
    pub(crate) begun: Instant,
}

/// A delivery whose attempt ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) claim: Claim,
    pub(crate) attempt: Arc<Attempt>,
    pub(crate) probe: bool,
    /// When the lane counted it as begun.
    pub(crate) begun: Instant,
    /// Why it says nothing about the receiver and is made again, if it is.
    pub(crate) excuse: Option<Excuse>,
    pub(crate) panicked: bool,
}

impl Flight {
    /// Makes the attempt; `cut` interrupts it.
    pub(crate) async fn run<D: Deliver>(self, parts: Arc<Parts>, deliverer: D, cut: CancellationToken) -> Ended {
        let Self { claim, webhook, context, probe, begun } = self;
        let job = Job {
            webhook: &webhook,
            context: &context,
            delivery_id: claim.delivery.id,
            number: claim.delivery.attempt_count + 1,
            due_time: claim.delivery.next_attempt_time,
        };
        let Made { attempt, excuse, panicked } = make(job, parts.tools(), deliverer, &cut).await;
        Ended { claim, attempt: Arc::new(attempt), probe, begun, excuse, panicked }
    }
}
