//! The tasks of a server, by name: one that ends before the server is told to ends the server too,
//! for without it the server would go on and do only half of its work.

use std::collections::HashMap;
use std::fmt;

use tokio::task::{Id, JoinError, JoinSet};

/// How a task ended that should have run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    name: &'static str,
    panicked: bool,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.panicked { "panicked" } else { "ended by itself" };
        write!(f, "{} {how}", self.name)
    }
}

/// Tasks that run as long as the server does.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    set: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    /// Starts a task; `name` says in an error what has ended.
    pub(super) fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.set.spawn(task).id();
        let before = self.names.insert(id, name);
        assert!(before.is_none(), "each task has one name: {name} and {before:?}");
    }

    /// The first task that ends; never, when there is none.
    ///
    /// # Cancel safety
    /// No end is lost: one that was not returned is returned by the next call.
    pub(super) async fn ended(&mut self) -> Ended {
        match self.set.join_next_with_id().await {
            Some(joined) => self.name(joined),
            None => std::future::pending().await,
        }
    }

    /// Waits for all tasks; returns those that panicked.
    pub(super) async fn join(mut self) -> Vec<Ended> {
        let mut panicked = Vec::new();
        while let Some(joined) = self.set.join_next_with_id().await {
            panicked.extend(Some(self.name(joined)).filter(|ended| ended.panicked));
        }
        panicked
    }

    fn name(&mut self, joined: Result<(Id, ()), JoinError>) -> Ended {
        let (id, panicked) = match joined {
            Ok((id, ())) => (id, false),
            Err(error) => (error.id(), error.is_panic()),
        };
        let name = self.names.remove(&id).unwrap_or("a task");
        Ended { name, panicked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_task_that_ends_is_named_and_how_it_ended() {
        let mut tasks = Tasks::default();
        tasks.spawn("the one that waits", std::future::pending());
        tasks.spawn("the sweeper", async {});
        assert_eq!(tasks.ended().await.to_string(), "the sweeper ended by itself");
        tasks.spawn("the reader", async { panic!("a broken invariant") });
        assert_eq!(tasks.ended().await.to_string(), "the reader panicked");
    }

    #[tokio::test]
    async fn a_panic_during_the_drain_is_reported_too() {
        let mut tasks = Tasks::default();
        tasks.spawn("the sweeper", async {});
        tasks.spawn("the reader", async { panic!("a broken invariant") });
        let panicked: Vec<_> = tasks.join().await.iter().map(ToString::to_string).collect();
        assert_eq!(panicked, ["the reader panicked"]);
    }
}
