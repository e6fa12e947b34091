//! Attempts shared out among nodes: the node that serves decides, every node sends.
//!
//! ```text
//! the node that serves                                a node that stands by
//!   dispatcher ─▶ Fleet ─▶ link ──── jobs, cuts ────▶ Duty ─▶ attempt ─▶ receiver
//!                           ▲ ◀──── what became of them ─┘
//!                           └─────── beats and grants ───┘
//! ```
//! The node that serves has the store. It claims, bounds, orders and records as if it were alone; only the attempt itself, from
//! rendering to the answer, is made elsewhere. A node that stands by joins it over a connection that the caller has opened and
//! proved, and says how many attempts it takes at once.
//!
//! # Who may send
//! A node sends only while it has a *grant*, which it asks for with each *beat* and counts from when it asked. So when the node
//! that serves has not given one for as long as a grant lasts, the other has stopped, whatever has become of it; only then
//! are its attempts given up as interrupted, and made again. Grants are given only while the store is held, and are
//! shorter than the rest of a lease that its holder leaves unused: they end before another node can serve.
//!
//! The time of day in attempts and signatures is that of the node that serves.

mod duty;
mod fleet;
mod granting;
mod joining;
mod link;
mod served_time;
mod talk;

#[cfg(test)]
mod tests;

pub use duty::{Duty, Outfit, Relieved};
pub use fleet::Fleet;
pub use granting::Granting;
pub use joining::Joining;
