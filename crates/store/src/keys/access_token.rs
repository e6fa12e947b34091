//! `u` token-id → an access token.

use tenterhook_model::TokenId;

use super::{Family, Key, Parts};
use crate::error::StoreError;

/// The key of a token.
pub(crate) fn encode(id: TokenId) -> Vec<u8> {
    Key::of(Family::Token).bytes(id.as_bytes()).done()
}

/// The token of a key.
pub(crate) fn decode(key: &[u8]) -> Result<TokenId, StoreError> {
    let mut parts = Parts::of(key, Family::Token)?;
    let id = TokenId::from_bytes(parts.take()?);
    parts.end()?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_round_trip(id: [u8; 16]) {
            let id = TokenId::from_bytes(id);
            prop_assert_eq!(decode(&encode(id)).unwrap(), id);
        }
    }
}
