//! A small file of the system that is read again when it has changed.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// Bytes of a file that are read; a hosts file that blocks a hundred thousand names has 4 MiB.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A file, and what it says.
#[derive(Debug)]
pub(super) struct Watched<T> {
    path: PathBuf,
    stamp: Option<Stamp>,
    content: Arc<T>,
}

/// Tells one version of a file from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    changed: Option<SystemTime>,
    bytes: u64,
    /// A file that was renamed into place is another one.
    inode: u64,
}

impl<T> Watched<T> {
    /// Reads the file; one that cannot be read is empty.
    pub(super) fn open(path: PathBuf, parse: impl Fn(&str) -> T) -> Self {
        // Before the text is read, so that a change in between is seen the next time.
        let stamp = stamp(&path);
        let content = Arc::new(parse(&read(&path)));
        Self { path, stamp, content }
    }

    /// Reads the file if it has changed; returns whether it has.
    pub(super) fn read_if_changed(&mut self, parse: impl Fn(&str) -> T) -> bool {
        if stamp(&self.path) == self.stamp {
            return false;
        }
        tracing::info!(file = %self.path.display(), "reading a changed file");
        *self = Self::open(std::mem::take(&mut self.path), parse);
        true
    }

    /// What the file says.
    pub(super) fn content(&self) -> &Arc<T> {
        &self.content
    }
}

fn stamp(path: &PathBuf) -> Option<Stamp> {
    let data = fs::metadata(path).ok()?;
    Some(Stamp { changed: data.modified().ok(), bytes: data.len(), inode: inode(&data) })
}

#[cfg(unix)]
fn inode(data: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(data)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}

/// The text of the file; bytes that are no text spoil only their line.
fn read(path: &PathBuf) -> String {
    let bytes = match fs::metadata(path) {
        Ok(data) if data.is_file() && data.len() <= FILE_BYTES_MAX => fs::read(path),
        Ok(_) => Err(std::io::Error::other("it is no file of a sensible size")),
        Err(error) => Err(error),
    };
    match bytes {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "name look-ups go without this file");
            String::new()
        }
    }
}
