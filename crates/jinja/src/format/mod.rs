//! Python's ways to format: `%`, `str.format` and the format specifications.

mod brace;
mod number;
mod percent;
mod spec;

pub(crate) use brace::{Source, brace};
pub(crate) use number::fixed;
pub(crate) use percent::percent;
