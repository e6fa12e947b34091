//! What an engine must do: ordered keys, ranges, and batches that are durable when they return.
//! Nothing but the files in this folder knows an engine.

mod batch;
mod caught;
mod memory;
pub(crate) mod place;
mod postgres;
mod redb;
mod sled;
#[cfg(test)]
mod tests;
mod watched;

use std::fmt::Debug;
use std::future::ready;
use std::pin::Pin;

use bytes::Bytes;
use tokio::sync::watch;

pub use self::redb::RedbKv;
pub(crate) use self::redb::RedbSalvage;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use self::redb::fuzz_log;
pub use self::sled::SledKv;
pub use batch::Batch;
pub use caught::is_inside_engine;
pub use memory::MemoryKv;
pub use postgres::{Node, PostgresKv};
pub(crate) use watched::Watched;

use crate::error::StoreError;
use crate::ownership::Ownership;

/// A key and its value.
pub type Pair = (Bytes, Bytes);

/// Keys from `from` (included) to `to` (excluded), at most `limit` of them.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// The first key of the span.
    pub from: &'a [u8],
    /// The key after its last.
    pub to: &'a [u8],
    /// At most this many pairs.
    pub limit: usize,
    /// Whether to begin at the end.
    pub reverse: bool,
}

impl<'a> Span<'a> {
    /// The first `limit` keys from `from` to `to`, in order.
    pub fn new(from: &'a [u8], to: &'a [u8], limit: usize) -> Self {
        Self { from, to, limit, reverse: false }
    }

    /// The last keys instead of the first, and backwards.
    pub fn reversed(self) -> Self {
        Self { reverse: true, ..self }
    }
}

/// All pairs of an engine as they were at one moment, whatever is written later.
pub trait View: Debug + Send + Sync {
    /// The pairs of a span.
    ///
    /// # Errors
    /// When the engine fails.
    fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError>;
}

/// An engine: one ordered map of bytes to bytes on stable storage.
pub trait Kv: Debug + Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// When the engine fails; so for every call below.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// The values of several keys, in their order. An engine that is far away reads them at once.
    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>, StoreError> {
        keys.iter().map(|key| self.get(key)).collect()
    }

    /// The pairs of a span.
    fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError>;

    /// The pairs as they are now, with every commit that has returned and none that begins later. It
    /// keeps what is removed meanwhile on the disk for as long as it is held.
    ///
    /// # Errors
    /// [`StoreError::NoViews`] when the engine has none.
    fn view(&self) -> Result<Box<dyn View>, StoreError>;

    /// Writes all of the batch or nothing; it is on stable storage when this returns.
    fn commit(&self, batch: Batch) -> Result<(), StoreError>;

    /// Gives space back to the file system where the engine can, taking its time.
    fn compact(&mut self) -> Result<(), StoreError>;

    /// Erases removed pairs from the files while the engine is in use, if it can: afterwards
    /// they hold nothing but what was there when this was called, and what came since. Returns
    /// `false` when the engine had no room or was too busy, so that it must be tried again, and
    /// when `is_wanted` became false meanwhile.
    fn erase(&self, _is_wanted: &dyn Fn() -> bool) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// Bytes that the engine takes on disk, or in memory.
    fn size(&self) -> Result<u64, StoreError>;

    /// Whether so little of the disk is left that new events must be refused.
    fn is_nearly_full(&self) -> bool {
        false
    }

    /// After a failed commit: tries what the engine still has to do on the disk, and whether there
    /// is room for a commit as large as the one that failed.
    fn probe(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether each call waits for a network, so that a task may not make it.
    fn is_remote(&self) -> bool {
        false
    }

    /// Whether this process may begin to send at this moment: the engine is its own.
    fn may_send(&self) -> bool {
        true
    }

    /// Waits while nobody can say whether it may: until the engine has answered, or is known to be away.
    fn certain(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(ready(()))
    }

    /// Whether it may go on with what it has begun, told at each change; never, where the engine cannot be taken away.
    fn ownership(&self) -> watch::Receiver<Ownership> {
        watch::Sender::new(Ownership::Held).subscribe()
    }

    /// Says that the store is closing: a commit may no longer wait for the engine without end.
    fn closing(&self) {}

    /// Gives the engine up after the last commit; reads may follow.
    fn close(&self) {}

    /// Whether what the engine itself can check is whole.
    fn verify(&mut self) -> Result<bool, StoreError> {
        Ok(true)
    }
}
