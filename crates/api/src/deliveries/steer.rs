//! RetryDelivery, CancelDelivery and their batches.
//!
//! A batch works in steps of [`STEP`] deliveries, each its own commit, so that a million of
//! them hold nobody up and a call that is cut short has done whole steps.

use tenterhook_model::{Delivery, DeliveryState, Namespace};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::{DeliveryQuery, Redrive};

use super::read::find;
use crate::access::Caller;
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::wire::delivery::{View, write_delivery};
use crate::wire::filter::DeliveryFilter;

/// Deliveries of one step of a batch.
const STEP: usize = 256;

/// What is done to deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Retry,
    Cancel,
}

impl Verb {
    /// The states that a batch without states means.
    fn default_states(self) -> Vec<DeliveryState> {
        match self {
            Self::Retry => vec![DeliveryState::Failed],
            Self::Cancel => DeliveryState::ALL.into_iter().filter(|state| !state.is_final()).collect(),
        }
    }

    /// Whether a delivery in `state` can be steered so.
    fn applies_to(self, state: DeliveryState) -> bool {
        match self {
            Self::Retry => state != DeliveryState::InFlight,
            Self::Cancel => !state.is_final(),
        }
    }

    fn refusal(self, id: &str, state: DeliveryState) -> Refusal {
        let advice = match self {
            Self::Retry => "wait until the attempt has ended",
            Self::Cancel => "only a delivery that is not final can be cancelled",
        };
        Refusal::State { what: format!("the delivery {id}"), state: state.as_str(), advice }
    }
}

pub(super) async fn retry(api: &Shared, caller: &Caller, id: &str) -> Result<v1::Delivery, Refusal> {
    one(api, caller, id, Verb::Retry).await
}

pub(super) async fn cancel(api: &Shared, caller: &Caller, id: &str) -> Result<v1::Delivery, Refusal> {
    one(api, caller, id, Verb::Cancel).await
}

async fn one(api: &Shared, caller: &Caller, id: &str, verb: Verb) -> Result<v1::Delivery, Refusal> {
    let delivery = find(api, caller, id).await?;
    let answers = apply(api, verb, std::slice::from_ref(&delivery)).await?;
    match answers.into_iter().next() {
        Some(Redrive::Done(delivery)) => Ok(write_delivery(&delivery, View::Basic, &[])),
        // A repeat of a call that succeeded succeeds.
        Some(Redrive::Forbidden(DeliveryState::Cancelled)) if verb == Verb::Cancel => {
            Ok(write_delivery(&find(api, caller, id).await?, View::Basic, &[]))
        }
        Some(Redrive::Forbidden(state)) => Err(verb.refusal(id, state)),
        Some(Redrive::NotFound) | None => Err(Refusal::NoDelivery(id.to_owned())),
    }
}

async fn apply(api: &Shared, verb: Verb, deliveries: &[Delivery]) -> Result<Vec<Redrive>, Refusal> {
    let ids = deliveries.iter().map(|delivery| delivery.id).collect();
    Ok(match verb {
        Verb::Retry => api.store.redrive(ids).await?,
        Verb::Cancel => api.store.cancel(ids).await?,
    })
}

pub(super) async fn retry_all(
    api: &Shared,
    caller: &Caller,
    request: v1::BatchRetryDeliveriesRequest,
) -> Result<i64, Refusal> {
    let batch = Batch::read(Verb::Retry, &request.namespace, request.filter, request.validate_only)?;
    batch.run(api, caller).await
}

pub(super) async fn cancel_all(
    api: &Shared,
    caller: &Caller,
    request: v1::BatchCancelDeliveriesRequest,
) -> Result<i64, Refusal> {
    let batch = Batch::read(Verb::Cancel, &request.namespace, request.filter, request.validate_only)?;
    batch.run(api, caller).await
}

/// A batch that was checked.
struct Batch {
    verb: Verb,
    namespace: Namespace,
    filter: DeliveryFilter,
    only_counts: bool,
}

impl Batch {
    fn read(
        verb: Verb,
        namespace: &str,
        filter: Option<v1::DeliveryFilter>,
        only_counts: bool,
    ) -> Result<Self, Refusal> {
        let mut check = Check::new();
        let namespace = check.parse("namespace", namespace);
        let filter = filter.unwrap_or_default();
        if DeliveryFilter::is_empty(&filter) {
            check.refuse("filter", "must not be empty; to mean everything, set a `start_time` long ago");
        }
        let mut filter = check.within("filter", |check| DeliveryFilter::read(check, &filter));
        check.finish()?;
        if filter.query.states.is_empty() {
            filter.query.states = verb.default_states();
        }
        Ok(Self { verb, namespace: namespace.unwrap_or_default(), filter, only_counts })
    }

    async fn run(self, api: &Shared, caller: &Caller) -> Result<i64, Refusal> {
        let about = |count: i64| caller.about(|| format!("{} {count} deliveries", self.namespace));
        about(0);
        caller.within(&self.namespace)?;
        let (mut count, mut after) = (0, None);
        loop {
            let query =
                DeliveryQuery { namespace: self.namespace.clone(), after, limit: STEP, ..self.filter.query.clone() };
            let mut page = api.store.list_deliveries(query).await?;
            page.items.retain(|delivery| {
                self.verb.applies_to(delivery.state) && self.filter.event_types.match_text(&delivery.event_type)
            });
            count += self.step(api, &page.items).await?;
            about(count);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(count),
            }
        }
    }

    async fn step(&self, api: &Shared, deliveries: &[Delivery]) -> Result<i64, Refusal> {
        if self.only_counts || deliveries.is_empty() {
            return Ok(deliveries.len() as i64);
        }
        let answers = apply(api, self.verb, deliveries).await?;
        Ok(answers.iter().filter(|answer| matches!(answer, Redrive::Done(_))).count() as i64)
    }
}
