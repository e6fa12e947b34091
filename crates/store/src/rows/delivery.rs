//! The row of a delivery. Namespace and webhook are those of its lane and not repeated.

use std::sync::Arc;

use prost::Message;
use tenterhook_model::{Delivery, DeliveryId, DeliveryState, Timestamp};

use super::attempt::{self, AttemptRow, Part};
use super::lane::LaneInfo;
use super::number::Numbered;
use super::{Time, Wire, required};
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

/// What retention reads of a finished [`DeliveryRow`]: the rest, mostly its last attempt, is
/// not decoded.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DeliveryHead {
    #[prost(uint32, tag = "4")]
    state: u32,
    #[prost(uint32, tag = "5")]
    pub(crate) attempt_count: u32,
    #[prost(message, optional, tag = "11")]
    finish_time: Option<Time>,
}

impl DeliveryHead {
    /// The state of the delivery.
    pub(crate) fn state(&self) -> Result<DeliveryState, StoreError> {
        DeliveryState::of(self.state, "a finished delivery")
    }

    /// When the delivery became final, if it did.
    pub(crate) fn finish_time(&self) -> Option<Timestamp> {
        self.finish_time.map(Time::get)
    }
}

/// A delivery as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The delivery.
    pub(crate) delivery: Delivery,
    /// Where it waits.
    pub(crate) wait: Wait,
    /// Not before this time, while it waits for its turn.
    pub(crate) not_before: Option<Timestamp>,
}

impl Stored {
    /// The row as it is stored.
    pub(crate) fn encode(&self) -> Vec<u8> {
        encode(&self.delivery, self.wait, self.not_before)
    }

    /// The delivery of a stored row.
    pub(crate) fn decode(row: &bytes::Bytes, id: DeliveryId, lane: &LaneInfo) -> Result<Self, StoreError> {
        let row: DeliveryRow = super::decode(row, "a delivery")?;
        let unknown =
            |_| StoreError::Damaged(format!("{id} waits in the way {}, which this version does not know", row.wait));
        let (wait, not_before) = (Wait::try_from(row.wait).map_err(unknown)?, row.not_before.map(Time::get));
        Ok(Self { delivery: row.into_delivery(id, lane)?, wait, not_before })
    }
}

/// The row of a delivery as it is stored.
pub(crate) fn encode(delivery: &Delivery, wait: Wait, not_before: Option<Timestamp>) -> Vec<u8> {
    debug_assert_eq!(
        delivery.state.is_final(),
        wait == Wait::Nothing,
        "{} waits unless it is final: {wait:?}",
        delivery.id
    );
    debug_assert!(delivery.state != DeliveryState::InFlight, "a claim leaves no trace on disk: {}", delivery.id);
    let mut wire = Wire::new(size_of(delivery));
    write(&mut wire, delivery, Part::Whole);
    wire.number(12, u64::from(wait as u32));
    wire.time(13, not_before);
    wire.finish()
}

/// Bytes of the row of a delivery, roughly.
fn size_of(delivery: &Delivery) -> usize {
    160 + delivery.last_attempt.as_deref().map_or(0, attempt::size_of)
}

/// Writes a delivery as [`DeliveryRow`] reads it, but for where it waits.
pub(crate) fn write(wire: &mut Wire, delivery: &Delivery, part: Part) {
    wire.bytes(1, delivery.event_id.as_str().as_bytes());
    wire.bytes(2, delivery.event_type.as_bytes());
    wire.bytes(3, delivery.ordering_key.as_bytes());
    wire.number(4, delivery.state.number().into());
    wire.number(5, delivery.attempt_count.into());
    wire.number(6, delivery.attempts_before_redrive.into());
    wire.time(7, delivery.next_attempt_time);
    if let Some(attempt) = &delivery.last_attempt {
        wire.message(8, |wire| attempt::write(wire, attempt, part));
    }
    wire.time(9, Some(delivery.create_time));
    wire.time(10, Some(delivery.update_time));
    wire.time(11, delivery.finish_time);
    wire.number(14, delivery.attempts_uncounted.into());
}

impl DeliveryRow {
    /// Where the delivery stands.
    pub(crate) fn state(&self) -> Result<DeliveryState, StoreError> {
        DeliveryState::of(self.state, &format!("a delivery of the event {}", self.event_id))
    }

    /// The last attempt finished.
    pub(crate) fn last_attempt(&self) -> Option<&AttemptRow> {
        self.last_attempt.as_ref()
    }

