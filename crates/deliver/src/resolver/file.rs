//! A small file of the system that is read again when it has changed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Bytes of a file that are read; a hosts file that blocks a hundred thousand names has 4 MiB.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A file, and what it says.
#[derive(Debug)]
pub(super) struct Watched<T> {
    path: PathBuf,
    /// Of the version that was read.
    stamp: Option<Stamp>,
    content: Arc<T>,
    /// Whether the last look found a file that could not be read.
    is_unreadable: bool,
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
    /// Reads the file; one that cannot be read is empty, and is read once it can be.
    pub(super) fn open(path: PathBuf, parse: impl Fn(&str) -> T) -> Self {
        // Before the text is read, so that a change in between is seen the next time.
        let stamp = stamp(&path);
        let text = read(&path).inspect_err(|error| warn(&path, error));
        let is_unreadable = text.is_err() && stamp.is_some();
        let content = Arc::new(parse(&text.unwrap_or_default()));
        Self { path, stamp: stamp.filter(|_| !is_unreadable), content, is_unreadable }
    }

    /// Reads the file if it has changed; returns whether it has. While the file is there and cannot be read,
    /// as when this process has no descriptor left, what it said before stays.
    pub(super) fn read_if_changed(&mut self, parse: impl Fn(&str) -> T) -> bool {
        let stamp = stamp(&self.path);
        if stamp == self.stamp {
            return false;
        }
        match read(&self.path) {
            Err(error) if stamp.is_some() => {
                if !std::mem::replace(&mut self.is_unreadable, true) {
                    warn(&self.path, &error);
                }
                return false;
            }
            text => self.content = Arc::new(parse(&text.unwrap_or_default())),
        }
        tracing::info!(file = %self.path.display(), "a file has changed and was read");
        (self.stamp, self.is_unreadable) = (stamp, false);
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
fn read(path: &PathBuf) -> io::Result<String> {
    let data = fs::metadata(path)?;
    if !data.is_file() || data.len() > FILE_BYTES_MAX {
        return Err(io::Error::other("it is no file of a sensible size"));
    }
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

fn warn(path: &Path, error: &io::Error) {
    tracing::warn!(file = %path.display(), %error, "name look-ups go without what this file says now");
}
