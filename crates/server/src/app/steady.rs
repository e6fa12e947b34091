//! A file that may be read while it is being written: what it says is believed once it has stayed the
//! same over several looks.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tenterhook_model::{Secret, system};
use tokio::task::spawn_blocking;

use crate::regular;

/// How often a file is looked at. A change must be in force within 5 seconds.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// Looks over which a change must stay the same before it is believed.
pub(super) const STEADY_LOOKS: u32 = 2;

/// The file, and what it said last. It may be a private key, so its text is a secret.
#[derive(Debug)]
pub(super) struct Steady {
    path: PathBuf,
    /// What the file said when it was last believed.
    settled: Secret,
    /// What it says now, and over how many looks it has, until that is settled.
    changed: Option<(Secret, u32)>,
    /// Whether the last look found no file that can be read.
    is_gone: bool,
}

/// What a look found.
#[derive(Debug)]
pub(super) enum Look {
    /// Nothing new.
    Same,
    /// Another text, which is settled now.
    Changed,
    /// The file cannot be read. Said once, until it can be again.
    Gone(io::Error),
}

impl Steady {
    /// The file at `path`, which said `text`.
    pub(super) fn new(path: &Path, text: &str) -> Self {
        Self { path: path.to_owned(), settled: Secret::new(text.to_owned()), changed: None, is_gone: false }
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file said when it was last believed.
    pub(super) fn text(&self) -> &str {
        self.settled.expose()
    }

    /// Whether it has changed and is not believed yet.
    pub(super) fn is_changing(&self) -> bool {
        self.changed.is_some()
    }

    /// Whether the last look could not read it.
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone
    }

    async fn read(&self) -> io::Result<Vec<u8>> {
        let path = self.path.clone();
        spawn_blocking(move || regular::read(&path)).await.map_err(io::Error::other)?
    }

    /// Reads the file. With `at_once` a change is believed without waiting: whoever asks for it has
    /// finished writing.
    pub(super) async fn look(&mut self, at_once: bool) -> Look {
        let text = match self.read().await {
            // Bytes that are no text must not hide the lines around them.
            Ok(bytes) => system::without_mark(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => {
                self.changed = None;
                let is_news = !std::mem::replace(&mut self.is_gone, true);
                return if is_news || at_once { Look::Gone(error) } else { Look::Same };
            }
        };
        let was_gone = std::mem::take(&mut self.is_gone);
        if text == self.settled.expose() {
            self.changed = None;
            // A file that is back is in force again.
            return if was_gone { Look::Changed } else { Look::Same };
        }
        let looks = match &self.changed {
            Some((before, looks)) if before.expose() == text => looks + 1,
            _ => 0,
        };
        if looks < STEADY_LOOKS && !at_once {
            self.changed = Some((Secret::new(text), looks));
            return Look::Same;
        }
        self.changed = None;
        self.settled = Secret::new(text);
        Look::Changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn looks(steady: &mut Steady, count: usize) -> usize {
        let mut changes = 0;
        for _ in 0..count {
            changes += usize::from(matches!(steady.look(false).await, Look::Changed));
        }
        changes
    }

    #[tokio::test]
    async fn a_change_is_believed_when_it_stays_the_same_and_within_five_seconds() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "one").unwrap();
        let mut steady = Steady::new(file.path(), "one");
        std::fs::write(file.path(), "two").unwrap();
        assert_eq!(looks(&mut steady, STEADY_LOOKS as usize).await, 0, "it may still be being written");
        assert_eq!((looks(&mut steady, 9).await, steady.text()), (1, "two"));
        assert!(LOOK * (STEADY_LOOKS + 2) < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_byte_order_mark_is_no_change() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "\u{feff}one").unwrap();
        assert!(matches!(Steady::new(file.path(), "one").look(true).await, Look::Same));
    }

    #[tokio::test]
    async fn whoever_asks_has_finished_writing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut steady = Steady::new(file.path(), "before");
        assert!(matches!(steady.look(true).await, Look::Changed));
        assert_eq!(steady.text(), "");
    }

    #[tokio::test]
    async fn a_file_that_is_gone_is_said_once_and_one_that_is_back_too() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "one").unwrap();
        let mut steady = Steady::new(file.path(), "one");
        std::fs::remove_file(file.path()).unwrap();
        assert!(matches!(steady.look(false).await, Look::Gone(_)) && steady.is_gone());
        assert!(matches!(steady.look(false).await, Look::Same));
        std::fs::write(file.path(), "one").unwrap();
        assert!(matches!(steady.look(false).await, Look::Changed) && !steady.is_gone());
    }
}
