//! The public keys of webhooks, which anyone may read: receivers verify signatures with them.
//!
//! Not behind the gate, since callers need no key; looking at the webhooks in memory needs no bound.

use std::time::Duration;

use tenterhook_engine::signature::public_key;
use tenterhook_model::standard_secret::read_public_key;
use tenterhook_model::webhook::KeyAlgorithm;
use tenterhook_model::{SigningKeyId, WebhookId};
use tonic::Status;

use crate::refusal::Refusal;
use crate::state::Api;

/// Bytes of an Ed25519 public key (RFC 8032 section 5.1.5).
const KEY_BYTES: usize = 32;

/// An Ed25519 public key that verifies what a webhook sends now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The identifier of its key pair.
    pub id: SigningKeyId,
    /// The key (RFC 8032 section 5.1.5): 32 bytes.
    pub bytes: Vec<u8>,
    /// How long it goes on signing; `None` for the current key.
    pub remaining: Option<Duration>,
}

/// Reads the public keys of webhooks.
#[derive(Debug, Clone)]
pub struct PublicKeys(pub(crate) Api);

impl PublicKeys {
    /// The public keys that a webhook signs with now, newest first; none if it has no key pairs.
    ///
    /// # Errors
    /// Returns NOT_FOUND if there is no such webhook.
    pub fn of(&self, id: WebhookId) -> Result<Vec<PublicKey>, Status> {
        let webhook = self.0.store.webhooks().by_id.get(&id).cloned();
        let webhook = webhook.ok_or_else(|| Refusal::NoWebhook(id.to_string()))?;
        let now = self.0.clock.now();
        let pairs = webhook.live_keys(now).filter(|key| key.algorithm() == KeyAlgorithm::Ed25519);
        let keys = pairs.filter_map(|pair| {
            // A stored key that is no pair signs nothing either.
            let bytes = read_public_key(&public_key(pair.secret.expose())?)?;
            assert_eq!(bytes.len(), KEY_BYTES, "only the public half may leave the server");
            Some(PublicKey { id: pair.id, bytes, remaining: pair.expire_time.map(|end| end.since(now)) })
        });
        Ok(keys.collect())
    }
}
