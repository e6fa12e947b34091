//! How Python prints: `str`, `repr` and `json.dumps`, to the byte.
//!
//! Receivers that moved here from NetBox compare and sign what Python wrote, so
//! the default body and every value that a template prints go through this
//! module. It knows nothing of templates; both halves of the engine use it.

pub mod float;
pub mod json;
mod printable;
pub mod text;
