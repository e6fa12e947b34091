//! `a` lane place number → an attempt before the last; the last one is with its delivery.

use tenterhook_model::DeliveryId;

use super::{Family, Key, Parts, under};
use crate::error::StoreError;

/// The key of an attempt.
pub(crate) fn encode(id: DeliveryId, number: u32) -> Vec<u8> {
    Key::of(Family::Attempt).lane(id.lane()).place(id).bytes(&number.to_be_bytes()).done()
}

/// The range of a delivery's attempts.
pub(crate) fn of_delivery(id: DeliveryId) -> (Vec<u8>, Vec<u8>) {
    under(Key::of(Family::Attempt).lane(id.lane()).place(id).done())
}

/// The delivery and the number of a key.
pub(crate) fn decode(key: &[u8]) -> Result<(DeliveryId, u32), StoreError> {
    let mut parts = Parts::of(key, Family::Attempt)?;
    let lane = parts.lane()?;
    let id = parts.delivery(lane)?;
    let number = u32::from_be_bytes(parts.take()?);
    parts.end()?;
    Ok((id, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_round_trip_and_sort_by_number(id: [u8; 16], a: u32, b: u32) {
            let id = DeliveryId::from_bytes(id);
            prop_assert_eq!(decode(&encode(id, a)).unwrap(), (id, a));
            prop_assert_eq!(encode(id, a).cmp(&encode(id, b)), a.cmp(&b));
            let (from, to) = of_delivery(id);
            prop_assert!(from <= encode(id, a) && encode(id, a) < to);
        }
    }
}
