//! Whether a webhook gets an event.

mod pattern;
mod rule;
mod rules;

pub use pattern::Pattern;
use rule::{Rule, Verdict};
pub use rules::{Acceptance, Matching, RuleResult, Rules};
