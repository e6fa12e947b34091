//! The row of an access token: its secret's hash, and what its holder may do.

use bytes::Bytes;
use prost::Message;
use tenterhook_model::{AccessToken, Role, TokenId, WebhookId};

use super::number::Numbered;
use super::{Time, required};
use crate::error::StoreError;

/// An access token. Its id is its key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TokenRow {
    /// SHA-256 of the secret.
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) hash: Bytes,
    #[prost(string, tag = "2")]
    pub(crate) namespace: String,
    /// The number of the role.
    #[prost(uint32, tag = "3")]
    pub(crate) role: u32,
    /// The only webhook that it is for; empty when it is all of the namespace.
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) webhook: Bytes,
    #[prost(string, tag = "5")]
    pub(crate) display_name: String,
    #[prost(string, tag = "6")]
    pub(crate) creator: String,
    #[prost(message, optional, tag = "7")]
    pub(crate) create_time: Option<Time>,
    #[prost(message, optional, tag = "8")]
    pub(crate) expire_time: Option<Time>,
}

impl From<&AccessToken> for TokenRow {
    fn from(token: &AccessToken) -> Self {
        Self {
            hash: Bytes::copy_from_slice(&token.hash),
            namespace: token.namespace.as_str().to_owned(),
            role: token.role.number(),
            webhook: token.webhook.map(|id| Bytes::copy_from_slice(id.as_bytes())).unwrap_or_default(),
            display_name: token.display_name.clone(),
            creator: token.creator.clone(),
            create_time: Some(token.create_time.into()),
            expire_time: Some(token.expire_time.into()),
        }
    }
}

impl TokenRow {
    /// The token with this id.
    ///
    /// # Errors
    /// When the row is damaged. Then the token is refused: it never grants more than was written.
    pub(crate) fn into_token(self, id: TokenId) -> Result<AccessToken, StoreError> {
        let damaged = |what: &str| StoreError::Damaged(format!("the {what} of the token {id}"));
        let webhook = match &*self.webhook {
            [] => None,
            bits => Some(WebhookId::from_bytes(bits.try_into().map_err(|_| damaged("webhook"))?)),
        };
        let named = Some(self.namespace).filter(|name| !name.is_empty()).and_then(|name| name.parse().ok());
        Ok(AccessToken {
            id,
            hash: self.hash.as_ref().try_into().map_err(|_| damaged("hash"))?,
            namespace: named.ok_or_else(|| damaged("namespace"))?,
            role: Role::of(self.role, &format!("the token {id}"))?,
            webhook,
            display_name: self.display_name,
            creator: self.creator,
            create_time: required(self.create_time),
            expire_time: required(self.expire_time),
        })
    }
}

#[cfg(test)]
mod tests {
    use tenterhook_model::Timestamp;

    use super::*;
    use crate::rows;

    fn token() -> AccessToken {
        AccessToken {
            id: TokenId::from_bytes([1; 16]),
            hash: [2; 32],
            namespace: "a".parse().unwrap(),
            role: Role::Viewer,
            webhook: Some(WebhookId::from_bytes([3; 16])),
            display_name: "n".to_owned(),
            creator: "c".to_owned(),
            create_time: Timestamp::from_millis(1_000),
            expire_time: Timestamp::from_millis(2_000),
        }
    }

    #[test]
    fn a_token_has_the_row_that_stores_have() {
        let row = rows::encode(&TokenRow::from(&token()));
        let message = [
            "0a20",
            &"02".repeat(32),
            "120161",
            "1802",
            "2210",
            &"03".repeat(16),
            "2a016e",
            "320163",
            "3a020802",
            "42020804",
        ];
        assert_eq!(hex(&row[5..]), message.concat(), "stores keep rows of this form");
        let row: TokenRow = rows::decode(&row.into(), "a token").unwrap();
        assert_eq!(row.into_token(token().id).unwrap(), token());
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_row_that_is_not_whole_is_damaged() {
        let whole = TokenRow::from(&token());
        for broken in [
            TokenRow { hash: Bytes::new(), ..whole.clone() },
            TokenRow { namespace: String::new(), ..whole.clone() },
            TokenRow { role: 9, ..whole.clone() },
            TokenRow { webhook: Bytes::from_static(b"short"), ..whole },
        ] {
            assert!(matches!(broken.into_token(token().id), Err(StoreError::Damaged(_))));
        }
    }
}
