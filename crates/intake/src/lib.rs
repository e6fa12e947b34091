//! The way of an event into the store.
//!
//! ```text
//! Event ─▶ EventContext ─▶ match ─▶ digest ─▶ Publishing::publish
//!            (contexts)    (index)  (digest)
//! ```
//! The API reads an event off the wire, checks it and hands it over here; the simulation does
//! the same without a wire. Each event gets one [`EventContext`]: what matching has parsed is
//! what the dispatcher renders. Webhooks are compiled when they are saved and at the start,
//! never while an event waits.
//!
//! [`EventContext`]: tenterhook_engine::EventContext

mod announce;
mod digest;
mod failures;
mod index;
mod intake;
mod matcher;
mod means;
mod meter;
#[cfg(test)]
mod tests;

pub use announce::{Announcer, Describe};
pub use digest::content_digest;
pub use failures::RuleFailure;
pub use intake::{Intake, Parts};
pub use meter::{Meter, Unmetered};
