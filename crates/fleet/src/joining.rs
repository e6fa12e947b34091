//! Who joins.

use serde::{Deserialize, Serialize};

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
        let own = env!("CARGO_PKG_VERSION");
        (self.version != own).then(|| format!("it has version {}, the node that serves {own}", self.version))
    }
}
