//! Whether a webhook gets an event.

mod pattern;
mod rule;

pub use pattern::Pattern;
pub(crate) use rule::{Rule, Verdict, patterns};
