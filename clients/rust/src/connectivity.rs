//! What a watch tells of its connection, to the program and to its log.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;

/// The time between two warnings of a watch that cannot connect.
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// Whether a watch is connected.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Connectivity {
    /// The server has sent something.
    Connected,
    /// The connection is lost, or could not be made.
    Waiting {
        /// Why.
        error: Error,
        /// When the watch tries again.
        retry_in: Duration,
    },
}

type Listener = Box<dyn FnMut(Connectivity) + Send>;

/// Follows the connection of one watch.
#[derive(Default)]
pub(crate) struct Follower {
    listener: Option<Listener>,
    connected: bool,
    was_connected: bool,
    failures: u32,
    warned_at: Option<Instant>,
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("connected", &self.connected).finish_non_exhaustive()
    }
}

impl Follower {
    pub(crate) fn listen(&mut self, listener: Listener) {
        self.listener = Some(listener);
    }

    /// Whether there ever was a connection.
    pub(crate) fn was_connected(&self) -> bool {
        self.was_connected
    }

    /// Notes that the server sent something.
    pub(crate) fn heard(&mut self) {
        if self.connected {
            return;
        }
        if self.warned_at.take().is_some() {
            tracing::info!(tries = self.failures, "watch is connected again");
        }
        (self.connected, self.was_connected, self.failures) = (true, true, 0);
        self.tell(Connectivity::Connected);
    }

    /// Notes that the connection failed or could not be made.
    pub(crate) fn failed(&mut self, error: Error, retry_in: Duration) {
        let is_due = self.warned_at.is_none_or(|warned_at| warned_at.elapsed() >= WARN_INTERVAL);
        if self.connected {
            // One that is back at once, as after a restart of the server, is worth no warning.
            tracing::debug!(%error, ?retry_in, "watch lost its connection");
        } else if is_due {
            self.warned_at = Some(Instant::now());
            tracing::warn!(%error, ?retry_in, "watch cannot connect");
        } else {
            tracing::debug!(%error, ?retry_in, "watch cannot connect");
        }
        self.connected = false;
        self.failures = self.failures.saturating_add(1);
        self.tell(Connectivity::Waiting { error, retry_in });
    }

    fn tell(&mut self, connectivity: Connectivity) {
        if let Some(listener) = &mut self.listener {
            listener(connectivity);
        }
    }
}
