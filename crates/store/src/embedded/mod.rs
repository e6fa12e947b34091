//! The store over an engine: [`EmbeddedStore`] answers reads itself and hands every
//! write to the one [`Writer`], which commits whatever has gathered at once.

mod claim;
mod counts;
mod deadlines;
mod expire;
mod group;
mod journal;
mod ledger;
mod list;
mod notices;
mod publish;
mod read;
mod save;
mod shared;
mod start;
mod store;
mod timeline;
mod tokens;
mod totals;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::{Clock, DeliveryState, Entropy, WebhookId};
use tokio::runtime::Handle;

pub(crate) use start::{FORMAT, check_format, lane_info, recognise};
pub use store::EmbeddedStore;
use writer::Worker;

use crate::error::OpenError;
use crate::kv::{Kv, Node};
pub(crate) use crate::rows::lane::LaneInfo;
use crate::seal::SealingKey;

/// What a store needs from the one who opens it.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Chance for nonces and the epoch.
    pub entropy: Arc<dyn Entropy>,
    /// The key that seals secrets.
    pub sealing_key: SealingKey,
    /// Where reads that may take long are made.
    pub reads: Reads,
    /// Whether notices are made where a webhook asks for operational events.
    pub operational_events: bool,
    /// Who this process is among those that share a database.
    pub node: Node,
    /// Notified of each commit, for metrics.
    pub observer: Option<Arc<dyn CommitObserver>>,
}

/// Where reads that may take long are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// In the task that asks: for stores in memory, tests and the simulation.
    Inline,
    /// On tokio's threads for blocking work.
    Blocking,
}

/// Is notified of each commit. It must be quick and may not wait.
pub trait CommitObserver: fmt::Debug + Send + Sync + 'static {
    /// A commit of `items` events, settlements and other changes took this long.
    fn committed(&self, items: usize, took: Duration);

    /// A delivery of the webhook reached this final state.
    fn finished(&self, webhook: WebhookId, state: DeliveryState) {
        let _uncounted = (webhook, state);
    }
}

/// The one that commits. It must run for writes to be answered, and ends after
/// [`Observing::close`](crate::Observing::close) when all that waited is committed.
pub struct Writer(Worker);

impl Writer {
    /// Commits until the store is closed, and answers in `runtime`, where its users wait. Blocks: give it
    /// a thread of its own.
    pub fn run(self, runtime: &Handle) {
        self.0.run(runtime);
    }

    /// As [`Writer::run`], within a runtime: for stores in memory, tests and the simulation.
    pub async fn run_inline(self) {
        self.0.run_inline().await;
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl EmbeddedStore {
    /// Opens the store in `kv`, or makes it if there is none.
    ///
    /// # Errors
    /// When it is of another format, the sealing key is not the one that it was made with, or
    /// a record is damaged.
    pub fn open(kv: impl Kv, options: StoreOptions) -> Result<(Arc<Self>, Writer), OpenError> {
        Self::open_any(Box::new(kv), options)
    }

    /// As [`Self::open`], for an engine that a URL has chosen.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn open_any(kv: Box<dyn Kv>, options: StoreOptions) -> Result<(Arc<Self>, Writer), OpenError> {
        let (shared, worker) = start::open(kv, options)?;
        Ok((Arc::new(Self::new(shared)), Writer(worker)))
    }
}
