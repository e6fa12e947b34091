//! Runs the tasks of calls in a tracker that somebody waits for.

use tokio_util::task::TaskTracker;

/// Where the tasks of calls run.
#[derive(Debug, Clone)]
pub(super) struct Calls(TaskTracker);

impl Calls {
    /// Runs them in `tracker`.
    pub(super) fn new(tracker: TaskTracker) -> Self {
        Self(tracker)
    }
}

impl<F> hyper::rt::Executor<F> for Calls
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, call: F) {
        self.0.spawn(call);
    }
}
