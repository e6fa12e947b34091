//! The client against a scripted server, the shared signature vectors, and the README's program.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod calls;
mod conformance;
mod contains;
mod custom;
mod fake;
mod json;
#[cfg(feature = "otel")]
mod otel;
mod readme;
mod receive;
mod reference;
mod testing;
mod verify;
mod watch;