    /// The delivery of the row.
    pub(crate) fn into_delivery(self, id: DeliveryId, lane: &LaneInfo) -> Result<Delivery, StoreError> {
        let damaged = || StoreError::Damaged(format!("the delivery {id}"));
        let state = self.state()?;
        let passed_over = self.attempts_before_redrive.checked_add(self.attempts_uncounted);
        if passed_over.is_none_or(|passed_over| passed_over > self.attempt_count) {
            return Err(damaged());
        }
        Ok(Delivery {
            id,
            namespace: lane.namespace.clone(),
            webhook_id: lane.webhook,
            event_id: self.event_id.parse().map_err(|_| damaged())?,
            event_type: self.event_type.into(),
            ordering_key: self.ordering_key,
            state,
            attempt_count: self.attempt_count,
            attempts_before_redrive: self.attempts_before_redrive,
            attempts_uncounted: self.attempts_uncounted,
            next_attempt_time: self.next_attempt_time.map(Time::get),
            last_attempt: self.last_attempt.map(AttemptRow::into_attempt).transpose()?.map(Arc::new),
            create_time: required(self.create_time),
            update_time: required(self.update_time),
            finish_time: self.finish_time.map(Time::get),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests as fixtures;

    #[test]
    fn a_delivery_round_trips_in_every_state_and_wait_that_belong_together() {
        let (lane, delivery) = fixtures::lane_and_delivery();
        for state in DeliveryState::ALL.into_iter().filter(|state| *state != DeliveryState::InFlight) {
            let waits = [Wait::Fresh, Wait::Due, Wait::Turn, Wait::Nothing];
            for wait in waits.into_iter().filter(|wait| state.is_final() == (*wait == Wait::Nothing)) {
                let delivery =
                    Delivery { state, last_attempt: Some(Arc::new(fixtures::attempt(1))), ..delivery.clone() };
                let stored = Stored { wait, not_before: Some(Timestamp::from_millis(77)), delivery };
                let row = stored.encode();
                assert_eq!(Stored::decode(&row.into(), stored.delivery.id, &lane).unwrap(), stored);
            }
        }
    }

    #[test]
    fn the_room_for_a_row_is_enough_and_little_more() {
        let (_, delivery) = fixtures::lane_and_delivery();
        for last_attempt in [None, Some(Arc::new(fixtures::attempt(1)))] {
            let delivery = Delivery { last_attempt, ..delivery.clone() };
            let (row, room) = (encode(&delivery, Wait::Due, None).len(), size_of(&delivery));
            assert!((row..row + 400).contains(&room), "room for {room} bytes is made, and {row} are written");
        }
    }

    #[test]
    fn the_head_of_a_delivery_says_what_the_whole_says() {
        let (lane, delivery) = fixtures::lane_and_delivery();
        let finish_time = Timestamp::new(7, 8);
        let delivery = Delivery { state: DeliveryState::Failed, attempt_count: 3, finish_time, ..delivery };
        let row = bytes::Bytes::from(encode(&delivery, Wait::Nothing, None));
        let head: DeliveryHead = super::super::decode(&row, "a delivery").unwrap();
        let whole = Stored::decode(&row, delivery.id, &lane).unwrap().delivery;
        assert_eq!(head.state().unwrap(), whole.state);
        assert_eq!((head.attempt_count, head.finish_time()), (whole.attempt_count, whole.finish_time));
    }

    #[test]
    fn more_attempts_passed_over_than_made_are_damage() {
        let (lane, delivery) = fixtures::lane_and_delivery();
        for (before, uncounted) in [(2, 0), (0, 2), (1, 1), (u32::MAX, u32::MAX)] {
            let row = DeliveryRow {
                event_id: "e".into(),
                attempt_count: 1,
                attempts_before_redrive: before,
                attempts_uncounted: uncounted,
                ..Default::default()
            };
            assert!(
                matches!(row.into_delivery(delivery.id, &lane), Err(StoreError::Damaged(_))),
                "{before} {uncounted}"
            );
        }
    }

    #[test]
    fn the_ways_to_wait_have_the_numbers_that_stores_have() {
        let waits = [Wait::Fresh, Wait::Due, Wait::Turn, Wait::Nothing];
        assert_eq!(waits.map(|wait| wait as i32), [0, 1, 2, 3]);
    }

    #[test]
    fn what_nobody_knows_is_damage() {
        let (lane, delivery) = fixtures::lane_and_delivery();
        let whole = DeliveryRow { event_id: "e".into(), ..Default::default() };
        let last_attempt = Some(AttemptRow::default());
        for (row, named) in [
            (DeliveryRow { state: 99, ..whole.clone() }, "a delivery of the event e has the state 99"),
            (DeliveryRow { wait: 4, ..whole.clone() }, "waits in the way 4"),
            (DeliveryRow { event_id: String::new(), ..whole.clone() }, "the delivery dlv_"),
        ] {
            let read = Stored::decode(&super::super::encode(&row).into(), delivery.id, &lane);
            let Err(StoreError::Damaged(why)) = read else { panic!("{read:?}") };
            assert!(why.contains(named), "{why}");
        }
        let tried = DeliveryRow { last_attempt, ..whole };
        assert_eq!(tried.into_delivery(delivery.id, &lane).unwrap().last_attempt.unwrap().outcome.number(), 0);
        assert!(DeliveryHead { state: 99, ..Default::default() }.state().is_err());
    }
}
