//! The engine of `sled:DIR`: a log-structured tree in the directory itself.
//!
//! `flush` of sled 0.34 writes its log without forcing it to stable storage, so each commit
//! forces the file by itself. Of sled only one tree and atomic batches are used; its timer,
//! watchers, merge operators, generated ids and transactions are not.
//!
//! sled shows a batch to readers before it is on the disk, and what a failed write leaves in
//! memory is written later by some other one. So after any failed write nothing more is read or
//! written: the server must be started again, which reads what the disk really has.
//!
//! A log that is missing, emptied or all zeros is to sled that of a new store. A file beside it says that there
//! were commits.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;

use super::place::{self, StoreFolder};
use super::{Batch, Kv, Pair, Span, View, caught};
use crate::error::{OpenError, StoreError};

/// Bytes of the engine's cache; its pages take several times as much in memory.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// The file of sled's log within its directory.
const LOG: &str = "db";
/// The file that is there once something was committed.
const USED: &str = "tenterhook.sled";

/// A store in a sled directory.
pub struct SledKv {
    place: StoreFolder,
    directory: PathBuf,
    database: sled::Db,
    log: Box<dyn Forced>,
    /// Why a write failed, after one has.
    stopped: OnceLock<String>,
    /// Set once the file says that there were commits.
    used: OnceLock<()>,
}

/// A file that can be forced to stable storage.
trait Forced: Send + Sync {
    fn force(&self) -> io::Result<()>;
}

impl Forced for File {
    fn force(&self) -> io::Result<()> {
        self.sync_data()
    }
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
        let place = StoreFolder::take(directory, place::Holds::Sled)?;
        let is_used = directory.join(USED).try_exists().map_err(place::failed)?;
        let database = caught::call(directory, || open_database(directory))?;
        if is_used && !database.was_recovered() {
            return Err(StoreError::Damaged(format!("its file {LOG} has lost every commit")).into());
        }
        // It makes its files as the umask says.
        place.tighten().map_err(place::failed)?;
        let log = Box::new(File::open(directory.join(LOG)).map_err(place::failed)?);
        let used = if is_used { OnceLock::from(()) } else { OnceLock::new() };
        Ok(Self { place, directory: directory.to_owned(), database, log, stopped: OnceLock::new(), used })
    }

    /// Says in a file that there were commits, unless it does.
    fn mark_used(&self) -> io::Result<()> {
        if self.used.get().is_some() {
            return Ok(());
        }
        let mut options = File::options();
        options.create(true).append(true).mode(place::OWNER_ONLY).open(self.directory.join(USED))?.sync_all()?;
        File::open(&self.directory)?.sync_all()?;
        let _first = self.used.set(());
        Ok(())
    }

    /// Calls the engine, unless a write has failed.
    fn call<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        match self.stopped.get() {
            Some(reason) => Err(StoreError::Stopped(reason.clone())),
            None => caught::call(&self.directory, work),
        }
    }

    /// Calls the engine for a write, and stops for good when that fails.
    fn write(&self, work: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.call(|| {
            work()?;
            self.database.flush()?;
            self.log.force().map_err(place::failed)?;
            self.mark_used().map_err(place::failed)
        })
        .inspect_err(|error| {
            if !matches!(error, StoreError::Stopped(_)) {
                tracing::error!(%error, "sled stopped after a failed write: restart the server");
                let _first = self.stopped.set(format!("a write of sled failed: {error}"));
            }
        })
    }
}

