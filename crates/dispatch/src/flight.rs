//! A claimed delivery during its attempt, which `tenterhook-attempt` makes.
//!
//! It runs as a task of its own and always returns an [`Ended`].

use std::sync::Arc;

use tenterhook_attempt::{Deliver, Job, Made, Place, make, make_at};
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
    /// Where its attempt is made, if another node makes it.
    pub(crate) place: Option<Box<dyn Place>>,
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
    /// Whether this node made it.
    pub(crate) here: bool,
}

impl Flight {
    /// Makes the attempt; `cut` interrupts it.
    pub(crate) async fn run<D: Deliver>(self, parts: Arc<Parts>, deliverer: D, cut: CancellationToken) -> Ended {
        let Self { claim, webhook, context, probe, begun, place } = self;
        let job = Job {
            webhook: &webhook,
            context: &context,
            delivery_id: claim.delivery.id,
            number: claim.delivery.attempt_count + 1,
            due_time: claim.delivery.next_attempt_time,
        };
        let Made { attempt, excuse, panicked } = match &place {
            None => make(job, parts.tools(), deliverer, &cut).await,
            Some(place) => make_at(&**place, job, &*parts.clock, &cut).await,
        };
        Ended { claim, attempt: Arc::new(attempt), probe, begun, excuse, panicked, here: place.is_none() }
    }
}
