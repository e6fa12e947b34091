//! Writes that are made together, and the view of them that the writer has before they are.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;

use bytes::Bytes;

/// Writes in key order; of two writes of one key the last counts.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    writes: BTreeMap<Bytes, Option<Bytes>>,
    bytes: usize,
}

impl Batch {
    /// Sets a key.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: Vec<u8>) {
        self.write(Bytes::from(key.into()), Some(Bytes::from(value)));
    }

    /// Removes a key, if it is there.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) {
        self.write(Bytes::from(key.into()), None);
    }

    fn write(&mut self, key: Bytes, value: Option<Bytes>) {
        let added = size(&value);
        match self.writes.entry(key) {
            Entry::Vacant(entry) => {
                self.bytes += entry.key().len() + added;
                entry.insert(value);
            }
            Entry::Occupied(mut entry) => {
                let removed = size(&entry.insert(value));
                assert!(removed <= self.bytes, "a value of {removed} bytes goes from a batch of {}", self.bytes);
                self.bytes = self.bytes + added - removed;
            }
        }
    }

    /// Makes the writes of `later` too, which count more than those that are here.
    pub(crate) fn absorb(&mut self, later: Self) {
        for (key, value) in later.writes {
            self.write(key, value);
        }
    }

    /// What the batch does to a key: `None` when it leaves it, `Some(None)` when it removes it.
    pub fn written(&self, key: &[u8]) -> Option<Option<&Bytes>> {
        self.writes.get(key).map(Option::as_ref)
    }

    /// The writes from `from` (included) to `to` (excluded).
    pub fn range<'a>(
        &'a self,
        from: &'a [u8],
        to: &'a [u8],
    ) -> impl DoubleEndedIterator<Item = (&'a Bytes, Option<&'a Bytes>)> {
        let bounds = (Bound::Included(from), Bound::Excluded(to));
        self.writes.range::<[u8], _>(bounds).map(|(key, value)| (key, value.as_ref()))
    }

    /// The writes in key order; a value of `None` removes the key.
    pub fn iter(&self) -> impl Iterator<Item = (&Bytes, Option<&Bytes>)> {
        self.writes.iter().map(|(key, value)| (key, value.as_ref()))
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Bytes of the keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

fn size(value: &Option<Bytes>) -> usize {
    value.as_ref().map_or(0, Bytes::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_writes_of_a_key_the_last_counts() {
        let mut batch = Batch::default();
        batch.put(*b"a", vec![1]);
        batch.delete(*b"a");
        batch.put(*b"b", vec![2]);
        batch.put(*b"b", vec![3]);
        assert_eq!(batch.written(b"a"), Some(None));
        assert_eq!(batch.written(b"b"), Some(Some(&Bytes::from_static(&[3]))));
        assert_eq!(batch.written(b"c"), None);
        assert_eq!((batch.iter().count(), batch.bytes()), (2, 3));
    }

    #[test]
    fn what_is_absorbed_counts_more() {
        let (mut earlier, mut later) = (Batch::default(), Batch::default());
        earlier.put(*b"a", vec![1, 1]);
        earlier.put(*b"b", vec![1, 1]);
        later.delete(*b"a");
        later.put(*b"c", vec![2]);
        earlier.absorb(later);
        let writes: Vec<_> = earlier.iter().map(|(key, value)| (key[0], value.map(Bytes::len))).collect();
        assert_eq!(writes, [(b'a', None), (b'b', Some(2)), (b'c', Some(1))]);
        assert_eq!(earlier.bytes(), 6);
    }

    #[test]
    fn a_range_leaves_its_end_out() {
        let mut batch = Batch::default();
        for key in [*b"a", *b"b", *b"c"] {
            batch.put(key, Vec::new());
        }
        let keys: Vec<_> = batch.range(b"a", b"c").map(|(key, _)| key.to_vec()).collect();
        assert_eq!(keys, [b"a".to_vec(), b"b".to_vec()]);
    }
}
