//! What stands in front of every service: access, deadlines, limits, budgets, panics.

mod answer;
mod budget;
mod connection;
mod gate;
mod intake;
mod peer;
mod trail;

pub use connection::{Budgets, Connection};
pub(crate) use gate::{GateLayer, GateState, TraceParent, is_too_large, too_large};
pub(crate) use intake::{Charge, OPEN_MESSAGE_BYTES};
pub use peer::PeerNames;
