//! What readers of the file see: the records after one write.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use redb::{ReadOnlyTable, StorageError};

use super::super::{Pair, Span, caught};
use crate::error::StoreError;

/// The records after a write.
pub(super) type Snapshot = Arc<ReadOnlyTable<&'static [u8], &'static [u8]>>;

/// The pairs of a span of a table.
pub(super) fn pairs(
    table: &ReadOnlyTable<&'static [u8], &'static [u8]>,
    span: Span<'_>,
) -> Result<Vec<Pair>, StorageError> {
    let mut range = table.range(span.from..span.to)?;
    let mut pairs = Vec::new();
    while pairs.len() < span.limit {
        let next = if span.reverse { range.next_back() } else { range.next() };
        let Some(next) = next else { break };
        let (key, value) = next?;
        pairs.push((Bytes::copy_from_slice(key.value()), Bytes::copy_from_slice(value.value())));
    }
    Ok(pairs)
}

/// A redb file as it was at one moment. While there is one, no other file takes its place.
pub(super) struct FileView {
    /// Where the file is.
    pub(super) path: PathBuf,
    /// What it had.
    pub(super) snapshot: Snapshot,
    /// Shared by all views of the file, which counts them.
    pub(super) count: Arc<()>,
}

impl fmt::Debug for FileView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let views = Arc::strong_count(&self.count) - 1;
        write!(f, "FileView({}, {views} views)", self.path.display())
    }
}

impl FileView {
    /// The pairs of a span.
    pub(super) fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError> {
        caught::call(&self.path, || Ok(pairs(&self.snapshot, span)?))
    }
}
