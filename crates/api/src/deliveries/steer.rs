//! RetryDelivery, CancelDelivery and their batches.
//!
//! A batch works in steps of [`STEP`] deliveries, each its own commit, so that a million of
//! them hold nobody up and a call that is cut short has done whole steps.

use std::collections::BTreeMap;

use tenterhook_model::{Delivery, DeliveryState, Namespace};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::{DeliveryQuery, Redrive};

use super::read::{explain, find};
use crate::access::Caller;
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::wire::delivery::{View, write_delivery, write_state};
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
    /// Whether a delivery in `state` can be steered so, in a batch whose filter names states or not.
    /// Nobody wants to send again what was received, or what a person stopped, without saying so.
    fn applies_to(self, state: DeliveryState, names_states: bool) -> bool {
        match self {
            Self::Retry if names_states => state != DeliveryState::InFlight,
            Self::Retry => matches!(state, DeliveryState::Pending | DeliveryState::Retrying | DeliveryState::Failed),
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
        Some(Redrive::Done(delivery)) => {
            let mut shown = write_delivery(&delivery, View::Basic, &[]);
            explain(api, &delivery, &mut shown).await?;
            Ok(shown)
        }
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
) -> Result<v1::BatchRetryDeliveriesResponse, Refusal> {
    caller.only_checks(request.validate_only);
    let batch = Batch::read(Verb::Retry, &request.namespace, request.filter, request.validate_only)?;
    let Tally { steered, skipped } = batch.run(api, caller).await?;
    let skipped = skipped.into_iter().map(|(state, count)| v1::DeliveryStateCount { state, count });
    Ok(v1::BatchRetryDeliveriesResponse { delivery_count: steered, skipped: skipped.collect() })
}

pub(super) async fn cancel_all(
    api: &Shared,
    caller: &Caller,
    request: v1::BatchCancelDeliveriesRequest,
) -> Result<i64, Refusal> {
    caller.only_checks(request.validate_only);
    let batch = Batch::read(Verb::Cancel, &request.namespace, request.filter, request.validate_only)?;
    Ok(batch.run(api, caller).await?.steered)
}

/// What came of a batch.
#[derive(Debug, Default)]
struct Tally {
    /// Deliveries that were steered, or would be.
    steered: i64,
    /// Deliveries that match and were left out, by the number of their state.
    skipped: BTreeMap<i32, i64>,
}

impl Tally {
    fn skip(&mut self, state: DeliveryState) {
        *self.skipped.entry(write_state(state).into()).or_default() += 1;
    }
}

/// A batch that was checked.
struct Batch {
    verb: Verb,
    namespace: Namespace,
    filter: DeliveryFilter,
    /// Whether the filter named states.
    names_states: bool,
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
        let names_states = !filter.query.states.is_empty();
        if !names_states && verb == Verb::Cancel {
            filter.query.states = DeliveryState::ALL.into_iter().filter(|state| !state.is_final()).collect();
        }
        Ok(Self { verb, namespace: namespace.unwrap_or_default(), filter, names_states, only_counts })
    }

    async fn run(self, api: &Shared, caller: &Caller) -> Result<Tally, Refusal> {
        let about = |count: i64| caller.about(|| format!("{} {count} deliveries", self.namespace));
        about(0);
        caller.within(&self.namespace)?;
        let (mut tally, mut after) = (Tally::default(), None);
        let Some(query) = self.filter.in_namespace(&self.namespace, &api.store.webhooks()) else { return Ok(tally) };
        loop {
            let mut page = api.store.list_deliveries(DeliveryQuery { after, limit: STEP, ..query.clone() }).await?;
            page.items.retain(|delivery| self.filter.event_types.match_text(&delivery.event_type));
            page.items.retain(|delivery| {
                let applies = self.verb.applies_to(delivery.state, self.names_states);
                if !applies {
                    tally.skip(delivery.state);
                }
                applies
            });
            self.step(api, &page.items, &mut tally).await?;
            about(tally.steered);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(tally),
            }
        }
    }

    async fn step(&self, api: &Shared, deliveries: &[Delivery], tally: &mut Tally) -> Result<(), Refusal> {
        if self.only_counts || deliveries.is_empty() {
            tally.steered += deliveries.len() as i64;
            return Ok(());
        }
        for answer in apply(api, self.verb, deliveries).await? {
            match answer {
                Redrive::Done(_) => tally.steered += 1,
                Redrive::Forbidden(state) => tally.skip(state),
                Redrive::NotFound => {}
            }
        }
        Ok(())
    }
}
