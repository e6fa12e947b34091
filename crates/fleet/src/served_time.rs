//! The time of day of the node that serves.

use std::sync::{Mutex, PoisonError};

use tenterhook_model::{Clock, Timestamp};
use tokio::time::Instant;

/// What the node that serves said last, and the time since.
#[derive(Debug)]
pub(crate) struct ServedTime(Mutex<(Timestamp, Instant)>);

impl ServedTime {
    /// It is `time` now.
    pub(crate) fn new(time: Timestamp) -> Self {
        Self(Mutex::new((time, Instant::now())))
    }

    /// It is `time` now.
    pub(crate) fn set(&self, time: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (time, Instant::now());
    }
}

impl Clock for ServedTime {
    fn now(&self) -> Timestamp {
        let (time, at) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        time.after(at.elapsed())
    }
}
