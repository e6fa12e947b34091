//! One attempt: prepare the request, send it, write down how it went.
//!
//! The dispatcher makes every attempt of a delivery here, and the API the one of TestWebhook, so
//! that a test shows exactly what a delivery would do. [`make`] always returns an [`Attempt`]: a
//! failed template, a broken connection, a panic and an interruption are outcomes. It decides
//! nothing: whether to try again is the policy's question, and the store is the caller's.
//!
//! Other nodes may make attempts for this one: see [`Elsewhere`].
//!
//! [`Attempt`]: tenterhook_model::Attempt

mod deliver;
mod draft;
mod elsewhere;
mod job;
mod make;
mod trace;

#[cfg(test)]
mod tests;

pub use deliver::Deliver;
pub use elsewhere::{Elsewhere, Load, Nowhere, Place, make_at};
pub use job::Job;
pub use make::{Made, Tools, make};
pub use trace::{AttemptLabel, AttemptSpan, AttemptTrace, PassThrough};
