//! Secrets at rest: each is sealed by itself with XChaCha20-Poly1305, so that no secret is
//! ever on the disk in plain, and bound to its webhook, so that it cannot be moved to another.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use tenterhook_model::{Entropy, Secret, Webhook, WebhookId};
use zeroize::Zeroizing;

use crate::error::StoreError;
use crate::rows::webhook::WebhookRow;

/// Bytes of a nonce (draft-irtf-cfrg-xchacha-03 section 2.3); long enough to draw at random.
const NONCE: usize = 24;
/// Bytes of the tag that a sealed secret ends with.
const TAG: usize = 16;
/// What the identity row holds sealed, to tell a wrong key at once.
const PROBE: &str = "tenterhook";

/// The key that seals the secrets of a store. Wiped from memory when dropped.
#[derive(Clone)]
pub struct SealingKey(Zeroizing<[u8; 32]>);

impl SealingKey {
    /// The key with these bytes, which must come from a source fit for secrets.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Seals and opens secrets.
pub(crate) struct Sealer {
    cipher: XChaCha20Poly1305,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(***)")
    }
}

impl Sealer {
    /// A sealer with this key, which draws its nonces from `entropy`.
    pub(crate) fn new(key: &SealingKey, entropy: Arc<dyn Entropy>) -> Self {
        Self { cipher: XChaCha20Poly1305::new((&*key.0).into()), entropy }
    }

    /// Where its nonces come from.
    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// The row of a webhook, without a secret in plain.
    pub(crate) fn row(&self, webhook: &Webhook) -> WebhookRow {
        let mut copy = webhook.clone();
        let sealed = copy.secrets_mut().into_iter().map(|secret| self.seal(secret.expose(), webhook.id)).collect();
        let record = serde_json::to_vec(webhook).expect("a webhook has text keys only and serialises");
        WebhookRow { record: record.into(), sealed }
    }

    /// The webhook of a row, with its secrets.
    pub(crate) fn webhook(&self, row: &WebhookRow) -> Result<Webhook, StoreError> {
        let mut webhook: Webhook = serde_json::from_slice(&row.record)
            .map_err(|_| StoreError::Damaged("the record of a webhook cannot be read".into()))?;
        let id = webhook.id;
        let secrets = webhook.secrets_mut();
        if secrets.len() != row.sealed.len() {
            return Err(StoreError::Damaged(format!("the secrets of {id}")));
        }
        for (secret, sealed) in secrets.into_iter().zip(&row.sealed) {
            *secret = self.open(sealed, id)?;
        }
        Ok(webhook)
    }

    /// What the identity row keeps to tell a wrong key.
    pub(crate) fn probe(&self) -> Bytes {
        self.seal(PROBE, WebhookId::from_bytes([0; 16]))
    }

    /// Whether the key is the one that made the probe.
    pub(crate) fn fits(&self, probe: &Bytes) -> bool {
        self.open(probe, WebhookId::from_bytes([0; 16])).is_ok_and(|secret| secret.expose() == PROBE)
    }

    fn seal(&self, text: &str, webhook: WebhookId) -> Bytes {
        if text.is_empty() {
            return Bytes::new();
        }
        let mut nonce = [0; NONCE];
        self.entropy.fill(&mut nonce);
        let payload = Payload { msg: text.as_bytes(), aad: webhook.as_bytes() };
        let sealed = self.cipher.encrypt(&nonce.into(), payload).expect("a secret is far below the cipher's 256 GiB");
        debug_assert_eq!(sealed.len(), text.len() + TAG, "a sealed secret is longer by its tag");
        [nonce.as_slice(), &sealed].concat().into()
    }

    fn open(&self, sealed: &Bytes, webhook: WebhookId) -> Result<Secret, StoreError> {
        if sealed.is_empty() {
            return Ok(Secret::default());
        }
        let damaged = || StoreError::Damaged(format!("a sealed secret of {webhook}, or the sealing key is another"));
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or_else(damaged)?;
        let payload = Payload { msg: sealed, aad: webhook.as_bytes() };
        let text = self.cipher.decrypt(&(*nonce).into(), payload).map_err(|_| damaged())?;
        String::from_utf8(text).map(Secret::new).map_err(|_| damaged())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests as fixtures;
    use tenterhook_model::OsEntropy;

    fn sealer(key: u8) -> Sealer {
        Sealer::new(&SealingKey::new([key; 32]), Arc::new(OsEntropy))
    }

    #[test]
    fn a_webhook_round_trips_with_its_secrets_and_shows_none() {
        let webhook = fixtures::webhook_with_secrets();
        let row = sealer(1).row(&webhook);
        assert_eq!(sealer(1).webhook(&row).unwrap(), webhook);
        let stored = crate::rows::encode(&row);
        for secret in ["signing-canary", "header-canary", "key-canary"] {
            assert!(!stored.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
        }
    }

    #[test]
    fn another_key_or_webhook_does_not_open_a_secret() {
        let webhook = fixtures::webhook_with_secrets();
        let row = sealer(1).row(&webhook);
        assert!(matches!(sealer(2).webhook(&row), Err(StoreError::Damaged(_))));
        let sealed = sealer(1).seal("s", webhook.id);
        assert!(sealer(1).open(&sealed, WebhookId::from_bytes([9; 16])).is_err());
    }

    #[test]
    fn one_secret_sealed_twice_looks_different() {
        let id = WebhookId::from_bytes([1; 16]);
        assert_ne!(sealer(1).seal("s", id), sealer(1).seal("s", id));
    }

    #[test]
    fn a_cut_or_changed_secret_is_refused() {
        let id = WebhookId::from_bytes([1; 16]);
        let sealed = sealer(1).seal("secret", id);
        for length in 1..sealed.len() {
            assert!(sealer(1).open(&sealed.slice(..length), id).is_err(), "{length}");
        }
        let mut changed = sealed.to_vec();
        *changed.last_mut().unwrap() ^= 1;
        assert!(sealer(1).open(&changed.into(), id).is_err());
    }

    #[test]
    fn the_probe_tells_a_wrong_key() {
        assert!(sealer(1).fits(&sealer(1).probe()));
        assert!(!sealer(1).fits(&sealer(2).probe()));
    }

    #[test]
    fn a_key_shows_as_stars() {
        assert_eq!(format!("{:?} {:?}", SealingKey::new([7; 32]), sealer(7)), "*** Sealer(***)");
    }
}
