//! A disk in memory for tests: it records what is written and not yet forced to stable storage,
//! fails when it is told to, and can lose power between any two of its operations.
//!
//! What a loss of power leaves: all that a successful `sync` covered, and of the writes since then
//! each sector by chance, in any order, as a disk with a cache does it.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redb::{Builder, Database, DatabaseError, StorageBackend};
use tokio::time::Instant;

use super::super::disk::{Disk, LogFile};
use crate::kv::place::REDB_FILE;

/// What a disk writes all or nothing of.
const SECTOR: usize = 512;

/// A disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Rig(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, FileState>,
    /// Fails each write and sync of a file with this in its name.
    failing: Option<(&'static str, ErrorKind)>,
    /// Fails reads too.
    failing_reads: bool,
    /// Operations that are still done before the power is lost.
    power: Option<u64>,
    /// Makes chances.
    seed: u64,
    /// Its time stands still but for this.
    started: Option<Instant>,
    waited: Duration,
}

#[derive(Debug, Clone, Default)]
struct FileState {
    /// What a process reads.
    current: Vec<u8>,
    /// What is on stable storage for sure.
    durable: Vec<u8>,
    /// What was written since then.
    pending: Vec<Op>,
}

#[derive(Debug, Clone)]
enum Op {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl FileState {
    fn apply(bytes: &mut Vec<u8>, op: &Op) {
        match op {
            Op::Write(offset, written) => {
                let end = offset + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(written);
            }
            Op::Length(length) => bytes.resize(*length, 0),
        }
    }

    /// Brings what was pending to stable storage by chance, sector by sector.
    fn lose(&mut self, chance: &mut impl FnMut() -> bool) {
        for op in std::mem::take(&mut self.pending) {
            match op {
                Op::Length(_) => Self::apply(&mut self.durable, &op),
                Op::Write(offset, written) => {
                    let mut at = 0;
                    while at < written.len() {
                        let end = (at + SECTOR - (offset + at) % SECTOR).min(written.len());
                        if chance() {
                            Self::apply(&mut self.durable, &Op::Write(offset + at, written[at..end].to_vec()));
                        }
                        at = end;
                    }
                }
            }
        }
    }
}

impl State {
    fn file(&mut self, name: &str) -> &mut FileState {
        self.files.entry(name.to_owned()).or_default()
    }

    fn work(&mut self, name: &str) -> io::Result<()> {
        match &mut self.power {
            Some(0) => return Err(ErrorKind::Other.into()),
            Some(left) => *left -= 1,
            None => {}
        }
        match self.failing {
            Some((failing, kind)) if name.contains(failing) => Err(kind.into()),
            _ => Ok(()),
        }
    }

    fn write(&mut self, name: &str, op: Op) -> io::Result<()> {
        self.work(name)?;
        let file = self.file(name);
        FileState::apply(&mut file.current, &op);
        file.pending.push(op);
        Ok(())
    }

    /// A sync that fails leaves what was pending on the disk by chance, and the next one does not
    /// bring the rest there: what Linux does.
    fn sync(&mut self, name: &str) -> io::Result<()> {
        let worked = self.work(name);
        let mut seed = self.seed;
        let file = self.file(name);
        match worked {
            Ok(()) => {
                for op in std::mem::take(&mut file.pending) {
                    FileState::apply(&mut file.durable, &op);
                }
            }
            Err(_) => file.lose(&mut || chance(&mut seed)),
        }
        self.seed = seed;
        worked
    }

