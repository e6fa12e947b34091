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
pub use tenterhook_model::scheme::{
    GITHUB_SIGNATURE, NETBOX_SIGNATURE, STANDARD_ID, STANDARD_SIGNATURE, STANDARD_TIMESTAMP,
};
pub use verify::{Received, SignatureFault, TOLERANCE, verify};

pub(crate) use custom::Custom;
pub(crate) use message::Outgoing;
pub(crate) use sign::Signer;
