//! Signatures over exactly the bytes that are sent: how they are made, and how a receiver
//! checks them.
//!
//! `prepare` signs with keys that were set up once a webhook revision; `tenterhook listen`
//! and the demo verify. The schemes:
//! NETBOX (NetBox documentation, "Webhooks"), STANDARD_WEBHOOKS and its ASYMMETRIC form
//! (<https://github.com/standard-webhooks/standard-webhooks>, "Signature scheme"), GITHUB
//! (GitHub documentation, "Validating webhook deliveries"), and headers that a webhook describes.

mod custom;
mod fault;
mod key;
mod message;
mod pair;
mod sign;
mod verify;

pub use custom::check_custom_secret;
pub use fault::SecretFault;
pub use key::check_secret;
pub use message::Signable;
pub use pair::{private_key, public_key};
pub use sign::sign;
pub use verify::{Received, SignatureFault, TOLERANCE, verify};

pub(crate) use custom::Custom;
pub(crate) use message::Outgoing;
pub(crate) use sign::Signer;

use tenterhook_model::webhook::SignatureScheme;

/// Header of the NETBOX scheme: hex HMAC-SHA512 of the body.
pub const NETBOX_SIGNATURE: &str = "X-Hook-Signature";
/// Header of the GITHUB scheme: `sha256=` and hex HMAC-SHA256 of the body.
pub const GITHUB_SIGNATURE: &str = "X-Hub-Signature-256";
/// Header of the STANDARD_WEBHOOKS scheme: the id that is signed.
pub const STANDARD_ID: &str = "webhook-id";
/// Header of the STANDARD_WEBHOOKS scheme: seconds since 1970, of the attempt.
pub const STANDARD_TIMESTAMP: &str = "webhook-timestamp";
/// Header of the STANDARD_WEBHOOKS schemes: `v1,` or `v1a,` and base64 for every key, parted by blanks.
pub const STANDARD_SIGNATURE: &str = "webhook-signature";

/// The headers that a scheme sets, which nobody else may set while it signs.
pub(crate) const fn headers_of(scheme: SignatureScheme) -> &'static [&'static str] {
    match scheme {
        SignatureScheme::NetBox => &[NETBOX_SIGNATURE],
        SignatureScheme::StandardWebhooks | SignatureScheme::StandardWebhooksAsymmetric => {
            &[STANDARD_ID, STANDARD_TIMESTAMP, STANDARD_SIGNATURE]
        }
        SignatureScheme::GitHub => &[GITHUB_SIGNATURE],
    }
}

/// The header that carries the signature itself.
pub(crate) const fn signature_header(scheme: SignatureScheme) -> &'static str {
    match scheme {
        SignatureScheme::NetBox => NETBOX_SIGNATURE,
        SignatureScheme::StandardWebhooks | SignatureScheme::StandardWebhooksAsymmetric => STANDARD_SIGNATURE,
        SignatureScheme::GitHub => GITHUB_SIGNATURE,
    }
}