    fn read(&mut self, name: &str, offset: usize, bytes: &mut [u8]) -> io::Result<()> {
        if self.failing_reads || self.power == Some(0) {
            return Err(ErrorKind::Other.into());
        }
        let current = &self.file(name).current;
        let found = current.get(offset..offset + bytes.len()).ok_or(ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(found);
        Ok(())
    }
}

/// One of two, and the next seed (Knuth's MMIX generator).
fn chance(seed: &mut u64) -> bool {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 63 == 1
}

impl Rig {
    /// A disk whose chances are made of `seed`.
    pub(super) fn new(seed: u64) -> Self {
        let rig = Self::default();
        rig.state().seed = seed;
        rig
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails each write and sync of the files with `name` in their name from now on, or none.
    pub(super) fn fail_writes(&self, failing: Option<(&'static str, ErrorKind)>) {
        self.state().failing = failing;
    }

    /// Fails each read from now on, or none.
    pub(super) fn fail_reads(&self, failing: bool) {
        self.state().failing_reads = failing;
    }

    /// Lets time go by.
    pub(super) fn wait(&self, time: Duration) {
        self.state().waited += time;
    }

    /// Loses power after so many more writes and syncs.
    pub(super) fn lose_power_after(&self, operations: u64) {
        self.state().power = Some(operations);
    }

    /// A disk as this one is found after a loss of power.
    pub(super) fn after_power_loss(&self) -> Self {
        let mut state = self.state();
        let mut seed = state.seed;
        let mut files = state.files.clone();
        for file in files.values_mut() {
            file.lose(&mut || chance(&mut seed));
            file.current = file.durable.clone();
        }
        state.seed = seed;
        Self(Arc::new(Mutex::new(State { files, seed, ..State::default() })))
    }

    /// A disk as a process that is killed leaves this one.
    pub(super) fn after_kill(&self) -> Self {
        let mut files = self.state().files.clone();
        for file in files.values_mut() {
            file.durable = file.current.clone();
            file.pending.clear();
        }
        Self(Arc::new(Mutex::new(State { files, ..State::default() })))
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        self.state().file(name).current.clone()
    }

    /// Gives a file other bytes.
    pub(super) fn overwrite(&self, name: &str, bytes: Vec<u8>) {
        *self.state().file(name) = FileState { current: bytes.clone(), durable: bytes, pending: Vec::new() };
    }

    /// Loses a file.
    pub(super) fn lose(&self, name: &str) {
        self.state().files.remove(name);
    }

    /// A file of the disk, which is made if there is none.
    pub(super) fn file(&self, name: &str) -> Box<dyn LogFile> {
        self.state().file(name);
        Box::new(RigFile { rig: self.clone(), name: name.to_owned() })
    }
}

/// One file of a disk.
#[derive(Debug)]
struct RigFile {
    rig: Rig,
    name: String,
}

impl Disk for Rig {
    fn database(&self, builder: &Builder, name: &str) -> Result<Database, DatabaseError> {
        builder.create_with_backend(RigFile { rig: self.clone(), name: name.to_owned() })
    }

    fn has(&self, name: &str) -> io::Result<bool> {
        Ok(self.state().files.contains_key(name))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.work(name)?;
        state.files.remove(name);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.work(from)?;
        let file = state.files.remove(from).ok_or(ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn now(&self) -> Instant {
        let mut state = self.state();
        let waited = state.waited;
        *state.started.get_or_insert_with(Instant::now) + waited
    }

    fn open_log(&self, name: &str) -> io::Result<Box<dyn LogFile>> {
        if !self.state().files.contains_key(name) {
            return Err(ErrorKind::NotFound.into());
        }
        Ok(self.file(name))
    }

    fn make_log(&self, name: &str) -> io::Result<Box<dyn LogFile>> {
        Ok(self.file(name))
    }

    fn database_bytes(&self) -> io::Result<u64> {
        Ok(self.bytes(REDB_FILE).len() as u64)
    }
}

impl LogFile for RigFile {
    fn read_all(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.rig.bytes(&self.name).len()];
        self.rig.state().read(&self.name, 0, &mut bytes)?;
        Ok(bytes)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.rig.state().write(&self.name, Op::Write(offset as usize, bytes.to_vec()))
    }

    fn sync(&self) -> io::Result<()> {
        self.rig.state().sync(&self.name)
    }

    fn reserve(&self, bytes: u64) -> io::Result<()> {
        let length = self.rig.bytes(&self.name).len().max(bytes as usize);
        self.rig.state().write(&self.name, Op::Length(length))?;
        self.sync()
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.rig.state().write(&self.name, Op::Length(bytes as usize))
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.rig.bytes(&self.name).len() as u64)
    }
}

impl StorageBackend for RigFile {
    fn len(&self) -> io::Result<u64> {
        LogFile::bytes(self)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.rig.state().read(&self.name, offset as usize, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.rig.state().write(&self.name, Op::Length(length as usize))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.rig.state().sync(&self.name)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.write_at(data, offset)
    }
}
