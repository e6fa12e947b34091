//! Access tokens: short-lived credentials for one namespace, or for one webhook in it.
//!
//! The API issues them, the store keeps them. The secret itself is kept nowhere.

use std::fmt;

use crate::{Namespace, Role, Timestamp, TokenId, WebhookId};

/// A token as the server keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// Its id, which is no secret.
    pub id: TokenId,
    /// SHA-256 of its secret. The secret has 256 bits of chance, so a plain hash is enough to keep it.
    pub hash: [u8; 32],
    /// The namespace that it is for.
    pub namespace: Namespace,
    /// What its holder may do.
    pub role: Role,
    /// The only webhook that its holder sees, with its deliveries; `None` when it is all of the namespace.
    pub webhook: Option<WebhookId>,
    /// What it is for, or who holds it.
    pub display_name: String,
    /// Name of the key or certificate that issued it; may be empty.
    pub creator: String,
    /// When it was issued.
    pub create_time: Timestamp,
    /// When it expires.
    pub expire_time: Timestamp,
}

impl AccessToken {
    /// How logs name it: by its display name and its id.
    pub fn name(&self) -> String {
        format!("{} ({})", self.display_name, self.id)
    }

    /// Whether it is valid at `now`.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        now < self.expire_time
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut token = f.debug_struct("AccessToken");
        token.field("id", &self.id).field("namespace", &self.namespace).field("role", &self.role);
        token.field("webhook", &self.webhook).field("display_name", &self.display_name);
        token.field("expire_time", &self.expire_time).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> AccessToken {
        AccessToken {
            id: TokenId::from_bytes([1; 16]),
            hash: [0xab; 32],
            namespace: Namespace::default(),
            role: Role::Viewer,
            webhook: None,
            display_name: "portal".to_owned(),
            creator: "oncall".to_owned(),
            create_time: Timestamp::from_millis(0),
            expire_time: Timestamp::from_millis(1_000),
        }
    }

    #[test]
    fn a_token_is_valid_until_it_expires() {
        assert!(token().holds_at(Timestamp::from_millis(999)) && !token().holds_at(Timestamp::from_millis(1_000)));
    }

    #[test]
    fn debug_shows_the_id_and_not_the_hash() {
        let shown = format!("{:?} {}", token(), token().name());
        assert!(shown.contains("portal (tok_") && !shown.contains("171") && !shown.contains("hash"), "{shown}");
    }
}
