//! `--wait`: follows deliveries until each has ended.

use std::collections::HashSet;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use tenterhook_client::v1::watch_deliveries_request::Start;
use tenterhook_client::v1::{DeliveryFilter, DeliveryState, ListDeliveriesRequest, WatchDeliveriesRequest};
use tokio::time::{Instant, timeout_at};

use crate::failure::{Done, Failure, NO};
use crate::find::PAGE;
use crate::output::{count, thousands, times};
use crate::session::Session;

/// Characters of the bar.
const BAR: usize = 20;

/// Deliveries that have not ended, and where to watch from.
#[derive(Debug)]
pub(crate) struct Open {
    ids: HashSet<String>,
    resume_token: String,
}

/// States in which a delivery has not ended.
const OPEN: [DeliveryState; 3] = [DeliveryState::Pending, DeliveryState::InFlight, DeliveryState::Retrying];

impl Session {
    /// The deliveries that match and have not ended. Taken before they are set going, so that no change is missed.
    ///
    /// # Errors
    /// When a call fails.
    pub(crate) async fn open_deliveries(&self, mut filter: DeliveryFilter) -> Result<Open, Failure> {
        filter.states = OPEN.iter().map(|&state| state.into()).collect();
        self.listed(filter).await
    }

    /// The deliveries that a retry of those that match sends: without states in the filter not those that succeeded or
    /// were cancelled.
    ///
    /// # Errors
    /// When a call fails.
    pub(crate) async fn listed(&self, filter: DeliveryFilter) -> Result<Open, Failure> {
        let every_state = filter.states.is_empty();
        let request = ListDeliveriesRequest { filter: Some(filter), page_size: PAGE, ..Default::default() };
        let (deliveries, token) = self.client.list_deliveries(request);
        let mut deliveries = pin!(deliveries);
        let mut ids = HashSet::new();
        while let Some(delivery) = deliveries.next().await {
            let delivery = delivery.map_err(|error| self.fail(error))?;
            let is_left_out = matches!(delivery.state(), DeliveryState::Succeeded | DeliveryState::Cancelled);
            if !every_state || !is_left_out {
                ids.insert(delivery.id);
            }
        }
        Ok(Open { ids, resume_token: token.get() })
    }

    /// These deliveries, watched from now.
    ///
    /// # Errors
    /// When the call fails.
    pub(crate) async fn these(&self, ids: &[String]) -> Result<Open, Failure> {
        let request = ListDeliveriesRequest { namespace: self.namespace.clone(), page_size: 1, ..Default::default() };
        let response = self.client.deliveries().list_deliveries(request).await.map_err(|status| self.fail(status))?;
        Ok(Open { ids: ids.iter().cloned().collect(), resume_token: response.into_inner().resume_token })
    }
}

impl Open {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Waits until each has ended; exit code 4 when one did not arrive.
    ///
    /// # Errors
    /// When the watch fails, or `patience` has passed.
    pub(crate) async fn wait(mut self, session: &Session, patience: Duration) -> Done {
        let (begun, all) = (Instant::now(), self.ids.len());
        let request =
            WatchDeliveriesRequest { start: Some(Start::ResumeToken(self.resume_token)), ..Default::default() };
        let mut watch = session.watch(request);
        let (mut delivered, mut failed) = (0_i64, 0_i64);
        while !self.ids.is_empty() {
            session.out.progress(&format!("  {}", progress(all - self.ids.len(), all)));
            let Ok(change) = timeout_at(begun + patience, watch.next()).await else {
                let left = count(i64::try_from(self.ids.len()).unwrap_or(i64::MAX), "delivery has", "deliveries have");
                return Err(Failure::no(format!("{left} not ended after {}", times::short(patience)))
                    .next("`tenterhook delivery list` shows why they wait; --timeout waits longer"));
            };
            let delivery = change.map_err(|error| session.fail(error))?.change.delivery.unwrap_or_default();
            let is_success = match delivery.state() {
                DeliveryState::Succeeded => true,
                DeliveryState::Failed | DeliveryState::Cancelled => false,
                _ => continue,
            };
            if self.ids.remove(&delivery.id) {
                *(if is_success { &mut delivered } else { &mut failed }) += 1;
            }
        }
        session.out.progress("");
        let took = times::short(begun.elapsed());
        session.out.say(&format!("{} delivered, {} failed, {took}", thousands(delivered), thousands(failed)));
        if failed == 0 {
            return Ok(0);
        }
        session.out.say("Why: tenterhook delivery list --failed");
        Ok(NO)
    }
}

fn progress(done: usize, all: usize) -> String {
    let filled = (done * BAR).checked_div(all).unwrap_or(BAR);
    format!("[{}{}] {done} of {all}", "#".repeat(filled), ".".repeat(BAR - filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_up() {
        assert_eq!(progress(0, 412), format!("[{}] 0 of 412", ".".repeat(20)));
        assert_eq!(progress(206, 412), "[##########..........] 206 of 412");
        assert_eq!(progress(0, 0), format!("[{}] 0 of 0", "#".repeat(20)));
    }
}
