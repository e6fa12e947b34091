//! A clock that is set by hand and a store that goes by it, for the tests of what works in the background.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tenterhook_model::{Clock, Timestamp};

/// A clock that advances by hand.
#[derive(Debug, Default)]
pub(crate) struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

impl Hand {
    pub(crate) fn set(&self, millis: i64) {
        self.0.store(millis, Ordering::Relaxed);
    }
}

/// A store in memory, and its writer at work.
pub(crate) fn memory(clock: Arc<Hand>) -> (Arc<dyn tenterhook_store::Store>, tokio::task::JoinSet<()>) {
    let options = tenterhook_store::StoreOptions {
        clock,
        entropy: Arc::new(tenterhook_model::OsEntropy),
        sealing_key: tenterhook_store::SealingKey::new([1; 32]),
        reads: tenterhook_store::Reads::Inline,
        operational_events: true,
        node: Default::default(),
        observer: None,
    };
    let (store, writer) = tenterhook_store::open("memory:", options).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(writer.run_inline());
    (store, tasks)
}
