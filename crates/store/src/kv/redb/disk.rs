//! Where the bytes of a store go: the one seam between this engine and the file system, so that
//! tests can fail, record and cut what is written.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use tokio::time::Instant;

use super::super::place::{OWNER_ONLY, REDB_FILE};

/// The files of one store.
pub(super) trait Disk: fmt::Debug + Send + Sync {
    /// Opens the redb file of this name, or makes one.
    fn database(&self, builder: &Builder, name: &str) -> Result<Database, DatabaseError>;

    /// Whether there is a file of this name.
    fn has(&self, name: &str) -> io::Result<bool>;

    /// Removes a file, if there is one.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Gives a file another name. On stable storage when this returns.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Opens a file of the log.
    fn open_log(&self, name: &str) -> io::Result<Box<dyn LogFile>>;

    /// Makes an empty file of the log. Its name is on stable storage when this returns.
    fn make_log(&self, name: &str) -> io::Result<Box<dyn LogFile>>;

    /// Bytes of the redb file.
    fn database_bytes(&self) -> io::Result<u64>;

    /// The time by which pauses are measured.
    fn now(&self) -> Instant {
        Instant::now()
    }
}

/// One file of the log.
pub(super) trait LogFile: fmt::Debug + Send + Sync {
    /// All of its bytes.
    fn read_all(&self) -> io::Result<Vec<u8>>;

    /// Writes bytes at an offset.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Forces what was written to stable storage (`fdatasync`).
    fn sync(&self) -> io::Result<()>;

    /// Makes it at least so many bytes long and takes the room for them from the file system. On
    /// stable storage when this returns.
    fn reserve(&self, bytes: u64) -> io::Result<()>;

    /// Cuts it to so many bytes.
    fn truncate(&self, bytes: u64) -> io::Result<()>;

    /// How long it is, in bytes.
    fn bytes(&self) -> io::Result<u64>;
}

/// A directory of the file system.
#[derive(Debug)]
pub(super) struct Directory(pub(super) PathBuf);

impl Directory {
    fn open(&self, name: &str, create: bool) -> io::Result<File> {
        let path = self.0.join(name);
        File::options().read(true).write(true).create(create).truncate(false).mode(OWNER_ONLY).open(path)
    }
}

impl Disk for Directory {
    fn database(&self, builder: &Builder, name: &str) -> Result<Database, DatabaseError> {
        builder.create_with_backend(FileBackend::new(self.open(name, true)?)?)
    }

    fn has(&self, name: &str) -> io::Result<bool> {
        self.0.join(name).try_exists()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.0.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.0.join(from), self.0.join(to))?;
        sync_directory(&self.0)
    }

    fn open_log(&self, name: &str) -> io::Result<Box<dyn LogFile>> {
        Ok(Box::new(self.open(name, false)?))
    }

    fn make_log(&self, name: &str) -> io::Result<Box<dyn LogFile>> {
        let file = self.open(name, true)?;
        sync_directory(&self.0)?;
        Ok(Box::new(file))
    }

    fn database_bytes(&self) -> io::Result<u64> {
        Ok(std::fs::metadata(self.0.join(REDB_FILE))?.len())
    }
}

/// Forces the names in a directory to stable storage.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

impl LogFile for File {
    fn read_all(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.metadata()?.len() as usize];
        self.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn reserve(&self, bytes: u64) -> io::Result<()> {
        match fallocate(self, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => {}
            // The file system cannot; the length is what matters.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                if self.metadata()?.len() < bytes {
                    self.set_len(bytes)?;
                }
            }
            Err(error) => return Err(error.into()),
        }
        self.sync_all()
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}
