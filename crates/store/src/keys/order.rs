//! `k` lane ordering-key → the delivery whose turn it is; `o` lane ordering-key place →
//! nothing: those that wait behind it, in order of creation.

use tenterhook_model::{DeliveryId, Lane};

use super::{Family, Key, Parts, under};
use crate::error::StoreError;

/// The key that names the delivery whose turn it is.
pub(crate) fn turn(lane: Lane, ordering_key: &str) -> Vec<u8> {
    Key::of(Family::Turn).lane(lane).bytes(ordering_key.as_bytes()).done()
}

/// The key of a delivery that waits for its turn.
pub(crate) fn waiting(ordering_key: &str, id: DeliveryId) -> Vec<u8> {
    Key::of(Family::Waiting).lane(id.lane()).text(ordering_key).place(id).done()
}

/// The range of those that wait behind one ordering key.
pub(crate) fn behind(lane: Lane, ordering_key: &str) -> (Vec<u8>, Vec<u8>) {
    under(Key::of(Family::Waiting).lane(lane).text(ordering_key).done())
}

/// The lane and the ordering key of a turn.
pub(crate) fn decode_turn(key: &[u8]) -> Result<(Lane, &str), StoreError> {
    let mut parts = Parts::of(key, Family::Turn)?;
    let lane = parts.lane()?;
    Ok((lane, parts.last_text()?))
}

/// The ordering key and the delivery of one that waits.
pub(crate) fn decode_waiting(key: &[u8]) -> Result<(&str, DeliveryId), StoreError> {
    let mut parts = Parts::of(key, Family::Waiting)?;
    let lane = parts.lane()?;
    let ordering_key = parts.text()?;
    let id = parts.delivery(lane)?;
    parts.end()?;
    Ok((ordering_key, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_round_trip(id: [u8; 16], key in ".{0,20}") {
            let id = DeliveryId::from_bytes(id);
            let (turn, waiting) = (turn(id.lane(), &key), waiting(&key, id));
            prop_assert_eq!(decode_turn(&turn).unwrap(), (id.lane(), key.as_str()));
            prop_assert_eq!(decode_waiting(&waiting).unwrap(), (key.as_str(), id));
        }

        #[test]
        fn an_ordering_key_holds_only_its_own(id: [u8; 16], key in ".{0,6}", other in ".{0,6}") {
            let id = DeliveryId::from_bytes(id);
            let (from, to) = behind(id.lane(), &other);
            let found = from <= waiting(&key, id) && waiting(&key, id) < to;
            prop_assert_eq!(found, key == other);
        }
    }
}
