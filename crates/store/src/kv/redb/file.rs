//! The file DIR/tenterhook.redb: a copy-on-write B-tree.
//!
//! Every write is durable when it returns, and saves what a restart after a crash needs
//! (`set_quick_repair`), so that opening takes milliseconds whatever the size.
//!
//! After a failed read or write redb refuses all further calls, so the file is closed, and the
//! next read or write opens it again: at once the first time, then with growing pauses.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use redb::{
    Builder, CommitError, CompactionError, Database, DatabaseError, Durability, ReadOnlyTable, ReadableDatabase,
    ReadableTableMetadata, StorageError, TableDefinition, TableError, TransactionError,
};
use tokio::time::Instant;

use super::super::place::{self, REDB_FILE};
use super::super::{Batch, Pair, Span, caught};
use super::disk::Disk;
use super::missed::Missed;
use super::snapshot::{FileView, Snapshot, pairs};
use crate::error::{OpenError, StoreError};

/// The name of the engine in errors.
const ENGINE: &str = "redb";
/// The table of all records.
pub(super) const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("tenterhook");
/// The table of one row with the number of the last commit in the file.
const COMMITS: TableDefinition<'_, (), u64> = TableDefinition::new("commits");
/// The table of one row with the bytes of all keys and values.
const LIVE: TableDefinition<'_, (), u64> = TableDefinition::new("live");
/// The table of one row that says whether the log may hold commits that the file lacks. It is
/// absent or `false` only while the file has everything.
const LOG_NEEDED: TableDefinition<'_, (), bool> = TableDefinition::new("log needed");
/// The name of a new file until it is whole.
pub(super) const NEW_NAME: &str = "tenterhook.redb.new";
/// Bytes of the engine's page cache; the operating system caches the file too.
const CACHE_BYTES: usize = 8 * 1024 * 1024;
/// The pause after the file could not be opened again; it doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two attempts to open the file again: how long after the disk has
/// recovered the store may stay closed.
const LAST_PAUSE: Duration = Duration::from_secs(2);
/// Attempts of a read: the second is made with the file opened again.
const READ_ATTEMPTS: usize = 2;

/// A redb file with all commits up to one.
pub(super) struct RedbFile {
    path: PathBuf,
    disk: Arc<dyn Disk>,
    opened: Mutex<Opened>,
    snapshot: RwLock<Option<Snapshot>>,
    /// Held by every view of the file too, and so their count.
    views: Arc<()>,
    /// What a rewrite that is in progress has to write again.
    missed: Mutex<Option<Missed>>,
    /// Bytes of all keys and values in the file; `None` when nobody has counted them.
    live: Mutex<Option<u64>>,
}

/// The database, unless it failed and has not been opened again.
pub(super) struct Opened {
    pub(super) database: Option<Database>,
    refused: Option<Refused>,
}

/// An attempt to open the file that failed.
struct Refused {
    error: StoreError,
    time: Instant,
    pause: Duration,
}

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// The number of the last commit in the file; 0 when it has none.
    pub(super) last: u64,
    /// Whether the log may hold commits that the file lacks.
    pub(super) log_needed: bool,
}

impl fmt::Debug for RedbFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedbFile({})", self.path.display())
    }
}

impl RedbFile {
    /// Opens the file in `directory`, which is on `disk`, or makes one.
    pub(super) fn open(directory: &Path, disk: Arc<dyn Disk>) -> Result<Self, OpenError> {
        let path = directory.join(REDB_FILE);
        let (database, snapshot) = caught::call(&path, || open_database(&path, &*disk))?;
        // A rewrite may have been cut short.
        disk.remove(NEW_NAME).map_err(place::failed)?;
        let live = Mutex::new(live(&database)?);
        let opened = Mutex::new(Opened { database: Some(database), refused: None });
        Ok(Self {
            path,
            disk,
            opened,
            snapshot: RwLock::new(Some(snapshot)),
            views: Arc::default(),
            missed: Mutex::default(),
            live,
        })
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.read(|table| Ok(table.get(key)?.map(|value| Bytes::copy_from_slice(value.value()))))
    }

