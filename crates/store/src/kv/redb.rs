//! The engine of `redb:DIR`: a copy-on-write B-tree in one file, DIR/tenterhook.redb.
//!
//! Every commit is durable when it returns, and saves what a restart after a crash needs
//! (`set_quick_repair`), so that opening takes milliseconds whatever the size.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use redb::{
    Builder, CommitError, Database, DatabaseError, Durability, ReadOnlyTable, ReadableDatabase, StorageError,
    TableDefinition, TableError, TransactionError,
};

use super::place::{self, Place};
use super::{Batch, Kv, Pair, Span};
use crate::error::{OpenError, StoreError};

/// The one table.
const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("tenterhook");
/// The file within the directory.
pub(crate) const FILE: &str = "tenterhook.redb";
/// Bytes of the engine's page cache; the operating system caches the file too.
const CACHE_BYTES: usize = 24 * 1024 * 1024;

/// The state of the table after the last commit, for readers.
type Snapshot = Arc<ReadOnlyTable<&'static [u8], &'static [u8]>>;

/// A store in a redb file.
pub struct RedbKv {
    place: Place,
    file: PathBuf,
    /// `None` after a failure until the file has been opened again.
    database: Mutex<Option<Database>>,
    snapshot: RwLock<Option<Snapshot>>,
}

impl fmt::Debug for RedbKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedbKv({})", self.file.display())
    }
}

impl RedbKv {
    /// Opens the store in the directory, or makes one.
    ///
    /// # Errors
    /// When the directory cannot be used, is in use, or holds something else.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let place = Place::take(directory, place::Holds::Redb)?;
        let file = directory.join(FILE);
        let database = open_file(&file)?;
        let snapshot = snapshot(&database)?;
        Ok(Self { place, file, database: Mutex::new(Some(database)), snapshot: RwLock::new(Some(snapshot)) })
    }

    fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let snapshot = self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone();
        snapshot.ok_or_else(|| StoreError::Failed("the file could not be opened again after a failure".into()))
    }

    fn show(&self, snapshot: Option<Snapshot>) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    /// After a failed write the engine takes no more until the file has been opened anew.
    fn open_again(&self, database: &mut Option<Database>) -> Result<(), StoreError> {
        self.show(None);
        drop(database.take());
        let opened = open_file(&self.file).map_err(|error| StoreError::Failed(error.to_string()))?;
        self.show(Some(snapshot(&opened)?));
        *database = Some(opened);
        Ok(())
    }
}

fn open_file(file: &Path) -> Result<Database, OpenError> {
    let opened = Builder::new().set_cache_size(CACHE_BYTES).create(file);
    let database = opened.map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            OpenError::Locked(file.display().to_string())
        }
        DatabaseError::Storage(error) => OpenError::Store(error.into()),
        error => OpenError::Store(StoreError::Failed(error.to_string())),
    })?;
    let write = || -> Result<(), StoreError> {
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(true);
        transaction.open_table(TABLE)?;
        Ok(transaction.commit()?)
    };
    write()?;
    Ok(database)
}

fn snapshot(database: &Database) -> Result<Snapshot, StoreError> {
    Ok(Arc::new(database.begin_read()?.open_table(TABLE)?))
}

fn write(database: &Database, batch: &Batch) -> Result<(), StoreError> {
    let mut transaction = database.begin_write()?;
    let durable = transaction.set_durability(Durability::Immediate);
    assert!(durable.is_ok(), "only persistent savepoints limit the durability, and there are none");
    transaction.set_quick_repair(true);
    {
        let mut table = transaction.open_table(TABLE)?;
        for (key, value) in batch.iter() {
            match value {
                Some(value) => table.insert(key, value)?,
                None => table.remove(key)?,
            };
        }
    }
    Ok(transaction.commit()?)
}

impl Kv for RedbKv {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let value = self.snapshot()?.get(key)?;
        Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
    }

    fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError> {
        if span.from >= span.to {
            return Ok(Vec::new());
        }
        let mut range = self.snapshot()?.range(span.from..span.to)?;
        let mut pairs = Vec::new();
        while pairs.len() < span.limit {
            let next = if span.reverse { range.next_back() } else { range.next() };
            let Some(next) = next else { break };
            let (key, value) = next?;
            pairs.push((Bytes::copy_from_slice(key.value()), Bytes::copy_from_slice(value.value())));
        }
        Ok(pairs)
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        if database.is_none() {
            self.open_again(&mut database)?;
        }
        let open = database.as_ref().expect("it was opened again above, or the error returned");
        match write(open, batch).and_then(|()| snapshot(open)) {
            Ok(snapshot) => {
                self.show(Some(snapshot));
                Ok(())
            }
            Err(error) => {
                // If this fails too, the next commit tries again.
                let _later = self.open_again(&mut database);
                Err(error)
            }
        }
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.show(None);
        let database = self.database.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = database else { return Err(StoreError::Closed) };
        open.compact().map_err(|error| StoreError::Failed(error.to_string()))?;
        let shown = snapshot(open)?;
        self.show(Some(shown));
        Ok(())
    }

    fn size(&self) -> Result<u64, StoreError> {
        Ok(std::fs::metadata(&self.file).map_err(place::failed)?.len())
    }

    fn is_nearly_full(&self) -> bool {
        self.place.is_nearly_full()
    }

    fn verify(&mut self) -> Result<bool, StoreError> {
        self.show(None);
        let database = self.database.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = database else { return Err(StoreError::Closed) };
        let whole = open.check_integrity().map_err(|error| StoreError::Failed(error.to_string()))?;
        let shown = snapshot(open)?;
        self.show(Some(shown));
        Ok(whole)
    }
}

impl From<StorageError> for StoreError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Io(error) => place::failed(error),
            StorageError::Corrupted(what) => Self::Damaged(what),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<TransactionError> for StoreError {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Storage(error) => error.into(),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<TableError> for StoreError {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Storage(error) => error.into(),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<CommitError> for StoreError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Storage(error) => error.into(),
            error => Self::Failed(error.to_string()),
        }
    }
}
