//! How Python prints: `str`, `repr` and `json.dumps`, to the byte.
//!
//! Receivers that moved here from NetBox compare and sign what Python wrote, so
//! the default body and every value that a template prints go through this
//! module. It knows nothing of templates; both halves of the engine use it.

/// Digits of all scripts.
pub mod digit;
/// `repr` of a `float`, and what `float()` accepts.
pub mod float;
/// `json.dumps`.
pub mod json;
mod printable;
/// `repr` of a `str`, and what counts as a blank or a line end.
pub mod text;
