//! Match, render and sign: turns a webhook and an event into the exact request.
//!
//! ```text
//! Webhook ──compile──▶ Compiled ──▶ Rules ──accepts(EventContext)──▶ Acceptance
//!                          │
//!                          └─────prepare(EventContext, AttemptFacts)──▶ PreparedRequest
//! ```
//! The API compiles to check, the intake matches, the dispatcher prepares every attempt.
//! Nothing here does I/O, reads a clock or needs an async runtime.

mod compilations;
mod compiled;
mod conditions;
mod contexts;
mod default_body;
mod event_context;
/// Bodies of fuzz targets.
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod matching;
mod preview;
mod render;
mod request;
/// Signatures: made by the server, checked by a receiver.
pub mod signature;
mod single;
#[cfg(test)]
mod tests;

pub use compilations::{Compilations, Staged};
pub use compiled::{Compiled, compile, compile_with};
pub use contexts::Contexts;
pub use event_context::EventContext;
pub use matching::{Acceptance, Matching, Pattern, RuleResult, Rules};
pub use preview::{Preview, PreviewOf, preview, preview_in, preview_with};
pub use render::{InProcess, Render};
pub use request::{AttemptFacts, Draft, FieldTemplate, RenderFault, Rendered};
pub use signature::{sign, verify};
