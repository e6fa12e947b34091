//! Where a watch goes on when the program starts again.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::{JoinHandle, spawn_blocking};
use tonic::Status;

use crate::error::Error;

/// Keeps the resume token of a watch over a restart of the program.
///
/// A watch loads it before it first connects, and saves it when the program asks for the next change: what was
/// handed out before is handled by then. So a change that was in hand at a crash comes again, and none is lost. Both
/// methods may block; they are called outside of the event loop.
pub trait Checkpoint: Send + Sync {
    /// The token that was saved last; `None` if there was none.
    ///
    /// # Errors
    /// What is in the way. [`Watch::next`](crate::Watch::next) fails with it and tries again at its next call.
    fn load(&self) -> io::Result<Option<String>>;

    /// Keeps the token. It must last when this returns.
    ///
    /// # Errors
    /// What is in the way. [`Watch::next`](crate::Watch::next) fails with it and tries again at its next call.
    fn save(&self, token: &str) -> io::Result<()>;
}

/// A checkpoint in a file, for one watch at a time.
///
/// A save is on the disk when it returns, and leaves the old token or the new one whatever happens meanwhile. It
/// writes beside the file, to its name and `.new`.
#[derive(Debug)]
pub struct FileCheckpoint {
    path: PathBuf,
    saving: Mutex<()>,
}

impl FileCheckpoint {
    /// A checkpoint in the file at `path`, which need not exist; its folder must.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), saving: Mutex::new(()) }
    }
}

impl Checkpoint for FileCheckpoint {
    /// The token in the file. One that is missing is made, so that a place where nothing can be written is found at
    /// the start.
    fn load(&self) -> io::Result<Option<String>> {
        match fs::read(&self.path) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes).trim().to_owned();
                Ok(Some(text).filter(|token| !token.is_empty()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.save("").map(|()| None),
            Err(error) => Err(error),
        }
    }

    fn save(&self, token: &str) -> io::Result<()> {
        let mut fresh = self.path.clone().into_os_string();
        fresh.push(".new");
        // It guards no data that a panic could leave half changed.
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = File::create(&fresh)?;
        file.write_all(token.as_bytes())?;
        file.sync_all()?; // it is on the disk before it takes the place of the one before
        fs::rename(fresh, &self.path)?;
        sync_folder(&self.path)
    }
}

/// Puts the new name on the disk too, where folders can be opened.
fn sync_folder(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The checkpoint of one watch, and what it has.
pub(crate) struct Kept {
    checkpoint: Arc<dyn Checkpoint>,
    /// `None` before it was loaded.
    saved: Option<String>,
    /// It outlives a wait that is given up: nothing stops a thread.
    running: Option<JoinHandle<io::Result<String>>>,
}

impl Kept {
    pub(crate) fn new(checkpoint: Arc<dyn Checkpoint>) -> Self {
        Self { checkpoint, saved: None, running: None }
    }

    /// Saves `token`, at which the watch stands, for the program has handled what it was handed. At first loads it:
    /// the token to begin with instead, if there is one.
    pub(crate) async fn keep(&mut self, token: &str) -> Result<Option<String>, Error> {
        let mut begin = None;
        if self.saved.is_none() && self.running.is_none() {
            let checkpoint = Arc::clone(&self.checkpoint);
            self.running = Some(spawn_blocking(move || Ok(checkpoint.load()?.unwrap_or_default())));
        }
        if self.saved.is_none() {
            let loaded = self.finish("load").await?;
            begin = Some(loaded).filter(|loaded| !loaded.is_empty());
        }
        let token = begin.as_deref().unwrap_or(token);
        while self.saved.as_deref() != Some(token) {
            if self.running.is_none() {
                let (checkpoint, token) = (Arc::clone(&self.checkpoint), token.to_owned());
                self.running = Some(spawn_blocking(move || checkpoint.save(&token).map(|()| token)));
            }
            self.finish("save").await?;
        }
        Ok(begin)
    }

    /// Waits for what runs; the checkpoint then has the token that it gives.
    async fn finish(&mut self, what: &str) -> Result<String, Error> {
        let Some(running) = &mut self.running else { return Ok(self.saved.clone().unwrap_or_default()) };
        let done = running.await;
        self.running = None;
        let token = match done {
            Ok(result) => result.map_err(|error| failure(what, &error))?,
            Err(stopped) if stopped.is_panic() => resume_unwind(stopped.into_panic()),
            Err(_) => return Err(Status::cancelled("the runtime is shutting down").into()),
        };
        self.saved = Some(token.clone());
        Ok(token)
    }
}

fn failure(what: &str, error: &io::Error) -> Error {
    Status::internal(format!("cannot {what} the checkpoint: {error}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tenterhook-checkpoint-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("the folder of temporary files can be written");
        folder
    }

    #[test]
    fn a_file_keeps_the_last_token_and_leaves_nothing_beside_it() {
        let folder = folder("last");
        let place = folder.join("deliveries.token");
        assert_eq!(FileCheckpoint::new(&place).load().unwrap(), None);
        FileCheckpoint::new(&place).save("t1").unwrap();
        FileCheckpoint::new(&place).save("t2").unwrap();
        assert_eq!(FileCheckpoint::new(&place).load().unwrap().as_deref(), Some("t2"));
        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["deliveries.token"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_place_where_nothing_can_be_written_is_found_at_the_start() {
        let folder = folder("missing");
        let error = FileCheckpoint::new(folder.join("missing").join("token")).load().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_is_named_by_its_path_alone_too() {
        assert!(sync_folder(Path::new("deliveries.token")).is_ok());
    }
}
