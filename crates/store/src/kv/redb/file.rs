//! The file DIR/tenterhook.redb: a copy-on-write B-tree.
//!
//! Every write is durable when it returns, and saves what a restart after a crash needs
//! (`set_quick_repair`), so that opening takes milliseconds whatever the size.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use redb::{
    Builder, CommitError, Database, DatabaseError, Durability, ReadOnlyTable, ReadableDatabase, ReadableTableMetadata,
    StorageError, TableDefinition, TableError, TransactionError,
};

use super::super::{Batch, Pair, Span, place};
use super::unfinished::{Missed, forget_unfinished};
use crate::error::{OpenError, StoreError};

/// The table of all records.
pub(super) const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("tenterhook");
/// The table of one row that tells which commit is the last in the file.
const COMMITS: TableDefinition<'_, (), u64> = TableDefinition::new("commits");
/// The table of one row with the bytes of all keys and values.
const LIVE: TableDefinition<'_, (), u64> = TableDefinition::new("live");
/// Bytes of the engine's page cache; the operating system caches the file too.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// The records after the last write, for readers.
type Snapshot = Arc<ReadOnlyTable<&'static [u8], &'static [u8]>>;

/// A redb file with all commits up to one.
pub(super) struct RedbFile {
    path: PathBuf,
    /// `None` after a failure until the file has been opened again.
    database: Mutex<Option<Database>>,
    snapshot: RwLock<Option<Snapshot>>,
    /// What a rewrite that is in progress has to write again.
    pub(super) missed: Mutex<Option<Missed>>,
    /// Bytes of all keys and values in the file; `None` when nobody has counted them.
    live: Mutex<Option<u64>>,
    /// The error of each write, as of a disk that is full.
    #[cfg(test)]
    refusal: Mutex<Option<StoreError>>,
}

impl fmt::Debug for RedbFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedbFile({})", self.path.display())
    }
}

impl RedbFile {
    /// Opens the file in the directory, or makes one.
    pub(super) fn open(directory: &Path) -> Result<Self, OpenError> {
        let path = directory.join(place::REDB_FILE);
        let database = open_database(&path)?;
        let snapshot = snapshot(&database)?;
        let live = live(&database)?;
        forget_unfinished(&path)?;
        Ok(Self {
            path,
            missed: Mutex::default(),
            live: Mutex::new(live),
            database: Mutex::new(Some(database)),
            snapshot: RwLock::new(Some(snapshot)),
            #[cfg(test)]
            refusal: Mutex::default(),
        })
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let value = self.snapshot()?.get(key)?;
        Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
    }

    /// The pairs of a span.
    pub(super) fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError> {
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

    /// The last commit that the file has; 0 when it has none.
    pub(super) fn last_commit(&self) -> Result<u64, StoreError> {
        last_commit(self.database().as_ref().ok_or(StoreError::Closed)?)
    }

    /// Writes all of the batch, which brings the file to commit `last`, or nothing.
    pub(super) fn write(&self, batch: &Arc<Batch>, last: u64) -> Result<(), StoreError> {
        #[cfg(test)]
        if let Some(error) = &*self.refusal.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(error.clone());
        }
        let mut database = self.database();
        if database.is_none() {
            self.open_again(&mut database)?;
        }
        let open = database.as_ref().expect("it was opened again above, or the error returned");
        let live = *self.live();
        match write(open, batch, last, live).and_then(|live| Ok((live, snapshot(open)?))) {
            Ok((live, snapshot)) => {
                *self.live() = live;
                if let Some(missed) = &mut *self.missed() {
                    missed.add(batch, last);
                }
                self.show(Some(snapshot));
                Ok(())
            }
            Err(error) => {
                // If this fails too, the next write tries again.
                let _later = self.open_again(&mut database);
                Err(error)
            }
        }
    }

    /// Fails each write from now on, or none.
    #[cfg(test)]
    pub(super) fn refuse(&self, error: Option<StoreError>) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    /// Gives pages that are not needed back to the file system.
    pub(super) fn compact(&self) -> Result<(), StoreError> {
        self.alone(|open| open.compact().map(|_| ()).map_err(|error| StoreError::Failed(error.to_string())))
    }

    /// Whether the checksums of all pages are right.
    pub(super) fn verify(&self) -> Result<bool, StoreError> {
        self.alone(|open| open.check_integrity().map_err(|error| StoreError::Failed(error.to_string())))
    }

