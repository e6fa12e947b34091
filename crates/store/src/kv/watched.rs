//! An engine, and how its last reads went: what readiness goes by, and what stops the server from
//! accepting events that it could not deliver.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use super::{Batch, Kv, Pair, Span, View};
use crate::error::StoreError;
use crate::ownership::Ownership;

/// An engine whose results are noted.
#[derive(Debug)]
pub(crate) struct Watched {
    engine: Box<dyn Kv>,
    /// Whether `failure` is set: a look that costs nothing.
    is_failing: AtomicBool,
    /// Why the last read failed; `None` when it did not.
    failure: Mutex<Option<StoreError>>,
    /// The first damage that was met. Only a restart forgets it.
    damage: OnceLock<StoreError>,
}

impl Watched {
    /// Watches an engine.
    pub(crate) fn new(engine: Box<dyn Kv>) -> Self {
        Self { engine, is_failing: AtomicBool::new(false), failure: Mutex::default(), damage: OnceLock::new() }
    }

    /// Notes an error that was met in what the engine returned; damage counts from then on.
    pub(crate) fn note(&self, error: &StoreError) {
        if matches!(error, StoreError::Damaged(_)) && self.damage.set(error.clone()).is_ok() {
            tracing::error!(%error, "the store is damaged: new events are refused, what can be read is still delivered");
        }
    }

    /// Whether nothing that was read is damaged.
    ///
    /// # Errors
    /// The first damage that was met since the start.
    pub(crate) fn is_sound(&self) -> Result<(), StoreError> {
        self.damage.get().map_or(Ok(()), |damage| Err(damage.clone()))
    }

    /// Whether reads succeed and nothing is damaged.
    ///
    /// # Errors
    /// Why the last read failed, or the first damage that was met.
    pub(crate) fn can_read(&self) -> Result<(), StoreError> {
        self.is_sound()?;
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    fn noted<T>(&self, read: Result<T, StoreError>) -> Result<T, StoreError> {
        let failed = match &read {
            Ok(_) if !self.is_failing.load(Ordering::Acquire) => return read,
            Ok(_) => None,
            Err(error @ StoreError::Damaged(_)) => {
                self.note(error);
                return read;
            }
            Err(error) => Some(error.clone()),
        };
        self.is_failing.store(failed.is_some(), Ordering::Release);
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failed;
        read
    }
}

impl Kv for Watched {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.noted(self.engine.get(key))
    }

    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.noted(self.engine.get_many(keys))
    }

    fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError> {
        self.noted(self.engine.range(span))
    }

    fn view(&self) -> Result<Box<dyn View>, StoreError> {
        self.engine.view()
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.engine.commit(batch).inspect_err(|error| self.note(error))
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.engine.compact()
    }

    fn erase(&self, is_wanted: &dyn Fn() -> bool) -> Result<bool, StoreError> {
        self.engine.erase(is_wanted).inspect_err(|error| self.note(error))
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.engine.size()
    }

    fn is_nearly_full(&self) -> bool {
        self.engine.is_nearly_full()
    }

    fn probe(&self) -> Result<(), StoreError> {
        self.engine.probe().inspect_err(|error| self.note(error))
    }

    fn is_remote(&self) -> bool {
        self.engine.is_remote()
    }

    fn may_send(&self) -> bool {
        self.engine.may_send()
    }

    fn certain(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.engine.certain()
    }

    fn ownership(&self) -> watch::Receiver<Ownership> {
        self.engine.ownership()
    }

    fn closing(&self) {
        self.engine.closing();
    }

    fn close(&self) {
        self.engine.close();
    }

    fn verify(&mut self) -> Result<bool, StoreError> {
        self.engine.verify()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::MemoryKv;

    /// An engine whose next reads return these errors, from the last to the first.
    #[derive(Debug, Default)]
    struct Scripted(MemoryKv, Mutex<Vec<StoreError>>);

    impl Kv for Scripted {
        fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
            self.1.lock().unwrap().pop().map_or_else(|| self.0.get(key), Err)
        }

        fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError> {
            self.0.range(span)
        }

        fn view(&self) -> Result<Box<dyn View>, StoreError> {
            self.0.view()
        }

        fn commit(&self, batch: Batch) -> Result<(), StoreError> {
            self.0.commit(batch)
        }

        fn compact(&mut self) -> Result<(), StoreError> {
            Ok(())
        }

        fn size(&self) -> Result<u64, StoreError> {
            self.0.size()
        }
    }

    fn watched(errors: Vec<StoreError>) -> Watched {
        Watched::new(Box::new(Scripted(MemoryKv::default(), Mutex::new(errors))))
    }

    #[test]
    fn a_read_that_failed_counts_until_one_succeeds() {
        let kv = watched(vec![StoreError::Full, StoreError::Failed("EIO".into())]);
        kv.can_read().unwrap();
        kv.get(b"a").unwrap_err();
        assert!(matches!(kv.can_read(), Err(StoreError::Failed(_))));
        kv.get(b"a").unwrap_err();
        assert!(matches!(kv.can_read(), Err(StoreError::Full)));
        kv.is_sound().unwrap();
        kv.range(Span::new(b"a", b"b", 1)).unwrap();
        kv.can_read().unwrap();
    }

    #[test]
    fn damage_counts_for_good() {
        let kv = watched(vec![StoreError::Damaged("a page".into())]);
        kv.get(b"a").unwrap_err();
        kv.get(b"a").unwrap();
        kv.note(&StoreError::Damaged("a record".into()));
        for error in [kv.can_read().unwrap_err(), kv.is_sound().unwrap_err()] {
            assert!(error.to_string().contains("a page"), "{error}");
        }
    }
}
