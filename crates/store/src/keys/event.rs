//! `e` namespace event-id → an event; `t` namespace millisecond sequence → a block of event
//! ids in order of publication; `v` namespace event-id delivery → a delivery that a replay made.

use tenterhook_model::{DeliveryId, EventId, Namespace};

use super::{Family, Key, Parts, damaged, under};
use crate::error::StoreError;

/// The key of an event.
pub(crate) fn encode(namespace: &Namespace, id: &EventId) -> Vec<u8> {
    Key::of(Family::Event).text(namespace.as_str()).bytes(id.as_str().as_bytes()).done()
}

/// The namespace and the id of an event's key.
pub(crate) fn decode(key: &[u8]) -> Result<(Namespace, EventId), StoreError> {
    let mut parts = Parts::of(key, Family::Event)?;
    let namespace = parts.namespace()?;
    Ok((namespace, parts.last_text()?.parse().map_err(|_| damaged(key))?))
}

/// When a block of the timeline begins: milliseconds since 1970 (48 bits) and a number that
/// rises within the store (48 bits).
pub(crate) type Moment = (u64, u64);

/// The key of a block of the timeline.
pub(crate) fn timeline(namespace: &Namespace, (millis, sequence): Moment) -> Vec<u8> {
    Key::of(Family::Timeline).text(namespace.as_str()).millis(millis).millis(sequence).done()
}

/// The range of a namespace's timeline.
pub(crate) fn timeline_of(namespace: &Namespace) -> (Vec<u8>, Vec<u8>) {
    under(Key::of(Family::Timeline).text(namespace.as_str()).done())
}

/// The range of all timelines from that of `namespace` on; they are in the order of the length of
/// their namespaces, then of their names.
pub(crate) fn timelines_from(namespace: Option<&Namespace>) -> (Vec<u8>, Vec<u8>) {
    let (first, end) = Family::Timeline.range();
    (namespace.map_or(first, |namespace| timeline_of(namespace).0), end)
}

/// The namespace and the moment of a block.
pub(crate) fn decode_timeline(key: &[u8]) -> Result<(Namespace, Moment), StoreError> {
    let mut parts = Parts::of(key, Family::Timeline)?;
    let namespace = parts.namespace()?;
    let moment = (parts.millis()?, parts.millis()?);
    parts.end()?;
    Ok((namespace, moment))
}

/// The key of a delivery that a replay made of an event.
pub(crate) fn replayed(namespace: &Namespace, event: &EventId, id: DeliveryId) -> Vec<u8> {
    replays(namespace, event).bytes(id.as_bytes()).done()
}

/// The range of the deliveries that replays made of an event.
pub(crate) fn replayed_of(namespace: &Namespace, event: &EventId) -> (Vec<u8>, Vec<u8>) {
    under(replays(namespace, event).done())
}

fn replays(namespace: &Namespace, event: &EventId) -> Key {
    Key::of(Family::Replayed).text(namespace.as_str()).text(event.as_str())
}

/// The namespace, event and delivery of a replay.
pub(crate) fn decode_replayed(key: &[u8]) -> Result<(Namespace, EventId, DeliveryId), StoreError> {
    let mut parts = Parts::of(key, Family::Replayed)?;
    let namespace = parts.namespace()?;
    let event = parts.text()?.parse().map_err(|_| damaged(key))?;
    let id = DeliveryId::from_bytes(parts.take()?);
    parts.end()?;
    Ok((namespace, event, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_round_trip(namespace in "[a-z][a-z0-9-]{0,9}", event in "[A-Za-z0-9_:-]{1,30}", id: [u8; 16], millis in 0u64..1 << 48, sequence in 0u64..1 << 48) {
            let (namespace, event): (Namespace, EventId) = (namespace.parse().unwrap(), event.parse().unwrap());
            let id = DeliveryId::from_bytes(id);
            prop_assert_eq!(decode(&encode(&namespace, &event)).unwrap(), (namespace.clone(), event.clone()));
            prop_assert_eq!(decode_timeline(&timeline(&namespace, (millis, sequence))).unwrap(), (namespace.clone(), (millis, sequence)));
            let key = replayed(&namespace, &event, id);
            let (from, to) = replayed_of(&namespace, &event);
            prop_assert!(from <= key && key < to);
            prop_assert_eq!(decode_replayed(&key).unwrap(), (namespace, event, id));
        }

        #[test]
        fn a_namespace_holds_only_its_own_timeline(a in "[a-z]{1,3}", b in "[a-z]{1,3}") {
            let (a, b): (Namespace, Namespace) = (a.parse().unwrap(), b.parse().unwrap());
            let (from, to) = timeline_of(&a);
            let key = timeline(&b, (7, 8));
            prop_assert_eq!(from <= key && key < to, a == b);
        }
    }
}
