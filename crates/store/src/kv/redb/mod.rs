//! The engine of `redb:DIR`: a redb file, and a log before it.
//!
//! A commit goes to the log and is durable with one fsync; memory keeps it too. When some
//! megabytes have gathered there, the file takes them in one transaction, on a thread of its
//! own, while the next ones gather. So a commit costs what it writes, and not a page for each
//! key and two fsyncs, and what lives shortly never reaches the file. After a crash the file
//! takes what the log has.

mod disk;
mod file;
mod log;
mod missed;
mod recent;
mod rewrite;
mod segment;
mod snapshot;
#[cfg(test)]
mod tests;
mod view;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;

use bytes::Bytes;

use self::disk::{Directory, Disk};
use self::file::RedbFile;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use self::log::fuzz as fuzz_log;
use self::log::{Log, Replay};
use self::recent::Recent;
use self::view::RedbView;
use super::place::{self, StoreFolder};
use super::{Batch, Kv, Pair, Span, View};
use crate::error::{OpenError, StoreError};

/// What gathers in memory before the file takes it; as much again may be on its way.
const GATHER_BYTES: usize = 2 * 1024 * 1024;

/// A store in a redb file.
pub struct RedbKv {
    place: StoreFolder,
    log: Mutex<Log>,
    shared: Arc<Shared>,
    mover: Option<JoinHandle<()>>,
}

impl fmt::Debug for RedbKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedbKv({:?})", self.shared.file)
    }
}

/// What the thread that moves commits into the file shares with the others.
struct Shared {
    file: RedbFile,
    recent: RwLock<Recent>,
    move_state: Mutex<Moving>,
    changed: Condvar,
}

/// How far the thread is.
#[derive(Debug, Default)]
struct Moving {
    /// The last of the commits that are leaving memory.
    last: Option<u64>,
    /// Why the file did not take them.
    failure: Option<StoreError>,
    closed: bool,
    /// Whether the thread has ended.
    ended: bool,
}

impl RedbKv {
    /// Opens the store in the directory, or makes one.
    ///
    /// # Errors
    /// When the directory cannot be used, is in use, or holds something else.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let place = StoreFolder::take(directory, place::Holds::Redb)?;
        Self::open_on(place, directory, Arc::new(Directory(directory.to_owned())))
    }

    /// Opens the store whose files are on `disk`.
    fn open_on(place: StoreFolder, directory: &Path, disk: Arc<dyn Disk>) -> Result<Self, OpenError> {
        let file = RedbFile::open(directory, Arc::clone(&disk))?;
        let have = file.progress()?;
        let (mut log, writes) = Log::open(&*disk, have)?;
        if log.last() > have.last {
            file.write(&Arc::new(writes), log.last())?;
        }
        // The log is overwritten only now that the file has all of it.
        log.prepare(&*disk)?;
        if !have.log_needed {
            file.need_log(true)?;
        }
        let shared =
            Arc::new(Shared { file, recent: RwLock::default(), move_state: Mutex::default(), changed: Condvar::new() });
        let moving = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("store-file".to_owned());
        let mover = thread.spawn(move || moving.run()).map_err(place::failed)?;
        Ok(Self { place, log: Mutex::new(log), shared, mover: Some(mover) })
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what has gathered on its way into the file, after what is on its way already.
    fn move_on(&self, log: &mut Log) -> Result<(), StoreError> {
        self.shared.wait_until_moved()?;
        {
            let mut recent = self.shared.recent_mut();
            let left = recent.leaving.as_ref().map_or(0, |leaving| leaving.bytes());
            assert!(recent.leaving.is_none(), "{left} bytes that the file does not have yet would be forgotten");
            recent.leaving = Some(Arc::new(std::mem::take(&mut recent.gathering)));
        }
        let before = self.shared.moving().last.replace(log.last());
        assert!(before.is_none(), "the file is still taking the commits up to {before:?}, and would not say so");
        self.shared.changed.notify_all();
        log.switch();
        Ok(())
    }

    /// Sends what has gathered on its way if it is enough. What comes next is written after that.
    fn move_on_if_due(&self, log: &mut Log) -> Result<(), StoreError> {
        let is_due = self.shared.recent().gathering.bytes() >= GATHER_BYTES;
        if is_due { self.move_on(log) } else { Ok(()) }
    }

    /// Brings everything into the file. Others go on writing meanwhile.
    fn move_all(&self) -> Result<(), StoreError> {
        self.shared.wait_until_moved()?;
        self.move_on(&mut self.log())?;
        self.shared.wait_until_moved()
    }
}

