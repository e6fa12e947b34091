//! The engine of `sled:DIR`: a log-structured tree in the directory itself.
//!
//! `flush` of sled 0.34 writes its log without forcing it to stable storage, so each commit
//! forces the file by itself. Of sled only one tree and atomic batches are used; its timer,
//! watchers, merge operators, generated ids and transactions are not.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;

use super::place::{self, Place};
use super::{Batch, Kv, Pair, Span};
use crate::error::{OpenError, StoreError};

/// Bytes of the engine's cache; its pages take several times as much in memory.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// How often a locked database is tried in all.
const LOCK_ATTEMPTS: u32 = 100;
/// The wait between two of these attempts.
const LOCK_WAIT: Duration = Duration::from_millis(20);
/// The file of sled's log within its directory.
const LOG: &str = "db";

/// A store in a sled directory.
pub struct SledKv {
    place: Place,
    directory: PathBuf,
    database: sled::Db,
    log: File,
}

impl fmt::Debug for SledKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SledKv({})", self.directory.display())
    }
}

impl SledKv {
    /// Opens the store in the directory, or makes one.
    ///
    /// # Errors
    /// When the directory cannot be used, is in use, or holds something else.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let place = Place::take(directory, place::Holds::Sled)?;
        let database = open_database(directory)?;
        let log = File::open(directory.join(LOG)).map_err(place::failed)?;
        Ok(Self { place, directory: directory.to_owned(), database, log })
    }
}

/// Opens sled in a directory that this process has taken. The threads of a database that was
/// closed just before hold its lock for a little longer, so one that is locked is tried again.
fn open_database(directory: &Path) -> Result<sled::Db, OpenError> {
    let config = sled::Config::new().path(directory).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    for attempt in 1.. {
        match config.open() {
            Err(sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                if attempt == LOCK_ATTEMPTS {
                    break;
                }
                std::thread::sleep(LOCK_WAIT);
            }
            opened => return opened.map_err(|error| OpenError::Store(error.into())),
        }
    }
    Err(OpenError::Locked(directory.display().to_string()))
}

impl Kv for SledKv {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.database.get(key)?.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError> {
        if span.from >= span.to {
            return Ok(Vec::new());
        }
        let mut range = self.database.range(span.from..span.to);
        let mut pairs = Vec::new();
        while pairs.len() < span.limit {
            let next = if span.reverse { range.next_back() } else { range.next() };
            let Some(next) = next else { break };
            let (key, value) = next?;
            pairs.push((Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&value)));
        }
        Ok(pairs)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut writes = sled::Batch::default();
        for (key, value) in batch.iter() {
            match value {
                Some(value) => writes.insert(&**key, &**value),
                None => writes.remove(&**key),
            }
        }
        self.database.apply_batch(writes)?;
        self.database.flush()?;
        self.log.sync_data().map_err(place::failed)
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        // sled gives segments back by itself; all there is to do is to write what is in memory.
        self.database.flush()?;
        self.log.sync_data().map_err(place::failed)
    }

    fn size(&self) -> Result<u64, StoreError> {
        Ok(self.database.size_on_disk()?)
    }

    fn is_nearly_full(&self) -> bool {
        self.place.is_nearly_full(0)
    }

    fn verify(&mut self) -> Result<bool, StoreError> {
        // Every page carries a checksum that is checked as it is read; so read all.
        for pair in self.database.iter() {
            match pair {
                Ok(_) => {}
                Err(sled::Error::Corruption { .. }) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => place::failed(error),
            sled::Error::Corruption { .. } => Self::Damaged("the log of sled".into()),
            error => Self::Failed(error.to_string()),
        }
    }
}