/// Opens sled in a directory that this process has taken.
fn open_database(directory: &Path) -> Result<sled::Db, OpenError> {
    let config = sled::Config::new().path(directory).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let opened = place::wait_for_lock(|| match config.open() {
        Err(sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => None,
        opened => Some(opened.map_err(|error| OpenError::Store(error.into()))),
    });
    opened.unwrap_or_else(|| Err(OpenError::Locked(directory.display().to_string())))
}

impl Kv for SledKv {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.call(|| Ok(self.database.get(key)?.map(|value| Bytes::copy_from_slice(&value))))
    }

    fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError> {
        if span.from >= span.to {
            return Ok(Vec::new());
        }
        self.call(|| {
            let mut range = self.database.range(span.from..span.to);
            let mut pairs = Vec::new();
            while pairs.len() < span.limit {
                let next = if span.reverse { range.next_back() } else { range.next() };
                let Some(next) = next else { break };
                let (key, value) = next?;
                pairs.push((Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&value)));
            }
            Ok(pairs)
        })
    }

    fn view(&self) -> Result<Box<dyn View>, StoreError> {
        // Its iterators show what is written while they go on.
        Err(StoreError::NoViews("sled"))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut writes = sled::Batch::default();
        for (key, value) in batch.iter() {
            match value {
                Some(value) => writes.insert(&**key, &**value),
                None => writes.remove(&**key),
            }
        }
        self.write(|| Ok(self.database.apply_batch(writes)?))
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        // sled gives segments back by itself; all there is to do is to write what is in memory.
        self.write(|| Ok(()))
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.call(|| Ok(self.database.size_on_disk()?))
    }

    fn is_nearly_full(&self) -> bool {
        self.place.is_nearly_full(0)
    }

    fn verify(&mut self) -> Result<bool, StoreError> {
        // Every page carries a checksum that is checked as it is read; so read all.
        let read = self.call(|| {
            for pair in self.database.iter() {
                pair?;
            }
            Ok(())
        });
        match read {
            Ok(()) => Ok(true),
            Err(StoreError::Damaged(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => place::failed(error),
            sled::Error::Corruption { .. } => Self::Damaged("the log of sled has a page with a wrong checksum".into()),
            error => caught::refused("sled", &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A file whose `fdatasync` fails while it is told to.
    #[derive(Debug, Default, Clone)]
    struct Failing(Arc<AtomicBool>);

    impl Forced for Failing {
        fn force(&self) -> io::Result<()> {
            if self.0.load(Ordering::SeqCst) { Err(ErrorKind::Other.into()) } else { Ok(()) }
        }
    }

    fn put(kv: &SledKv, key: &str) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.put(key, key.as_bytes().to_vec());
        kv.commit(batch)
    }

    #[test]
    fn its_files_are_their_owners_only_from_the_beginning() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let kv = SledKv::open(directory.path()).unwrap();
        put(&kv, "a").unwrap();
        let files: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(Result::unwrap).collect();
        assert!(files.len() >= 3, "{files:?}");
        for file in files {
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{file:?} has {mode:o}");
        }
    }

    #[test]
    fn after_a_failed_fsync_nothing_is_acknowledged_or_shown_until_it_is_opened_again() {
        let directory = tempfile::tempdir().unwrap();
        let failing = Failing::default();
        let kv = SledKv { log: Box::new(failing.clone()), ..SledKv::open(directory.path()).unwrap() };
        put(&kv, "a").unwrap();
        failing.0.store(true, Ordering::SeqCst);
        assert!(matches!(put(&kv, "b"), Err(StoreError::Failed(_))));
        // The disk is well again, but nobody knows what it has.
        failing.0.store(false, Ordering::SeqCst);
        let errors = [
            put(&kv, "c").unwrap_err(),
            kv.get(b"b").unwrap_err(),
            kv.get(b"a").unwrap_err(),
            kv.range(Span::new(b"a", b"z", 9)).unwrap_err(),
            kv.size().unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(&error, StoreError::Stopped(_)) && error.to_string().contains("restart"), "{error}");
        }
        drop(kv);
        let kv = SledKv::open(directory.path()).unwrap();
        assert!(kv.get(b"a").unwrap().is_some());
        assert_eq!(kv.get(b"c").unwrap(), None);
        put(&kv, "d").unwrap();
    }

    #[test]
    fn a_log_that_has_lost_every_commit_is_refused() {
        let damages: [fn(&Path); 3] = [
            |log| std::fs::remove_file(log).unwrap(),
            |log| std::fs::write(log, "").unwrap(),
            |log| std::fs::write(log, vec![0; std::fs::metadata(log).unwrap().len() as usize]).unwrap(),
        ];
        for (number, damage) in damages.into_iter().enumerate() {
            let directory = tempfile::tempdir().unwrap();
            // One in which nothing was committed is still new.
            drop(SledKv::open(directory.path()).unwrap());
            let kv = SledKv::open(directory.path()).unwrap();
            put(&kv, "a").unwrap();
            // As a kill leaves it: sled writes a snapshot when it ends.
            let killed = tempfile::tempdir().unwrap();
            for file in std::fs::read_dir(directory.path()).unwrap().map(Result::unwrap) {
                let name = file.file_name();
                if file.file_type().unwrap().is_file() && !name.to_string_lossy().starts_with("snap.") {
                    std::fs::copy(file.path(), killed.path().join(name)).unwrap();
                }
            }
            damage(&killed.path().join(LOG));
            let error = SledKv::open(killed.path()).unwrap_err();
            assert!(error.to_string().contains("db has lost every commit"), "{number}: {error}");
        }
    }
}
