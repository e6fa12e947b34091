//! Which deliveries: the flags that `list`, `retry` and `cancel` share.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use tenterhook_client::v1::{DeliveryFilter, DeliveryState};

use crate::failure::Failure;
use crate::output::{now, times};
use crate::session::Session;

/// The states of what goes wrong.
pub(crate) const FAILING: [DeliveryState; 2] = [DeliveryState::Retrying, DeliveryState::Failed];

/// How people write the states.
const STATES: [&str; 6] = ["pending", "in-flight", "retrying", "succeeded", "failed", "cancelled"];

/// Which deliveries.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(super) struct Which {
    /// Only those to this webhook; repeatable
    #[arg(long = "webhook", value_name = "WEBHOOK")]
    webhooks: Vec<String>,
    /// Only those of this event; repeatable
    #[arg(long = "event", value_name = "EVENT")]
    events: Vec<String>,
    /// Only those of events of this type or pattern; repeatable
    #[arg(long = "type", value_name = "PATTERN")]
    types: Vec<String>,
    /// Only those in this state; repeatable
    #[arg(long = "state", value_name = "STATE", ignore_case = true, value_parser = PossibleValuesParser::new(STATES).map(|word| state(&word)))]
    states: Vec<DeliveryState>,
    /// Only those that failed or are being retried
    #[arg(long, conflicts_with = "states")]
    failed: bool,
    /// Only those whose last response had this status, such as 503 or 5xx; repeatable
    #[arg(long = "status", value_name = "STATUS", value_parser = statuses)]
    statuses: Vec<Statuses>,
    /// Created since: an age such as 2h, or a time
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Created before: an age such as 2h, or a time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// A status or a class of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Statuses {
    first: i32,
    last: i32,
}

fn statuses(text: &str) -> Result<Statuses, String> {
    let wrong = || format!("`{text}` is not a status from 100 to 599 or a class such as 5xx");
    let class = text.strip_suffix("xx").map(|class| class.parse::<i32>().map(|class| class * 100));
    let (first, last) = match class {
        Some(first) => first.map(|first| (first, first + 99)).map_err(|_| wrong())?,
        None => text.parse().map(|status| (status, status)).map_err(|_| wrong())?,
    };
    if (100..=599).contains(&first) { Ok(Statuses { first, last }) } else { Err(wrong()) }
}

fn state(word: &str) -> DeliveryState {
    let name = format!("DELIVERY_STATE_{}", word.to_ascii_uppercase().replace('-', "_"));
    DeliveryState::from_str_name(&name).expect("it is one of STATES")
}

impl Which {
    /// As the API takes it.
    pub(super) async fn filter(&self, session: &Session) -> Result<DeliveryFilter, Failure> {
        let mut filter = DeliveryFilter { event_types: self.types.clone(), ..Default::default() };
        let moment = |text: &Option<String>| {
            let time = text.as_deref().map(|text| times::moment(text, now())).transpose();
            time.map(|time| time.map(times::wire)).map_err(Failure::usage)
        };
        (filter.start_time, filter.end_time) = (moment(&self.since)?, moment(&self.until)?);
        let states = if self.failed { FAILING.to_vec() } else { self.states.clone() };
        filter.states = states.into_iter().map(i32::from).collect();
        filter.response_statuses = self.statuses.iter().flat_map(|statuses| statuses.first..=statuses.last).collect();
        for webhook in &self.webhooks {
            filter.webhook_ids.push(session.webhook(webhook).await?.id);
        }
        for event in &self.events {
            filter.event_ids.push(session.event_id(event).await?);
        }
        Ok(filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_numbers_or_classes() {
        assert_eq!(statuses("5xx"), Ok(Statuses { first: 500, last: 599 }));
        assert_eq!(statuses("404"), Ok(Statuses { first: 404, last: 404 }));
        for wrong in ["", "xx", "6xx", "99", "600", "5x", "-1xx", "999999xx"] {
            assert!(statuses(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn states_are_words() {
        assert_eq!(state("In-Flight"), DeliveryState::InFlight);
        let numbers: Vec<i32> = STATES.iter().map(|word| state(word).into()).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6], "all that there are");
    }
}
