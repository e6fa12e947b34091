//! The file of API keys: read at the start, and again whenever it changes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tenterhook_api::access::{Access, KeyRing};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often the file is looked at. A key that is taken out must be refused within 5 seconds.
const LOOK: Duration = Duration::from_secs(2);

/// Reads the lines of a key file.
///
/// # Errors
/// Every line that is wrong, in one text.
pub(crate) fn parse(text: &str) -> Result<KeyRing, String> {
    KeyRing::parse(text).map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// The file, and what it said last.
#[derive(Debug)]
pub(crate) struct KeyWatch {
    path: PathBuf,
    text: String,
    access: Access,
}

impl KeyWatch {
    /// Watches the file at `path`, which said `text`, for `access`.
    pub(crate) fn new(path: &Path, text: &str, access: Access) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), access }
    }

    /// Watches until `cancel`.
    pub(crate) async fn run(mut self, cancel: CancellationToken) {
        loop {
            // The end comes first.
            tokio::select! { biased;
                () = cancel.cancelled() => return,
                () = sleep(LOOK) => self.look().await,
            }
        }
    }

    /// Takes over what the file says now. A file that is gone or wrong changes nothing: a typing
    /// error must not lock everybody out.
    async fn look(&mut self) {
        let text = match tokio::fs::read_to_string(&self.path).await {
            Ok(text) if text == self.text => return,
            Ok(text) => text,
            Err(error) => {
                tracing::error!(file = %self.path.display(), %error, "the API keys cannot be read; those read last still count");
                return;
            }
        };
        match parse(&text) {
            Ok(ring) => {
                self.access.replace(ring);
                tracing::info!(file = %self.path.display(), "the API keys were read again");
            }
            Err(faults) => {
                tracing::error!(file = %self.path.display(), %faults, "the API keys have faults; those read last still count");
            }
        }
        self.text = text;
    }
}
