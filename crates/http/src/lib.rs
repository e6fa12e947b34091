//! The other ways into the API: gRPC-Web for browsers and plain HTTP, on the port of gRPC.
//!
//! ```text
//! request ─▶ front (which way?) ─┬─ gRPC ────────────────────────▶ the gate and the services of api
//!                                ├─ gRPC-Web ──▶ grpc_web ─ a call ─▶ (the same)
//!                                ├─ /v1/events ▶ events ─── a call ─▶ (the same)
//!                                ├─ /v1/netbox ▶ events ─── a call ─▶ (the same)
//!                                ├─ /v1/webhooks/ID/jwks.json ▶ key_set ─▶ public_keys of api
//!                                ├─ /console/ ─▶ console
//!                                └─ the rest ──▶ openapi, problem
//! ```
//! What needs a key becomes a gRPC call in front of the gate, so keys, roles, limits, budgets,
//! deadlines and metrics are those of gRPC. The listener hands every request to [`Front::call`].

mod console;
mod events;
mod forms;
mod front;
mod grpc_web;
mod key_set;
mod openapi;
mod origins;
mod problem;

pub use forms::Form;
pub use front::{Answering, Front};
pub use origins::{Origin, OriginError};
