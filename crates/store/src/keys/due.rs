//! `q` lane due-millisecond place → nothing: deliveries that wait for a time. What was due at
//! once has no such row: the open deliveries of a lane in order of creation are its queue.

use tenterhook_model::{DeliveryId, Lane};

use super::{Family, Key, Parts, under};
use crate::error::StoreError;

/// The place of a delivery in the queue of its lane: when it is due, in milliseconds since
/// 1970 (48 bits), and its id.
pub(crate) type Place = (u64, DeliveryId);

/// The key of a delivery that is due at `millis`.
pub(crate) fn encode((millis, id): Place) -> Vec<u8> {
    Key::of(Family::Due).lane(id.lane()).millis(millis).place(id).done()
}

/// The range of a lane.
pub(crate) fn of_lane(lane: Lane) -> (Vec<u8>, Vec<u8>) {
    under(Key::of(Family::Due).lane(lane).done())
}

/// The place of a key.
pub(crate) fn decode(key: &[u8]) -> Result<Place, StoreError> {
    let mut parts = Parts::of(key, Family::Due)?;
    let lane = parts.lane()?;
    let millis = parts.millis()?;
    let id = parts.delivery(lane)?;
    parts.end()?;
    Ok((millis, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_round_trip_and_sort_by_due_time_within_a_lane(a: [u8; 16], b: [u8; 12], due in 0u64..1 << 48, other in 0u64..1 << 48) {
            let mut second = a;
            second[..12].copy_from_slice(&b);
            let (a, b) = (DeliveryId::from_bytes(a), DeliveryId::from_bytes(second));
            prop_assert_eq!(decode(&encode((due, a))).unwrap(), (due, a));
            prop_assert_eq!(encode((due, a)).cmp(&encode((other, b))), (due, a).cmp(&(other, b)));
            let (from, to) = of_lane(a.lane());
            prop_assert!(a.lane().0 == u32::MAX || (from <= encode((due, a)) && encode((due, a)) < to));
        }
    }
}
