//! The time of day of the node that serves.

use tenterhook_model::{Clock, Timestamp};
use tokio::time::Instant;

/// What the node that serves said with a job, and the time since. A clock that is set there must be set for the next job at
/// once: breakers and rates compare its attempt with their own time.
#[derive(Debug)]
pub(crate) struct ServedTime {
    time: Timestamp,
    at: Instant,
}

impl ServedTime {
    /// It is `time` now.
    pub(crate) fn new(time: Timestamp) -> Self {
        Self { time, at: Instant::now() }
    }
}

impl Clock for ServedTime {
    fn now(&self) -> Timestamp {
        self.time.after(self.at.elapsed())
    }
}