    /// The pairs of a span.
    pub(super) fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError> {
        self.read(|table| pairs(table, span))
    }

    /// The records as they are now, for as long as it is held.
    ///
    /// # Errors
    /// When the file is closed.
    pub(super) fn view(&self) -> Result<FileView, StoreError> {
        // Counted while what is shown cannot change, so that no other file takes its place.
        let shown = self.snapshot.read().unwrap_or_else(PoisonError::into_inner);
        let snapshot = shown.clone().ok_or(StoreError::Closed)?;
        Ok(FileView { path: self.path.clone(), snapshot, count: self.views.clone() })
    }

    /// Whether somebody holds a view.
    pub(super) fn is_viewed(&self) -> bool {
        Arc::strong_count(&self.views) > 1
    }

    /// How far the file is.
    pub(super) fn progress(&self) -> Result<Progress, StoreError> {
        let opened = self.opened();
        let Some(open) = &opened.database else { return Err(StoreError::Closed) };
        caught::call(&self.path, || {
            let last = last_commit(open)?;
            let log_needed = open.begin_read()?.open_table(LOG_NEEDED)?.get(())?.is_some_and(|needed| needed.value());
            Ok(Progress { last, log_needed })
        })
    }

    /// Writes all of the batch, which brings the file to commit `last`, or nothing.
    pub(super) fn write(&self, batch: &Arc<Batch>, last: u64) -> Result<(), StoreError> {
        let live = *self.live();
        self.transact(|open| {
            *self.live() = write(open, batch, last, live)?;
            if let Some(missed) = &mut *self.missed() {
                missed.add(batch, last);
            }
            Ok(())
        })
    }

    /// Records whether the log may hold commits that the file lacks.
    pub(super) fn need_log(&self, needed: bool) -> Result<(), StoreError> {
        self.transact(|open| need_log(open, needed))
    }

    /// Gives pages that are not needed back to the file system.
    pub(super) fn compact(&self) -> Result<(), StoreError> {
        self.alone(|open| {
            open.compact().map(|_| ()).map_err(|error| match error {
                CompactionError::Storage(error) => error.into(),
                error => caught::refused(ENGINE, &error),
            })
        })
    }

    /// Whether the checksums of all pages are right.
    pub(super) fn verify(&self) -> Result<bool, StoreError> {
        let verified = self.alone(|open| open.check_integrity().map_err(of_database));
        match verified {
            Err(StoreError::Damaged(_)) => Ok(false),
            verified => verified,
        }
    }

