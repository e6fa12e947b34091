//! Writes that are made together, and the view of them that the writer has before they are.

use std::collections::BTreeMap;
use std::ops::Bound;

/// Writes in key order; of two writes of one key the last counts.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl Batch {
    /// Sets a key.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: Vec<u8>) {
        let key = key.into();
        self.bytes += key.len() + value.len();
        self.writes.insert(key, Some(value));
    }

    /// Removes a key, if it is there.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) {
        let key = key.into();
        self.bytes += key.len();
        self.writes.insert(key, None);
    }

    /// What the batch does to a key: `None` when it leaves it, `Some(None)` when it removes it.
    pub fn written(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.writes.get(key).map(Option::as_deref)
    }

    /// The writes from `from` (included) to `to` (excluded).
    pub fn range<'a>(&'a self, from: &'a [u8], to: &'a [u8]) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> {
        let bounds = (Bound::Included(from), Bound::Excluded(to));
        self.writes.range::<[u8], _>(bounds).map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// The writes in key order; a value of `None` removes the key.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.writes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Bytes of the keys and values that were handed in.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
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
        assert_eq!(batch.written(b"b"), Some(Some([3].as_slice())));
        assert_eq!(batch.written(b"c"), None);
        assert_eq!(batch.iter().count(), 2);
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
