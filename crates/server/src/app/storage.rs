//! The store of a server, and the thread that commits to it.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use tenterhook_api::TokenKey;
use tenterhook_model::{Clock, OsEntropy};
use tenterhook_store::{Gauges, Node, OpenError, Ownership, Reads, Store, StoreOptions, exists, shown_url};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::relay::Holder;
use super::sealing::{self, Keys};
use crate::config::Config;
use crate::failure::InWords;
use crate::telemetry::metrics::Metrics;

/// What came of opening a store.
pub(super) enum Opened {
    /// It is open.
    Store(Storage),
    /// Another node has the database.
    Held {
        /// Which one, and where it is.
        holder: Holder,
        /// When its lease ends, unless it is renewed.
        left: Duration,
    },
}

/// An open store.
#[derive(Debug)]
pub(super) struct Storage {
    /// What the service uses of it.
    pub(super) store: Arc<dyn Store>,
    /// Signs page and resume tokens.
    pub(super) tokens: TokenKey,
    /// The thread that commits.
    writer: thread::JoinHandle<()>,
    /// Answers when that thread has ended.
    ended: oneshot::Receiver<()>,
}

impl Storage {
    /// Opens the store of `config` and starts its writer. Another node that has the database is waited for no longer
    /// than `patience`.
    ///
    /// # Errors
    /// When it cannot be opened: it is in use, damaged, or sealed with another key.
    pub(super) async fn open(
        config: &Config,
        patience: Duration,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Opened> {
        let (url, key_file, operational_events) =
            (config.store.clone(), config.sealing_key_file.clone(), config.operational_events);
        let node = Node { patience, ..config.node.clone() };
        let held = |node, epoch, address: Option<String>, left| {
            let address = address.and_then(|address| address.parse().ok());
            Opened::Held { holder: Holder { node, epoch, address }, left }
        };
        let opening = tokio::task::spawn_blocking(move || {
            let keys = match key_file.or_else(|| sealing::default_place(&url)) {
                // A new key would open nothing, and stand where the right one has to go.
                Some(path)
                    if sealing::try_load(&path)?.is_none()
                        && exists(&url).with_context(|| format!("cannot open the store {}", shown_url(&url)))? =>
                {
                    bail!(
                        "the sealing key {} of the store {} is missing; restore it, or name it with --sealing-key-file",
                        path.display(),
                        shown_url(&url)
                    )
                }
                Some(path) => sealing::load_or_make(&path, &OsEntropy)?,
                None => Keys::forgettable(&OsEntropy),
            };
            let reads = if url == "memory:" { Reads::Inline } else { Reads::Blocking };
            let entropy = Arc::new(OsEntropy);
            let options = StoreOptions {
                clock,
                entropy,
                sealing_key: keys.sealing,
                reads,
                operational_events,
                node,
                observer: Some(metrics),
            };
            match tenterhook_store::open(&url, options) {
                Err(OpenError::Held { node, left, epoch, address }) => {
                    Ok(Err(Box::new(held(node, epoch, address, left))))
                }
                opened => opened
                    .map(|opened| Ok((opened, keys.tokens)))
                    .with_context(|| format!("cannot open the store {}", shown_url(&url))),
            }
        });
        let ((store, writer), tokens) = match opening.await.context("the store was not opened")?? {
            Ok(opened) => opened,
            Err(held) => return Ok(*held),
        };
        let (tell, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("store".to_owned());
        let runtime = Handle::current();
        let writer = thread.spawn(move || {
            writer.run(&runtime);
            // Nobody listens any more when the server has ended already.
            let _ = tell.send(());
        });
        let writer = writer.context("cannot start the store's thread")?;
        Ok(Opened::Store(Self { store, tokens, writer, ended }))
    }

    /// Waits until another node has taken the store over, if one can.
    pub(super) fn lost(&self) -> impl Future<Output = ()> + use<> {
        let mut ownership = self.store.ownership();
        async move {
            // One that nobody can take is never told of.
            if ownership.wait_for(|now| *now == Ownership::Lost).await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// What is open now; nothing when the store cannot tell.
    pub(super) async fn gauges(&self) -> Gauges {
        self.store.gauges().await.unwrap_or_default()
    }

    /// Waits until the writer has ended by itself, which it does only after a fault.
    pub(super) async fn failed(&mut self) {
        let _ = (&mut self.ended).await;
    }

    /// Closes the store; what waits is committed first.
    ///
    /// # Errors
    /// When the writer ended in a panic.
    pub(super) async fn close(self) -> Result<()> {
        self.store.close();
        let joined = tokio::task::spawn_blocking(move || self.writer.join()).await;
        joined.context("the store was not closed")?.map_err(|_| anyhow::anyhow!("the store's writer panicked"))
    }
}