    /// Bytes of the file.
    pub(super) fn size(&self) -> Result<u64, StoreError> {
        Ok(std::fs::metadata(&self.path).map_err(place::failed)?.len())
    }

    /// Bytes of the file that hold nothing, at least: they are used again before it grows. A page
    /// is at least half full, and a value takes at most twice its length.
    pub(super) fn free_bytes(&self) -> u64 {
        let live = *self.live();
        live.map_or(0, |live| self.size().unwrap_or(0).saturating_sub(2 * live))
    }

    pub(super) fn live(&self) -> MutexGuard<'_, Option<u64>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn missed(&self) -> MutexGuard<'_, Option<Missed>> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes another file, which holds the same, in place of the one that is open.
    pub(super) fn replace(&self, database: &mut Option<Database>, by: Database) -> Result<(), StoreError> {
        self.show(Some(snapshot(&by)?));
        drop(database.replace(by));
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn database(&self) -> MutexGuard<'_, Option<Database>> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what needs the file without readers.
    fn alone<T>(&self, work: impl FnOnce(&mut Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut database = self.database();
        self.show(None);
        let Some(open) = &mut *database else { return Err(StoreError::Closed) };
        let done = work(open)?;
        let shown = snapshot(open)?;
        self.show(Some(shown));
        Ok(done)
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot, StoreError> {
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
        let opened = open_database(&self.path).map_err(|error| StoreError::Failed(error.to_string()))?;
        self.show(Some(snapshot(&opened)?));
        *database = Some(opened);
        Ok(())
    }
}

pub(super) fn open_database(path: &Path) -> Result<Database, OpenError> {
    let opened = Builder::new().set_cache_size(CACHE_BYTES).create(path);
    let database = opened.map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            OpenError::Locked(path.display().to_string())
        }
        DatabaseError::Storage(error) => OpenError::Store(error.into()),
        error => OpenError::Store(StoreError::Failed(error.to_string())),
    })?;
    let make_tables = || -> Result<(), StoreError> {
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(true);
        transaction.open_table(TABLE)?;
        transaction.open_table(COMMITS)?;
        // A new file holds nothing; of one that is older than this table nobody knows how much.
        if transaction.open_table(TABLE)?.is_empty()? {
            transaction.open_table(LIVE)?.insert((), 0)?;
        } else {
            transaction.open_table(LIVE)?;
        }
        Ok(transaction.commit()?)
    };
    make_tables()?;
    Ok(database)
}

fn snapshot(database: &Database) -> Result<Snapshot, StoreError> {
    Ok(Arc::new(database.begin_read()?.open_table(TABLE)?))
}

/// The last commit that a file has; 0 when it has none.
pub(super) fn last_commit(database: &Database) -> Result<u64, StoreError> {
    let commits = database.begin_read()?.open_table(COMMITS)?;
    Ok(commits.get(())?.map_or(0, |last| last.value()))
}

/// How many bytes the file holds, if it says.
fn live(database: &Database) -> Result<Option<u64>, StoreError> {
    let table = database.begin_read()?.open_table(LIVE)?;
    Ok(table.get(())?.map(|live| live.value()))
}

/// Writes a batch into a file that held `live` bytes. Returns how many it holds then.
pub(super) fn write(
    database: &Database,
    batch: &Batch,
    last: u64,
    live: Option<u64>,
) -> Result<Option<u64>, StoreError> {
    let (mut added, mut removed) = (0, 0);
    let mut transaction = database.begin_write()?;
    let durable = transaction.set_durability(Durability::Immediate);
    assert!(durable.is_ok(), "only persistent savepoints limit the durability, and there are none");
    transaction.set_quick_repair(true);
    {
        let mut table = transaction.open_table(TABLE)?;
        for (key, value) in batch.iter() {
            let before = match value {
                Some(value) => {
                    added += (key.len() + value.len()) as u64;
                    table.insert(&**key, &**value)?
                }
                None => table.remove(&**key)?,
            };
            removed += before.map_or(0, |before| key.len() + before.value().len()) as u64;
        }
    }
    // Less was counted than there is if a version that does not count wrote to the file meanwhile.
    let live = live.map(|live| (live + added).saturating_sub(removed));
    transaction.open_table(COMMITS)?.insert((), last)?;
    if let Some(live) = live {
        transaction.open_table(LIVE)?.insert((), live)?;
    }
    transaction.commit()?;
    Ok(live)
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
