//! Who a process is among those that share a database.

use std::time::Duration;

use tenterhook_model::limits;

/// Who a process is among those that share a database.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is called in messages and in the database.
    pub name: String,
    /// How long its lease is.
    pub lease: Duration,
    /// How long it waits for the lease of another one before it is refused.
    pub patience: Duration,
    /// Where other nodes reach it while it has the database: `http://HOST:PORT` or `https://HOST:PORT`.
    pub address: Option<String>,
}

impl Node {
    /// A command that works on a store which no server has open.
    pub(crate) fn of_command() -> Self {
        Self { name: "a command".to_owned(), ..Self::default() }
    }
}

impl Default for Node {
    fn default() -> Self {
        Self { name: String::new(), lease: limits::LEASE, patience: Duration::ZERO, address: None }
    }
}
