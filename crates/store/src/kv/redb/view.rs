//! The store as it was at one moment, for a backup: what the file had, and the commits that it lacked.

use super::super::{Pair, Span, View};
use super::recent::Recent;
use super::snapshot::FileView;
use crate::error::StoreError;

/// A store as it was at one moment.
#[derive(Debug)]
pub(super) struct RedbView {
    /// The file.
    pub(super) file: FileView,
    /// The commits that were not in it.
    pub(super) recent: Recent,
}

impl View for RedbView {
    fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError> {
        if span.from >= span.to { Ok(Vec::new()) } else { self.recent.range(|span| self.file.range(span), span) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Batch, Kv};
    use super::super::RedbKv;
    use super::*;

    /// Sets keys to a value, each by a commit of its own.
    fn put(kv: &RedbKv, keys: std::ops::Range<u32>, value: &[u8]) {
        for key in keys {
            let mut batch = Batch::default();
            batch.put(key.to_be_bytes(), value.to_vec());
            kv.commit(batch).unwrap();
        }
    }

    fn all(view: &dyn View) -> Vec<Pair> {
        view.range(Span::new(&[], &[u8::MAX], usize::MAX)).unwrap()
    }

    #[test]
    fn a_view_shows_what_was_committed_before_it_wherever_that_has_gone_since() {
        let directory = tempfile::tempdir().unwrap();
        let kv = RedbKv::open(directory.path()).unwrap();
        // Some is in the file, some on its way there, some in memory alone.
        put(&kv, 0..12, &[1; 500_000]);
        put(&kv, 8..10, b"later");
        let expected = kv.range(Span::new(&[], &[u8::MAX], usize::MAX)).unwrap();
        let view = kv.view().unwrap();
        put(&kv, 0..40, &[2; 300_000]);
        let mut batch = Batch::default();
        batch.delete(3u32.to_be_bytes());
        kv.commit(batch).unwrap();
        kv.move_all().unwrap();
        assert_eq!(all(&*view), expected);
        assert_eq!(view.range(Span::new(&[], &[u8::MAX], 2).reversed()).unwrap()[0], expected[11]);
    }

    #[test]
    fn views_that_are_made_while_commits_go_on_show_a_beginning_of_them() {
        let directory = tempfile::tempdir().unwrap();
        let kv = RedbKv::open(directory.path()).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| put(&kv, 0..400, &[3; 50_000]));
            let mut seen = 0;
            while !writer.is_finished() {
                let view = kv.view().unwrap();
                let keys: Vec<u32> =
                    all(&*view).iter().map(|(key, _)| u32::from_be_bytes(key.as_ref().try_into().unwrap())).collect();
                assert!(keys.len() >= seen, "{} after {seen}", keys.len());
                assert!(keys.iter().copied().eq(0..keys.len() as u32), "{keys:?}");
                seen = keys.len();
            }
        });
        assert_eq!(all(&*kv.view().unwrap()).len(), 400);
    }

    #[test]
    fn a_file_that_is_viewed_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let kv = RedbKv::open(directory.path()).unwrap();
        put(&kv, 0..30, &[1; 500_000]);
        let expected = kv.range(Span::new(&[], &[u8::MAX], usize::MAX)).unwrap();
        let early = kv.view().unwrap();
        assert!(!kv.erase(&|| true).unwrap());
        drop(early);
        let late = std::cell::RefCell::new(None);
        let erased = kv.erase(&|| {
            late.borrow_mut().get_or_insert_with(|| kv.view().unwrap());
            true
        });
        assert!(!erased.unwrap(), "one that comes during the rewrite counts too");
        assert_eq!(all(&**late.borrow().as_ref().unwrap()), expected);
        late.take();
        assert!(kv.erase(&|| true).unwrap());
        assert_eq!(all(&*kv.view().unwrap()), expected);
    }
}
