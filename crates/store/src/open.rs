//! Opening a store by its URL, as `--store` gives it.

use std::sync::Arc;

use crate::Store;
use crate::embedded::{EmbeddedStore, StoreOptions, Writer};
use crate::error::OpenError;
use crate::kv::{Kv, MemoryKv};

/// Opens the store that `url` names: `memory:`. The writer must run for writes to be answered.
///
/// # Errors
/// When the URL names no store, or the store cannot be opened.
pub fn open(url: &str, options: StoreOptions) -> Result<(Arc<dyn Store>, Writer), OpenError> {
    match url.split_once(':') {
        Some(("memory", "")) => open_engine(MemoryKv::default(), options),
        Some(("postgres" | "postgresql", _)) => Err(OpenError::Postgres),
        _ => Err(OpenError::Unknown(url.to_owned())),
    }
}

fn open_engine<K: Kv>(kv: K, options: StoreOptions) -> Result<(Arc<dyn Store>, Writer), OpenError> {
    let (store, writer) = EmbeddedStore::open(kv, options)?;
    Ok((store, writer))
}
