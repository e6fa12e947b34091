//! Whether a webhook gets an event.

mod pattern;
mod rule;

pub(crate) use pattern::Pattern;
pub(crate) use rule::{Rule, Verdict, patterns};
