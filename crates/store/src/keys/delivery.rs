//! `d` lane place → an open delivery; `z` lane place → a finished one. The place is the part
//! of the id before the lane, so a range is a webhook's deliveries in order of creation.

use tenterhook_model::{DeliveryId, Lane};

use super::{Family, Key, Parts, under};
use crate::error::StoreError;

/// The key of a delivery that is not final.
pub(crate) fn open(id: DeliveryId) -> Vec<u8> {
    Key::of(Family::Open).lane(id.lane()).place(id).done()
}

/// The key of a delivery that is final.
pub(crate) fn done(id: DeliveryId) -> Vec<u8> {
    Key::of(Family::Done).lane(id.lane()).place(id).done()
}

/// The range of a lane's open or finished deliveries.
pub(crate) fn of_lane(family: Family, lane: Lane) -> (Vec<u8>, Vec<u8>) {
    under(Key::of(family).lane(lane).done())
}

/// The delivery of a key of the family.
pub(crate) fn decode(family: Family, key: &[u8]) -> Result<DeliveryId, StoreError> {
    let mut parts = Parts::of(key, family)?;
    let lane = parts.lane()?;
    let id = parts.delivery(lane)?;
    parts.end()?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_round_trip_and_sort_by_lane_and_then_by_time(a: [u8; 16], b: [u8; 16]) {
            let (a, b) = (DeliveryId::from_bytes(a), DeliveryId::from_bytes(b));
            prop_assert_eq!(decode(Family::Open, &open(a)).unwrap(), a);
            prop_assert_eq!(decode(Family::Done, &done(a)).unwrap(), a);
            prop_assert_eq!(open(a).cmp(&open(b)), (a.lane(), a).cmp(&(b.lane(), b)));
        }

        #[test]
        fn a_lane_holds_its_own_deliveries_only(id: [u8; 16], other: u32) {
            let id = DeliveryId::from_bytes(id);
            let within = |lane| { let (from, to) = of_lane(Family::Done, lane); from <= done(id) && done(id) < to };
            prop_assert!(within(id.lane()) || id.lane().0 == u32::MAX);
            prop_assert_eq!(within(Lane(other)), Lane(other) == id.lane());
        }
    }
}
