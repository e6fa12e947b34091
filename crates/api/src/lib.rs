//! The gRPC API: wire and model, validation, access, CRUD, publish and watch.
//!
//! ```text
//! call ─▶ edge (who, whether, how long) ─▶ webhooks | events | deliveries | info | backup | access_tokens ─▶ intake, store
//!                                               │ wire: messages ⇄ model, every fault at once
//!                                               └ refusal: the one place that makes a Status
//! ```
//! The server builds an [`ApiState`], serves [`router`]'s routes with a [`Connection`] in each
//! request, within the bounds of [`server`], and hands [`access::Access`] the key file whenever it
//! changes. Other ways in count what they refuse in [`Refusals`] and what they hold in [`Held`].
//! Nothing here knows the dispatcher: "send now" is a row in the store's due queue, and its bell.

/// Who calls, and what they may do.
pub mod access;
mod access_tokens;
mod audit;
mod backup;
mod check;
mod deliveries;
mod edge;
mod events;
/// Bodies of fuzz targets.
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod info;
mod mask;
mod meter;
mod notices;
mod refusal;
mod router;
/// Bounds of the gRPC listener.
pub mod server;
mod state;
mod token;
mod waits;
mod webhooks;
mod wire;

pub use audit::AuditEntry;
pub use edge::{Budgets, Connection, Forwarded, Held, Kept, Occupied, PeerNames, Refusals, is_grpc, too_large};
pub use meter::{CallLabel, CallSpan, Meter, Refused, Unmetered, status_name};
pub use notices::Descriptions;
pub use refusal::{DOMAIN, NotForwarded, invalid};
pub use router::{Api, router};
pub use state::{About, ApiState, Sender};
pub use token::TokenKey;
pub use webhooks::{PublicKey, PublicKeys};
