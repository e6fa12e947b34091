//! The rows of the journal: blocks of changes.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use tenterhook_model::{Attempt, DeliveryId, DeliveryState, Lane, Outcome, Timestamp};

use super::attempt::Part;
use super::delivery::{self, DeliveryRow};
use super::lane::LaneInfo;
use super::number::Numbered;
use super::{Time, Wire, required};
use crate::error::StoreError;
use crate::query::{Change, Sequence};

/// Changes in commit order without a gap.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct JournalRow {
    #[prost(message, repeated, tag = "1")]
    pub(crate) changes: Vec<ChangeRow>,
}

/// One change.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChangeRow {
    #[prost(message, optional, tag = "1")]
    time: Option<Time>,
    /// The state before and one more; 0 for a new delivery.
    #[prost(uint32, tag = "2")]
    previous: u32,
    #[prost(bytes = "bytes", tag = "3")]
    delivery_id: Bytes,
    #[prost(message, optional, tag = "4")]
    delivery: Option<DeliveryRow>,
    /// Whether an attempt ended with it.
    #[prost(bool, tag = "5")]
    pub(crate) attempted: bool,
    /// The status of the response to that attempt; 0 without one.
    #[prost(uint32, tag = "6")]
    status: u32,
}

/// What retention reads of a [`JournalRow`]: when its changes happened.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct JournalHead {
    #[prost(message, repeated, tag = "1")]
    changes: Vec<ChangeHead>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct ChangeHead {
    #[prost(message, optional, tag = "1")]
    time: Option<Time>,
}

impl JournalHead {
    /// How many changes the block has, and when its last one happened.
    pub(crate) fn last(&self) -> Option<(u64, Timestamp)> {
        self.changes.last().map(|change| (self.changes.len() as u64, required(change.time)))
    }
}

/// What counts of a change.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) sequence: Sequence,
    pub(crate) time: Timestamp,
    pub(crate) id: DeliveryId,
    pub(crate) previous: Option<DeliveryState>,
    pub(crate) state: DeliveryState,
    /// The attempt that ended with it.
    pub(crate) attempt: Option<CountedAttempt>,
}

/// What counts of an attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CountedAttempt {
    /// How long it took.
    pub(crate) took: Duration,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// The status of the response; 0 without one.
    pub(crate) status: u16,
}

impl From<&Attempt> for CountedAttempt {
    fn from(attempt: &Attempt) -> Self {
        let status = attempt.response.as_ref().map_or(0, |response| response.status);
        Self { took: attempt.duration, outcome: attempt.outcome, status }
    }
}

/// Appends a change to a block, as [`JournalRow`] reads it.
pub(crate) fn write(block: &mut Wire, change: &Change, attempted: bool) {
    block.message(1, |wire| {
        wire.time(1, Some(change.time));
        wire.number(2, change.previous.map_or(0, |state| state.number() + 1).into());
        wire.bytes(3, change.delivery.id.as_bytes());
        wire.message(4, |wire| delivery::write(wire, &change.delivery, Part::Outline));
        wire.flag(5, attempted);
        let last = change.delivery.last_attempt.as_deref().filter(|_| attempted);
        wire.number(6, last.map_or(0, |attempt| CountedAttempt::from(attempt).status.into()));
    });
}

impl ChangeRow {
    /// When it happened.
    pub(crate) fn time(&self) -> Timestamp {
        required(self.time)
    }

    /// The delivery that changed.
    pub(crate) fn delivery_id(&self) -> Result<DeliveryId, StoreError> {
        let bits = self.delivery_id.as_ref().try_into();
        bits.map(DeliveryId::from_bytes).map_err(|_| StoreError::Damaged("a change in the journal".into()))
    }

    /// What counts of the change.
    pub(crate) fn counted(self, sequence: Sequence) -> Result<Counted, StoreError> {
        let (id, time) = (self.delivery_id()?, self.time());
        let previous = self.previous(sequence)?;
        let row = self.delivery.ok_or_else(|| StoreError::Damaged(format!("the change {}", sequence.0)))?;
        let state = row.state()?;
        let attempt = match row.last_attempt().filter(|_| self.attempted) {
            Some(last) => Some(CountedAttempt {
                took: last.duration(),
                outcome: last.outcome()?,
                status: u16::try_from(self.status).unwrap_or_default(),
            }),
            None => None,
        };
        Ok(Counted { sequence, time, id, previous, state, attempt })
    }

    fn previous(&self, sequence: Sequence) -> Result<Option<DeliveryState>, StoreError> {
        let number = self.previous.checked_sub(1);
        number.map(|number| DeliveryState::of(number, &format!("the change {}", sequence.0))).transpose()
    }

