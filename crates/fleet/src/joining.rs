//! Who joins.

use serde::{Deserialize, Serialize};
use tenterhook_model::limits;

/// A node that offers to make attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joining {
    /// What it is called.
    pub node: String,
    /// Its version; attempts go only to nodes of the same one.
    pub version: String,
    /// How many attempts it makes at once.
    pub room: usize,
}

impl Joining {
    /// A node of this version.
    pub fn new(node: String, room: usize) -> Self {
        Self { node, version: env!("CARGO_PKG_VERSION").to_owned(), room }
    }

    /// Why it may not join, if it may not.
    pub(crate) fn fault(&self) -> Option<String> {
        let (own, most) = (env!("CARGO_PKG_VERSION"), limits::IN_FLIGHT_MAX);
        if self.version != own {
            return Some(format!("it has version {}, the node that serves {own}", self.version));
        }
        let is_legal = (1..=most).contains(&self.room);
        (!is_legal).then(|| format!("it offers to make {} attempts at once; 1 to {most} are possible", self.room))
    }
}
