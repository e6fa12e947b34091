//! What the node that serves lets others send with.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::Clock;
use tenterhook_store::{Carrier, Ownership};
use tokio::sync::watch;

/// What a node needs to let others make attempts.
#[derive(Debug)]
pub struct Granting {
    /// Writes what they need, and reads what they answer.
    pub carrier: Carrier,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Whether this node may send, and let others do so.
    pub ownership: watch::Receiver<Ownership>,
    /// How long they may send without asking again.
    pub grant: Duration,
}

impl Granting {
    /// Whether other nodes may be let send.
    pub(crate) fn may_grant(&self) -> bool {
        *self.ownership.borrow() == Ownership::Held
    }
}
