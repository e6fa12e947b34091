//! Calls that come to a node while another one has the database: they are forwarded to it, whatever they are,
//! as HTTP, so that every call works on every node.
//!
//! ```text
//! door ─▶ clerk (one a connection) ─┬─ this node serves ─▶ front
//!                                   └─ another one does ─▶ dial ─▶ proof ─▶ the door of that node
//! ```
//! Each client's connection has one of its own to the node that serves, on which it is introduced: so the limits
//! and budgets of that node count it as if it had come there, a slow client delays no other, and back-pressure and
//! cancellation go through. What comes from another node is never forwarded again.
//!
//! A node that stands by also makes attempts for the one that serves, over a connection of its own (see `duty`).

mod clerk;
mod cuttable;
mod dial;
mod duty;
mod messages;
pub(crate) mod proof;
mod relayed;
mod rewrite;
mod standing;

use std::sync::Arc;

use tenterhook_fleet::Fleet;
use tenterhook_http::Front;
use tenterhook_model::OsEntropy;
use tenterhook_store::{Carrier, SealingKey};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use clerk::DIAL_TIMEOUT;
use dial::{Tasks, Unreached, dial};
use proof::NodeKey;
use standing::Standing;

pub(crate) use clerk::{Clerk, Clerking, Client};
pub(crate) use duty::SendingFor;
pub(crate) use standing::{Holder, Relay};

/// The nodes on one database, as one of them works with the others. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Company {
    /// What they prove to each other.
    pub(crate) key: NodeKey,
    /// Writes and reads what they send each other.
    pub(crate) carrier: Carrier,
    /// Those that make attempts for this one.
    pub(crate) fleet: Fleet,
}

impl Company {
    /// The nodes that prove `key` to each other and have this sealing key.
    pub(crate) fn new(key: NodeKey, sealing: &SealingKey) -> Self {
        Self { key, carrier: Carrier::new(sealing, Arc::new(OsEntropy)), fleet: Fleet::default() }
    }
}

/// Where calls are answered.
#[derive(Debug, Clone)]
pub(crate) enum Desk {
    /// Always here.
    Here(Arc<Front>),
    /// By whoever has the database.
    Relay(Relay),
}

impl Desk {
    /// What answers the calls of one connection, in tasks of `calls`.
    pub(crate) fn clerk(&self, client: Client, calls: &TaskTracker) -> Clerk {
        match self {
            Self::Here(front) => Clerk::here(front.clone(), &client),
            Self::Relay(relay) => Clerk::by_relay(relay.clone(), client, calls.clone()),
        }
    }
}

/// Whether the calls of a node that stands by are answered, in the words of `/readyz`.
///
/// # Errors
/// Why they are not.
pub(crate) async fn readiness(relay: &Relay) -> Result<String, String> {
    let standing = relay.standing().borrow().clone();
    match standing {
        Standing::Nobody => Err("no node has the database at the moment".to_owned()),
        Standing::Here(_) => Ok("ok".to_owned()),
        Standing::There(holder) => match reached(relay, &holder).await {
            Ok(()) => Ok(format!("ok: calls are forwarded to the node `{}`, which has the database", holder.node)),
            Err(why) => Err(format!("the node `{}` has the database and is not reached: {why}", holder.node)),
        },
    }
}

/// Whether a node is reached now.
async fn reached(relay: &Relay, holder: &Holder) -> Result<(), Unreached> {
    let address = holder.address.as_ref().ok_or(Unreached::Address)?;
    let reached = timeout(DIAL_TIMEOUT, dial(address, relay.key(), None, Tasks::default())).await;
    reached.unwrap_or(Err(Unreached::Silent)).map(drop)
}

/// A connection to a node, encrypted as nodes do it.
#[cfg(test)]
pub(crate) async fn encrypted(
    stream: tokio::net::TcpStream,
) -> Option<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
    dial::encrypted(stream, "127.0.0.1").await.ok()
}
