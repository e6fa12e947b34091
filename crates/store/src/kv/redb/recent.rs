//! The commits that the file does not have yet. What is read is these, and the file below.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::sync::Arc;

use bytes::Bytes;

use super::super::place::REDB_FILE;
use super::super::{Batch, Pair, Span};
use super::file::RedbFile;
use crate::error::StoreError;
use crate::keys;

/// A write: `None` removes the key.
type Write = (Bytes, Option<Bytes>);

/// Writes on their way into the file.
#[derive(Debug, Default, Clone)]
pub(super) struct Recent {
    /// The newest.
    pub(super) gathering: Batch,
    /// Those before, while the file takes them.
    pub(super) leaving: Option<Arc<Batch>>,
}

impl Recent {
    /// The value of a key.
    pub(super) fn get(&self, file: &RedbFile, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let written = self.gathering.written(key);
        match written.or_else(|| self.leaving.as_ref().and_then(|leaving| leaving.written(key))) {
            Some(written) => Ok(written.cloned()),
            None => file.get(key),
        }
    }

    /// The pairs of a span, over those of the file, which `below` reads.
    pub(super) fn range(
        &self,
        below: impl Fn(Span<'_>) -> Result<Vec<Pair>, StoreError>,
        span: Span<'_>,
    ) -> Result<Vec<Pair>, StoreError> {
        let mut pairs = Vec::new();
        let (mut from, mut to) = (span.from.to_vec(), span.to.to_vec());
        while pairs.len() < span.limit {
            let limit = span.limit - pairs.len();
            let stored = below(Span { from: &from, to: &to, limit, reverse: span.reverse })?;
            if !is_in_order(&stored, span.reverse) {
                return Err(StoreError::Damaged(format!("{REDB_FILE} has records out of their order")));
            }
            // As far as the pairs of the file go, the writes go too; recent ones may remove some of
            // the pairs, so there may be a next round.
            let edge = if stored.len() < limit { None } else { stored.last().map(|(key, _)| key.clone()) };
            let (first, end) = match &edge {
                None => (from.clone(), to.clone()),
                Some(edge) if span.reverse => (edge.to_vec(), to.clone()),
                Some(edge) => (from.clone(), keys::after(edge)),
            };
            let stored = stored.into_iter().map(|(key, value)| (key, Some(value)));
            let merged = Merge::new(self.writes(&first, &end, span.reverse), stored, span.reverse);
            pairs.extend(merged.filter_map(|(key, value)| Some((key, value?))).take(limit));
            match edge {
                None => break,
                Some(edge) if span.reverse => to = edge.to_vec(),
                Some(edge) => from = keys::after(&edge),
            }
        }
        debug_assert!(pairs.len() <= span.limit, "{} pairs of at most {} were read", pairs.len(), span.limit);
        debug_assert!(is_in_order(&pairs, span.reverse), "the next page begins after the last pair");
        Ok(pairs)
    }

    fn writes<'a>(&'a self, from: &'a [u8], to: &'a [u8], reverse: bool) -> impl Iterator<Item = Write> + 'a {
        let leaving = self.leaving.as_ref().map(|leaving| in_order(leaving, from, to, reverse));
        Merge::new(in_order(&self.gathering, from, to, reverse), leaving.into_iter().flatten(), reverse)
    }
}

/// Whether pairs come in the order of their keys, and each once. Without that, reading page by page
/// may never end.
fn is_in_order(pairs: &[Pair], reverse: bool) -> bool {
    pairs.is_sorted_by(|(before, _), (next, _)| before != next && (before < next) != reverse)
}

fn in_order<'a>(batch: &'a Batch, from: &'a [u8], to: &'a [u8], reverse: bool) -> Box<dyn Iterator<Item = Write> + 'a> {
    let writes = batch.range(from, to).map(|(key, value)| (key.clone(), value.cloned()));
    if reverse { Box::new(writes.rev()) } else { Box::new(writes) }
}

/// The writes of two iterators in the order of their keys. Of two for one key that of the upper
/// counts.
struct Merge<U: Iterator, L: Iterator> {
    upper: Peekable<U>,
    lower: Peekable<L>,
    reverse: bool,
}

impl<U: Iterator<Item = Write>, L: Iterator<Item = Write>> Merge<U, L> {
    fn new(upper: U, lower: L, reverse: bool) -> Self {
        Self { upper: upper.peekable(), lower: lower.peekable(), reverse }
    }
}

impl<U: Iterator<Item = Write>, L: Iterator<Item = Write>> Iterator for Merge<U, L> {
    type Item = Write;

    fn next(&mut self) -> Option<Write> {
        let (Some((upper, _)), Some((lower, _))) = (self.upper.peek(), self.lower.peek()) else {
            return self.upper.next().or_else(|| self.lower.next());
        };
        let order = if self.reverse { lower.cmp(upper) } else { upper.cmp(lower) };
        if order == Ordering::Equal {
            self.lower.next();
        }
        if order == Ordering::Greater { self.lower.next() } else { self.upper.next() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_whose_records_are_out_of_order_is_damaged() {
        let pairs = |keys: [&'static str; 2]| keys.map(|key| (Bytes::from(key), Bytes::new())).to_vec();
        let read = |keys, reverse| {
            let span = Span { from: b"", to: b"z", limit: 9, reverse };
            Recent::default().range(|_| Ok(pairs(keys)), span)
        };
        for (keys, reverse) in [(["b", "a"], false), (["a", "a"], false), (["a", "b"], true)] {
            assert!(matches!(read(keys, reverse), Err(StoreError::Damaged(_))), "{keys:?}");
        }
        assert_eq!(read(["a", "b"], false).unwrap(), pairs(["a", "b"]));
        assert_eq!(read(["b", "a"], true).unwrap(), pairs(["b", "a"]));
    }
}
