//! What stands in front of every service: access, deadlines, limits, panics.

mod gate;
mod peer;

pub(crate) use gate::{GateLayer, GateState, TraceParent, is_too_large, too_large};
pub use peer::PeerNames;
