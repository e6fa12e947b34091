//! `s` lane state place → nothing: failed and cancelled deliveries, which are rare among all
//! that a list would otherwise have to look at.

use tenterhook_model::{DeliveryId, DeliveryState, Lane};

use super::{Family, Key, Parts, under};
use crate::error::StoreError;

/// The states that have an index.
pub(crate) const INDEXED: [DeliveryState; 2] = [DeliveryState::Failed, DeliveryState::Cancelled];

fn letter(state: DeliveryState) -> Option<u8> {
    match state {
        DeliveryState::Failed => Some(b'f'),
        DeliveryState::Cancelled => Some(b'x'),
        _ => None,
    }
}

/// The key of a delivery in `state`; `None` when the state has no index.
pub(crate) fn encode(state: DeliveryState, id: DeliveryId) -> Option<Vec<u8>> {
    letter(state).map(|letter| Key::of(Family::State).lane(id.lane()).bytes(&[letter]).place(id).done())
}

/// The range of a lane's deliveries in `state`; `None` when the state has no index.
pub(crate) fn of_lane(state: DeliveryState, lane: Lane) -> Option<(Vec<u8>, Vec<u8>)> {
    letter(state).map(|letter| under(Key::of(Family::State).lane(lane).bytes(&[letter]).done()))
}

/// The state and the delivery of a key.
pub(crate) fn decode(key: &[u8]) -> Result<(DeliveryState, DeliveryId), StoreError> {
    let mut parts = Parts::of(key, Family::State)?;
    let lane = parts.lane()?;
    let [found] = parts.take()?;
    let id = parts.delivery(lane)?;
    parts.end()?;
    let state = INDEXED.into_iter().find(|state| letter(*state) == Some(found));
    state.map(|state| (state, id)).ok_or_else(|| super::damaged(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_of_indexed_states_round_trip(id: [u8; 16]) {
            let id = DeliveryId::from_bytes(id);
            for state in DeliveryState::ALL {
                let key = encode(state, id);
                prop_assert_eq!(key.is_some(), INDEXED.contains(&state));
                if let Some(key) = key {
                    prop_assert_eq!(decode(&key).unwrap(), (state, id));
                    let (from, to) = of_lane(state, id.lane()).unwrap();
                    prop_assert!(from <= key && key < to);
                }
            }
        }
    }
}
