//! The store of a server, and the thread that commits to it.

use std::sync::Arc;
use std::thread;

use anyhow::{Result, bail};
use tenterhook_api::TokenKey;
use tenterhook_model::{Clock, OsEntropy};
use tenterhook_store::{Gauges, Reads, Store, StoreOptions, exists, shown_url};
use tokio::sync::oneshot;

use super::sealing::{self, Keys};
use crate::config::Config;
use crate::failure::InWords;
use crate::telemetry::metrics::Metrics;

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
    /// Opens the store of `config` and starts its writer.
    ///
    /// # Errors
    /// When it cannot be opened: it is in use, damaged, or sealed with another key.
    pub(super) async fn open(config: &Config, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Result<Self> {
        let (url, key_file, operational_events) =
            (config.store.clone(), config.sealing_key_file.clone(), config.operational_events);
        let opening = tokio::task::spawn_blocking(move || {
            let keys = match key_file.or_else(|| sealing::default_place(&url)) {
                // A new key would open nothing, and stand where the right one has to go.
                Some(path) if sealing::try_load(&path)?.is_none() && exists(&url) => bail!(
                    "the sealing key {} of the store {} is missing; restore it, or name it with --sealing-key-file",
                    path.display(),
                    shown_url(&url)
                ),
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
                observer: Some(metrics),
            };
            let opened = tenterhook_store::open(&url, options);
            opened
                .map(|opened| (opened, keys.tokens))
                .with_context(|| format!("cannot open the store {}", shown_url(&url)))
        });
        let ((store, writer), tokens) = opening.await.context("the store was not opened")??;
        let (tell, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("store".to_owned());
        let writer = thread.spawn(move || {
            writer.run();
            // Nobody listens any more when the server has ended already.
            let _ = tell.send(());
        });
        Ok(Self { store, tokens, writer: writer.context("cannot start the store's thread")?, ended })
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
