//! What stands in front of every service: access, deadlines, limits, budgets, panics.

mod answer;
mod budget;
mod connection;
mod forwarded;
mod gate;
mod held;
mod intake;
mod peer;
mod refusals;
mod shapes;
mod trail;
mod transport;
mod walk;

pub use connection::{Budgets, Connection, Kept, Occupied};
pub use forwarded::Forwarded;
pub use gate::is_grpc;
pub(crate) use gate::{GateLayer, GateState, TraceParent};
pub use held::Held;
pub(crate) use intake::{Charge, OPEN_MESSAGE_BYTES};
pub use peer::PeerNames;
pub use refusals::Refusals;
pub(crate) use transport::reworded;
pub use transport::too_large;
