//! A copy of the store while it is in use, in the form of an export.

use std::fmt;

use bytes::Bytes;

use crate::error::StoreError;
use crate::form::Encoder;
use crate::keys;
use crate::kv::{Span, View};

/// Bytes of one part of a backup, at most.
const PART_BYTES: usize = 256 * 1024;
/// Records that are read at a time.
const CHUNK: usize = 64;

/// A copy of all that was acknowledged before it began, read part by part. While it is held, what is
/// removed from the store keeps its place on the disk.
pub struct Backup {
    /// `None` after the last part, and after an error.
    copy: Option<Copy>,
    /// Whether it is read on tokio's threads for blocking work.
    blocking: bool,
}

/// How far the copy is.
struct Copy {
    view: Box<dyn View>,
    encoder: Encoder,
    /// The next key that is read; `None` after the last.
    from: Option<Vec<u8>>,
}

impl fmt::Debug for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Backup")
    }
}

impl Backup {
    /// A backup of what `view` shows, read on tokio's threads for blocking work or in the task that asks.
    pub(crate) fn begin(view: Box<dyn View>, blocking: bool) -> Self {
        Self { copy: Some(Copy { view, encoder: Encoder::begin(), from: Some(Vec::new()) }), blocking }
    }

    /// The next part; `None` after the last.
    ///
    /// # Errors
    /// When the store cannot be read, or is damaged. The backup has ended then.
    ///
    /// # Cancel safety
    /// A part that was waited for is lost, and the backup with it.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        let Some(copy) = self.copy.take() else { return Ok(None) };
        let (part, copy) = if self.blocking {
            let read = tokio::task::spawn_blocking(|| copy.part()).await;
            read.unwrap_or_else(|_| Err(StoreError::Failed("a read panicked, or the server is stopping".into())))?
        } else {
            copy.part()?
        };
        self.copy = copy;
        Ok(Some(part))
    }
}

impl Copy {
    /// The next part, and the rest if there is more.
    fn part(mut self) -> Result<(Bytes, Option<Self>), StoreError> {
        while self.encoder.len() < PART_BYTES
            && let Some(from) = self.from.take()
        {
            let pairs = self.view.range(Span::new(&from, &[u8::MAX], CHUNK))?;
            for (key, value) in &pairs {
                self.encoder.record(key, value);
            }
            match pairs.last() {
                Some((last, _)) if pairs.len() == CHUNK => self.from = Some(keys::after(last)),
                _ => {
                    self.encoder.end();
                }
            }
        }
        let part = self.encoder.take(PART_BYTES);
        let is_last = self.from.is_none() && self.encoder.len() == 0;
        Ok((part, (!is_last).then_some(self)))
    }
}
