//! Why a secret or key cannot be used. Says nothing of the secret itself.

use tenterhook_model::limits;
use thiserror::Error;

/// Why a secret cannot be used with a scheme. Says nothing of the secret itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretFault {
    /// It is empty.
    #[error("must not be empty")]
    Empty,
    /// It is longer than [`limits::SECRET_CHARS`].
    #[error("is {chars} characters long; at most {} are allowed", limits::SECRET_CHARS)]
    TooLong {
        /// Its length in characters.
        chars: usize,
    },
    /// It does not have the form that Standard Webhooks asks for.
    #[error("must be `whsec_` and base64 to sign with STANDARD_WEBHOOKS")]
    NotStandard,
    /// Its key is too short or too long for Standard Webhooks.
    #[error(
        "has a key of {bytes} bytes; STANDARD_WEBHOOKS takes {} to {}",
        limits::STANDARD_WEBHOOKS_KEY_BYTES.start(),
        limits::STANDARD_WEBHOOKS_KEY_BYTES.end()
    )]
    KeyLength {
        /// Its length in bytes.
        bytes: usize,
    },
    /// It is a private key, and a secret that the receiver knows too was asked for.
    #[error("is an Ed25519 private key, with which only STANDARD_WEBHOOKS_ASYMMETRIC signs")]
    PrivateKey,
    /// It is not a private key of Standard Webhooks.
    #[error(
        "must be `whsk_` and base64 of an Ed25519 key, seed and public key or the seed alone, to sign with \
         STANDARD_WEBHOOKS_ASYMMETRIC"
    )]
    NotPrivateKey,
    /// It is not a public key of Standard Webhooks.
    #[error("must be `whpk_` and base64 of an Ed25519 public key to verify STANDARD_WEBHOOKS_ASYMMETRIC")]
    NotPublicKey,
    /// It is not base64.
    #[error("must be base64 for the `key_encoding` of a custom signature")]
    NotBase64,
    /// It is not hexadecimal.
    #[error("must be hexadecimal for the `key_encoding` of a custom signature")]
    NotHex,
}
