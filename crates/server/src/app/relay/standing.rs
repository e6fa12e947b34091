//! Who has the database, as the calls of a node that stands by need to know it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::Uri;
use tenterhook_http::Front;
use tenterhook_model::limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::dial::Unreached;
use super::proof::NodeKey;

/// Who answers calls now.
#[derive(Debug, Clone)]
pub(crate) enum Standing {
    /// Nobody that is known.
    Nobody,
    /// Another node, which has the database.
    There(Arc<Holder>),
    /// This node.
    Here(Arc<Front>),
}

impl Standing {
    /// Which node, if it is another.
    pub(super) fn epoch(&self) -> Option<u64> {
        match self {
            Self::There(holder) => Some(holder.epoch),
            Self::Nobody | Self::Here(_) => None,
        }
    }
}

/// The node that has the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    /// What it is called.
    pub(crate) node: String,
    /// Another number is another node, or another life of it.
    pub(crate) epoch: u64,
    /// Where its API is; `None` where it has not said so.
    pub(crate) address: Option<Uri>,
}

/// What the connections of a node that stands by share. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Relay(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    standing: watch::Sender<Standing>,
    key: NodeKey,
    /// Places for calls that wait for a node.
    waiting: Arc<Semaphore>,
    /// Cancelled when this node begins to stop.
    draining: CancellationToken,
    /// The epoch of the node of which the log has said that it is not reached.
    complained: AtomicU64,
}

impl Relay {
    /// One that forwards to nobody yet, and nothing more once `draining` is cancelled.
    pub(crate) fn new(key: NodeKey, draining: CancellationToken) -> Self {
        let waiting = Arc::new(Semaphore::new(limits::WAITING_CALLS));
        let (standing, complained) = (watch::Sender::new(Standing::Nobody), AtomicU64::new(u64::MAX));
        Self(Arc::new(Shared { standing, key, waiting, draining, complained }))
    }

    /// Another node has the database from now on; `None` when nobody has.
    pub(crate) fn forward_to(&self, holder: Option<Holder>) {
        self.0.standing.send_if_modified(|now| {
            let is_new = match (&*now, &holder) {
                (Standing::There(before), Some(holder)) => **before != *holder,
                (Standing::Nobody, None) => false,
                _ => true,
            };
            if is_new {
                *now = holder.map_or(Standing::Nobody, |holder| Standing::There(Arc::new(holder)));
            }
            is_new
        });
    }

    /// This node serves from now on, calls that wait included.
    pub(crate) fn serve(&self, front: Front) {
        self.0.standing.send_replace(Standing::Here(Arc::new(front)));
    }

    /// Who answers calls.
    pub(super) fn standing(&self) -> &watch::Sender<Standing> {
        &self.0.standing
    }

    /// What nodes prove to each other.
    pub(super) fn key(&self) -> &NodeKey {
        &self.0.key
    }

    /// Cancelled when this node begins to stop.
    pub(super) fn draining(&self) -> &CancellationToken {
        &self.0.draining
    }

    /// A place for a call that waits for a node, if there is one.
    pub(super) fn place_to_wait(&self) -> Option<OwnedSemaphorePermit> {
        self.0.waiting.clone().try_acquire_owned().ok()
    }

    /// Says in the log that a node is not reached, once for each.
    pub(super) fn complain(&self, holder: &Holder, why: Unreached) {
        if self.0.complained.swap(holder.epoch, Ordering::Relaxed) != holder.epoch {
            let address = holder.address.as_ref().map(ToString::to_string).unwrap_or_default();
            let node = &holder.node;
            tracing::warn!(node, address, %why, "the node that has the database is not reached; calls wait for it or for the next");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_calls_wait_and_no_more() {
        let relay = Relay::new(NodeKey::of_sealing(&[1; 32]), CancellationToken::new());
        let mut places: Vec<_> = (0..limits::WAITING_CALLS).map(|_| relay.place_to_wait().unwrap()).collect();
        assert!(relay.place_to_wait().is_none());
        places.pop();
        assert!(relay.place_to_wait().is_some());
    }

    #[test]
    fn only_another_node_or_another_life_of_it_is_news() {
        let relay = Relay::new(NodeKey::of_sealing(&[1; 32]), CancellationToken::new());
        let holder = |epoch| Some(Holder { node: "first".to_owned(), epoch, address: None });
        let mut standing = relay.standing().subscribe();
        for (next, is_news) in
            [(None, false), (holder(1), true), (holder(1), false), (holder(2), true), (None, true), (None, false)]
        {
            relay.forward_to(next);
            assert_eq!(standing.has_changed().unwrap(), is_news);
            standing.mark_unchanged();
        }
    }
}