    /// The change of the row, at `sequence`; `lanes` tells whose lane it was.
    pub(crate) fn into_change(
        self,
        sequence: Sequence,
        lanes: impl FnOnce(Lane) -> Result<std::sync::Arc<LaneInfo>, StoreError>,
    ) -> Result<Change, StoreError> {
        let (id, time) = (self.delivery_id()?, self.time());
        let previous = self.previous(sequence)?;
        let row = self.delivery.ok_or_else(|| StoreError::Damaged(format!("the change {}", sequence.0)))?;
        Ok(Change { sequence, time, previous, delivery: row.into_delivery(id, &*lanes(id.lane())?)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests as fixtures;
    use std::sync::Arc;
    use tenterhook_model::Delivery;

    /// The rows of a block with these changes, as they are read.
    fn rows_of(changes: &[(Change, bool)]) -> JournalRow {
        let mut wire = Wire::new(0);
        changes.iter().for_each(|(change, attempted)| write(&mut wire, change, *attempted));
        super::super::decode(&wire.finish().into(), "a block").unwrap()
    }

    /// A change of a delivery whose last attempt was answered with this status, if with any.
    fn change(millis: i64, status: Option<u16>) -> Change {
        let (_, delivery) = fixtures::lane_and_delivery();
        let mut attempt = fixtures::attempt(1);
        match status {
            Some(status) => attempt.response.as_mut().unwrap().status = status,
            None => attempt.response = None,
        }
        let delivery = Delivery { last_attempt: Some(Arc::new(attempt)), ..delivery };
        let (sequence, time, previous) = (Sequence(1), Timestamp::from_millis(millis), Some(DeliveryState::Pending));
        Change { sequence, time, previous, delivery }
    }

    #[test]
    fn what_counts_of_a_change_is_the_attempt_that_ended_with_it() {
        let last = change(5, Some(503)).delivery.last_attempt.unwrap();
        for (status, attempted, counted) in
            [(Some(503), true, Some(503)), (None, true, Some(0)), (Some(503), false, None), (None, false, None)]
        {
            let change = change(5, status);
            let found = rows_of(&[(change.clone(), attempted)]).changes.remove(0).counted(Sequence(7)).unwrap();
            assert_eq!((found.sequence, found.time, found.id), (Sequence(7), change.time, change.delivery.id));
            assert_eq!((found.previous, found.state), (change.previous, change.delivery.state));
            assert_eq!(found.attempt.map(|attempt| attempt.status), counted, "{status:?} {attempted}");
            assert!(found.attempt.is_none_or(|of| (of.took, of.outcome) == (last.duration, last.outcome)));
        }
    }

    #[test]
    fn the_head_of_a_block_says_how_many_changes_it_has_and_when_the_last_one_was() {
        let mut wire = Wire::new(0);
        for millis in [5, 9, 7] {
            write(&mut wire, &change(millis, None), false);
        }
        let head: JournalHead = super::super::decode(&wire.finish().into(), "a block").unwrap();
        assert_eq!(head.last(), Some((3, Timestamp::from_millis(7))));
        assert_eq!(JournalHead::default().last(), None);
    }

    #[test]
    fn a_change_that_is_not_whole_is_damaged_whoever_reads_it() {
        let (lane, _) = fixtures::lane_and_delivery();
        let whole = rows_of(&[(change(5, None), false)]).changes.remove(0);
        for broken in [
            ChangeRow { delivery: None, ..whole.clone() },
            ChangeRow { delivery_id: Bytes::from_static(b"short"), ..whole.clone() },
            ChangeRow { previous: 100, ..whole.clone() },
        ] {
            assert!(matches!(broken.clone().counted(Sequence(7)), Err(StoreError::Damaged(_))), "{broken:?}");
            let read = broken.into_change(Sequence(7), |_| Ok(Arc::new(lane.clone())));
            assert!(matches!(read, Err(StoreError::Damaged(_))), "{read:?}");
        }
        let strange = whole.into_change(Sequence(7), |_| Err(StoreError::Closed));
        assert!(matches!(strange, Err(StoreError::Closed)), "{strange:?}");
    }

    #[test]
    fn a_change_round_trips_but_for_what_was_sent() {
        let (lane, delivery) = fixtures::lane_and_delivery();
        let delivery = Delivery { last_attempt: Some(std::sync::Arc::new(fixtures::attempt(1))), ..delivery };
        for previous in [None, Some(DeliveryState::Pending), Some(DeliveryState::Cancelled)] {
            let change =
                Change { sequence: Sequence(9), time: Timestamp::from_millis(5), previous, delivery: delivery.clone() };
            let mut wire = Wire::new(0);
            write(&mut wire, &change, true);
            let bytes = Bytes::from(wire.finish());
            let mut block: JournalRow = super::super::decode(&bytes, "a block").unwrap();
            let head: JournalHead = super::super::decode(&bytes, "a block").unwrap();
            assert_eq!(head.last(), Some((1, change.time)));
            let row = block.changes.remove(0);
            assert!(row.attempted);
            let back = row.into_change(Sequence(9), |_| Ok(Arc::new(lane.clone()))).unwrap();
            assert_eq!((back.sequence, back.time, back.previous), (Sequence(9), change.time, previous));
            let change = back;
            assert_eq!(change.delivery.last_attempt.as_ref().unwrap().request, None);
            let bare = |delivery: &Delivery| Delivery { last_attempt: None, ..delivery.clone() };
            assert_eq!(bare(&change.delivery), bare(&delivery));
        }
    }
}
