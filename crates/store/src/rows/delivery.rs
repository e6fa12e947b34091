//! The row of a delivery. Namespace and webhook are those of its lane and not repeated.

use std::time::Duration;

use prost::Message;
use tenterhook_model::{Delivery, DeliveryId, DeliveryState};

use super::attempt::{AttemptRow, number_of};
use super::{Time, required};
use crate::embedded::LaneInfo;
use crate::error::StoreError;

/// Where an open delivery waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Wait {
    /// In the queue of its lane by its id alone: it was due at once and nothing has happened.
    Fresh = 0,
    /// In the queue by a due row.
    Due = 1,
    /// In no queue: another delivery of its ordering key comes first.
    Turn = 2,
    /// In no queue: it is final.
    Nothing = 3,
}

/// One delivery.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DeliveryRow {
    #[prost(string, tag = "1")]
    event_id: String,
    #[prost(string, tag = "2")]
    event_type: String,
    #[prost(string, tag = "3")]
    ordering_key: String,
    #[prost(uint32, tag = "4")]
    state: u32,
    #[prost(uint32, tag = "5")]
    attempt_count: u32,
    #[prost(uint32, tag = "6")]
    attempts_before_redrive: u32,
    #[prost(message, optional, tag = "7")]
    next_attempt_time: Option<Time>,
    #[prost(message, optional, tag = "8")]
    last_attempt: Option<AttemptRow>,
    #[prost(message, optional, tag = "9")]
    create_time: Option<Time>,
    #[prost(message, optional, tag = "10")]
    update_time: Option<Time>,
    #[prost(message, optional, tag = "11")]
    finish_time: Option<Time>,
    #[prost(enumeration = "Wait", tag = "12")]
    wait: i32,
    /// The event's `deliver_after`, kept while the delivery waits for its turn.
    #[prost(message, optional, tag = "13")]
    not_before: Option<Time>,
    #[prost(uint32, tag = "14")]
    attempts_uncounted: u32,
}

/// A delivery as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The delivery.
    pub(crate) delivery: Delivery,
    /// Where it waits.
    pub(crate) wait: Wait,
    /// Not before this time, while it waits for its turn.
    pub(crate) not_before: Option<tenterhook_model::Timestamp>,
}

impl Stored {
    /// The row.
    pub(crate) fn row(&self) -> DeliveryRow {
        let last_attempt = self.delivery.last_attempt.as_ref().map(AttemptRow::from);
        DeliveryRow {
            wait: self.wait.into(),
            not_before: self.not_before.map(Time::from),
            ..row(&self.delivery, last_attempt)
        }
    }

    /// The delivery of a stored row.
    pub(crate) fn decode(row: &bytes::Bytes, id: DeliveryId, lane: &LaneInfo) -> Result<Self, StoreError> {
        let row: DeliveryRow = super::decode(row, "a delivery")?;
        let (wait, not_before) = (row.wait(), row.not_before.map(Time::get));
        Ok(Self { delivery: row.into_delivery(id, lane)?, wait, not_before })
    }
}

/// The row of a delivery as the journal keeps it.
pub(crate) fn for_journal(delivery: &Delivery) -> DeliveryRow {
    row(delivery, delivery.last_attempt.as_ref().map(AttemptRow::for_journal))
}

fn row(delivery: &Delivery, last_attempt: Option<AttemptRow>) -> DeliveryRow {
    DeliveryRow {
        event_id: delivery.event_id.as_str().to_owned(),
        event_type: delivery.event_type.clone(),
        ordering_key: delivery.ordering_key.clone(),
        state: number_of(DeliveryState::ALL, &delivery.state),
        attempt_count: delivery.attempt_count,
        attempts_before_redrive: delivery.attempts_before_redrive,
        next_attempt_time: delivery.next_attempt_time.map(Time::from),
        last_attempt,
        create_time: Some(delivery.create_time.into()),
        update_time: Some(delivery.update_time.into()),
        finish_time: delivery.finish_time.map(Time::from),
        wait: Wait::Fresh.into(),
        not_before: None,
        attempts_uncounted: delivery.attempts_uncounted,
    }
}

impl DeliveryRow {
    /// Where the delivery stands.
    pub(crate) fn state(&self) -> Result<DeliveryState, StoreError> {
        let state = DeliveryState::ALL.get(self.state as usize).copied();
        state.ok_or_else(|| StoreError::Damaged("the state of a delivery".into()))
    }

    /// How long the last attempt took.
    pub(crate) fn last_duration(&self) -> Option<Duration> {
        self.last_attempt.as_ref().map(AttemptRow::duration)
    }

    /// The delivery of the row.
    pub(crate) fn into_delivery(self, id: DeliveryId, lane: &LaneInfo) -> Result<Delivery, StoreError> {
        let damaged = || StoreError::Damaged(format!("the delivery {id}"));
        let state = self.state()?;
        Ok(Delivery {
            id,
            namespace: lane.namespace.clone(),
            webhook_id: lane.webhook,
            event_id: self.event_id.parse().map_err(|_| damaged())?,
            event_type: self.event_type,
            ordering_key: self.ordering_key,
            state,
            attempt_count: self.attempt_count,
            attempts_before_redrive: self.attempts_before_redrive,
            attempts_uncounted: self.attempts_uncounted,
            next_attempt_time: self.next_attempt_time.map(Time::get),
            last_attempt: self.last_attempt.map(AttemptRow::into_attempt),
            create_time: required(self.create_time),
            update_time: required(self.update_time),
            finish_time: self.finish_time.map(Time::get),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use tenterhook_model::Timestamp;

    #[test]
    fn a_delivery_round_trips_in_every_state_and_wait() {
        let (lane, delivery) = testing::lane_and_delivery();
        for state in DeliveryState::ALL {
            for wait in [Wait::Fresh, Wait::Due, Wait::Turn, Wait::Nothing] {
                let delivery = Delivery { state, last_attempt: Some(testing::attempt(1)), ..delivery.clone() };
                let stored = Stored { wait, not_before: Some(Timestamp::from_millis(77)), delivery };
                let row = super::super::encode(&stored.row());
                assert_eq!(Stored::decode(&row.into(), stored.delivery.id, &lane).unwrap(), stored);
            }
        }
    }

    #[test]
    fn a_state_that_nobody_knows_is_damage() {
        let (lane, delivery) = testing::lane_and_delivery();
        let row = DeliveryRow { state: 99, ..for_journal(&delivery) };
        assert!(matches!(row.into_delivery(delivery.id, &lane), Err(StoreError::Damaged(_))));
    }
}
