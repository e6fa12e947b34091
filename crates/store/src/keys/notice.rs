//! `n` number → a notice that waits to be published, and `p` webhook-id → what was reported of it.

use tenterhook_model::WebhookId;

use super::{Family, Key, Parts};
use crate::error::StoreError;
use crate::record::NoticeId;

/// The key of a notice.
pub(crate) fn encode(id: NoticeId) -> Vec<u8> {
    Key::of(Family::Notice).bytes(&id.0.to_be_bytes()).done()
}

/// The notice of a key.
pub(crate) fn decode(key: &[u8]) -> Result<NoticeId, StoreError> {
    let mut parts = Parts::of(key, Family::Notice)?;
    let id = NoticeId(u64::from_be_bytes(parts.take()?));
    parts.end()?;
    Ok(id)
}

/// The key of what was reported of a webhook.
pub(crate) fn report(webhook: WebhookId) -> Vec<u8> {
    Key::of(Family::Report).bytes(webhook.as_bytes()).done()
}

/// The webhook of such a key.
pub(crate) fn decode_report(key: &[u8]) -> Result<WebhookId, StoreError> {
    let mut parts = Parts::of(key, Family::Report)?;
    let id = WebhookId::from_bytes(parts.take()?);
    parts.end()?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_round_trip_and_notices_sort_by_number(number: u64, other: u64, webhook: [u8; 16]) {
            let (id, webhook) = (NoticeId(number), WebhookId::from_bytes(webhook));
            prop_assert_eq!(decode(&encode(id)).unwrap(), id);
            prop_assert_eq!(decode_report(&report(webhook)).unwrap(), webhook);
            prop_assert_eq!(encode(id).cmp(&encode(NoticeId(other))), number.cmp(&other));
        }
    }
}
