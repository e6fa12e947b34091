//! The other ways into the API: gRPC-Web for browsers and plain HTTP, on the port of gRPC.
//!
//! ```text
//! request ─▶ front (which way?) ─┬─ gRPC ────────────────────────▶ the gate and the services of api
//!                                ├─ gRPC-Web ──▶ grpc_web ─ a call ─▶ (the same)
//!                                ├─ /v1/events ▶ events ─── a call ─▶ (the same)
//!                                ├─ /console/ ─▶ console
//!                                └─ the rest ──▶ openapi, problem
//! ```
//! Each way turns a request into a gRPC call in front of the gate, so keys, roles, limits, budgets,
//! deadlines and metrics are those of gRPC. The listener hands every request to [`Front::call`].

mod console;
mod events;
mod front;
mod grpc_web;
mod openapi;
mod origins;
mod problem;

pub use front::{Answering, Front};
pub use origins::{Origin, OriginError};
