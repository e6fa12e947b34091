//! `c` webhook-id → a webhook; `h` webhook-id → the health of its receiver; `l` lane → whose
//! lane it is or was; `r` namespace request-id → what was answered to a request.

use tenterhook_model::{Lane, Namespace, WebhookId};

use super::{Family, Key, Parts};
use crate::error::StoreError;

/// The key of a webhook.
pub(crate) fn encode(id: WebhookId) -> Vec<u8> {
    Key::of(Family::Webhook).bytes(id.as_bytes()).done()
}

/// The key of a receiver's health.
pub(crate) fn health(id: WebhookId) -> Vec<u8> {
    Key::of(Family::Health).bytes(id.as_bytes()).done()
}

/// The webhook of a key of the family, which is that of webhooks or of health.
pub(crate) fn decode(family: Family, key: &[u8]) -> Result<WebhookId, StoreError> {
    let mut parts = Parts::of(key, family)?;
    let id = WebhookId::from_bytes(parts.take()?);
    parts.end()?;
    Ok(id)
}

/// The key of a lane.
pub(crate) fn lane(lane: Lane) -> Vec<u8> {
    Key::of(Family::Lane).lane(lane).done()
}

/// The lane of a key.
pub(crate) fn decode_lane(key: &[u8]) -> Result<Lane, StoreError> {
    let mut parts = Parts::of(key, Family::Lane)?;
    let lane = parts.lane()?;
    parts.end()?;
    Ok(lane)
}

/// The key of a request id.
pub(crate) fn request(namespace: &Namespace, request_id: &str) -> Vec<u8> {
    Key::of(Family::Request).text(namespace.as_str()).bytes(request_id.as_bytes()).done()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_round_trip(id: [u8; 16], number: u32) {
            let id = WebhookId::from_bytes(id);
            prop_assert_eq!(decode(Family::Webhook, &encode(id)).unwrap(), id);
            prop_assert_eq!(decode(Family::Health, &health(id)).unwrap(), id);
            prop_assert_eq!(decode_lane(&lane(Lane(number))).unwrap(), Lane(number));
        }

        #[test]
        fn request_ids_of_two_namespaces_never_meet(a in "[a-z]{1,3}", b in "[a-z]{1,3}", x in "[a-z]{0,4}", y in "[a-z]{0,4}") {
            let (left, right): (Namespace, Namespace) = (a.parse().unwrap(), b.parse().unwrap());
            prop_assert_eq!(request(&left, &x) == request(&right, &y), a == b && x == y);
        }
    }
}
