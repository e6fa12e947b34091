//! `x` millisecond lane place → nothing: deliveries whose event expires at a time, by that time.
//! A row may outlive the end of its delivery; it goes when its time has come.

use tenterhook_model::DeliveryId;

use super::due::Place;
use super::{Family, Key, Parts, under};
use crate::error::StoreError;

/// The key of a delivery whose event expires at `millis`.
pub(crate) fn encode((millis, id): Place) -> Vec<u8> {
    Key::of(Family::Expiry).millis(millis).lane(id.lane()).place(id).done()
}

/// The range of those that expire at `millis` or before.
pub(crate) fn until(millis: u64) -> (Vec<u8>, Vec<u8>) {
    (Family::Expiry.range().0, under(Key::of(Family::Expiry).millis(millis).done()).1)
}

/// The time and the delivery of a key.
pub(crate) fn decode(key: &[u8]) -> Result<Place, StoreError> {
    let mut parts = Parts::of(key, Family::Expiry)?;
    let millis = parts.millis()?;
    let lane = parts.lane()?;
    let id: DeliveryId = parts.delivery(lane)?;
    parts.end()?;
    Ok((millis, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_round_trip_and_are_found_by_their_time(id: [u8; 16], millis in 0u64..1 << 47, other in 0u64..1 << 47) {
            let id = DeliveryId::from_bytes(id);
            let key = encode((millis, id));
            prop_assert_eq!(decode(&key).unwrap(), (millis, id));
            let (from, to) = until(other);
            prop_assert_eq!(from <= key && key < to, millis <= other);
        }
    }
}