impl Shared {
    fn recent(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent_mut(&self) -> RwLockWriteGuard<'_, Recent> {
        self.recent.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn moving(&self) -> MutexGuard<'_, Moving> {
        self.move_state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the file has what is on its way. After a failure it is tried once more.
    fn wait_until_moved(&self) -> Result<(), StoreError> {
        let mut moving = self.moving();
        moving.failure = None;
        self.changed.notify_all();
        while moving.last.is_some() {
            if moving.ended {
                return Err(StoreError::Stopped("the thread that writes its file has ended".into()));
            }
            if let Some(failure) = &moving.failure {
                return Err(failure.clone());
            }
            moving = self.changed.wait(moving).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Moves what is leaving into the file until the store is closed.
    fn run(&self) {
        let _ended = Ended(self);
        let mut moving = self.moving();
        loop {
            match (moving.last, &moving.failure) {
                (Some(last), None) => {
                    drop(moving);
                    let moved = self.take_in(last);
                    moving = self.moving();
                    match moved {
                        Ok(()) => moving.last = None,
                        Err(error) => moving.failure = Some(error),
                    }
                    self.changed.notify_all();
                }
                _ if moving.closed => return,
                _ => moving = self.changed.wait(moving).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn take_in(&self, last: u64) -> Result<(), StoreError> {
        let leaving = self.recent().leaving.clone();
        let leaving = leaving.expect("the commits that are leaving are there until the file has them");
        self.file.write(&leaving, last)?;
        let left = self.recent_mut().leaving.take();
        let is_same = left.is_some_and(|left| Arc::ptr_eq(&left, &leaving));
        assert!(is_same, "memory forgets the commits up to {last}, which the file has, and no others");
        Ok(())
    }
}

/// What can be read of a damaged store, the log included. Nothing can be written.
#[derive(Debug)]
pub(crate) struct RedbSalvage {
    file: RedbFile,
    recent: Recent,
    _place: StoreFolder,
    missing: u64,
    damaged_files: u64,
}

impl RedbSalvage {
    /// Opens what can be read of the store in the directory.
    pub(crate) fn open(directory: &Path) -> Result<Self, OpenError> {
        let place = StoreFolder::take(directory, place::Holds::Redb)?;
        let disk: Arc<dyn Disk> = Arc::new(Directory(directory.to_owned()));
        let file = RedbFile::open(directory, Arc::clone(&disk))?;
        let have = file.progress()?;
        let Replay { writes, missing, damaged_files } = Log::salvage(&*disk, have);
        let recent = Recent { gathering: writes, leaving: None };
        Ok(Self { file, recent, _place: place, missing, damaged_files })
    }

    /// Commits that the log has lost.
    pub(crate) fn missing_commits(&self) -> u64 {
        self.missing
    }

    /// Files of the log of which nobody knows all that they had.
    pub(crate) fn damaged_logs(&self) -> u64 {
        self.damaged_files
    }

    /// The pairs of a span.
    pub(crate) fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError> {
        if span.from >= span.to { Ok(Vec::new()) } else { self.recent.range(|span| self.file.range(span), span) }
    }
}

/// Says that the thread has ended, in whatever way, so that nobody waits for it.
struct Ended<'a>(&'a Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.moving().ended = true;
        self.0.changed.notify_all();
    }
}

impl Kv for RedbKv {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.shared.recent().get(&self.shared.file, key)
    }

    fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError> {
        if span.from >= span.to {
            return Ok(Vec::new());
        }
        self.shared.recent().range(|span| self.shared.file.range(span), span)
    }

    fn view(&self) -> Result<Box<dyn View>, StoreError> {
        // Opens the file again if need be, before commits have to wait.
        self.shared.file.snapshot()?;
        // What is leaving is in both or in the file alone; nothing moves on while this is held.
        let recent = self.shared.recent();
        Ok(Box::new(RedbView { file: self.shared.file.view()?, recent: recent.clone() }))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut log = self.log();
        self.move_on_if_due(&mut log)?;
        let before = log.last();
        let number = log.append(&batch)?;
        assert_eq!(number, before + 1, "commits are numbered without a gap, or a restart refuses the log");
        self.shared.recent_mut().gathering.absorb(batch);
        Ok(())
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.move_all()?;
        self.shared.file.compact()?;
        self.log().shrink()
    }

    fn erase(&self, is_wanted: &dyn Fn() -> bool) -> Result<bool, StoreError> {
        // Others have to wait for the little that is written during that.
        self.move_all()?;
        {
            let mut log = self.log();
            self.move_on(&mut log)?;
            self.shared.wait_until_moved()?;
            log.blank()?;
        }
        self.shared.file.rewrite(is_wanted)
    }

    fn size(&self) -> Result<u64, StoreError> {
        Ok(self.shared.file.size()? + self.log().size()?)
    }

    fn is_nearly_full(&self) -> bool {
        self.place.is_nearly_full(self.shared.file.free_bytes())
    }

    fn probe(&self) -> Result<(), StoreError> {
        let refused = self.shared.moving().failure.is_some();
        if refused {
            self.shared.wait_until_moved()?;
        }
        let mut log = self.log();
        self.move_on_if_due(&mut log)?;
        log.probe()
    }

    fn verify(&mut self) -> Result<bool, StoreError> {
        self.move_all()?;
        self.shared.file.verify()
    }
}

impl Drop for RedbKv {
    fn drop(&mut self) {
        // What the file cannot take now the log has, until the store is opened again.
        let _in_the_log = self.move_all().and_then(|()| self.shared.file.need_log(false));
        self.shared.moving().closed = true;
        self.shared.changed.notify_all();
        if let Some(mover) = self.mover.take() {
            let _panicked = mover.join();
        }
        self.shared.file.close();
    }
}