    /// Bytes of the file.
    pub(super) fn size(&self) -> Result<u64, StoreError> {
        self.disk.database_bytes().map_err(place::failed)
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

    /// Takes another file, which holds the same and gets its name by `rename`, in place of the one that
    /// is open. Returns `false`, with the old one in place, when somebody holds a view of that.
    pub(super) fn replace(
        &self,
        opened: &mut Opened,
        by: Database,
        rename: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<bool, StoreError> {
        let new = snapshot(&by)?;
        {
            // No view is made meanwhile.
            let mut shown = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
            if self.is_viewed() {
                return Ok(false);
            }
            rename()?;
            *shown = Some(new);
        }
        drop(opened.database.replace(by));
        Ok(true)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// Closes the database. What it writes at its end is not needed to open it again.
    pub(super) fn close(&self) {
        self.drop_database(&mut self.opened());
    }

    pub(super) fn opened(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the records; a second time in the file opened again if the first look failed.
    fn read<T>(
        &self,
        look: impl Fn(&ReadOnlyTable<&'static [u8], &'static [u8]>) -> Result<T, StorageError>,
    ) -> Result<T, StoreError> {
        let mut failure = StoreError::Closed;
        for _ in 0..READ_ATTEMPTS {
            let snapshot = self.snapshot()?;
            match caught::call(&self.path, || look(&snapshot).map_err(StoreError::from)) {
                Err(StoreError::Damaged(what)) => return Err(StoreError::Damaged(what)),
                Err(error) => {
                    failure = error;
                    self.distrust(&snapshot);
                }
                found => return found,
            }
        }
        Err(failure)
    }

    /// Writes in a transaction of its own, and shows readers what it wrote. After a failure the
    /// file is closed: the next read or write opens it again.
    fn transact(&self, work: impl FnOnce(&Database) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let mut opened = self.opened();
        if opened.database.is_none() {
            self.open_again(&mut opened)?;
        }
        let open = opened.database.as_ref().expect("it was opened again above, or the error returned");
        match caught::call(&self.path, || work(open).and_then(|()| snapshot(open))) {
            Ok(snapshot) => {
                self.show(Some(snapshot));
                Ok(())
            }
            Err(error) => {
                self.drop_database(&mut opened);
                Err(error)
            }
        }
    }

    /// Does what needs the file without readers.
    fn alone<T>(&self, work: impl FnOnce(&mut Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut opened = self.opened();
        self.show(None);
        let Some(open) = &mut opened.database else { return Err(StoreError::Closed) };
        let done = caught::call(&self.path, || {
            let done = work(open)?;
            Ok((done, snapshot(open)?))
        });
        match done {
            Ok((done, shown)) => {
                self.show(Some(shown));
                Ok(done)
            }
            Err(error) => {
                self.drop_database(&mut opened);
                Err(error)
            }
        }
    }

    /// What readers look at; the file is opened again if need be.
    pub(super) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        if let Some(snapshot) = self.shown() {
            return Ok(snapshot);
        }
        let mut opened = self.opened();
        match self.shown() {
            Some(snapshot) => Ok(snapshot),
            None => self.open_again(&mut opened),
        }
    }

    pub(super) fn shown(&self) -> Option<Snapshot> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn show(&self, snapshot: Option<Snapshot>) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    /// Closes the file after a read failed, unless somebody has opened it again since.
    fn distrust(&self, failed: &Snapshot) {
        let mut opened = self.opened();
        if self.shown().is_some_and(|shown| Arc::ptr_eq(&shown, failed)) {
            self.drop_database(&mut opened);
        }
    }

    fn drop_database(&self, opened: &mut Opened) {
        self.show(None);
        let database = opened.database.take();
        // A panic at its end changes nothing: all that counts is on the disk.
        let _broken: Result<(), StoreError> = caught::call(&self.path, || {
            drop(database);
            Ok(())
        });
    }

    /// Opens the file again, unless the last attempt to do so was a moment ago.
    fn open_again(&self, opened: &mut Opened) -> Result<Snapshot, StoreError> {
        let pause = match &opened.refused {
            Some(refused) if self.disk.now().duration_since(refused.time) < refused.pause => {
                return Err(refused.error.clone());
            }
            Some(refused) => (refused.pause * 2).min(LAST_PAUSE),
            None => FIRST_PAUSE,
        };
        self.drop_database(opened);
        match caught::call(&self.path, || open_database(&self.path, &*self.disk)) {
            Ok((database, snapshot)) => {
                *opened = Opened { database: Some(database), refused: None };
                self.show(Some(snapshot.clone()));
                tracing::warn!(file = %self.path.display(), "reopened the store's file after an error");
                Ok(snapshot)
            }
            Err(error) => {
                let error = of_open(error);
                opened.refused = Some(Refused { error: error.clone(), time: self.disk.now(), pause });
                Err(error)
            }
        }
    }
}

fn open_database(path: &Path, disk: &dyn Disk) -> Result<(Database, Snapshot), OpenError> {
    if !disk.has(REDB_FILE).map_err(place::failed)? {
        // Under another name until it is whole, so that a loss of power leaves no half of a file.
        disk.remove(NEW_NAME).map_err(place::failed)?;
        drop(open_file(path, disk, NEW_NAME)?);
        disk.rename(NEW_NAME, REDB_FILE).map_err(place::failed)?;
    }
    let database = open_file(path, disk, REDB_FILE)?;
    let snapshot = snapshot(&database)?;
    Ok((database, snapshot))
}

/// The error of a file that could not be opened while the store is open.
pub(super) fn of_open(error: OpenError) -> StoreError {
    match error {
        OpenError::Store(error) => error,
        error => StoreError::Failed(error.to_string()),
    }
}

pub(super) fn open_file(path: &Path, disk: &dyn Disk, name: &str) -> Result<Database, OpenError> {
    let opened = place::wait_for_lock(|| match disk.database(Builder::new().set_cache_size(CACHE_BYTES), name) {
        Err(DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch) => None,
        opened => Some(opened.map_err(|error| OpenError::Store(of_database(error)))),
    });
    let database = opened.unwrap_or_else(|| Err(OpenError::Locked(path.display().to_string())))?;
    if !has_tables(&database)? {
        make_tables(&database)?;
    }
    Ok(database)
}

fn has_tables(database: &Database) -> Result<bool, StoreError> {
    let transaction = database.begin_read()?;
    let opened = [
        transaction.open_table(TABLE).map(|_| ()),
        transaction.open_table(COMMITS).map(|_| ()),
        transaction.open_table(LIVE).map(|_| ()),
        transaction.open_table(LOG_NEEDED).map(|_| ()),
    ];
    for opened in opened {
        match opened {
            Ok(()) => {}
            Err(TableError::TableDoesNotExist(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

fn make_tables(database: &Database) -> Result<(), StoreError> {
    let transaction = begin(database)?;
    transaction.open_table(TABLE)?;
    transaction.open_table(COMMITS)?;
    transaction.open_table(LOG_NEEDED)?;
    // A new file holds nothing; of one that is older than this table nobody knows how much.
    if transaction.open_table(TABLE)?.is_empty()? {
        transaction.open_table(LIVE)?.insert((), 0)?;
    } else {
        transaction.open_table(LIVE)?;
    }
    Ok(transaction.commit()?)
}

fn snapshot(database: &Database) -> Result<Snapshot, StoreError> {
    Ok(Arc::new(database.begin_read()?.open_table(TABLE)?))
}

/// A transaction that is durable when its commit returns.
fn begin(database: &Database) -> Result<redb::WriteTransaction, StoreError> {
    let mut transaction = database.begin_write()?;
    let durable = transaction.set_durability(Durability::Immediate);
    assert!(durable.is_ok(), "only persistent savepoints limit the durability, and there are none");
    transaction.set_quick_repair(true);
    Ok(transaction)
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

/// Records whether the log may hold commits that the file lacks.
pub(super) fn need_log(database: &Database, needed: bool) -> Result<(), StoreError> {
    let transaction = begin(database)?;
    transaction.open_table(LOG_NEEDED)?.insert((), needed)?;
    Ok(transaction.commit()?)
}

/// Writes a batch into a file that held `live` bytes. Returns how many it holds then.
pub(super) fn write(
    database: &Database,
    batch: &Batch,
    last: u64,
    live: Option<u64>,
) -> Result<Option<u64>, StoreError> {
    let (mut added, mut removed) = (0, 0);
    let transaction = begin(database)?;
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
        let mut commits = transaction.open_table(COMMITS)?;
        let before = commits.insert((), last)?.map_or(0, |before| before.value());
        assert!(before <= last, "the file goes forwards only: from commit {before} to {last}");
    }
    // Less was counted than there is if a version that does not count wrote to the file meanwhile.
    let live = live.map(|live| (live + added).saturating_sub(removed));
    if let Some(live) = live {
        transaction.open_table(LIVE)?.insert((), live)?;
    }
    transaction.commit()?;
    Ok(live)
}

fn of_database(error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::Storage(error) => error.into(),
        error => caught::refused(ENGINE, &error),
    }
}

impl From<StorageError> for StoreError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Io(error) => place::failed(error),
            StorageError::PreviousIo => Self::Failed("an earlier write failed; the file is opened again".into()),
            StorageError::Corrupted(_) => {
                Self::Damaged(format!("{REDB_FILE} has a page with a wrong checksum or structure"))
            }
            error => caught::refused(ENGINE, &error),
        }
    }
}

impl From<TransactionError> for StoreError {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Storage(error) => error.into(),
            error => caught::refused(ENGINE, &error),
        }
    }
}

impl From<TableError> for StoreError {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Storage(error) => error.into(),
            error => caught::refused(ENGINE, &error),
        }
    }
}

impl From<CommitError> for StoreError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Storage(error) => error.into(),
            error => caught::refused(ENGINE, &error),
        }
    }
}
