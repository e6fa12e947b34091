//! The engine of `memory:`: a map behind a lock, for tests, demos and the simulation.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{Batch, Kv, Pair, Span, View};
use crate::error::StoreError;

/// A store in memory. Clones share it, so that one can be opened again as after a crash.
#[derive(Debug, Clone, Default)]
pub struct MemoryKv {
    map: Arc<Mutex<BTreeMap<Bytes, Bytes>>>,
}

impl MemoryKv {
    fn map(&self) -> MutexGuard<'_, BTreeMap<Bytes, Bytes>> {
        // A batch is applied by plain inserts, which cannot stop half way.
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kv for MemoryKv {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.map().get(key).cloned())
    }

    fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError> {
        Ok(range(&self.map(), span))
    }

    fn view(&self) -> Result<Box<dyn View>, StoreError> {
        Ok(Box::new(MemoryView(self.map().clone())))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut map = self.map();
        for (key, value) in batch.iter() {
            match value {
                Some(value) => map.insert(key.clone(), value.clone()),
                None => map.remove(key),
            };
        }
        Ok(())
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn size(&self) -> Result<u64, StoreError> {
        Ok(self.map().iter().map(|(key, value)| (key.len() + value.len()) as u64).sum())
    }
}

/// A copy of the map; keys and values are shared.
#[derive(Debug)]
struct MemoryView(BTreeMap<Bytes, Bytes>);

impl View for MemoryView {
    fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError> {
        Ok(range(&self.0, span))
    }
}

fn range(map: &BTreeMap<Bytes, Bytes>, span: Span<'_>) -> Vec<Pair> {
    if span.from >= span.to {
        return Vec::new();
    }
    let pairs = map.range::<[u8], _>((Bound::Included(span.from), Bound::Excluded(span.to)));
    let own = |(key, value): (&Bytes, &Bytes)| (key.clone(), value.clone());
    if span.reverse {
        pairs.rev().take(span.limit).map(own).collect()
    } else {
        pairs.take(span.limit).map(own).collect()
    }
}
